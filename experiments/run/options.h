// The options that commands share: the same names everywhere, on the command line, in
// a --config file (TOML) and in the records that runs write.
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
  // What is trained.
  std::string model = "mlp";
  /// Not set: the model's default; a model refuses the sizes that it does not have.
  std::optional<Index> width, channels;
  std::optional<int> depth;
  std::string activation = "relu";
  /// A problem of the registry; empty: model, data and loss.
  std::string problem;
  std::string data = "digits";
  /// Not set: cross-entropy for classes, else mse.
  std::optional<std::string> loss;
  /// The shape of one example, such as "32x32x3" or "20", of synthetic data and of files; and the
  /// number of classes of synthetic data.
  std::optional<std::string> input;
  std::optional<int> classes;
  /// Of data in files: what is predicted, and how the test part is split off.
  std::optional<std::string> target;
  double test_share = 0.2;
  /// Of the training examples, set aside to judge each epoch; not set: none.
  std::optional<double> validation_share;
  std::optional<std::uint64_t> split_seed;
  std::string dtype = "f32";

  // How.
  std::vector<std::string> methods;
  MethodOptions regularization;
  std::string optimizer = "sgd";
  /// Not set: the optimiser's default (`OptimizerRule::default_lr`).
  std::optional<double> lr;
  double momentum = 0.9, weight_decay = 0;
  bool nesterov = false, coupled_decay = false;
  /// Each step also computes |g|, as a program does that logs it.
  bool log_norm = false;
  std::string schedule = "cosine";
  int warmup = 0;
  double clip = 0;
  int batch = 64;
  /// Empty: the data set's default (`default_augmentation`).
  std::string augment;
  /// 0: the data set's default (`default_epochs`).
  int epochs = 0;
  std::uint64_t seed = 1;
  /// Not set: `seed`.
  std::optional<std::uint64_t> init_seed, data_seed;
  /// A safetensors file with the initial weights.
  std::optional<std::string> init;
  int threads = 0;

  /// The options of the registry's entries, by their names.
  std::map<std::string, std::any> own;

  // Where the results go.
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
  DType number_type() const { return dtype == "f64" ? DType::f64 : DType::f32; }
};

/// Which groups of the shared options a command understands.
struct OptionGroups {
  bool model = true, data = true, method = true, training = true, norm = false, output = true;
};

/// Declares the options of these groups; `options` must outlive the set. Seeds and `threads` are
/// always among them.
void declare(OptionSet& set, RunOptions& options, const OptionGroups& groups = {});

/// Checks what a declaration cannot: combinations, names of passes; fills in defaults that depend
/// on other options. Throws UsageError with one line.
void complete(RunOptions& options, const std::vector<std::string>& default_methods);

/// Epochs after which the default model of each data set has learnt what it will.
int default_epochs(const std::string& data);
/// `warp` for digits, which are few: without it an mlp learns them by heart (docs/decisions.md).
std::string default_augmentation(const std::string& data);

/// The passes for a method: its own, without those of `--without`.
PlanOptions plan_options(const RunOptions& options, const std::string& method);
/// The numbers in a method's equation, with its own options.
MethodOptions method_options(const RunOptions& options, std::string_view method);
/// The optimiser and its constants, with the entry's own options.
OptimizerOptions optimizer_options(const RunOptions& options);
/// The shape, classes and seed of synthetic data.
SyntheticOptions synthetic_options(const RunOptions& options);
/// The learning rate schedule, with the entry's own options.
ScheduleOptions schedule_options(const RunOptions& options);

/// Every option by its command-line name, but for where the output goes.
Json to_json(const RunOptions& options);
/// What `to_json` wrote; options that are not there have their defaults. Throws JsonError for a
/// name that is no option and for a value that the command line would refuse.
RunOptions run_options(const Json& config);

}  // namespace twice::experiments
