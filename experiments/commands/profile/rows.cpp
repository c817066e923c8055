// Records, plans and measures the programs of the rows.
#include "experiments/commands/profile/rows.h"

#include <malloc.h>

#include <algorithm>

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/matmul.h"
#include "autodiff/threads/threads.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/measure/noise.h"
#include "experiments/measure/statistics.h"
#include "experiments/measure/steps.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

const std::string step_of = "step of ";

struct RowKind {
  /// The name in records, such as `gradient` or `step of exact`.
  std::string name;
  /// `loss`, `gradient`, `hvp` or `step`.
  std::string kind;
  std::string equation;
  /// For H v only.
  HvpMode mode = HvpMode::reverse_over_reverse;
  /// For a step only.
  const Method* method = nullptr;
};

const std::vector<RowKind> derivatives = {
    {"loss", "loss", "loss"},
    {"gradient", "gradient", "g = grad loss"},
    {"H v, reverse over reverse", "hvp", "H v = grad <g, v>"},
    {"H v, forward over reverse", "hvp", "H v = the derivative of g along v",
     HvpMode::forward_over_reverse},
    {"H v, finite differences", "hvp", "(g(w + epsilon v) - g(w - epsilon v)) / (2 epsilon)",
     HvpMode::finite_difference}};

RowKind kind_of(const std::string& row) {
  if (row.starts_with(step_of)) {
    const Method& m = method(row.substr(step_of.size()));
    return {row, "step", std::string(m.equation), {}, &m};
  }
  const auto found = std::ranges::find(derivatives, row, &RowKind::name);
  return derivatives.at(static_cast<std::size_t>(found - derivatives.begin()));
}

/// The point at which the rows are evaluated.
struct Point {
  ModelState state;
  /// The v of H v, one array for each parameter.
  std::vector<Array> direction;
};

/// The work of a row: a program and, for a step, the optimiser's update.
class RowProgram {
 public:
  /// Records and plans the row. A step always starts at the parameters of the seed. Other rows read
  /// the arrays of `point` in place. `program` selects one of the method's programs.
  RowProgram(const Problem& problem, const RowKind& kind, const Point& point, int program = 0)
      : state_(point.state) {
    const RunOptions& o = problem.options;
    RecordedStep step;
    if (kind.method) {
      state_ = initial_state(problem.model, o.seed_of_weights(), o.number_type());
      step = record_step(problem, *kind.method, state_, program);
      plan_ = plan_step(step, o, *kind.method);
      gradient_ = plan_->values(step.estimate.gradient);
      optimizer_.emplace(optimizer_options(o));
    } else {
      step = record_inputs(problem, state_);
      const ScalarFunction loss = [&](const Tensors& at) { return record_loss(problem, step, at); };
      if (kind.kind == "loss") outputs_ = loss(step.w);
      if (kind.kind == "gradient") outputs_ = grad(loss(step.w), step.w);
      if (kind.kind == "hvp") {
        Tensors v;
        for (const Array& array : point.direction) v.push_back(step.tape->parameter(array, "v"));
        outputs_ = hvp(loss, step.w, v, kind.mode, o.regularization.epsilon);
      }
      plan_ = Plan({outputs_}, plan_options(o, "sgd"));
    }
    inputs_ = step.bind(problem.data.train);
    tape_ = std::move(step.tape);
  }

  /// The program's first run, without an update.
  void start() { plan_->run(inputs_); }
  /// Another run, with the update.
  void run() {
    plan_->run();
    if (optimizer_) optimizer_->update(state_.parameters, gradient_);
  }
  const Plan& plan() const { return *plan_; }
  double update_bytes() const {
    return optimizer_ ? bytes_of_update(*optimizer_, state_.parameters) : 0;
  }
  /// The outputs of a row other than a step.
  std::vector<Array> result() const { return plan_->values(outputs_); }

 private:
  ModelState state_;
  std::unique_ptr<Tape> tape_;
  std::vector<Binding> inputs_;
  /// ℒ, g or H v, as tensors. Empty for a step.
  Tensors outputs_;
  std::optional<Plan> plan_;
  std::optional<Optimizer> optimizer_;
  std::vector<Array> gradient_;
};

/// The parameters that the options' seed gives, in the options' dtype, and v = g at that point.
Point start_of(const Problem& problem) {
  const RunOptions& o = problem.options;
  Point point{initial_state(problem.model, o.seed_of_weights(), o.number_type()), {}};
  RowProgram gradient(problem, kind_of("gradient"), point);
  gradient.start();
  for (const Array& g : gradient.result()) point.direction.push_back(g.clone());
  return point;
}

