# The two orders of a a' d for a batch of 16 rows and a width of 64, drawn to scale.
set terminal svg size 780,330 font "sans,14" background "white" noenhanced
set xrange [0:26]
set yrange [0:11]
unset border
unset tics
set style rectangle fs solid 1.0 border lc rgb "#555555"
in = "#dbe9f6"
out = "#fde3c8"
# recorded: a (a' d)
set label 1 "recorded: a (a' d)" at 0.3,10.4
set object 1 rect from 0.3,5.3 to 1.3,9.3 fc rgb in
set label 2 "a'" at 0.8,7.3 center
set object 2 rect from 1.8,6.8 to 5.8,7.8 fc rgb in
set label 3 "d" at 3.8,7.3 center
set label 4 "=" at 6.3,7.3 center
set object 3 rect from 6.8,5.3 to 10.8,9.3 fc rgb out
set label 5 "V, 64 x 64" at 8.8,7.3 center
set object 4 rect from 0.3,2.2 to 4.3,3.2 fc rgb in
set label 6 "a" at 2.3,2.7 center
set object 5 rect from 4.8,0.7 to 8.8,4.7 fc rgb out
set label 7 "V" at 6.8,2.7 center
set label 8 "=" at 9.3,2.7 center
set object 6 rect from 9.8,2.2 to 13.8,3.2 fc rgb "#e3d5f0"
set label 9 "a V" at 11.8,2.7 center
# planned: (a a') d
set label 11 "planned: (a a') d" at 15.3,10.4
set object 11 rect from 15.3,6.8 to 19.3,7.8 fc rgb in
set label 12 "a" at 17.3,7.3 center
set object 12 rect from 19.8,5.3 to 20.8,9.3 fc rgb in
set label 13 "a'" at 20.3,7.3 center
set label 14 "=" at 21.3,7.3 center
set object 13 rect from 21.8,6.8 to 22.8,7.8 fc rgb out
set label 15 "16 x 16" at 23.0,7.3 left
set object 14 rect from 15.3,2.2 to 16.3,3.2 fc rgb out
set object 15 rect from 16.8,2.2 to 20.8,3.2 fc rgb in
set label 17 "d" at 18.8,2.7 center
set label 18 "=" at 21.3,2.7 center
set object 16 rect from 21.8,2.2 to 25.8,3.2 fc rgb "#e3d5f0"
set label 19 "a V" at 23.8,2.7 center
plot NaN notitle
