// The diagonal linear network, for which the bias of gradient regularization has a formula.
// Measures the invariant alpha_GR, the potential that the solution minimises, and the effect on the
// test error, at full batch and at batch size 1.
#include <cmath>

#include "autodiff/autodiff.h"
#include "experiments/studies/problems.h"

namespace twice::experiments {

namespace {

constexpr double start_alpha = 0.1;

/// y = X beta*, X from N(0, I). beta* is 1/sqrt(s) on s = `sparsity` inputs and 0 on the others.
struct Regression {
  Index samples, inputs;
  SmallData data;
  Vector truth;
};

Regression regression(Index samples, Index inputs, Index sparsity, std::uint64_t seed) {
  Array x({samples, inputs}, DType::f64), truth = Array::zeros({inputs, 1}, DType::f64);
  fill_normal(Rng(seed, 0, 0xD1A6), 0, 1, x);
  const double entry = 1 / std::sqrt(static_cast<double>(sparsity));
  for (Index i = 0; i < sparsity; ++i) truth.set(i, entry);
  Tape tape;
  const Array y = evaluate(matmul(tape.constant(x), tape.constant(truth)));
  return {samples, inputs, {x, y}, truth.to_vector()};
}

/// At the minimum of sum phi_a(beta) over X beta = y, the gradient of phi is X' nu for some nu.
/// This gradient is asinh(beta / 2 a^2) / 4. Returns its distance from the space of all X' nu,
/// relative to its length.
double kkt_residual(const Regression& problem, const Vector& beta, const Vector& a) {
  const Index n = problem.samples, d = problem.inputs;
  Vector v;
  for (std::size_t i = 0; i < beta.size(); ++i)
    v.push_back(std::asinh(beta[i] / (2 * a[i] * a[i])));
  Tape tape;
  const Tensor x = tape.constant(problem.data.x), t = tape.constant(Array::from(v, {d, 1}));
  const Vector gram = evaluate(matmul(x, transpose(x))).to_vector();
  const Vector right = evaluate(matmul(x, t)).to_vector();
  // nu = (X X')^-1 X v, computed from the eigenvectors of X X'.
  const SymmetricEigen eigen = symmetric_eigen(gram);
  const auto count = static_cast<std::size_t>(n);
  Vector nu(count, 0);
  for (std::size_t k = 0; k < count; ++k) {
    double along = 0;
    for (std::size_t i = 0; i < count; ++i) along += eigen.vectors[i * count + k] * right[i];
    for (std::size_t i = 0; i < count; ++i)
      nu[i] += eigen.vectors[i * count + k] * along / eigen.values[k];
  }
  const Tensor multipliers = tape.constant(Array::from(nu, {n, 1}));
  return relative_error(evaluate(matmul(transpose(x), multipliers)).to_vector(), v);
}

struct Setup {
  std::string method;
  double epsilon, gamma, step;
  bool single;  ///< batch size 1, else the whole data
  int most_steps;

