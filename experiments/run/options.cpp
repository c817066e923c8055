// The shared options: declaration, checks, defaults, JSON.
#include "experiments/run/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/threads/threads.h"
#include "experiments/data/augment.h"
#include "experiments/files/json.h"

namespace twice::experiments {

namespace {

// Limits beyond which a value is surely a mistake.
constexpr int most_units = 1 << 16;

/// A validator for numbers above `low` (or from it on).
CLI::Validator number(double low, bool inclusive) {
  const std::string expected = fmt::format("a finite number {} {}", inclusive ? ">=" : ">", low);
  return {[=](std::string& text) -> std::string {
            double value = 0;
            if (!CLI::detail::lexical_cast(text, value) || !std::isfinite(value) ||
                (inclusive ? value < low : value <= low))
              return fmt::format("must be {}, was '{}'", expected, text);
            return {};
          },
          ""};
}

CLI::Validator whole(long long low, long long high) {
  return {[=](std::string& text) -> std::string {
            long long value = 0;
            if (!CLI::detail::lexical_cast(text, value) || value < low || value > high)
              return fmt::format("must be a whole number from {} to {}, was '{}'", low, high, text);
            return {};
          },
          ""};
}

CLI::Validator one_of(std::vector<std::string> words) {
  return {[=](std::string& text) -> std::string {
            if (std::find(words.begin(), words.end(), text) == words.end())
              return fmt::format("must be one of {}, was '{}'", fmt::join(words, ", "), text);
            return {};
          },
          fmt::format("{}", fmt::join(words, "|"))};
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const Method& method : methods()) names.emplace_back(method.name);
  return names;
}

/// Activations may carry a number ("elu:0.5"), so nn/ itself is asked.
const CLI::Validator activation(
    [](std::string& text) -> std::string {
      try {
        activation_named(text);
      } catch (const Error& error) {
        return error.what();
      }
      return {};
    },
    "");

void add_model_options(CLI::App& app, RunOptions& o) {
  const std::string group = "Model";
  app.add_option("--model", o.model, "Model")->check(one_of(model_names()))->group(group);
  app.add_option("--width", o.width, "Units of a hidden layer (mlp: 512)")
      ->check(whole(1, most_units))
      ->group(group);
  app.add_option("--depth", o.depth, "Layers (mlp: 4; resnet: 8, 14, 20, ...)")
      ->check(whole(1, 1000))
      ->group(group);
  app.add_option("--channels", o.channels, "Channels of the first stage (cnn, resnet: 8)")
      ->check(whole(1, 4096))
      ->group(group);
  app.add_option("--activation", o.activation, "Activation function")
      ->check(activation)
      ->group(group);
  app.add_option("--dtype", o.dtype, "Numbers: float32 or float64")
      ->check(one_of({"f32", "f64"}))
      ->group(group);
}

void add_data_options(CLI::App& app, RunOptions& o) {
  app.add_option("--data", o.data, "Data set")
      ->check(one_of({"digits", "fashion-mnist", "mnist", "cifar10", "synthetic"}))
      ->group("Data");
  app.add_option("--augment", o.augment, "Change training images a little (digits: warp)")
      ->check(one_of(augmentation_names()))
      ->group("Data");
  app.add_option("--batch", o.batch, "Images a step")->check(whole(1, 1 << 20))->group("Data");
}

void add_method_options(CLI::App& app, RunOptions& o) {
  const std::string group = "Gradient regularization";
  app.add_option("--method", o.methods, "Method, or several separated by commas")
      ->delimiter(',')
      ->check(one_of(method_names()))
      ->group(group);
  MethodOptions& r = o.regularization;
  app.add_option("--gamma", r.gamma, "Weight of the penalty gamma/2 |grad L|^2 (pgn: of |grad L|)")
      ->check(number(0, true))
      ->group(group);
  app.add_option("--epsilon", r.epsilon, "Finite-difference step of f-gr, b-gr, c-gr")
      ->check(number(0, false))
      ->group(group);
  app.add_option("--rho", r.rho, "Radius of sam, asam, pgn")->check(number(0, false))->group(group);
  app.add_option("--asam-eta", r.asam_eta, "eta in asam's scaling |w| + eta")
      ->check(number(0, true))
      ->group(group);
  app.add_option("--flood-level", r.flood_level, "Loss level that flooding keeps to")
      ->check(number(0, true))
      ->group(group);
  app.add_option("--without", o.without, "Planner passes to switch off, separated by commas")
      ->delimiter(',')
      ->group(group);
}

void add_training_options(CLI::App& app, RunOptions& o) {
  const std::string group = "Training";
  app.add_option("--optimizer", o.optimizer, "Optimiser")
      ->check(one_of({"sgd", "adam", "adamw"}))
      ->group(group);
  app.add_option("--lr", o.lr, "Learning rate")->check(number(0, false))->group(group);
  app.add_option("--momentum", o.momentum, "Momentum of sgd")->check(number(0, true))->group(group);
  app.add_flag("--nesterov", o.nesterov, "Nesterov momentum")->group(group);
  app.add_option("--weight-decay", o.weight_decay, "Weight decay, applied by the optimiser")
      ->check(number(0, true))
      ->group(group);
  app.add_flag("--coupled-decay", o.coupled_decay,
               "Add the decay to the gradient (L2) instead of decoupling it")
      ->group(group);
  app.add_option("--schedule", o.schedule, "Learning rate over time")
      ->check(one_of({"constant", "step", "cosine"}))
      ->group(group);
  app.add_option("--warmup", o.warmup, "Steps of linear warm-up")
      ->check(whole(0, 1 << 30))
      ->group(group);
  app.add_option("--clip", o.clip, "Clip the gradient to this norm (0: never)")
      ->check(number(0, true))
      ->group(group);
  app.add_option("--epochs", o.epochs, "Passes over the training data (0: the data set's default)")
      ->check(whole(0, 1 << 20))
      ->group(group);
}

}  // namespace

