// Elementary functions on SIMD vectors (an xsimd::batch of float or double), for elementwise ops
// and softmax. All functions are accurate for every input, including denormal numbers, the ends of
// the range, infinities and NaN. `./twice check` prints their errors in units in the last place.
//
// Every lane is computed by the same operations, so its bits do not depend on the other lanes. The
// polynomials were fitted for this file by the Remez exchange, the quotient in `mills` by Lawson's
// iteration. Arguments are reduced as in Cody and Waite, "Software manual for the elementary
// functions", 1980, and in fdlibm. The compiler may contract a product and a sum into one
// operation. Where contraction could change more than the last bit, the product is exact, because
// its factors have few bits.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <xsimd/xsimd.hpp>

namespace twice::kernel {

/// The layout of a floating-point format, and constants that depend on it.
template <class T>
struct Format;

template <>
struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int fraction_bits = 23, bias = 127;
  static constexpr Bits upper_half = 0xFFFFF000;  // 12 bits of the significand
  /// 2^denormal_scale turns every denormal number into a normal one.
  static constexpr int denormal_scale = 25;
  // Below exp_low, 800 e^x is 0; above exp_high, e^x is infinite.
  static constexpr float exp_low = -112, exp_high = 89;
  /// ln 2 = ln2_high + ln2_low. The product of ln2_high and a whole number of 11 bits is exact.
  static constexpr float ln2_high = 0x1.62ep-1f, ln2_low = 0x1.0bfbe8p-15f;
  /// Above this angle, sin and cos reduce their argument with more bits.
  static constexpr float small_angle = 6000;
  static constexpr float half_pi[] = {0x1.922p+0f, -0x1.2aep-18f, -0x1.deap-31f, 0x1.184698p-44f};
};

template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int fraction_bits = 52, bias = 1023;
  static constexpr Bits upper_half = 0xFFFFFFFFF8000000;  // 26 bits of the significand
  static constexpr int denormal_scale = 54;
  static constexpr double exp_low = -760, exp_high = 710;
  static constexpr double ln2_high = 0x1.62e42ffp-1, ln2_low = -0x1.718432a1b0e26p-35;
  static constexpr double small_angle = 1e6;
  static constexpr double half_pi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69,
                                       0x1.b839a252049c1p-104};
};

template <class V>
using Scalar = typename V::value_type;
template <class V>
using Bits = xsimd::batch<typename Format<Scalar<V>>::Bits, typename V::arch_type>;

/// A vector with this number in every lane.
template <class V>
V number(double value) {
  return V(static_cast<Scalar<V>>(value));
}

/// c0 + c1 x + c2 x^2 + ...
template <class V>
V polynomial(V, double c0) {
  return number<V>(c0);
}
template <class V, class... More>
V polynomial(V x, double c0, More... more) {
  return polynomial(x, more...) * x + number<V>(c0);
}

template <class V>
constexpr bool is_single = sizeof(Scalar<V>) == 4;

/// x with the lower half of its significand cleared: a product of two such numbers is exact.
template <class V>
V upper(V x) {
  return xsimd::bitwise_cast<V>(xsimd::bitwise_cast<Bits<V>>(x) &
                                Bits<V>(Format<Scalar<V>>::upper_half));
}

/// The larger of x and `low`; NaN stays NaN.
template <class V>
V at_least(V x, double low) {
  return xsimd::max(number<V>(low), x);
}
template <class V>
V at_most(V x, double high) {
  return xsimd::min(number<V>(high), x);
}

// Adding 1.5 2^fraction_bits to a whole number n puts n into the lowest bits of the sum.
template <class V>
constexpr double whole = 1.5 * (std::int64_t{1} << Format<Scalar<V>>::fraction_bits);
template <class V>
constexpr double biased = whole<V> + Format<Scalar<V>>::bias;

/// 2^n from n + biased<V>, where n and the result are in the range of normal numbers.
template <class V>
V power_of_two(V shifted) {
  return xsimd::bitwise_cast<V>(xsimd::bitwise_cast<Bits<V>>(shifted)
                                << Format<Scalar<V>>::fraction_bits);
}

