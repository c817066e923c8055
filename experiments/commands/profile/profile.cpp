// Measures peaks, rows, steps and memory, and implements the command.
#include "experiments/commands/profile/profile.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "autodiff/kernels/blas.h"
#include "autodiff/threads/threads.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/profile/files.h"
#include "experiments/commands/profile/page.h"
#include "experiments/commands/profile/rows.h"
#include "experiments/commands/profile/scaling.h"
#include "experiments/commands/profile/step_record.h"
#include "experiments/files/words.h"
#include "experiments/measure/noise.h"
#include "experiments/report/html.h"
#include "experiments/report/progress.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

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

/// Describes in words how each number was measured. `data` describes the data and is empty for a
/// plan.
Json how_of(const Json& record, const std::string& data) {
  const Json &machine = record["machine"], &config = record["config"];
  Json how = {{"warm_up", 2},
              {"rounds", record["rows"][0]["samples"]},
              {"least_rounds", least_rounds},
              {"most_rounds", most_rounds},
              {"blas_core", kernel::blas_core()},
              {"caches", caches_text(machine["caches"])}};
  for (const char* key : {"compiler", "flags", "blas", "threads", "cores"}) how[key] = machine[key];
  for (const char* key : {"seconds", "dtype"}) how[key] = config[key];
  for (const auto& [term, meaning] :
       terms("how", {{"data", data}, {"several", member(record, "programs")}}))
    how[term] = meaning;
  return how;
}

/// The machine's peaks are measured before, during and after the rest. The maximum is kept.
void measure_again(std::vector<Peak>& peaks, DType dtype) {
  keep_best(peaks, measured_peaks(dtype, threads()));
}

Json peak_record(const Peak& peak, DType dtype) {
  Json record = {
      {"threads", peak.threads}, {"dtype", str(dtype)},
      {"gflops", peak.gflops},   {"gbs", peak.gbs},
      {"ridge", peak.ridge()},   {"stream_mib", static_cast<double>(stream_bytes()) / mib}};
  for (int level = 0; level < cache_levels - 1; ++level) {
    const double gbs = peak.level_gbs(level);
    record[fmt::format("l{}_gbs", level + 1)] = gbs > 0 ? Json(gbs) : Json();
  }
  for (const Rate& rate : peak.rates)
    record["rates"].push_back(
        {{"bytes", rate.bytes}, {"gbs", rate.gbs}, {"level", level_name(peak.level(rate.bytes))}});
  for (const Start& start : peak.starts)
    record["starts"].push_back({{"bytes", start.bytes}, {"us", start.seconds * 1e6}});
  return record;
}

void add_peaks(Json& record, const std::vector<Peak>& peaks, DType dtype) {
  for (const Peak& peak : peaks) record["peaks"].push_back(peak_record(peak, dtype));
  record["peak"] = record["peaks"].back();
  for (Json& row : record["rows"]) row["peak_share"] = number(row, "gflops") / peaks.back().gflops;
  record["machine"].update({{"caches", caches_record()},
                            {"peak_gflops", peaks.back().gflops},
                            {"stream_gbs", peaks.back().gbs}});
  record["team"] = team_record();
}

/// Small enough for the parameters to stay almost the same, however many steps are timed.
constexpr double small_lr = 1e-4;

void check_seconds(double seconds) {
  demand("profile", seconds >= 0.01 && seconds <= 3600, "seconds", seconds,
         "a number from 0.01 to 3600");
}

/// Several medians of the profiled step: from its row, from the timing of its parts, and from the
/// starting point of the scaling.
std::vector<double> times_of_the_step(const Json& record) {
  const std::string method = text(record, "method");
  std::vector<double> ms = {number(record["attribution"], "step_ms")};
  // The other numbers of a method with several programs are means over them.
  if (record.contains("programs")) return ms;
  const auto add = [&](const Json& rows) {
    for (const Json& row : rows)
      if (row["method"] == method) ms.push_back(number(row, "ms"));
  };
  add(record["rows"]);
  for (const Json& axis : objects(member(record, "scaling"), "axes"))
    for (const Json& point : objects(axis, "points"))
      if (axis["axis"] == "batch" && point["value"] == axis["base"]) add(point["methods"]);
  return ms;
}

Report report_of(const Json& record) {
  return {record, profile_text(record), profile_files(record)};
}

}  // namespace

