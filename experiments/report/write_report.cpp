// Collecting records into one page.
#include "experiments/report/write_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "autodiff/array/error.h"
#include "experiments/app/terminal.h"
#include "experiments/files/atomic_file.h"
#include "experiments/report/runs.h"
#include "experiments/report/sections.h"

namespace twice::experiments {
namespace {

namespace fs = std::filesystem;

bool has_command(const FoundRecord& record, std::string_view command) {
  return member(record.content, "command") == Json(command);
}

/// "1 record", "2 records".
std::string records_text(std::size_t count) {
  return fmt::format("{} record{}", count, count == 1 ? "" : "s");
}

/// What is in a folder. File names are printable, so that the page is UTF-8 whatever they are.
struct Found {
  std::vector<FoundRecord> records;
  std::vector<std::string> left_out;          ///< files with reasons
  std::map<std::string, std::size_t> others;  ///< records that have no section, by command
  std::size_t files = 0;
};

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  constexpr auto options = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator entry(folder, options, error), end;
  for (; !error && entry != end; entry.increment(error))
    if (std::error_code ignored;
        entry->path().extension() == ".json" && entry->is_regular_file(ignored))
      files.push_back(entry->path());
  if (error)
    fail("report", "cannot list {}: {}; expected a folder with records", folder.string(),
         error.message());
  std::ranges::sort(files);
  return files;
}

Found find_records(const fs::path& folder) {
  Found found;
  for (const fs::path& file : json_files(folder)) {
    ++found.files;
    FoundRecord record{printable(file.lexically_relative(folder).string()), {}};
    try {
      record.content = Json::parse(read_file(file));
    } catch (const JsonError&) {
      found.left_out.push_back(printable(file.string()) + " is no valid JSON (cut or corrupt)");
      continue;
    } catch (const Error& error) {
      found.left_out.push_back(printable(error.what()));
      continue;
    }
    // The record of a profile lies in one that is as google/benchmark writes it.
    if (Json inner = member(record.content, "twice"); inner.is_object()) record.content = inner;
    const Json& command = member(record.content, "command");
    constexpr std::string_view shown[] = {"compare",  "train", "sweep",  "study",
                                          "evaluate", "bench", "profile"};
    if (std::ranges::any_of(shown, [&](std::string_view c) { return has_command(record, c); })) {
      // The same record twice, as --json writes it, is one.
      const auto same = std::ranges::find(found.records, record.content, &FoundRecord::content);
      if (same == found.records.end())
        found.records.push_back(std::move(record));
      else
        same->file += ", " + record.file;
    } else if (command.is_string() && record.content.contains("version")) {
      ++found.others[command.string()];
    }
  }
  return found;
}

/// The records of a sweep's runs, by the runs' names; they are taken out of `records`.
std::map<std::string, FoundRecord> take_runs(std::vector<FoundRecord>& records,
                                             const FoundRecord& sweep) {
  const fs::path folder = fs::path(sweep.file).parent_path();
  std::map<std::string, FoundRecord> trains;
  for (const Json& run : objects(member(sweep.content, "runs"))) {
    const std::string name = text(run, "name"),
                      file = (folder / printable(name) / "train.json").string();
    const auto train = std::ranges::find(records, file, &FoundRecord::file);
    if (train == records.end()) continue;
    trains.emplace(name, std::move(*train));
    records.erase(train);
  }
  return trains;
}

/// The best of the rows' results (`ranking_result`), "-" without any.
Cell best_result(const std::vector<Json>& rows) {
  const std::string result = ranking_result(rows);
  double best = std::nan("");
  for (const Json& row : rows)
    best = lower_is_better(result) ? std::fmin(best, number(row, result))
                                   : std::fmax(best, number(row, result));
  if (!std::isfinite(best)) return {.text = "-", .is_number = true, .order = best};
  return {.text = (result == "loss" ? "test loss" : heading_of(result)) + " " +
                  format_metric(result, best),
          .is_number = true,
          .order = best};
}

/// Of a record: of bench the cost of exact GR, of an evaluation its accuracy or loss.
Cell best_result(const Json& record) {
  for (const Json& mean : objects(member(record, "means")))
    if (const double ratio = number(mean, "ratio_to_f_gr");
        text(mean, "method") == "exact" && std::isfinite(ratio))
      return {.text = "exact / f-gr " + format_ratio(ratio), .is_number = true, .order = ratio};
  if (text(record, "command") == "evaluate")
    for (const char* metric : {"accuracy", "loss"})
      if (const double value = number(record, metric); std::isfinite(value))
        return {.text = fmt::format("{} {}", metric, format_metric(metric, value)),
                .is_number = true,
                .order = value};
  return best_result(objects(member(record, "rows")));
}

std::string counts_text(const RunSet& set) {
  std::string line = fmt::format("{} runs", set.runs.size());
  for (const char* state : {"failed", "unfinished"})
    if (const auto count = std::ranges::count(set.runs, state, &Run::state); count > 0)
      line += fmt::format(", {} {}", count, state);
  return line;
}

/// Origin, machine and options of a record, as far as all records agree.
Json in_common(const std::vector<FoundRecord>& records) {
  Json result;
  for (const char* part : {"origin", "machine", "config"}) {
    Json shared = member(records.front().content, part);
    if (shared.is_object())
      for (const FoundRecord& record : records)
        std::erase_if(shared.members(), [&](const auto& entry) {
          return member(member(record.content, part), entry.first) != entry.second;
        });
    result[part] = shared;
  }
  return result;
}

/// The sections and their lines in the index, as the page grows.
struct Page {
  std::vector<std::vector<Cell>> index = {};
  std::string sections = {};
  std::vector<Run> runs = {};  ///< of all records

