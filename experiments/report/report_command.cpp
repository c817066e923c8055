// Collecting records into one page.
#include "experiments/report/report_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"
#include "experiments/report/compare_report.h"
#include "experiments/report/html.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"

namespace twice {
namespace {

namespace fs = std::filesystem;

struct Record {
  std::string file;  ///< relative to the folder
  Json content;
};

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error), end;
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

/// "" for JSON that no command of twice wrote.
std::string command_of(const Json& content) {
  const Json& command = member(content, "command");
  return command.is_string() ? command.get<std::string>() : "";
}

std::string section_id(std::size_t i) { return fmt::format("record-{}", i + 1); }

std::string index_table(const std::vector<Record>& records) {
  std::vector<std::vector<Cell>> rows;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Json& content = records[i].content;
    const std::vector<Json> runs = objects(member(content, "rows"));
    std::string methods;
    double accuracy = std::nan("");
    for (const Json& run : runs) {
      methods += (methods.empty() ? "" : ", ") + text(run, "method");
      accuracy = std::fmax(accuracy, number(run, "test_accuracy"));
    }
    rows.push_back({{.text = record_name(content), .link = section_id(i)},
                    {.text = command_of(content)},
                    {.text = methods},
                    {.text = format_percent(accuracy), .is_number = true, .order = accuracy},
                    {.text = records[i].file}});
  }
  return sortable_table({{"record", "model and data"},
                         {"command", "the command that wrote it"},
                         {"methods", ""},
                         {"test accuracy", "the best of the record's methods"},
                         {"file", "where the record lies in the folder"}},
                        rows);
}

}  // namespace

std::string train_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> rows = objects(member(record, "rows"));
  if (rows.empty())
    return section(title, paragraph("This record has no rows: nothing was trained.", "warning"), 2,
                   id);
  const std::string curves = learning_curves(rows);
  return section(title,
                 section("Result", rows_table(rows) + columns_legend(rows), 3) +
                     (curves.empty() ? "" : section("Training", rows_legend(rows) + curves, 3)) +
                     methods_section(rows) + setup_section(record),
                 2, id);
}

void write_report(const fs::path& folder) {
  std::vector<Record> records;
  std::vector<std::string> broken;
  const std::vector<fs::path> files = json_files(folder);
  for (const fs::path& file : files) {
    Json content = Json::parse(read_file(file), nullptr, false);
    const std::string command = command_of(content);
    if (content.is_discarded())
      broken.push_back(file.string());
    else if (command == "compare" || command == "train")
      records.push_back({file.lexically_relative(folder).string(), std::move(content)});
  }
  const std::string complaint =
      broken.empty() ? ""
                     : fmt::format("{}{} no valid JSON (cut or corrupt)", broken.front(),
                                   broken.size() == 1
                                       ? " is"
                                       : fmt::format(" and {} more files are", broken.size() - 1));
  if (records.empty())
    fail("report",
         "no records in {} ({} JSON files{}); expected files written by twice compare "
         "or train",
         folder.string(), files.size(), broken.empty() ? "" : "; " + complaint);

  std::string body =
      "<header>\n<h1>Report</h1>\n" +
      paragraph(fmt::format("{} record{} of twice", records.size(), records.size() == 1 ? "" : "s"),
                "subtitle") +
      "</header>\n";
  for (const std::string& file : broken)
    body += paragraph("Left out: " + file + " is no valid JSON (cut or corrupt).", "warning");
  body += "<nav>\n" + index_table(records) + "</nav>\n";
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Json& content = records[i].content;
    const std::string title = command_of(content) + ": " + record_name(content);
    body += command_of(content) == "compare" ? compare_section(content, title, section_id(i))
                                             : train_section(content, title, section_id(i));
  }
  const fs::path target = folder / "report.html";
  write_atomically(target, page("twice report", body));
  if (!broken.empty()) fail("report", "{}; {} is written without it", complaint, target.string());
}

}  // namespace twice
