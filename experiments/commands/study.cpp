// `./twice study`: runs one study, prints its claims and verdict, and writes its record, page and
// plots.
#include "experiments/studies/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autodiff/threads/threads.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/commands.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/report/html.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

struct StudyOptions {
  RunOptions run;
  std::string name;
  bool list = false, quick = false;
  /// If not empty: a record to make the page from, instead of running the study.
  std::string document;
  /// The given settings, by name.
  std::map<std::string, std::optional<double>> settings;
};

void print_list() {
  Table table({"study", "shows", "--quick", "full"});
  for (const Study& study : studies())
    table.add({study.name, study.shows, study.quick_time, study.full_time});
  table.print();
  fmt::print("\nTimes are for 2 cores. Settings (quick, full):\n");
  for (const Study& study : studies()) {
    fmt::print("\n{}\n", study.name);
    for (const Setting& s : study.settings)
      fmt::print("  --{:<16} {} ({:g}, {:g})\n", s.name, s.meaning, s.quick, s.full);
  }
}

/// The study's settings: each as given, or else the default of the form.
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

/// Everything that affects the bits of a study's numbers.
Json identity(const Study& study, const StudyOptions& options,
              const std::map<std::string, double>& settings) {
  const Json header = record_header("study"), machine = header.at("machine");
  Json result = {{"study", study.name},
                 {"form", options.quick ? "quick" : "full"},
                 {"settings", settings},
                 {"seed", options.run.seed},
                 {"version", header.at("version")},
                 {"jobs", 2}};  // changes with the results that jobs store
  for (const char* part : {"cpu", "kernels", "architecture", "compiler", "flags", "blas"})
    result[part] = machine.at(part);
  return result;
}

/// Everything that affects the bits of numbers that are not times. The kernels for a kind of CPU
/// compute the same bits on every such CPU.
Json identity_of_bits(Json identity) {
  if (identity.at("kernels") != Json("native"))
    for (const char* part : {"cpu", "blas"}) identity.erase(part);
  return identity;
}

Json record_of(const Study& study, const StudyResult& result, const StudyOptions& options,
               const std::map<std::string, double>& settings, double seconds) {
  Json found = {{"setup", result.setup},
                {"claims", result.claims},
                {"remarks", result.remarks},
                {"plots", result.plots},
                {"tables", result.tables}};
  for (const Json& map : result.heat_maps) found["plots"].push_back(map);
  // `{NAME}` in a text stands for the value of a setting. A number that is not finite is null in
  // JSON.
  std::string filled = found.dump();
  for (const auto& [name, value] : settings)
    filled = replace_all(std::move(filled), "{" + name + "}", fmt::format("{}", value));
  Json record = record_header("study");
  record.update(Json::parse(filled));
  record.update({{"study", study.name},
                 {"form", options.quick ? "quick" : "full"},
                 {"verdict", verdict(result.claims)},
                 {"claimed", study.claimed},
                 {"by", study.by},
                 {"config", settings},
                 {"changed", Json::array()},
                 {"seconds", std::round(seconds * 10) / 10},
                 {"larger", study.larger}});
  record["config"].update({{"seed", options.run.seed}, {"threads", options.run.threads}});
  for (const auto& [name, value] : options.settings)
    if (value) record["changed"].push_back(name);
  return record;
}

void print(const Json& record) {
  fmt::print("{} ({} form, {})\n\n{}\n\n", text(record, "study"), text(record, "form"),
             format_seconds(number(record, "seconds")), text(record, "claimed"));
  Table table({"claim", "value", "interval", "expected", "holds"});
  for (const Json& claim : objects(record, "claims"))
    table.add({text(claim, "claim"), record_number(member(claim, "value")),
               record_interval(member(claim, "interval")), record_range(member(claim, "expected")),
               text(claim, "holds")});
  table.print();
  fmt::print("\nverdict: {}\n", text(record, "verdict"));
}

/// Writes the page and the plots, which depend on the record alone.
void write_pages(const std::filesystem::path& folder, const Json& record) {
  const auto files = study_files(record, folder);
  for (const auto& [file, contents] : files)
    if (std::filesystem::path(file).filename() != file)
      fail("study", "the record names a file '{}'; expected a name without a folder", file);
  for (const auto& [file, contents] : files) write_atomically(folder / file, contents);
}

