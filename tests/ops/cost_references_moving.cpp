// Instrumented reference versions of ops that move, repeat, sum or pick numbers.
#include <limits>

#include "autodiff/kernels/random.h"
#include "tests/ops/counted.h"

namespace twice::testing {

namespace {

/// The position in `narrow`, which broadcasts to `wide`, that belongs to position `at` in `wide`.
Index narrowed(const Shape& wide, Index at, const Shape& narrow) {
  const Shape from = place(wide, at);
  Shape to = narrow;
  for (int axis = 0; axis < narrow.rank(); ++axis)
    to[axis] = narrow[axis] == 1 ? 0 : from[axis + wide.rank() - narrow.rank()];
  return position(narrow, to);
}

/// Calls body(position in the slice of shape `count`, position in `whole`) for a slice of all axes.
template <class Body>
void for_grid(const Execution& e, const Shape& count, const Shape& whole, const Body& body) {
  const Shape first = e.list("first"), step = e.list("step");
  for (Index i = 0; i < count.elements(); ++i) {
    Shape at = place(count, i);
    for (int axis = 0; axis < at.rank(); ++axis) at[axis] = first[axis] + at[axis] * step[axis];
    body(i, position(whole, at));
  }
}

/// A view: y shares x's memory, and nothing is read or written.
void view(Execution& e) { e.y = e.x[0].alias(e.y.spec()); }

/// The number of rows. A row runs along the last axis.
Index rows_of(const Shape& shape) { return shape.elements() / shape.back(); }

void arg_extreme(Execution& e, double sign) {
  const Index columns = e.x[0].shape().back();
  for (Index row = 0; row < rows_of(e.x[0].shape()); ++row) {
    Counted best = -sign * std::numeric_limits<double>::infinity();
    Index at = 0;
    for (Index i = 0; i < columns; ++i) {
      const Counted here = e.x[0].read(row * columns + i);
      if (sign > 0 ? here > best : here < best) best = here, at = i;
    }
    e.y.write(row, static_cast<double>(at));
  }
}

}  // namespace

References moving_references() {
  return {
      {"reshape", view},
      {"stop_gradient", view},
      {"permute",
       [](Execution& e) {
         const Shape axes = e.list();
         for (Index i = 0; i < e.y.elements(); ++i) {
           const Shape to = place(e.y.shape(), i);
           Shape from = to;
           for (int axis = 0; axis < to.rank(); ++axis)
             from[static_cast<int>(axes[axis])] = to[axis];
           e.y.write(i, e.x[0].read(position(e.x[0].shape(), from)));
         }
       }},
      {"broadcast_to",
       [](Execution& e) {
         for (Index i = 0; i < e.y.elements(); ++i)
           e.y.write(i, e.x[0].read(narrowed(e.y.shape(), i, e.x[0].shape())));
       }},
      {"sum_to",
       [](Execution& e) {
         e.y.fill(0);
         for (Index i = 0; i < e.x[0].elements(); ++i)
           e.y.add(narrowed(e.x[0].shape(), i, e.y.shape()), e.x[0].read(i));
       }},
      {"slice",
       [](Execution& e) {
         for_grid(e, e.y.shape(), e.x[0].shape(),
                  [&](Index i, Index at) { e.y.write(i, e.x[0].read(at)); });
       }},
      {"pad",
       [](Execution& e) {
         e.y.fill(0);
         for_grid(e, e.x[0].shape(), e.y.shape(),
                  [&](Index i, Index at) { e.y.write(at, e.x[0].read(i)); });
       }},
      {"concat",
       [](Execution& e) {
         const int axis = static_cast<int>(e.number("axis"));
         Index first = 0;
         for (Touched& part : e.x) {
           for (Index i = 0; i < part.elements(); ++i) {
             Shape at = place(part.shape(), i);
             at[axis] += first;
             e.y.write(position(e.y.shape(), at), part.read(i));
           }
           first += part.shape()[axis];
         }
       }},

      {"gather",
       [](Execution& e) {
         const Index row = e.x[0].elements() / e.x[0].shape()[0];
         for (Index k = 0; k < e.x[1].elements(); ++k)
           for (Index j = 0; j < row; ++j)
             e.y.write(k * row + j, e.x[0].read(e.x[1].read_index(k) * row + j));
       }},
      {"scatter_add",
       [](Execution& e) {
         e.y.fill(0);
         const Index row = e.y.elements() / e.y.shape()[0];
         for (Index k = 0; k < e.x[1].elements(); ++k)
           for (Index j = 0; j < row; ++j)
             e.y.add(e.x[1].read_index(k) * row + j, e.x[0].read(k * row + j));
       }},
      {"gather_along",
       [](Execution& e) {
         const Index from = e.x[0].shape().back(), to = e.y.shape().back();
         for (Index i = 0; i < e.y.elements(); ++i)
           e.y.write(i, e.x[0].read(i / to * from + e.x[1].read_index(i)));
       }},
      {"scatter_along",
       [](Execution& e) {
         e.y.fill(0);
         const Index from = e.x[0].shape().back(), to = e.y.shape().back();
         for (Index i = 0; i < e.x[0].elements(); ++i)
           e.y.add(i / from * to + e.x[1].read_index(i), e.x[0].read(i));
       }},
      {"argmax", [](Execution& e) { arg_extreme(e, 1); }},
      {"argmin", [](Execution& e) { arg_extreme(e, -1); }},
      {"one_hot",
       [](Execution& e) {
         const Index classes = e.y.shape().back();
         for (Index i = 0; i < e.y.elements(); ++i)  // comparing integers counts no FLOP
           e.y.write(i, e.x[0].read_index(i / classes) == i % classes ? 1 : 0);
       }},
      {"dropout_mask",
       [](Execution& e) {
         const Rng rng(static_cast<std::uint64_t>(e.number("seed")));
         const double rate = e.number("rate");
         const Rng stream = rng.keyed(static_cast<std::uint64_t>(e.x[0].read_index(0)),
                                      static_cast<std::uint64_t>(e.number("use")));
         for (Index i = 0; i < e.y.elements(); ++i) {
           const Counted u = stream.uniform(static_cast<std::uint64_t>(i));
           e.y.write(i, u < rate ? 0 : 1 / (1 - rate));
         }
       }},
  };
}

}  // namespace twice::testing
