// Reads two reports, matches their rows by name, and computes the ratios of their times.
#include <fmt/core.h>

#include <algorithm>

#include "experiments/commands/profile/files.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/words.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/html.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/options.h"
#include "experiments/run/output.h"

namespace twice::experiments {

namespace {

/// All times of one row or op of a report.
struct Family {
  std::string name;
  std::vector<double> ms = {};
};

/// More repetitions than any report has.
constexpr std::size_t most_repetitions = 4000;

double milliseconds(const std::string& unit, const std::string& file) {
  for (const auto& [name, factor] : {std::pair{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1.}, {"s", 1e3}})
    if (unit == name) return factor;
  throw UsageError(fmt::format("{}: the time_unit is '{}'; expected ns, us, ms or s", file, unit));
}

/// The repetitions of a report by row, in the report's order. Leaves out failed repetitions and
/// aggregates, which hold no single times.
std::vector<Family> families(const Json& report, const std::string& file) {
  std::vector<Family> list;
  for (const Json& entry : objects(report, "benchmarks")) {
    const double time = number(entry, "real_time");
    if (text(entry, "run_type") == "aggregate" || member(entry, "error_occurred") == true ||
        !(time > 0))
      continue;
    const std::string name = text(entry, entry.contains("run_name") ? "run_name" : "name");
    auto found = std::ranges::find(list, name, &Family::name);
    if (found == list.end()) found = list.insert(list.end(), {name});
    found->ms.push_back(time * milliseconds(text(entry, "time_unit"), file));
    if (found->ms.size() > most_repetitions)
      throw UsageError(
          fmt::format("{}: more than {} repetitions of {}", file, most_repetitions, name));
  }
  if (list.empty())
    throw UsageError(
        fmt::format("{} has no times; expected the report.json of twice profile, or repetitions in "
                    "google/benchmark's JSON",
                    file));
  return list;
}

/// The self times of each op in each timed run. Empty if the report is not one of ours.
std::vector<Family> op_families(const Json& report) {
  std::vector<Family> list;
  for (const Json& op : objects(member(report, "twice"), "ops")) {
    Family family{text(op, "name")};
    for (const Json& sample : member(op, "samples_ms"))
      if (sample.is_number() && sample.get<double>() > 0) family.ms.push_back(sample.get<double>());
    if (!family.ms.empty() && family.ms.size() <= most_repetitions)
      list.push_back(std::move(family));
  }
  return list;
}

/// Differences between two reports that a reader must see before comparing their times.
Json differences(const Json& a, const Json& b) {
  Json list = Json::array();
  // An option may appear in several parts but is listed once.
  const auto compare = [&](const std::string& what, const Json& x, const Json& y) {
    const Json difference = {{"what", what}, {"a", show(x)}, {"b", show(y)}};
    if (x != y && std::find(list.begin(), list.end(), difference) == list.end())
      list.push_back(difference);
  };
  const Json &own_a = member(a, "twice"), &own_b = member(b, "twice");
  if (own_a.is_null() && own_b.is_null()) {
    for (const char* key : {"host_name", "num_cpus", "mhz_per_cpu", "library_version"})
      compare(key, member(member(a, "context"), key), member(member(b, "context"), key));
    return list;
  }
  compare("version", member(own_a, "version"), member(own_b, "version"));
  for (const char* part : {"machine", "config"}) {
    const Json &x = member(own_a, part), &y = member(own_b, part);
    for (const Json* side : {&x, &y})
      if (side->is_object())
        for (const auto& [key, value] : side->members())
          if (!key.starts_with("no-")) compare(key, member(x, key), member(y, key));
  }
  return list;
}

/// The rows of both reports. The machine may have been faster or slower when it measured the second
/// report, and the files do not show by how much. Therefore no difference between them is
/// conclusive.
Json matched_rows(const std::vector<Family>& of_a, const std::vector<Family>& of_b) {
  Json rows = Json::array();
  for (const Family& a : of_a)
    for (const Family& b : of_b)
      if (a.name == b.name)
        rows.push_back({{"name", a.name},
                        {"a", {{"ms", median(a.ms)}, {"samples", a.ms.size()}}},
                        {"b", {{"ms", median(b.ms)}, {"samples", b.ms.size()}}},
                        {"ratio", median(b.ms) / median(a.ms)},
                        {"verdict", "inconclusive"}});
  return rows;
}

/// Names in `list` that are not in `other`.
Json names_without(const std::vector<Family>& list, const std::vector<Family>& other) {
  Json names = Json::array();
  for (const Family& family : list)
    if (!holds(other, family.name, &Family::name)) names.push_back(family.name);
  return names;
}

void print_rows(const char* heading, const Json& rows) {
  Table table({heading, "A ms", "B ms", "B / A", "samples"});
  for (const Json& row : rows)
    table.add({text(row, "name"), format_number(number(row["a"], "ms")),
               format_number(number(row["b"], "ms")), fmt::format("{:.3f}", number(row, "ratio")),
               text(row["a"], "samples") + ", " + text(row["b"], "samples")});
  fmt::print("\n");
  table.print();
}

Json read_report(const std::filesystem::path& file) {
  try {
    return Json::parse(read_file(file));
  } catch (const JsonError&) {
    throw UsageError(fmt::format("{} is not valid JSON (cut or corrupt)", file.string()));
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace

Json compare_reports(const Json& a, const Json& b, const std::string& a_name,
                     const std::string& b_name) {
  const std::vector<Family> of_a = families(a, a_name), of_b = families(b, b_name);
  for (const char* key : {"model", "method"}) {
    const std::string x = text(member(a, "twice"), key), y = text(member(b, "twice"), key);
    if (x != y)
      throw UsageError(fmt::format("{} is of the {} {}, {} of {}; expected two reports of one {}",
                                   a_name, key, x, b_name, y, key));
  }
  Json record = record_header("profile");
  record.update({{"config", {{"a", a_name}, {"b", b_name}}},
                 {"differences", differences(a, b)},
                 {"rows", matched_rows(of_a, of_b)},
                 {"ops", matched_rows(op_families(a), op_families(b))},
                 {"only_in_a", names_without(of_a, of_b)},
                 {"only_in_b", names_without(of_b, of_a)}});
  if (record["rows"].empty())
    throw UsageError(fmt::format("{} and {} have no row in common: the first has {}, the second {}",
                                 a_name, b_name, of_a[0].name, of_b[0].name));
  return record;
}

int compare_profiles(const std::filesystem::path& a, const std::filesystem::path& b,
                     const std::filesystem::path& json) {
  const Json of_a = read_report(a), of_b = read_report(b);
  const Json record = compare_reports(of_a, of_b, a.string(), b.string());
  fmt::print("A: {}\nB: {}\n", a.string(), b.string());
  for (const Json& difference : record["differences"])
    fmt::print("{} differs: A {}, B {}\n", text(difference, "what"), text(difference, "a"),
               text(difference, "b"));
  print_rows("row", record["rows"]);
  if (!record["ops"].empty()) print_rows("op, self time", record["ops"]);
  for (const char* side : {"only_in_a", "only_in_b"})
    if (!record[side].empty())
      fmt::print("{}: {}\n", replace_all(side, "_", " "), show(record[side]));
  fmt::print(
      "\nInconclusive: the files were measured one after the other, and the change in the "
      "machine's speed\nbetween them is unknown. To compare two programs, time them alternately: "
      "twice profile --compare PROGRAM_A PROGRAM_B, or\ntwice bench --against OTHER.\n");
  if (!json.empty()) write_json(json, record);
  return 0;
}

}  // namespace twice::experiments
