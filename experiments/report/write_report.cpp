// Collects the records of a folder into one page.
#include "experiments/report/write_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <set>
#include <vector>

#include "autodiff/array/error.h"
#include "experiments/app/terminal.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"
#include "experiments/files/words.h"
#include "experiments/report/runs.h"
#include "experiments/report/sections.h"

namespace twice::experiments {
namespace {

namespace fs = std::filesystem;

// Limits far above the size of real records. With them, no folder takes more memory or time than a
// machine has.
constexpr std::uintmax_t most_bytes = 512 << 20, most_bytes_in_all = std::uintmax_t{2} << 30;
constexpr std::size_t most_values = 6000000, most_files = 20000, most_sections = 100,
                      most_rows = 1000;
constexpr JsonLimits of_record{3000000, 64 << 10, 5000, 10000};

/// The contents of the sections of records. A sweep has a section for each of its groups.
using Section = std::string (*)(const Json& record);
const std::map<std::string, Section> sections_by_command = {
    {"compare", compare_section}, {"train", train_section}, {"sweep", nullptr},
    {"study", study_section},     {"bench", bench_section}, {"evaluate", evaluate_section},
    {"profile", profile_section}};

bool has_command(const FoundRecord& record, std::string_view command) {
  return member(record.content, "command") == Json(command);
}

bool is_moved(const FoundRecord& record) { return record.content.is_null(); }

/// The contents of a folder. File names are made printable, so that the page is always UTF-8.
struct Found {
  std::vector<FoundRecord> records = {};
  std::vector<FoundRecord> single = {};  ///< of `train`, outside sweeps
  std::map<std::string, std::map<std::string, FoundRecord>> trains = {};  ///< see `take_runs`
  std::vector<std::string> left_out = {};                                 ///< files with reasons
  std::map<std::string, std::size_t> others = {};  ///< records that have no section, by command
  std::size_t files = 0;
  bool changed = false;  ///< a file or a folder was removed while the folder was read