/// The expected number of products of the row's program.
ProductLaw law_of(const Problem& problem, const RowKind& kind) {
  if (expected_law(problem, method("sgd")).per_layer == 0) return {};
  if (kind.method) return expected_law(problem, *kind.method);
  if (kind.kind == "loss") return {1, 0};
  if (kind.kind == "gradient") return expected_law(problem, method("sgd"));
  if (kind.mode == HvpMode::finite_difference) {
    // As in c-gr: the products x'd of the first layer of both gradients are joined if the planner
    // joins products.
    const Method& central = method("c-gr");
    return {6, expected_law(problem, central).saved == central.planned_law.saved ? 3 : 2};
  }
  // A pass without the weight gradients has 2L - 1 products. Its derivative along v has 2L - 1
  // products for values, 2L - 2 for cotangents and 2L - 1 for the weight gradients. The cotangent
  // of the first hidden layer serves only its second derivatives, which piecewise linear
  // activations lack.
  const std::string& activation = problem.options.activation;
  const bool linear = activation.starts_with("relu") || activation.starts_with("leaky_relu") ||
                      activation == "identity";
  return {8, linear && problem.model.products() > 1 && problem.model.buffer_info().empty() ? 6 : 5};
}

/// True for methods that follow the gradient of ℒ + gamma/2 |g|^2, and for sgd, which leaves out
/// the penalty. The other methods have another objective.
bool same_objective(const Method& m) {
  return m.name == "sgd" || m.convention.starts_with("squared norm");
}

}  // namespace

void add_times(Json& row, std::vector<double> ms) {
  std::ranges::sort(ms);
  row["ms"] = quantile(ms, 0.5);
  row["ms_min"] = ms.front();
  row["ms_q1"] = quantile(ms, 0.25);
  row["ms_q3"] = quantile(ms, 0.75);
}

Json timed_row(const std::string& name, const char* kind, const StepCost& cost) {
  const StepCounts& total = cost.total;
  Json row = count_fields(cost);
  row.update({{"name", name},
              {"kind", kind},
              {"samples", cost.samples.size()},
              {"samples_ms", cost.samples},
              {"mib_moved", total.bytes / mib},
              {"arena_mib", cost.arena_mib}});
  add_times(row, cost.samples);
  row["ms_iqr"] = number(row, "ms_q3") - number(row, "ms_q1");
  row["ms_interval"] = to_json(median_interval(cost.samples));
  row["gflops"] = total.flops / number(row, "ms") / 1e6;
  row["gbs"] = total.bytes / number(row, "ms") / 1e6;
  for (const char* later :
       {"method", "equation", "products_law", "products_law_text", "peak_share", "measured_mib",
        "measured_arena_mib", "error", "error_against", "hvp_error", "objective", "ratio_to_loss",
        "ratio_to_gradient", "ratio_to_loss_interval", "ratio_to_gradient_interval"})
    row[later] = Json();
  return row;
}

Json time_rows(const Problem& problem, const std::vector<std::string>& methods, double seconds,
               const TimingProgress& progress) {
  std::vector<RowKind> kinds = derivatives;
  for (const std::string& name : methods) kinds.push_back(kind_of(step_of + name));
  const Point start = start_of(problem);
  std::vector<std::unique_ptr<RowProgram>> programs;
  std::vector<const Plan*> plans;
  std::vector<std::function<void()>> work;
  double sum = 0;
  for (const RowKind& kind : kinds)
    for (int p = 0; p < (kind.method ? kind.method->programs : 1); ++p) {
      if (stop_requested()) return {};
      try {
        programs.push_back(std::make_unique<RowProgram>(problem, kind, start, p));
      } catch (const Error& error) {
        if (!kind.method) throw;
        throw Error(std::string(error.what()) + "; --methods chooses the methods of the rows");
      }
      RowProgram& program = *programs.back();
      program.start();
      plans.push_back(&program.plan());
      work.push_back([&program] { program.run(); });
      sum += static_cast<double>(program.plan().peak_bytes());
      if (sum > memory_bytes() / 2)
        fail("profile",
             "the programs that are timed in turn need more than half of this machine's {:.1f} "
             "GiB; name fewer with --methods, or take a smaller --batch, --width or --channels",
             memory_bytes() / (1 << 30));
    }
  for (const auto& run : work) run();
  const std::vector<std::vector<double>> samples = timed_in_turns(work, seconds, progress);
  Json rows = Json::array();
  if (stop_requested()) return rows;
  std::size_t at = 0;
  for (const RowKind& kind : kinds) {
    const std::vector<double> shares =
        kind.method ? program_shares(problem, *kind.method) : std::vector{1.};
    const ProductLaw law = law_of(problem, kind);
    StepCost cost = mean_cost(kind.name, shares, std::span(plans).subspan(at, shares.size()),
                              std::span(samples).subspan(at, shares.size()));
    cost.total.bytes += programs[at]->update_bytes();
    rows.push_back(timed_row(kind.name, kind.kind.c_str(), cost));
    at += shares.size();
    Json& row = rows.back();
    if (kind.method) row["method"] = kind.method->name;
    row.update({{"equation", kind.equation},
                {"products_law", expected_products(problem, law)},
                {"products_law_text", law.per_layer == 1 ? "L" : str(law)}});
  }
  for (Json& row : rows)
    for (const auto& [other, name] : {std::pair{0, "ratio_to_loss"}, {1, "ratio_to_gradient"}})
      add_ratio(row, name,
                ratio_in_rounds(numbers(row["samples_ms"]), numbers(rows[other]["samples_ms"])));
  return rows;
}

