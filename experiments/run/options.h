// The options that commands share: the same names everywhere, on the command line, in
// a --config file (TOML) and in the records that runs write.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "autodiff/plan/graph.h"
#include "experiments/files/json.h"
#include "nn/nn.h"
#include "optim/gradient_regularization.h"
#include "optim/optimizers.h"
#include "optim/schedules.h"

namespace CLI {
class App;
}

namespace twice::experiments {

/// A mistake in how a command was called: exit status 2.
struct UsageError : Error {
  using Error::Error;
};

struct RunOptions {
  // What is trained.
  std::string model = "mlp";
  /// Not set: the model's default; a model refuses the sizes that it does not have.
  std::optional<Index> width, channels;
  std::optional<int> depth;
  std::string activation = "relu";
  std::string data = "digits";
  std::string dtype = "f32";

  // How.
  std::vector<std::string> methods;
  MethodOptions regularization;
  std::string optimizer = "sgd";
  double lr = 0.05, momentum = 0.9, weight_decay = 0;
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
  int threads = 0;

  // Where the results go.
  std::string out, json;
  std::vector<std::string> without;

  DType number_type() const { return dtype == "f64" ? DType::f64 : DType::f32; }
};

/// Which groups of the shared options a command understands.
struct OptionGroups {
  bool model = true, data = true, method = true, training = true, output = true;
};

/// Declares the options on a command. `options` must outlive the parse.
void add_options(CLI::App& app, RunOptions& options, const OptionGroups& groups = {});

/// Makes the whole numbers of the declared options decimal: CLI11 takes 064 for 52 and 0x10 for 16.
/// To be called before the parse, once all options are declared.
void read_decimals(CLI::App& app);

/// Options as words of the command line, by name ("--width" and "256").
using OptionWords = std::map<std::string, std::string>;

/// When the command line is read, puts the options that it gives into `given`.
void keep_given(CLI::App& app, OptionWords& given);

/// Checks what CLI11 cannot: known methods, combinations; fills in defaults that depend on
/// other options. Throws UsageError with one line.
void complete(RunOptions& options, const std::vector<std::string>& default_methods);

/// Epochs after which the default model of each data set has learnt what it will.
int default_epochs(const std::string& data);
/// `warp` for digits, which are few: without it an mlp learns them by heart (docs/decisions.md).
std::string default_augmentation(const std::string& data);

PlanOptions plan_options(const RunOptions& options, const std::string& method);
OptimizerOptions optimizer_options(const RunOptions& options);
ScheduleOptions schedule_options(const RunOptions& options);

/// Every option by its command-line name, but for where the output goes.
Json to_json(const RunOptions& options);
/// What `to_json` wrote; options that are not there have their defaults. Throws JsonError when a
/// value is of another type.
RunOptions run_options(const Json& config);
/// The options from words such as "--width=256". Throws CLI::ParseError.
RunOptions parse_options(std::vector<std::string> words);
/// Throws JsonError when a stored option is none, or its value is outside the limits of the command
/// line.
void check_stored(const Json& config);

}  // namespace twice::experiments
