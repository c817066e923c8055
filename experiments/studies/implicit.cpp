// The gradient regularization that plain gradient descent carries by itself: it follows the flow of
// the loss with gamma = eta / 2 one order closer than that of the loss.
#include <algorithm>
#include <cmath>

#include "experiments/studies/planned.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

namespace {

Model network() {
  return mlp({.inputs = 20, .width = 32, .depth = 3, .outputs = 10, .activation = "tanh"});
}

constexpr int fewest_steps = 8, step_sizes = 5;  // 8, 16, ..., 128 steps in the same time

/// The problem of a seed, and a point that moves on it.
class Landscape {
 public:
  explicit Landscape(std::uint64_t seed, Index samples)
      : data_(teacher_data(samples, 20, 10, 0.2, seed, DType::f64)),
        start_(network().initial_parameters(Rng(seed), DType::f64)),
        w_(clone(start_)),
        // With gamma = 1 one plan gives g and H g, from which the flow of any gamma is made.
        step_(network(), data_, samples, w_, method("exact"), {.gamma = 1}) {}

  /// -grad (L + gamma/2 |grad L|^2) at a point.
  Vector velocity(const Vector& point, double gamma) {
    assign(w_, point);
    step_.run(data_);
    Vector v = flat(step_.plain());
    const Vector Hg = step_.hvp();
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = -(v[i] + gamma * Hg[i]);
    return v;
  }

  /// Gradient descent: where `steps` steps of size time / steps lead.
  Vector descend(double time, int steps) {
    Vector point = start();
    for (int t = 0; t < steps; ++t) point = moved(point, time / steps, velocity(point, 0));
    return point;
  }

  /// The flow of L + gamma/2 |grad L|^2, by `steps` steps of the classical Runge-Kutta method.
  Vector flow(double time, double gamma, int steps) {
    Vector point = start();
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

  Vector start() const { return flat(start_); }

 private:
  static Vector moved(Vector point, double step, const Vector& v) {
    for (std::size_t i = 0; i < point.size(); ++i) point[i] += step * v[i];
    return point;
  }

  SmallData data_;
  std::vector<Array> start_, w_;
  PlannedMethod step_;
};

/// |a - b| over how far b went from the start.
double distance(const Vector& a, const Vector& b, const Vector& start) {
  Vector way = b;
  for (std::size_t i = 0; i < way.size(); ++i) way[i] -= start[i];
  return relative_distance(a, b) * norm(b) / norm(way);
}

struct SeedResult {
  /// For each step size: the distance of gradient descent from the two flows.
  Vector plain, modified;
  /// The factor c for which the flow with gamma = c eta comes closest, at each step size.
  Vector best_factor;
  /// The distance between the plain flow and the same by half as many steps.
  double integration;

