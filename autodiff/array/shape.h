// The shape of an array: how many numbers along each axis. A small value type
// with inline storage, so that copying a shape never allocates.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace twice {

using Index = std::int64_t;

/// The most numbers an array may have: of f64 they fill the address space of today's processors,
/// and the sizes of all values of a plan can be added without overflow.
inline constexpr Index largest_array = Index{1} << 44;

/// The most that a stride, padding or window may be: positions computed from it still fit an Index.
inline constexpr Index largest_distance = Index{1} << 30;

/// The most axes an array may have.
inline constexpr int max_rank = 8;

/// A list of at most `max_rank` integers: a shape, strides, a set of axes.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Index> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const Index> sizes);
  /// `rank` equal entries.
  static Shape filled(int rank, Index value);

  int rank() const { return rank_; }
  Index operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  Index& operator[](int axis) { return sizes_[static_cast<std::size_t>(axis)]; }
  const Index* begin() const { return sizes_.data(); }
  const Index* end() const { return sizes_.data() + rank_; }
  /// The last entry.
  Index back() const { return sizes_[static_cast<std::size_t>(rank_ - 1)]; }
  void push_back(Index size);
  bool contains(Index value) const { return std::find(begin(), end(), value) != end(); }

  /// How many numbers an array of this shape holds; 1 for a scalar (rank 0). Throws where a size is
  /// negative or they are more than `largest_array`: every size in memory is derived from this one.
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

/// The distance, in elements, between neighbours along each axis of a
/// contiguous (row-major) array.
Shape row_major_strides(const Shape& shape);

/// `axis` counted from the front: -1 is the last axis. Throws `twice::Error`
/// naming `who` when the axis does not exist.
int normalized_axis(const char* who, Index axis, int rank);

}  // namespace twice
