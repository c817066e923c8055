// From lists of values to named runs. The values are parsed by train's own options, one run at a
// time, so that a sweep accepts exactly what train accepts.
#include "experiments/commands/sweep/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "experiments/report/runs.h"

namespace twice::experiments {

namespace {

using Strings = std::vector<std::string>;

constexpr std::size_t most_runs = 100000;

bool contains(const Strings& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

/// The members of MethodOptions, by their command-line names.
const Strings& method_option_names() {
  static const Strings names = {"gamma", "epsilon", "rho", "asam-eta", "flood-level"};
  return names;
}

bool model_has(const std::string& model, const std::string& size) {
  if (size == "width") return model == "mlp";
  if (size == "channels") return model == "cnn" || model == "resnet";
  return model == "mlp" || model == "resnet";
}

bool is_size(const std::string& option) {
  return option == "width" || option == "depth" || option == "channels";
}

/// Method and optimiser decide which of the other options are read.
bool reads(const std::string& method_name, const std::string& optimizer,
           const std::string& option) {
  if (contains(method_option_names(), option)) return method_reads(method(method_name), option);
  if (option == "momentum" || option == "nesterov") return optimizer == "sgd";
  return true;
}

RunOptions parsed(const Strings& arguments) {
  RunOptions options;
  OptionSet set;
  declare(set, options, {.output = false});
  set.parse(arguments);
  return options;
}

/// As a part of a name: numbers and switches need their option beside them, words speak for
/// themselves.
std::string name_part(const std::string& option, const Json& value) {
  if (option == "method") return value.at(0).get<std::string>();
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return (value.get<bool>() ? "" : "no-") + option;
  return option + (value.is_float() ? fmt::format("{}", value.get<double>()) : value.dump());
}

std::string joined_name(const Json& config, const Strings& axes) {
  std::string name;
  for (const std::string& axis : axes) {
    if (!uses(config, axis)) continue;
    const std::string part = name_part(axis, config.value(axis, Json()));
    if (!part.empty()) name += (name.empty() ? "" : "-") + part;
  }
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.' && c != '+') c = '_';
  return name;
}

/// Whether a run takes the value of a given option at all.
bool takes(const std::map<std::string, std::string>& chosen, const Strings& models,
           const std::string& option) {
  const auto choice = [&](const char* name, const char* otherwise) {
    const auto found = chosen.find(name);
    return found == chosen.end() ? otherwise : found->second;
  };
  // A size that none of the grid's models has is left in, for the model to refuse it.
  if (is_size(option) && !model_has(choice("model", "mlp"), option))
    return std::ranges::none_of(models, [&](const auto& m) { return model_has(m, option); });
  const std::string name = choice("method", "exact");
  const bool known =
      std::ranges::any_of(methods(), [&](const Method& m) { return m.name == name; });
  return !known || reads(name, choice("optimizer", "sgd"), option);
}

}  // namespace

const Strings& grid_options() {
  static const Strings names = [] {
    RunOptions options;
    OptionSet train;
    declare(train, options, {.output = false});
    Strings result;
    for (const Option& option : train.options())
      if (option.name != "threads") result.push_back(option.name);
    return result;
  }();
  return names;
}

bool uses(const Json& config, const std::string& option) {
  return reads(config.at("method").at(0), config.at("optimizer"), option);
}

Strings ordered_axes(const Strings& axes) {
  Strings result = {"method"};
  for (const std::string& option : grid_options())
    if (option != "method" && option != "seed" && contains(axes, option)) result.push_back(option);
  result.emplace_back("seed");
  return result;
}

std::string setting_name(const Json& config, const Strings& axes) {
  Strings rest = axes;
  std::erase(rest, "seed");
  return joined_name(config, rest);
}

void name_runs(Grid& grid) {
  std::set<std::string> names;
  for (GridRun& run : grid.runs) {
    run.name = joined_name(run.config, grid.axes);
    if (!names.insert(run.name).second)
      throw UsageError(fmt::format("two runs would have the name {}", run.name));
  }
}

Grid expand(const std::vector<GridAxis>& given) {
  Strings varying, models = {"mlp"};
  std::map<std::string, Strings> values = {{"method", {"exact"}}, {"seed", {"1"}}};
  for (const GridAxis& axis : given) {
    if (!contains(grid_options(), axis.option))
      throw UsageError(fmt::format("--{} is no option that can vary", axis.option));
    if (axis.values.empty()) throw UsageError(fmt::format("--{} has no value", axis.option));
    // Each by itself, since a grid may have no run that uses it.
    for (const std::string& value : axis.values)
      parsed({fmt::format("--{}={}", axis.option, value)});
    values[axis.option] = axis.values;
    if (axis.option == "model") models = axis.values;
    if (axis.values.size() > 1) varying.push_back(axis.option);
  }
  // The order of the loops, outermost first: that of the names, then what does not vary.
  Strings order = ordered_axes(varying);
  for (const auto& [option, list] : values)
    if (!contains(order, option)) order.insert(order.end() - 1, option);
  double count = 1;
  for (const std::string& option : order) count *= static_cast<double>(values.at(option).size());
  if (count > most_runs)
    throw UsageError(fmt::format("the grid has {:.6g} points; at most {} fit", count, most_runs));

  Grid grid{ordered_axes(varying), {}};
  std::set<std::string> known;
  std::vector<std::size_t> at(order.size(), 0);
  for (bool more = true; more;) {
    std::map<std::string, std::string> chosen;
    for (std::size_t i = 0; i < order.size(); ++i) chosen[order[i]] = values[order[i]][at[i]];
    Strings words;
    std::string key;
    for (const auto& [option, value] : chosen)
      if (takes(chosen, models, option)) words.push_back(fmt::format("--{}={}", option, value));
    for (const std::string& word : words) key += word + '\n';
    if (known.insert(key).second) {  // parsing is the slow part
      RunOptions options = parsed(words);
      complete(options, {"exact"});
      Json config = to_json(options);
      config.erase("threads");
      if (known.insert(config.dump()).second) grid.runs.push_back({"", std::move(config)});
    }
    more = false;
    for (std::size_t i = order.size(); i-- > 0 && !more;) {
      at[i] = (at[i] + 1) % values[order[i]].size();
      more = at[i] > 0;
    }
  }
  name_runs(grid);
  return grid;
}

std::optional<std::string> clash(const Json& a, const Json& b, const Strings& axes) {
  const auto same = [&](const char* option) { return a.at(option) == b.at(option); };
  for (const std::string& option : grid_options()) {
    if (contains(axes, option) || !uses(a, option) || !uses(b, option)) continue;
    // These have defaults that follow another option, which may vary.
    if ((option == "augment" || option == "epochs") && !same("data")) continue;
    if (option == "lr" && !same("optimizer")) continue;
    if (is_size(option) && !same("model")) continue;
    if (a.value(option, Json()) != b.value(option, Json())) return option;
  }
  return std::nullopt;
}

RunOptions grid_run_options(const Json& config, int threads) {
  Json whole = config;
  whole["threads"] = threads;
  return run_options(whole);
}

Strings arguments(const Json& config) {
  Strings result;
  for (const auto& [option, value] : config.members()) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_array()) text = fmt::format("{}", fmt::join(value.get<Strings>(), ","));
    if (!text.empty()) result.push_back(fmt::format("--{}={}", option, text));
  }
  return result;
}

}  // namespace twice::experiments
