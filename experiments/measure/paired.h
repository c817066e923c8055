// Which of two programs is faster, from processes of both that took turns.
//
// Each repetition starts four fresh processes, two of each program: a process keeps what chance
// gave it (the places of its pages and threads) for as long as it lives, so that two processes of
// one program differ by more than their steps' noise. With y the logarithms of their times, y1 and
// y2 of ours, y3 and y4 of the other one, three contrasts have the same variance:
//
//     d = (y1 + y2 - y3 - y4) / 2      the difference that is asked for
//     c = (y1 + y3 - y2 - y4) / 2      controls: whatever the programs differ by cancels, and what
//     c' = (y1 + y4 - y2 - y3) / 2     is left is how far equal programs differ here and now
//
// A disturbance of one of the four processes changes all three by as much. So a repetition whose
// controls are far larger than usual is left out: its d is no better.
#pragma once

#include <array>
#include <vector>

#include "experiments/measure/statistics.h"

namespace twice::experiments {

struct Contrasts {
  double difference;
  std::array<double, 2> controls;
};

/// Of the times of two processes of ours and two of the other program, all positive.
Contrasts contrasts(const std::array<double, 4>& times);

/// The repetitions but for those in which the larger |control| is more than four times its median.
std::vector<Contrasts> undisturbed(const std::vector<Contrasts>& repetitions);

struct PairedRatio {
  /// Our time over the other program's: exp(mean d), where here and below only repetitions that are
  /// `undisturbed` count.
  double ratio;
  /// exp(mean d +- t s / sqrt(n)) with t the quantile of Student's distribution for `level` and n -
  /// 1 degrees of freedom, and s the larger of the standard deviation of d and the root mean square
  /// of the controls. Unbounded for fewer than two repetitions.
  Interval interval;
  /// The half-width of the interval that the controls alone give, as a share: what equal programs
  /// may seem to differ by in this run.
  double control;
};

/// `level` is the chance that the interval misses the ratio, in (0, 1).
PairedRatio paired_ratio(const std::vector<Contrasts>& repetitions, double level);

/// The root mean square of all controls of the repetitions that are `undisturbed`.
double control_noise(const std::vector<Contrasts>& repetitions);

/// `same`: the whole interval is within a factor of 1 + margin of 1, either way. Else `slower` or
/// `faster` when 1 is outside the interval, and `inconclusive` when it is inside.
enum class Verdict { faster, slower, same, inconclusive };
Verdict verdict_of(const Interval& interval, double margin);

}  // namespace twice::experiments
