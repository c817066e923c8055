// The implicit gradient regularization of plain gradient descent. Gradient descent follows the flow
// of ℒ + gamma/2 |g|^2 with gamma = eta / 2 one order closer than the flow of ℒ.
#include "experiments/studies/problems.h"

namespace twice::experiments {

namespace {

constexpr int fewest_steps = 8, step_sizes = 5;  // 8, 16, ..., 128 steps in the same time

/// The problem of a seed, with gradient descent and the gradient flow on its loss.
class Landscape {
 public:
  explicit Landscape(std::uint64_t seed, Index samples)
      : data_(teacher_data(samples, 20, 10, 0.2, seed, DType::f64)),
        w_(small_mlp(32).initial_parameters(Rng(seed), DType::f64)),
        start_(flat(w_)),
        // With gamma = 1, one plan gives g and H g, which suffice for the flow with any gamma.
        step_(small_mlp(32), data_, samples, w_, "exact", {.gamma = 1}) {}

  /// -(g + gamma H g), the negative gradient of ℒ + gamma/2 |g|^2, at a point.
  Vector velocity(const Vector& point, double gamma) {
    assign(w_, point);
    step_.run(data_);
    return scaled(moved(flat(step_.plain()), gamma, step_.hvp()), -1);
  }

  /// The end point of gradient descent with `steps` steps of size time / steps.
  Vector descend(double time, int steps) {
    Vector point = start_;
    for (int t = 0; t < steps; ++t) point = moved(point, time / steps, velocity(point, 0));
    return point;
  }

