// The profiled program: the times of its parts, its record, and the tables that sum up the parts.
#pragma once

#include "autodiff/profile/clock.h"
#include "experiments/files/record.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

// Names for parts of a step that belong to no layer of the model.
inline constexpr const char *input_layer = "(input)", *loss_layer = "(loss)",
                            *whole_model_layer = "(whole model)", *optimizer_layer = "(optimizer)";
// A plan need not be a training step, so parts outside all scopes are not called the loss.
inline constexpr const char *no_scope = "(no scope)", *several_scopes = "(several scopes)";

/// The name of a layer for each node of a tape that holds a training step:
/// 1. An op of the forward pass belongs to the scope that recorded it. An op outside all scopes
///    belongs to the input if it reads nothing but the input, and otherwise to the loss.
/// 2. A parameter or buffer belongs to the first scope that reads it.
/// 3. A derivative belongs to the layer of the forward op that it was derived from.
/// 4. Arithmetic on gradients and parameters belongs to their layer. If they are of several layers,
///    as in the gradient's norm, it belongs to the whole model.
std::vector<std::string> layers_of(const Tape& tape);

/// The timed object: a plan, or a training step, which is a program followed by the optimiser's
/// update.
struct TimedProgram {
  TimedProgram(OurStep& s) : TimedProgram(s, s.plan(), *s.recorded().tape, &s) {}
  TimedProgram(Plan& plan, const Tape& recorded) : TimedProgram(plan, plan, recorded, nullptr) {}

  const Program& program;
  const Tape& tape;
  std::function<void()> run;
  /// Needs one more reading than there are parts.
  std::function<void(std::span<ClockReading>)> run_timed;
  /// Null for a plan.
  const OurStep* step;
  /// The number of steps of the program, plus 1 for the update.
  std::size_t parts() const { return program.steps.size() + (step ? 1 : 0); }

 private:
  TimedProgram(auto& runs, const Plan& plan, const Tape& recorded, const OurStep* s)
      : program(plan.program()),
        tape(recorded),
        run([&runs] { runs.run(); }),
        run_timed([&runs](std::span<ClockReading> readings) { runs.run_timed(readings); }),
        step(s) {}
};

/// Repeated runs of a program, alternately with and without clock readings between its parts.
struct StepMeasurement {
  /// The times of the program's steps, followed by the optimiser's update if there is one.
  StepTimes times;
  /// Wall time of each run with readings and of each run without, in milliseconds.
  std::vector<double> timed, untimed;
  /// The processor's counters for one run of either kind. Empty if they are not available.
  std::map<std::string, double> counts = {};
};

/// Measures for about `seconds`, in rounds of one run of each kind (see `timed_in_turns`).
StepMeasurement measure_steps(const TimedProgram& timed, double seconds,
                              const TimingProgress& progress);

/// `steps`, `ops`, `phases`, `layers`, `origins`, `memory` and `attribution` of the record
/// (docs/records.md). All tables sum the same parts, so their totals agree. `predicted` has a
/// prediction for each part.
Json step_record(const TimedProgram& timed, const StepMeasurement& measured,
                 const std::vector<Prediction>& predicted);

}  // namespace twice::experiments