Report profile(std::initializer_list<Tensors> outputs, const PlanProfile& options) {
  check_seconds(options.seconds);
  Plan plan(outputs, options.passes);
  plan.run(options.bindings);
  const Tensor first =
      std::ranges::find_if(outputs, [](const Tensors& list) { return !list.empty(); })->front();
  const DType dtype = first.dtype() == DType::f64 ? DType::f64 : DType::f32;
  Json record = record_header("profile");
  record["model"] = options.name;
  record["config"] = {{"seconds", options.seconds}, {"dtype", str(dtype)}, {"threads", threads()}};

  Progress progress("profiling", options.seconds);
  progress.advance(0, "the machine's peaks");
  std::vector<Peak> peaks = measured_peaks(dtype, threads());
  NoiseMeter meter(dtype);
  const TimedProgram timed(plan, first.tape());
  progress.advance(0, "each kernel alone");
  const std::vector<Prediction> predicted = predict(plan.program(), peaks.back());
  const StepMeasurement times = measure_steps(
      timed, options.seconds, [&](double seconds) { progress.advance(seconds, options.name); });
  end_if_stopped();
  record["noise"] = meter.record();
  measure_again(peaks, dtype);
  record.update(step_record(timed, times, predicted));
  const Plan* const plans[] = {&plan};
  record["rows"].push_back(
      timed_row(options.name, "program", mean_cost("", {1}, plans, std::array{times.untimed})));
  add_peaks(record, peaks, dtype);
  record["how"] = how_of(record, "");
  return report_of(record);
}

Report profile(const Problem& given, const ProblemProfile& options) {
  check_seconds(options.seconds);
  const Method& profiled = method(options.method);
  std::vector<std::string> names = options.methods.empty() ? names_of(methods()) : options.methods;
  names.push_back(options.method);
  std::set<std::string> seen;
  std::erase_if(names, [&](const std::string& name) { return !seen.insert(name).second; });
  Problem problem = given;
  if (!problem.options.lr) problem.options.lr = small_lr;
  problem = one_batch(completed(std::move(problem), {options.method}));
  const RunOptions& o = problem.options;
  Json record = record_header("profile");
  Json& config = record["config"] = config_of(problem);
  if ((options.memory || options.scaling) && !config.contains("model"))
    fail("profile", "memory and scaling rebuild the problem, but {} was built by hand", o.problem);
  config.update({{"methods", names},
                 {"seconds", options.seconds},
                 {"program", options.program},
                 {"no-memory", !options.memory},
                 {"no-scaling", !options.scaling}});
  record.update({{"model", problem.label()},
                 {"method", profiled.name},
                 {"equation", profiled.equation},
                 {"L", problem.model.products()}});
  if (options.program < 0 || options.program >= profiled.programs)
    fail("profile", "the method {} has {}, numbered from 0; it has no program {}", profiled.name,
         counted(profiled.programs, "program"), options.program);
  if (profiled.programs > 1)
    record.update({{"program", options.program},
                   {"programs", profiled.programs},
                   {"program_share",
                    program_shares(problem, profiled)[static_cast<std::size_t>(options.program)]}});

  // The profiled step's fraction of the measuring time. The rows use the rest.
  constexpr double step_seconds = 0.3;
  Progress progress("profiling", options.seconds);
  progress.advance(0, "the machine's peaks");
  std::vector<Peak> peaks = measured_peaks(o.number_type(), threads());
  NoiseMeter meter(o.number_type());
  progress.advance(0, "recording and planning");
  record["rows"] = time_rows(problem, names, options.seconds * (1 - step_seconds),
                             [&](double seconds) { progress.advance(seconds, "rows in turn"); });
  end_if_stopped();
  measure_again(peaks, o.number_type());
  {
    OurStep step(problem, profiled, options.program);
    progress.advance(0, "each kernel alone");
    const std::vector<Prediction> predicted = predict(step, peaks.back());
    const StepMeasurement times =
        measure_steps(step, options.seconds * step_seconds, [&](double seconds) {
          progress.advance(seconds, fmt::format("steps of {}", profiled.name));
        });
    end_if_stopped();
    measure_again(peaks, o.number_type());
    record.update(step_record(step, times, predicted));
  }
  record["noise"] = meter.record();
  add_peaks(record, peaks, o.number_type());
  progress.clear();

  Json& rows = record["rows"];
  Progress checks("errors and memory", static_cast<double>(2 * rows.size()));
  add_errors(rows, problem, [&] { checks.advance(1, "errors"); });
  if (options.memory) add_memory(rows, problem, [&] { checks.advance(1, "memory"); });
  checks.clear();
  record["how"] = how_of(
      record, fmt::format("the first {} training examples of {} in the data set's order, initial "
                          "parameters of seed {}; learning rate {}{}",
                          o.batch, problem.data.train.name, o.seed, *o.lr,
                          *o.lr > small_lr ? "" : ", small enough to leave them almost unchanged"));
  end_if_stopped();
  if (options.scaling) {
    Progress points("scaling", options.seconds);
    record["scaling"] = measure_scaling(problem, options.method, options.seconds,
                                        [&](double seconds) { points.advance(seconds); });
    end_if_stopped();
  }
  record["noise"]["same_step_ms"] = times_of_the_step(record);
  return report_of(record);
}

