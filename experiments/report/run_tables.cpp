// The cells of the tables of runs.
#include "experiments/report/run_tables.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "experiments/report/html.h"
#include "experiments/report/palette.h"

namespace twice::experiments {
namespace {

Cell option_cell(const Json& options, const std::string& axis) {
  Cell cell{.text = text(options, axis)};
  const Json& value = member(options, axis);
  cell.is_number = value.is_number() || value.is_null();
  cell.order = number(options, axis);
  return cell;
}

/// A column of words holds words only, else it would sort by halves.
void make_words(std::vector<std::vector<Cell>>& rows) {
  for (std::size_t c = 0; !rows.empty() && c < rows[0].size(); ++c) {
    const auto is_word = [&](const auto& row) { return !row[c].is_number; };
    if (std::ranges::any_of(rows, is_word))
      for (auto& row : rows) row[c].is_number = false;
  }
}

bool any_result(const RunSet& set, const std::string& field) {
  return std::ranges::any_of(set.runs, [&](const Run& run) { return run.results.contains(field); });
}

}  // namespace

std::string settings_table(const RunSet& set, const std::vector<RunSetting>& settings) {
  std::vector<Heading> headings = {{"method", ""}};
  if (several_models(settings)) headings.push_back({"model", ""});
  for (const std::string& axis : set.axes) headings.push_back({axis, "option --" + axis});
  headings.push_back({"n", "runs that are done"});
  headings.push_back({"failed", "runs that ended before their last epoch, with an error"});
  headings.push_back({"unfinished", "runs that are still to do, running, or were stopped"});
  for (const RunField& field : run_fields())
    if (any_result(set, field.key))
      headings.push_back({field.heading, field.meaning + " Mean ± standard deviation over seeds."});
  std::vector<std::vector<Cell>> rows;
  for (const RunSetting& setting : settings) {
    std::vector<Cell> row = {{.text = setting.method, .ink = method_ink(setting.method).name}};
    if (several_models(settings)) row.push_back({.text = setting.model});
    for (const std::string& axis : set.axes) row.push_back(option_cell(setting.options, axis));
    const auto add_count = [&](std::size_t count, const char* css_class) {
      row.push_back({.text = std::to_string(count),
                     .is_number = true,
                     .order = static_cast<double>(count),
                     .css_class = count > 0 ? css_class : ""});
    };
    add_count(setting.done(), "");
    add_count(setting.failed, "bad");
    add_count(setting.unfinished, "bad");
    for (const RunField& field : run_fields())
      if (any_result(set, field.key)) {
        const Moments moments = setting.moments(field.key);
        row.push_back(
            {.text = plus_minus(moments, field), .is_number = true, .order = moments.mean});
      }
    rows.push_back(std::move(row));
  }
  make_words(rows);
  return sortable_table(headings, rows);
}

std::string runs_table(const RunSet& set, const std::vector<RunSetting>& settings) {
  std::vector<Heading> headings = {{"run", ""}, {"state", ""}, {"method", ""}};
  if (several_models(settings)) headings.push_back({"model", ""});
  for (const std::string& axis : set.axes) headings.push_back({axis, "option --" + axis});
  headings.push_back({"seed", ""});
  headings.push_back({"epochs", "that are complete"});
  for (const RunField& field : run_fields())
    if (any_result(set, field.key)) headings.push_back({field.heading, field.meaning});
  std::vector<std::vector<Cell>> rows;
  for (const Run& run : set.runs) {
    std::vector<Cell> row = {{.text = run.name, .tooltip = run.file},
                             {.text = run.state, .tooltip = run.error},
                             {.text = run.method, .ink = method_ink(run.method).name}};
    if (run.state != "done") row[1].css_class = "bad";
    if (several_models(settings)) row.push_back({.text = run.model});
    for (const std::string& axis : set.axes) row.push_back(option_cell(run.options, axis));
    row.push_back({.text = run.seed, .is_number = true, .order = std::atof(run.seed.c_str())});
    row.push_back({.text = show(run.epochs), .is_number = true, .order = run.epochs});
    for (const RunField& field : run_fields())
      if (any_result(set, field.key)) {
        const auto value = run.results.find(field.key);
        const double number = value == run.results.end() ? std::nan("") : value->second;
        row.push_back({.text = field.format(number), .is_number = true, .order = number});
      }
    rows.push_back(std::move(row));
  }
  make_words(rows);
  return sortable_table(headings, rows);
}

}  // namespace twice::experiments