  /// The end point of the flow of ℒ + gamma/2 |g|^2, computed with `steps` steps of the classical
  /// Runge-Kutta method.
  Vector flow(double time, double gamma, int steps) {
    Vector point = start_;
    const double h = time / steps;
    for (int t = 0; t < steps; ++t) {
      const Vector k1 = velocity(point, gamma), k2 = velocity(moved(point, h / 2, k1), gamma),
                   k3 = velocity(moved(point, h / 2, k2), gamma),
                   k4 = velocity(moved(point, h, k3), gamma);
      for (std::size_t i = 0; i < point.size(); ++i)
        point[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    }
    return point;
  }

  /// |a - b|, relative to the distance of b from the start.
  double distance(const Vector& a, const Vector& b) const {
    return relative_error(a, b) * norm(b) / norm(differences(b, start_));
  }

 private:
  SmallData data_;
  std::vector<Array> w_;
  Vector start_;
  PlannedMethod step_;
};

/// For each step size: the distances `plain` and `modified` of gradient descent from the two flows,
/// and `best factor`, the factor c for which the flow with gamma = c eta comes closest.
/// `integration` is the distance between the plain flow and the same flow with half as many steps.
Measured follow(StudyContext& context, std::uint64_t seed) {
  Landscape land(seed, context.count("samples"));
  const double time = context.number("time"), factor = context.number("factor");
  const int fine = context.count("flow-steps");
  const Vector plain = land.flow(time, 0, fine);
  Measured result;
  result["integration"] = {land.distance(land.flow(time, 0, fine / 2), plain)};
  context.advance();
  for (int k = 0; k < step_sizes; ++k) {
    const int steps = fewest_steps << k;
    const double eta = time / steps;
    const Vector descended = land.descend(time, steps);
    result["plain"].push_back(land.distance(descended, plain));
    result["modified"].push_back(land.distance(descended, land.flow(time, factor * eta, fine)));
    // To first order, the flow's end point is linear in c, so c is the least-squares solution of
    // descended - flow(c) = 0.
    const Vector per_factor = differences(land.flow(time, eta, fine), plain);
    result["best factor"].push_back(dot(differences(descended, plain), per_factor) /
                                    dot(per_factor, per_factor));
    context.advance();
  }
  return result;
}

void run(StudyContext& context, StudyResult& result) {
  const Repeated found =
      context.jobs("flows", 1, context.seeds(), step_sizes + 1,
                   [&](std::size_t, std::uint64_t seed) { return follow(context, seed); })[0];
  Vector etas, plain_slopes, modified_slopes;
  for (int k = 0; k < step_sizes; ++k) etas.push_back(context.number("time") / (fewest_steps << k));
  for (const Measured& seed : found) {
    plain_slopes.push_back(log_slope(etas, seed.at("plain")));
    modified_slopes.push_back(log_slope(etas, seed.at("modified")));
  }
  const auto curve = [&](const char* name, const char* ink, const char* numbers) {
    return mean_curve(name, ink, etas, Shown::geometric_mean_and_range,
                      [&](std::size_t k) { return each(found, numbers, k); });
  };
  const StudyCurve plain = curve("flow of the loss", "sgd", "plain"),
                   modified = curve("flow with gamma = {factor} eta", "exact", "modified");
  result.plots = {
      {.name = "distance",
       .title = "How far gradient descent is from two flows",
       .y_title = "final distance / distance from the start, geometric mean and range of the seeds",
       .x_title = "step size eta",
       .log_x = true,
       .log_y = true,
       .curves = {plain, modified}}};
  StudyTable table{"Distances, and the factor c in gamma = c eta that fits best (means over seeds)",
                   {"eta", "flow of the loss", "modified flow", "best c"}};
  for (std::size_t k = 0; k < etas.size(); ++k)
    table.rows.push_back({fmt::format("{:.4g}", etas[k]), fmt::format("{:.3g}", plain.y[k]),
                          fmt::format("{:.3g}", modified.y[k]),
                          with_interval(each(found, "best factor", k), "{:.4f}")});
  result.tables = {table};
  result.claims = {
      on_mean("distance from the flow of the loss: slope", plain_slopes, {0.9, 1.1}),
      on_mean("distance from the flow with gamma = {factor} eta: slope", modified_slopes,
              {1.8, 2.2}),
      on_mean("the c in gamma = c eta whose flow comes closest, at the smallest eta",
              each(found, "best factor", last), {0.45, 0.55}),
      on_all("error of the flows (from half as many steps) / smallest measured distance",
             ratios(each(found, "integration"), each(found, "modified", last)), at_most(0.01))};
}

}  // namespace

Study implicit_study() {
  return {
      "implicit",
      "gradient descent follows the loss modified by gamma = eta/2, one order closer",
      "Plain gradient descent with step size eta follows the flow of the modified loss, loss + "
      "gamma/2 |g|^2 with gamma = eta / 2. The error is one order smaller in eta than the distance "
      "from the flow of the loss itself.",
      "Barrett & Dherin, ICLR 2021",
      "2 s",
      "1 min",
      "Longer times, until training ends, and wider networks.",
      {{"seeds", "repetitions", 5, 10, 2, 1000, true},
       {"samples", "training examples", 64, 256, 8, 1e6, true},
       {"time", "eta times steps", 1, 2, 0.01, 100, false},
       {"flow-steps", "Runge-Kutta steps of the flows", 64, 128, 2, 1e6, true},
       {"factor", "c in gamma = c eta", 0.5, 0.5, 0, 10, false}},
      {"Network: tanh, 20-32-32-10, float64; {samples} samples from N(0, I), labels of a "
       "random linear map, 20 % replaced; {seeds} seeds of network and data.",
       "Gradient descent from one start over the time {time}, in 8 to 128 steps, is compared with "
       "the flow of the loss and with the flow of loss + gamma/2 |g|^2 for gamma = {factor} eta.",
       "The flows use the engine's exact H g and {flow-steps} steps of the classical Runge-Kutta "
       "method.",
       "Slope: a least-squares line for each seed, in the log-log plot against eta of the final "
       "distance, relative to the flow's distance from the start."},
      {"The claim is about the path of gradient descent over a fixed time, with small eta, on the "
       "whole data. It says nothing about minibatches or about the quality of the solution."},
      run};
}

}  // namespace twice::experiments
