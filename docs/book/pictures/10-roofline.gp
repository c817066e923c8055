# Chapter 10: the roofline of a machine with 100 GFLOP/s, 10 GB/s from memory and 60 GB/s from a cache.
# The intensities are those that docs/book/10-kernels.cpp prints, and of its products one by one.
set terminal svg size 820,430 font "sans,13" background "white"
set logscale xy
set xrange [0.05:500]
set yrange [0.4:300]
set format x "%g"
set format y "%g"
set xlabel "arithmetic intensity in FLOP per byte"
set ylabel "bound on the speed in GFLOP/s"
set border 3 lc rgb "#555555"
set tics nomirror
set grid lc rgb "#e4e4e4"
set key off
set samples 2000
set label "bytes from memory: 10 GB/s" at 0.8,14.5 rotate by 34 tc rgb "#1f5f99"
set label "bytes from a cache: 60 GB/s" at 0.1,11 rotate by 34 tc rgb "#777777"
set label "peak: 100 GFLOP/s" at 12,130 tc rgb "#1f5f99"
set arrow from 10,0.4 to 10,29 nohead dt 3 lc rgb "#555555"
set arrow from 10,46 to 10,100 nohead dt 3 lc rgb "#555555"
set label "ridge" at 10.8,0.55 tc rgb "#555555"
min(a, b) = a < b ? a : b
$ops << EOD
0.08 "add, mul" 1
0.12 "tanh" 1
0.35 "fused" 1
4.56 "product with 10 columns" 1
42.67 "product with 512 columns" 1
EOD
plot min(100, 60 * x) w l lw 2 dt 2 lc rgb "#999999", \
     min(100, 10 * x) w l lw 3 lc rgb "#1f5f99", \
     $ops u 1:(min(100, 10 * $1)) w p pt 7 ps 1.1 lc rgb "#c05a00", \
     $ops u ($1 * 1.15):(min(100, 10 * $1) * 0.8):2 w labels left font "sans,12" tc rgb "#c05a00"
