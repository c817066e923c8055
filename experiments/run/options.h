// The options that commands share. They have the same names on the command line, in a --config file
// (TOML) and in records.
#pragma once

#include <any>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "autodiff/plan/graph.h"
#include "experiments/app/option_set.h"
#include "experiments/data/dataset.h"
#include "optim/gradient_regularization.h"
#include "optim/optimizers.h"
#include "optim/schedules.h"

namespace twice::experiments {

/// The options that the commands share. docs/records.md describes them.
struct RunOptions {
  // The problem.
  std::string model = "mlp";
  /// Not set: the model's default. A model refuses a size that it does not have.
  std::optional<Index> width, channels;
  std::optional<int> depth;
  std::string activation = "relu";
  /// A problem of the registry. Empty: the problem is given by model, data and loss.
  std::string problem;
  std::string data = "digits";
  /// Not set: cross-entropy for classes, else mse.
  std::optional<std::string> loss;
  /// `input` is the shape of one example, such as "32x32x3" or "20", for synthetic data and files.
  /// `classes` is the number of classes of synthetic data.
  std::optional<std::string> input;
  std::optional<int> classes;
  /// For data in files: the column or array to predict, and the share of the test part.
  std::optional<std::string> target;
  double test_share = 0.2;
  /// The share of the training examples that is set aside to evaluate each epoch. Not set: none.
  std::optional<double> validation_share;
  std::optional<std::uint64_t> split_seed;
  std::string dtype = "f32";

  // The method and the training.
  std::vector<std::string> methods;
  MethodOptions regularization;
  std::string optimizer = "sgd";
  /// Not set: the optimiser's default (`OptimizerRule::default_lr`).
  std::optional<double> lr;
  double momentum = 0.9, weight_decay = 0;
  bool nesterov = false, coupled_decay = false;
  /// Whether each step also computes |g|, as in a program that logs it.
  bool log_norm = false;
  std::string schedule = "cosine";
  int warmup = 0;
  double clip = 0;
  int batch = 64;
  /// Empty: the data set's default.
  std::string augment;
  /// 0: the data set's default.
  int epochs = 0;
  std::uint64_t seed = 1;
  /// Not set: `seed`.
  std::optional<std::uint64_t> init_seed, data_seed;
  /// A safetensors file with the initial weights.
  std::optional<std::string> init;
  int threads = 0;

  /// The registry entries' own options, by the entries' names.
  std::map<std::string, std::any> own;

  /// The options that the command line and its file give.
  OptionWords given;

  // The output.
  std::string out, json;
  std::vector<std::string> without;

  std::uint64_t seed_of_weights() const { return init_seed.value_or(seed); }
  std::uint64_t seed_of_data() const { return data_seed.value_or(seed); }
  std::uint64_t seed_of_split() const { return split_seed.value_or(seed); }
  /// The options of the entry of that name; empty if it has none.
  const std::any& own_of(const std::string& entry) const {
    static const std::any none;
    const auto found = own.find(entry);
    return found == own.end() ? none : found->second;
  }
  /// The same as the entry's struct `Own`.
  template <class Own>
  const Own& own_options(const std::string& entry) const {
    return std::any_cast<const Own&>(own_of(entry));
  }
  DType number_type() const { return dtype == "f64" ? DType::f64 : DType::f32; }
};

/// The groups of shared options that a command has.
struct OptionGroups {
  bool model = true, data = true, method = true, training = true, norm = false, output = true;
};

/// The options that make the built-in models, and the batch.
inline const std::vector<std::string> options_of_models = {"model",    "width",      "depth",
                                                           "channels", "activation", "batch"};

/// Declares the options of these groups, and always the seeds and `threads`. `options` must outlive
/// the set.
void declare(OptionSet& set, RunOptions& options, const OptionGroups& groups = {});

/// Checks combinations of options and the names of passes, and fills in defaults that depend on
/// other options. Throws UsageError with a one-line message.
void complete(RunOptions& options, const std::vector<std::string>& default_methods);

/// The reason why a run with these options does not read the option, such as "with --method sgd";
/// "" if it may read it. `config` is an output of `to_json`.
std::string unread(const Json& config, const std::string& option);
/// Whether a run with these options may read the option.
inline bool uses(const Json& config, const std::string& option) {
  return unread(config, option).empty();
}
/// Prints a line for each option that was given and that a run with these options does not read.
void warn_of_unread(const RunOptions& options);

/// The passes for a method: its own, without those of `--without`.
PlanOptions plan_options(const RunOptions& options, const std::string& method);
/// The numbers in a method's equation, and the method's own options.
MethodOptions method_options(const RunOptions& options, std::string_view method);
/// The optimiser and its constants, with the entry's own options.
OptimizerOptions optimizer_options(const RunOptions& options);
/// The learning rate schedule, with the entry's own options.
ScheduleOptions schedule_options(const RunOptions& options);

/// Every option except those for output, by its command-line name.
Json to_json(const RunOptions& options);
/// The same without the own options of entries that the run does not use.
Json used_options(const RunOptions& options);
/// Reads the output of `to_json`. Missing options get their defaults. Throws JsonError if a name is
/// not an option, or if the command line would refuse a value.
RunOptions run_options(const Json& config);

}  // namespace twice::experiments
