# The arena of chapter 7: the table of lives that the program prints. Time across, address up.
set terminal svg size 820,470 font "sans,13" background "white" noenhanced
set xrange [0:12]
set yrange [0:29800]
set xlabel "step"
set ylabel "address in the arena, bytes"
set xtics 1 out nomirror
set ytics ("0" 0, "8192" 8192, "16384" 16384, "24576" 24576, "28480" 28480) out nomirror
set grid xtics lc rgb "#dddddd"
set border 3 lc rgb "#555555"
forward = "#dbe9f6"
backward = "#fde3c8"
set style rectangle fs solid 1.0 border lc rgb "#555555"
set object 1 rect from 0,0 to 9,8192 fc rgb forward
set label 1 "%5  matmul, z" at 4.5,4096 center
set object 2 rect from 1,8192 to 9,16384 fc rgb forward
set label 2 "%6  tanh, a" at 5,12288 center
set object 3 rect from 2,16384 to 7,18944 fc rgb forward
set label 3 "%7  matmul, logits" at 4.5,17664 center
set object 4 rect from 3,18944 to 5,19200 fc rgb forward
set label 4 "%8  cross_entropy, 256 bytes" at 3,20000 left
set object 5 rect from 5,28416 to 12,28480 fc rgb forward
set label 5 "%9, %11  the loss, 4 bytes" at 4,29250 left
set object 12 rect from 4,28416 to 5,28480 fc rgb forward
set object 6 rect from 6,24576 to 9,27136 fc rgb backward
set label 6 "%12  softmax_error" at 7.5,25856 center
set object 7 rect from 7,16384 to 10,24576 fc rgb backward
set label 7 "%13  cotangent of a" at 8.5,20480 center
set object 8 rect from 8,27136 to 12,28416 fc rgb backward
set label 8 "%14  gradient V_2" at 10,27776 center
set object 9 rect from 9,0 to 11,8192 fc rgb backward
set label 9 "%15\nin place of %5" at 10,4896 center
set object 10 rect from 10,8192 to 12,16384 fc rgb backward
set label 10 "%16\ngradient V_1" at 11,12988 center
plot NaN notitle