  void leave_out(const fs::path& file, const std::string& reason) {
    left_out.push_back(printable(file.empty() ? reason : file.string() + " " + reason));
  }
};

std::vector<fs::path> json_files(const fs::path& folder, Found& found) {
  std::vector<fs::path> files, folders = {folder};
  while (!folders.empty()) {
    const fs::path current = std::move(folders.back());
    folders.pop_back();
    std::error_code error, ignored;
    fs::directory_iterator entry(current, error), end;
    if (error && current == folder)
      fail("report", "cannot list {}: {}; expected a folder with records", folder.string(),
           error.message());
    for (; !error && entry != end; entry.increment(error)) {
      const fs::path& path = entry->path();
      if (entry->is_directory(ignored) && !entry->is_symlink(ignored))
        folders.push_back(path);
      else if (path.extension() == ".json" && entry->is_regular_file(ignored))
        files.push_back(path);
    }
    if (error && fs::exists(current, ignored))
      found.leave_out(current, "cannot be listed: " + error.message());
    else if (error)
      found.changed = true;
  }
  // Paths are compared name by name, so that the files of a folder stay together.
  std::ranges::sort(files, [](const fs::path& a, const fs::path& b) {
    return std::ranges::lexicographical_compare(a, b, NameOrder(), &fs::path::native,
                                                &fs::path::native);
  });
  return files;
}

Found read_records(const fs::path& folder) {
  Found found;
  std::uintmax_t bytes = 0, values = 0;
  const auto less = [&](std::size_t a, std::size_t b) {
    return found.records[a].content < found.records[b].content;
  };
  std::set<std::size_t, decltype(less)> known(less);
  for (const fs::path& file : json_files(folder, found)) {
    FoundRecord record{printable(file.lexically_relative(folder).string()), {}};
    if (++found.files > most_files || bytes > most_bytes_in_all || values > most_values) {
      found.leave_out(file, fmt::format("and the files after it exceed {} JSON "
                                        "files, {} MiB or {} values",
                                        most_files, most_bytes_in_all >> 20, most_values));
      break;
    }
    try {
      const std::optional<std::string> content = read_if_exists(file, most_bytes);
      if (!content) {
        found.changed = true;
        continue;
      }
      bytes += content->size();
      record.content = parse_within(*content, of_record);
    } catch (const JsonError&) {
      found.leave_out(file, "is not valid JSON (cut or corrupt)");
      continue;
    } catch (const Error& error) {
      const std::string reason = error.what();
      found.leave_out(reason.starts_with("has ") ? file : fs::path(), reason);
      continue;
    }
    // A record of profile is the member "twice" of a file in the format of google/benchmark.
    if (Json inner = member(record.content, "twice"); inner.is_object()) record.content = inner;
    const Json& command = member(record.content, "command");
    if (command.is_string() && sections_by_command.contains(command.string())) {
      values += values_in(record.content);
      if (Json* rows = has_command(record, "sweep") ? nullptr : &record.content["rows"];
          rows && rows->is_array() && rows->size() > most_rows) {
        found.leave_out(file,
                        fmt::format("has {} rows, of which {} are shown", rows->size(), most_rows));
        rows->elements().resize(most_rows);
      }
      found.records.push_back(std::move(record));
      // --json writes a second copy of a record. Equal records count as one.
      if (const auto [same, is_new] = known.insert(found.records.size() - 1); !is_new) {
        found.records[*same].copies.push_back(found.records.back().file);
        found.records.pop_back();
      }
    } else if (command.is_string() && record.content.contains("version")) {
      ++found.others[command.string()];
    }
  }
  return found;
}

/// The records in the folder. A sweep may take over the records of its shards meanwhile, so that
/// they are in another file, which is then read.
Found find_records(const fs::path& folder) {
  constexpr int tries = 3;
  for (int i = 1;; ++i)
    if (Found found = read_records(folder); !found.changed || i == tries) return found;
}

/// The folder of a sweep's runs. The record of a shard lies one folder deeper.
fs::path folder_of_runs(const FoundRecord& sweep) {
  const fs::path folder = fs::path(sweep.file).parent_path();
  return sweep.content.contains("shard") ? folder.parent_path() : folder;
}

/// The file of a record, and its copies.
std::string files_text(const FoundRecord& record) {
  return record.copies.empty() ? record.file
                               : fmt::format("{}, {}", record.file, fmt::join(record.copies, ", "));
}

/// Moves the records of the sweeps' runs out of `records`. Returns them by the sweep's file and the
/// run's name. Of equal records of a sweep, the one beside its runs gives the file.
std::map<std::string, std::map<std::string, FoundRecord>> take_runs(
    std::vector<FoundRecord>& records) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!has_command(records[i], "train")) continue;
    places.emplace(records[i].file, i);
    for (const std::string& copy : records[i].copies) places.emplace(copy, i);
  }
  std::map<std::string, std::map<std::string, FoundRecord>> taken;
  for (FoundRecord& sweep : records) {
    if (!has_command(sweep, "sweep")) continue;
    const std::vector<Json> runs = objects(sweep.content, "runs");
    const auto place_of = [&](const Json& run) {
      return places.find(
          (folder_of_runs(sweep) / printable(text(run, "name")) / "train.json").string());
    };
    const auto has_place = [&](const Json& run) { return place_of(run) != places.end(); };
    for (std::string& copy : sweep.copies)
      if (std::ranges::none_of(runs, has_place)) {
        std::swap(sweep.file, copy);
        if (std::ranges::none_of(runs, has_place)) std::swap(sweep.file, copy);
      }
    for (const Json& run : runs) {
      const auto train = place_of(run);
      if (train == places.end() || is_moved(records[train->second])) continue;
      taken[sweep.file].emplace(
          text(run, "name"), FoundRecord{train->first, std::move(records[train->second].content)});
    }
  }
  std::erase_if(records, is_moved);
  return taken;
}

