// Numbers of 200 bits: their functions, the rules for first and second derivatives, and the error
// of a computed number. Only this file includes Boost.Multiprecision.
#include "experiments/commands/check/number.h"

#include <algorithm>
#include <array>
#include <boost/math/constants/constants.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <optional>
#include <regex>

#include "autodiff/ops/elementwise.h"
#include "experiments/commands/check/op_table.h"

namespace twice::experiments::exact {

namespace {

namespace mp = boost::multiprecision;
using Exact = mp::number<mp::cpp_bin_float<200, mp::digit_base_2>, mp::et_off>;
/// Wide enough for 1e308 with all digits before the point and 30 digits after it.
using Wide = mp::number<mp::cpp_bin_float<1400, mp::digit_base_2>, mp::et_off>;
using E = const Exact&;
/// A derivative. Empty if it is identically 0.
using Part = std::optional<Exact>;

const Exact infinity = std::numeric_limits<Exact>::infinity();
const Exact nan = std::numeric_limits<Exact>::quiet_NaN();

/// The derivatives whose value at these inputs is a convention, such as the derivative of relu at
/// NaN. Bit i stands for derivative i.
thread_local unsigned choices = 0;
constexpr unsigned all_derivatives = 0b111110;

Exact exact_pi() { return boost::math::constants::pi<Exact>(); }

/// sin(x + quarters pi/2).
Exact sine(const Exact& x, int quarters) {
  static const Wide half_pi = boost::math::constants::half_pi<Wide>();
  // Beyond the range of doubles, callers need only the limit at infinity.
  if (!isfinite(x) || abs(x) > ldexp(Exact(1), 1100)) return nan;
  // x is split into two doubles, because g++ 12 warns about the code that converts between the
  // types.
  const double high = static_cast<double>(x), low = static_cast<double>(Exact(x - high));
  const Wide wide = Wide(high) + low, n = floor(wide / half_pi + Wide(0.5));
  Exact r = 0;
  Wide rest = wide - n * half_pi;
  for (int i = 0; i < 5; ++i) {
    const double part = static_cast<double>(rest);
    r += part;
    rest -= part;
  }
  const int quadrant = (static_cast<int>(Wide(n - 4 * floor(n / 4))) + quarters) % 4;
  const Exact y = quadrant % 2 ? cos(r) : sin(r);
  return quadrant >= 2 ? Exact(-y) : y;
}

Exact exponential(const Exact& x) {
  if (isinf(x)) return x > 0 ? x : Exact(0);
  return exp(x);
}
Exact exponential_minus_1(const Exact& x) {
  if (abs(x) < Exact(1e-20)) return x + x * x / 2 + x * x * x / 6;
  return exponential(x) - 1;
}
Exact logarithm(const Exact& x) {
  if (x == 0) return -infinity;
  if (isinf(x)) return x > 0 ? x : nan;
  return x > 0 ? log(x) : nan;
}
Exact logarithm_of_1_plus(const Exact& x) {
  if (abs(x) < Exact(1e-20)) return x - x * x / 2 + x * x * x / 3;
  return logarithm(1 + x);
}

/// The standard normal density phi(x).
Exact density(const Exact& x) {
  static const Exact scale = 1 / sqrt(2 * exact_pi());
  return scale * exponential(-x * x / 2);
}
/// Phi(-a) for a >= 0: 1/2 minus a series near 0, a continued fraction elsewhere.
Exact normal_tail(const Exact& a) {
  if (isnan(a)) return a;
  if (a > 60) return 0;
  if (a > 5) {
    Exact fraction = a;
    for (int n = 160; n > 0; --n) fraction = a + n / fraction;
    return density(a) / fraction;
  }
  Exact term = a, sum = a;
  for (int n = 1; abs(term) > Exact(1e-62) * abs(sum); ++n) {
    term *= a * a / (2 * n + 1);
    sum += term;
  }
  return Exact(0.5) - density(a) * sum;
}
Exact distribution(const Exact& x) { return x < 0 ? normal_tail(-x) : Exact(1 - normal_tail(x)); }
Exact error_function(const Exact& x) {
  const Exact u = abs(x) * sqrt(Exact(2));
  Exact y = 1 - 2 * normal_tail(u);
  if (u < 5) {  // the same series without the cancelling 1/2
    Exact term = u, sum = u;
    for (int n = 1; n < 200; ++n) {
      term *= u * u / (2 * n + 1);
      sum += term;
    }
    y = 2 * density(u) * sum;
  }
  return x < 0 ? Exact(-y) : y;
}

/// The logistic function s(x).
Exact logistic(const Exact& x) {
  const Exact z = exponential(-abs(x)), d = 1 / (1 + z);
  return x < 0 ? Exact(z * d) : d;
}
Exact hyperbolic_tangent(const Exact& x) {
  const Exact t = exponential_minus_1(-2 * abs(x)), y = -t / (2 + t);
  return x < 0 ? Exact(-y) : y;
}
/// 1/cosh^2 x.
Exact squared_sech(const Exact& x) {
  const Exact z = exponential(-2 * abs(x));
  return 4 * z / ((1 + z) * (1 + z));
}

/// C's pow for exponents that a dtype can hold.
Exact power(const Exact& x, const Exact& p) {
  if (p == 0 || x == 1) return 1;
  if (isnan(x) || isnan(p)) return nan;
  const Exact size = abs(x);
  const bool whole = isinf(p) || trunc(p) == p, odd = whole && !isinf(p) && trunc(p / 2) * 2 != p;
  if (isinf(p)) return size == 1 ? Exact(1) : (size > 1) == (p > 0) ? infinity : Exact(0);
  const bool negative = odd && signbit(x);
  Exact y;
  if (x == 0 || isinf(x))
    y = (x == 0) == (p > 0) ? Exact(0) : infinity;
  else if (x < 0 && !whole)
    return nan;
  else
    y = exponential(p * log(size));
  return negative ? Exact(-y) : y;
}

/// The derivative of order d of x^p: p (p-1) ... (p-d+1) x^(p-d).
Exact power_of(int d, const Exact& x, const Exact& p) {
  Exact factor = 1;
  for (int i = 0; i < d; ++i) factor *= p - i;
  return factor * power(x, p - d);
}

}  // namespace

/// The value f, then f_a, f_b, f_aa, f_ab, f_bb.
struct Number::Parts {
  Exact value;
  std::array<Part, 5> derivatives = {};
  bool constant() const {
    return std::none_of(derivatives.begin(), derivatives.end(), [](const Part& d) { return d; });
  }
};

namespace {

Part operator+(const Part& a, const Part& b) { return !a ? b : !b ? a : Part(*a + *b); }
Part operator*(const Part& a, const Part& b) { return a && b ? Part(*a * *b) : Part(); }

Number made(const Exact& value, const std::array<Part, 5>& derivatives = {}) {
  return Number(std::make_shared<const Number::Parts>(Number::Parts{value, derivatives}));
}

/// Applies the chain rule to g(x, y), given g and its partial derivatives in the order x, y, xx,
/// xy, yy.
Number composed(const Exact& value, const std::array<Part, 5>& g, const Number& x,
                const Number& y) {
  const auto &u = x.parts().derivatives, &v = y.parts().derivatives;
  std::array<Part, 5> result;
  for (std::size_t i : {0, 1}) result[i] = g[0] * u[i] + g[1] * v[i];
  for (std::size_t i : {0, 1})
    for (std::size_t j = i; j < 2; ++j)
      result[2 + i + j] = g[2] * u[i] * u[j] + g[3] * (u[i] * v[j] + u[j] * v[i]) +
                          g[4] * v[i] * v[j] + g[0] * u[2 + i + j] + g[1] * v[2 + i + j];
  ++Number::flops();
  return made(value, result);
}

/// f(x), where f(d, x) is the derivative of order d.
template <class F>
Number function(const Number& x, F f) {
  const Exact& at = x.parts().value;
  if (x.parts().constant()) return composed(f(0, at), {}, x, x);
  return composed(f(0, at), {f(1, at), {}, f(2, at)}, x, 0);
}

/// Counts the FLOPs of `formula` instead of the single FLOP of a function that keeps more digits.
template <class F>
void count_as(F formula) {
  const unsigned before = choices;
  formula();
  choices = before;
  --Number::flops();
}

/// If an input is NaN, the result of a comparison is a convention.
void count_comparison(const Number& a, const Number& b) {
  ++Number::flops();
  if (isnan(a.parts().value) || isnan(b.parts().value)) choices |= all_derivatives;
}

Number larger(const Number& a, const Number& b, bool max) {
  count_comparison(a, b);
  --Number::flops();
  const Exact &x = a.parts().value, &y = b.parts().value;
  if (x == y) return composed(x, {Exact(0.5), Exact(0.5)}, a, b);
  return max == (x > y) ? composed(x, {Exact(1)}, a, b) : composed(y, {Part(), Exact(1)}, a, b);
}

/// C's pow of two variables. Marks the derivatives that are defined only by convention.
Number power_of_variables(const Number& x, const Number& exponent) {
  const Exact &a = x.parts().value, &b = exponent.parts().value, y = power(a, b);
  const Exact at_zero = b < 0 ? Exact(-infinity * y) : Exact(0);
  if (isinf(a) || isinf(b) || isnan(a) || isnan(b) || isnan(y)) choices |= all_derivatives;
  // Once b - 1 is rounded, its parity is lost.
  if (signbit(a) && abs(b) > 10000000) choices |= all_derivatives;
  // a^(b-1) may overflow before multiplication by a small b makes it finite.
  if (abs(b) < Exact(1e-3) && abs(a) < 1) choices |= all_derivatives;
  if (a == 0) choices |= 0b111000;
  const Exact by_a = b == 0 ? Exact(0) : Exact(b * power(a, b - 1));
  const Exact by_aa = b * (b - 1) * power(a, b - 2);
  if (a <= 0) return composed(y, {by_a, a == 0 ? at_zero : nan, by_aa, nan, nan}, x, exponent);
  const Exact l = log(a);
  return composed(y, {by_a, y * l, by_aa, power(a, b - 1) * (1 + b * l), y * l * l}, x, exponent);
}

}  // namespace

Number::Number(double value) : parts_(std::make_shared<const Parts>(Parts{Exact(value)})) {}
double Number::value() const { return static_cast<double>(parts_->value); }
double& Number::flops() {
  thread_local double count = 0;
  return count;
}

Number operator+(const Number& a, const Number& b) {
  return composed(a.parts().value + b.parts().value, {Exact(1), Exact(1)}, a, b);
}
Number operator-(const Number& a, const Number& b) {
  return composed(a.parts().value - b.parts().value, {Exact(1), Exact(-1)}, a, b);
}
Number operator*(const Number& a, const Number& b) {
  const Exact &x = a.parts().value, &y = b.parts().value;
  return composed(x * y, {y, x, Part(), Exact(1)}, a, b);
}
Number operator/(const Number& a, const Number& b) {
  const Exact &x = a.parts().value, &y = b.parts().value;
  if (!a.parts().constant() && (y == 0 || isinf(x) || isinf(y))) choices |= all_derivatives;
  const Exact quotient = y != 0                     ? Exact(x / y)
                         : x == 0 || isnan(x)       ? nan
                         : signbit(x) != signbit(y) ? Exact(-infinity)
                                                    : infinity;
  if (b.parts().constant()) return composed(quotient, {1 / y}, a, b);
  const Exact by_b = -quotient / y;
  return composed(quotient, {1 / y, by_b, Part(), -1 / (y * y), -2 * by_b / y}, a, b);
}
Number operator-(const Number& x) { return composed(-x.parts().value, {Exact(-1)}, x, x); }
bool operator>(const Number& a, const Number& b) {
  count_comparison(a, b);
  return a.parts().value > b.parts().value;
}
bool operator>=(const Number& a, const Number& b) {
  count_comparison(a, b);
  return a.parts().value >= b.parts().value;
}
bool operator==(const Number& a, const Number& b) {
  count_comparison(a, b);
  return a.parts().value == b.parts().value;
}
Number maximum(const Number& a, const Number& b) { return larger(a, b, true); }
Number minimum(const Number& a, const Number& b) { return larger(a, b, false); }

Number exp(const Number& x) {
  return function(x, [](int, E v) { return exponential(v); });
}
Number expm1(const Number& x) {
  return function(x, [](int d, E v) { return d == 0 ? exponential_minus_1(v) : exponential(v); });
}
Number log(const Number& x) {
  return function(x, [](int d, E v) { return d == 0 ? logarithm(v) : power_of(d - 1, v, -1); });
}
Number log1p(const Number& x) {
  return function(
      x, [](int d, E v) { return d == 0 ? logarithm_of_1_plus(v) : power_of(d - 1, 1 + v, -1); });
}
Number sqrt(const Number& x) {
  return function(x, [](int d, E v) -> Exact {
    if (v == 0) return d == 0 ? v : Exact((d == 1) == signbit(v) ? -infinity : infinity);
    return v < 0 ? nan : power_of(d, v, 0.5);
  });
}
Number safe_sqrt(const Number& x) {
  return function(x, [](int d, E v) -> Exact {
    if (v == 0) return d == 0 ? v : d == 1 ? Exact(0) : nan;
    return v < 0 ? nan : power_of(d, v, 0.5);
  });
}
Number safe_sqrt_slope(const Number& x) {
  count_as([&] { return choose(x == 0, 0, 0.5 / sqrt(x)); });
  return function(x, [](int d, E v) -> Exact {
    if (v == 0) return d == 0 ? Exact(0) : nan;
    return v < 0 ? nan : power_of(d + 1, v, 0.5);
  });
}
Number sin(const Number& x) {
  return function(x, [](int d, E v) { return sine(v, d); });
}
Number cos(const Number& x) {
  return function(x, [](int d, E v) { return sine(v, d + 1); });
}
Number tanh(const Number& x) {
  return function(x, [](int d, E v) -> Exact {
    const Exact y = hyperbolic_tangent(v), slope = squared_sech(v);
    return d == 0 ? y : d == 1 ? slope : Exact(-2 * y * slope);
  });
}
Number sech2(const Number& x) {
  count_as([&] {
    const Number cosh = exp(x);  // same FLOPs as cosh
    return 1 / (cosh * cosh);
  });
  return function(x, [](int d, E v) -> Exact {
    const Exact y = hyperbolic_tangent(v), slope = squared_sech(v);
    return d == 0 ? slope : d == 1 ? Exact(-2 * y * slope) : Exact(slope * (4 * y * y - 2 * slope));
  });
}
Number erf(const Number& x) {
  return function(x, [](int d, E v) -> Exact {
    const Exact slope = 2 / sqrt(exact_pi()) * exponential(-v * v);
    return d == 0 ? error_function(v) : d == 1 ? slope : Exact(-2 * v * slope);
  });
}
Number abs(const Number& x) {
  if (isnan(x.parts().value)) choices |= all_derivatives;
  return function(x, [](int d, E v) -> Exact {
    return d == 0 ? abs(v) : Exact(d == 2 ? 0 : (v > 0) - (v < 0));
  });
}
Number pow(const Number& x, const Number& exponent) {
  if (!exponent.parts().constant()) return power_of_variables(x, exponent);
  return function(x, [&](int d, E v) { return power_of(d, v, exponent.parts().value); });
}
Number logistic(const Number& x) {
  count_as([&] { return 1 / (1 + exp(-x)); });
  return function(x, [](int d, E v) -> Exact {
    const Exact slope = squared_sech(v / 2) / 4;
    return d == 0 ? logistic(v) : d == 1 ? slope : Exact(-slope * hyperbolic_tangent(v / 2));
  });
}
Number softplus(const Number& x) {
  count_as([&] { return choose(x > 0, x, 0) + log1p(exp(-abs(x))); });
  return function(x, [](int d, E v) -> Exact {
    if (d == 0) return (v > 0 ? v : Exact(0)) + logarithm_of_1_plus(exponential(-abs(v)));
    return d == 1 ? logistic(v) : Exact(squared_sech(v / 2) / 4);
  });
}
Number normal_pdf(const Number& x) {
  count_as([&] { return std::numbers::inv_sqrtpi / std::numbers::sqrt2 * exp(-0.5 * x * x); });
  return function(x, [](int d, E v) -> Exact {
    const Exact y = density(v);
    return d == 0 ? y : d == 1 ? Exact(-v * y) : Exact((v * v - 1) * y);
  });
}
Number normal_cdf(const Number& x, double b) {
  count_as([&] { return 0.5 * erf(-b / std::numbers::sqrt2 * x); });
  return function(x, [b](int d, E v) -> Exact {
    const Exact u = b * v;
    return d == 0 ? distribution(u) : d == 1 ? b * density(u) : Exact(-b * b * u * density(u));
  });
}
Number pi() { return made(exact_pi()); }

std::vector<double> numbers_in(const std::string& attributes) {
  static const std::regex number(R"([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf))");
  std::vector<double> numbers;
  for (std::sregex_iterator at(attributes.begin(), attributes.end(), number), end; at != end; ++at)
    numbers.push_back(std::stod(at->str()));
  return numbers;
}

namespace {

struct Limits {
  int digits, least, most;
};
Limits limits(DType dtype) {
  return dtype == DType::f32 ? Limits{24, -126, 127} : Limits{53, -1022, 1023};
}

Exact limited(const Exact& y, int derivative, DType dtype) {
  const Exact most = ldexp(Exact(1), limits(dtype).most + (derivative == 0 ? 1 : -9));
  return y > most ? most : y < -most ? Exact(-most) : y;
}

double neighbour(double x, double towards, DType dtype) {
  return dtype == DType::f32 ? static_cast<double>(std::nextafter(static_cast<float>(x),
                                                                  static_cast<float>(towards)))
                             : std::nextafter(x, towards);
}

using Point = std::array<Exact, 2>;
/// The value and the derivatives. An entry is empty if it is a convention.
using Result = std::array<std::optional<Exact>, 6>;

/// The function of a case, composed from the definitions of the ops that it records for scalar
/// inputs.
Definition recorded(const OpCase& row) {
  struct Step {
    const Definition* definition;
    std::vector<double> attributes;
    std::vector<std::size_t> from;
    double constant;
  };
  Tape tape;
  Tensors x;
  for (std::size_t i = 0; i < row.inputs.size(); ++i) x.push_back(tape.input({}, DType::f64));
  const Tensor y = row.function(x)[0];
  std::vector<Step> steps;
  for (int i = static_cast<int>(x.size()); i <= y.index(); ++i) {
    const Node& node = tape.node(i);
    Step& step = steps.emplace_back();
    if (!node.op) {
      step.constant = tape.stored(node).item();
      continue;
    }
    for (int input : tape.inputs_of(node)) step.from.push_back(static_cast<std::size_t>(input));
    step.definition = definition_of(node.op->name());
    step.attributes = numbers_in(node.op->attributes());
    if (!step.definition && dynamic_cast<const ElementwiseOp*>(node.op.get()))
      fail("check", "the row of the op table of '{}' has no definition", node.op->name());
  }
  Definition all;
  all.call = [steps](std::span<const Number> inputs, const std::vector<double>&) {
    std::vector<Number> numbers(inputs.begin(), inputs.end());
    for (const Step& step : steps) {
      std::vector<Number> from;
      for (std::size_t i : step.from) from.push_back(numbers[i]);
      // An op without a definition only moves numbers, so it returns a scalar unchanged.
      numbers.push_back(step.definition ? step.definition->call(from, step.attributes)
                        : from.empty()  ? Number(step.constant)
                                        : from[0]);
    }
    return numbers.back();
  };
  return all;
}

}  // namespace

/// The function, and its results at the most recent inputs. Callers ask for one derivative at a
/// time.
struct ExactFunction::State {
  Definition f;
  std::size_t inputs;
  bool (*unmeasured)(int order, double x);
  std::vector<double> last = {};
  Result center = {};
  std::array<std::optional<Result>, 4> moved = {};