/// The part of a rank other than 0: it runs the study's function with the results that rank 0
/// sends. Rank 0 reports mistakes in the options.
int follow(const StudyOptions& options, Ranks& ranks) {
  print_nothing();
  try {
    if (!options.list && options.document.empty() && !options.name.empty()) {
      const Study& chosen = row_named("study", studies(), options.name);
      const std::map<std::string, double> settings = settings_of(chosen, options);
      Journal journal;
      StudyContext context(settings, options.run.seed, journal);
      context.use_ranks(ranks, identity_of_bits(identity(chosen, options, settings)),
                        options.run.threads);
      StudyResult unused{chosen.setup, chosen.remarks};
      chosen.run(context, unused);
    }
  } catch (const Error& error) {
    // Rank 0 may have the data that this rank lacks.
    ranks.send(
        0, {{"kind", "unable"}, {"error", printable(error.what())}, {"stopped", stop_requested()}});
  }
  constexpr std::chrono::milliseconds pause(100);
  while (!ranks.lost(0))
    if (const std::optional<Message> message = ranks.receive(pause);
        message && message->head.at("kind") == Json("end"))
      return 0;
  print_error(fmt::format("{}; {} ends", ranks.describe_loss(0), ranks.name(ranks.rank())));
  return 1;
}

void declare_study(OptionSet& set, StudyOptions& options) {
  declare(set, options.run, {.model = false, .data = false, .method = false, .training = false});
  set.remove({"init-seed", "data-seed"});
  set.group("Study");
  set.add("NAME", &options.name, "The study", one_of(names_of(studies()))).shows_default = false;
  set.add("list", &options.list, "List the studies, their times and settings");
  set.add("quick", &options.quick, "Run the quick form, which takes about a minute");
  set.add("document", &options.document, "Make page and plots from this record instead of running");
  set.group("Settings of some studies (--list shows them and their defaults)");
  for (const Study& study : studies())
    for (const Setting& s : study.settings)
      if (!set.find(s.name)) set.add(s.name, &options.settings[s.name], s.meaning);
}

/// Returns the exit status, which is 0 for every verdict, since a negative verdict is a result too.
int study(StudyOptions options) {
  watch_for_stop();
  const std::unique_ptr<Ranks> ranks = Ranks::join(command_text(), stop_requested);
  if (ranks && !ranks->leads()) return follow(options, *ranks);
  if (options.list) {
    print_list();
    return 0;
  }
  if (!options.document.empty()) {
    const Json record = Json::parse_or_null(read_file(options.document));
    if (text(record, "command") != "study")
      fail("study", "{} is not a record of a study", options.document);
    if (!options.name.empty() && options.name != text(record, "study"))
      throw UsageError(fmt::format("--document: {} is a record of {}, not of {}", options.document,
                                   text(record, "study"), options.name));
    std::filesystem::path folder = std::filesystem::path(options.document).parent_path();
    if (!options.run.out.empty()) folder = options.run.out;
    write_pages(prepare_folder(folder.empty() ? "." : folder), record);
    return 0;
  }
  if (options.name.empty())
    throw UsageError(fmt::format("expected the name of a study; the studies are {}",
                                 fmt::join(names_of(studies()), ", ")));
  const Study& chosen = row_named("study", studies(), options.name);
  const std::map<std::string, double> settings = settings_of(chosen, options);
  const int threads_of_rank = options.run.threads;
  if (options.run.threads == 0) options.run.threads = allowed_threads();
  set_threads(options.run.threads);
  if (options.run.out.empty()) options.run.out = "runs/study";
  const std::filesystem::path folder = prepare_folder(options.run.out);
  const FolderLock lock(folder);
  prepare_file(options.run.json);

  Journal journal(lock, chosen.name, identity(chosen, options, settings));
  if (journal.size() > 0)
    fmt::print("continuing after the {} jobs in {}\n", journal.size(), journal.file().string());
  StudyContext context(settings, options.run.seed, journal);
  if (ranks)
    context.use_ranks(*ranks, identity_of_bits(identity(chosen, options, settings)),
                      threads_of_rank);
  StudyResult result{chosen.setup, chosen.remarks};
  try {
    chosen.run(context, result);
  } catch (const Stopped&) {
    print_error(fmt::format("stopped with {} jobs done{}", journal.size(),
                            journal.size() > 0 ? "; the same command continues from there" : ""));
    return stopped_status;
  }
  const Json record = record_of(chosen, result, options, settings, journal.seconds());
  print(record);
  lock.check();
  write_atomically(folder / (chosen.name + ".json"), record_text(record));
  write_pages(folder, record);
  if (!options.run.json.empty()) write_json(options.run.json, record);
  journal.remove();
  return 0;
}

}  // namespace

void add_study(CommandLine& app) {
  app.add("study", "test one claim by experiment; --list names the studies", declare_study, study);
  app.shares_work();
}

}  // namespace twice::experiments
