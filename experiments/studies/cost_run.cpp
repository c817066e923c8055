// Problems on random data, counted and timed.
#include "experiments/studies/cost_run.h"

#include <cmath>

#include "experiments/measure/fit.h"

namespace twice::experiments {

namespace {

Problem problem_of(const CostCase& c, bool rewrite) {
  RunOptions options;
  options.model = c.model;
  if (c.model == "mlp") {
    options.width = c.size;
    options.depth = c.depth;
  } else {
    options.channels = c.size;
  }
  options.activation = c.activation;
  options.batch = c.batch;
  options.data = "synthetic";
  if (!rewrite) options.without = {"accumulate", "gram", "reassociate"};
  complete(options, {"sgd"});
  SyntheticOptions data;
  data.train = c.batch;
  data.test = 10;
  data.image = c.model == "mlp" ? Shape{1, 1, c.inputs} : Shape{32, 32, 3};
  return make_problem(options, synthetic_data(data));
}

MethodCost cost_of(const std::string& name, const Problem& problem, const Cost& total, double mib) {
  return {name,
          problem.model.products(),
          total.products,
          total.small_products,
          total.flops / 1e9,
          mib,
          0,
          0};
}

}  // namespace

std::string CostCase::name() const {
  const std::string shape = model == "mlp" ? fmt::format("{}-{}x{}", inputs, size, depth)
                                           : fmt::format("{} channels", size);
  return fmt::format("{} {}, batch {}, {}", model, shape, batch, activation);
}

const std::vector<std::string>& cost_methods() {
  static const std::vector<std::string> names = {"sgd",  "f-gr",        "b-gr",
                                                 "c-gr", "exact-naive", "exact"};
  return names;
}

std::vector<MethodCost> count_costs(const CostCase& c, const std::vector<std::string>& methods,
                                    bool rewrite) {
  const Problem problem = problem_of(c, rewrite);
  const ModelState state = initial_state(problem.model, 1, DType::f32);
  std::vector<MethodCost> costs;
  for (const std::string& name : methods) {
    const RecordedStep step = record_step(problem, method(name), state);
    const Plan plan = plan_step(step, problem.options, method(name));
    costs.push_back(cost_of(name, problem, ledger(plan.program()).total(),
                            static_cast<double>(plan.peak_bytes()) / (1 << 20)));
  }
  return costs;
}

std::vector<MethodCost> time_costs(StudyContext& context, const CostCase& c,
                                   const std::vector<std::string>& methods, double seconds,
                                   bool rewrite) {
  const Problem problem = problem_of(c, rewrite);
  std::vector<const Method*> list;
  for (const std::string& name : methods) list.push_back(&method(name));
  std::vector<MethodCost> costs;
  for (const StepCost& step :
       step_costs(problem, list, seconds, [&](double passed) { context.advance(passed); })) {
    costs.push_back(cost_of(std::string(step.method), problem, step.ledger.total(), step.peak_mib));
    costs.back().ms = step.ms;
    costs.back().spread = step.ms_spread;
  }
  context.advance(0);  // a stop leaves the timing early: then its numbers are not wanted
  return costs;
}

Vector batch_shares(int parts) {
  Vector shares;
  for (int i = -5 * parts; i <= parts; ++i) shares.push_back(std::pow(2, i / double(parts)));
  return shares;
}

double crossing(const Vector& x, const Vector& ratios) {
  if (ratios.front() >= 1) return x.front();
  const double found = first_crossing(x, ratios);
  return std::isnan(found) ? x.back() : found;
}

}  // namespace twice::experiments