  std::string name() const {
    if (method == "sgd") return single ? "SGD" : "GD";
    if (method == "exact") return "exact";
    return fmt::format("{}({:g})", method == "f-gr" ? "F-GR" : "B-GR", epsilon);
  }
};

/// Trains, and measures the end of the run:
/// `test error`       sum of (beta - beta*)^2, the expected squared error for an x from N(0, I);
/// `loss`
/// `invariant error`  the largest |alpha measured / alpha_GR - 1|, alpha measured = sqrt(w+ o w-);
/// `kkt`, `kkt start` the KKT residual with a = alpha_GR and with the initial alpha;
/// `shrinkage`        -mean ln(alpha_GR / alpha).
Measured train(StudyContext& context, const Regression& problem, const Setup& run,
               std::uint64_t seed) {
  // A factor on the exponent of alpha_GR. Any value other than 1 makes the check fail.
  const double correction = context.number("correction");
  const Model model = dln({.inputs = problem.inputs, .alpha = start_alpha});
  const Index rows = run.single ? 1 : problem.samples;
  const std::vector<Array> w = model.initial_parameters(Rng(seed), DType::f64);
  PlannedMethod step(model, problem.data, rows, w, run.method,
                     {.gamma = run.gamma, .epsilon = run.epsilon > 0 ? run.epsilon : 1});
  std::vector<SmallData> batches;
  for (Index part = 0; part < problem.samples / rows; ++part)
    batches.push_back(problem.data.part(part, rows));
  // Views of the plan's memory, which each run overwrites.
  const std::vector<Array> plain = step.plain(), gradient = step.gradient();
  const double *plus = w[0].data<double>(), *minus = w[1].data<double>(),
               *g_plus = plain[0].data<double>(), *g_minus = plain[1].data<double>(),
               *G_plus = gradient[0].data<double>(), *G_minus = gradient[1].data<double>();
  const auto d = static_cast<std::size_t>(problem.inputs);
  Vector integral(d, 0);  // integral of gamma g g' dt
  const bool difference = run.method == "f-gr" || run.method == "b-gr";
  const double eps = run.method == "b-gr" ? -run.epsilon : run.epsilon;
  Optimizer optimizer({.lr = run.step});
  const Rng order = Rng(seed).keyed(0, 0x0DE4);
  constexpr int batch_of_steps = 1000;
  int t = 0;
  for (; t < run.most_steps; ++t) {
    if (t % batch_of_steps == 0) context.advance(std::min(batch_of_steps, run.most_steps - t));
    const auto pick = static_cast<std::size_t>(order.uniform(static_cast<std::uint64_t>(t)) *
                                               static_cast<double>(batches.size()));
    step.run(batches[pick]);
    // The gradients with respect to w+ and w- are w+ o g and -w- o g, with g = X'(X beta - y)/n at
    // the current point. g' is the same quantity at the point where a finite difference evaluates
    // the gradient. The larger of |w+| and |w-| gives the more accurate g.
    if (run.method != "sgd")
      for (std::size_t i = 0; i < d; ++i) {
        const bool up = std::abs(plus[i]) >= std::abs(minus[i]);
        const double own = up ? plus[i] : minus[i], slope = up ? g_plus[i] : g_minus[i],
                     all = up ? G_plus[i] : G_minus[i], sign = up ? 1 : -1;
        const double g = sign * slope / own;
        const double elsewhere =
            difference ? sign * (slope + eps / run.gamma * (all - slope)) / (own + eps * slope) : g;
        integral[i] += run.step * run.gamma * g * elsewhere;
      }
    if (!run.single && step.loss() < 1e-18) break;
    optimizer.update(w, gradient);
  }
  context.advance((run.most_steps - t) / batch_of_steps * batch_of_steps);

  Vector beta(d), alpha(d);
  double test_error = 0, invariant_error = 0, shrinkage = 0;
  for (std::size_t i = 0; i < d; ++i) {
    beta[i] = plus[i] * plus[i] - minus[i] * minus[i];
    alpha[i] = start_alpha * std::exp(-correction * integral[i]);
    const double measured = std::sqrt(plus[i] * minus[i]);
    test_error += (beta[i] - problem.truth[i]) * (beta[i] - problem.truth[i]);
    // A negative product gives NaN, which a maximum must not hide.
    const double error = std::abs(measured / alpha[i] - 1);
    if (!(error <= invariant_error)) invariant_error = error;
    shrinkage += correction * integral[i] / static_cast<double>(d);
  }
  Measured result = {{"test error", {test_error}},
                     {"loss", {step.loss()}},
                     {"invariant error", {invariant_error}},
                     {"shrinkage", {shrinkage}}};
  if (!run.single) {
    result["kkt"] = {kkt_residual(problem, beta, alpha)};
    result["kkt start"] = {kkt_residual(problem, beta, Vector(d, start_alpha))};
  }
  return result;
}

std::vector<Repeated> train_all(StudyContext& context, const char* task,
                                const std::vector<Setup>& runs, Index samples, Index inputs,
                                Index sparsity, int seeds) {
  double steps = 0;
  for (const Setup& run : runs) steps += run.most_steps / static_cast<double>(runs.size());
  return context.jobs(
      task, runs.size(), context.seeds(0, seeds), steps, [&](std::size_t i, std::uint64_t seed) {
        return train(context, regression(samples, inputs, sparsity, seed), runs[i], seed);
      });
}

void full_batch(StudyContext& context, StudyResult& result) {
  const double step = context.number("step");
  const auto run_of = [&](const char* name, double eps, double size) {
    return Setup{name, eps,   0.5,
                 size, false, static_cast<int>(context.count("full-steps") * step / size)};
  };
  const std::vector<Setup> runs = {run_of("sgd", 0, step),        run_of("b-gr", 0.5, step),
                                   run_of("exact", 0, step),      run_of("f-gr", 0.5, step),
                                   run_of("exact", 0, 10 * step), run_of("f-gr", 0.5, 10 * step)};
  const std::vector<Repeated> found =
      train_all(context, "full batch", runs, 20, 30, 3, context.count("seeds"));

  StudyTable table{
      "Full batch: means over seeds, with 95 % intervals",
      {"method", "step", "test error", "ln alpha falls by", "largest error of alpha_GR",
       "largest KKT residual with alpha_GR", "smallest KKT residual with initial alpha"}};
  for (std::size_t r = 0; r < runs.size(); ++r) {
    table.rows.push_back({runs[r].name(), fmt::format("{:g}", runs[r].step),
                          with_interval(each(found[r], "test error"), "{:.4f}"),
                          with_interval(each(found[r], "shrinkage"), "{:.4f}"),
                          fmt::format("{:.1e}", range_of(each(found[r], "invariant error")).high),
                          fmt::format("{:.1e}", range_of(each(found[r], "kkt")).high),
                          fmt::format("{:.2f}", range_of(each(found[r], "kkt start")).low)});
  }
  result.tables.push_back(table);
  Vector growth = ratios(each(found[4], "kkt"), each(found[2], "kkt"));
  for (const double ratio : ratios(each(found[5], "kkt"), each(found[3], "kkt")))
    growth.push_back(ratio);
  const auto shrinkage = [&](std::size_t r) { return each(found[r], "shrinkage"); };
  result.claim(
      {on_all("full batch: training interpolates (loss, about 0.25 at the start)",
              all(found, 0, 5, "loss"), at_most(1e-4)),
       on_all("sqrt(w+ o w-) = alpha_GR (largest relative error of an entry; B-GR, exact, F-GR)",
              all(found, 1, 3, "invariant error"), at_most(0.01)),
       on_all("KKT residual of the potential with alpha_GR", all(found, 1, 3, "kkt"),
              at_most(1e-3)),
       on_all("the correction is needed: KKT residual with the initial alpha / with alpha_GR",
              ratios(all(found, 1, 3, "kkt start"), all(found, 1, 3, "kkt")), at_least(100)),
       on_all("the residual is due to the finite step: KKT residual with ten times larger steps / "
              "with normal steps",
              growth, {4, 25}),
       on_mean(
           "F-GR shrinks alpha more than exact (-ln alpha / alpha_0, mean of the entries: ratio)",
           ratios(shrinkage(3), shrinkage(2)), at_least(1)),
       on_mean("exact shrinks alpha more than B-GR (the same ratio)",
               ratios(shrinkage(2), shrinkage(1)), at_least(1)),
       on_mean("full batch: F-GR(0.5) has a smaller test error than GD (paired difference)",
               differences(each(found[3], "test error"), each(found[0], "test error")), at_most(0),
               Weight::limit)});
}

void single_examples(StudyContext& context, StudyResult& result) {
  const Vector epsilons = {0.05, 0.2, 0.5, 1};
  const auto run_of = [&](const char* name, double eps) {
    return Setup{name, eps, 0.05, 0.002, true, context.count("single-steps")};
  };
  std::vector<Setup> runs = {run_of("sgd", 0), run_of("exact", 0)};
  for (const double eps : epsilons) runs.push_back(run_of("f-gr", eps));
  runs.push_back(run_of("b-gr", 1));
  const std::vector<Repeated> found =
      train_all(context, "batch size 1", runs, 40, 100, 5, context.count("single-seeds"));

  StudyTable table{"Batch size 1: means over seeds, with 95 % intervals",
                   {"method", "test error", "minus exact, paired", "ln alpha falls by",
                    "training loss of the last example, median"}};
  const auto error = [&](std::size_t r) { return each(found[r], "test error"); };
  for (std::size_t r = 0; r < runs.size(); ++r)
    table.rows.push_back({runs[r].name(), with_interval(error(r), "{:.4f}"),
                          r == 1 ? "" : with_interval(differences(error(r), error(1)), "{:.4f}"),
                          with_interval(each(found[r], "shrinkage"), "{:.4f}"),
                          fmt::format("{:.1e}", median(each(found[r], "loss")))});
  result.tables.push_back(table);

  StudyPlot plot{
      .name = "single",
      .title = "Test error at batch size 1",
      .y_title = "sum of (beta - beta*)^2: mean over seeds; shaded: 95 % interval of F-GR's mean",
      .x_title = "eps of F-GR",
      .log_x = true};
  plot.curves.push_back(mean_curve("F-GR", "f-gr", epsilons, Shown::mean_and_interval,
                                   [&](std::size_t k) { return error(2 + k); }));
  for (const std::size_t r : {std::size_t{1}, std::size_t{0}, runs.size() - 1})
    plot.curves.push_back(mean_curve(runs[r].name(), runs[r].method,
                                     {epsilons.front(), epsilons.back()}, Shown::mean,
                                     [&](std::size_t) { return error(r); }));
  result.plots.push_back(plot);

  const auto compare = [&](const char* text, std::size_t a, std::size_t b, Weight weight) {
    return on_mean(fmt::format("batch size 1: {} (test error, paired difference)", text),
                   differences(error(a), error(b)), at_most(0), weight);
  };
  result.claim({compare("F-GR(1) is better than exact", 5, 1, Weight::core),
                compare("F-GR(1) is better than F-GR(0.05)", 5, 2, Weight::core),
                compare("exact is better than SGD", 1, 0, Weight::core),
                compare("SGD is better than B-GR(1)", 0, 6, Weight::limit)});
}

void run(StudyContext& context, StudyResult& result) {
  full_batch(context, result);
  single_examples(context, result);
}

}  // namespace

Study diagonal_linear_network_study() {
  return {
      "diagonal-linear-network",
      "the invariant alpha_GR, the potential at interpolation, test error against eps",
      "In a diagonal linear network, gradient regularization shrinks the scale alpha, which "
      "decides between the L2-like and the L1-like (\"rich\") regime. A forward difference shrinks "
      "alpha more than the exact gradient. Among all solutions that interpolate, training finds "
      "the one that minimises the potential phi with alpha_GR. F-GR with large eps generalises "
      "better.",
      "Karakida et al., ICML 2023, for the bias of GR towards the rich regime, which finite "
      "differences strengthen. The formulas for alpha_GR and phi as used here were derived for "
      "this project. phi: Woodworth et al., COLT 2020.",
      "20 s",
      "10 min",
      "More seeds, and a grid over gamma, alpha and sparsity.",
      {{"full-steps", "most steps at full batch", 200000, 3000000, 100, 1e9, true},
       {"step", "size of a step at full batch", 1e-3, 1e-3, 1e-5, 0.01, false},
       {"seeds", "repetitions at full batch", 5, 10, 2, 1000, true},
       {"single-steps", "steps at batch size 1", 100000, 300000, 100, 1e9, true},
       {"single-seeds", "repetitions at batch size 1", 5, 10, 2, 1000, true},
       {"correction", "factor on the exponent of alpha_GR", 1, 1, -10, 10, false}},
      {"beta = w+^2 - w-^2 (elementwise), with w+ = w- = alpha = 0.1 at the start. The loss is |X "
       "beta - y|^2 / 4n, in float64. X is from N(0, I), beta* is 1/sqrt(s) on s inputs and 0 on "
       "the others, and y = X beta*.",
       "Full batch: n = 20, d = 30, 3 nonzero, gamma = 0.5, step {step} (and ten times that), "
       "until the loss is below 1e-18, at most {full-steps} steps, {seeds} seeds.",
       "Batch size 1: n = 40, d = 100, 5 nonzero, gamma = 0.05, step 0.002, {single-steps} steps, "
       "{single-seeds} seeds. The example of each step is drawn at random and is the same for all "
       "methods.",
       "alpha_GR = alpha exp(-gamma Int g g' dt). The integral is summed along the run from the "
       "gradients that the engine computes: g = X'(X beta - y)/n at the current point, and g' at "
       "the second point of the finite difference (for exact, g' = g).",
       "Potential: phi_a(b) = 1/4 sum [b asinh(b / 2a^2) - sqrt(b^2 + 4a^4)]. Its KKT residual is "
       "the distance of its gradient from the span of the rows of X, relative to the gradient.",
       "Test error: sum of (beta - beta*)^2, the expected squared error."},
      {"A smaller alpha is nearer to the L1 regime. At full batch this does not lower the test "
       "error, because alpha shrinks on the support too. At batch size 1 it does.",
       "The differences between methods depend on gamma, alpha and the number of steps. None of "
       "these was tuned on the test error here."},
      run};
}

}  // namespace twice::experiments
