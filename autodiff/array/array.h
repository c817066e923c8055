// Arrays: numbers in memory, without derivatives. Kernels map arrays to arrays.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "autodiff/array/dtype.h"
#include "autodiff/array/shape.h"

namespace twice {

/// A strided view of shared storage. Copies of an Array and its views (`permuted`, `sliced`, ...)
/// share the numbers; `clone` copies them.
class Array {
 public:
  /// The empty array: no storage, `empty()` is true.
  Array() = default;
  /// A new contiguous array, aligned to 64 bytes, with uninitialised elements. Throws if the shape
  /// has a negative size or more than `largest_array` elements.
  Array(const Shape& shape, DType dtype);

  /// A new array in which every element is 0.
  static Array zeros(const Shape& shape, DType dtype) { return filled(shape, dtype, 0.0); }
  /// A new array in which every element is `value`, converted to `dtype`.
  static Array filled(const Shape& shape, DType dtype, double value);
  /// A new array of rank 0.
  static Array scalar(double value, DType dtype) { return filled({}, dtype, value); }
  /// A new array with the given elements in row-major order; throws if their number is not
  /// `shape.elements()`.
  template <class T>
  static Array from(const std::vector<T>& values, const Shape& shape);
  /// A contiguous view of memory that the caller owns and must keep alive.
  static Array over(void* memory, const Shape& shape, DType dtype);

  /// True if this is the empty array. An array with a size of 0 is not empty in this sense.
  bool empty() const { return !has_data_; }
  /// The size along each axis.
  const Shape& shape() const { return shape_; }
  /// The distance between neighbours along each axis, in elements.
  const Shape& strides() const { return strides_; }
  /// The type of the elements.
  DType dtype() const { return dtype_; }
  /// The number of axes.
  int rank() const { return shape_.rank(); }
  /// The number of elements; 1 for a scalar.
  Index elements() const { return shape_.elements(); }
  /// The bytes of the elements when they are stored contiguously.
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * size_of(dtype_); }
  /// True if the elements lie in row-major order without gaps.
  bool contiguous() const;

  /// The address of the first element; throws if T does not match the dtype. Only the view is
  /// const: a kernel writes the elements of a `const Array&`.
  template <class T>
  T* data() const;
  /// The address of the first element, without its type.
  void* raw() const { return data_; }
  /// The element at a row-major position, as a double. Slow: for tests and printing. Throws if the
  /// position is outside the array.
  double at(Index position) const;
  /// Sets the element at a row-major position. Slow; throws if the position is outside the array.
  void set(Index position, double value) const;
  /// The only element of an array; throws unless there is exactly one.
  double item() const;

  // Views: no element is copied.
  /// The axes in the given order: `permuted({1, 0})` is the transpose. An axis may count from the
  /// end (-1 is the last). Throws unless each axis occurs once.
  Array permuted(const Shape& axes) const;
  /// The `count` entries first, first + step, ... along one axis. The step may be negative; throws
  /// if an entry is outside the array.
  Array sliced(int axis, Index first, Index count, Index step = 1) const;
  /// Repeats axes of size 1, and adds leading axes, with stride 0; throws if the shapes do not
  /// match.
  Array broadcast(const Shape& shape) const;
  /// The same elements in row-major order under another shape; a copy if this array is not
  /// contiguous. Throws if the numbers of elements differ.
  Array reshaped(const Shape& shape) const;

  // Copies.
  /// A contiguous copy.
  Array clone() const;
  /// This array if it is contiguous, otherwise a contiguous copy.
  Array contiguous_copy() const { return contiguous() ? *this : clone(); }
  /// A contiguous copy with the elements converted to another dtype.
  Array cast(DType dtype) const;
  /// The elements in row-major order.
  std::vector<double> to_vector() const;

 private:
  Shape shape_, strides_;
  DType dtype_ = DType::f32;
  bool has_data_ = false;
  std::shared_ptr<std::byte> storage_;
  std::byte* data_ = nullptr;

  /// The distance from the first element to a row-major position, in elements.
  Index offset(Index position) const;
};

/// Copies the elements of `from` into `to`. Both may be strided. Converts between dtypes; throws if
/// the shapes differ.
void copy(const Array& from, const Array& to);

/// Uninitialised memory, aligned to 64 bytes.
std::shared_ptr<std::byte> aligned_storage(std::size_t bytes);

/// Throws the error of `Array::data`.
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
