// The correlation, with register tiles. A tile of work is a range of output rows. Each tile keeps
// the zero-padded input rows under its kernel in ring buffers, one for each term.
#include "autodiff/kernels/conv_correlate.h"

#include <array>
#include <utility>

#include "autodiff/kernels/conv_common.h"

namespace twice::kernel {
namespace {

/// The maximum number of ranges of output rows in a correlation. This number is enough for the
/// threads of a large machine, and so small that the scratch memory of all tiles stays small.
constexpr Index max_tiles = 64;
/// The minimum number of output positions for which a tile is worth a thread.
constexpr Index min_positions_per_tile = 64;
/// The maximum number of positions in a register tile of 1 or 2 channel vectors. With 32 registers
/// the limit is 14, because more positions would need too many address registers.
constexpr int max_positions(int vectors) {
  return vector_registers >= 32 ? 14 : (vector_registers - 4) / vectors;
}

Index rows_per_tile(const Correlation& c) {
  return std::max({ceil_div(c.images * c.out_height, max_tiles),
                   ceil_div(min_positions_per_tile, std::max<Index>(c.out_width, 1)), Index{1}});
}

/// Columns of the padded image that a row of outputs reads.
Index row_extent(const Correlation& c) {
  return (c.out_width - 1) * c.stride_x + (c.kernel_width - 1) * c.dilation + 1;
}

bool needs_padded_rows(const Correlation& c) {
  return c.pad_x > 0 || row_extent(c) - c.pad_x > c.in_width;
}

/// Input rows that one output row reads; also the number of rows in the ring buffer of a tile.
Index window_rows(const Correlation& c) {
  return std::max<Index>((c.kernel_height - 1) * c.dilation + 1, 1);  // the kernel may be empty
}

/// The input rows that a row of outputs reads, from its leftmost column on.
template <class T>
class Window {
 public:
  Window() = default;
  Window(const Correlation& c, const T* in, T* scratch)
      : c_(&c), in_(in), ring_(scratch), padded_(needs_padded_rows(c)) {}

  /// Moves the window to the rows that output row `oy` of an image reads.
  void move(Index image, Index oy) {
    first_ = oy * c_->stride_y - c_->pad_y;
    if (image != image_) next_ = 0;
    image_ = image;
    if (!padded_) return prefetch_row(first_ + c_->stride_y + window_rows(*c_) - 1);
    const Index last = std::min(first_ + window_rows(*c_), c_->in_height);
    for (next_ = std::max(next_, std::max<Index>(first_, 0)); next_ < last; ++next_) pad(next_);
    prefetch_row(next_);
    // `first_` may lie above the image, but by less than the length of the ring.
    slot_ = (first_ + window_rows(*c_)) % window_rows(*c_);
  }

  /// The input row under row `ky` of the kernel; null if it lies outside the image.
  const T* row(Index ky) const {
    const Index y = first_ + ky * c_->dilation;
    if (y < 0 || y >= c_->in_height) return nullptr;
    if (!padded_) return image_row(y) - c_->pad_x * c_->in_channels;
    const Index slot = slot_ + ky * c_->dilation, period = window_rows(*c_);
    return ring_ + (slot < period ? slot : slot - period) * row_extent(*c_) * c_->in_channels;
  }

 private:
  const Correlation* c_ = nullptr;
  const T* in_ = nullptr;
  T* ring_ = nullptr;
  bool padded_ = false;
  Index image_ = -1, first_ = 0, slot_ = 0;
  Index next_ = 0;  // the first row of the image that is not in the ring buffer yet

  const T* image_row(Index y) const {
    return in_ + (image_ * c_->in_height + y) * c_->in_width * c_->in_channels;
  }

  void pad(Index y) {
    const Index extent = row_extent(*c_);
    copy_padded_row(image_row(y), c_->in_width, c_->in_channels, c_->pad_x, extent,
                    ring_ + y % window_rows(*c_) * extent * c_->in_channels);
  }

