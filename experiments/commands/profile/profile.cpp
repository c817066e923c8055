// Options, then: measure, print, write.
#include "experiments/commands/profile/profile.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "autodiff/threads/threads.h"
#include "experiments/commands/profile/profile_compare.h"
#include "experiments/commands/profile/profile_files.h"
#include "experiments/commands/profile/profile_record.h"
#include "experiments/commands/profile/profile_tables.h"
#include "experiments/commands/profile/scaling.h"
#include "experiments/measure/peer.h"
#include "experiments/report/progress.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"
#include "experiments/run/terminal.h"

namespace twice::experiments {

namespace {

/// Checks what CLI11 cannot, and fills in defaults.
void set_up(ProfileOptions& options) {
  RunOptions& o = options.run;
  o.schedule = "constant";
  complete(o, {"exact"});
  if (o.methods.size() != 1)
    throw UsageError(
        fmt::format("--method names the one that is profiled, but {} were given; --methods names "
                    "those of the headline",
                    o.methods.size()));
  if (!(options.seconds >= 0.01 && options.seconds <= 3600))  // NaN is neither
    throw UsageError(
        fmt::format("--seconds must be a number from 0.01 to 3600, was {}", options.seconds));
  if (options.methods.empty())
    for (const Method& m : methods()) options.methods.emplace_back(m.name);
  std::vector<std::string> once;
  for (const std::string& name : options.methods)
    if (std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  options.methods = once;
  if (std::find(once.begin(), once.end(), o.methods[0]) == once.end())
    options.methods.push_back(o.methods[0]);
}

/// Two programs take turns, as in `bench`, which knows the options of a model and its methods.
int compare_programs_of(const ProfileOptions& options) {
  OptionWords words = options.given;
  words.erase("--compare");
  words.erase("--margin");
  return options.compare_programs(words, options.margin, options.compare[1], options.compare[0],
                                  "--compare");
}

int compare(const ProfileOptions& options) {
  const auto is_report = [](const std::string& file) {
    return file.ends_with(".json") ||
           (std::filesystem::exists(file) && ::access(file.c_str(), X_OK) != 0);
  };
  const bool a = is_report(options.compare[0]), b = is_report(options.compare[1]);
  if (a && b) return compare_profiles(options.compare[0], options.compare[1], options.run.json);
  if (a || b)
    throw UsageError(
        fmt::format("--compare: {} is a report and {} a program; expected two of a kind",
                    options.compare[a ? 0 : 1], options.compare[a ? 1 : 0]));
  return compare_programs_of(options);
}

int stopped() {
  print_error("stopped; a profile that is not finished leaves no record");
  return stopped_status;
}

}  // namespace

void add_profile_options(CLI::App& app, ProfileOptions& options) {
  // Steps so small that the numbers hardly move, however many are timed.
  options.run.lr = 1e-4;
  add_options(app, options.run);
  // A profile takes steps on one batch and trains nothing.
  for (const char* none : {"--augment", "--epochs", "--schedule", "--warmup", "--clip"})
    app.remove_option(app.get_option(none));
  const std::string group = "Profile";
  std::vector<std::string> names;
  for (const Method& m : methods()) names.emplace_back(m.name);
  app.add_option("--methods", options.methods,
                 "Methods of the headline, separated by commas (none: all)")
      ->delimiter(',')
      ->check(CLI::IsMember(names))
      ->group(group);
  app.add_option("--seconds", options.seconds, "Measuring time, scaling left out")->group(group);
  app.add_flag("--no-memory", options.no_memory, "Do not measure memory")->group(group);
  app.add_flag("--no-scaling", options.no_scaling,
               "Do not time other depths, widths, batches and threads")
      ->group(group);
  app.add_option(
         "--compare", options.compare,
         "Compare two programs, which take turns (as bench --against), or show two report.json "
         "beside each other")
      ->expected(2)
      ->group(group);
  app.add_option("--margin", options.margin,
                 "With --compare: smaller differences of programs do not count")
      ->check(CLI::Range(0.0, 1.0))
      ->group(group);
  app.add_option("--measure-memory", options.measure_memory)->group("");
  keep_given(app, options.given);
}

int profile(ProfileOptions options) {
  if (!options.measure_memory.empty()) {
    fmt::print("{}\n", row_memory_here(options.measure_memory));
    return 0;
  }
  RunOptions& o = options.run;
  if (!options.compare.empty()) try {
      return compare(options);
    } catch (const Stopped&) {
      return stopped();
    }
  if (o.out.empty()) o.out = "runs/profile";
  set_up(options);
  set_threads(o.threads);
  const std::filesystem::path folder = prepare_folder(o.out);
  const FolderLock lock(folder);
  prepare_file(o.json);
  const Problem problem = one_batch(make_problem(o));

  std::optional<Json> record = profile_record(options, problem);
  if (!record || stop_requested()) return stopped();
  if (!options.no_scaling) {
    Progress progress("scaling", options.seconds);
    (*record)["scaling"] =
        measure_scaling(problem, std::string((*record)["method"]), options.seconds,
                        [&](double seconds) { progress.advance(seconds); });
    if (stop_requested()) return stopped();
  }
  print_profile(*record);
  fmt::print("\n");
  write_profile_files(*record, folder);
  for (const char* file :
       {"report.html", "report.json", "ops.csv", "trace.json", "stacks.txt", "roofline.svg"})
    fmt::print("{}\n", (folder / file).string());
  if (!o.json.empty()) write_json(o.json, *record);
  return 0;
}

}  // namespace twice::experiments
