// Options, then: measure, print, write.
#include "experiments/commands/profile/profile.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "autodiff/kernels/blas.h"
#include "autodiff/threads/threads.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/profile/files.h"
#include "experiments/commands/profile/rows.h"
#include "experiments/commands/profile/scaling.h"
#include "experiments/commands/profile/step_record.h"
#include "experiments/commands/profile/tables.h"
#include "experiments/measure/peer.h"
#include "experiments/report/progress.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

/// The profiled step's share of the measuring time; the rows have the rest.
constexpr double step_seconds = 0.3;

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
  std::vector<std::string> named = options.methods;
  if (named.empty())
    for (const Method& m : methods()) named.emplace_back(m.name);
  named.push_back(o.methods[0]);
  options.methods.clear();
  for (const std::string& name : named)
    if (std::ranges::find(options.methods, name) == options.methods.end())
      options.methods.push_back(name);
}

int compare(const ProfileOptions& options) {
  if (options.compare.size() != 2)
    throw UsageError(fmt::format("--compare takes two reports or programs, was given {}",
                                 options.compare.size()));
  const auto is_report = [](const std::string& file) {
    return file.ends_with(".json") ||
           (std::filesystem::exists(file) && ::access(file.c_str(), X_OK) != 0);
  };
  const std::string &first = options.compare[0], &second = options.compare[1];
  const bool a = is_report(first), b = is_report(second);
  if (a && b) return compare_profiles(first, second, options.run.json);
  if (a || b)
    throw UsageError(
        fmt::format("--compare: {} is a report and {} a program; expected two of a kind",
                    a ? first : second, a ? second : first));
  // Two programs take turns, as in `bench`, which knows the options of a model and its methods.
  OptionWords words = options.given;
  words.erase("--compare");
  words.erase("--margin");
  return options.compare_programs(words, options.margin, second, first, "--compare");
}

/// `L1 Data 48 KiB, L2 Unified 1024 KiB shared by 2 cores`
std::string caches_text(const Json& caches) {
  std::vector<std::string> parts;
  for (const Json& cache : caches)
    parts.push_back(fmt::format("L{} {} {} KiB{}", text(cache, "level"), text(cache, "type"),
                                cache["bytes"].get<long>() / 1024,
                                cache["shared_by"] > 1
                                    ? fmt::format(" shared by {} cores", text(cache, "shared_by"))
                                    : ""));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// How each number was measured, in words.
Json how_of(const ProfileOptions& options, const Json& record) {
  const RunOptions& o = options.run;
  const Json& machine = record["machine"];
  return {
      {"warm_up", 2},
      {"rounds", record["rows"][0]["samples"]},
      {"least_rounds", least_rounds},
      {"most_rounds", most_rounds},
      {"seconds", options.seconds},
      {"spread", "first and third quartile over the rounds"},
      {"timing",
       "the rows take turns, one run each a round, after two runs each that are not timed; a step "
       "is the program and the optimiser's update on a batch that is already loaded; ms is the "
       "median"},
      {"steps",
       "the clock is read between the steps of the program and after the update; a step's time is "
       "its median over the runs, and tables sum these medians"},
      {"data", fmt::format("the first {} training images of {} in the data set's order, parameters "
                           "as seed {} gives them; learning rate {}, so that they hardly move",
                           o.batch, o.data, o.seed, *o.lr)},
      {"memory",
       "planned: arena, parameters, inputs and constants, known before anything runs; measured: "
       "rise of the resident memory of a process of its own, the optimiser's memory included; "
       "measured arena: rise by the program's first run alone, page by page"},
      {"peaks",
       "product: best of 8 products of two 1024 x 1024 matrices; memory: best of 6 runs of "
       "a = b + s c over arrays larger than the caches, three arrays counted; with 1 to all "
       "threads"},
      {"errors",
       "|a - b| / |b| over all parameters at the start, b in float64 at the same numbers"},
      {"layers", layer_rule},
      {"fused",
       "a fused step is counted whole for the value that it stores: its last member's phase, "
       "forward op and layer"},
      {"bound",
       "the larger of FLOP over the product's peak and bytes over the memory's; overhead where it "
       "explains less than a fifth of the time"},
      {"compiler", machine["compiler"]},
      {"flags", machine["flags"]},
      {"blas", machine["blas"]},
      {"blas_core", kernel::blas_core()},
      {"threads", machine["threads"]},
      {"cores", machine["cores"]},
      {"dtype", o.dtype},
      {"caches", caches_text(machine["caches"])}};
}

/// The record, from which all tables, pages and files are made. It shows progress on the terminal.
/// Nothing when a stop was requested meanwhile.
std::optional<Json> measured(const ProfileOptions& options, const Problem& problem) {
  const RunOptions& o = options.run;
  const Method& profiled = method(o.methods[0]);
  Json record = record_header("profile");
  Json& config = record["config"] = to_json(o);
  config.update({{"methods", options.methods},
                 {"seconds", options.seconds},
                 {"no-memory", options.no_memory},
                 {"no-scaling", options.no_scaling}});
  record.update({{"model", problem.label()},
                 {"method", profiled.name},
                 {"equation", profiled.equation},
                 {"L", problem.model.products()}});

  // The peaks are measured before, during and after the rest; the maximum is kept.
  Progress progress("profiling", options.seconds);
  progress.advance(0, "the machine's peaks");
  std::vector<Peak> peaks = measured_peaks(o.number_type(), o.threads);
  progress.advance(0, "recording and planning");
  Json rows = time_rows(problem, options.methods, options.seconds * (1 - step_seconds),
                        [&](double seconds) { progress.advance(seconds, "rows in turn"); });
  if (stop_requested()) return {};
  keep_best(peaks, measured_peaks(o.number_type(), o.threads));
  {
    OurStep step(problem, profiled);
    const StepMeasurement times =
        measure_steps(step, options.seconds * step_seconds, [&](double seconds) {
          progress.advance(seconds, fmt::format("steps of {}", profiled.name));
        });
    if (stop_requested()) return {};
    keep_best(peaks, measured_peaks(o.number_type(), o.threads));
    record.update(step_record(step, times, peaks.back()));
  }
  for (const Peak& peak : peaks)
    record["peaks"].push_back({{"threads", peak.threads},
                               {"dtype", str(o.number_type())},
                               {"gflops", peak.gflops},
                               {"gbs", peak.gbs},
                               {"ridge", peak.ridge()},
                               {"stream_mib", static_cast<double>(stream_bytes()) / (1 << 20)}});
  record["peak"] = record["peaks"].back();
  for (Json& row : rows) row["peak_share"] = number(row, "gflops") / peaks.back().gflops;
  record["machine"].update({{"caches", caches_record()},
                            {"peak_gflops", peaks.back().gflops},
                            {"stream_gbs", peaks.back().gbs}});
  record["team"] = team_record();
  progress.clear();

  Progress checks("errors and memory", static_cast<double>(2 * rows.size()));
  add_errors(rows, problem, [&] { checks.advance(1, "errors"); });
  if (!options.no_memory) add_memory(rows, problem, [&] { checks.advance(1, "memory"); });
  checks.clear();
  record["rows"] = std::move(rows);
  record["how"] = how_of(options, record);
  if (!options.no_scaling && !stop_requested()) {
    Progress points("scaling", options.seconds);
    record["scaling"] = measure_scaling(problem, o.methods[0], options.seconds,
                                        [&](double seconds) { points.advance(seconds); });
  }
  if (stop_requested()) return {};
  return record;
}

}  // namespace

