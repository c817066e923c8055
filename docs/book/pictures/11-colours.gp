# Chapter 11: the columns of a 9 x 9 tridiagonal Jacobian in three colours, and the three columns that the
# coloured probes give.
set terminal svg size 700,330 font "sans,13" background "white"
set xrange [0:15]
set yrange [10:-1.6]
set size ratio -1
unset border
unset tics
unset key
colour(j) = word("#5b9bd5 #e8a838 #8cc07a", int(j) % 3 + 1)
do for [i = 0:8] {
  do for [j = 0:8] {
    if (abs(i - j) < 2) { set object rectangle from j, i to j + 1, i + 1 fc rgb colour(j) fs solid border lc rgb "#555555" }
    else { set object rectangle from j, i to j + 1, i + 1 fs empty border lc rgb "#dddddd" }
  }
  do for [c = -1:1] {
    if (i + c >= 0 && i + c <= 8) {
      set object rectangle from 11.5 + (i + c) % 3, i to 12.5 + (i + c) % 3, i + 1 fc rgb colour(i + c) fs solid border lc rgb "#555555"
      set label sprintf("%d", i + c) at 12 + (i + c) % 3, i + 0.5 center font "sans,10"
    }
  }
  set label sprintf("%d", i) at i + 0.5, -0.5 center font "sans,10" tc rgb colour(i)
}
set label "J" at 4.5, -1.3 center
set label "J times three probes" at 13, -1.3 center
set label "→" at 10.2, 4.5 center font "sans,22"
plot NaN
