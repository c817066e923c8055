// Learning-rate schedules. Schedules are pure functions of the step, so a resumed run has no state
// to restore.
#pragma once

#include <any>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace twice {

/// With t = step - warmup_steps and T = total_steps - warmup_steps, the learning rate is
///   warm-up (step < warmup_steps): lr (step + 1) / warmup_steps,
///   `constant`:                    lr,
///   `step`:                        lr factor^k, where k milestones m have t >= m T,
///   `cosine`:                      final_lr + (lr - final_lr) (1 + cos(pi t / T)) / 2.
struct ScheduleOptions {
  std::string name = "cosine";
  /// The largest learning rate, reached at the end of the warm-up; >= 0.
  double lr = 0.1;
  std::int64_t warmup_steps = 0;
  /// For `step`: the factor by which the learning rate is multiplied, in (0, 1], and the times, as
  /// ascending fractions in [0, 1] of the run after the warm-up.
  double factor = 0.1;
  std::vector<double> milestones = {0.5, 0.75};
  /// For `cosine`: the learning rate at the end, in [0, lr].
  double final_lr = 0;
  /// The options of an added schedule.
  std::any own = {};
};

/// A schedule: its name, and the learning rate as a function of the step.
struct Schedule {
  std::string name;
  /// The learning rate t steps after the warm-up, in a run with T steps after the warm-up.
  std::function<double(const ScheduleOptions& options, double t, double T)> rate;
};

/// All schedules.
const std::deque<Schedule>& schedules();
/// Adds a schedule. Throws if the name is taken.
void add_schedule(Schedule schedule);

/// Throws for an unknown name, and for a value that is out of range.
void check(const ScheduleOptions& options);

/// The learning rate of steps 0, 1, ..., total_steps - 1. From total_steps on, it is the final
/// value of the schedule. If the warm-up is longer than the run, the run ends during the warm-up.
double learning_rate(const ScheduleOptions& options, std::int64_t step, std::int64_t total_steps);

}  // namespace twice
