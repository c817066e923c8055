// Data, training, alpha_GR and the potential's KKT residual.
#include "experiments/studies/diagonal_run.h"

#include <cmath>

#include "autodiff/autodiff.h"

namespace twice::experiments {

Regression regression(Index samples, Index inputs, Index sparsity, std::uint64_t seed) {
  Array x({samples, inputs}, DType::f64), truth = Array::zeros({inputs, 1}, DType::f64);
  fill_normal(Rng(seed, 0, 0xD1A6), 0, 1, x);
  const double entry = 1 / std::sqrt(static_cast<double>(sparsity));
  for (Index i = 0; i < sparsity; ++i) truth.set(i, entry);
  Tape tape;
  const Array y = value(matmul(tape.constant(x), tape.constant(truth)));
  return {samples, inputs, sparsity, {x, y}, truth.to_vector()};
}

namespace {

/// At the minimum of sum phi_a(beta) over X beta = y the gradient of phi, asinh(beta / 2 a^2) / 4,
/// is X' nu for some nu. This is the distance of the gradient from such a point.
double kkt_residual(const Regression& problem, const Vector& beta, const Vector& a) {
  const Index n = problem.samples, d = problem.inputs;
  Array v({d, 1}, DType::f64);
  for (Index i = 0; i < d; ++i) {
    const auto k = static_cast<std::size_t>(i);
    v.set(i, std::asinh(beta[k] / (2 * a[k] * a[k])));
  }
  Tape tape;
  const Tensor x = tape.constant(problem.data.x), t = tape.constant(v);
  const Vector gram = value(matmul(x, transpose(x))).to_vector();
  const Vector right = value(matmul(x, t)).to_vector();
  // nu = (X X')^-1 X v by the eigenvectors of X X'.
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
  return relative_distance(value(matmul(transpose(x), multipliers)).to_vector(), v.to_vector());
}

}  // namespace

DiagonalOutcome train(StudyContext& context, const Regression& problem, const DiagonalRun& run,
                      std::uint64_t seed, double correction) {
  const Model model = dln({.inputs = problem.inputs, .alpha = run.alpha});
  const Index rows = run.single ? 1 : problem.samples;
  const std::vector<Array> w = model.initial_parameters(Rng(seed), DType::f64);
  PlannedMethod step(
      model, problem.data, rows, w, method(run.method),
      {.gamma = run.gamma > 0 ? run.gamma : 1, .epsilon = run.epsilon > 0 ? run.epsilon : 1});
  std::vector<SmallData> batches;
  for (Index first = 0; first < problem.samples; first += rows)
    batches.push_back(
        {problem.data.x.sliced(0, first, rows), problem.data.y.sliced(0, first, rows)});
  // Views of the plan's memory, which each run fills anew.
  const std::vector<Array> plain = step.plain(), gradient = step.gradient();
  const double *plus = w[0].data<double>(), *minus = w[1].data<double>(),
               *g_plus = plain[0].data<double>(), *g_minus = plain[1].data<double>(),
               *G_plus = gradient[0].data<double>(), *G_minus = gradient[1].data<double>();
  const auto d = static_cast<std::size_t>(problem.inputs);
  Vector integral(d, 0);  // of gamma g g' dt
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
    // The gradient by w+- is +- w+- o g: with X'(X beta - y)/n = g at the point, and g' where a
    // finite difference looks. Of w+ and w- the larger tells it more exactly.
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

  DiagonalOutcome outcome;
  Vector beta(d), alpha(d), start(d, run.alpha);
  for (std::size_t i = 0; i < d; ++i) {
    beta[i] = plus[i] * plus[i] - minus[i] * minus[i];
    alpha[i] = run.alpha * std::exp(-correction * integral[i]);
    const double measured = std::sqrt(plus[i] * minus[i]);
    outcome.test_error += (beta[i] - problem.truth[i]) * (beta[i] - problem.truth[i]);
    // A NaN, of a product that is negative, must not be lost in a maximum.
    const double error = std::abs(measured / alpha[i] - 1);
    if (!(error <= outcome.invariant_error)) outcome.invariant_error = error;
    outcome.shrinkage += correction * integral[i] / static_cast<double>(d);
  }
  outcome.loss = step.loss();
  if (!run.single) {
    outcome.kkt = kkt_residual(problem, beta, alpha);
    outcome.kkt_start = kkt_residual(problem, beta, start);
  }
  return outcome;
}

}  // namespace twice::experiments