/// For x = n ln 2 + r with a whole n and |r| <= ln 2 / 2: n and e^r - 1.
template <class V>
struct ReducedExp {
  V n, expm1;
};
template <class V>
ReducedExp<V> reduce_exp(V x) {
  using F = Format<Scalar<V>>;
  const V n = (x * number<V>(1.4426950408889634) + number<V>(whole<V>)) - number<V>(whole<V>);
  const V r = (x - n * V(F::ln2_high)) - n * V(F::ln2_low);
  V q;
  if constexpr (is_single<V>)
    q = polynomial(r, 5.00000003e-1, 1.66665769e-1, 4.16663752e-2, 8.36318404e-3, 1.39411214e-3);
  else
    q = polynomial(r, 5.000000000000001e-1, 1.6666666666666675e-1, 4.1666666666624119e-2,
                   8.3333333333222073e-3, 1.3888888917217457e-3, 1.9841269886590999e-4,
                   2.4801521290973346e-5, 2.7557242336680357e-6, 2.7620090518499429e-7,
                   2.5110049895858716e-8);
  return {n, r + r * r * q};
}

/// e^x = value scale_1 scale_2, where the scales are powers of two and `value` is near 1. With two
/// scales, even a denormal result is rounded only once.
template <class V>
struct ScaledExp {
  V value, scale_1, scale_2;
  /// f e^x, accurate even if e^x is denormal and f e^x is not.
  V times(V f) const { return f * value * scale_1 * scale_2; }
  V result() const { return value * scale_1 * scale_2; }
};
template <class V>
ScaledExp<V> scaled_exp(V x) {
  using F = Format<Scalar<V>>;
  const auto [n, e] = reduce_exp(at_least(at_most(x, F::exp_high), F::exp_low));
  const V half = n * number<V>(0.5) + number<V>(biased<V>);
  const V rest = n - (half - number<V>(biased<V>)) + number<V>(biased<V>);
  return {e + number<V>(1), power_of_two(half), power_of_two(rest)};
}

/// The same for x <= 0. The second scale is then a constant.
template <class V>
ScaledExp<V> decaying_exp(V x) {
  using F = Format<Scalar<V>>;
  constexpr int up = F::bias / 2 + 1;
  const auto [n, e] = reduce_exp(at_least(x, F::exp_low));
  const double down = is_single<V> ? 0x1p-64 : 0x1p-512;
  return {e + number<V>(1), power_of_two(n + number<V>(biased<V> + up)), number<V>(down)};
}
/// -|x|.
template <class V>
V minus_size(V x) {
  return x | number<V>(-0.0);
}

/// e^x.
template <class V>
V exp(V x) {
  return scaled_exp(x).result();
}

/// e^x - 1.
template <class V>
V expm1(V x) {
  using F = Format<Scalar<V>>;
  // 2^n (e^r - 1 + 1 - 2^-n). For n > 64, 2^-n is negligible.
  const auto [n, e] = reduce_exp(at_least(at_most(x, F::exp_high), -45));
  const V half = n * number<V>(0.5) + number<V>(biased<V>);
  const V rest = n - (half - number<V>(biased<V>)) + number<V>(biased<V>);
  const V inverse = power_of_two(number<V>(biased<V>) - at_most(n, 64));
  const V y = (e + (number<V>(1) - inverse)) * power_of_two(half) * power_of_two(rest);
  return xsimd::select(x == number<V>(0), x, y);  // keeps the sign of 0
}

/// tanh x = -t / (2 + t) with t = e^(-2 |x|) - 1, with the sign of x.
template <class V>
V tanh(V x) {
  const auto [n, e] = reduce_exp(number<V>(-2) * at_most(xsimd::abs(x), 22));
  const V scale = power_of_two(n + number<V>(biased<V>));
  const V t = scale * e + (scale - number<V>(1));
  return xsimd::copysign(t / (t + number<V>(2)), x);
}

/// 1 / cosh^2 x = 4 z / (1 + z)^2 with z = e^(-2 |x|).
template <class V>
V sech2(V x) {
  const auto z = decaying_exp(number<V>(2) * minus_size(x));
  const V d = number<V>(2) / (number<V>(1) + z.result());
  return z.times(d * d);
}

/// s(x) = 1 / (1 + e^-x).
template <class V>
V logistic(V x) {
  const V z = decaying_exp(minus_size(x)).result(), d = number<V>(1) / (number<V>(1) + z);
  return xsimd::select(x < number<V>(0), z * d, d);
}

