// The learning rate as a function of the step.
#include "optim/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autodiff/array/error.h"

namespace twice {

void check(const ScheduleOptions& o) {
  if (o.name != "constant" && o.name != "step" && o.name != "cosine")
    fail("schedule", "there is no schedule '{}'; the schedules are constant, step, cosine", o.name);
  const auto demand = [](bool holds, const char* option, double value, const char* expected) {
    if (!holds || !std::isfinite(value))
      fail("schedule", "{} must be {}, was {}", option, expected, value);
  };
  demand(o.lr >= 0, "lr", o.lr, "finite and >= 0");
  demand(o.warmup_steps >= 0, "warmup_steps", static_cast<double>(o.warmup_steps), ">= 0");
  demand(o.factor > 0 && o.factor <= 1, "factor", o.factor, "in (0, 1]");
  demand(o.final_lr >= 0 && o.final_lr <= o.lr, "final_lr", o.final_lr, "in [0, lr]");
  double previous = 0;
  for (double milestone : o.milestones) {
    demand(milestone >= previous && milestone <= 1, "milestones", milestone,
           "ascending parts of the run in [0, 1]");
    previous = milestone;
  }
}

double learning_rate(const ScheduleOptions& o, std::int64_t step, std::int64_t total_steps) {
  check(o);
  if (step < 0 || total_steps < 0)
    fail("schedule", "step and total_steps must be >= 0, were {} and {}", step, total_steps);
  if (step < o.warmup_steps)
    return o.lr * static_cast<double>(step + 1) / static_cast<double>(o.warmup_steps);
  if (o.name == "constant") return o.lr;

  const auto t = static_cast<double>(step - o.warmup_steps);
  const auto T = static_cast<double>(std::max<std::int64_t>(total_steps - o.warmup_steps, 1));
  if (o.name == "step") {
    const auto passed = std::count_if(o.milestones.begin(), o.milestones.end(),
                                      [&](double milestone) { return t >= milestone * T; });
    return o.lr * std::pow(o.factor, static_cast<double>(passed));
  }
  const double done = std::min(t / T, 1.0);
  return o.final_lr + (o.lr - o.final_lr) * (1 + std::cos(std::numbers::pi * done)) / 2;
}

}  // namespace twice
