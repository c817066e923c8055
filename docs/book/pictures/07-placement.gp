# Two ways to place the values A, B and C of chapter 7, in cache lines of 64 bytes.
set terminal svg size 760,300 font "sans,13" background "white"
set multiplot layout 1,2
set xrange [0:4]
set yrange [0:5.4]
set xlabel "step"
set ylabel "cache line"
set xtics 1 out nomirror
set ytics 1 out nomirror
set grid ytics lc rgb "#dddddd"
set border 3 lc rgb "#555555"
set style rectangle fs solid 1.0 border lc rgb "#555555"
set title "best fit: 5 lines"
set object 1 rect from 0,0 to 2,1 fc rgb "#dbe9f6"
set label 1 "A" at 1,0.5 center
set object 2 rect from 1,1 to 3,3 fc rgb "#fde3c8"
set label 2 "B" at 2,2 center
set object 3 rect from 2,3 to 4,5 fc rgb "#e3d5f0"
set label 3 "C" at 3,4 center
plot NaN notitle
set title "largest first: 4 lines"
set object 1 rect from 0,2 to 2,3 fc rgb "#dbe9f6"
set label 1 "A" at 1,2.5 center
set object 2 rect from 1,0 to 3,2 fc rgb "#fde3c8"
set label 2 "B" at 2,1 center
set object 3 rect from 2,2 to 4,4 fc rgb "#e3d5f0"
set label 3 "C" at 3,3 center
plot NaN notitle
unset multiplot
