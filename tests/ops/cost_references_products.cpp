// Instrumented reference versions of matrix products, convolutions and pooling, as loops over their
// definitions. They perform products and additions with padding (docs/conventions.md, Counts), but
// read and write no pixel outside the image.
#include <limits>

#include "tests/ops/counted.h"

namespace twice::testing {

namespace {

/// A stack of one or more products. The last two axes are those of the matrices.
void matrix_products(Execution& e) {
  const bool ta = e.attributes.find("A'") != std::string::npos;
  const bool tb = e.attributes.find("B'") != std::string::npos;
  const Shape &a = e.x[0].shape(), &y = e.y.shape();
  const Index m = y[y.rank() - 2], n = y.back(), k = a[a.rank() - (ta ? 2 : 1)];
  const Index stack = y.rank() == 3 ? y[0] : 1;
  for (Index s = 0; s < stack; ++s)
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j) {
        Counted sum = 0;
        for (Index l = 0; l < k; ++l)
          sum = sum + e.x[0].read(s * m * k + (ta ? l * m + i : i * k + l)) *
                          e.x[1].read(s * k * n + (tb ? j * k + l : l * n + j));
        e.y.write((s * m + i) * n + j, sum);
      }
}

/// Windows along an axis. Entry k of output o's window is pixel o stride + k dilation - padding.
struct Windows {
  Index stride, padding, dilation = 1;
  Index pixel(Index output, Index entry) const {
    return output * stride + entry * dilation - padding;
  }
};

bool inside(const Shape& images, Index iy, Index ix) {
  return iy >= 0 && iy < images[1] && ix >= 0 && ix < images[2];
}

/// The derivative of T(x, w, g) = <conv2d(x, w), g> with respect to one argument. `open` is 0 for
/// the images, 1 for the kernel and 2 for the outputs.
void convolution(Execution& e, int open) {
  Touched* slots[3];
  for (int slot = 0, next = 0; slot < 3; ++slot)
    slots[slot] = slot == open ? &e.y : &e.x[static_cast<std::size_t>(next++)];
  auto& [x, w, g] = slots;
  const Windows windows{static_cast<Index>(e.number("stride")),
                        static_cast<Index>(e.number("padding")),
                        static_cast<Index>(e.number("dilation"))};
  const auto groups = static_cast<Index>(e.number("groups"));
  const Shape &xs = x->shape(), &ws = w->shape(), &gs = g->shape();
  e.y.fill(0);
  for (Index at = 0; at < gs.elements(); ++at) {
    const Shape out = place(gs, at);
    for (Index tap = 0; tap < ws[0] * ws[1] * ws[2]; ++tap) {
      const Index ky = tap / ws[2] / ws[1], kx = tap / ws[2] % ws[1], i = tap % ws[2];
      const Index iy = windows.pixel(out[1], ky), ix = windows.pixel(out[2], kx);
      const bool real = inside(xs, iy, ix);
      const Index channel = out[3] / (ws[3] / groups) * ws[2] + i;
      const Index in_x = real ? position(xs, {out[0], iy, ix, channel}) : -1;
      const Index in_w = tap * ws[3] + out[3];
      const Counted image = open != 0 && real ? x->read(in_x) : Counted(0);
      if (open == 2)
        g->add(at, image * w->read(in_w));
      else if (open == 1)
        w->add(in_w, image * g->read(at));
      else if (const Counted product = w->read(in_w) * g->read(at); real)
        x->add(in_x, product);
      else
        static_cast<void>(Counted(0) + product);
    }
  }
}

/// Calls body(position of the output, position of the pixel) for each cell of each window. Cells of
/// padding have the pixel position -1.
template <class Body>
void for_cells(const Execution& e, const Shape& images, const Shape& outputs, const Body& body) {
  const auto window = static_cast<Index>(e.number("window"));
  const Windows windows{static_cast<Index>(e.number("stride")),
                        static_cast<Index>(e.number("padding"))};
  for (Index at = 0; at < outputs.elements(); ++at)
    for (Index cell = 0; cell < window * window; ++cell) {
      const Shape out = place(outputs, at);
      const Index iy = windows.pixel(out[1], cell / window);
      const Index ix = windows.pixel(out[2], cell % window);
      body(at, inside(images, iy, ix) ? position(images, {out[0], iy, ix, out[3]}) : -1);
    }
}

void average_pool(Execution& e) {
  e.y.fill(0);
  for_cells(e, e.x[0].shape(), e.y.shape(), [&](Index at, Index pixel) {
    e.y.add(at, pixel < 0 ? Counted(0) : e.x[0].read(pixel));
  });
  const double cells = e.number("window") * e.number("window");
  for (Index at = 0; at < e.y.elements(); ++at) e.y.write(at, e.y.read(at) / cells);
}

void average_pool_adjoint(Execution& e) {
  e.y.fill(0);
  const double cells = e.number("window") * e.number("window");
  std::vector<Counted> shares;
  for (Index at = 0; at < e.x[0].elements(); ++at) shares.push_back(e.x[0].read(at) / cells);
  for_cells(e, e.y.shape(), e.x[0].shape(), [&](Index at, Index pixel) {
    const Counted share = shares[static_cast<std::size_t>(at)];
    if (pixel >= 0)
      e.y.add(pixel, share);
    else
      static_cast<void>(Counted(0) + share);
  });
}

void max_pool_indices(Execution& e) {
  const Shape& images = e.x[0].shape();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<Counted> best(static_cast<std::size_t>(e.y.elements()), -infinity);
  for_cells(e, images, e.y.shape(), [&](Index at, Index pixel) {
    const Counted number = pixel < 0 ? Counted(-infinity) : e.x[0].read(pixel);
    if (!(number > best[static_cast<std::size_t>(at)])) return;
    best[static_cast<std::size_t>(at)] = number;
    e.y.write(at, static_cast<double>(pixel / images[3] % (images[1] * images[2])));
  });
}

/// The position of the pixel that index `at` of pooled images refers to.
Index picked(const Shape& images, Touched& indices, Index at) {
  const Shape out = place(indices.shape(), at);
  return (out[0] * images[1] * images[2] + indices.read_index(at)) * images[3] + out[3];
}

}  // namespace

References product_references() {
  return {
      {"matmul", matrix_products},
      {"batched_matmul", matrix_products},
      {"conv2d", [](Execution& e) { convolution(e, 2); }},
      {"conv2d_input_grad", [](Execution& e) { convolution(e, 0); }},
      {"conv2d_weight_grad", [](Execution& e) { convolution(e, 1); }},
      {"average_pool2d", average_pool},
      {"average_pool2d_adjoint", average_pool_adjoint},
      {"max_pool2d_indices", max_pool_indices},
      {"pool_gather",
       [](Execution& e) {
         for (Index at = 0; at < e.y.elements(); ++at)
           e.y.write(at, e.x[0].read(picked(e.x[0].shape(), e.x[1], at)));
       }},
      {"pool_scatter",
       [](Execution& e) {
         e.y.fill(0);
         for (Index at = 0; at < e.x[0].elements(); ++at)
           e.y.add(picked(e.y.shape(), e.x[1], at), e.x[0].read(at));
       }},
  };
}

}  // namespace twice::testing