/// x s(x); 0 at minus infinity.
template <class V>
V silu(V x) {
  const auto z = decaying_exp(minus_size(x));
  const V y = at_least(x, -800) / (number<V>(1) + z.result());
  return xsimd::select(x < number<V>(0), z.times(y), y);
}

/// x = 2^k m with sqrt(1/2) < m <= sqrt 2, for positive finite x.
template <class V>
struct Split {
  V k, m;
};
template <class V>
Split<V> split(V x) {
  using F = Format<Scalar<V>>;
  using B = typename F::Bits;
  const V two_power = number<V>(static_cast<double>(std::int64_t{1} << F::fraction_bits));
  const V one = number<V>(1);
  const auto denormal = x < V(std::numeric_limits<Scalar<V>>::min());
  const V scaled = xsimd::select(
      denormal, x * number<V>(static_cast<double>(std::int64_t{1} << F::denormal_scale)), x);
  const Bits<V> bits = xsimd::bitwise_cast<Bits<V>>(scaled);
  const V exponent =
      xsimd::bitwise_cast<V>((bits >> F::fraction_bits) | xsimd::bitwise_cast<Bits<V>>(two_power)) -
      (two_power + number<V>(F::bias));
  const V m = xsimd::bitwise_cast<V>((bits & Bits<V>((B{1} << F::fraction_bits) - 1)) |
                                     xsimd::bitwise_cast<Bits<V>>(one));
  const auto large = m > number<V>(1.4142135623730951);
  const V k = xsimd::select(denormal, exponent - number<V>(F::denormal_scale), exponent);
  return {xsimd::select(large, k + one, k), xsimd::select(large, m * number<V>(0.5), m)};
}

/// (ln((1 + s) / (1 - s)) - 2 s) / s as a function of z = s^2.
template <class V>
V log_series(V z) {
  if constexpr (is_single<V>)
    return z * polynomial(z, 6.66666666e-1, 4.00001225e-1, 2.85507554e-1, 2.3332142e-1);
  else
    return z * polynomial(z, 6.6666666666666697e-1, 3.9999999999898559e-1, 2.8571428626385242e-1,
                          2.2222211070322539e-1, 1.8182893681332452e-1, 1.5331574013965243e-1,
                          1.4618234058700639e-1);
}

/// ln(2^k (1 + f)).
template <class V>
V log_of(V k, V f) {
  using F = Format<Scalar<V>>;
  const V s = f / (number<V>(2) + f), square = number<V>(0.5) * f * f;
  const V rest = s * (square + log_series(s * s)) + k * V(F::ln2_low);
  return k * V(F::ln2_high) - ((square - rest) - f);
}

/// `y` for 0 < x < infinity; the logarithm of x for all other x.
template <class V>
V log_limits(V x, V y) {
  const V infinity = number<V>(std::numeric_limits<double>::infinity());
  const V outside = xsimd::select(
      x == number<V>(0), -infinity,
      xsimd::select(x == infinity, x, number<V>(std::numeric_limits<double>::quiet_NaN())));
  return xsimd::select((x > number<V>(0)) && (x < infinity), y, outside);
}

/// ln x.
template <class V>
V log(V x) {
  const auto [k, m] = split(x);
  return log_limits(x, log_of(k, m - number<V>(1)));
}

/// ln(1 + x) = ln(u + c), where u is 1 + x rounded and c is the rounding error.
template <class V>
V log1p(V x) {
  const V one = number<V>(1), zero = number<V>(0);
  const V far = number<V>(static_cast<double>(std::int64_t{1} << 60));
  const V near = xsimd::min(far, x), sum = one + near;
  const V lost = xsimd::select(near < one, near - (sum - one), one - (sum - near));
  const V u = one + x;
  const auto [k, m] = split(u);
  const V scale = power_of_two(number<V>(biased<V>) - at_most(k, 64));
  const V y = log_of(k, (m - one) + lost * scale);
  return xsimd::select(x == zero, x, log_limits(u, y));
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + z) with z = e^-|x|.
template <class V>
V softplus(V x) {
  const V zero = number<V>(0), one = number<V>(1), half = number<V>(0.5);
  const V z = decaying_exp(minus_size(x)).result();
  // 1 + z is split as 1 + z or as 2 (1 + (z - 1) / 2).
  const auto large = z > number<V>(0.41421356237309503);
  const V y = log_of(xsimd::select(large, one, zero), xsimd::select(large, half * z - half, z));
  return xsimd::select(x > zero, x, zero) + y;
}

