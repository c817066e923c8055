// Decides which of two programs is faster, from processes of both that take turns.
//
// Each repetition starts four fresh processes, two of each program. A process keeps the same
// placement of pages and threads for its lifetime, so two processes of one program differ by more
// than the noise of their steps. Let y1 and y2 be the logarithms of our two times, and y3 and y4
// those of the other program's times. Three contrasts have the same variance:
//
//     d = (y1 + y2 - y3 - y4) / 2      the difference between the programs
//     c = (y1 + y3 - y2 - y4) / 2      controls: the difference between the programs cancels, and
//     c' = (y1 + y4 - y2 - y3) / 2     the difference between equal programs is left
//
// A disturbance of one process changes all three contrasts by the same amount. A repetition with
// far larger controls than usual is therefore left out, because d is disturbed by the same amount.
#pragma once

#include <array>
#include <vector>

#include "experiments/measure/statistics.h"

namespace twice::experiments {

struct Contrasts {
  double difference;
  std::array<double, 2> controls;
};

/// The contrasts of the times of two processes of ours and two of the other program. All times are
/// positive.
Contrasts contrasts(const std::array<double, 4>& times);

/// The repetitions without those whose larger |control| is more than four times its median.
std::vector<Contrasts> undisturbed(const std::vector<Contrasts>& repetitions);

struct PairedRatio {
  /// Our time over the other program's: exp(mean d). Here and below, only `undisturbed` repetitions
  /// count.
  double ratio;
  /// exp(mean d +- t s / sqrt(n)). Here t is the quantile of Student's distribution with n - 1
  /// degrees of freedom for `level`, and s is the larger of the standard deviation of d and the
  /// root mean square of the controls. Unbounded for fewer than two repetitions.
  Interval interval;
  /// The relative half-width of the interval from the controls alone: the difference that equal
  /// programs may seem to have in this run.
  double control;
};

/// `level` is the probability that the interval misses the ratio, in (0, 1).
PairedRatio paired_ratio(const std::vector<Contrasts>& repetitions, double level);

/// The root mean square of all controls of the `undisturbed` repetitions.
double control_noise(const std::vector<Contrasts>& repetitions);

/// `same`: the whole interval lies between 1 / (1 + margin) and 1 + margin. Otherwise `slower` or
/// `faster` if 1 is outside the interval, and `inconclusive` if 1 is inside.
enum class Verdict { faster, slower, same, inconclusive };
Verdict verdict_of(const Interval& interval, double margin);

}  // namespace twice::experiments