  /// `section` makes the HTML of a section with that id.
  void add(const std::string& name, const std::string& command, const std::string& result,
           const std::string& file, Cell best, const auto& section) {
    const std::string id = fmt::format("record-{}", index.size() + 1);
    sections += section(id);
    index.push_back({{.text = name, .link = id},
                     {.text = command},
                     {.text = result, .css_class = "words"},
                     std::move(best),
                     {.text = file, .css_class = "words"}});
  }

  void add(const FoundRecord& record, const std::map<std::string, FoundRecord>& trains) {
    const Json& content = record.content;
    const std::string command = text(content, "command");
    const bool study = command == "study";
    const std::string name = study ? text(content, "study") : record_name(content);
    RunSet set;
    if (command == "sweep") set = sweep_runs(content, trains);
    if (command == "compare") set = compare_runs(record);
    for (Run run : set.runs) {
      if (command == "sweep")
        run.name = (fs::path(record.file).parent_path() / printable(run.name)).string();
      runs.push_back(std::move(run));
    }
    std::string result =
        study ? text(content, "verdict")
              : fmt::format("{}",
                            fmt::join(distinct(objects(member(content, "rows")), "method"), ", "));
    if (command == "sweep") result += "; " + counts_text(set);
    if (command == "evaluate") result = text(content, "examples_of");
    add(name, command, result, record.file, best_result(content), [&](const std::string& id) {
      const std::string title = command + ": " + name;
      if (command == "sweep") return runs_section(set, content, title, id);
      const auto make = study                   ? study_section
                        : command == "bench"    ? bench_section
                        : command == "evaluate" ? evaluate_section
                        : command == "profile"  ? profile_section
                        : command == "compare"  ? compare_section
                                                : train_section;
      return make(content, title, id);
    });
  }
};

Page page_of(Found& found) {
  std::vector<FoundRecord>& records = found.records;
  std::map<std::string, std::map<std::string, FoundRecord>> trains_of;
  const std::vector<FoundRecord> all = records;
  for (const FoundRecord& sweep : all)
    if (has_command(sweep, "sweep")) trains_of[sweep.file] = take_runs(records, sweep);

  const auto is_train = [](const FoundRecord& record) { return has_command(record, "train"); };
  std::vector<FoundRecord> single;
  std::ranges::copy_if(records, std::back_inserter(single), is_train);
  // Many single runs are shown together only: each has a page of its own in its folder.
  constexpr std::size_t few = 4;
  if (single.size() > few) std::erase_if(records, is_train);

  Page page;
  const auto add_or_leave_out = [&](const std::string& file, const auto& add) {
    try {
      add();
    } catch (const JsonError& error) {
      found.left_out.push_back(fmt::format("{}: not as twice writes it: {}", file, error.what()));
    }
  };
  if (!single.empty())
    add_or_leave_out("the single runs", [&] {
      const RunSet set = train_runs(single);
      page.runs = set.runs;
      if (single.size() == 1) return;
      std::vector<Json> rows;
      for (const FoundRecord& train : single)
        for (Json& row : objects(member(train.content, "rows"))) rows.push_back(std::move(row));
      page.add(fmt::format("{} single runs", single.size()), "train", counts_text(set), "",
               best_result(rows), [&](const std::string& id) {
                 return runs_section(set, in_common(single), "train: all single runs", id);
               });
    });
  for (const FoundRecord& record : records)
    add_or_leave_out(record.file, [&] { page.add(record, trains_of[record.file]); });
  return page;
}

}  // namespace

void write_report(const fs::path& folder) {
  Found found = find_records(folder);
  const std::size_t count = found.records.size();
  const Page shown = page_of(found);
  if (shown.index.empty())
    fail("report",
         "no records in {} ({} JSON files{}); expected files written by twice compare, train, "
         "sweep, study, evaluate, bench or profile",
         folder.string(), found.files,
         found.left_out.empty() ? "" : "; " + one_line(found.left_out.front()));
  for (const std::string& reason : found.left_out) print_error("[report] left out: " + reason);
  Json others = Json::array();
  for (const auto& [command, number] : found.others)
    others.push_back({{"command", command}, {"count", records_text(number)}});
  const std::string index =
      sortable_table({{"record", "model and data, or the study's name"},
                      {"command", "the command that wrote it"},
                      {"what", "methods, runs, verdict, or the examples that were judged"},
                      {"best", "the best result in the record"},
                      {"file", "where the record lies in the folder"}},
                     shown.index);
  // Of a tab: the one record, or how many there are, and the folder.
  const std::string name = printable(folder.lexically_normal().string()),
                    title = shown.index.size() == 1
                                ? shown.index[0][1].text + ": " + shown.index[0][0].text
                                : records_text(count);
  const std::string html = render("report", {{"count", records_text(count)},
                                             {"folder", name},
                                             {"command", command("twice report " + name)},
                                             {"left_out", found.left_out},
                                             {"index", index},
                                             {"others", others},
                                             {"sections", shown.sections}});
  for (const auto& [name, bytes] : run_tables(shown.runs)) write_atomically(folder / name, bytes);
  write_atomically(folder / "report.html", page(title + " · " + name, html));
}

}  // namespace twice::experiments
