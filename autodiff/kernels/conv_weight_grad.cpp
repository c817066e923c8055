// The weight gradient: for each kernel entry, a product of shifted inputs and output cotangents,
// summed over all positions. A tile of `inputs x channel vectors` sums stays in registers over a
// band of rows. Positions are cut into blocks that depend on the shapes only. Each block has its
// own partial sum, and the partial sums are added in the order of the blocks. A task sums one
// block, for all rows of the kernel or, if there are few blocks, for one row.
#include <array>
#include <utility>

#include "autodiff/kernels/conv.h"
#include "autodiff/kernels/conv_common.h"
#include "autodiff/kernels/vector.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {
namespace {

/// The fewest positions in a block that has its own partial sum. In smaller blocks, adding the
/// partial sums would cost too much.
constexpr Index min_positions_per_block = 256;
/// Limits on the number of blocks, and the target for the bytes of all partial sums.
constexpr Index few_blocks = 4, many_blocks = 16, partial_bytes = Index{8} << 20;
/// Positions that a register tile sums before the sums are written to memory.
constexpr Index positions_per_band = 128;
/// The maximum number of inputs in a register tile of 1 or 2 channel vectors. The tile fills three
/// quarters of the registers. Runs of 3 x 16, 3 x 32, ... inputs are multiples of 12 and 24.
constexpr int max_inputs(int vectors) { return vector_registers * 3 / 4 / vectors; }

/// How the work is cut, from the shapes and the vector length only.
struct Cut {
  Index images, height, width, channels;        // of x
  Index kernel_height, kernel_width;            // of w
  Index group_in, group_out;                    // channels of a group
  Index out_height, out_width, out_channels;    // of g
  Index stride, padding, dilation, groups;      // the geometry
  Index lanes, group_padded;                    // group_out rounded up to whole vectors
  Index rows_per_block, blocks, rows_per_band;  // rows of g
  Index kernel_rows;                            // kernel rows that one task sums
  Index x_row, g_row;                           // elements of a row in scratch
  bool pad_x, spill_g;                          // true if x, or g, needs scratch

  Cut(const Shape& x, const Shape& w, const ConvGeometry& geometry, Index lanes_, Index bytes) {
    const Shape y = conv2d_shape(x, w, geometry);
    images = x[0], height = x[1], width = x[2], channels = x[3];
    kernel_height = w[0], kernel_width = w[1];
    stride = geometry.stride, padding = geometry.padding;
    dilation = geometry.dilation, groups = geometry.groups;
    group_in = w[2], group_out = w[3] / groups;
    out_height = y[1], out_width = y[2], out_channels = y[3];
    lanes = lanes_, group_padded = ceil_div(group_out, lanes) * lanes;

    const Index rows = images * out_height;
    const Index most = std::clamp(partial_bytes / (partial() * bytes), few_blocks, many_blocks);
    rows_per_block =
        std::max({ceil_div(rows, most), ceil_div(min_positions_per_block, out_width), Index{1}});
    blocks = ceil_div(rows, rows_per_block);
    rows_per_band = std::min(ceil_div(positions_per_band, out_width), out_height);
    // One task sums all kernel rows of a band while it is in the cache, if there are enough tasks.
    kernel_rows = blocks >= many_blocks ? kernel_height : 1;

    const Index extent = (out_width - 1) * stride + (kernel_width - 1) * dilation + 1;
    pad_x = padding > 0 || extent > width;
    spill_g = group_out % lanes != 0;
    x_row = extent * channels;
    g_row = out_width * out_channels;
  }

