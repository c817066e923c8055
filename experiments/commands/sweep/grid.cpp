// Expands lists of values to named runs. The option parser of `train` parses the values, one run at
// a time, so a sweep accepts exactly the values that `train` accepts.
#include "experiments/commands/sweep/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

/// The sizes of models, and the models that have each.
const std::map<std::string, Strings> sizes = {
    {"width", {"mlp"}}, {"depth", {"mlp", "resnet"}}, {"channels", {"cnn", "resnet"}}};

/// The name that a run chooses for an option such as "method".
std::string choice(const Json& config, const char* option) {
  const Json value = config.value(option, Json());
  if (value.is_array()) return value.at(0);
  return value.is_string() ? value.string() : "";
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

/// True if a run takes its value of an option. `config` holds the words of the run's options.
bool takes(const Json& config, const Strings& models, const std::string& option) {
  // If no model of the grid has this size, the size remains, and the model then rejects it.
  if (const auto size = sizes.find(option);
      size != sizes.end() && !holds(size->second, choice(config, "model")))
    return std::ranges::none_of(models, [&](const auto& m) { return holds(size->second, m); });
  return uses(config, option);
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
      if (!holds(result, value)) result.push_back(std::move(value));
    }
    return result;
  }
};

/// True if the option takes a value of one of these types.
template <class... T>
bool takes_value_of(const Option& option) {
  const auto& target = option.target;
  return (
      (std::holds_alternative<T*>(target) || std::holds_alternative<std::optional<T>*>(target)) ||
      ...);
}

/// Parses a word as a range if the option takes a number. Empty for any other word.
std::optional<Range> range_of(const Option& option, const std::string& word) {
  const std::size_t dots = word.find("..");
  const bool whole = takes_value_of<int, Index, std::uint64_t>(option);
  if (dots == std::string::npos || !(whole || takes_value_of<double>(option))) return std::nullopt;
  std::string rest = word.substr(dots + 2);
  const auto next_part = [&] {
    const std::string part = rest.substr(0, rest.find(':'));
    rest.erase(0, part.size() + 1);
    return part;
  };
  const std::optional<double> low = parsed<double>(word.substr(0, dots)),
                              high = parsed<double>(next_part());
  Range range{low.value_or(0), high.value_or(0), whole};
  if (rest.starts_with("log")) range.log = next_part() == "log";
  const bool has_count = !rest.empty();
  const double count = has_count ? parsed<double>(next_part()).value_or(0) : 2;
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

/// Every combination of a setting of each list. The last list varies fastest.
std::vector<Setting> combinations(const std::vector<std::vector<Setting>>& lists) {
  std::vector<Setting> settings = {{}};
  for (const std::vector<Setting>& list : lists) {
    std::vector<Setting> longer;
    for (const Setting& setting : settings)
      for (const Setting& more : list) {
        longer.push_back(setting);
        longer.back().insert(more.begin(), more.end());
      }
    settings = std::move(longer);
  }
  return settings;
}

}  // namespace

const std::vector<Option>& grid_options() {
  static RunOptions defaults;
  static const std::vector<Option> options = [] {
    OptionSet train;
    declare(train, defaults, {.output = false});
    train.remove({"threads"});
    return train.options();
  }();
  return options;
}

Strings ordered_axes(const Strings& axes) {
  Strings result = {"method"};
  for (const std::string& option : names_of(grid_options()))
    if (option != "method" && option != "seed" && holds(axes, option)) result.push_back(option);
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
  const auto is_drawn = [&](const std::string& option) {
    return search.settings > 0 && option != "method" && option != "seed";
  };
  Strings varying, models = {"mlp"};
  std::map<std::string, Values> values = {{"method", {{"exact"}}}, {"seed", {{"1"}}}};
  for (const GridAxis& axis : given) {
    const auto option = std::ranges::find(grid_options(), axis.option, &Option::name);
    if (option == grid_options().end())
      throw UsageError(fmt::format("--{} is not an option that can vary", axis.option));
    if (axis.values.empty()) throw UsageError(fmt::format("--{} has no value", axis.option));
    Values list;
    for (const std::string& word : axis.values) {
      const std::optional<Range> range = range_of(*option, word);
      if (!range) {
        list.words.push_back(word);
      } else if (range->count || (range->whole && !is_drawn(axis.option))) {
        if (range->high - range->low >= most_runs && !range->count)
          throw UsageError(fmt::format("--{}: '{}' has too many values", axis.option, word));
        for (std::string& value : range->values()) list.words.push_back(std::move(value));
      } else if (is_drawn(axis.option)) {
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
    if (!holds(order, option)) order.insert(order.end() - 1, option);
  std::vector<std::vector<Setting>> lists;
  double points = 1;
  for (const std::string& option : order) {
    if (is_drawn(option)) continue;
    std::vector<Setting>& list = lists.emplace_back();
    for (const std::string& word : values.at(option).words) list.push_back({{option, word}});
    points *= static_cast<double>(list.size());
  }
  if (search.settings == 0 && points > most_runs)
    throw UsageError(
        fmt::format("the grid has {:.6g} points; at most {} are allowed", points, most_runs));
  if (search.settings > 0) {
    std::mt19937_64 numbers(search.seed);
    std::vector<Setting> drawn(static_cast<std::size_t>(search.settings));
    for (Setting& setting : drawn)
      for (const std::string& option : order)
        if (is_drawn(option)) setting[option] = values.at(option).drawn(numbers);
    lists.insert(lists.begin() + 1, std::move(drawn));  // after the methods
  }

  Grid grid{ordered_axes(varying), {}};
  const Json defaults = to_json(RunOptions());
  std::set<Strings> tried;
  std::set<std::string> known;
  for (const Setting& setting : combinations(lists)) {
    Json chosen = defaults;
    chosen.update(setting);
    Strings words;
    for (const auto& [option, value] : setting)
      if (takes(chosen, models, option)) words.push_back(fmt::format("--{}={}", option, value));
    if (!tried.insert(words).second) continue;  // parsing is slow
    RunOptions options = parsed_options(words);
    complete(options, {"exact"});
    Json config = used_options(options);
    config.erase("threads");
    if (known.insert(config.dump()).second) grid.runs.push_back({"", std::move(config)});
  }
  name_runs(grid);
  return grid;
}

std::optional<std::string> clash(const Json& a, const Json& b, const Strings& axes) {
  const auto same = [&](const char* option) { return a.at(option) == b.at(option); };
  for (const std::string& option : names_of(grid_options())) {
    if (holds(axes, option) || !uses(a, option) || !uses(b, option)) continue;
    // The defaults of these options depend on another option, which may vary.
    if ((option == "augment" || option == "epochs") && !same("data")) continue;
    if (option == "lr" && !same("optimizer")) continue;
    if (sizes.contains(option) && !same("model")) continue;
    if (a.value(option, Json()) != b.value(option, Json())) return option;
  }
  return std::nullopt;
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
