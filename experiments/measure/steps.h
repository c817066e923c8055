// Measures training steps. They are recorded and planned as in `train`, counted, timed, and run in
// a separate process to measure their memory.
#pragma once

#include <array>
#include <climits>
#include <functional>
#include <span>

#include "autodiff/profile/clock.h"
#include "autodiff/profile/ledger.h"
#include "autodiff/profile/predict.h"
#include "experiments/run/recording.h"
#include "optim/optimizers.h"

namespace twice::experiments {

// ---- Steps ----

// A Dataset without examples gives the names, shapes and number types of the arrays of one example.

/// The shapes that --input and --classes give. Without these options, 28 x 28 x 1 for an mlp, 32 x
/// 32 x 3 for the other models, and 10 classes.
Dataset usual_examples(const RunOptions& options);
Dataset image_examples(const Shape& image, int classes);
/// The names, shapes and number types of examples, for another process of this program.
Json shapes_of(const Dataset& examples);
Dataset without_examples(const Json& shapes);

/// The model of the options with one batch of random numbers, of the names, shapes and number types
/// of these examples. No data is loaded. A problem of the registry generates its own examples,
/// which are one batch.
Problem random_problem(const RunOptions& options, const Dataset& like);
inline Problem random_problem(const RunOptions& options) {
  return random_problem(options, usual_examples(options));
}

/// One training step of a model and method on the problem's examples, which are one batch. If the
/// method has several programs, the step runs the program `program`.
class OurStep {
 public:
  OurStep(const Problem& problem, const Method& method, int program = 0);
  OurStep(const OurStep&) = delete;
  OurStep& operator=(const OurStep&) = delete;

  /// Runs one step: computes G, then updates the parameters with the optimiser.
  void run();
  /// The same with clock readings between the program's steps and after the update. The number of
  /// readings is that of the program's steps plus two.
  void run_timed(std::span<ClockReading> readings);
  /// Returns G at the current parameters in new memory. The parameters do not change.
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
};

/// The share of the steps 0, 1, 2, ... that each program of the method takes. The shares are those
/// of the first period of `Method::program`, or of 1000 steps if the period is longer.
std::vector<double> program_shares(const Problem& problem, const Method& method);

/// ", program 1 of 0 to 3 (25 % of the steps)" after a method's name; empty for a single program.
std::string program_words(int programs, int program, double share);

/// Predicts the time of each part of the step, with the update last (profile/predict.h).
std::vector<Prediction> predict(const OurStep& step, const Peak& peak);

// ---- Time ----

double seconds_since(ClockReading start);
/// CPU time of the calling thread, in seconds. Time in which other work uses the core does not
/// count.
double thread_seconds();

/// A function that receives the seconds since its last call.
using TimingProgress = std::function<void(double)>;

inline constexpr int least_rounds = 5, most_rounds = 400;

/// The rounds of a measurement. In each round, everything that is compared takes its turn, so that
/// a drift of the machine's speed affects all alike. There are at least `least` rounds. Another
/// round starts only if it would end within `seconds`, assuming that it takes as long as the
/// longest so far. A stop (run/stop.h) ends the rounds.
///
///     for (Rounds rounds(seconds, progress); rounds.next();) ...
class Rounds {
 public:
  Rounds(double seconds, TimingProgress progress, int least = least_rounds, int most = INT_MAX);
  /// Whether there is another round. It is called before each round.
  bool next();
  /// Reports the time that has passed to `progress`. `next` does so too.
  void report();

 private:
  double seconds_, reported_ = 0, began_ = 0, longest_ = 0;
  TimingProgress progress_;
  int least_, most_, begun_ = 0;
  ClockReading start_ = ClockReading::clock::now();
};

/// Times each function of `work` once per round, for at most `most_rounds` rounds. Returns the
/// milliseconds of each call.
std::vector<std::vector<double>> timed_in_turns(const std::vector<std::function<void()>>& work,
                                                double seconds, const TimingProgress& progress);

/// How a block of steps is timed. First the process pauses for `settle` seconds, because threads
/// spin for about a millisecond after their last work before they sleep. Then it takes untimed
/// steps for `lead` seconds, until caches are filled and threads are awake. Then it takes timed
/// steps for `seconds`.
struct BlockTiming {
  double seconds = 0, settle = 0.003, lead = 0.008;

  /// The timing for a process whose last step took `last_ms`. Long steps need no lead, because the
  /// cost of a cold cache is too small to matter.
  BlockTiming after(double last_ms) const { return {seconds, settle, last_ms > 30 ? 0 : lead}; }