  /// Elements of the partial sums of one kernel row and of the whole kernel.
  Index partial_row() const { return kernel_width * groups * group_in * group_padded; }
  Index partial() const { return kernel_height * partial_row(); }
  Index tasks_per_block() const { return ceil_div(kernel_height, kernel_rows); }
  Index tasks() const { return blocks * tasks_per_block(); }
  /// Rows of x that a task reads for one band.
  Index x_rows() const { return (rows_per_band - 1) * stride + (kernel_rows - 1) * dilation + 1; }
  Index x_scratch() const { return pad_x ? x_rows() * x_row : 0; }
  Index g_scratch() const { return spill_g ? rows_per_band * g_row + lanes : 0; }
  Index workspace() const { return blocks * partial() + tasks() * (x_scratch() + g_scratch()); }
};

/// A band of rows, with the addresses and steps of its inputs, cotangents and sums.
template <class T>
struct Band {
  Index rows, positions;
  const T* x;
  Index x_row, x_step;
  const T* g;
  Index g_row, g_step;
  T* sum;
  Index sum_step;
};

template <class T, int lanes, int inputs, int vectors>
void accumulate(const Band<T>& band) {
  using V = Vector<T, lanes>;
  typename V::Type sum[inputs][vectors];
#pragma GCC unroll 32
  for (int i = 0; i < inputs; ++i)
    for (int v = 0; v < vectors; ++v) sum[i][v] = V::load(band.sum + i * band.sum_step + v * lanes);
  for (Index row = 0; row < band.rows; ++row) {
    const T* x = band.x + row * band.x_row;
    const T* g = band.g + row * band.g_row;
    // Unrolled because the loop's own instructions cost time, as in gemm.cpp.
#pragma GCC unroll 4
    for (Index p = 0; p < band.positions; ++p, x += band.x_step, g += band.g_step) {
      typename V::Type cotangent[vectors];
      for (int v = 0; v < vectors; ++v) cotangent[v] = V::load(g + v * lanes);
#pragma GCC unroll 32
      for (int i = 0; i < inputs; ++i)
        for (int v = 0; v < vectors; ++v) sum[i][v] += cotangent[v] * x[i];
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < inputs; ++i)
    for (int v = 0; v < vectors; ++v) V::store(band.sum + i * band.sum_step + v * lanes, sum[i][v]);
}

/// Pointers to `accumulate` for 1, 2, ... inputs.
template <class T, int lanes, int vectors, int... counted>
constexpr auto accumulate_table(std::integer_sequence<int, counted...>) {
  return std::array{&accumulate<T, lanes, counted + 1, vectors>...};
}
template <class T, int lanes, int vectors>
constexpr auto accumulate_by_inputs =
    accumulate_table<T, lanes, vectors>(std::make_integer_sequence<int, max_inputs(vectors)>{});

/// Accumulates a run of `count` contiguous inputs.
template <int vectors, int lanes, class T>
void accumulate_run(Band<T> band, Index count) {
  const Index tiles = ceil_div(count, max_inputs(vectors));
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index inputs = count * (tile + 1) / tiles - count * tile / tiles;
    accumulate_by_inputs<T, lanes, vectors>[static_cast<std::size_t>(inputs - 1)](band);
    band.x += inputs;
    band.sum += inputs * band.sum_step;
  }
}

/// The sums of one block, for `kernel_rows` rows of the kernel.
template <class T, int lanes>
class Task {
 public:
  Task(const Cut& cut, Index task, T* workspace) : cut_(cut) {
    const Index block = task / cut.tasks_per_block();
    first_ky_ = task % cut.tasks_per_block() * cut.kernel_rows;
    last_ky_ = std::min(first_ky_ + cut.kernel_rows, cut.kernel_height);
    sums_ = workspace + block * cut.partial();
    x_scratch_ =
        workspace + cut.blocks * cut.partial() + task * (cut.x_scratch() + cut.g_scratch());
    g_scratch_ = x_scratch_ + cut.x_scratch();
    first_ = block * cut.rows_per_block;
    last_ = std::min(first_ + cut.rows_per_block, cut.images * cut.out_height);
  }

  void clear() {
    std::fill(sums_ + first_ky_ * cut_.partial_row(), sums_ + last_ky_ * cut_.partial_row(), T(0));
  }

