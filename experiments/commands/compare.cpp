// The main job, in order: time, train, sweep epsilon, print, write.
#include "experiments/commands/compare.h"

#include <chrono>
#include <cmath>

#include "autodiff/profile/peak.h"
#include "autodiff/threads/threads.h"
#include "experiments/files/atomic_file.h"
#include "experiments/measure/cost.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/measure/memory.h"
#include "experiments/report/columns.h"
#include "experiments/report/compare_report.h"
#include "experiments/report/progress.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"
#include "experiments/run/terminal.h"

namespace twice::experiments {

namespace {

/// Everything that is found out about one method.
struct Compared {
  const Method* method;
  StepCost cost;
  double measured_mib = 0;
  double error_start = 0, error_end = 0;
  std::vector<EpochRecord> curve;
};

/// |G - G exact in f64| / |G exact in f64| at the same state and batch.
double error_at(const Problem& problem, const Method& m, const ModelState& state,
                const FixedBatch& batch) {
  const GradientVectors exact =
      gradient_vectors(problem, method("exact"), cast(state, DType::f64), batch);
  return relative_error(gradient_vectors(problem, m, state, batch).gradient, exact.gradient);
}

void train(const Problem& problem, Compared& row, const FixedBatch& batch, Progress& progress) {
  Trainer trainer(problem, *row.method);
  row.error_start = error_at(problem, *row.method, trainer.state(), batch);
  while (!trainer.finished() && !stop_requested()) {
    const std::string note = fmt::format("{}, epoch {}", row.method->name, row.curve.size() + 1);
    const std::optional<EpochRecord> epoch =
        run_epoch(trainer, [&] { progress.advance(row.cost.ms, note); });
    if (!epoch) return;
    row.curve.push_back(*epoch);
  }
  row.error_end = error_at(problem, *row.method, trainer.state(), batch);
}

Json phases_of(const Ledger& ledger) {
  Json result = Json::object();
  for (int phase = 0; phase < phase_count; ++phase) {
    const Cost& cost = ledger.phases[static_cast<std::size_t>(phase)];
    if (cost.flops > 0)
      result[std::string(str(static_cast<Phase>(phase)))] = {{"products", cost.products},
                                                             {"gflop", cost.flops / 1e9},
                                                             {"mib", cost.bytes / (1 << 20)}};
  }
  return result;
}

Json row_of(const Problem& problem, const Compared& row, double gradient_ms, double peak_gflops) {
  const Cost total = row.cost.ledger.total();
  const EpochRecord& last = row.curve.back();
  const ProductLaw law = expected_law(problem, *row.method);
  return {{"model", problem.label()},
          {"method", row.method->name},
          {"threads", threads()},
          {"ms", row.cost.ms},
          {"ms_min", row.cost.ms_min},
          {"ms_iqr", row.cost.ms_spread},
          {"samples", row.cost.samples},
          {"ratio_to_gradient", row.cost.ms / gradient_ms},
          {"products", total.products},
          {"small_products", total.small_products},
          {"products_law", law.products(problem.model.products())},
          {"products_law_text", str(law)},
          {"gflop", total.flops / 1e9},
          {"peak_mib", row.cost.peak_mib},
          {"measured_mib", row.measured_mib},
          {"peak_share", total.flops / 1e6 / row.cost.ms / peak_gflops},
          {"gradient_error_start", row.error_start},
          {"gradient_error_end", row.error_end},
          {"loss", last.test_loss},
          {"train_loss", last.train_loss},
          {"test_accuracy", last.test_accuracy},
          {"gradient_norm", last.gradient_norm},
          {"equation", row.method->equation},
          {"convention", row.method->convention},
          {"phases", phases_of(row.cost.ledger)},
          {"curve", row.curve}};
}

void print(const Problem& problem, const Json& record) {
  const RunOptions& o = problem.options;
  fmt::print("\n{} on {}: {} epochs, gamma {}, epsilon {}, lr {}, seed {}, {} threads\n\n",
             problem.label(), o.data, o.epochs, o.regularization.gamma, o.regularization.epsilon,
             o.lr, o.seed, threads());
  run_table(record).print();
  fmt::print(
      "\nms/step: median, methods timed in turn. products: full-size matrix products and "
      "convolutions in a step; "
      "L = {}.\nerror: of the method's gradient, against the exact one of L + gamma/2 |grad L|^2 "
      "in "
      "float64.\n",
      problem.model.products());
}

int stopped() {
  print_error("stopped; a comparison that is not finished leaves no record");
  return stopped_status;
}

}  // namespace

const std::vector<std::string>& compared_methods() {
  static const std::vector<std::string> names = {"sgd",  "exact", "exact-naive",
                                                 "f-gr", "b-gr",  "c-gr"};
  return names;
}

int compare(RunOptions options) {
  if (options.out.empty()) options.out = "runs/compare";
  complete(options, compared_methods());
  set_threads(options.threads);
  const std::filesystem::path folder = prepare_folder(options.out);
  const FolderLock lock(folder);
  prepare_file(options.json);
  const Problem problem = make_problem(options);
  const FixedBatch batch = fixed_batch(problem);

  std::vector<const Method*> timed = {&method("sgd")};
  std::vector<Compared> rows;
  for (const std::string& name : options.methods) {
    rows.push_back({&method(name), {}, 0, 0, 0, {}});
    if (name != "sgd") timed.push_back(&method(name));
  }

  constexpr double timing_seconds = 6;
  Progress timing("timing steps", timing_seconds);
  const std::vector<StepCost> costs =
      step_costs(problem, timed, timing_seconds, [&](double seconds) { timing.advance(seconds); });
  timing.clear();
  const Shape& images = problem.data.train.images.shape();
  for (Compared& row : rows)
    row.measured_mib = step_memory(options, row.method->name,
                                   {{images[1], images[2], images[3]}, problem.data.train.classes});
  for (Compared& row : rows)
    for (const StepCost& cost : costs)
      if (cost.method == row.method->name) row.cost = cost;

  // A method's share of the training time is its step's.
  double total = 0;
  for (const Compared& row : rows) total += row.cost.ms;
  const Index steps = problem.data.train.size() / options.batch * options.epochs;
  Progress progress("training", total * static_cast<double>(steps));
  for (Compared& row : rows) {
    train(problem, row, batch, progress);
    if (stop_requested()) break;
  }
  progress.clear();
  if (stop_requested()) return stopped();

  Json record = record_header("compare");
  record["config"] = to_json(options);
  const double peak = measured_peak_gflops(options.number_type());
  record["machine"]["peak_gflops"] = peak;
  record["team"] = team_record();
  record["rows"] = Json::array();
  for (const Compared& row : rows)
    record["rows"].push_back(row_of(problem, row, costs.front().ms, peak));
  record["epsilon_sweep"] = Json::array();
  const ModelState start = initial_state(problem.model, options.seed, options.number_type());
  for (const EpsilonPoint& point : epsilon_sweep(problem, start, batch))
    record["epsilon_sweep"].push_back({{"method", point.method},
                                       {"dtype", point.dtype},
                                       {"epsilon", point.epsilon},
                                       {"error", point.error},
                                       {"hvp_error", point.hvp_error}});
  if (stop_requested()) return stopped();

  print(problem, record);
  write_atomically(folder / "compare.json", record_text(record));
  write_atomically(folder / "report.html", compare_html(record));
  fmt::print("\n{}\n{}\n", (folder / "report.html").string(), (folder / "compare.json").string());
  if (!options.json.empty()) write_json(options.json, record);
  return 0;
}

}  // namespace twice::experiments
