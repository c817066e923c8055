// Numbers of 200 bits: their functions, the rules for first and second derivatives, and the error
// of a computed number. Only this file includes Boost.Multiprecision.
#include "experiments/commands/check/number.h"

#include <algorithm>
#include <array>
#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/expm1.hpp>
#include <boost/math/special_functions/log1p.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <limits>
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
  static const Wide turn = boost::math::constants::two_pi<Wide>();
  // Beyond the range of doubles, callers need only the limit at infinity.
  if (abs(x) > ldexp(Exact(1), 1100)) return nan;
  const Exact rest(fmod(Wide(x), turn));
  const Exact y = quarters % 2 ? cos(rest) : sin(rest);
  return quarters % 4 >= 2 ? Exact(-y) : y;
}

/// The derivative of order d > 0 of erf.
Exact erf_derivative(int d, const Exact& x) {
  static const Exact scale = 2 / sqrt(exact_pi());
  const Exact slope = scale * exp(-x * x);
  return d == 1 ? slope : Exact(-2 * x * slope);
}

// The derivatives of order d.
Exact tanh_derivative(int d, const Exact& x) {
  const Exact y = tanh(x), c = cosh(x), slope = 1 / (c * c);
  if (d < 2) return d == 0 ? y : slope;
  return d == 2 ? Exact(-2 * y * slope) : Exact(slope * (4 * y * y - 2 * slope));
}
Exact logistic_derivative(int d, const Exact& x) {
  return d == 0 ? Exact(1 / (1 + exp(-x))) : ldexp(tanh_derivative(d, x / 2), -d - 1);
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
    y = exp(p * log(size));
  return negative ? Exact(-y) : y;
}

/// The derivative of order d of x^p: p (p-1) ... (p-d+1) x^(p-d).
Exact power_of(int d, const Exact& x, const Exact& p) {
  Exact factor = 1;
  for (int i = 0; i < d; ++i) factor *= p - i;
  return factor * power(x, p - d);
}
/// The derivative of order d of sqrt x, but 0 at 0 for d = 1 and NaN for d > 1.
Exact safe_sqrt_derivative(int d, const Exact& x) {
  if (x == 0) return d == 0 ? x : d == 1 ? Exact(0) : nan;
  return x < 0 ? nan : power_of(d, x, 0.5);
}

}  // namespace

