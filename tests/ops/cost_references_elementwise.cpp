// Instrumented elementwise ops, written as the kernels compute them: without branches, so both
// sides of a choice are computed. What kernels add for NaN, for powers of 0 and for the ends of the
// range is left out.
#include <numbers>

#include "tests/ops/counted.h"

namespace twice::testing {

namespace {

using std::numbers::inv_sqrtpi, std::numbers::sqrt2;

Counted choose(bool condition, Counted yes, Counted no) { return condition ? yes : no; }
Counted mask(bool condition) { return condition ? 1 : 0; }

// Each call of a library function is one FLOP.
Counted exp(Counted x) {
  return Counted::call([](double v) { return std::exp(v); }, x);
}
Counted sqrt(Counted x) {
  return Counted::call([](double v) { return std::sqrt(v); }, x);
}
Counted erfc(Counted x) {
  return Counted::call([](double v) { return std::erfc(v); }, x);
}
Counted log1p(Counted x) {
  return Counted::call([](double v) { return std::log1p(v); }, x);
}
Counted expm1(Counted x) {
  return Counted::call([](double v) { return std::expm1(v); }, x);
}
Counted abs(Counted x) {
  return Counted::call([](double v) { return std::abs(v); }, x);
}
Counted pow(Counted x, Counted p) {
  return Counted::call([](double a, double b) { return std::pow(a, b); }, x, p);
}
Counted logistic(Counted x) { return 1 / (1 + exp(-x)); }

/// y_i = f(x_i).
Reference each(std::function<Counted(Counted)> f) {
  return [=](Execution& e) {
    for (Index i = 0; i < e.y.elements(); ++i) e.y.write(i, f(e.x[0].read(i)));
  };
}

/// y_i = f(a_i, b_i).
Reference each_pair(std::function<Counted(Counted, Counted)> f) {
  return [=](Execution& e) {
    for (Index i = 0; i < e.y.elements(); ++i) e.y.write(i, f(e.x[0].read(i), e.x[1].read(i)));
  };
}

/// A function of the C++ library.
Reference library(double (*f)(double)) {
  return each([=](Counted x) { return Counted::call(f, x); });
}

/// y_i = f(x_i, the numbers of the attributes).
Reference each_with(std::vector<std::string> words,
                    std::function<Counted(Counted, const std::vector<double>&)> f) {
  return [=](Execution& e) {
    std::vector<double> numbers;
    for (const std::string& word : words) numbers.push_back(e.number(word));
    each([&](Counted x) { return f(x, numbers); })(e);
  };
}

using Numbers = const std::vector<double>&;

}  // namespace

References elementwise_references() {
  return {
      {"add", each_pair([](Counted a, Counted b) { return a + b; })},
      {"sub", each_pair([](Counted a, Counted b) { return a - b; })},
      {"mul", each_pair([](Counted a, Counted b) { return a * b; })},
      {"div", each_pair([](Counted a, Counted b) { return a / b; })},
      {"affine", each_with({"", "x +"}, [](Counted x, Numbers n) { return n[0] * x + n[1]; })},

      {"square", each([](Counted x) { return x * x; })},
      {"reciprocal", each([](Counted x) { return 1 / x; })},
      {"sqrt", each([](Counted x) { return sqrt(x); })},
      {"safe_sqrt", each([](Counted x) { return sqrt(x); })},
      {"safe_sqrt_slope", each([](Counted x) { return choose(x == 0, 0, 0.5 / sqrt(x)); })},
      {"rsqrt", each([](Counted x) { return 1 / sqrt(x); })},
      {"pow", each_with({"exponent"}, [](Counted x, Numbers n) { return pow(x, n[0]); })},
      {"pow_tensor",
       [](Execution& e) {
         const bool less = !e.attributes.empty();
         each_pair([&](Counted a, Counted b) { return pow(a, less ? b - e.number("less") : b); })(
             e);
       }},

      {"exp", library(std::exp)},
      {"expm1", library(std::expm1)},
      {"log", library(std::log)},
      {"log1p", library(std::log1p)},
      {"erf", library(std::erf)},
      {"sin", library(std::sin)},
      {"cos", library(std::cos)},
      {"tanh", library(std::tanh)},
      {"normal_pdf",
       each([](Counted x) { return inv_sqrtpi / sqrt2 * exp(Counted(-0.5) * x * x); })},
      {"normal_cdf", each([](Counted x) { return 0.5 * erfc(-1 / sqrt2 * x); })},

      {"relu", each([](Counted x) { return choose(x > 0, x, 0); })},
      {"positive", each([](Counted x) { return mask(x > 0); })},
      {"leaky_relu",
       each_with({"slope"}, [](Counted x, Numbers n) { return choose(x > 0, x, n[0] * x); })},
      {"elu", each_with({"alpha"},
                        [](Counted x, Numbers n) { return choose(x > 0, x, n[0] * expm1(x)); })},
      {"elu_slope",
       each_with({"alpha"}, [](Counted x, Numbers n) { return choose(x > 0, 1, n[0] * exp(x)); })},
      {"sech2", each([](Counted x) {
         const Counted c = Counted::call([](double v) { return std::cosh(v); }, x);
         return 1 / (c * c);
       })},
      {"sigmoid", each(logistic)},
      {"softplus", each([](Counted x) { return choose(x > 0, x, 0) + log1p(exp(-abs(x))); })},
      {"silu", each([](Counted x) { return x * logistic(x); })},
      {"beta_gelu",
       each_with({"beta"}, [](Counted x, Numbers n) { return 0.5 * x * erfc(-n[0] / sqrt2 * x); })},

      {"masked", each_pair([](Counted x, Counted m) { return choose(m == 0, 0, x); })},
      {"abs", each([](Counted x) { return abs(x); })},
      {"sign", each([](Counted x) { return choose(x > 0, 1, choose(x < 0, -1, x)); })},
      {"greater", each_pair([](Counted a, Counted b) { return mask(a > b); })},
      {"greater_equal", each_pair([](Counted a, Counted b) { return mask(a >= b); })},
      {"equal", each_pair([](Counted a, Counted b) { return mask(a == b); })},
      {"nonzero", each([](Counted x) { return choose(x == 0, 0, 1); })},
      {"maximum", each_pair([](Counted a, Counted b) { return choose(a > b, a, b); })},
      {"minimum", each_pair([](Counted a, Counted b) { return choose(a < b, a, b); })},
      {"clamp", each_with({"[", ","},
                          [](Counted x, Numbers n) {
                            const Counted raised = choose(x < n[0], n[0], x);
                            return choose(x > n[1], n[1], raised);
                          })},
      {"inside", each_with({"[", ","},
                           [](Counted x, Numbers n) {
                             const bool above = x >= n[0], below = x <= n[1];
                             return mask(above && below);
                           })},
      {"where",
       [](Execution& e) {
         for (Index i = 0; i < e.y.elements(); ++i) {
           const Counted a = e.x[1].read(i), b = e.x[2].read(i);
           e.y.write(i, choose(e.x[0].read(i) == 0, b, a));
         }
       }},
  };
}

}  // namespace twice::testing
