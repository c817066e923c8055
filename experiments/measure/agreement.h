// Whether two engines compute the same gradient. Times of different computations are not compared.
#pragma once

#include <string>
#include <vector>

#include "autodiff/array/array.h"

namespace twice::experiments {

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

}  // namespace twice::experiments
