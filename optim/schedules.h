// Learning-rate schedules: pure functions of the step, so that a resumed run has nothing to
// restore.
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
///   `step`:                        lr factor^k, k the number of milestones m with t >= m T,
///   `cosine`:                      final_lr + (lr - final_lr) (1 + cos(pi t / T)) / 2.
struct ScheduleOptions {
  std::string name = "cosine";
  /// The largest learning rate: reached when the warm-up ends; >= 0.
  double lr = 0.1;
  std::int64_t warmup_steps = 0;
  /// For `step`: what the learning rate is multiplied with, in (0, 1], and when: ascending parts of
  /// the run after the warm-up, in [0, 1].
  double factor = 0.1;
  std::vector<double> milestones = {0.5, 0.75};
  /// For `cosine`: where it ends; in [0, lr].
  double final_lr = 0;
  /// The options of a schedule of your own.
  std::any own = {};
};

struct Schedule {
  std::string name;
  /// The learning rate t steps after the warm-up of a run that has T of them.
  std::function<double(const ScheduleOptions& options, double t, double T)> rate;
};

const std::deque<Schedule>& schedules();
/// Adds a schedule of your own. Throws when the name is taken.
void add_schedule(Schedule schedule);

/// Throws for an unknown name or a value out of range, naming it.
void check(const ScheduleOptions& options);

/// The learning rate of step 0, 1, ..., total_steps - 1. Steps at and after total_steps get the
/// value that the schedule ends with. A warm-up longer than the run is cut short by its end.
double learning_rate(const ScheduleOptions& options, std::int64_t step, std::int64_t total_steps);

}  // namespace twice
