// The interface of an op, as the tape, the derivative sweeps and the planner use it. Most ops
// derive from one of the families in ops/, which implement most of these functions.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "autodiff/array/array.h"
#include "autodiff/tape/tensor.h"

namespace twice {

/// The input arrays of one execution of an op, by slot.
class Inputs {
 public:
  explicit Inputs(std::span<const Array* const> arrays) : arrays_(arrays) {}
  /// The array in a slot, from 0; not checked.
  const Array& operator[](std::size_t slot) const { return *arrays_[slot]; }
  std::size_t size() const { return arrays_.size(); }

 private:
  std::span<const Array* const> arrays_;
};

/// The specs of the inputs of an op, by slot.
using Specs = std::span<const Spec>;

/// The cost of one execution. A product of (m, k) and (k, n) is 2 m n k FLOPs. `bytes` counts each
/// input and the output once.
struct Cost {
  double flops = 0;
  double bytes = 0;
  /// Matrix products and convolutions of full size.
  int products = 0;
  /// Products that the planner put in place of larger ones, and products that are already smaller
  /// than a replacement (plan/passes/reassociate.cpp). `products` does not include them.
  int small_products = 0;
};

/// An operation y = f(x_0, x_1, ...). Immutable; the nodes that use an op share it.
class Op {
 public:
  virtual ~Op() = default;

  /// The name of the op, the same for all its attributes: `matmul`.
  virtual std::string_view name() const = 0;
  /// The attributes as text, such as flags and axes: two ops with the same name and the same
  /// non-empty attributes compute the same function. `explain` shows the text.
  virtual std::string attributes() const { return {}; }

  /// The number of inputs. `record` throws for any other number.
  virtual int input_count() const = 0;
  /// The `input_count` of an op that takes one or more inputs.
  static constexpr int any_number = -1;
  /// The shape and dtype of y. Throws an `Error` with the op, the shapes and the broken rule.
  virtual Spec infer(Specs x) const = 0;
  /// Bytes of scratch memory that `run` needs. The planner provides them.
  virtual std::size_t workspace(Specs, const Spec&) const { return 0; }
  /// Computes y. The inputs and y are contiguous. `run` allocates no memory and records nothing.
  virtual void run(const Inputs& x, const Array& y, std::byte* workspace) const = 0;
  /// By default one FLOP for each element of y; each input is read once, and y is written once.
  virtual Cost cost(Specs x, const Spec& y) const;

  /// The vector-Jacobian product for one input, (dy/dx_slot)' g, where g is the cotangent of y. The
  /// rule records public functions of ops/, so the result can be differentiated again. An empty
  /// Tensor means zero. The default throws: the op has no such rule.
  virtual Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor g) const;
  /// The Jacobian-vector product for one input, (dy/dx_slot) t, where t is the tangent of the
  /// input. An empty Tensor means zero. The default throws: the op has no such rule.
  virtual Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const;

  /// True if y holds the same numbers in the same order as input 0 (reshape, stop_gradient). The
  /// planner then lets y share the memory of the input and does not call `run`.
  virtual bool is_view() const { return false; }

  /// True if `run` reads each element of input `slot` before it overwrites that element. The
  /// planner may then place y over the input, if the two have the same bytes and no later step
  /// reads the input.
  virtual bool may_overwrite(int /*slot*/) const { return false; }
};

}  // namespace twice