/// Phi(-a) e^(a^2 / 2) = erfc(a / sqrt 2) e^(a^2 / 2) / 2 for 0 <= a <= 40 (15 in f32).
template <class V>
V mills(V a) {
  if constexpr (is_single<V>)
    return polynomial(a, 5.00000003e-1, 4.39261938e-1, 1.83952722e-1, 4.08754505e-2,
                      4.15234562e-3) /
           polynomial(a, 1.0, 1.67640888, 1.20548116, 4.71365236e-1, 1.02465682e-1, 1.04082752e-2);
  else
    return polynomial(a, 4.9999999999999997e-1, 7.7542390005584572e-1, 5.9484344518210183e-1,
                      2.8990226194306556e-1, 9.7955119001798096e-2, 2.3700596754416119e-2,
                      4.1059233755754354e-3, 4.9282032511337055e-4, 3.7472500373472546e-5,
                      1.3954300239874392e-6) /
           polynomial(a, 1.0, 2.3487323609145462, 2.5637041785963209, 1.7169398462600769,
                      7.8365037330166414e-1, 2.556412239881868e-1, 6.0636908070700192e-2,
                      1.0385953245005091e-2, 1.2388151857831158e-3, 9.3929628955278034e-5,
                      3.4978243534054205e-6);
}
/// |x|, limited to a value at which e^(-x^2 / 2) is 0. The square of the result does not overflow.
template <class V>
V limited_size(V x) {
  return at_most(xsimd::abs(x), is_single<V> ? 15 : 40);
}
/// e^(-a^2 / 2).
template <class V>
ScaledExp<V> gaussian(V a) {
  return decaying_exp(number<V>(-0.5) * a * a);
}

/// e^(-x^2 / 2) / sqrt(2 pi).
template <class V>
V normal_pdf(V x) {
  return gaussian(limited_size(x)).times(number<V>(0.3989422804014327));
}

/// Phi(x), computed from its smaller tail.
template <class V>
V normal_cdf(V x) {
  const V a = limited_size(x), tail = gaussian(a).times(mills(a));
  return xsimd::select(x < number<V>(0), tail, number<V>(1) - tail);
}

/// x Phi(x) = max(x, 0) - |x| Phi(-|x|); 0 at minus infinity.
template <class V>
V gelu(V x) {
  const V a = limited_size(x);
  return xsimd::select(x < number<V>(0), number<V>(0), x) - gaussian(a).times(a * mills(a));
}

/// x Phi(u) for u = beta x. Corrects the rounding error of u, which e^(-u^2 / 2) would magnify.
template <class V>
V beta_gelu(V x, double beta) {
  if (beta == 1) return gelu(x);
  const V zero = number<V>(0), b = number<V>(std::abs(beta)), size = xsimd::abs(x);
  const V left =
      number<V>(std::abs(beta) - static_cast<double>(static_cast<Scalar<V>>(std::abs(beta))));
  const V u = xsimd::abs(b * size), b_upper = upper(b), size_upper = upper(size);
  const V lost = ((b_upper * size_upper - u) + b_upper * (size - size_upper)) +
                 ((b - b_upper) * size + left * size);
  const V a = limited_size(u);
  const auto far = u > a;
  const V correction = number<V>(1) - xsimd::select(far, zero, a * lost);
  const V t = gaussian(a).times(xsimd::select(far, zero, x) * mills(a) * correction);
  return xsimd::select(x * number<V>(beta) < zero, t, x - t);
}

/// erf x: by a polynomial near 0, and from the tail of the normal distribution elsewhere.
template <class V>
V erf(V x) {
  const V one = number<V>(1), a = at_most(xsimd::abs(x), 10), z = a * a;
  V series;
  if constexpr (is_single<V>)
    series = polynomial(z, 1.12837915, -3.76125233e-1, 1.12821412e-1, -2.67789157e-2, 5.01196649e-3,
                        -6.0903561e-4);
  else
    series = polynomial(z, 1.1283791670955126, -3.7612638903183728e-1, 1.1283791670953705e-1,
                        -2.6866170644806851e-2, 5.2239776216049238e-3, -8.5483267549970101e-4,
                        1.2055321044332159e-4, -1.4925299775969166e-5, 1.6455214306041839e-6,
                        -1.6275478208951088e-7, 1.4046051987067642e-8, -8.4818480815329894e-10);
  const V tail = decaying_exp(-z).result() * mills(number<V>(1.4142135623730951) * a);
  const V y = xsimd::select(a < number<V>(0.9), a * series, one - (tail + tail));
  return xsimd::copysign(y, x);
}

