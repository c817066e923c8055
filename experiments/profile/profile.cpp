// Options, then: measure, print, write.
#include "experiments/profile/profile.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "autodiff/array/threads.h"
#include "experiments/profile/profile_compare.h"
#include "experiments/profile/profile_files.h"
#include "experiments/profile/profile_record.h"
#include "experiments/profile/profile_tables.h"
#include "experiments/profile/scaling.h"
#include "experiments/report/progress.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice {

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

int stopped() {
  fmt::print(stderr, "stopped; a profile that is not finished leaves no record\n");
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
  app.add_option("--compare", options.compare,
                 "Measure nothing; say what got faster or slower from the first report.json to the "
                 "second")
      ->expected(2)
      ->group(group);
  app.add_option("--margin", options.margin,
                 "With --compare: changes smaller than this share do not count")
      ->check(CLI::Range(0.0, 1.0))
      ->group(group);
  app.add_option("--measure-memory", options.measure_memory)->group("");
}

int profile(ProfileOptions options) {
  if (!options.measure_memory.empty()) {
    fmt::print("{}\n", row_memory_here(options.measure_memory));
    return 0;
  }
  RunOptions& o = options.run;
  if (!options.compare.empty())
    return compare_profiles(options.compare[0], options.compare[1], o.json, options.margin);
  if (o.out.empty()) o.out = "runs/profile";
  set_up(options);
  set_threads(o.threads);
  const std::filesystem::path folder = prepare_folder(o.out);
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

}  // namespace twice
