#include "autodiff/array/shape.h"

#include "autodiff/array/error.h"

namespace twice {

Shape::Shape(std::span<const Index> sizes) {
  if (sizes.size() > max_rank)
    fail("shape", "rank {} is more than the {} axes that arrays may have", sizes.size(), max_rank);
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  rank_ = static_cast<int>(sizes.size());
}

Shape Shape::filled(int rank, Index value) {
  Shape shape;
  for (int axis = 0; axis < rank; ++axis) shape.push_back(value);
  return shape;
}

void Shape::push_back(Index size) {
  if (rank_ == max_rank) fail("shape", "an array may have at most {} axes", max_rank);
  sizes_[static_cast<std::size_t>(rank_++)] = size;
}

Index Shape::elements() const {
  Index count = 1;
  bool empty = false, possible = true;
  for (Index size : *this) {
    if (size < 0) fail("shape", "{} has a negative size", str(*this));
    empty |= size == 0;
    possible = possible && size <= largest_array / std::max<Index>(1, count);
    if (possible) count *= std::max<Index>(1, size);
  }
  if (empty) return 0;
  if (!possible) fail("shape", "{} has more than 2^44 numbers", str(*this));
  return count;
}

std::string str(const Shape& shape) {
  std::string sizes;
  for (Index size : shape) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  return "(" + sizes + ")";
}

Shape row_major_strides(const Shape& shape) {
  Shape strides = shape;
  // Without elements there are no distances, and the product of the other sizes could overflow.
  if (shape.elements() == 0) return Shape::filled(shape.rank(), 0);
  Index step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

int normalized_axis(const char* who, Index axis, int rank) {
  if (axis < -rank || axis >= rank)
    fail(who, "axis {} does not exist: the input has rank {}", axis, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace twice
