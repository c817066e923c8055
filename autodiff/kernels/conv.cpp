// Shapes and checks of convolutions, the forward kernel and the input gradient. Both kernels are
// correlations with packed weights (conv_correlate.h). This file arranges the weights.
#include "autodiff/kernels/conv.h"

#include <array>
#include <numeric>

#include "autodiff/kernels/conv_common.h"
#include "autodiff/kernels/conv_correlate.h"

namespace twice::kernel {
namespace {

Index modulo(Index a, Index b) { return (a % b + b) % b; }

std::size_t rounded_to_line(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Bytes of the packed weights of all terms.
template <class T>
std::size_t packed_bytes(const Correlation& c) {
  return rounded_to_line(static_cast<std::size_t>(c.terms * packed_elements<T>(c)) * sizeof(T));
}

/// The number r of neighbouring output positions that are computed as more channels of one
/// position. The joined channels fill vectors that have more lanes than there are channels.
/// Position j uses the kernel j strides further on, so the joined position has a kernel with
/// (r - 1) stride more columns, whose additional entries are zeros. A fraction kw / (kw + (r - 1)
/// stride) of the lanes then does useful work, instead of 1 / r.
template <class T>
Index joined_positions(const Correlation& c) {
  Index r = full_lanes<T> / std::max<Index>(c.out_channels, 1);
  while (r > 1 && c.out_width % r != 0) --r;
  const bool possible = c.groups == 1 && c.dilation == 1 && c.out_step == c.out_channels &&
                        c.kernel_height > 0 && r > 1;
  const Index columns = c.kernel_width + (r - 1) * c.stride_x;
  return possible && columns < r * c.kernel_width ? r : 1;
}

/// The correlation with `r` positions joined.
Correlation joined(const Correlation& c, Index r) {
  Correlation j = c;
  j.kernel_width = c.kernel_width + (r - 1) * c.stride_x;
  j.stride_x = r * c.stride_x;
  j.out_width = c.out_width / r;
  j.out_channels = r * c.out_channels;
  j.out_step = r * c.out_step;
  return j;
}

/// The correlation in the form in which it is computed.
template <class T>
Correlation as_computed(const Correlation& c) {
  return joined(c, joined_positions<T>(c));
}

template <class T>
std::size_t workspace_bytes(const Correlation& c) {
  const Correlation computed = as_computed<T>(c);
  return packed_bytes<T>(computed) +
         static_cast<std::size_t>(correlate_scratch<T>(computed)) * sizeof(T);
}

/// The weights of `r` joined positions: those of position j are in the lanes from j out_channels
/// on, j strides to the right. The other entries are zeros.
template <class T, class Weight>
void pack_joined_weights(const Correlation& c, Index r, T* packed, const Weight& weight,
                         Index o_step) {
  const Correlation wide = joined(c, r);
  std::fill_n(packed, packed_elements<T>(wide), T(0));
  const Index lanes = lanes_for<T>(wide.out_channels), inputs = c.in_channels;
  for (Index ky = 0; ky < c.kernel_height; ++ky)
    for (Index kx = 0; kx < c.kernel_width; ++kx)
      for (Index i = 0; i < inputs; ++i) {
        const T* from = weight(ky * c.kernel_width + kx, i, 0);
        for (Index j = 0; j < r; ++j) {
          const Index tap = ky * wide.kernel_width + kx + j * c.stride_x;
          T* to = packed + (tap * inputs + i) * lanes + j * c.out_channels;
          for (Index o = 0; o < c.out_channels; ++o) to[o] = from[o * o_step];
        }
      }
}

/// One term of a sum: images, and the kernel that they are correlated with.
template <class T>
struct Operands {
  const T *in, *weights;
};
template <class T>
using OperandList = std::array<Operands<T>, most_convolutions>;

/// Packs the weights of all terms into the front of the workspace, and correlates.
/// weight(w, tap, i, o) points to an entry of the kernel w (see `pack_weights`).
template <class T, class Weight>
void pack_and_correlate(const Correlation& c, const OperandList<T>& terms, const Weight& weight,
                        Index o_step, T* out, std::byte* workspace) {
  T* packed = reinterpret_cast<T*>(workspace);
  const Index r = joined_positions<T>(c);
  const Correlation computed = joined(c, r);
  std::array<const T*, most_convolutions> in;
  for (std::size_t term = 0; term < static_cast<std::size_t>(c.terms); ++term) {
    in[term] = terms[term].in;
    const auto of_term = [&](Index tap, Index i, Index o) {
      return weight(terms[term].weights, tap, i, o);
    };
    if (r == 1)
      pack_weights(c, packed, of_term, o_step);
    else
      pack_joined_weights(c, r, packed, of_term, o_step);
    packed += packed_elements<T>(computed);
  }
  correlate<T>(computed, {in.data(), static_cast<std::size_t>(c.terms)},
               reinterpret_cast<T*>(workspace), out,
               reinterpret_cast<T*>(workspace + packed_bytes<T>(computed)));
}

Correlation forward_correlation(const Shape& x, const Shape& w, const ConvGeometry& geometry) {
  const Shape y = conv2d_shape(x, w, geometry);
  Correlation c;
  c.images = x[0], c.in_height = x[1], c.in_width = x[2], c.in_channels = x[3];
  c.kernel_height = w[0], c.kernel_width = w[1];
  c.stride_y = c.stride_x = geometry.stride, c.dilation = geometry.dilation,
  c.groups = geometry.groups;
  c.pad_y = c.pad_x = geometry.padding;
  c.out_height = y[1], c.out_width = y[2], c.out_channels = y[3];
  c.out_step = y[3], c.out_row_step = y[2] * y[3], c.out_image_step = y[1] * y[2] * y[3];
  return c;
}

/// One axis of one phase of the input gradient. With stride s, output pixel o reads input pixel
/// i = o s + k dilation - padding through kernel entry k. Input pixels i with the same
/// (i + padding) mod s meet the same entries of the kernel, at regular distances. For these pixels
/// the gradient is a correlation of g with a part of the reversed kernel, with stride 1.
struct PhaseAxis {
  Index first = 0, count = 0;  // input pixels first, first + s, ...
  Index kernel_first = 0, kernel_step = 1, kernel_count = 0;
  Index dilation = 1, pad = 0;

  PhaseAxis(Index phase, Index size, Index kernel, const ConvGeometry& geometry) {
    const Index s = geometry.stride, d = geometry.dilation, common = std::gcd(s, d);
    first = modulo(phase - geometry.padding, s);
    count = first < size ? ceil_div(size - first, s) : 0;
    kernel_step = s / common;
    dilation = d / common;
    while (kernel_first < std::min(kernel, kernel_step) && modulo(kernel_first * d, s) != phase)
      ++kernel_first;
    if (kernel_first >= std::min(kernel, kernel_step)) return;  // no kernel entry in this phase
    kernel_count = ceil_div(kernel - kernel_first, kernel_step);
    pad = (kernel_count - 1) * dilation - (first + geometry.padding - kernel_first * d) / s;
  }

  /// The kernel entry at tap `tap` of the reversed part.
  Index kernel_entry(Index tap) const {
    return kernel_first + (kernel_count - 1 - tap) * kernel_step;
  }
};

struct Phase {
  PhaseAxis y, x;
  Correlation correlation;
};

/// Calls body(phase) for the stride^2 phases, which write disjoint input pixels.
template <class Body>
void for_each_phase(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                    const Body& body) {
  const Shape g = conv2d_shape(x, w, geometry);
  for (Index py = 0; py < geometry.stride; ++py)
    for (Index px = 0; px < geometry.stride; ++px) {
      Phase phase{{py, x[1], w[0], geometry}, {px, x[2], w[1], geometry}, {}};
      const bool reached = phase.y.kernel_count > 0 && phase.x.kernel_count > 0;
      Correlation& c = phase.correlation;
      c.images = g[0], c.in_height = g[1], c.in_width = g[2], c.in_channels = g[3];
      // With a kernel of 0 rows the correlation writes zeros.
      c.kernel_height = reached ? phase.y.kernel_count : 0;
      c.kernel_width = reached ? phase.x.kernel_count : 1;
      c.dilation = phase.y.dilation, c.groups = geometry.groups;
      c.pad_y = phase.y.pad, c.pad_x = phase.x.pad;
      c.out_height = phase.y.count, c.out_width = phase.x.count, c.out_channels = x[3];
      c.out_step = geometry.stride * x[3];
      c.out_row_step = geometry.stride * x[2] * x[3];
      c.out_image_step = x[1] * x[2] * x[3];
      body(phase);
    }
}

}  // namespace

Shape conv2d_shape(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   std::string_view who) {
  const auto& [stride, padding, dilation, groups] = geometry;
  if (x.rank() != 4)
    fail(who, "images need the shape (batch, height, width, channels), not {}", str(x));
  if (w.rank() != 4 || std::any_of(w.begin(), w.end(), [](Index size) { return size < 1; }))
    fail(who,
         "a kernel needs the shape (height, width, in channels, out channels), all at least 1, not "
         "{}",
         str(w));
  if (stride < 1 || dilation < 1 || groups < 1 || padding < 0)
    fail(who,
         "stride, dilation and groups must be at least 1 and padding at least 0, but they are {}, "
         "{}, {} and {}",
         stride, dilation, groups, padding);
  if (std::max({stride, dilation, padding}) > largest_distance)
    fail(who, "stride, dilation and padding must be at most 2^30, but they are {}, {} and {}",
         stride, dilation, padding);
  if (groups > w[3])
    fail(who, "the {} output channels of kernel {} do not divide into {} groups", w[3], str(w),
         groups);
  if (x[3] != w[2] * groups)
    fail(who, "channels differ: images {} have {}, kernel {} takes {}{}", str(x), x[3], str(w),
         w[2] * groups, groups == 1 ? "" : fmt::format(" in {} groups", groups));
  if (w[3] % groups != 0)
    fail(who, "the {} output channels of kernel {} do not divide into {} groups", w[3], str(w),
         groups);
  Shape y = {x[0], 0, 0, w[3]};
  for (int axis : {0, 1}) {
    const Index image = x[axis + 1] + 2 * padding, kernel = (w[axis] - 1) * dilation + 1;
    if (kernel > image)
      fail(who, "kernel {} spans {} pixels of {}, but images {} padded by {} have only {}", str(w),
           kernel, axis == 0 ? "height" : "width", str(x), padding, image);
    y[axis + 1] = (image - kernel) / stride + 1;
  }
  return y;
}

Index conv2d_flops(const Shape& x, const Shape& w, const ConvGeometry& geometry) {
  return 2 * conv2d_shape(x, w, geometry).elements() * w[0] * w[1] * w[2];
}

std::size_t conv2d_workspace(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                             DType dtype, std::size_t terms) {
  Correlation c = forward_correlation(x, w, geometry);
  c.terms = static_cast<Index>(terms);
  return visit_float(dtype, [&]<class T>(T) { return workspace_bytes<T>(c); });
}

std::size_t conv2d_input_grad_workspace(const Shape& x, const Shape& w,
                                        const ConvGeometry& geometry, DType dtype,
                                        std::size_t terms) {
  return visit_float(dtype, [&]<class T>(T) {
    std::size_t most = 0;  // the phases run one after another
    for_each_phase(x, w, geometry, [&](const Phase& phase) {
      Correlation c = phase.correlation;
      c.terms = static_cast<Index>(terms);
      most = std::max(most, workspace_bytes<T>(c));
    });
    return most;
  });
}

void conv2d(std::span<const ConvTerm> terms, const ConvGeometry& geometry, const Array& y,
            std::byte* workspace, bool add) {
  check_terms("conv2d", terms, [&](const ConvTerm& term) {
    check_conv2d("conv2d", *term.first, *term.second, geometry, y);
  });
  Correlation c = forward_correlation(terms[0].first->shape(), terms[0].second->shape(), geometry);
  c.terms = static_cast<Index>(terms.size());
  c.add = add;
  visit_float(y.dtype(), [&]<class T>(T) {
    OperandList<T> operands;
    for (std::size_t i = 0; i < terms.size(); ++i)
      operands[i] = {terms[i].first->data<T>(), terms[i].second->data<T>()};
    const Index inputs = c.group_in(), outputs = c.out_channels;
    const auto weight = [=](const T* w, Index tap, Index i, Index o) {
      return w + (tap * inputs + i) * outputs + o;
    };
    pack_and_correlate(c, operands, weight, 1, y.data<T>(), workspace);
  });
}

void conv2d_input_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                       const Array& x, std::byte* workspace, bool add) {
  check_terms("conv2d_input_grad", terms, [&](const ConvTerm& term) {
    check_conv2d("conv2d_input_grad", x, *term.first, geometry, *term.second);
  });
  const Shape& w = terms[0].first->shape();
  visit_float(x.dtype(), [&]<class T>(T) {
    OperandList<T> operands;
    for (std::size_t i = 0; i < terms.size(); ++i)
      operands[i] = {terms[i].second->data<T>(), terms[i].first->data<T>()};
    const Index width = w[1], inputs = w[2], outputs = w[3];
    const Index group_outputs = outputs / geometry.groups;
    for_each_phase(x.shape(), w, geometry, [&](const Phase& phase) {
      Correlation c = phase.correlation;
      c.terms = static_cast<Index>(terms.size());
      c.add = add;
      // The roles are swapped: the channels of g are the inputs, and those of x the outputs.
      const auto weight = [&](const T* weights, Index tap, Index i, Index o) {
        const Index ky = phase.y.kernel_entry(tap / c.kernel_width);
        const Index kx = phase.x.kernel_entry(tap % c.kernel_width);
        return weights + ((ky * width + kx) * inputs + o % inputs) * outputs +
               o / inputs * group_outputs + i;
      };
      T* out = x.data<T>() + (phase.y.first * x.shape()[2] + phase.x.first) * x.shape()[3];
      pack_and_correlate(c, operands, weight, outputs, out, workspace);
    });
  });
}

}  // namespace twice::kernel
