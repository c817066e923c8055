// The profiled program: the times of its parts, its record and the tables that sum them up.
#pragma once

#include "autodiff/profile/clock.h"
#include "experiments/files/record.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

// Parts of a step that belong to no layer of the model.
inline constexpr const char *input_layer = "(input)", *loss_layer = "(loss)",
                            *whole_model_layer = "(whole model)", *optimizer_layer = "(optimizer)";
// In a plan that is no training step, what is outside of scopes is not called the loss.
inline constexpr const char *no_scope = "(no scope)", *several_scopes = "(several scopes)";

/// A layer's name for each node of a tape that holds a training step:
/// 1. An op of the forward pass belongs to the scope that it was recorded in. Outside of any it is
///    the input's where it reads nothing else, and else the loss's.
/// 2. A parameter or buffer belongs to the first scope that reads it.
/// 3. A derivative belongs to the layer of the forward op that it was derived from.
/// 4. Arithmetic on gradients and parameters belongs to their layer, and to the whole model where
///    they are of several, as in the gradient's norm.
std::vector<std::string> layers_of(const Tape& tape);

/// What is timed: a plan or, with the optimiser's update after its program, a training step.
struct TimedProgram {
  TimedProgram(OurStep& s);
  TimedProgram(Plan& plan, const Tape& recorded);

  const Program& program;
  const Tape& tape;
  std::function<void()> run;
  /// Needs a reading more than there are parts.
  std::function<void(std::span<ClockReading>)> run_timed;
  /// Null of a plan.
  const OurStep* step = nullptr;
  /// Steps of the program, and the update.
  std::size_t parts() const { return program.steps.size() + (step ? 1 : 0); }
};

/// A program run again and again, in turn with clock readings between its parts and without.
struct StepMeasurement {
  /// The program's steps, then the optimiser's update, if there is one.
  StepTimes times;
  /// Wall time of each run with readings and of each run without, in milliseconds.
  std::vector<double> timed, untimed;
  /// Of the processor's counters, for one run of either kind; empty where it has none for us.
  std::map<std::string, double> counts = {};
};

/// For about `seconds`, in rounds as of `timed_in_turns`: one run of each kind.
StepMeasurement measure_steps(const TimedProgram& timed, double seconds,
                              const TimingProgress& progress);

/// `steps`, `ops`, `phases`, `layers`, `origins`, `memory` and `attribution` of the record
/// (docs/records.md). All tables are sums of the same parts, so they add up to the same whole.
/// `predicted` has a prediction for each part.
Json step_record(const TimedProgram& timed, const StepMeasurement& measured,
                 const std::vector<Prediction>& predicted);

}  // namespace twice::experiments