  void prefetch_row(Index y) const {
    if (y >= 0 && y < c_->in_height) prefetch(image_row(y), 0, c_->in_width * c_->in_channels);
  }
};

/// The arguments of a register tile, besides its size.
template <class T>
struct Tile {
  std::span<const Window<T>> windows;               // one for each term
  Index kernel_height, runs, run_length, run_step;  // a kernel row is `runs` contiguous runs
  Index in_offset, in_step;                         // the first position; step between positions
  const T* panel;                                   // packed weights of the first term and vector
  Index panel_step, term_step;                      // step to the next vector; to the next term
  T* out;
  Index out_step, last_lanes;  // last_lanes: lanes of the last vector that exist
  bool add;                    // adds to `out` instead of overwriting it
};

template <class T, int lanes, int positions, int vectors>
void compute(const Tile<T>& tile) {
  using V = Vector<T, lanes>;
  typename V::Type sum[positions][vectors] = {};
  const T* term = tile.panel;
  const Index in_step = tile.in_step, panel_step = tile.panel_step, length = tile.run_length;
  for (const Window<T>& window : tile.windows) {
    const T* weights = term;
    for (Index ky = 0; ky < tile.kernel_height; ++ky) {
      const T* row = window.row(ky);
      if (!row) {
        weights += tile.runs * length * lanes;
        continue;
      }
      row += tile.in_offset;
      for (Index r = 0; r < tile.runs; ++r, row += tile.run_step) {
        // Unrolled because the loop's own instructions cost time, as in gemm.cpp.
#pragma GCC unroll 4
        for (Index k = 0; k < length; ++k, weights += lanes) {
          typename V::Type w[vectors];
          for (int v = 0; v < vectors; ++v) w[v] = V::load(weights + v * panel_step);
#pragma GCC unroll 32
          for (int p = 0; p < positions; ++p)
            for (int v = 0; v < vectors; ++v) sum[p][v] += w[v] * row[p * in_step + k];
        }
      }
    }
    term += tile.term_step;
  }
#pragma GCC unroll 32
  for (int p = 0; p < positions; ++p) {
    T* out = tile.out + p * tile.out_step;
    if (tile.add) {
      for (int v = 0; v + 1 < vectors; ++v) sum[p][v] += V::load(out + v * lanes);
      const T* last = out + (vectors - 1) * lanes;
      sum[p][vectors - 1] +=
          tile.last_lanes == lanes ? V::load(last) : V::load(last, tile.last_lanes);
    }
    for (int v = 0; v + 1 < vectors; ++v) V::store(out + v * lanes, sum[p][v]);
    if (tile.last_lanes == lanes)
      V::store(out + (vectors - 1) * lanes, sum[p][vectors - 1]);
    else
      V::store(out + (vectors - 1) * lanes, sum[p][vectors - 1], tile.last_lanes);
  }
}

/// Pointers to `compute` for 1, 2, ... positions.
template <class T, int lanes, int vectors, int... counted>
constexpr auto compute_table(std::integer_sequence<int, counted...>) {
  return std::array{&compute<T, lanes, counted + 1, vectors>...};
}
template <class T, int lanes, int vectors>
constexpr auto compute_by_positions =
    compute_table<T, lanes, vectors>(std::make_integer_sequence<int, max_positions(vectors)>{});

Index ring_elements(const Correlation& c) {
  return needs_padded_rows(c) ? window_rows(c) * row_extent(c) * c.in_channels : 0;
}

template <class T, int lanes>
void correlate_rows(const Correlation& c, Index first, Index last, std::span<const T* const> in,
                    const T* packed, T* out, T* scratch) {
  // Neighbouring columns are contiguous here, so a whole kernel row is one run.
  const bool dense = c.groups == 1 && c.dilation == 1;
  const Index panel = c.depth() * lanes, panels = ceil_div(c.group_out(), lanes);
  const Index blocks = ceil_div(c.out_width, max_positions(panels > 1 ? 2 : 1));
  std::array<Window<T>, most_convolutions> windows;
  for (std::size_t i = 0; i < in.size(); ++i, scratch += ring_elements(c))
    windows[i] = Window<T>(c, in[i], scratch);
  Tile<T> tile{.windows = {windows.data(), in.size()},
               .kernel_height = c.kernel_height,
               .runs = dense ? 1 : c.kernel_width,
               .run_length = dense ? c.kernel_width * c.in_channels : c.group_in(),
               .run_step = c.dilation * c.in_channels,
               .in_offset = 0,
               .in_step = c.stride_x * c.in_channels,
               .panel = nullptr,
               .panel_step = panel,
               .term_step = packed_elements<T>(c),
               .out = nullptr,
               .out_step = c.out_step,
               .last_lanes = lanes,
               .add = c.add};
  for (Index row = first; row < last; ++row) {
    const Index image = row / c.out_height, oy = row % c.out_height;
    for (std::size_t i = 0; i < in.size(); ++i) windows[i].move(image, oy);
    if (c.add) {
      const T* next = out + image * c.out_image_step + (oy + 1) * c.out_row_step;
      if (row + 1 < last && oy + 1 < c.out_height)
        prefetch<true>(next, 0, c.out_width * c.out_step);
    }
    for (Index group = 0; group < c.groups; ++group) {
      T* to = out + image * c.out_image_step + oy * c.out_row_step + group * c.group_out();
      for (Index ox = 0, block = 0; block < blocks; ++block) {
        const Index positions = c.out_width * (block + 1) / blocks - ox;
        tile.in_offset = group * c.group_in() + ox * tile.in_step;
        for (Index v = 0; v < panels; v += 2) {
          tile.panel = packed + (group * panels + v) * panel;
          tile.out = to + ox * c.out_step + v * lanes;
          const Index vectors = std::min<Index>(2, panels - v);
          tile.last_lanes = std::min<Index>(lanes, c.group_out() - (v + vectors - 1) * lanes);
          const auto i = static_cast<std::size_t>(positions - 1);
          if (vectors == 2)
            compute_by_positions<T, lanes, 2>[i](tile);
          else
            compute_by_positions<T, lanes, 1>[i](tile);
        }
        ox += positions;
      }
    }
  }
}

}  // namespace

template <class T>
Index correlate_scratch(const Correlation& c) {
  return ceil_div(c.images * c.out_height, rows_per_tile(c)) * c.terms * ring_elements(c);
}

template <class T>
void correlate(const Correlation& c, std::span<const T* const> in, const T* packed, T* out,
               T* scratch) {
  if (c.out_width == 0) return;
  const Index grain = rows_per_tile(c);
  parallel_ranges(c.images * c.out_height, grain, [&](Index first, Index last) {
    T* ring = scratch + first / grain * c.terms * ring_elements(c);
    if (lanes_for<T>(c.group_out()) == full_lanes<T>)
      correlate_rows<T, full_lanes<T>>(c, first, last, in, packed, out, ring);
    else
      correlate_rows<T, full_lanes<T> / 2>(c, first, last, in, packed, out, ring);
  });
}

template Index correlate_scratch<float>(const Correlation&);
template Index correlate_scratch<double>(const Correlation&);
template void correlate(const Correlation&, std::span<const float* const>, const float*, float*,
                        float*);
template void correlate(const Correlation&, std::span<const double* const>, const double*, double*,
                        double*);

}  // namespace twice::kernel
