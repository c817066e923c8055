// What the planner's rewriting passes may know of ops: which ones are products, sums and
// scalings, and how to make new ones. A pass asks here and never names an op's type, so the
// declaration of an op stays in one file.
#pragma once

#include <memory>
#include <optional>

#include "autodiff/tape/op.h"

namespace twice {

/// C = op(A) op(B), where op transposes when its flag is set.
struct Transposes {
  bool a = false, b = false;
};
/// The flags when the op is a matrix product.
std::optional<Transposes> as_matmul(const Op& op);
std::shared_ptr<const Op> matmul_op(Transposes flags);

/// y = scale x + shift.
struct ScaleShift {
  double scale = 1, shift = 0;
};
std::optional<ScaleShift> as_affine(const Op& op);
std::shared_ptr<const Op> affine_op(ScaleShift constants);

/// The elementwise operations that the passes calculate with.
enum class Arithmetic { other, add, sub, mul, square };
Arithmetic arithmetic_of(const Op& op);
bool is_square(const Op& op);
/// `kind` is add, sub or mul.
std::shared_ptr<const Op> arithmetic_op(Arithmetic kind);

/// The axes when the op is a permutation of axes.
std::optional<Shape> as_permutation(const Op& op);
std::shared_ptr<const Op> permute_op(const Shape& axes);

/// Repeats (broadcast_to) and sums (sum_to) to a shape.
bool is_broadcast(const Op& op);
bool is_sum(const Op& op);
std::shared_ptr<const Op> broadcast_op(const Shape& shape);
std::shared_ptr<const Op> sum_op(const Shape& shape);

}  // namespace twice
