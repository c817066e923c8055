// Expands lists of values to named runs. The option parser of `train` parses the values, one run at
// a time, so a sweep accepts exactly the values that `train` accepts.
#include "experiments/commands/sweep/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "autodiff/plan/graph.h"
#include "experiments/files/words.h"
#include "experiments/report/runs.h"
#include "experiments/run/registry.h"

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

/// Returns the name that a run chooses for an option such as "method".
using Choice = std::function<std::string(const char* option)>;

/// True if the run reads an option. This depends on the run's method and optimiser.
bool reads(const Choice& choice, const std::string& option) {
  if (contains(method_option_names(), option))
    return listed(method(choice("method")).options, option);
  const auto lists = [&](const OptimizerRule& rule) { return listed(rule.options, option); };
  if (std::ranges::any_of(optimizers(), lists)) return lists(optimizer(choice("optimizer")));
  const std::string owner = registry().owner_of(option);
  if (owner.empty() || contains(names_of(passes()), owner)) return true;
  for (const char* kind : {"method", "optimizer", "schedule", "model", "data", "problem"})
    if (choice(kind) == owner) return true;
  return false;
}

RunOptions parsed_options(const Strings& arguments) {
  RunOptions options;
  OptionSet set;
  declare(set, options, {.output = false});
  set.parse(arguments);
  return options;
}

/// The part of a run's name for one option. A number or a switch needs the name of its option; a
/// word does not.
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

/// True if a run takes the given value of an option.
bool takes(const std::map<std::string, std::string>& chosen, const Strings& models,
           const std::string& option) {
  static const Json defaults = to_json(RunOptions());
  const Choice choice = [&](const char* name) -> std::string {
    const auto found = chosen.find(name);
    if (found != chosen.end()) return found->second;
    return std::string_view(name) == "method" ? "exact" : defaults.value(name, std::string());
  };
  // If no model of the grid has this size, the size remains, and the model then rejects it.
  if (is_size(option) && !model_has(choice("model"), option))
    return std::ranges::none_of(models, [&](const auto& m) { return model_has(m, option); });
  // The parser of `train` rejects unknown names.
  return !contains(names_of(methods()), choice("method")) ||
         !contains(names_of(optimizers()), choice("optimizer")) || reads(choice, option);
}

struct Range {
  double low, high;
  bool whole, log = false;
  std::optional<int> count = {};

  /// The number at this fraction of the range, rounded to four digits. The ends are exact.
  std::string at(double share) const {
    if (!whole && (share == 0 || share == 1)) return fmt::format("{}", share == 0 ? low : high);
    const double value = log ? low * std::pow(high / low, share) : low + (high - low) * share;
    return whole ? fmt::format("{}", std::llround(value)) : fmt::format("{:.4g}", value);
  }
  Strings values() const {
    const int n = count.value_or(static_cast<int>(high - low) + 1);
    Strings result;
    for (int i = 0; i < n; ++i) {
      std::string value = at(i / (n - 1.0));
      if (!contains(result, value)) result.push_back(std::move(value));
    }
    return result;
  }
};

/// Parses a word as a range if the option takes a number. Empty for any other word.
std::optional<Range> range_of(const Option& option, const std::string& word) {
  const std::size_t dots = word.find("..");
  const bool whole = std::holds_alternative<int*>(option.target) ||
                     std::holds_alternative<Index*>(option.target) ||
                     std::holds_alternative<std::uint64_t*>(option.target) ||
                     std::holds_alternative<std::optional<int>*>(option.target) ||
                     std::holds_alternative<std::optional<Index>*>(option.target) ||
                     std::holds_alternative<std::optional<std::uint64_t>*>(option.target),
             number = std::holds_alternative<double*>(option.target) ||
                      std::holds_alternative<std::optional<double>*>(option.target);
  if (dots == std::string::npos || !(whole || number)) return std::nullopt;
  std::string rest = word.substr(dots + 2);
  const auto next_part = [&] {
    const std::string part = rest.substr(0, rest.find(':'));
    rest.erase(0, part.size() + 1);
    return part;
  };
  const std::optional<double> low = parse_number(word.substr(0, dots)),
                              high = parse_number(next_part());
  Range range{low.value_or(0), high.value_or(0), whole};
  if (rest.starts_with("log")) range.log = next_part() == "log";
  const bool has_count = !rest.empty();
  const double count = has_count ? parse_number(next_part()).value_or(0) : 2;
  if (!low || !high || !(range.low < range.high) || !std::isfinite(range.high - range.low) ||
      !rest.empty() || (range.log && range.low <= 0) || count < 2 || count > most_runs ||
      count != std::floor(count) || (whole && (range.low < 0 || range.high > 1e15)))
    throw UsageError(
        fmt::format("--{}: '{}' is not a range; expected LOW..HIGH, LOW..HIGH:N or "
                    "LOW..HIGH:log:N, with LOW below HIGH (log: above 0) and 2 to {} values",
                    option.name, word, most_runs));
  if (has_count) range.count = static_cast<int>(count);
  return range;
}

/// The values of an option, of which each setting of a grid takes one. Random searches also accept
/// ranges.
struct Values {
  Strings words;
  std::vector<Range> ranges = {};

