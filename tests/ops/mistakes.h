// Calls that must be refused, and the exact text of each refusal.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"

namespace twice::testing {

inline constexpr DType i32 = DType::i32;

/// Makes inputs to be wrong with: `f({2, 3})`.
struct NewInput {
  Tape& tape;
  Tensor operator()(const Shape& shape, DType dtype = DType::f32) const {
    return tape.input(shape, dtype);
  }
};
using F = const NewInput&;

struct Mistake {
  std::string function;
  /// A kind of `PublicFunction::mistakes`.
  std::string kind;
  std::function<void(F)> call;
  /// What follows `[function] `.
  std::string text;
};

// One file for each group of functions.
std::vector<Mistake> elementwise_mistakes();
std::vector<Mistake> moving_mistakes();
std::vector<Mistake> reduction_mistakes();
std::vector<Mistake> product_mistakes();

}  // namespace twice::testing
