// The diagonal linear network, where the bias of gradient regularization has a formula: the
// invariant alpha_GR, the potential that the solution minimises, and what this does to the test
// error, at full batch and at batch size 1.
#include "experiments/studies/diagonal_run.h"

namespace twice::experiments {

namespace {

/// a_i / b_i
Vector ratios(Vector a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] /= b[i];
  return a;
}

/// outcomes[run][seed]
using Outcomes = std::vector<std::vector<DiagonalOutcome>>;

Outcomes train_all(StudyContext& context, const char* task, const std::vector<DiagonalRun>& runs,
                   Index samples, Index inputs, Index sparsity, int count) {
  double steps = 0;
  for (const DiagonalRun& run : runs) steps += run.most_steps;
  const std::uint64_t first = context.seeds()[0];
  const auto seeds = static_cast<std::size_t>(count);
  const std::vector<DiagonalOutcome> all =
      context.jobs(task, runs.size() * seeds, steps * count, [&](std::size_t i) {
        const std::uint64_t seed = first + i % seeds;
        const Regression problem = regression(samples, inputs, sparsity, seed);
        return train(context, problem, runs[i / seeds], seed, context.number("correction"));
      });
  Outcomes outcomes(runs.size());
  for (std::size_t i = 0; i < all.size(); ++i) outcomes[i / seeds].push_back(all[i]);
  return outcomes;
}

Vector all_of(const std::vector<DiagonalOutcome>& outcomes, double DiagonalOutcome::*member) {
  Vector result;
  for (const DiagonalOutcome& outcome : outcomes) result.push_back(outcome.*member);
  return result;
}

std::string name_of(const DiagonalRun& run) {
  if (run.method == "sgd") return run.single ? "SGD" : "GD";
  if (run.method == "exact") return "exact";
  return fmt::format("{}({:g})", run.method == "f-gr" ? "F-GR" : "B-GR", run.epsilon);
}

std::string with_interval(const Vector& values) {
  const Interval i = mean_interval(values);
  return fmt::format("{:.4f} ({:.4f} to {:.4f})", mean(values), i.low, i.high);
}

void full_batch(StudyContext& context, StudyResult& result) {
  const double gamma = 0.5, alpha = 0.1, step = context.number("step");
  const int most = context.count("full-steps");
  const auto run_of = [&](const char* name, double eps, double size) {
    return DiagonalRun{name, eps, gamma, size, alpha, false, static_cast<int>(most * step / size)};
  };
  const std::vector<DiagonalRun> runs = {
      run_of("sgd", 0, step),    run_of("b-gr", 0.5, step),     run_of("exact", 0, step),
      run_of("f-gr", 0.5, step), run_of("exact", 0, 10 * step), run_of("f-gr", 0.5, 10 * step)};
  const int seeds = context.count("seeds");
  const Outcomes found = train_all(context, "full batch", runs, 20, 30, 3, seeds);

  StudyTable table{
      "Full batch: means over seeds, with 95 % of the mean",
      {"method", "step", "test error", "ln alpha falls by", "largest error of alpha_GR",
       "largest KKT residual, alpha_GR", "smallest, alpha of the start"},
      {}};
  Vector invariants, residuals, uncorrected, losses, growth;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const Vector kkt = all_of(found[r], &DiagonalOutcome::kkt),
                 start = all_of(found[r], &DiagonalOutcome::kkt_start),
                 invariant = all_of(found[r], &DiagonalOutcome::invariant_error);
    table.rows.push_back({name_of(runs[r]), fmt::format("{:g}", runs[r].step),
                          with_interval(all_of(found[r], &DiagonalOutcome::test_error)),
                          with_interval(all_of(found[r], &DiagonalOutcome::shrinkage)),
                          fmt::format("{:.1e}", on_all("", invariant, at_most(0)).interval.high),
                          fmt::format("{:.1e}", on_all("", kkt, at_most(0)).interval.high),
                          fmt::format("{:.2f}", on_all("", start, at_most(0)).interval.low)});
    for (const DiagonalOutcome& outcome : found[r]) losses.push_back(outcome.loss);
    if (r == 0 || r > 3) continue;
    invariants.insert(invariants.end(), invariant.begin(), invariant.end());
    residuals.insert(residuals.end(), kkt.begin(), kkt.end());
    uncorrected.insert(uncorrected.end(), start.begin(), start.end());
  }
  for (const auto& [coarse, fine] : {std::pair(4, 2), std::pair(5, 3)})
    for (std::size_t s = 0; s < found[0].size(); ++s)
      growth.push_back(found[static_cast<std::size_t>(coarse)][s].kkt /
                       found[static_cast<std::size_t>(fine)][s].kkt);
  result.tables.push_back(table);

