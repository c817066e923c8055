// Compares the methods of a group, seed by seed.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "experiments/files/words.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/html.h"
#include "experiments/report/runs.h"
#include "optim/gradient_regularization.h"

namespace twice::experiments {
namespace {

constexpr std::size_t fewest_pairs = 3;
/// If there are more methods, only the baseline is compared with each.
constexpr std::size_t most_methods = 12;

/// Differences of accuracies are in percentage points.
std::string signed_number(const std::string& metric, double value) {
  return metric.ends_with("accuracy") ? fmt::format("{:+.2f}", 100 * value)
                                      : fmt::format("{:+.3g}", value);
}

std::string unit_of(const std::string& metric) {
  return metric.ends_with("accuracy") ? " points" : "";
}

std::string heading_of_test(const std::string& metric) {
  const std::string test = metric.ends_with("accuracy") ? "test accuracy" : "test loss";
  return metric.starts_with("selected_") ? test + " at the best epoch" : test;
}

/// "exact (gamma 0.1)".
std::string name_of(const Json& row, const std::string& who, const std::string& options) {
  std::string values;
  if (const Json& own = member(row, options); own.is_object())
    for (const auto& [option, value] : own.members())
      values += fmt::format("{}{} {}", values.empty() ? "" : ", ", option, show(value));
  return text(row, who) + (values.empty() ? "" : " (" + values + ")");
}

/// "+0.12 to +0.78 points".
std::string interval_text(const Json& row) {
  const Json& interval = member(row, "interval");
  const auto end = [&](std::size_t i) {
    return interval.is_array() && i < interval.size() && interval[i].is_number()
               ? signed_number(text(row, "metric"), interval[i].get<double>())
               : std::string("-");
  };
  return end(0) + " to " + end(1) + unit_of(text(row, "metric"));
}

/// Compares a setting with a baseline. Null for fewer than `fewest_pairs` pairs.
Json difference(const RunSetting& ours, const RunSetting& baseline, const std::string& metric) {
  std::map<std::string, double> others;
  for (const auto& [seeds, value] : baseline.values_of(metric)) others.emplace(seeds, value);
  Json seeds_of_pairs = Json::array();
  std::vector<double> a, b;
  for (const auto& [seeds, value] : ours.values_of(metric))
    if (const auto other = others.find(seeds); other != others.end() && seeds != "-") {
      seeds_of_pairs.push_back(seeds);
      a.push_back(value);
      b.push_back(other->second);
    }
  if (a.size() < fewest_pairs) return {};
  const std::vector<double> d = differences(a, b);
  const Interval interval = mean_interval(d);
  const bool better = lower_is_better(metric) ? interval.high < 0 : interval.low > 0,
             worse = lower_is_better(metric) ? interval.low > 0 : interval.high < 0;
  return {{"method", ours.method},
          {"options", ours.options},
          {"baseline", baseline.method},
          {"baseline_options", baseline.options},
          {"metric", metric},
          {"seeds", seeds_of_pairs},
          {"values", a},
          {"baseline_values", b},
          {"differences", d},
          {"n", d.size()},
          {"mean", mean(d)},
          {"std", standard_deviation(d)},
          {"interval", Json::array({interval.low, interval.high})},
          {"verdict", better  ? "better"
                      : worse ? "worse"
                              : "inconclusive"}};
}

}  // namespace

std::vector<Json> paired_differences(const RunSet& set, const std::vector<RunSetting>& settings) {
  std::vector<const RunSetting*> chosen = chosen_settings(settings);
  std::stable_partition(chosen.begin(), chosen.end(),
                        [](const RunSetting* s) { return s->method == "sgd"; });
  const std::string result = ranking_result(settings),
                    metric = lower_is_better(result) ? "loss" : "test_accuracy";
  std::vector<Json> rows;
  const std::size_t baselines = chosen.size() > most_methods ? 1 : chosen.size();
  for (std::size_t b = 0; b < baselines; ++b)
    for (std::size_t a = b + 1; a < chosen.size(); ++a)
      for (const std::string& field : {metric, "selected_" + metric})
        if (Json row = difference(*chosen[a], *chosen[b], field); !row.is_null()) {
          row["group"] = set.title;
          row["chosen_by"] = has_choice(settings) ? Json(result) : Json();
          rows.push_back(std::move(row));
        }
  return rows;
}

std::string comparison_tables(const std::vector<Json>& rows) {
  if (rows.empty()) return "";
  std::vector<Json> pairs;  // each row again for each of its seeds
  for (const Json& row : rows)
    for (std::size_t i = 0; i < row.at("seeds").size(); ++i) {
      pairs.push_back(row);
      for (const char* list : {"seeds", "values", "baseline_values", "differences"})
        pairs.back()[list] = row.at(list).at(i);
    }
  TableOf<Json> means{rows}, values{pairs};
  for (TableOf<Json>* table : {&means, &values}) {
    table->add("method", "", [](const Json& row) {
      return Cell{.text = name_of(row, "method", "options"),
                  .ink = method_ink(text(row, "method")).name};
    });
    table->add("against", "",
               [](const Json& row) { return name_of(row, "baseline", "baseline_options"); });
    table->add("result", "", [](const Json& row) { return heading_of_test(text(row, "metric")); });
  }
  means.add("mean difference", "mean of the method's results minus the other's",
            [](const Json& row) {
              const std::string metric = text(row, "metric");
              const double mean = number(row, "mean");
              return Cell{.text = signed_number(metric, mean) + unit_of(metric), .order = mean};
            });
  means.add("95 % interval", "of the mean, by Student's t", interval_text);
  means.add("seeds", "seeds that both have", [](const Json& row) {
    return Cell{.text = text(row, "n"), .order = number(row, "n")};
  });
  means.add("verdict", "inconclusive: the interval contains 0",
            [](const Json& row) { return text(row, "verdict"); });
  values.add("seed", "", [](const Json& row) { return text(row, "seeds"); });
  for (const auto& [list, heading] :
       std::initializer_list<TextPair>{{"values", "its value"},
                                       {"baseline_values", "the other's"},
                                       {"differences", "difference"}})
    values.add(heading, "", [list = list](const Json& row) {
      const double value = row.at(list);
      return Cell{.text = fmt::format("{:.9g}", value), .order = value};
    });
  return means.html() + details("The values of each seed", values.html());
}

std::string comparison_text(const Json& row) {
  const std::string metric = text(row, "metric");
  return fmt::format("{} against {}: {} {} ({}, {} seeds): {}", name_of(row, "method", "options"),
                     name_of(row, "baseline", "baseline_options"), heading_of_test(metric),
                     signed_number(metric, number(row, "mean")), interval_text(row), text(row, "n"),
                     text(row, "verdict"));
}

void add_comparisons(Json& sweep) {
  // The group of each setting, and the fields that its row gets.
  std::map<std::string, std::pair<std::size_t, Json>> places;
  Json comparisons = Json::array();
  const std::vector<RunSet> groups = sweep_runs(sweep, {});
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<RunSetting> settings = settings_of(groups[g]);
    const std::vector<const RunSetting*> chosen = chosen_settings(settings);
    const std::string ranked_by = ranking_result(settings);
    for (const RunSetting& setting : settings) {
      const bool is_chosen = holds(chosen, &setting);
      const Json fields = {{"chosen", is_chosen}, {"ranked_by", ranked_by}};
      for (const Run* run : setting.runs) places.emplace(run->setting, std::pair(g, fields));
    }
    for (Json& row : paired_differences(groups[g], settings)) comparisons.push_back(std::move(row));
  }
  std::vector<Json> rows = objects(sweep, "rows");
  for (Json& row : rows) row.update(places.at(text(row, "setting")).second);
  const auto rank = [&](const Json& row) {
    const auto method = std::ranges::find(methods(), text(row, "method"), &Method::name);
    const std::string result = text(row, "ranked_by");
    return std::tuple(places.at(text(row, "setting")).first, method - methods().begin(),
                      member(row, "chosen") == false, rank_of(result, number(row, result)),
                      rank_of("loss", number(row, "loss")));
  };
  std::ranges::stable_sort(rows, {}, rank);
  sweep["ranked_by"] = rows.empty() ? Json() : member(rows[0], "ranked_by");
  sweep["rows"] = rows;
  sweep["comparisons"] = comparisons;
}

}  // namespace twice::experiments
