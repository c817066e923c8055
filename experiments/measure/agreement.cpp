// Norms of differences, parameter by parameter.
#include "experiments/measure/agreement.h"

#include <cmath>
#include <limits>

namespace twice::experiments {

namespace {

double squared_norm(const std::vector<double>& x) {
  double sum = 0;
  for (double value : x) sum += value * value;
  return sum;
}

}  // namespace

GradientDifference gradient_difference(const std::vector<std::string>& names,
                                       const std::vector<Array>& a, const std::vector<Array>& b) {
  if (a.size() != names.size() || b.size() != names.size())
    fail("agreement", "{} and {} gradients of {} parameters", a.size(), b.size(), names.size());
  std::vector<double> differences, norms;
  double total = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (a[i].shape() != b[i].shape())
      fail("agreement", "the gradients of {} have shapes {} and {}", names[i], str(a[i].shape()),
           str(b[i].shape()));
    std::vector<double> x = a[i].to_vector(), y = b[i].to_vector();
    norms.push_back(squared_norm(y));
    total += norms.back();
    for (std::size_t k = 0; k < x.size(); ++k) x[k] -= y[k];
    differences.push_back(squared_norm(x));
  }
  GradientDifference worst{0, names.empty() ? "" : names[0]};
  for (std::size_t i = 0; i < names.size(); ++i) {
    double error = std::sqrt(differences[i]) / std::sqrt(std::max(norms[i], total * 1e-4));
    if (differences[i] == 0) error = 0;  // 0 / 0 included
    if (!std::isfinite(error)) error = std::numeric_limits<double>::infinity();
    if (error > worst.error) worst = {error, names[i]};
  }
  return worst;
}

double agreement_tolerance(DType dtype, bool kinked, double gamma_over_epsilon) {
  const double rounding = dtype == DType::f64 ? 1e-9 : kinked ? 3e-2 : 1e-4;
  return rounding * std::max(1.0, gamma_over_epsilon);
}

}  // namespace twice::experiments
