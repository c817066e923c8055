// The main job, in order: time, train, sweep epsilon, print, write.
#include "experiments/commands/compare.h"

#include <algorithm>

#include "autodiff/profile/peak.h"
#include "autodiff/threads/threads.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/commands.h"
#include "experiments/files/words.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/measure/noise.h"
#include "experiments/measure/steps.h"
#include "experiments/report/progress.h"
#include "experiments/report/runs.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

namespace {

/// Adds the relative error |G - G*| / |G*| at the trainer's state, where G* is the exact G in f64
/// at the same state and batch. `when` is "start" or "end".
void add_error(Json& row, const std::string& when, Trainer& trainer, const Dataset& batch) {
  const Problem& problem = trainer.problem();
  const Method& m = trainer.method();
  const GradientVectors exact =
      gradient_vectors(problem, method("exact"), cast(trainer.state(), DType::f64), batch);
  const std::vector<double> errors = over_programs(
      gradients_of_programs(problem, m, trainer.state(), batch, trainer.steps()),
      [&](const GradientVectors& v) { return relative_error(v.gradient, exact.gradient); });
  row["gradient_error_" + when] = mean_over_programs(errors, program_shares(problem, m));
  if (errors.size() > 1) row["program_errors_" + when] = errors;
}

/// Trains with the method of a row until the end or until a stop is requested, and adds the results
/// to the row. A method that diverges has its error in place of results.
void train(const Problem& problem, const Dataset& batch, Progress& progress, Json& row) try {
  const Method& m = method(text(row, "method"));
  const double ms = number(row, "ms");
  Trainer trainer(problem, m);
  add_error(row, "start", trainer, batch);
  Json& curve = row["curve"] = Json::array();
  while (!trainer.finished() && !stop_requested()) {
    const std::string note = fmt::format("{}, epoch {}", m.name, curve.size() + 1);
    const std::optional<EpochRecord> epoch =
        run_epoch(trainer, [&] { progress.advance(ms, note); });
    if (!epoch) return;
    curve.push_back(Json(*epoch));
  }
  if (stop_requested()) return;
  add_error(row, "end", trainer, batch);
  for (const char* field : {"loss", "train_loss", "test_accuracy", "metrics", "gradient_norm"})
    row[field] = curve.back()[field];
} catch (const RunFailure& failure) {
  row["error"] = failure.what();
}

Json phases_of(const StepCost& cost) {
  Json result = Json::object();
  for (std::size_t phase = 0; phase < phase_count; ++phase)
    if (const StepCounts& counts = cost.phases[phase]; counts.flops > 0)
      result[std::string(str(static_cast<Phase>(phase)))] = {
          {"products", count_json(counts.products)},
          {"gflop", counts.flops / 1e9},
          {"mib", counts.bytes / mib}};
  return result;
}

std::string text_of(const Problem& problem, const Json& record) {
  const RunOptions& o = problem.options;
  std::string warning = noise_warning(record);
  for (const Json& row : objects(record, "rows"))
    if (row.contains("error")) warning += (warning.empty() ? "" : "\n") + text(row, "error");
  return fmt::format(
      "\n{} on {}: {}, gamma {}, epsilon {}, lr {}, seed {}, {}\n\n{}\nms/step: "
      "median, methods timed in turn. products: full-size matrix products and convolutions in a "
      "step; L = {}.\nerror: the method's gradient, compared with the exact gradient of loss + "
      "gamma/2 |g|^2 in float64.\n{}",
      problem.label(), problem.data.train.name, counted(o.epochs, "epoch"), o.regularization.gamma,
      o.regularization.epsilon, *o.lr, o.seed, counted(threads(), "thread"),
      run_table(record).on_screen(), problem.model.products(),
      warning.empty() ? "" : warning + "\n");
}

}  // namespace

const std::vector<std::string>& compared_methods() {
  static const std::vector<std::string> names = {"sgd",  "exact", "exact-naive",
                                                 "f-gr", "b-gr",  "c-gr"};
  return names;
}

