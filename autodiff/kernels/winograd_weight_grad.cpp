// The weight gradient by minimal filtering. For each point, transformed inputs are multiplied by
// transformed cotangents and summed over all tiles. The sums are transformed back once, at the end.
// Tiles are cut into blocks that depend on the shapes only. Each block has its own partial sums,
// which are added in the order of the blocks.
#include "autodiff/kernels/winograd_tiles.h"

namespace twice::kernel {
namespace winograd {
namespace {

/// The fewest tiles that make a block worth its own partial sums.
constexpr Index min_tiles_per_block = 64;
/// Limits on the number of blocks, and the target for the bytes of all partial sums.
constexpr Index few_blocks = 4, many_blocks = 16, partial_bytes = Index{8} << 20;
/// Bytes of transformed inputs and cotangents at a time.
constexpr Index step_bytes = Index{256} << 10;
static_assert(step_bytes + points * most_gap_bytes <= scratch_bytes);

/// How the work is cut, from the shapes and the vector length only.
struct Cut {
  Tiles tiles;
  Index inputs, outputs, padded;  // channels; outputs rounded up to vectors
  Index tiles_per_block, blocks;
  Index tiles_per_step;  // tiles transformed at a time

  Cut(const Shape& x, const Shape& w, const ConvGeometry& geometry, Index lanes, Index size) {
    const Shape y = conv2d_shape(x, w, geometry);
    tiles = {y[0], y[1], y[2]};
    inputs = w[2], outputs = w[3], padded = ceil_div(outputs, lanes) * lanes;
    const Index most = std::clamp(partial_bytes / (partial() * size), few_blocks, many_blocks);
    tiles_per_block = std::max(ceil_div(tiles.count(), most), min_tiles_per_block);
    blocks = ceil_div(tiles.count(), tiles_per_block);
    tiles_per_step = step_bytes / (points * (inputs + padded) * size);
  }

