// A step is planned, and its ledger read.
#include "experiments/commands/sweep/run_cost.h"

#include "autodiff/profile/ledger.h"

namespace twice::experiments {

std::string cost_key(const Json& config, bool steps) {
  std::string key;
  const auto add = [&](const char* option) { key += config.value(option, Json()).dump() + " "; };
  for (const char* option : {"data", "model", "width", "depth", "channels", "activation", "batch"})
    add(option);
  if (steps)
    for (const char* option : {"method", "dtype", "without"}) add(option);
  return key;
}

double epoch_flops(const Problem& problem, const Method& method) {
  const RunOptions& options = problem.options;
  const DType dtype = options.number_type();
  const ModelState state = initial_state(problem.model, options.seed, dtype);
  const RecordedStep step = record_step(problem, method, state);
  const double flops = ledger(plan_step(step, options, method).program()).total().flops;
  const auto steps = static_cast<double>(problem.data.train.size() / options.batch);
  return steps * flops * (dtype == DType::f64 ? 2 : 1);
}

EpochCosts check_models(const Grid& grid, bool count_flops) {
  std::map<std::string, std::map<std::string, const GridRun*>> by_data;
  for (const GridRun& run : grid.runs)
    by_data[run.config.at("data")].emplace(cost_key(run.config, count_flops), &run);
  EpochCosts costs;
  for (const auto& [name, models] : by_data) {
    const DataSplit data = load_data(name);
    for (const auto& [key, run] : models) {
      const RunOptions options = grid_run_options(run->config, 1);
      const Problem problem = make_problem(options, data);
      if (count_flops) costs[key] = epoch_flops(problem, method(options.methods.at(0)));
    }
  }
  return costs;
}

}  // namespace twice::experiments
