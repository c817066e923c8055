// The parts of a profiled training step, the program's steps and the optimiser's update, and their
// sums: every table of a profile is made of these, so all of them add up to the same whole.
#pragma once

#include <string>
#include <vector>

#include "autodiff/profile/peak.h"
#include "experiments/commands/profile/measure.h"
#include "experiments/files/record.h"

namespace twice::experiments {

/// What is profiled: the step, how long its parts took, and the machine's bounds.
struct ProfiledStep {
  const OurStep& step;
  const StepMeasurement& measured;
  const Peak& peak;

  const Program& program() const { return step.plan().program(); }
  const Tape& tape() const { return *step.recorded().tape; }
};

/// The name of the update where steps have that of their op.
inline constexpr const char* optimizer_op = "optimizer";

/// A step of the program or, the last one, the optimiser's update.
struct Part {
  /// Median over the timed runs.
  double ms = 0;
  Cost cost;
  Phase phase = Phase::update;
  std::string layer;
};

/// `layers`: of each node of the tape (layers.h).
std::vector<Part> parts_of(const ProfiledStep& profiled, const std::vector<std::string>& layers);

/// Sums of parts, under the names that all tables share.
class Sums {
 public:
  Sums(const std::vector<Part>& parts, const Peak& peak);

  double whole_ms() const { return whole_ms_; }
  /// Adds ms, share, flop, bytes, products, small_products, and what the bounds say of them:
  /// gflops, gbs, intensity, bound, bound_ms, bound_share.
  void add(Json& row, const std::vector<int>& parts) const;
  /// Adds steps, forward_ms, backward_ms, double_backward_ms, update_ms.
  void add_phases(Json& row, const std::vector<int>& parts) const;

 private:
  const Part& at(int s) const { return parts_[static_cast<std::size_t>(s)]; }
  const std::vector<Part>& parts_;
  const Peak& peak_;
  double whole_ms_ = 0;
};

}  // namespace twice::experiments