  /// Elements of the sums of a block.
  Index partial() const { return points * inputs * padded; }
  /// Elements of a row of zeros as long as the longer of a row of x and a row of g.
  Index zeros(const Shape& x) const { return std::max(x[2] * inputs, tiles.width * outputs); }
};

/// A g A' for a run of tiles of cotangents.
template <class T, int lanes>
void transform_cotangents(const Images<T>& g, const Run& run, const Block<T>& to) {
  using V = Vector<T, lanes>;
  using Type = typename V::Type;
  const T *top = g.row(run.image, 2 * run.row), *bottom = g.row(run.image, 2 * run.row + 1);
  T* out = to.data;
  for (Index t = 0; t < run.count; ++t, out += to.tile_step) {
    const Index left = 2 * (run.column + t) * g.channels;
    const bool whole = 2 * (run.column + t) + 1 < g.width;
    for (Index v = 0; v * lanes < g.channels; ++v) {
      const Index c = first_of_vector(v, lanes, g.channels);
      const Index at = left + c, next = at + g.channels;
      const Type a = V::load(top + at), b = whole ? V::load(top + next) : Type{};
      const Type d = V::load(bottom + at), e = whole ? V::load(bottom + next) : Type{};
      const auto put_row = [&](int i, const Type& first, const Type& second) {
        T* row = out + 4 * i * to.point_step + c;
        V::store(row, first);
        V::store(row + to.point_step, first + second);
        V::store(row + 2 * to.point_step, first - second);
        V::store(row + 3 * to.point_step, -second);
      };
      put_row(0, a, b);
      put_row(1, a + d, b + e);
      put_row(2, a - d, b - e);
      put_row(3, -d, -e);
    }
  }
}

/// Adds all terms of one block of tiles to `sums`.
template <class T, int lanes>
void sum_block(const Cut& cut, Index block, std::span<const ConvTerm> terms, Index pad,
               const T* zeros, T* sums) {
  const Index step = std::min(cut.tiles_per_step, cut.tiles_per_block);
  const Block<T> u{reinterpret_cast<T*>(scratch), cut.inputs, point_step<T>(step * cut.inputs)};
  const Block<T> d{u.data + points * u.point_step, cut.padded, point_step<T>(step * cut.padded)};
  if (cut.padded > cut.outputs)  // clears numbers of earlier ops behind the channels
    std::fill_n(d.data, points * d.point_step, T(0));
  const Index begin = block * cut.tiles_per_block;
  const Index end = std::min(begin + cut.tiles_per_block, cut.tiles.count());
  bool add = false;
  for (const ConvTerm& term : terms) {
    const Shape &x = term.first->shape(), &y = term.second->shape();
    const Images<T> in{term.first->data<T>(), x[1], x[2], x[3], zeros};
    const Images<T> g{term.second->data<T>(), y[1], y[2], y[3], zeros};
    for (Index first = begin; first < end; first += step, add = true) {
      const Index last = std::min(first + step, end);
      for_each_run(cut.tiles, first, last, [&](const Run& run, Index tile) {
        transform_inputs<T, lanes>(in, run, pad,
                                   {u.data + tile * u.tile_step, u.tile_step, u.point_step});
        transform_cotangents<T, lanes>(g, run,
                                       {d.data + tile * d.tile_step, d.tile_step, d.point_step});
      });
      for (int point = 0; point < points; ++point)
        for (Index o = 0; o < cut.padded; o += 2 * lanes) {
          const Product<T> product{.a = u.data + point * u.point_step,
                                   .a_step = cut.inputs,
                                   .b = d.data + point * d.point_step + o,
                                   .b_step = cut.padded,
                                   .depth = last - first,
                                   .c = sums + point * cut.inputs * cut.padded + o,
                                   .c_step = cut.padded,
                                   .add = add};
          if (o + lanes < cut.padded)
            multiply_all<T, lanes, true, 2>(product, cut.inputs);
          else
            multiply_all<T, lanes, true, 1>(product, cut.inputs);
        }
    }
  }
}

/// w = G' S G, where S is the sum of the partial sums of all blocks.
template <class T, int lanes>
void transform_sums(const Cut& cut, const T* sums, T* w) {
  using V = Vector<T, lanes>;
  using Type = typename V::Type;
  const auto apply_adjoint = [](const Type(&s)[4], Type(&out)[3]) {
    const Type sum = (s[1] + s[2]) * T(0.5);
    out[0] = s[0] + sum, out[1] = (s[1] - s[2]) * T(0.5), out[2] = sum + s[3];
  };
  const Index entry = cut.inputs * cut.outputs, point = cut.inputs * cut.padded;
  parallel_for(cut.inputs, [&](Index i) {
    for (Index v = 0; v * lanes < cut.outputs; ++v) {
      const Index o = first_of_vector(v, lanes, cut.outputs);
      Type columns[4][3];
      for (int x = 0; x < 4; ++x) {
        Type s[4] = {};
        for (int y = 0; y < 4; ++y) {
          const T* from = sums + (4 * y + x) * point + i * cut.padded + o;
          for (Index block = 0; block < cut.blocks; ++block, from += cut.partial())
            s[y] += V::load(from);
        }
        apply_adjoint(s, columns[x]);
      }
      T* to = w + i * cut.outputs + o;
      for (int ky = 0; ky < 3; ++ky) {
        Type out[3];
        apply_adjoint({columns[0][ky], columns[1][ky], columns[2][ky], columns[3][ky]}, out);
        for (int kx = 0; kx < 3; ++kx, to += entry) V::store(to, out[kx]);
      }
    }
  });
}

}  // namespace

std::size_t weight_grad_workspace(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                                  DType dtype) {
  return visit_float(dtype, [&]<class T>(T) {
    const Cut cut(x, w, geometry, lanes_of<T>(w[2], w[3]), sizeof(T));
    return static_cast<std::size_t>(cut.blocks * cut.partial() + cut.zeros(x)) * sizeof(T);
  });
}

}  // namespace winograd

using namespace winograd;

void winograd_conv2d_weight_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                                 const Array& w, std::byte* workspace) {
  check_terms("winograd_conv2d_weight_grad", terms, [&](const ConvTerm& term) {
    check_conv2d("winograd_conv2d_weight_grad", *term.first, w, geometry, *term.second);
  });
  const Shape& x = terms[0].first->shape();
  check_fits("winograd_conv2d_weight_grad",
             winograd_fits(ConvSlot::kernel, x, w.shape(), geometry, w.dtype(), terms.size()), x,
             w.shape());
  visit_float(w.dtype(), [&]<class T>(T) {
    const Cut cut(x, w.shape(), geometry, lanes_of<T>(x[3], w.shape()[3]), sizeof(T));
    T *sums = reinterpret_cast<T*>(workspace), *zeros = sums + cut.blocks * cut.partial();
    std::fill_n(zeros, cut.zeros(x), T(0));
    visit_lanes<T>(cut.inputs, cut.outputs, [&]<int lanes>() {
      parallel_for(cut.blocks, [&](Index block) {
        sum_block<T, lanes>(cut, block, terms, geometry.padding, zeros,
                            sums + block * cut.partial());
      });
      transform_sums<T, lanes>(cut, sums, w.data<T>());
    });
  });
}

}  // namespace twice::kernel