  /// Adds the term (x, g).
  void add(const T* x, const T* g) {
    for (Index row = first_; row < last_;) {
      const Index image = row / cut_.out_height, oy = row % cut_.out_height;
      const Index count = std::min({cut_.rows_per_band, last_ - row, cut_.out_height - oy});
      add_rows(x + image * cut_.height * x_width(), oy, oy + count, g + row * cut_.g_row,
               cut_.images * cut_.out_height - row - count);
      row += count;
    }
  }

 private:
  const Cut& cut_;
  Index first_ky_, last_ky_, first_, last_;  // rows of the kernel and of g
  T *sums_, *x_scratch_, *g_scratch_;

  Index x_width() const { return cut_.width * cut_.channels; }

  /// Adds output rows [first, last) of an image. `g` points to the first of them; `behind` more
  /// rows of g follow the last one.
  void add_rows(const T* image, Index first, Index last, const T* g, Index behind) {
    const Index rows = last - first, kernel_rows = last_ky_ - first_ky_;
    // The rows of x that at least one row of the kernel reads.
    const Index above = first_ky_ * cut_.dilation - cut_.padding;
    const Index below = (last_ky_ - 1) * cut_.dilation - cut_.padding;
    const Index top = std::max<Index>(first * cut_.stride + above, 0);
    const Index bottom = std::min((last - 1) * cut_.stride + below + 1, cut_.height);
    if (top >= bottom) return;
    const T* x = cut_.pad_x ? padded_rows(image, top, bottom) : image + top * x_width();
    const Index x_row = cut_.pad_x ? cut_.x_row : x_width();
    const T *next_x = image + bottom * x_width(), *next_g = g + rows * cut_.g_row;
    const Index next_x_count = std::min(rows * cut_.stride, cut_.height - bottom) * x_width();
    const Index next_g_count = std::min(rows, behind) * cut_.g_row;
    g = whole_vectors(g, rows * cut_.g_row, behind * cut_.g_row);
    for (Index ky = first_ky_; ky < last_ky_; ++ky) {
      // Prefetches the next band while this one is summed.
      const Index part = ky - first_ky_;
      prefetch(next_x, next_x_count * part / kernel_rows, next_x_count * (part + 1) / kernel_rows);
      prefetch(next_g, next_g_count * part / kernel_rows, next_g_count * (part + 1) / kernel_rows);

      const Index shift = ky * cut_.dilation - cut_.padding;  // input row = oy stride + shift
      if (shift >= cut_.height) return;
      const Index from = shift < 0 ? std::max(first, ceil_div(-shift, cut_.stride)) : first;
      const Index to = std::min(last, (cut_.height - 1 - shift) / cut_.stride + 1);
      if (from >= to) continue;
      const Band<T> band{.rows = to - from,
                         .positions = cut_.out_width,
                         .x = x + (from * cut_.stride + shift - top) * x_row,
                         .x_row = cut_.stride * x_row,
                         .x_step = cut_.stride * cut_.channels,
                         .g = g + (from - first) * cut_.g_row,
                         .g_row = cut_.g_row,
                         .g_step = cut_.out_channels,
                         .sum = sums_ + ky * cut_.partial_row(),
                         .sum_step = cut_.group_padded};
      for (Index group = 0; group < cut_.groups; ++group) add_group(band, group);
    }
  }

  /// Rows [top, bottom) of an image, copied with zeros on both sides.
  const T* padded_rows(const T* image, Index top, Index bottom) const {
    for (Index y = top; y < bottom; ++y)
      copy_padded_row(image + y * x_width(), cut_.width, cut_.channels, cut_.padding,
                      cut_.x_row / cut_.channels, x_scratch_ + (y - top) * cut_.x_row);
    return x_scratch_;
  }

  /// The last vector of a group may extend into the channels after the group; the sums of those
  /// lanes are dropped. If it would extend beyond the array, the `count` numbers are copied to
  /// scratch.
  const T* whole_vectors(const T* g, Index count, Index behind) const {
    if (behind >= cut_.group_padded - cut_.group_out) return g;
    std::copy(g, g + count, g_scratch_);
    std::fill_n(g_scratch_ + count, lanes, T(0));
    return g_scratch_;
  }

