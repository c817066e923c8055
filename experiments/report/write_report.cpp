// Collecting records into one page.
#include "experiments/report/write_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <vector>

#include "autodiff/array/error.h"
#include "experiments/app/terminal.h"
#include "experiments/files/atomic_file.h"
#include "experiments/report/bench_report.h"
#include "experiments/report/compare_report.h"
#include "experiments/report/html.h"
#include "experiments/report/runs.h"
#include "experiments/report/sections.h"
#include "experiments/report/study_report.h"
#include "experiments/report/sweep_report.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

namespace fs = std::filesystem;

/// "" for JSON that no command of twice wrote.
std::string command_of(const Json& content) {
  const Json& command = member(content, "command");
  return command.is_string() ? command.get<std::string>() : "";
}

bool is_shown(const std::string& command) {
  return command == "compare" || command == "train" || command == "sweep" || command == "study" ||
         command == "bench";
}

/// What lies in a folder.
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
    const std::string name = file.lexically_relative(folder).string();
    Json content;
    try {
      content = Json::parse(read_file(file));
    } catch (const JsonError&) {
      found.left_out.push_back(file.string() + " is no valid JSON (cut or corrupt)");
      continue;
    } catch (const Error& error) {
      found.left_out.push_back(error.what());
      continue;
    }
    const std::string command = command_of(content);
    if (is_shown(command)) {
      // The same record twice, as --json writes it, is one.
      const auto same = std::ranges::find(found.records, content, &FoundRecord::content);
      if (same == found.records.end())
        found.records.push_back({name, std::move(content)});
      else
        same->file += ", " + name;
    } else if (!command.empty() && content.contains("version")) {
      ++found.others[command];
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
    const std::string name = text(run, "name"), file = (folder / name / "train.json").string();
    const auto train = std::ranges::find(records, file, &FoundRecord::file);
    if (train == records.end()) continue;
    trains.emplace(name, std::move(*train));
    records.erase(train);
  }
  return trains;
}

/// A section of the page and its line in the index.
struct Part {
  std::string name, command, result, file;
  double accuracy = std::nan("");
  std::string html;
};

std::string section_id(std::size_t i) { return fmt::format("record-{}", i + 1); }

double best_accuracy(const Json& record) {
  double best = std::nan("");
  for (const Json& row : objects(member(record, "rows")))
    best = std::fmax(best, number(row, "test_accuracy"));
  return best;
}

std::string methods_text(const Json& record) {
  std::vector<std::string> methods;
  for (const Json& row : objects(member(record, "rows")))
    if (const std::string method = text(row, "method");
        std::ranges::find(methods, method) == methods.end())
      methods.push_back(method);
  return fmt::format("{}", fmt::join(methods, ", "));
}

std::string counts_text(const RunSet& set) {
  std::map<std::string, std::size_t> counts;
  for (const Run& run : set.runs) ++counts[run.state];
  std::string line = fmt::format("{} runs", set.runs.size());
  for (const char* state : {"failed", "unfinished"})
    if (counts[state] > 0) line += fmt::format(", {} {}", counts[state], state);
  return line;
}

Part part_of(const FoundRecord& record, const std::string& id,
             const std::map<std::string, FoundRecord>& trains) {
  const Json& content = record.content;
  Part part{.name = record_name(content),
            .command = command_of(content),
            .result = methods_text(content),
            .file = record.file,
            .accuracy = best_accuracy(content),
            .html = ""};
  if (part.command == "study") part.name = text(content, "study");
  const std::string title = part.command + ": " + part.name;
  if (part.command == "study") {
    part.result = text(content, "verdict");
    part.html = study_section(content, title, id);
  } else if (part.command == "sweep") {
    const RunSet set = sweep_runs(content, trains);
    part.result += "; " + counts_text(set);
    part.html = runs_section(set, content, title, id);
  } else if (part.command == "bench") {
    part.html = bench_section(content, title, id);
  } else {
    part.html = part.command == "compare" ? compare_section(content, title, id)
                                          : train_section(content, title, id);
  }
  return part;
}

