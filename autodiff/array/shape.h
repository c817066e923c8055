// The shape of an array: its size along each axis. The sizes are stored inline, so copying a shape
// allocates nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace twice {

/// Sizes, positions, axes and counts.
using Index = std::int64_t;

/// The maximum number of elements in an array. In f64 they fill today's address spaces.
/// The bound lets the planner add the sizes of all values without overflow.
inline constexpr Index largest_array = Index{1} << 44;

/// The largest stride, padding or window: positions computed from these still fit an Index.
inline constexpr Index largest_distance = Index{1} << 30;

/// The maximum number of axes an array may have.
inline constexpr int max_rank = 8;

/// A list of at most `max_rank` integers: sizes, strides or axes. The constructors throw for a
/// longer list.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Index> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const Index> sizes);
  /// `rank` entries that all equal `value`.
  static Shape filled(int rank, Index value);

  /// The number of entries.
  int rank() const { return rank_; }
  /// The entry at `axis`, from 0; not checked.
  Index operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  Index& operator[](int axis) { return sizes_[static_cast<std::size_t>(axis)]; }
  const Index* begin() const { return sizes_.data(); }
  const Index* end() const { return sizes_.data() + rank_; }
  /// The last entry; the list must not be empty.
  Index back() const { return sizes_[static_cast<std::size_t>(rank_ - 1)]; }
  /// Appends an entry; throws if the list is full.
  void push_back(Index size);
  /// True if an entry equals `value`.
  bool contains(Index value) const { return std::find(begin(), end(), value) != end(); }

  /// The number of elements of an array with this shape; 1 for a scalar (rank 0). Throws for a
  /// negative size and for more than `largest_array` elements. All sizes in memory are computed
  /// from this number.
  Index elements() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::array<Index, max_rank> sizes_{};
  int rank_ = 0;
};

/// `(128, 784)`; a scalar prints `()`.
std::string str(const Shape& shape);

/// The distance between neighbours along each axis of a contiguous row-major array, in elements.
Shape row_major_strides(const Shape& shape);

/// The position of an axis from the front. A negative `axis` counts from the end. Throws an `Error`
/// that starts with `who` if there is no such axis.
int normalized_axis(const char* who, Index axis, int rank);

}  // namespace twice