  void add_group(Band<T> band, Index group) {
    // Neighbouring columns are contiguous here, so a whole kernel row is one run.
    const bool dense = cut_.groups == 1 && cut_.dilation == 1;
    const Index runs = dense ? 1 : cut_.kernel_width;
    const Index length = dense ? cut_.kernel_width * cut_.channels : cut_.group_in;
    const Index vectors = cut_.group_padded / lanes;
    for (Index v = 0; v < vectors; v += 2)
      for (Index r = 0; r < runs; ++r) {
        Band<T> tile = band;
        tile.x += group * cut_.group_in + r * cut_.dilation * cut_.channels;
        tile.g += group * cut_.group_out + v * lanes;
        tile.sum +=
            ((group * cut_.kernel_width + r) * cut_.group_in) * cut_.group_padded + v * lanes;
        if (v + 1 < vectors)
          accumulate_run<2, lanes>(tile, length);
        else
          accumulate_run<1, lanes>(tile, length);
      }
  }
};

template <class T, int lanes>
void weight_grad(const Cut& cut, std::span<const ConvTerm> terms, T* w, T* workspace) {
  parallel_for(cut.tasks(), [&](Index index) {
    Task<T, lanes> task(cut, index, workspace);
    task.clear();
    for (const ConvTerm& term : terms) task.add(term.first->data<T>(), term.second->data<T>());
  });
  // Entry (ky, kx, i) of w has all output channels, group by group.
  parallel_ranges(
      cut.kernel_height * cut.kernel_width * cut.group_in, 64, [&](Index first, Index last) {
        for (Index entry = first; entry < last; ++entry)
          for (Index group = 0; group < cut.groups; ++group) {
            const Index ky = entry / (cut.kernel_width * cut.group_in);
            const Index rest = entry % (cut.kernel_width * cut.group_in);
            const T* from = workspace + ky * cut.partial_row() +
                            (group * cut.kernel_width * cut.group_in + rest) * cut.group_padded;
            T* to = w + entry * cut.out_channels + group * cut.group_out;
            std::fill(to, to + cut.group_out, T(0));
            for (Index block = 0; block < cut.blocks; ++block, from += cut.partial())
              for (Index o = 0; o < cut.group_out; ++o) to[o] += from[o];
          }
      });
}

template <class T>
Cut cut_of(const Shape& x, const Shape& w, const ConvGeometry& geometry) {
  const Index outputs = w[3] / std::max<Index>(geometry.groups, 1);
  return Cut(x, w, geometry, lanes_for<T>(outputs), sizeof(T));
}

}  // namespace

std::size_t conv2d_weight_grad_workspace(const Shape& x, const Shape& w,
                                         const ConvGeometry& geometry, DType dtype) {
  conv2d_shape(x, w, geometry);
  return visit_float(dtype, [&]<class T>(T) {
    return static_cast<std::size_t>(cut_of<T>(x, w, geometry).workspace()) * sizeof(T);
  });
}

void conv2d_weight_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                        const Array& w, std::byte* workspace) {
  check_terms("conv2d_weight_grad", terms, [&](const ConvTerm& term) {
    check_conv2d("conv2d_weight_grad", *term.first, w, geometry, *term.second);
  });
  visit_float(w.dtype(), [&]<class T>(T) {
    const Cut cut = cut_of<T>(terms[0].first->shape(), w.shape(), geometry);
    T* memory = reinterpret_cast<T*>(workspace);
    if (cut.lanes == full_lanes<T>)
      weight_grad<T, full_lanes<T>>(cut, terms, w.data<T>(), memory);
    else
      weight_grad<T, full_lanes<T> / 2>(cut, terms, w.data<T>(), memory);
  });
}

}  // namespace twice::kernel