void add_options(CLI::App& app, RunOptions& options, const OptionGroups& groups) {
  app.option_defaults()->always_capture_default();
  if (groups.model) add_model_options(app, options);
  if (groups.data) add_data_options(app, options);
  if (groups.method) add_method_options(app, options);
  if (groups.training) add_training_options(app, options);
  app.add_option("--seed", options.seed, "Seed of everything random")
      ->check(whole(0, std::numeric_limits<long long>::max()))
      ->group("Run");
  app.add_option("--threads", options.threads, "Threads (0: as many as this process may use)")
      ->check(whole(0, 1024))
      ->group("Run");
  if (groups.output) {
    app.add_option("--out", options.out, "Folder for what the run writes")->group("Output");
    app.add_option("--json", options.json, "File for the same result as JSON")->group("Output");
  }
  app.set_config("--config", "", "TOML file with any of these options")->group("Output");
  app.allow_config_extras(false);
}

void read_decimals(CLI::App& app) {
  const auto decimal = [](std::string text) {
    const std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
    const std::size_t first = std::min(text.find_first_not_of('0', sign), text.size());
    if (sign == text.size() || text.find_first_not_of("0123456789", sign) != std::string::npos)
      throw CLI::ValidationError(fmt::format("must be a whole number, was '{}'", text));
    return text.substr(0, sign) + (first == text.size() ? "0" : text.substr(first));
  };
  for (CLI::Option* option : app.get_options())
    if (const std::string type = option->get_type_name();
        type.starts_with("INT") || type.starts_with("UINT"))
      option->transform(decimal, "");
}

void keep_given(CLI::App& app, OptionWords& given) {
  app.parse_complete_callback([&app, &given] {
    for (const CLI::Option* option : app.get_options())
      if (option->count() > 0 && !option->get_lnames().empty())
        given["--" + option->get_lnames()[0]] =
            fmt::format("{}", fmt::join(option->results(), ","));
  });
}

int default_epochs(const std::string& data) { return data == "digits" ? 40 : 8; }

std::string default_augmentation(const std::string& data) {
  return data == "digits" ? "warp" : "none";
}

void complete(RunOptions& options, const std::vector<std::string>& default_methods) {
  if (options.methods.empty()) options.methods = default_methods;
  if (options.augment.empty()) options.augment = default_augmentation(options.data);
  if (options.epochs == 0) options.epochs = default_epochs(options.data);
  if (!options.channels && (options.model == "cnn" || options.model == "resnet"))
    options.channels = 8;
  if (options.threads == 0) options.threads = allowed_threads();
  if (options.nesterov && options.momentum == 0)
    throw UsageError("--nesterov needs --momentum above 0");
  if (options.momentum >= 1)
    throw UsageError(fmt::format("--momentum must be below 1, was {}", options.momentum));
  if (options.model == "dln")
    throw UsageError(
        "--model dln is a regression on a vector and has no image classes to learn here: use mlp, "
        "cnn or resnet");
  PlanOptions check;
  for (const std::string& pass : options.without) {
    try {
      switch_off(check, pass);
    } catch (const Error& error) {
      throw UsageError(fmt::format("--without: {}", error.what()));
    }
  }
}