namespace {

struct ProfileOptions {
  RunOptions run;
  ProblemProfile profile;
  bool no_memory = false, no_scaling = false;
  /// Two reports or two programs (commands/bench/turns.h) to compare. If set, nothing is profiled.
  std::vector<std::string> compare;
  /// For two programs: differences below this fraction of a time do not count.
  double margin = 0.02;
  /// If not empty: a request as JSON. The process only measures the memory of one row and prints
  /// it. rows.h describes how this program starts itself with such a request.
  std::string measure_memory;
};

void declare_profile(OptionSet& set, ProfileOptions& options) {
  options.run.lr = small_lr;
  declare(set, options.run);
  // A profile takes steps on one batch and does not train.
  set.remove({"augment", "epochs", "schedule", "warmup", "clip"});
  set.group("Profile");
  set.add("methods", &options.profile.methods,
          "Methods of the headline, separated by commas (default: all)",
          one_of(names_of(methods())));
  set.add("program", &options.profile.program,
          "For a method with several programs: the number of the one whose steps are profiled",
          whole(0, 1 << 20));
  set.add("seconds", &options.profile.seconds, "Measuring time in seconds, without the scaling",
          number_from(0.01, 3600));
  set.add("no-memory", &options.no_memory, "Do not measure memory");
  set.add("no-scaling", &options.no_scaling,
          "Do not time other depths, widths, batches and threads");
  set.add("compare", &options.compare,
          "Compare two programs by timing them alternately (as bench --against), or show two "
          "report.json side by side")
      .split = false;
  set.add("margin", &options.margin, "With --compare: ignore smaller differences between programs",
          number_from(0, 1))
      .needs = "compare";
  set.group("");
  set.add("measure-memory", &options.measure_memory);
}

int compare_two(const ProfileOptions& options) {
  if (options.compare.size() != 2)
    throw UsageError(fmt::format("--compare takes two reports or programs, was given {}",
                                 options.compare.size()));
  const auto is_report = [](const std::string& file) {
    return file.ends_with(".json") ||
           (std::filesystem::exists(file) && ::access(file.c_str(), X_OK) != 0);
  };
  const std::string &first = options.compare[0], &second = options.compare[1];
  const bool a = is_report(first), b = is_report(second);
  if (a && b) {
    for (const auto& [word, value] : options.run.given)
      if (word != "--compare" && word != "--json" && word != "--quiet")
        print_error(word + " has no effect on a comparison of two reports");
    return compare_profiles(first, second, options.run.json);
  }
  if (a || b)
    throw UsageError(fmt::format(
        "--compare: {} is a report and {} a program; expected two reports or two programs",
        a ? first : second, a ? second : first));
  // Two programs are timed alternately, as in `bench`, which parses the options of a model and its
  // methods.
  OptionWords words = options.run.given;
  words.erase("--compare");
  words.erase("--margin");
  return compare_programs(words, options.margin, second, first, "--compare");
}

/// Prints the report, writes its files to `--out` and its record to `--json`. Returns the exit
/// status.
int run_profile(ProfileOptions options) try {
  watch_for_stop();
  if (!options.measure_memory.empty()) {
    fmt::print("{}\n", row_memory_here(options.measure_memory));
    return 0;
  }
  if (!options.compare.empty()) return compare_two(options);
  RunOptions& o = options.run;
  if (o.out.empty()) o.out = "runs/profile";
  o.schedule = "constant";
  complete(o, {"exact"});
  if (o.methods.size() != 1)
    throw UsageError(
        fmt::format("--method names the profiled method, but {} were given; --methods names the "
                    "methods of the headline",
                    o.methods.size()));
  set_threads(o.threads);
  const std::filesystem::path folder = prepare_folder(o.out);
  const FolderLock lock(folder);
  prepare_file(o.json);
  options.profile.method = o.methods[0];
  options.profile.memory = !options.no_memory;
  options.profile.scaling = !options.no_scaling;
  const Report report = profile(make_problem(o), options.profile);
  fmt::print("{}\n", report.text);
  if (!o.json.empty()) write_json(o.json, report.record);
  report.write(folder);
  return 0;
} catch (const Stopped&) {
  print_error("stopped; an unfinished profile leaves no record");
  return stopped_status;
}

}  // namespace

void add_profile(CommandLine& app) {
  app.add("profile", "show the cost of each derivative, and where time and memory go",
          declare_profile, run_profile);
}

}  // namespace twice::experiments
