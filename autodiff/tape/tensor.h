// Tensors: handles to the nodes of a tape. A tensor holds no numbers; it stands for the value that
// its node will have when a plan runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autodiff/array/dtype.h"
#include "autodiff/array/shape.h"

namespace twice {

class Tape;

/// The shape and dtype of a value, known when it is recorded.
struct Spec {
  Shape shape;
  DType dtype = DType::f32;
  /// The bytes of the value when it is stored contiguously.
  std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
  friend bool operator==(const Spec&, const Spec&) = default;
};

/// `f32 (128, 784)`
std::string str(const Spec& spec);

/// A handle to a node of a tape. Cheap to copy; valid until the tape is cleared or destroyed.
class Tensor {
 public:
  /// The empty handle. A derivative rule returns it to say that the derivative is zero.
  Tensor() = default;
  Tensor(Tape* tape, int index, std::uint64_t generation)
      : tape_(tape), index_(index), generation_(generation) {}

  /// False for the empty handle.
  explicit operator bool() const { return tape_ != nullptr; }
  /// True if the tape was cleared after the node was recorded.
  bool stale() const;
  /// The tape of the node; throws if the handle is empty or stale.
  Tape& tape() const;
  /// The position of the node on the tape.
  int index() const { return index_; }
  /// The generation of the tape when the node was recorded. This number can be read even after the
  /// tape was destroyed.
  std::uint64_t generation() const { return generation_; }
  /// Shape and dtype. Returned by value: the tape moves its nodes when it grows, which would
  /// invalidate a reference.
  Spec spec() const;
  Shape shape() const { return spec().shape; }
  DType dtype() const { return spec().dtype; }
  int rank() const { return shape().rank(); }
  /// The size along an axis; -1 is the last axis. Throws if there is no such axis.
  Index size(int axis) const;

  friend bool operator==(const Tensor&, const Tensor&) = default;

 private:
  Tape* tape_ = nullptr;
  int index_ = -1;
  std::uint64_t generation_ = 0;
};

/// A list of tensors, such as the parameters of a model or the gradient of a loss. ops/tensors.h
/// has the arithmetic of whole lists.
class Tensors : public std::vector<Tensor> {
 public:
  using std::vector<Tensor>::vector;
  /// A list of one tensor.
  Tensors(const Tensor& single) : std::vector<Tensor>{single} {}
};

}  // namespace twice