  Result at(const Point& point) const {
    std::vector<Number> x;
    for (std::size_t i = 0; i < inputs; ++i) {
      std::array<Part, 5> slopes;
      slopes[i] = 1;
      x.push_back(made(point[i], slopes));
    }
    choices = 0;
    const Number y = f.call(x, {});
    Result result{y.parts().value};
    const bool one = inputs == 1;
    for (std::size_t d = 1; d <= (one ? 2 : 5); ++d)
      if (!(choices >> d & 1))
        result[d] = y.parts().derivatives[one && d == 2 ? 2 : d - 1].value_or(0);
    // The value at infinity is the limit there.
    if (one && isinf(point[0]) && isnan(y.parts().value)) {
      const std::array far{made(ldexp(Exact(point[0] > 0 ? 1 : -1), 1 << 20))};
      result[0] = f.call(far, {}).parts().value;
    }
    // The order of derivative d.
    const auto order = [&](std::size_t d) { return d == 0 ? 0 : d <= inputs ? 1 : 2; };
    for (std::size_t d = 0; unmeasured && d < result.size(); ++d)
      for (std::size_t i = 0; i < inputs; ++i)
        if (unmeasured(order(d), static_cast<double>(point[i]))) result[d].reset();
    return result;
  }

  void move_to(std::span<const double> to) {
    if (last.size() == to.size() && !std::memcmp(last.data(), to.data(), to.size_bytes())) return;
    last.assign(to.begin(), to.end());
    center = at(point());
    moved = {};
  }

