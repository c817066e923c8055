// The formulas of the elementwise ops and of their derivatives, in 200 bits. The only file that
// includes Boost.Multiprecision.
#include <array>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <limits>
#include <optional>

#include "autodiff/array/error.h"
#include "experiments/commands/check/accuracy.h"

namespace twice::experiments {

namespace {

namespace mp = boost::multiprecision;
using Exact = mp::number<mp::cpp_bin_float<200, mp::digit_base_2>, mp::et_off>;
/// Holds 1e308 with all digits before and 30 after the point, and pi to as many.
using Wide = mp::number<mp::cpp_bin_float<1400, mp::digit_base_2>, mp::et_off>;
/// Nothing: the number is a choice and is not checked.
using Choice = std::optional<Exact>;
using X = const std::array<Exact, 2>&;

const Exact infinity = std::numeric_limits<Exact>::infinity();
const Exact nan = std::numeric_limits<Exact>::quiet_NaN();

Exact pi() { return 4 * atan(Exact(1)); }

/// 16 atan(1/5) - 4 atan(1/239).
Wide wide_pi() {
  const auto arctangent = [](int of) {
    Wide power = Wide(1) / of, sum = power;
    for (int n = 3; n < 700; n += 2) {
      power /= -of * of;
      sum += power / n;
    }
    return sum;
  };
  return 16 * arctangent(5) - 4 * arctangent(239);
}

/// sin(x + quarters pi/2).
Exact sine(const Exact& x, int quarters) {
  static const Wide half_pi = wide_pi() / 2;
  if (!isfinite(x)) return nan;
  // In parts that are doubles: g++ 12 warns of the code that converts between the types.
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

/// phi(x).
Exact density(const Exact& x) {
  static const Exact scale = 1 / sqrt(2 * pi());
  return scale * exponential(-x * x / 2);
}
/// Phi(-a) for a >= 0: 1/2 less a series near 0, a continued fraction elsewhere.
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
  if (u < 5) {  // the same series without the 1/2 that cancels
    Exact term = u, sum = u;
    for (int n = 1; n < 200; ++n) {
      term *= u * u / (2 * n + 1);
      sum += term;
    }
    y = 2 * density(u) * sum;
  }
  return x < 0 ? Exact(-y) : y;
}

/// s(x).
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

/// C's pow, for exponents that are numbers of a dtype.
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

struct Formula {
  std::string op, label;
  int inputs;
  /// The derivative with this number.
  std::function<Choice(int, X)> derivative;
};

Formula one(const char* op, const char* label, Choice (*f)(int, const Exact&)) {
  return {op, label, 1, [f](int d, X x) { return f(d, x[0]); }};
}

/// d(d-1).. x^p.
Choice power_of(int d, const Exact& x, const Exact& p) {
  Exact factor = 1;
  for (int i = 0; i < d; ++i) factor *= p - i;
  return factor * power(x, p - d);
}

using E = const Exact&;

std::vector<Formula> formulas() {
  std::vector<Formula> list{
      one("affine", "",
          [](int d, E x) -> Choice {
            return d == 0 ? Exact(Exact(-1.7) * x + Exact(0.4)) : Exact(d == 1 ? -1.7 : 0);
          }),
      one("square", "",
          [](int d, E x) -> Choice {
            return d == 0 ? Exact(x * x) : d == 1 ? Exact(2 * x) : Exact(2);
          }),
      one("reciprocal", "", [](int d, E x) { return power_of(d, x, -1); }),
      one("sqrt", "",
          [](int d, E x) -> Choice {
            if (x == 0) return d == 0 ? x : Exact((d == 1) == signbit(x) ? -infinity : infinity);
            return x < 0 ? nan : power_of(d, x, 0.5);
          }),
      one("safe_sqrt", "",
          [](int d, E x) -> Choice {
            if (x == 0) return d == 0 ? x : d == 1 ? Exact(0) : nan;
            return x < 0 ? nan : power_of(d, x, 0.5);
          }),
      one("safe_sqrt_slope", "",
          [](int d, E x) -> Choice {
            if (x == 0) return d == 0 ? Exact(0) : nan;
            return x < 0 ? nan : power_of(d + 1, x, 0.5);
          }),
      one("rsqrt", "",
          [](int d, E x) -> Choice {
            if (x == 0) return Exact((d == 1) == signbit(x) ? infinity : -infinity);
            return x < 0 ? nan : power_of(d, x, -0.5);
          }),
      one("pow", "exponent 3", [](int d, E x) { return power_of(d, x, 3); }),
      one("pow", "exponent -2", [](int d, E x) { return power_of(d, x, -2); }),
      one("pow", "exponent 2.5", [](int d, E x) { return power_of(d, x, 2.5); }),
      one("pow", "exponent -0.5", [](int d, E x) { return power_of(d, x, -0.5); }),
      one("pow", "exponent 7", [](int d, E x) { return power_of(d, x, 7); }),
      one("pow", "exponent 0.1", [](int d, E x) { return power_of(d, x, 0.1); }),

      one("exp", "", [](int, E x) -> Choice { return exponential(x); }),
      one("expm1", "",
          [](int d, E x) -> Choice { return d == 0 ? exponential_minus_1(x) : exponential(x); }),
      one("log", "",
          [](int d, E x) -> Choice {
            return d == 0 ? logarithm(x) : d == 1 ? power(x, -1) : Exact(-power(x, -2));
          }),
      one("log1p", "",
          [](int d, E x) -> Choice {
            return d == 0   ? logarithm_of_1_plus(x)
                   : d == 1 ? power(1 + x, -1)
                            : Exact(-power(1 + x, -2));
          }),
      one("erf", "",
          [](int d, E x) -> Choice {
            const Exact slope = 2 / sqrt(pi()) * exponential(-x * x);
            return d == 0 ? error_function(x) : d == 1 ? slope : Exact(-2 * x * slope);
          }),
      one("normal_pdf", "",
          [](int d, E x) -> Choice {
            const Exact y = density(x);
            return d == 0 ? y : d == 1 ? Exact(-x * y) : Exact((x * x - 1) * y);
          }),
      one("normal_cdf", "",
          [](int d, E x) -> Choice {
            return d == 0 ? distribution(x) : d == 1 ? density(x) : Exact(-x * density(x));
          }),
      one("sin", "", [](int d, E x) -> Choice { return sine(x, d); }),
      one("cos", "", [](int d, E x) -> Choice { return sine(x, d + 1); }),

      one("tanh", "",
          [](int d, E x) -> Choice {
            const Exact y = hyperbolic_tangent(x), slope = squared_sech(x);
            return d == 0 ? y : d == 1 ? slope : Exact(-2 * y * slope);
          }),
      one("sech2", "",
          [](int d, E x) -> Choice {
            const Exact y = hyperbolic_tangent(x), slope = squared_sech(x);
            return d == 0   ? slope
                   : d == 1 ? Exact(-2 * y * slope)
                            : Exact(slope * (4 * y * y - 2 * slope));
          }),
      one("sigmoid", "",
          [](int d, E x) -> Choice {
            const Exact slope = squared_sech(x / 2) / 4;
            return d == 0   ? logistic(x)
                   : d == 1 ? slope
                            : Exact(-slope * hyperbolic_tangent(x / 2));
          }),
      one("softplus", "",
          [](int d, E x) -> Choice {
            if (d == 0) return (x > 0 ? x : Exact(0)) + logarithm_of_1_plus(exponential(-abs(x)));
            return d == 1 ? logistic(x) : Exact(squared_sech(x / 2) / 4);
          }),
      one("silu", "",
          [](int d, E x) -> Choice {
            if (isinf(x) && x < 0 && d == 0) return Exact(0);
            const Exact slope = squared_sech(x / 2) / 4;
            if (d == 0) return x * logistic(x);
            if (d == 1) return logistic(x) + x * slope;
            return slope * (2 - x * hyperbolic_tangent(x / 2));
          }),
      one("sigmoid", "in gelu_tanh",
          [](int d, E x) -> Choice {
            if (isinf(x) && (x < 0 || d > 0)) return Choice();
            const Exact scale = 2 * sqrt(2 / pi()), cube(0.044715);
            const Exact u = scale * (x + cube * x * x * x), s = logistic(u),
                        t = squared_sech(u / 2) / 4;
            if (t == 0) return d == 0 ? Exact(x * s) : d == 1 ? s : Exact(0);
            const Exact u1 = scale * (1 + 3 * cube * x * x), u2 = scale * 6 * cube * x;
            if (d == 0) return x * s;
            if (d == 1) return s + x * t * u1;
            return 2 * t * u1 + x * t * (u2 - hyperbolic_tangent(u / 2) * u1 * u1);
          }),

      one("relu", "",
          [](int d, E x) -> Choice {
            if (isnan(x) && d) return {};
            return d == 0 ? (x < 0 ? Exact(0) : x) : Exact(d == 1 && x > 0);
          }),
      one("leaky_relu", "",
          [](int d, E x) -> Choice {
            if (isnan(x) && d) return {};
            return d == 0 ? (x > 0 ? x : Exact(Exact(0.2) * x))
                          : Exact(d == 2  ? 0
                                  : x > 0 ? 1
                                          : 0.2);
          }),
      one("elu", "",
          [](int d, E x) -> Choice {
            if (isnan(x) && d) return {};
            if (x > 0) return d == 0 ? x : Exact(d == 1);
            return Exact(1.3) * (d == 0 ? exponential_minus_1(x) : exponential(x));
          }),
      one("elu_slope", "",
          [](int d, E x) -> Choice {
            if (isnan(x) && d) return {};
            return x > 0 ? Exact(d == 0) : Exact(Exact(1.3) * exponential(x));
          }),
      one("abs", "",
          [](int d, E x) -> Choice {
            if (isnan(x) && d) return {};
            return d == 0 ? abs(x) : Exact(d == 2 ? 0 : (x > 0) - (x < 0));
          }),
      {"add", "", 2,
       [](int d, X x) -> Choice { return d == 0 ? Exact(x[0] + x[1]) : Exact(d <= 2); }},
      {"sub", "", 2,
       [](int d, X x) -> Choice {
         return d == 0 ? Exact(x[0] - x[1]) : Exact(d == 1 ? 1 : d == 2 ? -1 : 0);
       }},
      {"mul", "", 2,
       [](int d, X x) -> Choice {
         return d == 0 ? Exact(x[0] * x[1]) : d <= 2 ? x[d == 1] : Exact(d == 4);
       }},
      {"div", "", 2,
       [](int d, X x) -> Choice {
         const auto &a = x[0], &b = x[1];
         if (d > 0 && (b == 0 || isinf(a) || isinf(b))) return {};
         if (d == 0)
           return b == 0 ? (a == 0 || isnan(a)         ? nan
                            : signbit(a) != signbit(b) ? Exact(-infinity)
                                                       : infinity)
                         : Exact(a / b);
         if (d == 1) return 1 / b;
         if (d == 2) return -a / (b * b);
         return d == 3 ? Exact(0) : d == 4 ? Exact(-1 / (b * b)) : Exact(2 * a / (b * b * b));
       }},
      {"pow_tensor", "", 2,
       [](int d, X x) -> Choice {
         const auto &a = x[0], &b = x[1];
         if (d == 0) return power(a, b);
         if (isinf(a) || isinf(b) || isnan(a) || isnan(b)) return {};
         if (isnan(power(a, b))) return {};
         // Whether b - 1 is odd cannot be told when it is rounded.
         if (signbit(a) && abs(b) > 10000000) return {};
         // a^(b-1) may overflow before a small b makes it finite.
         if (abs(b) < Exact(1e-3) && abs(a) < 1) return {};
         if (d == 1) return b == 0 ? Exact(0) : Exact(b * power(a, b - 1));
         if (d == 2 && a == 0) return b < 0 ? Exact(-infinity * power(a, b)) : Exact(0);
         if (a < 0) return d == 3 ? Exact(b * (b - 1) * power(a, b - 2)) : nan;
         if (a == 0) return {};
         if (d == 2) return power(a, b) * log(a);
         if (d == 3) return b * (b - 1) * power(a, b - 2);
         return d == 4 ? Exact(power(a, b - 1) * (1 + b * log(a)))
                       : Exact(power(a, b) * log(a) * log(a));
       }},
  };
  // Pieces: y is a product of a mask and numbers, or the square of a choice. Measured where a
  // square is finite in f32: a mask times infinity is not a number.
  const auto piece = [&list](const char* op, int inputs, std::function<Choice(int, X)> f) {
    list.push_back({op, "", inputs, [=](int d, X x) -> Choice {
                      for (int i = 0; i < inputs; ++i)
                        if (!(abs(x[static_cast<std::size_t>(i)]) < Exact(1e18))) return {};
                      return f(d, x);
                    }});
  };
  const auto masked = [](int d, const Exact& x, bool inside) -> Choice {
    return Exact(!inside ? 0 : d == 0 ? x : d == 1 ? 1 : 0);
  };
  piece("positive", 1, [=](int d, X x) { return masked(d, x[0], x[0] > 0); });
  piece("equal", 1, [=](int d, X x) { return masked(d, x[0], x[0] >= 0); });
  piece("nonzero", 1, [=](int d, X x) { return masked(d, x[0], x[0] > 0); });
  piece("inside", 1, [=](int d, X x) { return masked(d, x[0], x[0] >= -1.05 && x[0] <= 0.75); });
  piece("sign", 1, [=](int d, X x) -> Choice {
    return Exact(d == 0 ? abs(x[0]) : d == 1 ? Exact((x[0] > 0) - (x[0] < 0)) : Exact(0));
  });
  piece("greater", 2, [=](int d, X x) -> Choice {
    return Exact(d == 0 && x[0] > x[1] ? x[1] : Exact(d == 2 && x[0] > x[1]));
  });
  // The square of a number, which counts with this weight.
  const auto squared = [](int order, const Exact& x, const Exact& weight) {
    return order == 0 ? Exact(x * x) : Exact(weight * (order == 1 ? Exact(2 * x) : Exact(2)));
  };
  piece("masked", 2, [=](int d, X x) -> Choice {
    if (d == 2 || d > 3 || x[1] <= 0) return Exact(0);
    return squared(d == 3 ? 2 : d, x[0], 1);
  });
  piece("greater_equal", 2, [=](int d, X x) -> Choice {
    if (d == 2 || d > 3 || x[0] < x[1]) return Exact(0);
    return squared(d == 3 ? 2 : d, x[0], 1);
  });
  const auto larger = [=](int d, const Exact& a, const Exact& b, bool max) -> Choice {
    const Exact y = max == (a > b) ? a : b, half = Exact(0.5);
    const Exact by_a = a == b ? half : Exact(y == a), by_b = a == b ? half : Exact(y == b);
    if (d == 0) return squared(0, y, 1);
    if (d <= 2) return squared(1, y, d == 1 ? by_a : by_b);
    return squared(2, y, (d == 5 ? by_b : by_a) * (d == 3 ? by_a : by_b));
  };
  piece("maximum", 2, [=](int d, X x) { return larger(d, x[0], x[1], true); });
  piece("minimum", 2, [=](int d, X x) { return larger(d, x[0], x[1], false); });
  piece("clamp", 1, [=](int d, X x) -> Choice {
    const Exact low(-1.05), high(0.75);
    return squared(d, x[0] < low ? low : x[0] > high ? high : x[0], x[0] >= low && x[0] <= high);
  });
  for (int beta : {1, 3})
    list.push_back({"beta_gelu", beta == 1 ? "beta 1" : "beta 3", 1, [beta](int d, X x) -> Choice {
                      if (isinf(x[0]) && x[0] < 0 && d == 0) return Exact(0);
                      if (isnan(x[0]) && d == 2) return {};
                      const Exact u = beta * x[0], density_u = density(u);
                      if (d == 0) return x[0] * distribution(u);
                      if (d == 1) return distribution(u) + u * density_u;
                      return beta * density_u * (2 - u * u);
                    }});
  return list;
}

const std::vector<Formula>& formula_list() {
  static const std::vector<Formula> list = formulas();
  return list;
}

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

}  // namespace

ExactFunction::ExactFunction(std::string op, std::string label) {
  for (index_ = 0; index_ < formula_list().size(); ++index_)
    if (formula_list()[index_].op == op && formula_list()[index_].label == label) return;
  fail("check", "there is no formula for '{}', mode '{}' in accuracy_references.cpp", op, label);
}

int ExactFunction::inputs() const { return formula_list()[index_].inputs; }

double ExactFunction::value(int derivative, std::span<const double> x) const {
  std::array<Exact, 2> exact;
  std::copy(x.begin(), x.end(), exact.begin());
  const Choice y = formula_list()[index_].derivative(derivative, exact);
  return y ? static_cast<double>(*y) : std::nan("");
}

double ExactFunction::error(int derivative, std::span<const double> x, double computed, DType dtype,
                            double known) const {
  const double infinite = std::numeric_limits<double>::infinity();
  const auto& f = formula_list()[index_].derivative;
  std::array<Exact, 2> at;
  std::copy(x.begin(), x.end(), at.begin());
  const Choice exact = f(derivative, at);
  if (!exact) return 0;
  if (isnan(*exact)) {
    // Infinity times 0 in a derivative's formula: its limit is right, too.
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
    for (double side : {-infinite, infinite}) {
      const double next = neighbour(x[i], side, dtype);
      if (!std::isfinite(next)) continue;
      std::array<Exact, 2> moved = at;
      moved[i] = (Exact(x[i]) + Exact(next)) / 2;
      const Choice there = f(derivative, moved);
      if (there && !isnan(*there))
        widest = std::max(widest, Exact(abs(limited(*there, derivative, dtype) - y)));
    }
    width += widest;
  }
  return off <= width ? 0 : static_cast<double>(Exact((off - width) / std::max(unit, width)));
}

}  // namespace twice::experiments
