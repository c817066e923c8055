// Measuring in order: peaks, headline, steps, errors, memory.
#include "experiments/commands/profile/profile_record.h"

#include <fmt/format.h>

#include "autodiff/kernels/blas.h"
#include "experiments/commands/profile/layers.h"
#include "experiments/commands/profile/step_record.h"
#include "experiments/report/progress.h"
#include "experiments/run/machine.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

/// Of the measuring time: the profiled step's; the rows have the rest.
constexpr double step_seconds = 0.3;

Json config_of(const ProfileOptions& options) {
  Json config = to_json(options.run);
  config["methods"] = options.methods;
  config["seconds"] = options.seconds;
  config["no-memory"] = options.no_memory;
  config["no-scaling"] = options.no_scaling;
  return config;
}

Json peaks_of(const std::vector<Peak>& peaks, DType dtype) {
  Json rows = Json::array();
  for (const Peak& peak : peaks)
    rows.push_back({{"threads", peak.threads},
                    {"dtype", str(dtype)},
                    {"gflops", peak.gflops},
                    {"gbs", peak.gbs},
                    {"ridge", peak.ridge()},
                    {"stream_mib", static_cast<double>(stream_bytes()) / (1 << 20)}});
  return rows;
}

/// `L1 Data 48 KiB, L2 Unified 1024 KiB shared by 2`
std::string caches_text(const Json& caches) {
  std::vector<std::string> parts;
  for (const Json& cache : caches)
    parts.push_back(fmt::format(
        "L{} {} {} KiB{}", cache["level"].get<int>(), text(cache, "type"),
        cache["bytes"].get<long>() / 1024,
        cache["shared_by"] > 1 ? fmt::format(" shared by {} cores", cache["shared_by"].get<int>())
                               : ""));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// What was measured and how, in words.
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
                           o.batch, o.data, o.seed, o.lr)},
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
      {"layers", layer_rule()},
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

}  // namespace

std::optional<Json> profile_record(const ProfileOptions& options, const Problem& problem) {
  const RunOptions& o = options.run;
  const Method& profiled = method(o.methods[0]);
  const std::vector<RowKind> kinds = row_kinds(options.methods);
  Json record = record_header("profile");
  record["config"] = config_of(options);
  record["model"] = problem.label();
  record["method"] = profiled.name;
  record["equation"] = profiled.equation;
  record["L"] = problem.model.products();

  Progress progress("profiling", options.seconds);
  progress.advance(0, "the machine's peaks");
  std::vector<Peak> peaks = measured_peaks(o.number_type(), o.threads);
  {
    progress.advance(0, "recording and planning");
    const std::vector<std::unique_ptr<RowProgram>> programs = make_rows(problem, kinds);
    if (stop_requested()) return std::nullopt;
    record["rows"] = time_rows(problem, kinds, programs, options.seconds * (1 - step_seconds),
                               [&](double seconds) { progress.advance(seconds, "rows in turn"); });
    if (stop_requested()) return std::nullopt;
  }
  keep_best(peaks, measured_peaks(o.number_type(), o.threads));
  {
    OurStep step(problem, profiled);
    const StepMeasurement measured =
        measure_steps(step, options.seconds * step_seconds, [&](double seconds) {
          progress.advance(seconds, "steps of " + std::string(profiled.name));
        });
    if (stop_requested()) return std::nullopt;
    keep_best(peaks, measured_peaks(o.number_type(), o.threads));
    record.update(step_record({step, measured, peaks.back()}));
  }
  record["machine"]["caches"] = caches_record();
  record["team"] = team_record();
  record["machine"]["peak_gflops"] = peaks.back().gflops;
  record["machine"]["stream_gbs"] = peaks.back().gbs;
  record["peaks"] = peaks_of(peaks, o.number_type());
  record["peak"] = record["peaks"].back();
  add_peak_share(record["rows"], peaks.back());
  progress.clear();

  Progress checks("errors and memory", static_cast<double>(2 * kinds.size()));
  add_errors(record["rows"], problem, kinds, [&] { checks.advance(1, "errors"); });
  if (!options.no_memory)
    add_memory(record["rows"], problem, kinds, [&] { checks.advance(1, "memory"); });
  if (stop_requested()) return std::nullopt;
  record["how"] = how_of(options, record);
  return record;
}

}  // namespace twice::experiments