/// Joins the records of the shards of one sweep, which have equal options and axes, and the record
/// of the whole sweep beside them. The joined record takes the place of the first.
void join_shards(Found& found) {
  std::map<fs::path, std::string> keys;
  std::map<std::string, std::vector<FoundRecord*>> sweeps;
  const auto sort_in = [&](bool shards) {
    for (FoundRecord& record : found.records) {
      const Json* const shard = record.content.find("shard");
      if (!has_command(record, "sweep") || (shard != nullptr) != shards) continue;
      const fs::path folder = folder_of_runs(record);
      if (shards)
        keys.try_emplace(folder, text(*shard, "of") + member(record.content, "config").dump() +
                                     member(record.content, "axes").dump());
      if (const auto key = keys.find(folder); key != keys.end())
        sweeps[key->second].push_back(&record);
    }
  };
  sort_in(true);
  sort_in(false);
  for (const auto& [key, records] : sweeps) {
    if (records.size() < 2) continue;
    std::vector<Json> parts;
    std::map<std::string, FoundRecord> trains;
    for (FoundRecord* record : records) {
      parts.push_back(std::move(record->content));
      trains.merge(found.trains[record->file]);
      record->content = {};
    }
    FoundRecord& first = *records.front();
    first.content = join_sweeps(parts);
    first.file += fmt::format(" and {} more", records.size() - 1);
    found.trains[first.file] = std::move(trains);
  }
  std::erase_if(found.records, is_moved);
}

/// The best of the rows' results (`ranking_result`); "-" if there are none.
Cell best_result(const std::vector<Json>& rows) {
  const std::string result = ranking_result(rows);
  double best = std::nan("");
  for (const Json& row : rows)
    if (const double value = number(row, result); rank_of(result, value) < rank_of(result, best))
      best = value;
  if (!std::isfinite(best)) return {.text = "-", .order = best};
  return {.text = result_name(result) + " " + format_metric(result, best), .order = best};
}

/// The best result of a record. For bench it is the cost of exact GR, for an evaluation the
/// accuracy or the loss.
Cell best_result(const Json& record) {
  for (const Json& mean : objects(record, "means"))
    if (const double ratio = number(mean, "ratio_to_f_gr");
        text(mean, "method") == "exact" && std::isfinite(ratio))
      return {.text = "exact / f-gr " + ratio_sentence(mean, "ratio_to_f_gr"), .order = ratio};
  if (text(record, "command") == "evaluate")
    for (const char* metric : {"accuracy", "loss"})
      if (const double value = number(record, metric); std::isfinite(value))
        return {.text = fmt::format("{} {}", metric, format_metric(metric, value)), .order = value};
  return best_result(objects(record, "rows"));
}

/// The best result among the methods' chosen settings.
Cell best_result(const RunSet& set) {
  const std::vector<RunSetting> settings = settings_of(set);
  const std::string result = ranking_result(settings);
  std::vector<Json> rows;
  for (const RunSetting* setting : chosen_settings(settings))
    rows.push_back({{result, setting->moments(result).mean}});
  return best_result(rows);
}

std::string counts_text(const RunSet& set) {
  std::vector<std::string> methods;
  for (const auto& [method, runs] : grouped(set.runs, &Run::method)) methods.push_back(method);
  std::string line =
      fmt::format("{}; {}", fmt::join(methods, ", "), counted(set.runs.size(), "run"));
  for (const char* state : {"failed", "unfinished"})
    if (const auto count = std::ranges::count(set.runs, state, &Run::state); count > 0)
      line += fmt::format(", {} {}", count, state);
  return line;
}

/// The members of an object that are equal in all runs. Runs without this object do not count.
Json in_common(const std::vector<Run>& runs, const auto& object_of) {
  Json shared;
  for (const Run& run : runs) {
    const Json& own = object_of(run);
    if (!own.is_object()) continue;
    if (shared.is_null()) shared = own;
    std::erase_if(shared.members(),
                  [&](const auto& entry) { return member(own, entry.first) != entry.second; });
  }
  return shared;
}

/// The record for a group: origin, machine, options and data, as far as its runs agree.
Json record_of_group(const RunSet& set, Json record) {
  for (const char* part : {"origin", "machine"})
    if (set.runs.front().record)
      record[part] = in_common(
          set.runs, [&](const Run& run) -> const Json& { return member(*run.record, part); });
  record["config"] = in_common(set.runs, [](const Run& run) -> const Json& { return run.config; });
  record["data"] = in_common(set.runs, [](const Run& run) -> const Json& { return run.data; });
  for (const Run& run : set.runs)
    if (!run.model.empty()) record["rows"] = std::vector<Json>{{{"model", run.model}}};
  return record;
}

