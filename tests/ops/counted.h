// Instruments for tests/ops/cost_test.cpp: numbers that count their operations, and arrays that
// record which of their elements were read or written. A reference is a plain implementation of an
// op with both. The test compares its counts with the formulas of `Op::cost`.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/tape/op.h"

namespace twice::testing {

/// A number that counts FLOPs: one for each addition, multiplication, division, comparison, change
/// of sign and function call.
class Counted {
 public:
  Counted(double value = 0) : value_(value) {}
  double value() const { return value_; }
  /// The FLOPs so far in this thread.
  static double& flops() {
    thread_local double count = 0;
    return count;
  }
  /// f(x, ...), counted as one FLOP.
  template <class F, class... Numbers>
  static Counted call(F f, Numbers... x) {
    ++flops();
    return Counted(f(x.value_...));
  }

  friend Counted operator+(Counted a, Counted b) { return call(std::plus<>(), a, b); }
  friend Counted operator-(Counted a, Counted b) { return call(std::minus<>(), a, b); }
  friend Counted operator*(Counted a, Counted b) { return call(std::multiplies<>(), a, b); }
  friend Counted operator/(Counted a, Counted b) { return call(std::divides<>(), a, b); }
  friend Counted operator-(Counted a) { return call(std::negate<>(), a); }
  friend bool operator>(Counted a, Counted b) { return ++flops(), a.value_ > b.value_; }
  friend bool operator<(Counted a, Counted b) { return b > a; }
  friend bool operator>=(Counted a, Counted b) { return ++flops(), a.value_ >= b.value_; }
  friend bool operator<=(Counted a, Counted b) { return b >= a; }
  friend bool operator==(Counted a, Counted b) { return ++flops(), a.value_ == b.value_; }

 private:
  double value_;
};

/// An array that records which elements were read or written. At first none were.
class Touched {
 public:
  explicit Touched(const Spec& spec)
      : spec_(spec), values_(static_cast<std::size_t>(spec.shape.elements())) {
    touched_.resize(values_.size());
  }
  explicit Touched(const Array& array) : Touched(Spec{array.shape(), array.dtype()}) {
    values_ = array.to_vector();
  }

  const Shape& shape() const { return spec_.shape; }
  const Spec& spec() const { return spec_; }
  Index elements() const { return shape().elements(); }
  double bytes_touched() const {
    return static_cast<double>(std::count(touched_.begin(), touched_.end(), true)) *
           static_cast<double>(size_of(spec_.dtype));
  }
  double value(Index at) const { return values_[static_cast<std::size_t>(at)]; }

  /// The same numbers with another shape, all marked as untouched.
  Touched alias(const Spec& spec) const {
    Touched result(spec);
    result.values_ = values_;
    return result;
  }

  Counted read(Index at) { return Counted(touch(at)); }
  Index read_index(Index at) { return static_cast<Index>(touch(at)); }
  void write(Index at, Counted number) { touch(at) = number.value(); }
  void add(Index at, Counted number) { write(at, read(at) + number); }
  void fill(double number) {
    for (Index i = 0; i < elements(); ++i) write(i, number);
  }

 private:
  double& touch(Index at) {
    touched_.at(static_cast<std::size_t>(at)) = true;
    return values_[static_cast<std::size_t>(at)];
  }

  Spec spec_;
  std::vector<double> values_;
  std::vector<bool> touched_;
};

/// The row-major position of the multi-index `place`.
inline Index position(const Shape& shape, const Shape& place) {
  Index at = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) at = at * shape[axis] + place[axis];
  return at;
}

/// The multi-index of a row-major position.
inline Shape place(const Shape& shape, Index at) {
  Shape result = shape;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    result[axis] = at % shape[axis];
    at /= shape[axis];
  }
  return result;
}

/// One instrumented execution of an op.
struct Execution {
  std::string op, attributes;
  std::vector<Touched> x;
  Touched y;

  /// The number after a word in the attributes, such as `number("stride")` in `stride 2 padding 1`.
  double number(const std::string& word) const;
  /// The list after a word, such as `(2, 3)` after `to`. Without a word, the first list.
  Shape list(const std::string& word = {}) const;
};

/// Computes y of an execution.
using Reference = std::function<void(Execution&)>;
using References = std::map<std::string, Reference>;

// References by the name of the op. The references of elementwise ops are in the op table.
References moving_references();
References product_references();
References row_references();

}  // namespace twice::testing