  static void json_fields(auto& self, const auto& visit) {
    visit("seconds", self.seconds);
    visit("settle", self.settle);
    visit("lead", self.lead);
  }
};
/// Returns the milliseconds of each timed step. There is at least one.
std::vector<double> timed_block(const std::function<void()>& step, const BlockTiming& timing);

// ---- Cost ----

/// The median, the minimum, and the distance between the quartiles.
struct Spread {
  double median = 0, least = 0, iqr = 0;
};
Spread spread_of(std::vector<double> samples);

/// The counts of a step, as in `Cost`. A mean over steps may be fractional.
struct StepCounts {
  double flops = 0, bytes = 0, products = 0, small_products = 0;
  void add(double share, const Cost& cost);
};

/// The cost of a step. For a method with several programs, a mean over its steps.
struct StepCost {
  std::string method;
  /// Milliseconds of a step, round by round: the program and the optimiser's update.
  std::vector<double> samples = {};
  StepCounts total = {};
  std::array<StepCounts, phase_count> phases = {};
  /// The memory of the largest program.
  double peak_mib = 0, arena_mib = 0;

  Spread ms() const { return spread_of(samples); }
};

/// The bytes of an update: it reads w and G, writes w, and reads and writes the optimiser's state,
/// which exists after the first update.
double bytes_of_update(const Optimizer& optimizer, std::span<const Array> parameters);

/// Counts the cost from the plans of the programs, and takes the times from `samples`, if there are
/// any. `shares` holds the share of the steps of each program.
StepCost mean_cost(std::string_view method, const std::vector<double>& shares,
                   std::span<const Plan* const> plans,
                   std::span<const std::vector<double>> samples = {});

/// The cost of the method's steps without times, from plans that never run.
StepCost planned_cost(const Problem& problem, const Method& method);

/// The training steps of a method: one for each of its programs.
class MethodSteps {
 public:
  MethodSteps(const Problem& problem, const Method& method);

  const Method& method() const { return steps_.front()->method(); }
  /// The step with the first program.
  OurStep& first() const { return *steps_.front(); }
  const std::vector<std::unique_ptr<OurStep>>& steps() const { return steps_; }
  /// As the function `timed_block`. For a method with several programs, each has a part of the
  /// block, and the only result is the mean of their medians, weighted by `program_shares`.
  std::vector<double> timed_block(const BlockTiming& timing,
                                  const std::function<void()>& after_step = {}) const;
  /// The predicted seconds of a step, a mean over the programs. Throws Stopped at a stop.
  double predicted_seconds(const Peak& peak) const;
  /// The cost of a step, with the times of each program if there are any.
  StepCost cost(std::span<const std::vector<double>> samples = {}) const;

 private:
  std::vector<std::unique_ptr<OurStep>> steps_;
  std::vector<double> shares_;
};

/// Times steps of all methods and of all their programs in turns.
std::vector<StepCost> step_costs(const Problem& problem, const std::vector<const Method*>& methods,
                                 double seconds, const TimingProgress& progress);

/// The fields that rows of `compare` and of `bench` share (docs/records.md).
Json cost_fields(const Problem& problem, const StepCost& cost);
/// The fields for counts: `products`, `small_products`, `gflop`, `peak_mib`.
Json count_fields(const StepCost& cost);
/// A mean of counts, as a whole number if it is one.
Json count_json(double mean);

// ---- Memory ----

/// The MiB by which `work` raises the high-water mark of this process's resident memory. Pages of
/// files, such as the code of libraries, do not count. The process should be fresh: memory that was
/// freed before and is used again does not count.
double memory_rise(const std::function<void()>& work);

/// The MiB of this process's resident memory that belong to no file. The system counts page by
/// page. This is slower and more exact than the high-water mark, whose counters are kept in
/// batches.
double anonymous_mib();

/// Measures the memory of `row`, which is a method or a row of `profile`, in a fresh process of
/// this program for each of its programs: `twice COMMAND --measure-memory REQUEST`. The request has
/// the `options` and the `examples` (`shapes_of`) of the problem, `row` and `program`. Returns the
/// numbers that the process prints on one line. Of several programs, each number is the largest.
/// Throws if the measurement fails. Empty if a stop was requested.
std::vector<double> memory_in_fresh_processes(const std::string& command, const Problem& problem,
                                              std::string_view row, int programs);

/// The MiB that two steps of a method take, with their updates, on a batch like the problem's
/// examples: their `memory_rise`. It is measured in a fresh process of this program that has made
/// its data and computed one small product. Parameters, gradients and the plan's copy of the batch
/// count.
double step_memory(const Problem& problem, std::string_view name);

/// Does the measurement in that process.
double step_memory_here(const std::string& request);

}  // namespace twice::experiments
