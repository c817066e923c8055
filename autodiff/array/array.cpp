// Storage, views and the strided copy.
#include "autodiff/array/array.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace twice {

namespace {

/// Blocks of at least this many bytes are aligned to it, and the system is asked for pages of this
/// size. One huge page needs one entry of the processor's page-translation buffer; the same memory
/// in 4 KiB pages needs 512. Without huge pages the rows of a large matrix would use more entries
/// than the buffer has.
constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Asks for huge pages wherever a whole one fits into the block. The system may refuse.
void use_huge_pages([[maybe_unused]] std::byte* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
}

}  // namespace

std::shared_ptr<std::byte> aligned_storage(std::size_t bytes) {
  const std::align_val_t alignment{bytes < huge_page ? 64 : huge_page};
  auto* memory =
      static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes, 64), alignment));
  if (bytes >= huge_page) use_huge_pages(memory, bytes);
  return {memory, [alignment](std::byte* p) { ::operator delete(p, alignment); }};
}

Array::Array(const Shape& shape, DType dtype)
    : shape_(shape), strides_(row_major_strides(shape)), dtype_(dtype), has_data_(true) {
  storage_ = aligned_storage(bytes());
  data_ = storage_.get();
}

Array Array::filled(const Shape& shape, DType dtype, double value) {
  Array array(shape, dtype);
  visit_any(dtype, [&]<class T>(T) {
    std::fill_n(array.data<T>(), array.elements(), static_cast<T>(value));
  });
  return array;
}

Array Array::over(void* memory, const Shape& shape, DType dtype) {
  Array array;
  array.shape_ = shape;
  array.strides_ = row_major_strides(shape);
  array.dtype_ = dtype;
  array.has_data_ = true;
  array.data_ = static_cast<std::byte*>(memory);
  return array;
}

void fail_to_read(DType numbers, DType as) {
  fail("array", "numbers of dtype {} were read as {}", str(numbers), str(as));
}

bool Array::contiguous() const {
  if (elements() == 0) return true;
  Index step = 1;
  for (int axis = rank() - 1; axis >= 0; --axis) {
    if (shape_[axis] != 1 && strides_[axis] != step) return false;
    step *= shape_[axis];
  }
  return true;
}

Index Array::offset(Index position) const {
  Index result = 0;
  for (int axis = rank() - 1; axis >= 0; --axis) {
    result += position % shape_[axis] * strides_[axis];
    position /= shape_[axis];
  }
  return result;
}

double Array::at(Index position) const {
  if (position < 0 || position >= elements())
    fail("array", "position {} is outside shape {}", position, str(shape_));
  return visit_any(dtype_, [&]<class T>(T) -> double { return data<T>()[offset(position)]; });
}

void Array::set(Index position, double value) const {
  if (position < 0 || position >= elements())
    fail("array", "position {} is outside shape {}", position, str(shape_));
  visit_any(dtype_, [&]<class T>(T) { data<T>()[offset(position)] = static_cast<T>(value); });
}

double Array::item() const {
  if (elements() != 1) fail("array", "item() needs one element; the shape is {}", str(shape_));
  return at(0);
}

Array Array::permuted(const Shape& axes) const {
  if (axes.rank() != rank())
    fail("permuted", "{} axes given for shape {}", axes.rank(), str(shape_));
  Array view = *this;
  std::array<bool, max_rank> taken{};
  for (int i = 0; i < rank(); ++i) {
    const int axis = normalized_axis("permuted", axes[i], rank());
    if (std::exchange(taken[static_cast<std::size_t>(axis)], true))
      fail("permuted", "axis {} is named twice in {}", axis, str(axes));
    view.shape_[i] = shape_[axis];
    view.strides_[i] = strides_[axis];
  }
  return view;
}