/// x = n pi/2 + r: the remainder r, and n in the lowest bits.
template <class V>
struct ReducedAngle {
  V r;
  Bits<V> n;
};
template <class V>
ReducedAngle<V> reduce_angle(V x) {
  using F = Format<Scalar<V>>;
  const V shifted = x * number<V>(0.6366197723675814) + number<V>(whole<V>);
  const V n = shifted - number<V>(whole<V>);
  // All products but the last one are exact.
  const V r = ((x - n * V(F::half_pi[0])) - n * V(F::half_pi[1])) - n * V(F::half_pi[2]);
  return {r - n * V(F::half_pi[3]), xsimd::bitwise_cast<Bits<V>>(shifted)};
}

/// sin(r + n pi/2) for |r| <= pi/4.
template <class V>
V sin_of(V r, Bits<V> n) {
  using B = typename Format<Scalar<V>>::Bits;
  constexpr int bits = 8 * static_cast<int>(sizeof(B));
  const V z = r * r, one = number<V>(1), half = number<V>(0.5) * z, rest = one - half;
  V sine, cosine;
  if constexpr (is_single<V>) {
    sine = polynomial(z, -1.66666667e-1, 8.33333187e-3, -1.98400827e-4, 2.72493901e-6);
    cosine = polynomial(z, 4.16666667e-2, -1.38888877e-3, 2.48005969e-5, -2.7300503e-7);
  } else {
    sine = polynomial(z, -1.6666666666666665e-1, 8.3333333333309265e-3, -1.9841269836724877e-4,
                      2.7557316084930361e-6, -2.50511281499847e-8, 1.5917861853805865e-10);
    cosine = polynomial(z, 4.1666666666666665e-2, -1.3888888888887383e-3, 2.4801587298744437e-5,
                        -2.755731726062817e-7, 2.0876143942503466e-9, -1.1382464188417552e-11);
  }
  sine = r + r * z * sine;
  cosine = rest + (((one - rest) - half) + z * z * cosine);
  // `odd` has all bits set if n is odd. `sign` has the sign bit set if n mod 4 is 2 or 3.
  const Bits<V> odd = Bits<V>(B{0}) - (n & Bits<V>(B{1}));
  const Bits<V> sign = (n & Bits<V>(B{2})) << (bits - 2);
  const Bits<V> chosen =
      (xsimd::bitwise_cast<Bits<V>>(cosine) & odd) | (xsimd::bitwise_cast<Bits<V>>(sine) & ~odd);
  return xsimd::bitwise_cast<V>(chosen ^ sign);
}

/// Computes the lanes of x with large angles one by one with the C++ library. The larger the angle,
/// the more digits of pi its reduction needs.
template <class V>
V large_angles(V x, V y, double (*f)(double)) {
  using F = Format<Scalar<V>>;
  const auto large = xsimd::abs(x) > V(F::small_angle);
  if (!xsimd::any(large)) return y;
  alignas(V::arch_type::alignment()) Scalar<V> from[V::size], to[V::size];
  x.store_aligned(from);
  y.store_aligned(to);
  for (std::size_t i = 0; i < V::size; ++i)
    if (std::abs(from[i]) > F::small_angle)
      to[i] = static_cast<Scalar<V>>(f(static_cast<double>(from[i])));
  return V::load_aligned(to);
}

/// sin x.
template <class V>
V sin(V x) {
  const auto [r, n] = reduce_angle(x);
  const V y = large_angles(x, sin_of(r, n), std::sin);
  return xsimd::select(x == number<V>(0), x, y);
}

/// cos x.
template <class V>
V cos(V x) {
  const auto [r, n] = reduce_angle(x);
  return large_angles(x, sin_of(r, n + Bits<V>(typename Format<Scalar<V>>::Bits{1})), std::cos);
}