PlanOptions plan_options(const RunOptions& options, const std::string& name) {
  PlanOptions plan = method(name).plan;
  for (const std::string& pass : options.without) switch_off(plan, pass);
  return plan;
}

OptimizerOptions optimizer_options(const RunOptions& options) {
  OptimizerOptions result;
  result.name = options.optimizer;
  result.lr = options.lr;
  result.momentum = options.momentum;
  result.nesterov = options.nesterov;
  result.weight_decay = options.weight_decay;
  result.decoupled = !options.coupled_decay;
  return result;
}

ScheduleOptions schedule_options(const RunOptions& options) {
  ScheduleOptions result;
  result.name = options.schedule;
  result.lr = options.lr;
  result.warmup_steps = options.warmup;
  return result;
}

Json to_json(const RunOptions& o) {
  const MethodOptions& r = o.regularization;
  Json json = {{"model", o.model},
               {"activation", o.activation},
               {"data", o.data},
               {"dtype", o.dtype},
               {"batch", o.batch},
               {"augment", o.augment},
               {"method", o.methods},
               {"gamma", r.gamma},
               {"epsilon", r.epsilon},
               {"rho", r.rho},
               {"asam-eta", r.asam_eta},
               {"flood-level", r.flood_level},
               {"without", o.without},
               {"optimizer", o.optimizer},
               {"lr", o.lr},
               {"momentum", o.momentum},
               {"nesterov", o.nesterov},
               {"weight-decay", o.weight_decay},
               {"coupled-decay", o.coupled_decay},
               {"schedule", o.schedule},
               {"warmup", o.warmup},
               {"clip", o.clip},
               {"epochs", o.epochs},
               {"seed", o.seed},
               {"threads", o.threads}};
  if (o.width) json["width"] = *o.width;
  if (o.depth) json["depth"] = *o.depth;
  if (o.channels) json["channels"] = *o.channels;
  if (o.log_norm) json["log-norm"] = true;
  return json;
}

RunOptions run_options(const Json& config) {
  RunOptions o;
  MethodOptions& r = o.regularization;
  const auto read = [&](const char* name, auto& value) {
    if (config.contains(name)) config.at(name).get_to(value);
  };
  const auto read_optional = [&]<class T>(const char* name, std::optional<T>& value) {
    if (config.contains(name)) value = config.at(name).get<T>();
  };
  read("model", o.model);
  read_optional("width", o.width);
  read_optional("depth", o.depth);
  read_optional("channels", o.channels);
  read("activation", o.activation);
  read("data", o.data);
  read("dtype", o.dtype);
  read("batch", o.batch);
  read("augment", o.augment);
  read("method", o.methods);
  read("gamma", r.gamma);
  read("epsilon", r.epsilon);
  read("rho", r.rho);
  read("asam-eta", r.asam_eta);
  read("flood-level", r.flood_level);
  read("without", o.without);
  read("optimizer", o.optimizer);
  read("lr", o.lr);
  read("momentum", o.momentum);
  read("nesterov", o.nesterov);
  read("weight-decay", o.weight_decay);
  read("coupled-decay", o.coupled_decay);
  read("schedule", o.schedule);
  read("warmup", o.warmup);
  read("clip", o.clip);
  read("epochs", o.epochs);
  read("seed", o.seed);
  read("threads", o.threads);
  read("log-norm", o.log_norm);
  return o;
}

RunOptions parse_options(std::vector<std::string> words) {
  RunOptions options;
  CLI::App app;
  add_options(app, options);
  read_decimals(app);
  app.parse(std::move(words));
  return options;
}

void check_stored(const Json& config) {
  RunOptions unused;
  CLI::App app;
  add_options(app, unused);
  std::vector<std::string> words;
  for (const auto& [name, value] : config.members()) {
    if (!app.get_option_no_throw("--" + name))
      throw JsonError(fmt::format("there is no option '{}'", name));
    std::string word = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_array())
      word = fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ","));
    if (!word.empty() && !value.is_null()) words.push_back(fmt::format("--{}={}", name, word));
  }
  try {
    parse_options(words);
  } catch (const CLI::ParseError& error) {
    throw JsonError(error.what());
  }
}

}  // namespace twice::experiments
