// How far a gradient is from the exact one, and whether two engines compute the same one.
#pragma once

#include "experiments/run/recording.h"

namespace twice::experiments {

/// The first `batch` training examples in the data set's own order.
Dataset fixed_batch(const Problem& problem);

/// All entries, one array after the other, as f64.
std::vector<double> flat(const std::vector<Array>& arrays);

/// A method's gradient at a state, as one long f64 vector for each of G and g.
struct GradientVectors {
  std::vector<double> gradient, plain;
};
GradientVectors gradient_vectors(const Problem& problem, const Method& method,
                                 const ModelState& state, const Dataset& batch);

/// (G - g) / gamma: what a method takes for H g.
std::vector<double> estimated_hvp(const GradientVectors& v, double gamma);

/// |a - b| / |b|, Euclidean; |a - b| when b is 0.
double relative_error(const std::vector<double>& a, const std::vector<double>& b);

/// The parameter whose gradients differ most: |a - b| / max(|b|, |all of b| / 100), Euclidean norms
/// over the parameter. The floor keeps rounding in a gradient that is as good as zero from
/// counting.
struct GradientDifference {
  double error = 0;
  std::string parameter;
};

/// Gradients a and b of the same parameters. Throws when the shapes are not the same; a number that
/// is not finite makes the error infinite.
GradientDifference gradient_difference(const std::vector<std::string>& names,
                                       const std::vector<Array>& a, const std::vector<Array>& b);

/// Correct gradients differ by less: 1e-4 in f32 and 1e-9 in f64, times the factor by which a
/// finite difference enlarges rounding, `gamma_over_epsilon` where that is above 1 (0: there is no
/// finite difference). With a `kinked` activation (relu) 3e-2 in f32: of some million units one or
/// two are so close to the kink that rounding puts them on its other side, and each of them changes
/// the gradient of the first layer of a cnn by about 5e-4, that of a deep mlp by up to 1e-2 (suite
/// row mlp-2048x8-b64 with --seed 1; with seeds 2 and 3 no unit changes sides, and the two engines
/// agree to 1e-6). So `bench` asks in f64 too where there are kinks.
double agreement_tolerance(DType dtype, bool kinked, double gamma_over_epsilon);

/// One point of the plot of error against eps.
struct EpsilonPoint {
  std::string method, dtype;
  double epsilon;
  /// Relative error of G = g + gamma Hg, and of the estimate of H g alone.
  double error, hvp_error;

  static void json_fields(auto& self, const auto& visit) {
    visit("method", self.method);
    visit("dtype", self.dtype);
    visit("epsilon", self.epsilon);
    visit("error", self.error);
    visit("hvp_error", self.hvp_error);
  }
};

/// Errors of f-gr, b-gr and c-gr in both dtypes over eps from 1e-8 to 1 against float64 exact.
std::vector<EpsilonPoint> epsilon_sweep(const Problem& problem, const ModelState& state,
                                        const Dataset& batch);

}  // namespace twice::experiments
