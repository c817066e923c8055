// Properties of ops that the planner's rewriting passes use: which ops are products, sums and
// scalings, how to make new ones, and which other kernels an op has. Passes use these functions
// instead of the types of ops, so each op stays in one file.
#pragma once

#include <memory>
#include <optional>

#include "autodiff/tape/op.h"

namespace twice {

/// The flags of C = op(A) op(B), where op transposes if its flag is set.
struct Transposes {
  bool a = false, b = false;
};
/// The flags of a matrix product; empty for other ops.
std::optional<Transposes> as_matmul(const Op& op);
/// A matrix product with these flags.
std::shared_ptr<const Op> matmul_op(Transposes flags);

/// The constants of y = scale x + shift.
struct ScaleShift {
  double scale = 1, shift = 0;
};
/// The constants of an affine op; empty for other ops.
std::optional<ScaleShift> as_affine(const Op& op);
/// An affine op with these constants.
std::shared_ptr<const Op> affine_op(ScaleShift constants);

/// The elementwise operations that the passes can rewrite.
enum class Arithmetic { other, add, sub, mul, square };
/// The kind of an op; `other` if it is none of the four.
Arithmetic arithmetic_of(const Op& op);
/// True if y = x^2.
bool is_square(const Op& op);
/// An op of this kind, which must be add, sub or mul.
std::shared_ptr<const Op> arithmetic_op(Arithmetic kind);

/// The order of the axes if the op permutes axes; otherwise empty.
std::optional<Shape> as_permutation(const Op& op);
/// A permutation of axes.
std::shared_ptr<const Op> permute_op(const Shape& axes);

/// True for `broadcast_to`.
bool is_broadcast(const Op& op);
/// True for `sum_to`.
bool is_sum(const Op& op);
/// `broadcast_to` this shape.
std::shared_ptr<const Op> broadcast_op(const Shape& shape);
/// `sum_to` this shape.
std::shared_ptr<const Op> sum_op(const Shape& shape);

/// A second base class for an op y = f(x) that has more kernels than its own. Each function returns
/// an op with such a kernel, or null if there is none.
class KernelForms {
 public:
  virtual ~KernelForms() = default;

  /// An op of the inputs of f and one more input T that computes f(x) + T. Its kernel may overwrite
  /// T.
  virtual std::shared_ptr<const Op> adding() const { return nullptr; }
  /// An op of x followed by z that computes f(x) + other(z). f(x) and other(z) have the same spec.
  virtual std::shared_ptr<const Op> summed_with(const Op& /*other*/, Specs /*x*/,
                                                Specs /*z*/) const {
    return nullptr;
  }
  /// An op that computes the same y with fewer multiplications, if it is faster. The results agree
  /// up to rounding; the rounding error of the new op may be larger.
  virtual std::shared_ptr<const Op> with_fewer_multiplications(Specs, const Spec&) const {
    return nullptr;
  }
};
/// The other kernels of an op; null if it has only one.
inline const KernelForms* kernel_forms(const Op& op) {
  return dynamic_cast<const KernelForms*>(&op);
}

}  // namespace twice
