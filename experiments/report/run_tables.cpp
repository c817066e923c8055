// Tables of runs for other programs, such as pandas.
#include <algorithm>
#include <set>

#include "experiments/files/words.h"
#include "experiments/report/runs.h"

namespace twice::experiments {
namespace {

/// A row of a table, in groups of columns, which are objects.
using Groups = std::vector<Json>;

/// The scalars of the rows: group after group, a column for each name that no group before has.
/// Null and what is not finite are empty.
std::string csv(const std::vector<Groups>& rows) {
  std::vector<std::pair<std::size_t, std::string>> columns;
  std::vector<std::string> cells;
  for (std::size_t group = 0; !rows.empty() && group < rows[0].size(); ++group) {
    std::set<std::string> names;
    for (const Groups& row : rows)
      for (const auto& [name, value] : row[group].members())
        if (!value.is_array() && !value.is_object()) names.insert(name);
    for (const std::string& name : names)
      if (std::ranges::find(cells, name) == cells.end()) {
        columns.emplace_back(group, name);
        cells.push_back(name);
      }
  }
  std::string text = csv_line(cells);
  for (const Groups& row : rows) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Json& value = member(row[columns[i].first], columns[i].second);
      cells[i] = value.is_string() ? value.string() : value.dump();
      if (!value.is_string() && cells[i] == "null") cells[i] = "";
    }
    text += csv_line(cells);
  }
  return text;
}

/// The numbers of an object. The loss is named as the tests are: there is an option --loss.
Json numbers_of(const Json& object) {
  Json result = Json::object();
  if (object.is_object())
    for (const auto& [name, value] : object.members())
      if (value.is_number() || value.is_null()) result[name == "loss" ? "test_loss" : name] = value;
  return result;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> run_tables(const std::vector<Run>& runs) {
  std::vector<Groups> rows, points;
  for (const Run& run : runs) {
    const auto object = [](const Json& value) {
      return value.is_object() ? value : Json::object();
    };
    const auto column = [](const std::string& name, const Json& value) {
      return Json(Json::Object{{name, value}});
    };
    const Json name = column("run", run.name), method = column("method", run.method),
               seed = column("seed", run.seed == "-" ? Json() : Json(run.seed));
    Json results = run.state == "done" ? numbers_of(run.row) : Json::object();
    results.update(numbers_of(run.results));
    rows.push_back(
        {name, column("state", run.state), method, seed, object(run.config),
         column("epochs_done", run.epochs >= 0 ? Json(static_cast<int>(run.epochs)) : Json()),
         results, column("error", run.error)});
    for (const Json& epoch : objects(member(run.row, "curve")))
      points.push_back({name, method, seed, column("epoch", member(epoch, "epoch")),
                        numbers_of(epoch), object(member(epoch, "metrics"))});
  }
  std::vector<std::pair<std::string, std::string>> files;
  if (!rows.empty()) files.emplace_back("runs.csv", csv(rows));
  if (!points.empty()) files.emplace_back("curves.csv", csv(points));
  return files;
}

}  // namespace twice::experiments