/// The sections of the page so far, and their lines in the index.
struct Page {
  std::vector<std::vector<Cell>> index = {};
  std::string sections = {};
  std::vector<Run> runs = {};  ///< of all records

  /// Adds a line to the index, and the section of a record with the HTML that `content` makes.
  void add(const std::string& name, const std::string& command, const std::string& result,
           const std::string& file, Cell best, const Json& record, const auto& content) {
    const bool shown = index.size() < most_sections;
    const std::string id = shown ? fmt::format("record-{}", index.size() + 1) : "";
    if (shown) sections += record_section(record, command + ": " + name, id, content());
    index.push_back({{.text = name, .link = id},
                     {.text = command},
                     {.text = result, .css_class = "words"},
                     std::move(best),
                     {.text = file, .css_class = "words"}});
  }

  /// Adds a section for runs that may be compared.
  void add(const RunSet& set, const Json& record, const std::string& command,
           const std::string& file) {
    const std::string name = record_name(record) + (set.title.empty() ? "" : ": " + set.title);
    add(name, command, counts_text(set), file, best_result(set), record,
        [&] { return runs_section(set, record); });
  }

  void add_sweep(const FoundRecord& record, const std::map<std::string, FoundRecord>& trains) {
    const fs::path folder = folder_of_runs(record);
    std::vector<RunSet> sets = sweep_runs(record.content, trains);
    if (sets.empty()) return add({}, record.content, "sweep", files_text(record));
    for (const RunSet& set : sets)
      add(set, record_of_group(set, record.content), "sweep", files_text(record));
    for (RunSet& set : sets)
      for (Run& run : set.runs) {
        // The shards of a sweep may have different folders.
        run.name = run.file.empty() ? (folder / printable(run.name)).string()
                                    : fs::path(run.file).parent_path().string();
        runs.push_back(std::move(run));
      }
    if (sets.size() < 2) return;
    // If the groups differ only in one number, such as the width, a plot over this number follows.
    const RunSet all = all_sweep_runs(record.content, trains);
    const bool one_axis = all.axes.size() == 1 && std::ranges::all_of(sets, [&](const RunSet& set) {
                            return set.title.starts_with(all.axes[0] + " ") &&
                                   set.title.find(',') == std::string::npos;
                          });
    if (one_axis)
      sections += section("sweep: over " + all.axes[0], run_axes(all, settings_of(all)));
  }

  void add(const FoundRecord& record) {
    const Json& content = record.content;
    const std::string command = text(content, "command");
    std::string name = command == "study" ? text(content, "study") : record_name(content);
    if (const std::string threads = text(member(content, "machine"), "threads"); command == "bench")
      name += fmt::format(", {} thread{}", threads, threads == "1" ? "" : "s");
    if (command == "compare")
      for (Run& run : compare_runs(record).runs) runs.push_back(std::move(run));
    const std::vector<std::string> methods = distinct(objects(content, "rows"), "method");
    std::string result = command == "study"      ? text(content, "verdict")
                         : command == "evaluate" ? text(content, "examples_of")
                                                 : fmt::format("{}", fmt::join(methods, ", "));
    if (member(content, "error").is_string()) result += "; failed";
    add(name, command, result, files_text(record), best_result(content), content,
        [&] { return sections_by_command.at(command)(content); });
  }
};

Page page_of(Found& found) {
  std::vector<FoundRecord>& records = found.records;
  std::vector<FoundRecord>& single = found.single;
  found.trains = take_runs(records);
  join_shards(found);
  const auto is_train = [](const FoundRecord& record) { return has_command(record, "train"); };
  // If there are many single runs, they are only shown together. Each run has its own page in its
  // folder.
  constexpr std::ptrdiff_t few = 4;
  const bool many = std::ranges::count_if(records, is_train) > few;
  for (FoundRecord& record : records)
    if (is_train(record)) single.push_back(many ? std::move(record) : record);
  if (many) std::erase_if(records, is_moved);

  Page page;
  const auto add_or_leave_out = [&](const std::string& file, const auto& add) {
    try {
      add();
    } catch (const JsonError& error) {
      found.left_out.push_back(fmt::format("{}: not as twice writes it: {}", file, error.what()));
    }
  };
  add_or_leave_out("the single runs", [&] {
    for (RunSet& set : train_runs(single)) {
      if (set.runs.size() > 1 || many)  // else it has a section of its own
        add_or_leave_out(set.runs[0].file, [&] {
          page.add(set, record_of_group(set, {}), "train",
                   set.runs.size() == 1 ? set.runs[0].file : "");
        });
      std::ranges::move(set.runs, std::back_inserter(page.runs));
    }
  });
  for (const FoundRecord& record : records)
    add_or_leave_out(record.file, [&] {
      if (has_command(record, "sweep"))
        page.add_sweep(record, found.trains[record.file]);
      else
        page.add(record);
    });
  if (page.index.size() > most_sections)
    found.left_out.push_back(fmt::format("the sections of {} of {} lines of the index",
                                         page.index.size() - most_sections, page.index.size()));
  return page;
}

