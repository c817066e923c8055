// What the tape, the derivative sweeps and the planner need to know of an op.
// Most ops derive from a family in ops/ that answers most of this for them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "autodiff/array/array.h"
#include "autodiff/tape/tensor.h"

namespace twice {

/// The input arrays of one execution.
class Inputs {
 public:
  explicit Inputs(std::span<const Array* const> arrays) : arrays_(arrays) {}
  const Array& operator[](std::size_t slot) const { return *arrays_[slot]; }
  std::size_t size() const { return arrays_.size(); }

 private:
  std::span<const Array* const> arrays_;
};

using Specs = std::span<const Spec>;

/// What one execution costs. A product of (m, k) and (k, n) is 2 m n k FLOPs; bytes
/// are those that must be read and written once each.
struct Cost {
  double flops = 0;
  double bytes = 0;
  /// Matrix products or convolutions.
  int products = 0;
  /// Products that the planner put in the place of larger ones, or judged smaller than what it
  /// would put there (plan/passes/reassociate.cpp); not counted in `products`.
  int small_products = 0;
};

/// An operation: y = f(x_0, x_1, ...). Immutable, shared by all the nodes that use it.
class Op {
 public:
  virtual ~Op() = default;

  virtual std::string_view name() const = 0;
  /// Everything that tells two ops of one name apart, as text; shown by `explain`.
  virtual std::string attributes() const { return {}; }

  /// How many inputs it takes; `record` refuses any other number.
  virtual int input_count() const = 0;
  /// The `input_count` of an op that takes one input or more.
  static constexpr int any_number = -1;
  /// Shape and dtype of y; throws `Error` naming the op, the shapes and the broken rule.
  virtual Spec infer(Specs x) const = 0;
  /// Bytes of scratch memory that `run` needs; the planner provides them.
  virtual std::size_t workspace(Specs, const Spec&) const { return 0; }
  /// Computes y. Inputs and y are contiguous. No allocation, no tape.
  virtual void run(const Inputs& x, const Array& y, std::byte* workspace) const = 0;
  /// By default: one FLOP an element of y; each input read and y written once.
  virtual Cost cost(Specs x, const Spec& y) const;

  /// The vector-Jacobian product for one input: (dy/dx_slot)' g, recorded with public
  /// functions so that it can be differentiated again. An empty Tensor means zero.
  /// By default: an error that says that the op has no such rule.
  virtual Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor g) const;
  /// The Jacobian-vector product for one input: (dy/dx_slot) t. Empty means zero. The
  /// default is an error, too.
  virtual Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const;

  /// True when y is the same numbers in the same order as input 0 (reshape,
  /// stop_gradient): the planner then lets y share its memory, and `run` is not called.
  virtual bool is_view() const { return false; }

  /// True if y may take over the memory of input `slot`, provided that the input has y's bytes and
  /// is not read afterwards: `run` reads each element of this input before it overwrites it.
  virtual bool may_overwrite(int /*slot*/) const { return false; }
};

}  // namespace twice