  const auto shrinkage = [&](std::size_t r) {
    return all_of(found[r], &DiagonalOutcome::shrinkage);
  };
  const auto error = [&](std::size_t r) { return all_of(found[r], &DiagonalOutcome::test_error); };
  result.claims.push_back(
      on_all("full batch: training interpolates (loss, of about 0.25 at the start)", losses,
             at_most(1e-4)));
  result.claims.push_back(
      on_all("sqrt(w+ o w-) = alpha_GR (largest relative error of an entry; B-GR, exact, F-GR)",
             invariants, at_most(0.01)));
  result.claims.push_back(
      on_all("KKT residual of the potential with alpha_GR", residuals, at_most(1e-3)));
  result.claims.push_back(
      on_all("the correction is needed: the residual with the alpha of the start is larger by",
             ratios(uncorrected, residuals), at_least(100)));
  result.claims.push_back(
      on_all("the residual is due to the finite step: with steps ten times larger it is larger by",
             growth, {4, 25}));
  result.claims.push_back(on_mean(
      "F-GR shrinks alpha more than exact (-ln alpha / alpha_0, mean of the entries: ratio)",
      ratios(shrinkage(3), shrinkage(2)), at_least(1)));
  result.claims.push_back(on_mean("exact shrinks alpha more than B-GR (the same ratio)",
                                  ratios(shrinkage(2), shrinkage(1)), at_least(1)));
  result.claims.push_back(
      on_mean("full batch: F-GR(0.5) has a smaller test error than GD (paired difference)",
              differences(error(3), error(0)), at_most(0), Weight::limit));
}

void single_examples(StudyContext& context, StudyResult& result) {
  const double gamma = 0.05, alpha = 0.1, step = 0.002;
  const int most = context.count("single-steps");
  const Vector epsilons = {0.05, 0.2, 0.5, 1};
  std::vector<DiagonalRun> runs = {{"sgd", 0, gamma, step, alpha, true, most},
                                   {"exact", 0, gamma, step, alpha, true, most}};
  for (const double eps : epsilons) runs.push_back({"f-gr", eps, gamma, step, alpha, true, most});
  runs.push_back({"b-gr", 1, gamma, step, alpha, true, most});
  const Outcomes found =
      train_all(context, "batch size 1", runs, 40, 100, 5, context.count("single-seeds"));

  StudyTable table{"Batch size 1: means over seeds, with 95 % of the mean",
                   {"method", "test error", "minus exact, paired", "ln alpha falls by",
                    "training loss of the last example, median"},
                   {}};
  std::vector<Vector> errors;
  for (const std::vector<DiagonalOutcome>& outcomes : found)
    errors.push_back(all_of(outcomes, &DiagonalOutcome::test_error));
  for (std::size_t r = 0; r < runs.size(); ++r)
    table.rows.push_back({name_of(runs[r]), with_interval(errors[r]),
                          r == 1 ? "" : with_interval(differences(errors[r], errors[1])),
                          with_interval(all_of(found[r], &DiagonalOutcome::shrinkage)),
                          fmt::format("{:.1e}", median(all_of(found[r], &DiagonalOutcome::loss)))});
  result.tables.push_back(table);

  StudyPlot plot{"single",
                 "Test error at batch size 1",
                 "sum of (beta - beta*)^2: mean over seeds; dotted: 95 % of F-GR's mean",
                 "eps of F-GR",
                 true,
                 false,
                 {}};
  StudyCurve curve{"F-GR", "f-gr", epsilons};
  for (std::size_t k = 0; k < epsilons.size(); ++k) {
    const Interval i = mean_interval(errors[2 + k]);
    curve.y.push_back(mean(errors[2 + k]));
    curve.low.push_back(i.low);
    curve.high.push_back(i.high);
  }
  plot.curves = {curve};
  const Vector ends = {epsilons.front(), epsilons.back()};
  for (const auto& [name, ink, r] :
       {std::tuple("exact", "exact", std::size_t{1}), std::tuple("SGD", "sgd", std::size_t{0}),
        std::tuple("B-GR(1)", "b-gr", runs.size() - 1)})
    plot.curves.push_back({name, ink, ends, {mean(errors[r]), mean(errors[r])}});
  result.plots.push_back(plot);

  const auto compare = [&](const char* text, std::size_t a, std::size_t b, Weight weight) {
    result.claims.push_back(
        on_mean(fmt::format("batch size 1: {} (test error, paired difference)", text),
                differences(errors[a], errors[b]), at_most(0), weight));
  };
  compare("F-GR(1) is better than exact", 5, 1, Weight::core);
  compare("F-GR(1) is better than F-GR(0.05)", 5, 2, Weight::core);
  compare("exact is better than SGD", 1, 0, Weight::core);
  compare("SGD is better than B-GR(1)", 0, 6, Weight::limit);
}