  static void json_fields(auto& self, const auto& visit) {
    visit("plain", self.plain);
    visit("modified", self.modified);
    visit("best_factor", self.best_factor);
    visit("integration", self.integration);
  }
};

SeedResult follow(StudyContext& context, std::uint64_t seed) {
  Landscape land(seed, context.count("samples"));
  const double time = context.number("time"), factor = context.number("factor");
  const int fine = context.count("flow-steps");
  const Vector start = land.start(), plain = land.flow(time, 0, fine);
  SeedResult result;
  result.integration = distance(land.flow(time, 0, fine / 2), plain, start);
  context.advance();
  for (int k = 0; k < step_sizes; ++k) {
    const int steps = fewest_steps << k;
    const double eta = time / steps;
    const Vector descended = land.descend(time, steps);
    const Vector modified = land.flow(time, factor * eta, fine);
    result.plain.push_back(distance(descended, plain, start));
    result.modified.push_back(distance(descended, modified, start));
    // To first order the flow's end is linear in c: the least squares of descended - flow(c).
    const Vector full = land.flow(time, eta, fine);
    double along = 0, squares = 0;
    for (std::size_t i = 0; i < full.size(); ++i) {
      const double per_factor = full[i] - plain[i];
      along += (descended[i] - plain[i]) * per_factor;
      squares += per_factor * per_factor;
    }
    result.best_factor.push_back(along / squares);
    context.advance();
  }
  return result;
}

StudyResult run(StudyContext& context) {
  const std::vector<std::uint64_t> seeds = context.seeds();
  const double time = context.number("time"), factor = context.number("factor");
  const std::vector<SeedResult> found =
      context.jobs("flows", seeds.size(), static_cast<double>(seeds.size()) * (step_sizes + 1),
                   [&](std::size_t i) { return follow(context, seeds[i]); });

  Vector etas;
  for (int k = 0; k < step_sizes; ++k) etas.push_back(time / (fewest_steps << k));
  StudyResult result;
  result.setup = {
      fmt::format(
          "Network: tanh, 20-32-32-10, float64; {} samples from N(0, I), labels of a random "
          "linear map, 20 % replaced; {} seeds of network and data.",
          context.count("samples"), seeds.size()),
      fmt::format(
          "From one start over the time {}: gradient descent by {} to {} steps, against the "
          "flow of L and the flow of L + gamma/2 |grad L|^2 with gamma = {} eta.",
          time, fewest_steps, fewest_steps << (step_sizes - 1), factor),
      fmt::format("The flows: the exact H g of the engine in {} steps of the classical Runge-Kutta "
                  "method.",
                  context.count("flow-steps")),
      "Slope: least squares in the log-log plot of distance at the end, over the distance that the "
      "flow went, against eta; for each seed its own."};

  Vector plain_slopes, modified_slopes, factors, integration;
  StudyPlot plot{"distance",
                 "How far gradient descent is from two flows",
                 "distance at the end / distance gone, geometric mean and range of the seeds",
                 "step size eta",
                 true,
                 true,
                 {}};
  StudyCurve plain{"flow of L", "sgd", etas},
      modified{fmt::format("flow with gamma = {:g} eta", factor), "exact", etas};
  StudyTable table{"Distances, and the factor c in gamma = c eta that fits best (means over seeds)",
                   {"eta", "flow of L", "modified flow", "best c"},
                   {}};
  for (const SeedResult& seed : found) {
    plain_slopes.push_back(log_slope(etas, seed.plain));
    modified_slopes.push_back(log_slope(etas, seed.modified));
    factors.push_back(seed.best_factor.back());
    integration.push_back(seed.integration / seed.modified.back());
  }
  for (std::size_t k = 0; k < etas.size(); ++k) {
    Vector a, b, c;
    for (const SeedResult& seed : found) {
      a.push_back(std::log(seed.plain[k]));
      b.push_back(std::log(seed.modified[k]));
      c.push_back(seed.best_factor[k]);
    }
    for (auto [curve, logs] : {std::pair(&plain, a), std::pair(&modified, b)}) {
      curve->y.push_back(std::exp(mean(logs)));
      curve->low.push_back(std::exp(*std::min_element(logs.begin(), logs.end())));
      curve->high.push_back(std::exp(*std::max_element(logs.begin(), logs.end())));
    }
    const Interval i = mean_interval(c);
    table.rows.push_back({fmt::format("{:.4g}", etas[k]), fmt::format("{:.3g}", plain.y.back()),
                          fmt::format("{:.3g}", modified.y.back()),
                          fmt::format("{:.4f} ({:.4f} to {:.4f})", mean(c), i.low, i.high)});
  }
  plot.curves = {plain, modified};
  result.plots = {plot};
  result.tables = {table};
  result.claims = {
      on_mean("distance from the flow of L: slope", plain_slopes, {0.9, 1.1}),
      on_mean(fmt::format("distance from the flow with gamma = {:g} eta: slope", factor),
              modified_slopes, {1.8, 2.2}),
      on_mean("the c in gamma = c eta whose flow comes closest, at the smallest eta", factors,
              {0.45, 0.55}),
      on_all("error of the flows themselves (half as many steps), over the smallest distance "
             "measured",
             integration, at_most(0.01))};
  result.remarks = {
      "The statement is on the way of gradient descent over a fixed time at small eta on the whole "
      "data. It says nothing on minibatches, and nothing on how good the solution is."};
  return result;
}

}  // namespace

Study implicit_study() {
  return {"implicit",
          "gradient descent follows the loss modified by gamma = eta/2, one order closer",
          "Plain gradient descent with step size eta follows the flow of the modified loss L + "
          "(eta/4) |grad L|^2, which is gamma = eta / 2, up to an error one order smaller in eta "
          "than its distance from the flow of L.",
          "Barrett & Dherin, ICLR 2021",
          "2 s",
          "1 min",
          "Longer times, until training ends, and wider networks.",
          {{"seeds", "repetitions", 5, 10, 2, 1000, true},
           {"samples", "training examples", 64, 256, 8, 1e6, true},
           {"time", "eta times steps", 1, 2, 0.01, 100, false},
           {"flow-steps", "Runge-Kutta steps of the flows", 64, 128, 2, 1e6, true},
           {"factor", "c in gamma = c eta", 0.5, 0.5, 0, 10, false}},
          run};
}

}  // namespace twice::experiments
