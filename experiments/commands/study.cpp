// Options, the run, what is printed and written.
#include "experiments/commands/study.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "autodiff/threads/threads.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"
#include "experiments/run/terminal.h"
#include "experiments/studies/page.h"

namespace twice::experiments {

namespace {

std::string names() {
  std::string result;
  for (const Study& study : studies()) result += (result.empty() ? "" : ", ") + study.name;
  return result;
}

const Study& find(const std::string& name) {
  for (const Study& study : studies())
    if (study.name == name) return study;
  throw UsageError(fmt::format("there is no study '{}'; the studies are {}", name, names()));
}

void print_list() {
  Table table({"study", "shows", "--quick", "full"});
  for (const Study& study : studies())
    table.add({study.name, study.shows, study.quick_time, study.full_time});
  table.print();
  fmt::print("\nTimes are of 2 cores. Settings (quick, full):\n");
  for (const Study& study : studies()) {
    fmt::print("\n{}\n", study.name);
    for (const Setting& s : study.settings)
      fmt::print("  --{:<16} {} ({:g}, {:g})\n", s.name, s.meaning, s.quick, s.full);
  }
}

/// The study's settings: as given, else as the form has them.
std::map<std::string, double> settings_of(const Study& study, const StudyOptions& options) {
  std::map<std::string, double> result;
  for (const Setting& s : study.settings) {
    const std::optional<double> given = options.settings.at(s.name);
    const double value = given.value_or(options.quick ? s.quick : s.full);
    if (!(value >= s.low && value <= s.high) || (s.whole && value != std::floor(value)))
      throw UsageError(fmt::format("--{} must be a {}number from {:g} to {:g}, was {:g}", s.name,
                                   s.whole ? "whole " : "", s.low, s.high, value));
    result[s.name] = value;
  }
  for (const auto& [name, value] : options.settings)
    if (value && !result.contains(name))
      throw UsageError(fmt::format("{} has no --{}; see twice study --list", study.name, name));
  return result;
}

/// Everything on which the bits of a study's numbers depend.
Json identity(const Study& study, const StudyOptions& options,
              const std::map<std::string, double>& settings) {
  const Json header = record_header("study"), machine = header.at("machine");
  Json result = {{"study", study.name},
                 {"form", options.quick ? "quick" : "full"},
                 {"settings", settings},
                 {"seed", options.run.seed},
                 {"version", header.at("version")}};
  for (const char* part : {"cpu", "architecture", "compiler", "flags", "blas"})
    result[part] = machine.at(part);
  return result;
}

Json record_of(const Study& study, const StudyResult& result, const StudyOptions& options,
               const std::map<std::string, double>& settings, double seconds) {
  Json record = record_header("study");
  record["study"] = study.name;
  record["form"] = options.quick ? "quick" : "full";
  record["verdict"] = verdict(result.claims);
  record["claimed"] = study.claimed;
  record["by"] = study.by;
  record["config"] = settings;
  record["config"]["seed"] = options.run.seed;
  record["config"]["threads"] = options.run.threads;
  record["changed"] = Json::array();
  for (const auto& [name, value] : options.settings)
    if (value) record["changed"].push_back(name);
  record["seconds"] = std::round(seconds * 10) / 10;
  record["setup"] = result.setup;
  record["claims"] = Json::array();
  for (const Claim& claim : result.claims) record["claims"].push_back(to_json(claim));
  record["remarks"] = result.remarks;
  record["larger"] = study.larger;
  record["plots"] = Json::array();
  for (const StudyPlot& plot : result.plots) record["plots"].push_back(to_json(plot));
  for (const StudyHeatMap& map : result.heat_maps) record["plots"].push_back(to_json(map));
  record["tables"] = Json::array();
  for (const StudyTable& table : result.tables)
    record["tables"].push_back(
        {{"title", table.title}, {"headings", table.headings}, {"rows", table.rows}});
  return record;
}

void print(const Json& record) {
  fmt::print("{} ({} form, {})\n\n{}\n\n", text(record, "study"), text(record, "form"),
             format_seconds(number(record, "seconds")), text(record, "claimed"));
  Table table({"claim", "value", "interval", "expected", "holds"});
  for (const Json& claim : objects(member(record, "claims")))
    table.add({text(claim, "claim"), record_number(member(claim, "value")),
               record_interval(member(claim, "interval")), record_range(member(claim, "expected")),
               text(claim, "holds")});
  table.print();
  fmt::print("\nverdict: {}\n", text(record, "verdict"));
}

Json read_record(const std::string& file) {
  const Json record = Json::parse_or_null(read_file(file));
  if (text(record, "command") != "study") fail("study", "{} is no record of a study", file);
  return record;
}

/// Page and plots, from the record alone.
void write_pages(const std::filesystem::path& folder, const Json& record) {
  const std::string name = text(record, "study");
  const auto files = study_files(record, folder);
  for (const auto& [file, contents] : files)
    if (std::filesystem::path(file).filename() != file)
      fail("study", "the record wants a file '{}'; expected a name without a folder", file);
  for (const auto& [file, contents] : files) write_atomically(folder / file, contents);
  fmt::print("{}\n", (folder / (name + ".md")).string());
}

}  // namespace

void add_study_options(CLI::App& app, StudyOptions& options) {
  add_options(app, options.run, {false, false, false, false, true});
  app.add_option("NAME", options.name, "The study: " + names())->always_capture_default(false);
  app.add_flag("--list", options.list, "List the studies, their times and settings")
      ->group("Study");
  app.add_flag("--quick", options.quick, "The form of about a minute")->group("Study");
  app.add_option("--document", options.document,
                 "Make page and plots from this record instead of running")
      ->group("Study");
  for (const Study& study : studies())
    for (const Setting& s : study.settings) {
      auto& value = options.settings[s.name];
      if (app.get_option_no_throw("--" + s.name)) continue;
      app.add_option("--" + s.name, value, s.meaning)
          ->always_capture_default(false)
          ->group("Settings of some studies (--list tells which and what they are unless given)");
    }
}

int study(StudyOptions options) {
  if (options.list) {
    print_list();
    return 0;
  }
  if (!options.document.empty()) {
    const Json record = read_record(options.document);
    if (!options.name.empty() && options.name != text(record, "study"))
      throw UsageError(fmt::format("--document: {} is a record of {}, not of {}", options.document,
                                   text(record, "study"), options.name));
    std::filesystem::path folder = std::filesystem::path(options.document).parent_path();
    if (!options.run.out.empty()) folder = options.run.out;
    write_pages(prepare_folder(folder.empty() ? "." : folder), record);
    return 0;
  }
  if (options.name.empty())
    throw UsageError(fmt::format("expected the name of a study; the studies are {}", names()));
  const Study& chosen = find(options.name);
  const std::map<std::string, double> settings = settings_of(chosen, options);
  if (options.run.threads == 0) options.run.threads = allowed_threads();
  set_threads(options.run.threads);
  if (options.run.out.empty()) options.run.out = "runs/study";
  const std::filesystem::path folder = prepare_folder(options.run.out);
  const FolderLock lock(folder);
  prepare_file(options.run.json);

  Journal journal(folder, chosen.name, identity(chosen, options, settings));
  if (journal.size() > 0)
    fmt::print("going on after the {} jobs that {} has\n", journal.size(), journal.file().string());
  StudyContext context(settings, options.run.seed, journal);
  StudyResult result;
  try {
    result = chosen.run(context);
  } catch (const Stopped&) {
    print_error(fmt::format("stopped with {} jobs done{}", journal.size(),
                            journal.size() > 0 ? "; the same command goes on from there" : ""));
    return stopped_status;
  }
  const Json record = record_of(chosen, result, options, settings, journal.seconds());
  print(record);
  fmt::print("\n{}\n", (folder / (chosen.name + ".json")).string());
  write_atomically(folder / (chosen.name + ".json"), record_text(record));
  write_pages(folder, record);
  if (!options.run.json.empty()) write_json(options.run.json, record);
  journal.remove();
  return 0;
}

}  // namespace twice::experiments
