// Numbers in memory: a shape, a dtype, strides and a share of some storage.
// Arrays know no derivative; kernels map arrays to arrays.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "autodiff/array/dtype.h"
#include "autodiff/array/shape.h"

namespace twice {

/// A strided view of shared storage. Copying an Array shares the numbers
/// (`clone` copies them); views (`permuted`, `sliced`, ...) share them too.
class Array {
 public:
  /// The empty array: no storage, `empty()` is true.
  Array() = default;
  /// A new contiguous array, 64-byte aligned, its numbers not set.
  Array(const Shape& shape, DType dtype);

  static Array zeros(const Shape& shape, DType dtype) { return filled(shape, dtype, 0.0); }
  static Array filled(const Shape& shape, DType dtype, double value);
  /// A scalar (rank 0).
  static Array scalar(double value, DType dtype) { return filled({}, dtype, value); }
  /// Copies `values`, row-major; throws when their count is not `shape.elements()`.
  template <class T>
  static Array from(const std::vector<T>& values, const Shape& shape);
  /// A contiguous view of memory that the caller owns and keeps alive.
  static Array over(void* memory, const Shape& shape, DType dtype);

  bool empty() const { return !has_data_; }
  const Shape& shape() const { return shape_; }
  const Shape& strides() const { return strides_; }
  DType dtype() const { return dtype_; }
  int rank() const { return shape_.rank(); }
  Index elements() const { return shape_.elements(); }
  /// The bytes that the elements take when stored contiguously.
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * size_of(dtype_); }
  bool contiguous() const;

  /// The first element; throws when T is not the array's dtype. A kernel's
  /// output is a `const Array&` whose numbers are written: constness is of the view.
  template <class T>
  T* data() const;
  void* raw() const { return data_; }
  /// The element at a row-major position, converted to double (slow: for tests and printing).
  double at(Index position) const;
  /// Sets the element at a row-major position (slow).
  void set(Index position, double value) const;
  /// The value of an array with one element.
  double item() const;

  // Views: no numbers move.
  /// Axes in the order given: `permuted({1, 0})` is the transpose.
  Array permuted(const Shape& axes) const;
  /// Entries first, first + step, ... (count of them) along one axis; the step may be negative.
  Array sliced(int axis, Index first, Index count, Index step = 1) const;
  /// Repeats axes of size 1 (and adds leading axes) with stride 0.
  Array broadcast(const Shape& shape) const;
  /// The same elements under another shape; copies when not contiguous.
  Array reshaped(const Shape& shape) const;

  // Copies.
  Array clone() const;
  /// This array if it is contiguous, else a contiguous copy.
  Array contiguous_copy() const { return contiguous() ? *this : clone(); }
  Array cast(DType dtype) const;
  std::vector<double> to_vector() const;

 private:
  Shape shape_, strides_;
  DType dtype_ = DType::f32;
  bool has_data_ = false;
  std::shared_ptr<std::byte> storage_;
  std::byte* data_ = nullptr;

  /// Address offset, in elements, of a row-major position.
  Index offset(Index position) const;
};

/// Copies the numbers of `from` into `to`, both strided, of equal shape; converts dtypes.
void copy(const Array& from, const Array& to);

/// Uninitialised 64-byte aligned memory.
std::shared_ptr<std::byte> aligned_storage(std::size_t bytes);

[[noreturn]] void fail_to_read(DType numbers, DType as);

template <class T>
T* Array::data() const {
  if (dtype_of<T> != dtype_) fail_to_read(dtype_, dtype_of<T>);
  return reinterpret_cast<T*>(data_);
}

template <class T>
Array Array::from(const std::vector<T>& values, const Shape& shape) {
  if (static_cast<Index>(values.size()) != shape.elements())
    fail("array", "{} values do not fill shape {}", values.size(), str(shape));
  Array array(shape, dtype_of<T>);
  std::copy(values.begin(), values.end(), array.data<T>());
  return array;
}

}  // namespace twice
