// Computes contrasts, intervals and verdicts.
#include "experiments/measure/paired.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace twice::experiments {

Contrasts contrasts(const std::array<double, 4>& times) {
  const double a = std::log(times[0]), b = std::log(times[1]), c = std::log(times[2]),
               d = std::log(times[3]);
  return {(a + b - c - d) / 2, {(a + c - b - d) / 2, (a + d - b - c) / 2}};
}

std::vector<Contrasts> undisturbed(const std::vector<Contrasts>& repetitions) {
  constexpr double far = 4;
  const auto size = [](const Contrasts& one) {
    return std::max(std::abs(one.controls[0]), std::abs(one.controls[1]));
  };
  std::vector<double> sizes;
  for (const Contrasts& one : repetitions) sizes.push_back(size(one));
  const double most = far * median(sizes);
  std::vector<Contrasts> result;
  for (const Contrasts& one : repetitions)
    if (size(one) <= most) result.push_back(one);
  return result;
}

double control_noise(const std::vector<Contrasts>& repetitions) {
  double squares = 0;
  const std::vector<Contrasts> kept = undisturbed(repetitions);
  for (const Contrasts& one : kept)
    for (const double control : one.controls) squares += control * control;
  return std::sqrt(squares / (2 * static_cast<double>(kept.size())));
}

PairedRatio paired_ratio(const std::vector<Contrasts>& repetitions, double level) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> d;
  for (const Contrasts& one : undisturbed(repetitions)) d.push_back(one.difference);
  const double center = mean(d), n = static_cast<double>(d.size());
  if (d.size() < 2) return {std::exp(center), {0, infinity}, infinity};
  const double t = t_quantile(1 - level / 2, n - 1) / std::sqrt(n),
               noise = control_noise(repetitions),
               half = t * std::max(standard_deviation(d), noise);
  return {std::exp(center),
          {std::exp(center - half), std::exp(center + half)},
          std::exp(t * noise) - 1};
}

Verdict verdict_of(const Interval& interval, double margin) {
  if (interval.low >= 1 / (1 + margin) && interval.high <= 1 + margin) return Verdict::same;
  if (interval.low > 1) return Verdict::slower;
  if (interval.high < 1) return Verdict::faster;
  return Verdict::inconclusive;
}

}  // namespace twice::experiments