Array Array::sliced(int axis, Index first, Index count, Index step) const {
  axis = normalized_axis("sliced", axis, rank());
  const Index size = shape_[axis];
  // Entries from `first` to the end in the direction of the step. The division below avoids
  // overflow.
  const Index way = step < 0 ? first : size - 1 - first;
  const bool inside =
      first >= 0 && first < size && (step == 0 || count - 1 <= std::abs(way / step));
  if (count < 0 || (count > 0 && !inside))
    fail("sliced", "{} entries from {} on by {} are not all inside axis {} of shape {}", count,
         first, step, axis, str(shape_));
  Array view = *this;
  view.shape_[axis] = count;
  view.strides_[axis] = strides_[axis] * step;
  if (count > 0) view.data_ += first * strides_[axis] * static_cast<Index>(size_of(dtype_));
  return view;
}

Array Array::broadcast(const Shape& shape) const {
  shape.elements();  // throws if no array can have this shape
  Array view = *this;
  view.shape_ = shape;
  view.strides_ = Shape::filled(shape.rank(), 0);
  const int lead = shape.rank() - rank();
  for (int axis = 0; axis < rank(); ++axis) {
    if (lead < 0 || (shape_[axis] != 1 && shape_[axis] != shape[axis + lead]))
      fail("broadcast", "shape {} does not broadcast to {}", str(shape_), str(shape));
    if (shape_[axis] != 1) view.strides_[axis + lead] = strides_[axis];
  }
  return view;
}

Array Array::reshaped(const Shape& shape) const {
  if (shape.elements() != elements())
    fail("reshape", "shape {} has {} elements, {} has {}", str(shape_), elements(), str(shape),
         shape.elements());
  Array view = contiguous_copy();
  view.shape_ = shape;
  view.strides_ = row_major_strides(shape);
  return view;
}

Array Array::clone() const { return cast(dtype_); }

Array Array::cast(DType dtype) const {
  Array result(shape_, dtype);
  copy(*this, result);
  return result;
}

std::vector<double> Array::to_vector() const {
  const Array doubles = cast(DType::f64);
  return {doubles.data<double>(), doubles.data<double>() + elements()};
}

namespace {

template <class From, class To>
void copy_row(const From* source, Index in, To* target, Index out, Index count) {
  if (in == 1 && out == 1 && std::is_same_v<From, To>)
    std::memcpy(target, source, static_cast<std::size_t>(count) * sizeof(To));
  else
    for (Index i = 0; i < count; ++i) target[i * out] = static_cast<To>(source[i * in]);
}

/// Copies along the axes from `axis` on; the last axis is the inner loop. noinline: inlining the
/// recursion would take seconds to compile.
template <class From, class To>
[[gnu::noinline]] void copy_axes(const Array& from, const Array& to, int axis, const From* source,
                                 To* target) {
  const int last = from.rank() - 1;
  const Index in = from.strides()[axis], out = to.strides()[axis];
  const Index last_in = from.strides()[last], last_out = to.strides()[last];
  if (axis == last) return copy_row(source, in, target, out, from.shape()[last]);
  for (Index i = 0; i < from.shape()[axis]; ++i)
    if (axis + 1 == last)
      copy_row(source + i * in, last_in, target + i * out, last_out, from.shape()[last]);
    else
      copy_axes(from, to, axis + 1, source + i * in, target + i * out);
}

}  // namespace

void copy(const Array& from, const Array& to) {
  if (!(from.shape() == to.shape()))
    fail("copy", "shapes differ: {} to {}", str(from.shape()), str(to.shape()));
  if (from.elements() == 0) return;
  visit_any(from.dtype(), [&]<class From>(From) {
    visit_any(to.dtype(), [&]<class To>(To) {
      if (from.rank() == 0)
        *to.data<To>() = static_cast<To>(*from.data<From>());
      else if (from.contiguous() && to.contiguous() && std::is_same_v<From, To>)
        std::memcpy(to.raw(), from.raw(), from.bytes());
      else
        copy_axes(from, to, 0, from.data<From>(), to.data<To>());
    });
  });
}

}  // namespace twice
