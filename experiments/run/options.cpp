// Declares the shared options, completes them, and converts them to and from JSON.
#include "experiments/run/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "autodiff/threads/threads.h"
#include "experiments/app/terminal.h"
#include "experiments/data/batches.h"
#include "experiments/files/json.h"
#include "experiments/files/words.h"
#include "experiments/run/registry.h"
#include "nn/activations.h"

namespace twice::experiments {

namespace {

// A larger value is surely a mistake.
constexpr int most_units = 1 << 16;

/// An activation may include a number ("elu:0.5"), so nn/ checks the name.
std::string activation_complaint(const std::string& text) {
  try {
    activation_named(text);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// Whether the word is the name of a file, not of a data set.
bool names_a_file(const std::string& data) {
  return data.find_first_of("./") != std::string::npos || data.ends_with("-ubyte");
}

std::string shape_complaint(const std::string& text) {
  if (!parsed_shape(text).empty()) return {};
  return fmt::format("must be sizes such as 32x32x3 or 20, was '{}'", text);
}

void declare_model(OptionSet& set, RunOptions& o) {
  set.group("Model", true);
  set.add("model", &o.model, "Model", one_of(names_of(registry().models())));
  set.add("width", &o.width, "Units of a hidden layer (mlp: 512)", whole(1, most_units));
  set.add("depth", &o.depth, "Layers (mlp: 4; resnet: 8, 14, 20, ...)", whole(1, 1000));
  set.add("channels", &o.channels, "Channels of the first stage (cnn, resnet: 8)", whole(1, 4096));
  set.add("activation", &o.activation, "Activation function", {activation_complaint});
  set.add("dtype", &o.dtype, "Numbers: float32 or float64", one_of({"f32", "f64"}));
}

void declare_data(OptionSet& set, RunOptions& o) {
  set.group("Data", true);
  // `bench` passes "random" to its own processes. This data cannot be used for training.
  const std::string random = "random";
  Accepted names = one_of(names_of(registry().data()));
  names.complaint = [=, refuse = names.complaint](const std::string& text) {
    return text == random || names_a_file(text) ? std::string() : refuse(text);
  };
  set.add("data", &o.data,
          "Data set, or a file: .csv, .tsv, .npz, .npy, .safetensors, idx, CIFAR's .bin",
          std::move(names));
  set.add("target", &o.target, "Column or array of the file to predict");
  set.add("test-share", &o.test_share, "Share of a file's examples for the test",
          number_from(0.001, 0.999));
  set.add("validation-share", &o.validation_share,
          "Share of the training examples set aside to evaluate each epoch (default: none)",
          number_from(0, 0.9));
  set.add("input", &o.input, "Shape of one example, such as 32x32x3 (synthetic data, files)",
          {shape_complaint});
  set.add("classes", &o.classes, "Classes of synthetic data", whole(2, 1 << 16));
  set.add("loss", &o.loss, "Loss (classes: cross-entropy; numbers: mse)",
          one_of(names_of(registry().losses())));
  if (!registry().problems().empty())
    set.add("problem", &o.problem, "Problem, instead of model, data and loss",
            one_of(names_of(registry().problems())));
  set.add("augment", &o.augment, "Change training images a little (digits: warp)",
          one_of(augmentation_names()));
  set.add("batch", &o.batch, "Examples per step", whole(1, 1 << 20));
}

void declare_method(OptionSet& set, RunOptions& o) {
  set.group("Gradient regularization", true);
  set.add("method", &o.methods, "Method, or several separated by commas",
          one_of(names_of(methods())));
  MethodOptions& r = o.regularization;
  set.add("gamma", &r.gamma, "Weight of the penalty gamma/2 |grad loss|^2 (pgn: of |grad loss|)",
          number_from(0));
  set.add("epsilon", &r.epsilon, "Finite-difference step of f-gr, b-gr, c-gr", number_above(0));
  set.add("rho", &r.rho, "Radius of sam, asam, pgn", number_above(0));
  set.add("asam-eta", &r.asam_eta, "eta in asam's scaling |w| + eta", number_from(0));
  set.add("flood-level", &r.flood_level, "Loss level of flooding", number_from(0));
  set.add("without", &o.without, "Planner passes to switch off, separated by commas");
}

void declare_training(OptionSet& set, RunOptions& o) {
  set.group("Training", true);
  set.add("optimizer", &o.optimizer, "Optimiser", one_of(names_of(optimizers())));
  std::string rates;
  for (const OptimizerRule& rule : optimizers())
    rates += fmt::format("{}{}: {}", rates.empty() ? "" : ", ", rule.name, rule.default_lr);
  set.add("lr", &o.lr, fmt::format("Learning rate ({})", rates), number_above(0));
  set.add("momentum", &o.momentum, "Momentum of sgd", number_from(0));
  set.add("nesterov", &o.nesterov, "Nesterov momentum");
  set.add("weight-decay", &o.weight_decay, "Weight decay, applied by the optimiser",
          number_from(0));
  set.add("coupled-decay", &o.coupled_decay,
          "Add the decay to the gradient (L2) instead of decoupling it");
  set.add("schedule", &o.schedule, "Learning rate over time", one_of(names_of(schedules())));
  set.add("warmup", &o.warmup, "Steps of linear warm-up", whole(0, 1 << 30));
  set.add("clip", &o.clip, "Clip the gradient to this norm (0: never)", number_from(0));
  set.add("init", &o.init, "Initial weights: a safetensors file, such as a checkpoint");
  set.add("epochs", &o.epochs, "Passes over the training data (0: the data set's default)",
          whole(0, 1 << 20));
}

void declare_seeds(OptionSet& set, RunOptions& o) {
  set.group("Run", true);
  const Accepted seed = whole(0, std::numeric_limits<long long>::max());
  set.add("seed", &o.seed, "Seed of everything random", seed);
  set.add("init-seed", &o.init_seed, "Seed of the initial weights (default: --seed)", seed);
  set.add("split-seed", &o.split_seed,
          "Seed of the split of a file into training and test (default: --seed)", seed);
  set.add("data-seed", &o.data_seed,
          "Seed of the order of images and of their augmentation (default: --seed)", seed);
}

}  // namespace

void declare(OptionSet& set, RunOptions& options, const OptionGroups& groups) {
  set.keep_given(options.given);
  if (groups.model) declare_model(set, options);
  if (groups.data) declare_data(set, options);
  if (groups.method) declare_method(set, options);
  if (groups.training) declare_training(set, options);
  if (groups.norm) {
    set.group("Gradient regularization", true);
    set.add("log-norm", &options.log_norm,
            "Compute the norm of the plain gradient in each step too, as for a log");
  }
  if (groups.model) registry().declare(set, options.own);
  declare_seeds(set, options);
  set.add("threads", &options.threads, "Threads (0: as many as this process may use)",
          whole(0, 1024));
  if (groups.output) {
    set.group("Output");
    set.add("out", &options.out, "Folder for the files of the run");
    set.add("json", &options.json, "File for the result as JSON");
  }
}

void complete(RunOptions& options, const std::vector<std::string>& default_methods) {
  if (options.methods.empty()) options.methods = default_methods;
  const bool digits = options.data == "digits";
  // The digits are few images: without augmentation, an mlp memorises them (docs/decisions.md).
  if (options.augment.empty())
    options.augment = digits && options.problem.empty() ? "warp" : "none";
  // The default model needs this many epochs to converge.
  if (options.epochs == 0) options.epochs = digits ? 40 : 8;
  if (!options.lr) options.lr = optimizer(options.optimizer).default_lr;
  if (!options.channels && (options.model == "cnn" || options.model == "resnet"))
    options.channels = 8;
  if (options.threads == 0) options.threads = allowed_threads();
  if (options.nesterov && options.momentum == 0)
    throw UsageError("--nesterov needs --momentum above 0");
  if (options.momentum >= 1)
    throw UsageError(fmt::format("--momentum must be below 1, was {}", options.momentum));
  const bool synthetic = options.data == "synthetic" || options.data == "random",
             file = names_a_file(options.data);
  if ((options.input && !synthetic && !file) || (options.classes && !synthetic))
    throw UsageError(fmt::format("--input and --classes are for --data synthetic; {} has its own",
                                 options.data));
  if (options.target && !file)
    throw UsageError(fmt::format("--target is for data in files; {} has its own", options.data));
  PlanOptions check;
  for (const std::string& pass : options.without) {
    try {
      switch_off(check, pass);
    } catch (const Error& error) {
      throw UsageError(fmt::format("--without: {}", error.what()));
    }
  }
}

std::string unread(const Json& config, const std::string& option) {
  const auto chosen = [&](const char* kind) {
    const Json value = config.value(kind, Json());
    return value.is_string()  ? std::vector{value.string()}
           : value.is_array() ? value.get<std::vector<std::string>>()
                              : std::vector<std::string>();
  };
  const auto with = [&](const char* kind) {
    return fmt::format("with --{} {}", kind, fmt::join(chosen(kind), ","));
  };
  const auto reads = [&](const auto& rule) { return listed(rule.options, option); };
  const auto is_read = [&](const char* kind, const auto& rules) {
    const std::vector<std::string> names = chosen(kind);
    return names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
             const auto rule =
                 std::ranges::find_if(rules, [&](const auto& r) { return r.name == name; });
             return rule == rules.end() || reads(*rule);  // the parser rejects unknown names
           });
  };
  if (std::ranges::any_of(methods(), reads))
    return is_read("method", methods()) ? "" : with("method");
  if (std::ranges::any_of(optimizers(), reads))
    return is_read("optimizer", optimizers()) ? "" : with("optimizer");
  if (option == "test-share" || option == "split-seed") {
    // Data sets and problems of the program's own may read both.
    const std::vector<std::string> data = chosen("data"), problem = chosen("problem");
    const bool built_in = !data.empty() && holds(data_sources(), data[0], &DataSource::name) &&
                          (problem.empty() || problem[0].empty());
    const bool validated =
        option == "split-seed" && !config.value("validation-share", Json()).is_null();
    return built_in && !validated ? with("data") : "";
  }
  const std::string owner = registry().owner_of(option);
  std::vector<std::string> used = names_of(passes());
  for (const char* kind : {"method", "optimizer", "schedule", "model", "data", "problem"})
    for (std::string& name : chosen(kind)) used.push_back(std::move(name));
  return owner.empty() || holds(used, owner) ? "" : "without " + owner;
}

void warn_of_unread(const RunOptions& options) {
  const Json config = to_json(options);
  for (const auto& [word, value] : options.given)
    if (const std::string reason = unread(config, word.substr(2)); !reason.empty())
      print_error(fmt::format("{} has no effect {}", word, reason));
}

PlanOptions plan_options(const RunOptions& options, const std::string& name) {
  PlanOptions plan = method(name).plan;
  for (const std::string& pass : options.without) switch_off(plan, pass);
  plan.own = options.own;
  return plan;
}

MethodOptions method_options(const RunOptions& options, std::string_view method) {
  MethodOptions result = options.regularization;
  result.own = options.own_of(std::string(method));
  return result;
}

OptimizerOptions optimizer_options(const RunOptions& options) {
  OptimizerOptions result;
  result.name = options.optimizer;
  result.lr = options.lr.value_or(optimizer(options.optimizer).default_lr);
  result.momentum = options.momentum;
  result.nesterov = options.nesterov;
  result.weight_decay = options.weight_decay;
  result.decoupled = !options.coupled_decay;
  result.own = options.own_of(options.optimizer);
  return result;
}

ScheduleOptions schedule_options(const RunOptions& options) {
  ScheduleOptions result;
  result.name = options.schedule;
  result.lr = options.lr.value_or(optimizer(options.optimizer).default_lr);
  result.warmup_steps = options.warmup;
  result.own = options.own_of(options.schedule);
  return result;
}

Json to_json(const RunOptions& options) {
  RunOptions copy = options;
  OptionSet set;
  declare(set, copy, {.norm = options.log_norm, .output = false});
  return set.to_json();
}

Json used_options(const RunOptions& options) {
  Json config = to_json(options);
  // Without the options of entries that the run does not use, a program that lacks these entries
  // can read the run.
  const Json all = config;
  std::erase_if(config.members(), [&](const auto& entry) {
    return !registry().owner_of(entry.first).empty() && !unread(all, entry.first).empty();
  });
  return config;
}

RunOptions run_options(const Json& config) {
  RunOptions options;
  OptionSet set;
  declare(set, options, {.norm = true, .output = false});
  set.read(config);
  return options;
}

}  // namespace twice::experiments