StudyResult run(StudyContext& context) {
  StudyResult result;
  result.setup = {
      "beta = w+^2 - w-^2 (elementwise), w+- = alpha = 0.1 at the start, L = |X beta - y|^2 / 4n, "
      "float64; X from N(0, I), beta* 1/sqrt(s) on s inputs and else zero, "
      "y = X beta*.",
      fmt::format(
          "Full batch: n = 20, d = 30, 3 nonzero, gamma = 0.5, step {} (and ten times that), "
          "until L < 1e-18, at most {} steps, {} seeds.",
          context.number("step"), context.count("full-steps"), context.count("seeds")),
      fmt::format("Batch size 1: n = 40, d = 100, 5 nonzero, gamma = 0.05, step 0.002, {} steps, "
                  "{} seeds; the example of each step drawn at random, the same for all methods.",
                  context.count("single-steps"), context.count("single-seeds")),
      "alpha_GR = alpha exp(-gamma Int g g' dt), the integral summed along the run from the "
      "gradients that the engine computes: g = X'(X beta - y)/n at the point, g' where the finite "
      "difference looks (exact: g' = g).",
      "Potential: phi_a(b) = 1/4 sum [b asinh(b / 2a^2) - sqrt(b^2 + 4a^4)]; its KKT residual is "
      "the share of its gradient that is no combination of the rows of X.",
      "Test error: sum of (beta - beta*)^2, the expected squared error."};
  full_batch(context, result);
  single_examples(context, result);
  result.remarks = {
      "A smaller alpha is nearer to the L1 regime. On the full batch this does not lower the test "
      "error, because alpha shrinks on the support too; at batch size 1 it does.",
      "The differences between methods depend on gamma, alpha and the number of steps; none was "
      "tuned on the test error here."};
  return result;
}

}  // namespace

Study diagonal_linear_network_study() {
  return {
      "diagonal-linear-network",
      "the invariant alpha_GR, the potential at interpolation, test error against eps",
      "In a diagonal linear network gradient regularization shrinks the scale alpha that decides "
      "between the L2-like and the L1-like (\"rich\") regime, and a forward difference shrinks "
      "it more than the exact gradient. The solution minimises the potential phi with alpha_GR "
      "among those that interpolate, and F-GR at large eps generalises better.",
      "That GR biases to the rich regime and that finite differences strengthen it: Karakida et "
      "al., ICML 2023. The formulas of alpha_GR and phi as used here were derived for this "
      "project; phi: Woodworth et al., COLT 2020.",
      "20 s",
      "10 min",
      "More seeds, and a grid over gamma, alpha and sparsity.",
      {{"full-steps", "most steps at full batch", 200000, 3000000, 100, 1e9, true},
       {"step", "size of a step at full batch", 1e-3, 1e-3, 1e-5, 0.01, false},
       {"seeds", "repetitions at full batch", 5, 10, 2, 1000, true},
       {"single-steps", "steps at batch size 1", 100000, 300000, 100, 1e9, true},
       {"single-seeds", "repetitions at batch size 1", 5, 10, 2, 1000, true},
       {"correction", "factor on the exponent of alpha_GR", 1, 1, -10, 10, false}},
      run};
}

}  // namespace twice::experiments
