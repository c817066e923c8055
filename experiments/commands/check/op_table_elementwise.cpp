// Rows of the op table: elementwise ops.
#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/trigonometric.h"
#include "experiments/commands/check/op_rows.h"

namespace twice::experiments::rows {

namespace {

const Shape s{3, 5}, row{5}, column{3, 1}, ties{4, 5};
const RandomArray positive_numbers = uniform(s, 0.5, 2), apart = distinct(s);
const RandomArray near_zero = uniform(s, -0.05, 0.05);  // never ties with `apart`

}  // namespace

std::vector<OpRow> arithmetic() {
  return {
      binary("add", "a + b", "a + b (op `add`)", "1, 1", operator+, {1, 1, 1},
             [](N a, N b) { return a + b; })
          .check("broadcast", {normal(row), normal(column)}, [](X x) { return x[0] + x[1]; })
          .check("with itself", {normal(s)}, [](X x) { return x[0] + x[0]; })
          .graph([](T a, T b) { return 0.7 * (a + b); }),
      binary("sub", "a - b", "a - b (op `sub`)", "1, -1", operator-, {1, 1, 1},
             [](N a, N b) { return a - b; })
          .check("broadcast", {normal({}), normal(s)}, [](X x) { return x[0] - x[1]; })
          .graph([](T a, T b) { return 0.7 * (a - b); }),
      binary("mul", "a * b", "a b (op `mul`)", "b, a", operator*, {1, 1, 1},
             [](N a, N b) { return a * b; })
          .check("broadcast", {normal({2, 3, 1}), normal({1, 4})}, [](X x) { return x[0] * x[1]; })
          .check("with itself", {normal(s)}, [](X x) { return x[0] * x[0] * x[0]; })
          .graph([](T a, T b) { return a * sin(b); }),
      binary("div", "a / b", "a / b (op `div`)", "1/b, -y/b", operator/, {1, 1, 2},
             [](N a, N b) { return a / b; })
          .on({normal(s), signed_uniform(s, 0.5, 2)})
          .check("broadcast", {normal(column), uniform(row, 0.5, 2)},
                 [](X x) { return x[0] / x[1]; })
          .graph([](T a, T b) { return a / (1.7 + cos(b)); }),
      function("affine(x, scale, shift)", "scale x + shift", "scale", {normal(s)},
               [](X x) { return affine(x[0], -1.7, 0.4); })
          .defined([](N x, Numbers n) { return n[0] * x + n[1]; })
          .check("", Units{2, 1, 1})
          .graph([](T x) { return 0.2 - 0.9 * x; }),
      function("-x`, `x + c`, `x - c`, `c - x`, `c * x`, `x / c", "as written, c a number",
               "1 or -1, c, 1/c", {normal(s)}, [](X x) { return (1 - 2 * x[0]) / 3; })
          .built("affine"),
      function("c / x", "c / x", "-y/x", {normal(s)}, [](X x) { return 2 / x[0]; })
          .built("reciprocal"),
  };
}

std::vector<OpRow> powers() {
  const auto slope_of_safe_sqrt = [](X x) { return grad(sum(safe_sqrt(x[0])), {x[0]})[0]; };
  const auto power = [](double p) { return [p](X x) { return pow(x[0], p); }; };
  return {
      unary("square", "x^2", "2x", square, {1, 1, 1}, [](N x) { return x * x; }).graph([](T x) {
        return square(tanh(x));
      }),
      unary("reciprocal", "1/x", "-y^2", reciprocal, {1, 2, 2}, [](N x) { return 1 / x; })
          .on({signed_uniform(s, 0.5, 2)})
          .graph([](T x) { return reciprocal(1.7 + sin(x)); }),
      unary("sqrt", "sqrt x", "1/(2y), infinite at 0", sqrt, {1, 2, 4}, [](N x) { return sqrt(x); })
          .on({positive_numbers})
          .graph([](T x) { return sqrt(1 + square(x)) - 0.5; }),
      unary("rsqrt", "1/sqrt x", "-y^3/2", rsqrt, {2, 4, 7}, [](N x) { return 1 / sqrt(x); })
          .on({positive_numbers})
          .graph([](T x) { return rsqrt(1 + square(x)); }),
      unary("safe_sqrt", "sqrt x",
            "1/(2y), 0 at 0; higher derivatives are NaN at 0 (op `safe_sqrt_slope`)", safe_sqrt,
            {1, 2, 4}, [](N x) { return safe_sqrt(x); })
          .on({positive_numbers})
          .graph([](T x) { return safe_sqrt(0.5 + square(x)) - 0.5; }),
      function("root_of_squares(x)",
               "safe_sqrt x for a sum of squares x; `square` of the result is x", "as safe_sqrt",
               {positive_numbers}, [](X x) { return root_of_squares(x[0]); })
          .built("safe_sqrt")
          .check("of squares", {normal(s)},
                 [](X x) { return root_of_squares(0.5 + square(x[0])); }),
      derivative_op("safe_sqrt_slope", [](N x) { return safe_sqrt_slope(x); })
          .check("", {positive_numbers}, slope_of_safe_sqrt, Units{2, 4, 6}),
      function("pow(x, p)", "x^p, p a number", "p x^(p-1)", {normal(s)}, power(3))
          .defined([](N x, Numbers n) { return pow(x, n[0]); })
          .check("exponent 3", Units{1, 1, 1})
          .check("exponent -2", {signed_uniform(s, 0.5, 2)}, power(-2), Units{2, 2, 3})
          .check("exponent 2.5", {positive_numbers}, power(2.5), Units{2, 2, 3})
          .check("exponent -0.5", {positive_numbers}, power(-0.5), Units{2, 2, 3})
          .check("exponent 7", {normal(s)}, power(7), Units{2, 2, 3})
          .check("exponent 0.1", {positive_numbers}, power(0.1), Units{2, 2, 3})
          .graph([](T x) { return 0.5 * pow(1.5 + tanh(x), 2.5); })
          .graph("pow_3", any, [](T x) { return pow(sin(x), 3); })
          .graph("pow_-2", any, [](T x) { return pow(1.7 + cos(x), -2); })
          .kink("at 0", {repeated(ties)}, [](X x) { return pow(x[0], 3) + pow(x[0], 4); }),
      binary("pow_tensor", "pow(a, b)", "a^b (op `pow_tensor`)",
             "b a^(b-1), y ln a (at a = 0: 0, for b < 0 infinite)", pow, {2, 3, 4},
             [](N a, N b, Numbers n) { return pow(a, n.empty() ? b : b - n[0]); })
          .on({uniform(s, 0.5, 2), normal(s)})
          .check("broadcast", {uniform(column, 0.5, 2), normal(row)},
                 [](X x) { return pow(x[0], x[1]); })
          .graph([](T a, T b) { return pow(1.5 + tanh(a), sin(b)); }),
      unary("exp", "e^x", "y", exp, {2, 2, 2}, [](N x) { return exp(x); }).graph([](T x) {
        return exp(0.5 * tanh(x));
      }),
      unary("expm1", "e^x - 1", "e^x", expm1, {2, 2, 2}, [](N x) { return expm1(x); })
          .graph([](T x) { return expm1(sin(x)); }),
      unary("log", "ln x", "1/x", log, {2, 2, 2}, [](N x) { return log(x); })
          .on({positive_numbers})
          .graph([](T x) { return log(1.5 + tanh(x)); }),
      unary("log1p", "ln(1 + x)", "1/(1 + x)", log1p, {2, 2, 4}, [](N x) { return log1p(x); })
          .on({uniform(s, -0.5, 2)})
          .graph([](T x) { return log1p(square(x)); }),
      unary("erf", "2/sqrt(pi) Int_0^x e^(-t^2) dt", "2/sqrt(pi) e^(-x^2)", erf, {3, 3, 3},
            [](N x) { return erf(x); }),
      unary("normal_pdf", "phi(x) = e^(-x^2/2)/sqrt(2 pi)", "-x y", normal_pdf, {2, 3, 3},
            [](N x) { return normal_pdf(x); })
          .graph([](T x) { return 2 * normal_pdf(x); }),
      unary("normal_cdf", "Phi(x) = Int_-inf^x phi", "phi(x)", normal_cdf, {4, 2, 3},
            [](N x) { return normal_cdf(x); }),
      unary("sin", "sin x", "cos x", sin, {2, 2, 2}, [](N x) { return sin(x); }),
      unary("cos", "cos x", "-sin x", cos, {2, 2, 2}, [](N x) { return cos(x); }),
  };
}

std::vector<OpRow> activations() {
  const auto slope_of_elu = [](X x) { return grad(sum(elu(x[0], 1.3)), {x[0]})[0]; };
  return {
      unary("relu", "max(x, 0)", "[x > 0], 0 at 0", relu, {0, 0, 0},
            [](N x) { return choose(x <= 0, 0, x); })
          .on({apart})
          .graph([](T x) { return relu(x) + 0.3 * x; }, itself)
          .kink("at 0", {repeated(ties)}, [](X x) { return square(relu(x[0]) + x[0]); }),
      unary("positive", "[x > 0]", "0", positive, {0, 0, 0},
            [](N x) { return choose(x > 0, 1, 0); })
          .piece({apart}, [](X x) { return positive(x[0]) * x[0]; })
          .graph([](T x) { return positive(x) * sin(x) - 0.4 * x; }, itself),
      function("leaky_relu(x, a)", "x where x > 0, else a x", "1 where x > 0, else a", {apart},
               [](X x) { return leaky_relu(x[0], 0.2); })
          .defined([](N x, Numbers n) { return choose(x > 0, x, n[0] * x); })
          .check("", Units{1, 1, 0})
          .graph([](T x) { return leaky_relu(x, 0.2); }, itself)
          .kink("at 0", {repeated(ties)}, [](X x) { return square(leaky_relu(x[0], 0.2) + x[0]); }),
      function("elu(x, alpha)", "x where x > 0, else alpha (e^x - 1)",
               "1 where x > 0, else alpha e^x (op `elu_slope`)", {apart},
               [](X x) { return elu(x[0], 1.3); })
          .defined([](N x, Numbers n) { return choose(x > 0, x, n[0] * expm1(x)); })
          .check("", Units{2, 2, 2})
          .graph([](T x) { return elu(x, 1.3); }, itself),
      derivative_op("elu_slope", [](N x, Numbers n) { return choose(x > 0, 1, n[0] * exp(x)); })
          .check("", {apart}, slope_of_elu, Units{2, 2, 2}),
      unary("tanh", "tanh x", "1/cosh^2 x (op `sech2`)", tanh, {3, 5, 5},
            [](N x) { return tanh(x); }),
      unary("sech2", "1/cosh^2 x", "-2 y tanh x", sech2, {5, 5, 10}, [](N x) { return sech2(x); }),
      unary("sigmoid", "s(x)", "s(x) s(-x) = 1/(4 cosh^2(x/2))", sigmoid, {3, 5, 5},
            [](N x) { return logistic(x); }),
      unary("softplus", "ln(1 + e^x)", "s(x)", softplus, {2, 3, 5}, [](N x) { return softplus(x); })
          .graph([](T x) { return 0.7 * softplus(x); }),
      unary("silu", "x s(x)", "s(x) + x s(x) s(-x)", silu, {2, 5, 6},
            [](N x) { return x * logistic(x); }),
      function("beta_gelu(x, beta)", "x Phi(u), u = beta x", "Phi(u) + u phi(u)", {normal(s)},
               [](X x) { return beta_gelu(x[0], 3); })
          .defined([](N x, Numbers n) { return x * normal_cdf(x, n[0]); })
          .check("beta 3", Units{4, 4, 5})
          .unmeasured([](int order, double x) { return order == 2 && std::isnan(x); })
          .graph([](T x) { return beta_gelu(x, 1.5); }),
      function("gelu(x)", "x Phi(x)", "Phi(x) + x phi(x)", {normal(s)},
               [](X x) { return gelu(x[0]); })
          .built("beta_gelu", "beta_gelu with beta = 1")
          .check("beta 1", Units{4, 4, 5})
          .graph("gelu", any, [](T x) { return gelu(x); }),
      function("gelu_tanh(x)", "x s(2u), u = sqrt(2/pi) (x + 0.044715 x^3)",
               "s(2u) + 2 x s(2u) s(-2u) du/dx", {normal(s)}, [](X x) { return gelu_tanh(x[0]); })
          .built("sigmoid", "sigmoid, clamp")
          .check("in gelu_tanh", Units{6, 8, 32})
          .exact([](N x) { return x * logistic(2 * sqrt(2 / pi()) * (x + 0.044715 * x * x * x)); })
          .unmeasured([](int order, double x) { return std::isinf(x) && (x < 0 || order > 0); })
          .graph("gelu_tanh", any, gelu_tanh),
  };
}

std::vector<OpRow> pieces() {
  const auto slope_of_clamp = [](X x) { return grad(sum(clamp(x[0], -1.05, 0.75)), {x[0]})[0]; };
  return {
      unary("abs", "\\|x\\|", "sign x, 0 at 0", abs, {0, 0, 0}, [](N x) { return abs(x); })
          .on({apart})
          .graph([](T x) { return abs(x) + 0.4 * x; }, itself)
          .kink("at 0", {repeated(ties)}, [](X x) { return square(abs(x[0]) + x[0]); }),
      unary("sign", "-1, 0 or 1", "0", sign, {0, 0, 0},
            [](N x) { return choose(x > 0, 1, choose(x < 0, -1, x.value())); })
          .piece({apart}, [](X x) { return sign(x[0]) * x[0]; })
          .graph([](T x) { return sign(x) * sin(x) + x; }, itself)
          .kink("at 0", {repeated(ties)}, [](X x) { return square(sign(x[0]) + x[0]); }),
      binary("greater", "greater(a, b)", "[a > b]", "0", greater, {0, 0, 0},
             [](N a, N b) { return choose(a > b, 1, 0); })
          .piece({apart, near_zero}, [](X x) { return greater(x[0], x[1]) * x[1]; })
          .graph([](T a, T b) { return greater(a, b) * sin(b) + 0.4 * a; }, difference),
      binary("greater_equal", "greater_equal(a, b)", "[a >= b]", "0", greater_equal, {1, 1, 1},
             [](N a, N b) { return choose(a >= b, 1, 0); })
          .piece({near_zero, apart}, [](X x) { return greater_equal(x[0], x[1]) * square(x[0]); })
          .graph([](T a, T b) { return greater_equal(a, b) * sin(a) + 0.4 * b; }, difference),
      binary("equal", "equal(a, b)", "[a = b]", "0", equal, {0, 0, 0},
             [](N a, N b) { return choose(a == b, 1, 0); })
          .piece({apart}, [](X x) { return equal(sign(x[0]), positive(x[0])) * x[0]; })
          .graph([](T x) { return equal(sign(x), positive(x)) * sin(x) + 0.4 * x; }, itself),
      unary("nonzero", "[x != 0]", "0", nonzero, {0, 0, 0},
            [](N x) { return choose(x == 0, 0, 1); })
          .piece({apart}, [](X x) { return nonzero(relu(x[0])) * x[0]; })
          .graph([](T x) { return nonzero(relu(x)) * x + 0.4 * sin(x); }, itself),
      binary("maximum", "maximum(a, b)", "max(a, b)",
             "[a > b] + [a = b]/2, [b > a] + [a = b]/2; 1 where an input is NaN", maximum,
             {1, 1, 1}, [](N a, N b) { return maximum(a, b); })
          .piece({apart, near_zero}, [](X x) { return square(maximum(x[0], x[1])); })
          .graph([](T a, T b) { return maximum(a, b); }, difference)
          .kink("ties", {repeated(ties), repeated(ties)},
                [](X x) { return square(maximum(x[0], x[1])); }),
      binary("minimum", "minimum(a, b)", "min(a, b)", "[a < b] + [a = b]/2, [b < a] + [a = b]/2",
             minimum, {1, 1, 1}, [](N a, N b) { return minimum(a, b); })
          .piece({near_zero, apart}, [](X x) { return square(minimum(x[0], x[1])); })
          .graph([](T a, T b) { return minimum(a, b) - 0.2 * b; }, difference)
          .kink("ties", {repeated(ties), repeated(ties)},
                [](X x) { return square(minimum(x[0], x[1])); }),
      function("clamp(x, low, high)", "min(max(x, low), high)", "[low <= x <= high] (op `inside`)",
               {apart}, [](X x) { return clamp(x[0], -1.05, 0.75); })
          .defined([](N x, Numbers n) {
            const Number raised = choose(x < n[0], n[0], x);
            return choose(raised > n[1], n[1], raised);
          })
          .check("", Units{2, 1, 0})
          .piece({apart}, [](X x) { return square(clamp(x[0], -1.05, 0.75)); })
          .graph([](T x) { return clamp(x, -0.6, 0.5) + 0.3 * x; },
                 [](X x) { return (x[0] + 0.6) * (x[0] - 0.5); })
          .kink("at its ends", {repeated(ties)},
                [](X x) { return square(clamp(x[0], -1, 0) + x[0]); }),
      derivative_op("inside",
                    [](N x, Numbers n) {
                      const bool above = x >= n[0], below = x <= n[1];
                      return choose(above && below, 1, 0);
                    })
          .check("", Units{0, 0, 0})
          .piece({apart}, [=](X x) { return x[0] * slope_of_clamp(x); }),
      function("where(mask, a, b)", "a where mask != 0, else b",
               "by a: [mask != 0], by b: [mask = 0], by mask: 0", {apart, normal(s), normal(s)},
               [](X x) { return where(x[0], x[1], x[2]); })
          .defined([](N mask, N a, N b) { return choose(mask == 0, b, a); })
          .check("", {apart, normal(row), normal(column)},
                 [](X x) { return where(positive(x[0]), x[0] * x[1], square(x[2])); })
          .graph([](T a, T b) { return where(greater(a, b), sin(a), 0.5 * a * b); }, difference)
          .kink("mask 0", {repeated(ties), normal(ties), normal(ties)},
                [](X x) { return square(where(x[0], x[1], x[2])); }),
      binary("masked", "masked(x, mask)", "x where mask != 0, else 0",
             "by x: [mask != 0], by mask: 0", masked, {1, 1, 1},
             [](N x, N mask) { return choose(mask == 0, 0, x); })
          .piece({normal(s), apart}, [](X x) { return square(masked(x[0], relu(x[1]))); })
          .graph([](T a, T b) { return masked(sin(a), positive(b)) + 0.4 * b; },
                 [](X x) { return x[1]; }),
  };
}

}  // namespace twice::experiments::rows