/// A number with twice the digits: high + low.
template <class V>
struct Pair {
  V high, low;
};
/// a + b as a pair, for |a| >= |b| or a = 0. An argument that is a product must be exact.
template <class V>
Pair<V> sum_of(V a, V b) {
  const V sum = a + b;
  return {sum, b - (sum - a)};
}

/// ln x with about 10 more bits than V has, for positive finite x.
template <class V>
Pair<V> long_log(V x) {
  using F = Format<Scalar<V>>;
  const V one = number<V>(1), two = number<V>(2);
  const auto [k, m] = split(x);
  // s = (m - 1) / (m + 1) = sh + sl.
  const V f = m - one, d = m + one, dh = upper(d), dl = m - (dh - one);
  const V sh = upper(f / d), sl = ((f - sh * dh) - sh * dl) / d;
  // z = s^2 = zh + zl, and the factor (ln m - 2 s) / s^3 = 2/3 + more = qh + ql.
  const V zh = upper(sh * sh), zl = (sh * sh - zh) + sl * (two * sh + sl), z = zh + zl;
  V more, third_low;
  if constexpr (is_single<V>) {
    more = z * polynomial(z, 4.00000151e-1, 2.8562211e-1, 2.30492828e-1);
    third_low = number<V>(-0x1.555556p-26);
  } else {
    more = z * polynomial(z, 4.0000000000000027e-1, 2.8571428571337819e-1, 2.2222222271403066e-1,
                          1.8181808199860858e-1, 1.5385578188220809e-1, 1.3285846946274932e-1,
                          1.291496004164964e-1);
    third_low = number<V>(0x1.5555555555555p-55);
  }
  const V third = number<V>(2.0 / 3), q = third + more, qh = upper(q);
  const V ql = (third - qh) + (more + third_low);
  // s^3 q = (uh + ul) (qh + ql).
  const V uh = upper(sh * zh), ul = (sh * zh - uh) + (sh * zl + sl * z);
  const Pair<V> log_m = sum_of(two * sh, uh * qh);
  const V low = log_m.low + (two * sl + (uh * ql + ul * q));
  const Pair<V> all = sum_of(k * V(F::ln2_high), log_m.high);
  const V all_low = all.low + (low + k * V(F::ln2_low));
  return sum_of(all.high, all_low);
}

/// x^p with the special cases of C's pow: 1^p and x^0 are 1 even for NaN. `p_low` is the rounding
/// error of p in V's type.
template <class V>
V pow(V x, V p, V p_low) {
  const V zero = number<V>(0), one = number<V>(1), half = number<V>(0.5), size = xsimd::abs(x);
  const V infinity = number<V>(std::numeric_limits<double>::infinity());
  const V nan = number<V>(std::numeric_limits<double>::quiet_NaN());
  // p ln |x| = high + low. If |p| exceeds the limit, |x|^p is 0, 1 or infinite.
  const double limit = is_single<V> ? 0x1p40 : 0x1p70;
  const V exponent = at_least(at_most(p, limit), -limit);
  const auto [log_high, log_low] = long_log(size);
  const V ph = upper(exponent), lh = upper(log_high);
  const Pair<V> y = sum_of(
      ph * lh, ph * ((log_high - lh) + log_low) + ((exponent - ph) * log_high + p_low * log_high));
  auto power = scaled_exp(y.high);
  power.value += power.value * at_least(at_most(y.low, 0.01), -0.01);
  const V finite = power.result();
  const auto ends = (size == zero) || (size == infinity);
  const V of_ends = xsimd::select((p > zero) == (size == infinity), infinity, zero);
  const V magnitude = xsimd::select(ends, of_ends, finite);
  // p is whole if xsimd::trunc(p) == p, and odd if, in addition, p / 2 is not whole.
  const auto whole_p = xsimd::trunc(p) == p, even = xsimd::trunc(p * half) == p * half;
  const V sign = xsimd::select(whole_p && !even, xsimd::copysign(one, x), one);
  V result = xsimd::select((x < zero) && (x > -infinity) && !whole_p, nan, magnitude * sign);
  result = xsimd::select((x == x) && (p == p), result, x + p);
  return xsimd::select((p == zero) || (x == one), one, result);
}

}  // namespace twice::kernel
