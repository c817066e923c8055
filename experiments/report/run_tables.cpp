// Writes tables of runs for other programs, such as pandas.
#include <algorithm>
#include <set>

#include "experiments/files/words.h"
#include "experiments/report/runs.h"

namespace twice::experiments {
namespace {

/// A row of a table, in groups of columns. Each group is an object.
using Groups = std::vector<Json>;

/// A CSV table of the scalars of the rows. `for_each_row` passes each row to a function, and passes
/// the same rows at each call. Columns come group by group, one for each name that no earlier group
/// has. Null and numbers that are not finite are empty. "" without rows.
std::string csv(const auto& for_each_row) {
  std::vector<std::set<std::string, NameOrder>> names;
  for_each_row([&](const Groups& row) {
    names.resize(row.size());
    for (std::size_t group = 0; group < row.size(); ++group)
      for (const auto& [name, value] : row[group].members())
        if (!value.is_array() && !value.is_object()) names[group].insert(name);
  });
  std::vector<std::pair<std::size_t, std::string>> columns;
  std::vector<std::string> cells;
  std::set<std::string> seen;
  for (std::size_t group = 0; group < names.size(); ++group)
    for (const std::string& name : names[group])
      if (seen.insert(name).second) {
        columns.emplace_back(group, name);
        cells.push_back(name);
      }
  if (cells.empty()) return "";
  std::string text = csv_line(cells);
  for_each_row([&](const Groups& row) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Json& value = member(row[columns[i].first], columns[i].second);
      cells[i] = value.is_string() ? value.string() : value.dump();
      if (!value.is_string() && cells[i] == "null") cells[i] = "";
    }
    text += csv_line(cells);
  });
  return text;
}

/// The numbers of an object. The loss is renamed to test_loss, because there is an option --loss.
Json numbers_of(const Json& object) {
  Json result = Json::object();
  if (object.is_object())
    for (const auto& [name, value] : object.members())
      if (value.is_number() || value.is_null()) result[name == "loss" ? "test_loss" : name] = value;
  return result;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> run_tables(const std::vector<Run>& runs) {
  const auto object = [](const Json& value) { return value.is_object() ? value : Json::object(); };
  const auto seed = [&](const Run& run) {
    return Json{{"seed", run.seed == "-" ? Json() : Json(run.seed)}};
  };
  const std::string of_runs = csv([&](const auto& use) {
    for (const Run& run : runs) {
      Json results = run.state == "done" && run.row ? numbers_of(*run.row) : Json::object();
      results.update(numbers_of(run.results));
      use(Groups{
          Json{{"run", run.name}}, Json{{"state", run.state}}, Json{{"method", run.method}},
          seed(run), object(run.config),
          Json{{"epochs_done",
                run.epochs >= 0 ? Json(static_cast<int>(std::min(run.epochs, 1e9))) : Json()}},
          results, Json{{"error", run.error}}});
    }
  });
  const std::string of_epochs = csv([&](const auto& use) {
    for (const Run& run : runs)
      if (run.curve().is_array())
        for (const Json& epoch : run.curve())
          if (epoch.is_object())
            use(Groups{Json{{"run", run.name}}, Json{{"method", run.method}}, seed(run),
                       Json{{"epoch", member(epoch, "epoch")}}, numbers_of(epoch),
                       object(member(epoch, "metrics"))});
  });
  std::vector<std::pair<std::string, std::string>> files;
  if (!of_runs.empty()) files.emplace_back("runs.csv", of_runs);
  if (!of_epochs.empty()) files.emplace_back("curves.csv", of_epochs);
  return files;
}

}  // namespace twice::experiments
