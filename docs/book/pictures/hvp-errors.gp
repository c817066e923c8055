# Chapter 5: the errors of H v by finite differences, as 05-hvp.cpp prints them.
set terminal svg size 760,440 font "sans,13" background "white"
set logscale xy
set format y "10^{%T}"
set xrange [0.3:3e-10]
set border 3
set yrange [1e-11:10]
set xlabel "step eps"
set ylabel "relative error of H v"
set key outside right top Right spacing 1.3 reverse Left
set grid xtics ytics lc rgb "#dddddd"
set xtics nomirror ("10^{-1}" 1e-1, "10^{-3}" 1e-3, "10^{-5}" 1e-5, "10^{-7}" 1e-7, "10^{-9}" 1e-9)
set ytics nomirror 100
unset mxtics
unset mytics
$f64 << E
1e-01 1e-02 1e-04
1e-02 1e-03 1e-06
1e-03 1e-04 1e-08
1e-04 1e-05 1e-10
1e-05 1e-06 1e-10
1e-06 1e-07 1e-09
1e-07 1e-08 1e-08
1e-08 1e-07 1e-07
1e-09 1e-06 1e-06
E
$f32 << E
1e-01 1e-02 1e-04
1e-02 1e-03 1e-04
1e-03 1e-03 1e-03
1e-04 1e-02 1e-02
1e-05 1e-01 1e-01
1e-06 1e+00 1e+00
E
set label 1 "order eps" at 1e-4,3e-5 tc rgb "#555555" rotate by -29
set label 2 "order eps^2" at 3e-3,4.5e-7 tc rgb "#555555" rotate by -47
set label 3 "order u / eps" at 3e-8,2.5e-9 tc rgb "#555555" rotate by 29
plot $f64 using 1:2 with linespoints lw 2 pt 7 ps 0.7 lc rgb "#1f5fa8" title "f64, forward", \
     $f64 using 1:3 with linespoints lw 2 pt 7 ps 0.7 lc rgb "#d9731a" title "f64, central", \
     $f32 using 1:2 with linespoints lw 2 dt 2 pt 5 ps 0.7 lc rgb "#1f5fa8" title "f32, forward", \
     $f32 using 1:3 with linespoints lw 2 dt 2 pt 5 ps 0.7 lc rgb "#d9731a" title "f32, central"