void declare_profile(OptionSet& set, ProfileOptions& options) {
  // Steps so small that the numbers hardly move, however many are timed.
  options.run.lr = 1e-4;
  declare(set, options.run);
  // A profile takes steps on one batch and trains nothing.
  set.remove({"augment", "epochs", "schedule", "warmup", "clip"});
  set.group("Profile");
  std::vector<std::string> names;
  for (const Method& m : methods()) names.emplace_back(m.name);
  set.add("methods", &options.methods, "Methods of the headline, separated by commas (none: all)",
          one_of(names));
  set.add("seconds", &options.seconds, "Measuring time, scaling left out");
  set.add("no-memory", &options.no_memory, "Do not measure memory");
  set.add("no-scaling", &options.no_scaling,
          "Do not time other depths, widths, batches and threads");
  set.add("compare", &options.compare,
          "Compare two programs, which take turns (as bench --against), or show two report.json "
          "beside each other")
      .split = false;
  set.add("margin", &options.margin, "With --compare: smaller differences of programs do not count",
          number_from(0, 1));
  set.group("");
  set.add("measure-memory", &options.measure_memory);
  set.keep_given(options.given);
}

int profile(ProfileOptions options) try {
  watch_for_stop();
  if (!options.measure_memory.empty()) {
    fmt::print("{}\n", row_memory_here(options.measure_memory));
    return 0;
  }
  if (!options.compare.empty()) return compare(options);
  RunOptions& o = options.run;
  if (o.out.empty()) o.out = "runs/profile";
  set_up(options);
  set_threads(o.threads);
  const std::filesystem::path folder = prepare_folder(o.out);
  const FolderLock lock(folder);
  prepare_file(o.json);
  const std::optional<Json> record = measured(options, one_batch(make_problem(o)));
  if (!record) throw Stopped{};
  print_profile(*record);
  fmt::print("\n");
  for (const std::filesystem::path& file : write_profile_files(*record, folder))
    fmt::print("{}\n", file.string());
  if (!o.json.empty()) write_json(o.json, *record);
  return 0;
} catch (const Stopped&) {
  print_error("stopped; a profile that is not finished leaves no record");
  return stopped_status;
}

}  // namespace twice::experiments