  Point point() const {
    Point result;
    std::copy(last.begin(), last.end(), result.begin());
    return result;
  }

  /// The results halfway between input i and the next number on one side. Empty at the ends of the
  /// range.
  const std::optional<Result>& beside(std::size_t i, int side, DType dtype) {
    std::optional<Result>& result = moved[2 * i + static_cast<std::size_t>(side)];
    const double infinite = std::numeric_limits<double>::infinity();
    const double next = neighbour(last[i], side == 0 ? -infinite : infinite, dtype);
    if (!result && std::isfinite(next)) {
      Point to = point();
      to[i] = (to[i] + Exact(next)) / 2;
      result = at(to);
    }
    return result;
  }
};

ExactFunction::ExactFunction(const OpCase& row)
    : state_(new State{row.exact.call ? row.exact : recorded(row), row.inputs.size(),
                       row.unmeasured}) {}

ExactFunction::~ExactFunction() = default;

double ExactFunction::value(int derivative, std::span<const double> x) {
  state_->move_to(x);
  const auto& y = state_->center[static_cast<std::size_t>(derivative)];
  return y ? static_cast<double>(*y) : std::nan("");
}

double ExactFunction::error(int derivative, std::span<const double> x, double computed, DType dtype,
                            double known) {
  const double infinite = std::numeric_limits<double>::infinity();
  const auto d = static_cast<std::size_t>(derivative);
  state_->move_to(x);
  const std::optional<Exact> exact = state_->center[d];
  if (!exact) return 0;
  if (isnan(*exact)) {
    // If a derivative's formula gives infinity times 0, its limit is correct too.
    const bool at_infinity =
        std::any_of(x.begin(), x.end(), [](double v) { return std::isinf(v); });
    return std::isnan(computed) || (derivative > 0 && at_infinity) ? 0 : infinite;
  }
  if (std::isnan(computed)) return infinite;
  const Exact y = limited(*exact, derivative, dtype);
  const Exact off = abs(limited(Exact(computed), derivative, dtype) - y);
  if (off == 0) return 0;
  const Limits range = limits(dtype);
  const int exponent = y == 0 ? range.least : std::max(range.least, static_cast<int>(ilogb(y)));
  Exact unit = ldexp(Exact(1), exponent - range.digits + 1);
  if (derivative > 0)
    unit = std::max(unit, Exact(ldexp(Exact(1024), range.least - range.digits + 1)));
  if (off <= known * unit) return static_cast<double>(Exact(off / unit));
  Exact width = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || isinf(*exact)) continue;
    Exact widest = 0;
    for (int side : {0, 1}) {
      const std::optional<Result>& result = state_->beside(i, side, dtype);
      if (result && (*result)[d] && !isnan(*(*result)[d]))
        widest = std::max(widest, Exact(abs(limited(*(*result)[d], derivative, dtype) - y)));
    }
    width += widest;
  }
  return off <= width ? 0 : static_cast<double>(Exact((off - width) / std::max(unit, width)));
}

}  // namespace twice::experiments::exact