  std::string drawn(std::mt19937_64& numbers) const {
    const auto uniform = [&] { return static_cast<double>(numbers() >> 11) * 0x1p-53; };
    const std::size_t pick =
        static_cast<std::size_t>(uniform() * static_cast<double>(words.size() + ranges.size()));
    const double share =
        uniform();  // always drawn, so lists and ranges consume equally many numbers
    if (pick < words.size()) return words[pick];
    const Range& range = ranges[pick - words.size()];
    if (!range.whole || range.log) return range.at(share);
    return fmt::format("{}", std::floor(range.low + share * (range.high - range.low + 1)));
  }
};

using Setting = std::map<std::string, std::string>;

/// Every combination of the options' values, with the options in this order and the last option
/// varying fastest.
std::vector<Setting> combinations(const Strings& order,
                                  const std::map<std::string, Values>& values) {
  double count = 1;
  for (const std::string& option : order)
    count *= static_cast<double>(values.at(option).words.size());
  if (count > most_runs)
    throw UsageError(
        fmt::format("the grid has {:.6g} points; at most {} are allowed", count, most_runs));
  std::vector<Setting> settings = {{}};
  for (const std::string& option : order) {
    std::vector<Setting> longer;
    for (const Setting& setting : settings)
      for (const std::string& value : values.at(option).words) {
        longer.push_back(setting);
        longer.back()[option] = value;
      }
    settings = std::move(longer);
  }
  return settings;
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
  return reads(
      [&](const char* name) -> std::string {
        const Json value = config.value(name, Json());
        return value.is_array()    ? value.at(0).get<std::string>()
               : value.is_string() ? value.get<std::string>()
                                   : "";
      },
      option);
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
  std::erase_if(rest, is_seed);
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

Grid expand(const std::vector<GridAxis>& given, const RandomSearch& search) {
  RunOptions defaults;
  OptionSet train;
  declare(train, defaults, {.output = false});
  Strings varying, models = {"mlp"};
  std::map<std::string, Values> values = {{"method", {{"exact"}}}, {"seed", {{"1"}}}};
  for (const GridAxis& axis : given) {
    if (!contains(grid_options(), axis.option))
      throw UsageError(fmt::format("--{} is not an option that can vary", axis.option));
    if (axis.values.empty()) throw UsageError(fmt::format("--{} has no value", axis.option));
    Values list;
    const bool all_run = axis.option == "method" || axis.option == "seed";
    for (const std::string& word : axis.values) {
      const std::optional<Range> range = range_of(*train.find(axis.option), word);
      if (!range) {
        list.words.push_back(word);
      } else if (range->count || (range->whole && (search.settings == 0 || all_run))) {
        if (range->high - range->low >= most_runs && !range->count)
          throw UsageError(fmt::format("--{}: '{}' has too many values", axis.option, word));
        for (std::string& value : range->values()) list.words.push_back(std::move(value));
      } else if (search.settings > 0) {
        list.ranges.push_back(*range);
      } else {
        throw UsageError(fmt::format(
            "--{}: '{}' needs a number of values, as in {}:5, or --samples for a random search",
            axis.option, word, word));
      }
    }
    // Each value is parsed by itself, because the grid may not contain a run that uses it.
    Strings tried = list.words;
    for (const Range& range : list.ranges) tried.insert(tried.end(), {range.at(0), range.at(1)});
    for (const std::string& value : tried)
      parsed_options({fmt::format("--{}={}", axis.option, value)});
    if (axis.option == "model") models = list.words;
    if (list.words.size() > 1 || !list.ranges.empty()) varying.push_back(axis.option);
    values[axis.option] = std::move(list);
  }
  // The order of the loops, outermost first: the varying options in the order of names, with the
  // constant options just before the last of them.
  Strings order = ordered_axes(varying);
  for (const auto& [option, list] : values)
    if (!contains(order, option)) order.insert(order.end() - 1, option);
  std::vector<Setting> settings;
  if (search.settings > 0) {
    std::mt19937_64 numbers(search.seed);
    const Strings drawn(order.begin() + 1, order.end() - 1);
    for (int i = 0; i < search.settings; ++i) {
      Setting& setting = settings.emplace_back();
      for (const std::string& option : drawn) setting[option] = values.at(option).drawn(numbers);
    }
    std::vector<Setting> all;
    for (const std::string& method : values.at("method").words)
      for (Setting& setting : settings)
        for (const std::string& seed : values.at("seed").words) {
          setting["method"] = method, setting["seed"] = seed;
          all.push_back(setting);
        }
    settings = std::move(all);
  } else {
    settings = combinations(order, values);
  }

  Grid grid{ordered_axes(varying), {}};
  std::set<std::string> known;
  for (const Setting& setting : settings) {
    Strings words;
    std::string key;
    for (const auto& [option, value] : setting)
      if (takes(setting, models, option)) words.push_back(fmt::format("--{}={}", option, value));
    for (const std::string& word : words) key += word + '\n';
    if (!known.insert(key).second) continue;  // parsing is slow
    RunOptions options = parsed_options(words);
    complete(options, {"exact"});
    Json config = to_json(options);
    config.erase("threads");
    if (known.insert(config.dump()).second) grid.runs.push_back({"", std::move(config)});
  }
  name_runs(grid);
  return grid;
}

std::optional<std::string> clash(const Json& a, const Json& b, const Strings& axes) {
  const auto same = [&](const char* option) { return a.at(option) == b.at(option); };
  for (const std::string& option : grid_options()) {
    if (contains(axes, option) || !uses(a, option) || !uses(b, option)) continue;
    // The defaults of these options depend on another option, which may vary.
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
