# Chapter 11: the schedule of 16 layers in 4 segments. Time runs in runs of one layer, forward or backward.
set terminal svg size 820,380 font "sans,13" background "white"
set xrange [0:46]
set yrange [-0.5:17]
set xlabel "layers computed so far"
set ylabel "layer"
set ytics 4
set xtics 4
set border 3 lc rgb "#555555"
set tics nomirror
set key outside top center horizontal
$forward << EOD
0 0
12 12

12 12
16 16

20 8
24 12

28 4
32 8

36 0
40 4
EOD
$backward << EOD
16 16
20 12

24 12
28 8

32 8
36 4

40 4
44 0
EOD
$kept << EOD
4 4
32 4

8 8
24 8

12 12
16 12

0 0
40 0
EOD
plot $kept w l lw 2 dt 2 lc rgb "#1f5f99" title "checkpoint in memory", \
     $forward w lp lw 3 pt 7 ps 0.5 lc rgb "#5b9bd5" title "forward", \
     $backward w lp lw 3 pt 7 ps 0.5 lc rgb "#e08a1e" title "backward"
