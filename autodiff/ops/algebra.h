// The knowledge of ops that the planner's rewriting passes have: which ones are products, sums and
// scalings, how to make new ones, and which other kernels an op has. A pass asks here and never
// names an op's type, so the declaration of an op stays in one file.
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

/// A second base of an op y = f(x) that has more kernels than its own. Each function returns the op
/// of such a kernel, or null if there is none.
class KernelForms {
 public:
  virtual ~KernelForms() = default;

  /// A single op of x and one more input T that computes f(x) + T. T's slot may be overwritten.
  virtual std::shared_ptr<const Op> adding() const { return nullptr; }
  /// A single op of x and then z that computes f(x) + other(z), whose specs are equal.
  virtual std::shared_ptr<const Op> summed_with(const Op& /*other*/, Specs /*x*/,
                                                Specs /*z*/) const {
    return nullptr;
  }
  /// An op that computes the same y with fewer multiplications, if it does so in less time. Results
  /// agree up to rounding, which may be larger.
  virtual std::shared_ptr<const Op> with_fewer_multiplications(Specs, const Spec&) const {
    return nullptr;
  }
};
/// Null for an op that has only its own kernel.
inline const KernelForms* kernel_forms(const Op& op) {
  return dynamic_cast<const KernelForms*>(&op);
}

}  // namespace twice
