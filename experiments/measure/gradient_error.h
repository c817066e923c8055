// Computes the error of a gradient against the exact one, and compares the gradients of two
// engines.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "experiments/run/recording.h"

namespace twice::experiments {

/// The first `batch` training examples in the data set's own order.
Dataset fixed_batch(const Problem& problem);

/// All entries of the arrays, one array after the other, as f64.
std::vector<double> flat(const std::vector<Array>& arrays);

/// A method's gradient G at a state and the plain gradient g, each as one long f64 vector.
struct GradientVectors {
  std::vector<double> gradient, plain;
};
/// The gradients of the method's first program.
GradientVectors gradient_vectors(const Problem& problem, const Method& method,
                                 const ModelState& state, const Dataset& batch);

/// The gradients of each program of the method, after `steps` steps. Before the first step, a
/// program that reads the method's memory has no result, unless the first step runs it: no step has
/// written the memory that it would read.
std::vector<std::optional<GradientVectors>> gradients_of_programs(const Problem& problem,
                                                                  const Method& method,
                                                                  const ModelState& state,
                                                                  const Dataset& batch,
                                                                  Index steps);
/// A number of each program's gradients; NaN for a program without a result.
std::vector<double> over_programs(const std::vector<std::optional<GradientVectors>>& gradients,
                                  const std::function<double(const GradientVectors&)>& number);
/// The mean of the numbers that are not NaN, weighted by `shares`.
double mean_over_programs(const std::vector<double>& numbers, const std::vector<double>& shares);

/// (G - g) / gamma, a method's estimate of H g.
std::vector<double> estimated_hvp(const GradientVectors& v, double gamma);

/// |a - b| / |b| in the Euclidean norm; |a - b| if b is 0.
double relative_error(const std::vector<double>& a, const std::vector<double>& b);

/// The largest error of a parameter's gradient, and the parameter. The error is |a - b| / max(|b|,
/// |all of b| / 100), with Euclidean norms over the parameter. The lower bound of the denominator
/// excludes rounding in a gradient that is nearly zero.
struct GradientDifference {
  double error = 0;
  std::string parameter;
};

/// Compares gradients a and b of the same parameters. Throws if the shapes differ. A number that is
/// not finite makes the error infinite.
GradientDifference gradient_difference(const std::vector<std::string>& names,
                                       const std::vector<Array>& a, const std::vector<Array>& b);

/// The bound for the difference of two correct gradients: 1e-4 in f32 and 1e-9 in f64. A finite
/// difference enlarges rounding, so the bound is multiplied by `gamma_over_epsilon` if that is
/// above 1. `gamma_over_epsilon` is 0 without a finite difference. With a `kinked` activation
/// (relu) the bound in f32 is 3e-2: of some million units, one or two are so close to the kink that
/// rounding moves them to its other side. Each of them changes the gradient of the first layer of a
/// cnn by about 5e-4, and that of a deep mlp by up to 1e-2 (suite row mlp-2048x8-b64 with --seed
/// 1). With seeds 2 and 3 no unit changes sides, and the two engines agree to 1e-6. With kinks,
/// `bench` therefore compares in f64 too.
double agreement_tolerance(DType dtype, bool kinked, double gamma_over_epsilon);

/// One point of the plot of error against eps.
struct EpsilonPoint {
  std::string method, dtype;
  double epsilon;
  /// The relative error of G = g + gamma H g, and that of the estimate of H g alone.
  double error, hvp_error;

  static void json_fields(auto& self, const auto& visit) {
    visit("method", self.method);
    visit("dtype", self.dtype);
    visit("epsilon", self.epsilon);
    visit("error", self.error);
    visit("hvp_error", self.hvp_error);
  }
};

/// The errors of f-gr, b-gr and c-gr in both dtypes, for eps from 1e-8 to 1, against `exact` in
/// float64.
std::vector<EpsilonPoint> epsilon_sweep(const Problem& problem, const ModelState& state,
                                        const Dataset& batch);

}  // namespace twice::experiments
