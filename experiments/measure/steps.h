// Training steps that are measured: recorded and planned as `train` does it, counted, timed, and
// run in a process of their own to see the memory that they take.
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

/// Examples of which only the names, shapes and number types are known.
struct ExampleShapes {
  /// Of one example: for each array its name, shape and number type.
  struct One {
    std::string name;
    Shape shape;
    DType dtype;
  };
  std::vector<One> arrays;
  int classes = 0;
};
/// As --input and --classes say; else 28 x 28 x 1 for an mlp, 32 x 32 x 3 for the others, and 10
/// classes.
ExampleShapes usual_examples(const RunOptions& options);
ExampleShapes image_examples(const Shape& image, int classes);
ExampleShapes shapes_of(const Dataset& examples);
Json to_json(const ExampleShapes& shapes);
ExampleShapes example_shapes(const Json& json);

/// The options' model with one batch of random numbers of these shapes; nothing is loaded. A
/// problem of the registry makes its examples itself, and has one batch of them.
Problem random_problem(const RunOptions& options, const ExampleShapes& shapes);
inline Problem random_problem(const RunOptions& options) {
  return random_problem(options, usual_examples(options));
}

/// One training step of a model and method on the problem's examples, which are one batch; of a
/// method with several programs, a step that takes this one.
class OurStep {
 public:
  OurStep(const Problem& problem, const Method& method, int program = 0);
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
};

/// What each part of the step should take, the update last: profile/predict.h.
std::vector<Prediction> predict(const OurStep& step, const Peak& peak);

// ---- Time ----

double seconds_since(ClockReading start);

/// Hears the seconds since its last call.
using TimingProgress = std::function<void(double)>;

inline constexpr int least_rounds = 5, most_rounds = 400;

/// Rounds of a measurement, in which everything that is compared takes its turn, so that a drift of
/// the machine's speed meets all alike. There are at least `least` of them, and more as long as one
/// like the longest so far would end within `seconds`. A stop (run/stop.h) ends them.
///
///     for (Rounds rounds(seconds, progress); rounds.next();) ...
class Rounds {
 public:
  Rounds(double seconds, TimingProgress progress, int least = least_rounds, int most = INT_MAX);
  /// Whether there is another round; called before each.
  bool next();
  /// Tells `progress` the time that has passed; `next` does so, too.
  void report();

 private:
  double seconds_, reported_ = 0, began_ = 0, longest_ = 0;
  TimingProgress progress_;
  int least_, most_, begun_ = 0;
  ClockReading start_ = ClockReading::clock::now();
};

/// Milliseconds of each call of each of `work`, one a round: at most `most_rounds`.
std::vector<std::vector<double>> timed_in_turns(const std::vector<std::function<void()>>& work,
                                                double seconds, const TimingProgress& progress);

/// How a block of steps is timed. First this side is quiet for `settle` seconds: a side that stops
/// working spins for about a millisecond before its threads sleep. Then it takes untimed steps for
/// `lead` seconds, until caches are filled and threads awake, and timed ones for `seconds`.
struct BlockTiming {
  double seconds = 0, settle = 0.003, lead = 0.008;

  /// For a side whose last step took so long: long steps need no lead, because the cost of a cold
  /// cache is too small to be seen.
  BlockTiming after(double last_ms) const { return {seconds, settle, last_ms > 30 ? 0 : lead}; }

  static void json_fields(auto& self, const auto& visit) {
    visit("seconds", self.seconds);
    visit("settle", self.settle);
    visit("lead", self.lead);
  }
};
/// Milliseconds of each timed step, of which there is at least one.
std::vector<double> timed_block(const std::function<void()>& step, const BlockTiming& timing);

// ---- Cost ----

/// Median, least, and the distance between the quartiles.
struct Spread {
  double median = 0, least = 0, iqr = 0;
};
Spread spread_of(std::vector<double> samples);

/// Counts of a step, as `Cost` has them. A mean over steps need not be whole.
struct StepCounts {
  double flops = 0, bytes = 0, products = 0, small_products = 0;
  void add(double share, const Cost& cost);
};

/// What a step costs; of a method with several programs, a mean over its steps.
struct StepCost {
  std::string method;
  /// Milliseconds of a step, round by round: the program and the optimiser's update.
  std::vector<double> samples = {};
  StepCounts total = {};
  std::array<StepCounts, phase_count> phases = {};
  /// Of the largest program.
  double peak_mib = 0, arena_mib = 0;

  Spread ms() const { return spread_of(samples); }
};

/// The share of the steps 0, 1, 2, ... that each program of the method takes: over the first period
/// of `Method::program`, or 1000 steps where that has no period up to 1000.
std::vector<double> program_shares(const Problem& problem, const Method& method);

/// Counted from the plans of the programs, which take `shares` of the steps, and with the times of
/// each.
StepCost mean_cost(std::string_view method, const std::vector<double>& shares,
                   std::span<const Plan* const> plans,
                   std::span<const std::vector<double>> samples);
/// Of one program.
StepCost step_cost(const Method& method, const Plan& plan, const std::vector<double>& ms);

/// Times steps of all methods, and of all their programs, in turn.
std::vector<StepCost> step_costs(const Problem& problem, const std::vector<const Method*>& methods,
                                 double seconds, const TimingProgress& progress);

/// The fields that rows of `compare` and of `bench` share (docs/records.md).
Json cost_fields(const Problem& problem, const StepCost& cost);
/// Those that counts share: `products`, `small_products`, `gflop`, `peak_mib`.
Json count_fields(const StepCost& cost);
/// A mean of counts: a whole number where it is one.
Json count_json(double mean);

// ---- Memory ----

/// MiB by which `work` raises the high-water mark of this process's resident memory, without pages
/// of files (libraries' code). Meant for a fresh process: memory that was freed before would be
/// used again, unseen.
double memory_rise(const std::function<void()>& work);

/// MiB of this process's memory that are of no file and resident, page by page: slower to ask for
/// and more exact than the high-water mark, whose counters are kept in batches.
double anonymous_mib();

/// Numbers that this program, started anew with these arguments, prints on one line. Throws when
/// that fails; empty when a stop was requested meanwhile. `measured` is named in the message.
std::vector<double> numbers_of_fresh_process(std::vector<std::string> arguments,
                                             std::string_view measured);

/// MiB that two steps of a method on a batch like the problem's images take, update included,
/// beyond a fresh process of this program with its batch of data made and one small product
/// computed: their `memory_rise`. Parameters, batch and gradients count. Throws when that fails.
double step_memory(const Problem& problem, std::string_view method);

/// The measurement itself, in that process: `request` is made by `step_memory`.
double step_memory_here(const std::string& request);

}  // namespace twice::experiments