Report compare(const Problem& given, const CompareSettings& settings) {
  demand("compare", settings.seconds > 0, "seconds", settings.seconds, "> 0");
  if (settings.methods.empty()) fail("compare", "needs at least one method, was given none");
  const Problem problem = completed(given, settings.methods);
  const RunOptions& options = problem.options;
  const Dataset batch = fixed_batch(problem);
  std::vector<const Method*> timed = {&method("sgd")};
  for (const std::string& name : options.methods)
    if (name != "sgd") timed.push_back(&method(name));
  NoiseMeter meter(options.number_type());
  Progress timing("timing steps", settings.seconds);
  const std::vector<StepCost> costs = step_costs(problem, timed, settings.seconds,
                                                 [&](double seconds) { timing.advance(seconds); });
  timing.clear();
  const Json noise = meter.record();

  Json rows = Json::array();
  double total_ms = 0;
  for (const std::string& name : options.methods) {
    const StepCost& cost = *std::ranges::find(costs, name, &StepCost::method);
    total_ms += cost.ms().median;
    Json row = cost_fields(problem, cost);
    row["rounds_ms"] = cost.samples;
    for (const StepCost& other : costs) {
      const RatioInRounds ratio = ratio_in_rounds(cost.samples, other.samples);
      if (other.method == "sgd") add_ratio(row, "ratio_to_gradient", ratio);
      if (other.method == "f-gr") add_ratio(row, "ratio_to_f_gr", ratio);
    }
    row["measured_mib"] = settings.memory ? Json(step_memory(problem, name)) : Json();
    row["equation"] = method(name).equation;
    row["convention"] = method(name).convention;
    row["phases"] = phases_of(cost);
    rows.push_back(std::move(row));
  }

  // The progress bar divides the training time in proportion to the methods' step times.
  const Index steps = problem.data.train.size() / options.batch * options.epochs;
  Progress progress("training", total_ms * static_cast<double>(steps));
  for (std::size_t i = 0; i < rows.size() && !stop_requested(); ++i)
    train(problem, batch, progress, rows[i]);
  progress.clear();
  end_if_stopped();

  Json record = record_header("compare");
  record["config"] = config_of(problem);
  record["data"] = data_record(problem);
  const double peak = measured_peak_gflops(options.number_type());
  record["machine"]["peak_gflops"] = peak;
  record["team"] = team_record();
  record["noise"] = noise;
  for (Json& row : rows) row["peak_share"] = number(row, "gflop") * 1e3 / number(row, "ms") / peak;
  record["rows"] = rows;
  record["epsilon_sweep"] = epsilon_sweep(problem, starting_state(problem), batch);
  end_if_stopped();
  Report report{record,
                text_of(problem, record),
                {{"compare.json", record_text(record)}, {"report.html", compare_html(record)}}};
  for (auto& file : run_tables(compare_runs({"compare.json", record}).runs))
    report.files.push_back(std::move(file));
  return report;
}

namespace {

void declare_compare(OptionSet& set, RunOptions& options) {
  options.methods = compared_methods();
  declare(set, options);
}

/// Prints the report, writes compare.json and report.html to `options.out`, and writes the JSON to
/// `options.json` too. Returns the exit status.
int run_compare(RunOptions options) try {
  watch_for_stop();
  if (options.out.empty()) options.out = "runs/compare";
  complete(options, compared_methods());
  warn_of_unread(options);
  set_threads(options.threads);
  const std::filesystem::path folder = prepare_folder(options.out);
  const FolderLock lock(folder);
  prepare_file(options.json);
  const Report report =
      compare(make_problem(options), {.methods = options.methods, .memory = true});
  fmt::print("{}\n", report.text);
  if (!options.json.empty()) write_json(options.json, report.record);
  report.write(folder);
  const std::vector<Json> rows = objects(report.record, "rows");
  const auto failed = [](const Json& row) { return row.contains("error"); };
  return std::ranges::any_of(rows, failed) ? 1 : 0;
} catch (const Stopped&) {
  print_error("stopped; an unfinished comparison leaves no record");
  return stopped_status;
}

}  // namespace

void add_compare(CommandLine& app) {
  app.add("compare", "train one model with each GR method: cost, gradient error, result",
          declare_compare, run_compare);
}

}  // namespace twice::experiments
