// A number of 200 bits with its first and second derivatives with respect to one or two inputs.
// Arithmetic on such numbers counts FLOPs. A function of such numbers defines each elementwise op.
// Tests compare the FLOPs with `Op::cost` and the derivatives with those that the engine computes.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "autodiff/array/dtype.h"

namespace twice::experiments {

struct OpCase;

/// In its own namespace, `tanh` of a Number does not hide `tanh` of a Tensor.
namespace exact {

class Number {
 public:
  /// A constant.
  Number(double value = 0);
  double value() const;
  /// All FLOPs so far on this thread. Each operation, comparison and function call counts 1.
  static double& flops();

  /// The 200 bits, defined in number.cpp, the only file that includes Boost.Multiprecision.
  struct Parts;
  explicit Number(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  const Parts& parts() const { return *parts_; }

 private:
  std::shared_ptr<const Parts> parts_;
};

Number operator+(const Number& a, const Number& b);
Number operator-(const Number& a, const Number& b);
Number operator*(const Number& a, const Number& b);
Number operator/(const Number& a, const Number& b);
Number operator-(const Number& x);
bool operator>(const Number& a, const Number& b);
bool operator>=(const Number& a, const Number& b);
bool operator==(const Number& a, const Number& b);
inline bool operator<(const Number& a, const Number& b) { return b > a; }
inline bool operator<=(const Number& a, const Number& b) { return b >= a; }
/// Like a kernel without branches, this computes both sides.
inline Number choose(bool condition, const Number& yes, const Number& no) {
  return condition ? yes : no;
}

Number exp(const Number& x);
Number expm1(const Number& x);
Number log(const Number& x);
Number log1p(const Number& x);
Number sqrt(const Number& x);
Number sin(const Number& x);
Number cos(const Number& x);
Number tanh(const Number& x);
Number erf(const Number& x);
Number erfc(const Number& x);
Number abs(const Number& x);
Number pow(const Number& x, const Number& exponent);
/// Where a = b, each input gets half of the derivative.
Number maximum(const Number& a, const Number& b);
Number minimum(const Number& a, const Number& b);
// These functions count the FLOPs of the formula in the comment, but keep the digits that the
// formula would lose.
Number logistic(const Number& x);         ///< 1 / (1 + e^-x)
Number softplus(const Number& x);         ///< max(x, 0) + ln(1 + e^-|x|)
Number sech2(const Number& x);            ///< 1 / cosh^2 x
Number safe_sqrt_slope(const Number& x);  ///< the slope of safe_sqrt: 1/2 / sqrt(x) where x != 0
/// sqrt x with slope 0 and curvature NaN at 0.
Number safe_sqrt(const Number& x);
Number normal_pdf(const Number& x);                ///< 1/sqrt(2 pi) e^(-1/2 x x)
Number normal_cdf(const Number& x, double b = 1);  ///< Phi(b x) = 1/2 erfc(-b/sqrt(2) x)
Number pi();

/// The definition of an op as a function of its inputs and of the numbers in its attributes.
struct Definition {
  std::function<Number(std::span<const Number> x, const std::vector<double>& attributes)> call;

  Definition() = default;
  template <class F>
  Definition(F f) {
    using N = const Number&;
    using Numbers = const std::vector<double>&;
    call = [f](std::span<const Number> x, Numbers n) {
      if constexpr (std::is_invocable_v<F, N>)
        return f(x[0]);
      else if constexpr (std::is_invocable_v<F, N, N>)
        return f(x[0], x[1]);
      else if constexpr (std::is_invocable_v<F, N, N, N>)
        return f(x[0], x[1], x[2]);
      else if constexpr (std::is_invocable_v<F, N, Numbers>)
        return f(x[0], n);
      else
        return f(x[0], x[1], n);
    };
  }
};

/// The numbers in the text of an op's attributes, in order.
std::vector<double> numbers_in(const std::string& attributes);

/// The range of a dtype: the bits of a significand, the exponent of the first power of two that is
/// too large, and the smallest, smallest normal and largest number.
struct FloatRange {
  int digits, max_exponent;
  double smallest, normal, largest;
};
FloatRange range_of(DType dtype);
double rounded(double x, DType dtype);
/// The number of the dtype next to x.
double neighbour(double x, double towards, DType dtype);

/// The order of derivative number `derivative` of a function. Number 0 is the value f. With one
/// input, 1 is f' and 2 is f''. With two inputs, 1 to 5 are f_a, f_b, f_aa, f_ab and f_bb.
inline int order_of(std::size_t derivative, std::size_t inputs) {
  return derivative == 0 ? 0 : derivative <= inputs ? 1 : 2;
}

/// The error of a computed number, and the exact number, rounded to a double.
struct ExactError {
  double error, exact;
};
/// Measures `computed`, a value for a derivative at one input. If the error is at most `known`, the
/// result may be any number up to `known`. The error is 0 where the derivative is defined only by
/// convention.
using MeasureError =
    std::function<ExactError(std::size_t derivative, double computed, double known)>;
using ExactFunction = std::function<MeasureError(const std::vector<double>& x, DType dtype)>;
/// The function of a case of the op table, composed from the definitions of the ops that the case
/// records.
ExactFunction exact_function(const OpCase& row);

}  // namespace exact

using exact::Definition, exact::Number;

}  // namespace twice::experiments