/// Machine and options of a record, as far as all records agree.
Json in_common(const std::vector<FoundRecord>& records) {
  Json result;
  for (const char* part : {"machine", "config"}) {
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

/// All sections. What cannot be shown is added to `left_out`.
std::vector<Part> parts_of(std::vector<FoundRecord> records, std::vector<std::string>& left_out) {
  std::vector<FoundRecord> sweeps;
  std::ranges::copy_if(records, std::back_inserter(sweeps), [](const FoundRecord& record) {
    return command_of(record.content) == "sweep";
  });
  std::map<std::string, std::map<std::string, FoundRecord>> trains_of;
  for (const FoundRecord& sweep : sweeps) trains_of[sweep.file] = take_runs(records, sweep);

  std::vector<FoundRecord> single;
  std::ranges::copy_if(records, std::back_inserter(single), [](const FoundRecord& record) {
    return command_of(record.content) == "train";
  });
  // Many single runs are shown together only: each has a page of its own in its folder.
  constexpr std::size_t few = 4;
  if (single.size() > few)
    std::erase_if(records,
                  [](const FoundRecord& record) { return command_of(record.content) == "train"; });

  std::vector<Part> parts;
  const auto add = [&](const std::string& file, const auto& make) {
    try {
      parts.push_back(make(section_id(parts.size())));
    } catch (const JsonError& error) {
      left_out.push_back(fmt::format("{}: not as twice writes it: {}", file, error.what()));
    }
  };
  if (single.size() > 1)
    add("the single runs", [&](const std::string& id) {
      const RunSet set = train_runs(single);
      Part part{.name = fmt::format("{} single runs", single.size()),
                .command = "train",
                .result = counts_text(set),
                .file = "",
                .html = runs_section(set, in_common(single), "train: all single runs", id)};
      for (const FoundRecord& train : single)
        part.accuracy = std::fmax(part.accuracy, best_accuracy(train.content));
      return part;
    });
  for (const FoundRecord& record : records)
    add(record.file,
        [&](const std::string& id) { return part_of(record, id, trains_of[record.file]); });
  return parts;
}

std::string index_table(const std::vector<Part>& parts) {
  std::vector<std::vector<Cell>> rows;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    rows.push_back(
        {{.text = part.name, .link = section_id(i)},
         {.text = part.command},
         {.text = part.result, .css_class = "words"},
         {.text = format_percent(part.accuracy), .is_number = true, .order = part.accuracy},
         {.text = part.file, .css_class = "words"}});
  }
  return sortable_table({{"record", "model and data, or the study's name"},
                         {"command", "the command that wrote it"},
                         {"what", "methods, runs, or verdict"},
                         {"test accuracy", "the best in the record"},
                         {"file", "where the record lies in the folder"}},
                        rows);
}

}  // namespace

void write_report(const fs::path& folder) {
  Found found = find_records(folder);
  const std::size_t count = found.records.size();
  const std::vector<Part> parts = parts_of(std::move(found.records), found.left_out);
  if (parts.empty())
    fail("report",
         "no records in {} ({} JSON files{}); expected files written by twice compare, train, "
         "sweep, study or bench",
         folder.string(), found.files,
         found.left_out.empty() ? "" : "; " + one_line(found.left_out.front()));

  std::string body =
      "<header>\n<h1>Report</h1>\n" +
      paragraph(fmt::format("{} record{} of twice", count, count == 1 ? "" : "s"), "subtitle") +
      "</header>\n";
  for (const std::string& reason : found.left_out) {
    body += paragraph("Left out: " + reason + ".", "warning");
    print_error("[report] left out: " + reason);
  }
  body += "<nav>\n" + index_table(parts) + "</nav>\n";
  for (const auto& [command, number] : found.others)
    body += paragraph(
        fmt::format("Not shown: {} record{} of twice {}.", number, number == 1 ? "" : "s", command),
        "note");
  for (const Part& part : parts) body += part.html;
  write_atomically(folder / "report.html", page("twice report", body));
}

}  // namespace twice::experiments
