# FLOPs of exact divided by those of f-gr, over the batch divided by the width: the table of chapter 9.
set terminal svg size 760,420 font "sans,13" background "white"
$data << EOD
0.031   0.497   0.778   0.880   0.925   1.414
0.062   0.520   0.810   0.917   0.963   1.434
0.125   0.548   0.848   0.958   1.005   1.445
0.250   0.598   0.909   1.023   1.072   1.450
0.500   0.691   1.023   1.144   1.197   1.453
0.750   0.785   1.136   1.264   1.320   1.454
1.000   0.878   1.248   1.383   1.442   1.454
1.250   0.970   1.285   1.400   1.451   1.455
1.500   1.001   1.298   1.406   1.454   1.455
EOD
set xrange [0:1.5]
set yrange [0.4:1.6]
set xlabel "rows of the batch / width, m/n"
set ylabel "FLOPs, exact / f-gr"
set border 3 lc rgb "#555555"
set xtics nomirror out
set ytics nomirror out
set grid ytics lc rgb "#dddddd"
set key right bottom
set arrow 1 from 0,1 to 1.5,1 nohead lc rgb "#555555" lw 1.5 dt 2
plot $data using 1:6 with lines lw 2 dt 3 lc rgb "#888888" title "L = 8, recorded order", \
     $data using 1:5 with linespoints pt 7 ps 0.5 lw 2 lc rgb "#7b3f9d" title "L = 8", \
     $data using 1:4 with linespoints pt 7 ps 0.5 lw 2 lc rgb "#c4631b" title "L = 4", \
     $data using 1:3 with linespoints pt 7 ps 0.5 lw 2 lc rgb "#2f6fae" title "L = 2", \
     $data using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb "#2e8b57" title "L = 1"
