// Our side of a race: one training step of a model and method on one batch of random numbers,
// recorded and planned as `train` records and plans it.
#pragma once

#include <functional>

#include "autodiff/profile/clock.h"
#include "autodiff/profile/ledger.h"
#include "experiments/run/recording.h"
#include "optim/optimizers.h"

namespace twice::experiments {

/// What a model is fed: the shape of one image, and how many classes there are.
struct Examples {
  Shape image;
  int classes;
};
/// 28 x 28 x 1 for an mlp, else 32 x 32 x 3; 10 classes.
Examples usual_examples(const RunOptions& options);

/// The options' model with one batch of random numbers of that shape; nothing is loaded.
Problem random_problem(const RunOptions& options, const Examples& examples);
inline Problem random_problem(const RunOptions& options) {
  return random_problem(options, usual_examples(options));
}

class OurStep {
 public:
  OurStep(const Problem& problem, const Method& method);
  OurStep(const OurStep&) = delete;
  OurStep& operator=(const OurStep&) = delete;

  /// One step: G, then the optimiser's update.
  void run();
  /// The same, with clock readings between the program's steps and after the update: two more than
  /// the program has steps.
  void run_timed(std::span<ClockReading> readings);
  /// G at the parameters as they are, in memory of its own; nothing moves.
  std::vector<Array> gradient();

  const Method& method() const { return method_; }
  const Plan& plan() const { return plan_; }
  const RecordedStep& recorded() const { return recorded_; }
  const Optimizer& optimizer() const { return optimizer_; }
  const ModelState& state() const { return state_; }

 private:
  const Method& method_;
  ModelState state_;
  RecordedStep recorded_;
  Plan plan_;
  Optimizer optimizer_;
  std::vector<Array> gradient_;
  Array images_, labels_;
};

/// Milliseconds of each step in `seconds`, at least one. First this side is quiet for `settle`
/// seconds, so that the other side's threads stop waiting actively for more work, and then takes
/// untimed steps for `lead` seconds, until caches are filled and threads awake.
struct BlockTiming {
  double seconds, settle, lead;
};
std::vector<double> timed_block(const std::function<void()>& step, const BlockTiming& timing);

}  // namespace twice::experiments