/// The value f, then f_a, f_b, f_aa, f_ab, f_bb.
struct Number::Parts {
  Exact value;
  std::array<Part, 5> derivatives = {};
  bool constant() const {
    return std::ranges::none_of(derivatives, [](const Part& d) { return d.has_value(); });
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

/// f(x), where f(d, x) is the derivative of order d. A call counts `flops` FLOPs.
template <class F>
Number function(const Number& x, F f, double flops = 1) {
  Number::flops() += flops - 1;
  const Exact& at = x.parts().value;
  if (x.parts().constant()) return composed(f(0, at), {}, x, x);
  return composed(f(0, at), {f(1, at), {}, f(2, at)}, x, 0);
}

/// If an input is NaN, the result of a comparison is a convention.
void mark_nan(const Number& a, const Number& b) {
  if (isnan(a.parts().value) || isnan(b.parts().value)) choices |= all_derivatives;
}

template <class Compare>
bool comparison(const Number& a, const Number& b, Compare compare) {
  ++Number::flops();
  mark_nan(a, b);
  return compare(a.parts().value, b.parts().value);
}

Number larger(const Number& a, const Number& b, bool max) {
  mark_nan(a, b);
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
  const Exact quotient = x / y;
  if (b.parts().constant()) return composed(quotient, {1 / y}, a, b);
  const Exact by_b = -quotient / y;
  return composed(quotient, {1 / y, by_b, Part(), -1 / (y * y), -2 * by_b / y}, a, b);
}
Number operator-(const Number& x) { return composed(-x.parts().value, {Exact(-1)}, x, x); }
bool operator>(const Number& a, const Number& b) { return comparison(a, b, std::greater<>()); }
bool operator>=(const Number& a, const Number& b) {
  return comparison(a, b, std::greater_equal<>());
}
bool operator==(const Number& a, const Number& b) { return comparison(a, b, std::equal_to<>()); }
Number maximum(const Number& a, const Number& b) { return larger(a, b, true); }
Number minimum(const Number& a, const Number& b) { return larger(a, b, false); }

Number exp(const Number& x) {
  return function(x, [](int, E v) { return exp(v); });
}
Number expm1(const Number& x) {
  return function(x, [](int d, E v) { return d == 0 ? expm1(v) : exp(v); });
}
Number log(const Number& x) {
  return function(x, [](int d, E v) { return d == 0 ? log(v) : power_of(d - 1, v, -1); });
}
Number log1p(const Number& x) {
  return function(x, [](int d, E v) { return d == 0 ? log1p(v) : power_of(d - 1, 1 + v, -1); });
}
Number sqrt(const Number& x) {
  return function(x, [](int d, E v) -> Exact {
    if (v == 0 && d > 0) return (d == 1) == signbit(v) ? -infinity : infinity;
    return safe_sqrt_derivative(d, v);
  });
}
Number safe_sqrt(const Number& x) { return function(x, safe_sqrt_derivative); }
Number safe_sqrt_slope(const Number& x) {
  const auto derivative = [](int d, E v) { return safe_sqrt_derivative(d + 1, v); };
  return function(x, derivative, 3);
}
Number sin(const Number& x) {
  return function(x, [](int d, E v) { return sine(v, d); });
}
Number cos(const Number& x) {
  return function(x, [](int d, E v) { return sine(v, d + 1); });
}
Number tanh(const Number& x) { return function(x, tanh_derivative); }
Number sech2(const Number& x) {
  const auto derivative = [](int d, E v) { return tanh_derivative(d + 1, v); };
  return function(x, derivative, 3);
}
Number erf(const Number& x) {
  return function(x, [](int d, E v) { return d == 0 ? erf(v) : erf_derivative(d, v); });
}
Number erfc(const Number& x) {
  return function(x, [](int d, E v) { return d == 0 ? erfc(v) : Exact(-erf_derivative(d, v)); });
}
Number abs(const Number& x) {
  mark_nan(x, x);
  return function(x, [](int d, E v) -> Exact {
    return d == 0 ? abs(v) : Exact(d == 2 ? 0 : (v > 0) - (v < 0));
  });
}
Number pow(const Number& x, const Number& exponent) {
  if (!exponent.parts().constant()) return power_of_variables(x, exponent);
  return function(x, [&](int d, E v) { return power_of(d, v, exponent.parts().value); });
}
Number logistic(const Number& x) { return function(x, logistic_derivative, 4); }
Number softplus(const Number& x) {
  const auto derivative = [](int d, E v) -> Exact {
    if (d > 0) return logistic_derivative(d - 1, v);
    return (v > 0 ? v : Exact(0)) + log1p(exp(-abs(v)));
  };
  return function(x, derivative, 6);
}
Number normal_pdf(const Number& x) {
  static const Number scale = made(1 / sqrt(2 * exact_pi()));
  return scale * exp(-0.5 * x * x);
}
Number normal_cdf(const Number& x, double b) { return 0.5 * erfc(made(-b * sqrt(Exact(0.5))) * x); }
Number pi() { return made(exact_pi()); }

std::vector<double> numbers_in(const std::string& attributes) {
  static const std::regex number(R"([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf))");
  std::vector<double> numbers;
  for (std::sregex_iterator at(attributes.begin(), attributes.end(), number), end; at != end; ++at)
    numbers.push_back(std::stod(at->str()));
  return numbers;
}

FloatRange range_of(DType dtype) {
  return visit_float(dtype, []<class T>(T) {
    using Limits = std::numeric_limits<T>;
    return FloatRange{Limits::digits, Limits::max_exponent, Limits::denorm_min(), Limits::min(),
                      Limits::max()};
  });
}

double rounded(double x, DType dtype) {
  return visit_float(dtype, [&]<class T>(T) -> double { return static_cast<T>(x); });
}

double neighbour(double x, double towards, DType dtype) {
  return visit_float(dtype, [&]<class T>(T) -> double {
    return std::nextafter(static_cast<T>(x), static_cast<T>(towards));
  });
}

namespace {

Exact limited(const Exact& y, std::size_t derivative, DType dtype) {
  const Exact most = ldexp(Exact(1), range_of(dtype).max_exponent - (derivative == 0 ? 0 : 10));
  return y > most ? most : y < -most ? Exact(-most) : y;
}

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

/// Measures the errors of a function at one input.
class PointErrors {
 public:
  PointErrors(Definition f, bool (*unmeasured)(int order, double x), std::vector<double> x,
              DType dtype)
      : f_(std::move(f)), unmeasured_(unmeasured), x_(std::move(x)), dtype_(dtype) {}

  ExactError operator()(std::size_t derivative, double computed, double known) {
    const Part& exact = center_[derivative];
    if (!exact) return {0, std::nan("")};
    const auto is = [&](double error) { return ExactError{error, static_cast<double>(*exact)}; };
    if (isnan(*exact)) {
      // If a derivative's formula gives infinity times 0, its limit is correct too.
      const bool at_infinity = std::ranges::any_of(x_, [](double v) { return std::isinf(v); });
      return is(std::isnan(computed) || (derivative > 0 && at_infinity) ? 0 : infinite);
    }
    if (std::isnan(computed)) return is(infinite);
    const Exact y = limited(*exact, derivative, dtype_);
    const Exact off = abs(limited(Exact(computed), derivative, dtype_) - y);
    if (off == 0) return is(0);
    const FloatRange range = range_of(dtype_);
    Exact unit = (derivative == 0 ? 1 : 1024) * Exact(range.smallest);
    if (y != 0) unit = std::max(unit, Exact(ldexp(Exact(1), ilogb(y) - range.digits + 1)));
    if (off <= known * unit) return is(static_cast<double>(Exact(off / unit)));
    Exact width = 0;
    if (!isinf(*exact))
      for (const std::vector<Result>& results : beside()) {
        Exact widest = 0;
        for (const Result& result : results)
          if (result[derivative] && !isnan(*result[derivative]))
            widest =
                std::max(widest, Exact(abs(limited(*result[derivative], derivative, dtype_) - y)));
        width += widest;
      }
    return is(off <= width ? 0 : static_cast<double>(Exact((off - width) / std::max(unit, width))));
  }

 private:
  using Point = std::vector<Exact>;
  /// The value and the derivatives. An entry is empty if it is a convention.
  using Result = std::array<Part, 6>;

  Result at(const Point& point) const {
    std::vector<Number> x;
    for (const Exact& value : point) {
      std::array<Part, 5> slopes;
      slopes[x.size()] = 1;
      x.push_back(made(value, slopes));
    }
    choices = 0;
    const Number y = f_.call(x, {});
    Result result{y.parts().value};
    const bool one = x.size() == 1;
    for (std::size_t d = 1; d <= (one ? 2 : 5); ++d)
      if (!(choices >> d & 1))
        result[d] = y.parts().derivatives[one && d == 2 ? 2 : d - 1].value_or(0);
    // The value at infinity is the limit there.
    if (one && isinf(point[0]) && isnan(y.parts().value)) {
      const std::array far{made(ldexp(Exact(point[0] > 0 ? 1 : -1), 1 << 20))};
      result[0] = f_.call(far, {}).parts().value;
    }
    for (std::size_t d = 0; unmeasured_ && d < result.size(); ++d)
      for (const Exact& value : point)
        if (unmeasured_(order_of(d, x.size()), static_cast<double>(value))) result[d].reset();
    return result;
  }

  /// For each finite input, the results halfway between it and its finite neighbours.
  const std::vector<std::vector<Result>>& beside() {
    if (beside_.empty())
      for (std::size_t i = 0; i < x_.size(); ++i) {
        beside_.emplace_back();
        for (double side : {-infinite, infinite}) {
          const double next = neighbour(x_[i], side, dtype_);
          if (!std::isfinite(x_[i]) || !std::isfinite(next)) continue;
          Point point(x_.begin(), x_.end());
          point[i] = (point[i] + Exact(next)) / 2;
          beside_[i].push_back(at(point));
        }
      }
    return beside_;
  }

  static constexpr double infinite = std::numeric_limits<double>::infinity();
  Definition f_;
  bool (*unmeasured_)(int order, double x);
  std::vector<double> x_;
  DType dtype_;
  Result center_ = at(Point(x_.begin(), x_.end()));
  std::vector<std::vector<Result>> beside_ = {};
};

}  // namespace

ExactFunction exact_function(const OpCase& row) {
  return [f = row.exact.call ? row.exact : recorded(row), unmeasured = row.unmeasured](
             const std::vector<double>& x, DType dtype) -> MeasureError {
    return PointErrors(f, unmeasured, x, dtype);
  };
}

}  // namespace twice::experiments::exact
