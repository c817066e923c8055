// How far a method's gradient is from the exact one.
#pragma once

#include "experiments/run/recording.h"

namespace twice::experiments {

/// A batch in every dtype that a comparison needs.
struct FixedBatch {
  Array images, labels;
};

/// The first `batch` training images in the data set's own order.
FixedBatch fixed_batch(const Problem& problem);

/// A method's gradient at a state, as one long f64 vector for each of G and g.
struct GradientVectors {
  std::vector<double> gradient, plain;
};
GradientVectors gradient_vectors(const Problem& problem, const Method& method,
                                 const ModelState& state, const FixedBatch& batch);

/// (G - g) / gamma: what a method takes for H g.
std::vector<double> estimated_hvp(const GradientVectors& v, double gamma);

/// |a - b| / |b|, Euclidean; |a - b| when b is 0.
double relative_error(const std::vector<double>& a, const std::vector<double>& b);

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
                                        const FixedBatch& batch);

}  // namespace twice::experiments
