// Computes gradients as vectors, and the distances between them.
#include "experiments/measure/gradient_error.h"

#include <cmath>
#include <limits>

#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

/// The squares of |a - b| and |b|.
struct Distance {
  double difference = 0, norm = 0;
};
Distance distance(const std::vector<double>& a, const std::vector<double>& b) {
  Distance result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    result.difference += (a[i] - b[i]) * (a[i] - b[i]);
    result.norm += b[i] * b[i];
  }
  return result;
}

GradientVectors vectors_of(const Problem& problem, const Method& method, const RecordedStep& step,
                           const Dataset& batch) {
  Plan plan({step.estimate.gradient, step.estimate.plain},
            plan_options(problem.options, std::string(method.name)));
  plan.run(step.bind(batch));
  return {flat(plan.values(step.estimate.gradient)), flat(plan.values(step.estimate.plain))};
}

}  // namespace

Dataset fixed_batch(const Problem& problem) { return one_batch(problem).data.train; }

std::vector<double> flat(const std::vector<Array>& arrays) {
  std::vector<double> all;
  for (const Array& array : arrays) {
    const std::vector<double> part = array.to_vector();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

GradientVectors gradient_vectors(const Problem& problem, const Method& method,
                                 const ModelState& state, const Dataset& batch) {
  return vectors_of(problem, method, record_step(problem, method, state), batch);
}

std::vector<std::optional<GradientVectors>> gradients_of_programs(const Problem& problem,
                                                                  const Method& method,
                                                                  const ModelState& state,
                                                                  const Dataset& batch,
                                                                  Index steps) {
  const int first = program_of(problem, method, 0);
  std::vector<std::optional<GradientVectors>> all;
  for (int program = 0; program < method.programs; ++program) {
    const RecordedStep step = record_step(problem, method, state, program);
    const bool has_result = steps > 0 || program == first || !step.reads_memory;
    all.push_back(has_result ? std::optional(vectors_of(problem, method, step, batch))
                             : std::nullopt);
  }
  return all;
}

std::vector<double> over_programs(const std::vector<std::optional<GradientVectors>>& gradients,
                                  const std::function<double(const GradientVectors&)>& number) {
  std::vector<double> numbers;
  for (const std::optional<GradientVectors>& one : gradients)
    numbers.push_back(one ? number(*one) : std::numeric_limits<double>::quiet_NaN());
  return numbers;
}

double mean_over_programs(const std::vector<double>& numbers, const std::vector<double>& shares) {
  double sum = 0, weight = 0;
  for (std::size_t p = 0; p < numbers.size(); ++p)
    if (!std::isnan(numbers[p])) sum += shares[p] * numbers[p], weight += shares[p];
  return sum / weight;
}

double relative_error(const std::vector<double>& a, const std::vector<double>& b) {
  const auto [difference, norm] = distance(a, b);
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

GradientDifference gradient_difference(const std::vector<std::string>& names,
                                       const std::vector<Array>& a, const std::vector<Array>& b) {
  if (a.size() != names.size() || b.size() != names.size())
    fail("agreement", "{} and {} gradients of {} parameters", a.size(), b.size(), names.size());
  std::vector<Distance> distances;
  double total = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (a[i].shape() != b[i].shape())
      fail("agreement", "the gradients of {} have shapes {} and {}", names[i], str(a[i].shape()),
           str(b[i].shape()));
    distances.push_back(distance(a[i].to_vector(), b[i].to_vector()));
    total += distances.back().norm;
  }
  GradientDifference worst{0, names.empty() ? "" : names[0]};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [difference, norm] = distances[i];
    double error = std::sqrt(difference) / std::sqrt(std::max(norm, total * 1e-4));
    if (difference == 0) error = 0;  // also for 0 / 0
    if (!std::isfinite(error)) error = std::numeric_limits<double>::infinity();
    if (error > worst.error) worst = {error, names[i]};
  }
  return worst;
}

double agreement_tolerance(DType dtype, bool kinked, double gamma_over_epsilon) {
  const double rounding = dtype == DType::f64 ? 1e-9 : kinked ? 3e-2 : 1e-4;
  return rounding * std::max(1.0, gamma_over_epsilon);
}

std::vector<double> estimated_hvp(const GradientVectors& v, double gamma) {
  std::vector<double> result(v.gradient.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = (v.gradient[i] - v.plain[i]) / gamma;
  return result;
}

std::vector<EpsilonPoint> epsilon_sweep(const Problem& problem, const ModelState& state,
                                        const Dataset& batch) {
  std::vector<EpsilonPoint> points;
  Problem varied = problem;
  // Without a penalty there is no H g to estimate. The error of H g does not depend on gamma, so
  // any gamma serves.
  double& gamma = varied.options.regularization.gamma;
  if (gamma == 0) gamma = 1;
  const ModelState f64 = cast(state, DType::f64), f32 = cast(state, DType::f32);
  const GradientVectors exact = gradient_vectors(varied, method("exact"), f64, batch);
  const std::vector<double> exact_hvp = estimated_hvp(exact, gamma);
  for (const char* name : {"f-gr", "b-gr", "c-gr"})
    for (DType dtype : {DType::f32, DType::f64})
      for (int half = -16; half <= 0 && !stop_requested(); ++half) {
        const double epsilon = std::pow(10.0, half / 2.0);
        varied.options.regularization.epsilon = epsilon;
        const GradientVectors found =
            gradient_vectors(varied, method(name), dtype == DType::f32 ? f32 : f64, batch);
        points.push_back({name, std::string(str(dtype)), epsilon,
                          relative_error(found.gradient, exact.gradient),
                          relative_error(estimated_hvp(found, gamma), exact_hvp)});
      }
  return points;
}

}  // namespace twice::experiments
