// The convolution and its input gradient by minimal filtering. A block of tiles is transformed,
// multiplied by the transformed kernels of all terms, and transformed back while it is in the
// cache. Only the transformed kernels are stored in memory.
#include "autodiff/kernels/winograd.h"

#include "autodiff/kernels/winograd_tiles.h"

namespace twice::kernel {
namespace winograd {
namespace {

/// Bytes of a block of transformed inputs. Most of the L2 cache is left for the kernels.
constexpr Index block_bytes = Index{96} << 10;
/// The maximum size in bytes of a transformed input at one point, over all terms.
constexpr Index most_depth_bytes = 2048;
// The scratch holds a block and its products for two vectors of outputs, in two cases: the block
// has only the rows of one register tile, or it has many rows whose vectors are no longer than
// their depth.
static_assert(points * (most_rows(2) * (most_depth_bytes + 2 * vector_bytes) + most_gap_bytes) <=
              scratch_bytes);
static_assert(3 * block_bytes + points * most_gap_bytes <= scratch_bytes);

/// out = the sum over terms of the correlation of `in`, padded with zeros, with 3 x 3 kernels.
struct Correlation {
  Tiles tiles;  // of the outputs
  Index in_height, in_width, in_channels, out_channels, pad, terms;
  bool add;

  Index depth() const { return terms * in_channels; }
  template <class T>
  Index packed() const {
    const Index lanes = lanes_of<T>(in_channels, out_channels);
    return points * depth() * ceil_div(out_channels, lanes) * lanes;
  }
  Index zeros() const { return in_width * in_channels; }
};

Correlation correlation_of(ConvSlot open, const Shape& x, const Shape& w,
                           const ConvGeometry& geometry, std::size_t terms, bool add = false) {
  const Shape y = conv2d_shape(x, w, geometry);
  const auto count = static_cast<Index>(terms);
  if (open == ConvSlot::outputs)
    return {{y[0], y[1], y[2]}, x[1], x[2], x[3], y[3], geometry.padding, count, add};
  return {{x[0], x[1], x[2]}, y[1], y[2], y[3], x[3], 2 - geometry.padding, count, add};
}

template <class T>
Index tiles_per_block(const Correlation& c) {
  const Index fit = block_bytes / (points * c.depth() * Index{sizeof(T)});
  return std::max<Index>(1, fit / most_rows(2)) * most_rows(2);
}

/// The offset of a panel in the packed kernels. A panel holds one or two vectors of output
/// channels: for each point, for each input channel of each term, the vectors of the panel.
template <int lanes>
Index panel_offset(const Correlation& c, Index vector) {
  return vector / 2 * 2 * lanes * points * c.depth();
}

/// G w G' for one term. weight(tap, i, o) points to an entry of the term's kernel; the entries
/// of o + 1, ... follow at distances of `o_step`. If two vectors overlap in some channels, these
/// are computed twice but must be added once. With `add`, the second vector has zeros there.
template <class T, int lanes, class Weight>
void pack(const Correlation& c, Index term, const Weight& weight, Index o_step, T* packed) {
  using V = Vector<T, lanes>;
  using Type = typename V::Type;
  const Index vectors = ceil_div(c.out_channels, lanes);
  parallel_for(vectors * c.in_channels, [&](Index item) {
    const Index v = item / c.in_channels, i = item % c.in_channels;
    const Index width = std::min<Index>(2, vectors - v / 2 * 2) * lanes;
    const Index o = first_of_vector(v, lanes, c.out_channels);
    const Index zeros = c.add ? v * lanes - o : 0;
    T* to = packed + panel_offset<lanes>(c, v) + (term * c.in_channels + i) * width + v % 2 * lanes;
    const auto apply_g = [](const Type(&w)[3], Type(&out)[4]) {
      const Type ends = (w[0] + w[2]) * T(0.5), middle = w[1] * T(0.5);
      out[0] = w[0], out[1] = ends + middle, out[2] = ends - middle, out[3] = w[2];
    };
    Type columns[3][4];
    for (Index kx = 0; kx < 3; ++kx) {
      Type w[3];
      for (Index ky = 0; ky < 3; ++ky) {
        const T* from = weight(3 * ky + kx, i, o);
        for (Index l = 0; l < lanes; ++l) w[ky][l] = l < zeros ? T(0) : from[l * o_step];
      }
      apply_g(w, columns[kx]);
    }
    for (int y = 0; y < 4; ++y) {
      Type out[4];
      apply_g({columns[0][y], columns[1][y], columns[2][y]}, out);
      for (int x = 0; x < 4; ++x, to += c.depth() * width) V::store(to, out[x]);
    }
  });
}

/// Writes A' m A for a run of tiles to the pixels of `y`. Vector v of m goes to the channels from
/// `channel[v]` on.
template <class T, int lanes, int vectors>
void transform_outputs(const Correlation& c, const Run& run, const Block<T>& m,
                       const Index (&channel)[vectors], T* y) {
  using V = Vector<T, lanes>;
  using Type = typename V::Type;
  const Index row_step = c.tiles.width * c.out_channels;
  T* out =
      y + (run.image * c.tiles.height + 2 * run.row) * row_step + 2 * run.column * c.out_channels;
  const bool below = 2 * run.row + 1 < c.tiles.height;
  const T* from = m.data;
  for (Index t = 0; t < run.count; ++t, from += m.tile_step, out += 2 * c.out_channels) {
    const bool right = 2 * (run.column + t) + 1 < c.tiles.width;
    for (int v = 0; v < vectors; ++v) {
      Type top[4], bottom[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const T* column = from + j * m.point_step + v * lanes;
        const Type m1 = V::load(column + 4 * m.point_step);
        const Type m2 = V::load(column + 8 * m.point_step);
        top[j] = V::load(column) + m1 + m2;
        bottom[j] = m1 - m2 - V::load(column + 12 * m.point_step);
      }
      const auto put = [&](T* to, const Type& value) {
        to += channel[v];
        V::store(to, c.add ? V::load(to) + value : value);
      };
      put(out, top[0] + top[1] + top[2]);
      if (right) put(out + c.out_channels, top[1] - top[2] - top[3]);
      if (below) put(out + row_step, bottom[0] + bottom[1] + bottom[2]);
      if (right && below) put(out + row_step + c.out_channels, bottom[1] - bottom[2] - bottom[3]);
    }
  }
}

/// Computes tiles [first, last) of the panel whose first vector is `vector`.
template <class T, int lanes, int vectors>
void compute_panel(const Correlation& c, Index first, Index last, const Block<T>& inputs,
                   Index vector, const T* packed, T* products, T* y) {
  constexpr Index width = vectors * lanes;
  const T* panel = packed + panel_offset<lanes>(c, vector);
  Index channel[vectors];
  for (int v = 0; v < vectors; ++v) channel[v] = first_of_vector(vector + v, lanes, c.out_channels);
  const Block<T> m{products, width, point_step<T>((last - first) * width)};
  for (int point = 0; point < points; ++point)
    multiply_all<T, lanes, false, vectors>({.a = inputs.data + point * inputs.point_step,
                                            .a_step = c.depth(),
                                            .b = panel + point * c.depth() * width,
                                            .b_step = width,
                                            .depth = c.depth(),
                                            .c = m.data + point * m.point_step,
                                            .c_step = width,
                                            .add = false},
                                           last - first);
  for_each_run(c.tiles, first, last, [&](const Run& run, Index tile) {
    transform_outputs<T, lanes, vectors>(c, run, {m.data + tile * width, m.tile_step, m.point_step},
                                         channel, y);
  });
}

template <class T, int lanes>
void compute(const Correlation& c, std::span<const T* const> in, const T* packed, const T* zeros,
             T* y) {
  const Index block = tiles_per_block<T>(c), step = point_step<T>(block * c.depth());
  const Index vectors = ceil_div(c.out_channels, lanes);
  parallel_ranges(c.tiles.count(), block, [&](Index first, Index last) {
    const Block<T> inputs{reinterpret_cast<T*>(scratch), c.depth(), step};
    for (std::size_t term = 0; term < in.size(); ++term) {
      const Images<T> images{in[term], c.in_height, c.in_width, c.in_channels, zeros};
      T* of_term = inputs.data + static_cast<Index>(term) * c.in_channels;
      for_each_run(c.tiles, first, last, [&](const Run& run, Index tile) {
        transform_inputs<T, lanes>(images, run, c.pad,
                                   {of_term + tile * inputs.tile_step, inputs.tile_step, step});
      });
    }
    T* products = inputs.data + points * step;
    for (Index v = 0; v < vectors; v += 2)
      if (v + 1 < vectors)
        compute_panel<T, lanes, 2>(c, first, last, inputs, v, packed, products, y);
      else
        compute_panel<T, lanes, 1>(c, first, last, inputs, v, packed, products, y);
  });
}

/// weight(term, tap, i, o) points to an entry of the kernel of a term (see `pack`).
template <class T, class Weight>
void pack_and_compute(const Correlation& c, std::span<const T* const> in, const Weight& weight,
                      Index o_step, T* y, std::byte* workspace) {
  T *packed = reinterpret_cast<T*>(workspace), *zeros = packed + c.packed<T>();
  std::fill_n(zeros, c.zeros(), T(0));
  visit_lanes<T>(c.in_channels, c.out_channels, [&]<int lanes>() {
    for (Index term = 0; term < c.terms; ++term) {
      const auto of_term = [&](Index tap, Index i, Index o) { return weight(term, tap, i, o); };
      pack<T, lanes>(c, term, of_term, o_step, packed);
    }
    compute<T, lanes>(c, in, packed, zeros, y);
  });
}

}  // namespace
}  // namespace winograd

using namespace winograd;

bool winograd_fits(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   DType dtype, std::size_t terms) {
  const auto& [stride, padding, dilation, groups] = geometry;
  if (w[0] != 3 || w[1] != 3 || stride != 1 || dilation != 1 || groups != 1) return false;
  if (w[2] < 8 || w[3] < 8) return false;
  const auto size = static_cast<Index>(size_of(dtype));
  if (open == ConvSlot::kernel) return (w[2] + w[3]) * size <= most_depth_bytes;
  return correlation_of(open, x, w, geometry, terms).depth() * size <= most_depth_bytes;
}

bool winograd_pays(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   DType dtype, std::size_t terms) {
  // The weight gradient reads and writes all its sums for every few tiles, so it needs more
  // channels.
  const Index least = open == ConvSlot::kernel ? 512 : 128, tiles = 128;
  return winograd_fits(open, x, w, geometry, dtype, terms) && w[2] * w[3] >= least &&
         correlation_of(open, x, w, geometry, terms).tiles.count() >= tiles;
}

Index winograd_flops(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                     std::size_t terms) {
  const Correlation c = correlation_of(open, x, w, geometry, terms);
  const Index inputs = w[2], outputs = w[3], tiles = c.tiles.count();
  const Index products = tiles * c.terms * 2 * points * inputs * outputs;
  // For each tile and channel, B' d B and A' m A take 24 additions each, and A g A' takes 12. For
  // each pair of channels, a kernel takes 7 multiplications by G with 5 operations, or by its
  // adjoint with 6.
  if (open == ConvSlot::kernel)
    return products + tiles * c.terms * (24 * inputs + 12 * outputs) + 42 * inputs * outputs;
  return products + tiles * 24 * (c.depth() + c.out_channels) + 35 * c.terms * inputs * outputs;
}

std::size_t winograd_workspace(ConvSlot open, const Shape& x, const Shape& w,
                               const ConvGeometry& geometry, DType dtype, std::size_t terms) {
  if (open == ConvSlot::kernel) return weight_grad_workspace(x, w, geometry, dtype);
  const Correlation c = correlation_of(open, x, w, geometry, terms);
  return visit_float(dtype, [&]<class T>(T) {
    return static_cast<std::size_t>(c.packed<T>() + c.zeros()) * sizeof(T);
  });
}

void winograd_conv2d(std::span<const ConvTerm> terms, const ConvGeometry& geometry, const Array& y,
                     std::byte* workspace, bool add) {
  check_terms("winograd_conv2d", terms, [&](const ConvTerm& term) {
    check_conv2d("winograd_conv2d", *term.first, *term.second, geometry, y);
  });
  const Shape &x = terms[0].first->shape(), &w = terms[0].second->shape();
  check_fits("winograd_conv2d",
             winograd_fits(ConvSlot::outputs, x, w, geometry, y.dtype(), terms.size()), x, w);
  visit_float(y.dtype(), [&]<class T>(T) {
    std::array<const T*, most_convolutions> in;
    for (std::size_t i = 0; i < terms.size(); ++i) in[i] = terms[i].first->data<T>();
    const auto weight = [&](Index term, Index tap, Index i, Index o) {
      return terms[static_cast<std::size_t>(term)].second->data<T>() + (tap * w[2] + i) * w[3] + o;
    };
    pack_and_compute<T>(correlation_of(ConvSlot::outputs, x, w, geometry, terms.size(), add),
                        {in.data(), terms.size()}, weight, 1, y.data<T>(), workspace);
  });
}

void winograd_conv2d_input_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                                const Array& x, std::byte* workspace, bool add) {
  check_terms("winograd_conv2d_input_grad", terms, [&](const ConvTerm& term) {
    check_conv2d("winograd_conv2d_input_grad", x, *term.first, geometry, *term.second);
  });
  const Shape& w = terms[0].first->shape();
  check_fits("winograd_conv2d_input_grad",
             winograd_fits(ConvSlot::images, x.shape(), w, geometry, x.dtype(), terms.size()),
             x.shape(), w);
  visit_float(x.dtype(), [&]<class T>(T) {
    std::array<const T*, most_convolutions> in;
    for (std::size_t i = 0; i < terms.size(); ++i) in[i] = terms[i].second->data<T>();
    // The kernel is rotated by 180 degrees. The channels of g are the inputs, those of x the
    // outputs.
    const auto weight = [&](Index term, Index tap, Index i, Index o) {
      return terms[static_cast<std::size_t>(term)].first->data<T>() +
             ((8 - tap) * w[2] + o) * w[3] + i;
    };
    pack_and_compute<T>(correlation_of(ConvSlot::images, x.shape(), w, geometry, terms.size(), add),
                        {in.data(), terms.size()}, weight, w[3], x.data<T>(), workspace);
  });
}

}  // namespace twice::kernel