void add_errors(Json& rows, const Problem& problem, const std::function<void()>& progress) {
  const Dataset batch = fixed_batch(problem);
  // The same parameters in both dtypes, so that only the arithmetic differs.
  const Point start = start_of(problem);
  Point precise{cast(start.state, DType::f64), {}};
  for (const Array& v : start.direction) precise.direction.push_back(v.cast(DType::f64));
  const double gamma = problem.options.regularization.gamma;
  const GradientVectors exact = gradient_vectors(problem, method("exact"), precise.state, batch);
  const auto result = [&](const RowKind& kind, const Point& point) {
    RowProgram program(problem, kind, point);
    program.start();
    return flat(program.result());
  };
  for (Json& row : rows) {
    if (stop_requested()) return;
    RowKind kind = kind_of(text(row, "name"));
    if (!kind.method) {
      const std::vector<double> found = result(kind, start);
      kind.mode = HvpMode::reverse_over_reverse;
      row["error"] = relative_error(found, result(kind, precise));
      row["error_against"] = (kind.kind == "loss"       ? "loss"
                              : kind.kind == "gradient" ? "g"
                                                        : "H v, reverse over reverse,") +
                             std::string(" in float64");
    } else if (!same_objective(*kind.method)) {
      row["objective"] = "another";
    } else {
      const auto found = gradients_of_programs(problem, *kind.method, start.state, batch, 0);
      const std::vector<double> shares = program_shares(problem, *kind.method);
      const std::vector<double> errors = over_programs(found, [&](const GradientVectors& v) {
        return relative_error(v.gradient, exact.gradient);
      });
      row["objective"] = "gamma/2 |g|^2";
      row["error"] = mean_over_programs(errors, shares);
      if (errors.size() > 1) row["program_errors"] = errors;
      row["error_against"] = "g + gamma H g, exact, in float64";
      if (gamma > 0 && kind.method->name != "sgd")
        row["hvp_error"] =
            mean_over_programs(over_programs(found,
                                             [&](const GradientVectors& v) {
                                               return relative_error(estimated_hvp(v, gamma),
                                                                     estimated_hvp(exact, gamma));
                                             }),
                               shares);
    }
    progress();
  }
}

void add_memory(Json& rows, const Problem& problem, const std::function<void()>& progress) {
  for (Json& row : rows) {
    const std::string name = text(row, "name");
    const Method* const of = kind_of(name).method;
    const std::vector<double> measured =
        memory_in_fresh_processes("profile", problem, name, of ? of->programs : 1);
    if (stop_requested()) return;
    row["measured_mib"] = measured.at(0);
    row["measured_arena_mib"] = measured.at(1);
    progress();
  }
}

std::string row_memory_here(const std::string& request) {
  const Json asked = Json::parse(request);
  const RunOptions options = run_options(asked.at("options"));
  const RowKind kind = kind_of(asked.at("row"));
  const int program = asked.at("program").get<int>();
  set_threads(options.threads);
  // Large blocks always come from the system, never from freed memory.
  mallopt(M_MMAP_THRESHOLD, 1 << 16);
  // Each thread first allocates its buffers for the product kernel, which the process keeps.
  const Array a = Array::filled({1024, 1024}, options.number_type(), 1);
  kernel::matmul(a, a, false, false, Array({1024, 1024}, options.number_type()));
  std::optional<Problem> problem;
  Point point;
  std::optional<RowProgram> row;
  const double all = memory_rise([&] {
    problem = random_problem(options, without_examples(asked.at("examples")));
    if (!kind.method)
      point.state = initial_state(problem->model, options.seed_of_weights(), options.number_type());
    if (kind.kind == "hvp")
      for (const Array& w : point.state.parameters) point.direction.push_back(w.clone());
    row.emplace(*problem, kind, point, program);
    row->start();
    row->run();
  });
  // Once more, after all kernels have allocated their memory. Only the arena's pages are new.
  RowProgram again(*problem, kind, point, program);
  const double before = anonymous_mib();
  again.start();
  return fmt::format("{} {}", all, anonymous_mib() - before);
}

}  // namespace twice::experiments
