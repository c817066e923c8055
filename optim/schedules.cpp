#include "optim/schedules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autodiff/array/error.h"

namespace twice {

namespace {

using Options = ScheduleOptions;

std::deque<Schedule>& all_schedules() {
  static std::deque<Schedule> list = {
      {"constant", [](const Options& o, double, double) { return o.lr; }},
      {"step",
       [](const Options& o, double t, double T) {
         const auto passed = std::ranges::count_if(
             o.milestones, [&](double milestone) { return t >= milestone * T; });
         return o.lr * std::pow(o.factor, static_cast<double>(passed));
       }},
      {"cosine",
       [](const Options& o, double t, double T) {
         const double done = std::min(t / T, 1.0);
         return o.final_lr + (o.lr - o.final_lr) * (1 + std::cos(std::numbers::pi * done)) / 2;
       }},
  };
  return list;
}

}  // namespace

const std::deque<Schedule>& schedules() { return all_schedules(); }

void add_schedule(Schedule schedule) {
  check_new("schedule", schedules(), schedule.name);
  if (!schedule.rate) fail("schedule", "{} has no `rate`", schedule.name);
  all_schedules().push_back(std::move(schedule));
}

void check(const ScheduleOptions& o) {
  row_named("schedule", schedules(), o.name);
  demand("schedule", o.lr >= 0, "lr", o.lr, "finite and >= 0");
  demand("schedule", o.warmup_steps >= 0, "warmup_steps", static_cast<double>(o.warmup_steps),
         ">= 0");
  demand("schedule", o.factor > 0 && o.factor <= 1, "factor", o.factor, "in (0, 1]");
  demand("schedule", o.final_lr >= 0 && o.final_lr <= o.lr, "final_lr", o.final_lr, "in [0, lr]");
  double previous = 0;
  for (double milestone : o.milestones) {
    demand("schedule", milestone >= previous && milestone <= 1, "milestones", milestone,
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
  const std::int64_t after_warmup = std::max<std::int64_t>(total_steps - o.warmup_steps, 1);
  const double rate =
      row_named("schedule", schedules(), o.name)
          .rate(o, static_cast<double>(step - o.warmup_steps), static_cast<double>(after_warmup));
  demand("schedule", rate >= 0, fmt::format("the rate of {} at step {}", o.name, step), rate,
         "finite and >= 0");
  return rate;
}

}  // namespace twice