/// The first reasons, followed by a line with the number of the others.
std::vector<std::string> first_of(std::vector<std::string> reasons) {
  constexpr std::size_t most = 20;
  if (reasons.size() <= most) return reasons;
  const std::size_t more = reasons.size() - most;
  reasons.resize(most);
  reasons.push_back(fmt::format("and {} more", more));
  return reasons;
}

}  // namespace

void write_report(const fs::path& folder, PageState state) {
  Found found = find_records(folder);
  const std::size_t count = found.records.size();
  const Page shown = page_of(found);
  if (shown.index.empty())
    fail("report",
         "no records in {} ({} JSON files{}); expected files written by twice compare, train, "
         "sweep, study, evaluate, bench or profile",
         folder.string(), found.files,
         found.left_out.empty() ? "" : "; " + one_line(found.left_out.front()));
  const bool finished = state == PageState::finished;
  const std::vector<std::string> left_out = first_of(found.left_out);
  if (finished)
    for (const std::string& reason : left_out) print_error("[report] left out: " + reason);
  Json others = Json::array();
  for (const auto& [command, number] : found.others)
    others.push_back({{"command", command}, {"count", counted(number, "record")}});
  const std::string index =
      sortable_table({{"record", "model and data, or the study's name"},
                      {"command", "the command that wrote it"},
                      {"what", "methods, runs, verdict, or the examples of the evaluation"},
                      {"best", "the best result in the record"},
                      {"file", "the file of the record in the folder"}},
                     shown.index);
  const std::string time = fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::time(nullptr)));
  // The title of a browser tab: the only record or the number of records, and the folder.
  const std::string where = printable(folder.lexically_normal().string()),
                    title = shown.index.size() == 1
                                ? shown.index[0][1].text + ": " + shown.index[0][0].text
                                : counted(count, "record");
  const std::string html = render("report", {{"count", counted(count, "record")},
                                             {"folder", where},
                                             {"command", command("twice report " + where)},
                                             {"under_way", state == PageState::under_way},
                                             {"stopped", state == PageState::stopped},
                                             {"time", time},
                                             {"left_out", left_out},
                                             {"index", index},
                                             {"others", others},
                                             {"sections", shown.sections}});
  write_atomically(folder / "report.html", page(title + " · " + where, html));
  if (finished)
    for (const auto& [name, bytes] : run_tables(shown.runs)) write_atomically(folder / name, bytes);
}

LivePage::~LivePage() {
  std::error_code ignored;
  if (begun_ && !finished_ && fs::exists(folder_ / "report.html", ignored))
    write(PageState::stopped);
}

void LivePage::update() {
  begun_ = true;
  if (Clock::now() < next_ || failed_) return;
  const Clock::time_point start = Clock::now();
  write(PageState::under_way);
  constexpr int share = 100;
  next_ = Clock::now() + std::max(least_pause, share * (Clock::now() - start));
}

void LivePage::stop() {
  finished_ = true;
  write_report(folder_, PageState::stopped);
}

void LivePage::finish() {
  finished_ = true;
  write_report(folder_);
}

void LivePage::write(PageState state) try {
  write_report(folder_, state);
} catch (const std::exception& error) {
  failed_ = true;
  print_error(fmt::format("{}; the run goes on without a page until its end", error.what()));
}

}  // namespace twice::experiments
