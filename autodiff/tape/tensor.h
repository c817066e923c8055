// A Tensor is a handle to one node of a tape: the tape's address and an index. It
// holds no numbers; it stands for the value that the node will have when a plan runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autodiff/array/dtype.h"
#include "autodiff/array/shape.h"

namespace twice {

class Tape;

/// What is known of a value before anything runs.
struct Spec {
  Shape shape;
  DType dtype = DType::f32;
  std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
  friend bool operator==(const Spec&, const Spec&) = default;
};

/// `f32 (128, 784)`
std::string str(const Spec& spec);

/// A handle to a node. Cheap to copy; valid until its tape is cleared or destroyed.
class Tensor {
 public:
  /// No tensor. As the result of a derivative rule it means: identically zero.
  Tensor() = default;
  Tensor(Tape* tape, int index, std::uint64_t generation)
      : tape_(tape), index_(index), generation_(generation) {}

  explicit operator bool() const { return tape_ != nullptr; }
  /// True when its tape was cleared since.
  bool stale() const;
  /// The tape; throws when the handle is empty or the tape was cleared since.
  Tape& tape() const;
  int index() const { return index_; }
  /// The number of its tape; unlike `tape()` it may be asked after the tape's end.
  std::uint64_t generation() const { return generation_; }
  /// Both by value: the tape moves its nodes as it grows, so a reference would dangle.
  Spec spec() const;
  Shape shape() const { return spec().shape; }
  DType dtype() const { return spec().dtype; }
  int rank() const { return shape().rank(); }
  Index size(int axis) const;

  friend bool operator==(const Tensor&, const Tensor&) = default;

 private:
  Tape* tape_ = nullptr;
  int index_ = -1;
  std::uint64_t generation_ = 0;
};

/// A list of tensors, such as the parameters of a model or the gradient of a loss.
/// Arithmetic on whole lists is in ops/tensors.h.
class Tensors : public std::vector<Tensor> {
 public:
  using std::vector<Tensor>::vector;
  /// One tensor is a list of one.
  Tensors(const Tensor& single) : std::vector<Tensor>{single} {}
};

}  // namespace twice
