// Rows of the op table: elementwise ops.
#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/trigonometric.h"
#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

namespace {

using X = const Tensors&;

}  // namespace

std::vector<OpCase> elementwise_cases() {
  const Shape s{3, 5}, row{5}, column{3, 1};
  const auto positive_numbers = uniform(s, 0.5, 2), apart = distinct(s);
  const auto near_zero = uniform(s, -0.05, 0.05);  // no tie with `apart`
  return {
      {"add", "", {normal(s), normal(s)}, [](X x) { return x[0] + x[1]; }, Units{1, 1, 1}},
      {"add", "broadcast", {normal(row), normal(column)}, [](X x) { return x[0] + x[1]; }},
      {"add", "with itself", {normal(s)}, [](X x) { return x[0] + x[0]; }},
      {"sub", "", {normal(s), normal(s)}, [](X x) { return x[0] - x[1]; }, Units{1, 1, 1}},
      {"sub", "broadcast", {normal({}), normal(s)}, [](X x) { return x[0] - x[1]; }},
      {"mul", "", {normal(s), normal(s)}, [](X x) { return x[0] * x[1]; }, Units{1, 1, 1}},
      {"mul", "broadcast", {normal({2, 3, 1}), normal({1, 4})}, [](X x) { return x[0] * x[1]; }},
      {"mul", "with itself", {normal(s)}, [](X x) { return x[0] * x[0] * x[0]; }},
      {"div",
       "",
       {normal(s), signed_uniform(s, 0.5, 2)},
       [](X x) { return x[0] / x[1]; },
       Units{1, 1, 2}},
      {"div", "broadcast", {normal(column), uniform(row, 0.5, 2)}, [](X x) { return x[0] / x[1]; }},
      {"affine", "", {normal(s)}, [](X x) { return affine(x[0], -1.7, 0.4); }, Units{2, 1, 1}},

      {"square", "", {normal(s)}, [](X x) { return square(x[0]); }, Units{1, 1, 1}},
      {"reciprocal",
       "",
       {signed_uniform(s, 0.5, 2)},
       [](X x) { return reciprocal(x[0]); },
       Units{1, 2, 2}},
      {"sqrt", "", {positive_numbers}, [](X x) { return sqrt(x[0]); }, Units{1, 2, 4}},
      {"safe_sqrt", "", {positive_numbers}, [](X x) { return safe_sqrt(x[0]); }, Units{1, 2, 4}},
      {"safe_sqrt",
       "of squares",
       {normal(s)},
       [](X x) { return root_of_squares(0.5 + square(x[0])); }},
      // The slopes of safe_sqrt and elu, which have no public functions of their own.
      {"safe_sqrt_slope",
       "",
       {positive_numbers},
       [](X x) { return grad(sum(safe_sqrt(x[0])), {x[0]})[0]; },
       Units{2, 4, 6}},
      {"elu_slope",
       "",
       {apart},
       [](X x) { return grad(sum(elu(x[0], 1.3)), {x[0]})[0]; },
       Units{2, 2, 2}},
      {"rsqrt", "", {positive_numbers}, [](X x) { return rsqrt(x[0]); }, Units{2, 4, 7}},
      {"pow", "exponent 3", {normal(s)}, [](X x) { return pow(x[0], 3); }, Units{1, 1, 1}},
      {"pow",
       "exponent -2",
       {signed_uniform(s, 0.5, 2)},
       [](X x) { return pow(x[0], -2); },
       Units{2, 2, 3}},
      {"pow",
       "exponent 2.5",
       {positive_numbers},
       [](X x) { return pow(x[0], 2.5); },
       Units{2, 2, 3}},
      {"pow",
       "exponent -0.5",
       {positive_numbers},
       [](X x) { return pow(x[0], -0.5); },
       Units{2, 2, 3}},
      {"pow", "exponent 7", {normal(s)}, [](X x) { return pow(x[0], 7); }, Units{2, 2, 3}},
      {"pow",
       "exponent 0.1",
       {positive_numbers},
       [](X x) { return pow(x[0], 0.1); },
       Units{2, 2, 3}},
      {"pow_tensor",
       "",
       {uniform(s, 0.5, 2), normal(s)},
       [](X x) { return pow(x[0], x[1]); },
       Units{2, 3, 4}},
      {"pow_tensor",
       "broadcast",
       {uniform(column, 0.5, 2), normal(row)},
       [](X x) { return pow(x[0], x[1]); }},

      {"exp", "", {normal(s)}, [](X x) { return exp(x[0]); }, Units{2, 2, 2}},
      {"expm1", "", {normal(s)}, [](X x) { return expm1(x[0]); }, Units{2, 2, 2}},
      {"log", "", {positive_numbers}, [](X x) { return log(x[0]); }, Units{2, 2, 2}},
      {"log1p", "", {uniform(s, -0.5, 2)}, [](X x) { return log1p(x[0]); }, Units{2, 2, 4}},
      {"erf", "", {normal(s)}, [](X x) { return erf(x[0]); }, Units{3, 3, 3}},
      {"normal_pdf", "", {normal(s)}, [](X x) { return normal_pdf(x[0]); }, Units{2, 3, 3}},
      {"normal_cdf", "", {normal(s)}, [](X x) { return normal_cdf(x[0]); }, Units{4, 2, 3}},
      {"sin", "", {normal(s)}, [](X x) { return sin(x[0]); }, Units{2, 2, 2}},
      {"cos", "", {normal(s)}, [](X x) { return cos(x[0]); }, Units{2, 2, 2}},

      {"relu", "", {apart}, [](X x) { return relu(x[0]); }, Units{0, 0, 0}},
      {"positive", "", {apart}, [](X x) { return positive(x[0]) * x[0]; }, Units{0, 0, 0}},
      {"leaky_relu", "", {apart}, [](X x) { return leaky_relu(x[0], 0.2); }, Units{1, 1, 0}},
      {"elu", "", {apart}, [](X x) { return elu(x[0], 1.3); }, Units{2, 2, 2}},
      {"sech2", "", {normal(s)}, [](X x) { return sech2(x[0]); }, Units{5, 5, 10}},
      {"tanh", "", {normal(s)}, [](X x) { return tanh(x[0]); }, Units{3, 5, 5}},
      {"sigmoid", "", {normal(s)}, [](X x) { return sigmoid(x[0]); }, Units{3, 5, 5}},
      {"softplus", "", {normal(s)}, [](X x) { return softplus(x[0]); }, Units{2, 3, 5}},
      {"silu", "", {normal(s)}, [](X x) { return silu(x[0]); }, Units{2, 5, 6}},
      {"beta_gelu", "beta 1", {normal(s)}, [](X x) { return gelu(x[0]); }, Units{4, 4, 5}},
      {"beta_gelu", "beta 3", {normal(s)}, [](X x) { return beta_gelu(x[0], 3); }, Units{4, 4, 5}},
      {"sigmoid",
       "in gelu_tanh",
       {normal(s)},
       [](X x) { return gelu_tanh(x[0]); },
       Units{6, 8, 32}},

      // Step functions, times a smooth one: their own derivatives are zero.
      {"sign", "", {apart}, [](X x) { return sign(x[0]) * x[0]; }, Units{0, 0, 0}},
      {"greater",
       "",
       {apart, near_zero},
       [](X x) { return greater(x[0], x[1]) * x[1]; },
       Units{0, 0, 0}},
      {"greater_equal",
       "",
       {near_zero, apart},
       [](X x) { return greater_equal(x[0], x[1]) * square(x[0]); },
       Units{1, 1, 1}},
      {"equal",
       "",
       {apart},
       [](X x) { return equal(sign(x[0]), positive(x[0])) * x[0]; },
       Units{0, 0, 0}},
      {"nonzero", "", {apart}, [](X x) { return nonzero(relu(x[0])) * x[0]; }, Units{0, 0, 0}},
      // The slope of clamp, which has no public function of its own.
      {"inside",
       "",
       {apart},
       [](X x) { return x[0] * grad(sum(clamp(x[0], -1.05, 0.75)), {x[0]})[0]; },
       Units{0, 0, 0}},

      {"masked",
       "",
       {normal(s), apart},
       [](X x) { return square(masked(x[0], relu(x[1]))); },
       Units{1, 1, 1}},
      {"abs", "", {apart}, [](X x) { return abs(x[0]); }, Units{0, 0, 0}},
      {"maximum",
       "",
       {apart, near_zero},
       [](X x) { return square(maximum(x[0], x[1])); },
       Units{1, 1, 1}},
      {"minimum",
       "",
       {near_zero, apart},
       [](X x) { return square(minimum(x[0], x[1])); },
       Units{1, 1, 1}},
      {"clamp", "", {apart}, [](X x) { return square(clamp(x[0], -1.05, 0.75)); }, Units{2, 1, 0}},
      {"where",
       "",
       {apart, normal(row), normal(column)},
       [](X x) { return where(positive(x[0]), x[0] * x[1], square(x[2])); }},
  };
}

}  // namespace twice::experiments
