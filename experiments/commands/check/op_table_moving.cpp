// Rows of the op table: functions that move, repeat and pick numbers, and sums and extremes over
// axes. A linear op has no second derivative, so most cases cube the result. Orders 2 and 3 then
// pass through the adjoints.
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/cast.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/ops/trigonometric.h"
#include "experiments/commands/check/op_rows.h"

namespace twice::experiments::rows {

namespace {

const Shape s{3, 4}, block{2, 3, 4}, ties{4, 5};
const RandomArray index_list = indices({5}, 3);

/// Integers 1, 3, 5, ... modulo `below`: unsorted indices with repetitions.
Tensor picks(Tensor x, const Shape& shape, Index below) {
  const Array numbers(shape, DType::i32);
  for (Index i = 0; i < numbers.elements(); ++i)
    numbers.set(i, static_cast<double>((2 * i + 1) % below));
  return x.tape().constant(numbers);
}

/// The largest number of each row minus the other numbers of that row.
Tensor lead_of_largest(Tensor rows) {
  const Tensor first = one_hot(argmax(rows, -1), rows.size(-1), rows.dtype());
  return max(rows, {-1}, true) - rows + 10 * first;
}
Tensor last_axis_lead(X x) { return lead_of_largest(x[0]); }
Tensor first_axis_lead_down(X x) { return lead_of_largest(-transpose(x[0], 0, -1)); }
Tensor lead_of_all(X x) { return lead_of_largest(reshape(x[0], {-1})); }

Tensor axes_reversed(Tensor x) {
  Shape axes;
  for (int axis = x.rank(); axis-- > 0;) axes.push_back(axis);
  return permute(x, axes);
}

Tensor axis_added(Tensor x) {
  Shape shape{2};
  for (Index size : x.shape()) shape.push_back(size);
  return broadcast_to(x, shape);
}

Tensor padded(Tensor x) { return pad(x, Shape::filled(x.rank(), 1), Shape::filled(x.rank(), 0)); }

Tensor one_hot_times(Tensor x) {
  return (0.3 + one_hot(picks(x, {x.size(0)}, x.size(1)), x.size(1), x.dtype())) * x;
}

}  // namespace

std::vector<OpRow> moving() {
  return {
      function("reshape(x, shape)", "the same numbers in another shape", "adjoint: reshape back",
               {normal(s)}, [](X x) { return reshape(x[0], dims(2, -1)); })
          .any_dtype()
          .check(cubed)
          .graph("flatten", any, [](T x) { return reshape(x, dims(-1)); }),
      function("permute(x, axes)", "axis i of y is axis axes[i] of x",
               "adjoint: permute by the inverse order", {normal(block)},
               [](X x) { return permute(x[0], dims(2, 0, 1)); })
          .any_dtype()
          .check(cubed)
          .graph("reverse_axes", has_axis, axes_reversed),
      function("transpose(x, i, j)", "axes i and j swapped", "adjoint: itself", {normal(s)},
               [](X x) { return transpose(x[0]); })
          .built("permute")
          .any_dtype()
          .check(cubed, "transpose"),
      function("cast(x, dtype)", "x in f32 or f64", "adjoint: the cast back", {normal(s)},
               [](X x) { return cast(x[0], DType::f64); }),
      // By definition the derivative is 0. Finite differences agree only for a step function, so
      // the case stops the gradient of `positive`.
      function("stop_gradient(x)", "x", "0", {distinct(s)}, [](X x) { return stop_gradient(x[0]); })
          .any_dtype()
          .check("", {distinct(s)},
                 [](X x) { return stop_gradient(positive(x[0])) * cubed(x[0]); }),
      function("slice(x, start, stop, step)", "entries start, start + step, ... before stop",
               "adjoint: pad", {normal(block)}, [](X x) { return slice(x[0], 1, 1, 3); })
          .any_dtype()
          .check(cubed)
          .check("step 2", {normal({7})}, [](X x) { return cubed(slice(x[0], 0, 1, 7, 2)); })
          .graph("every_other", has_axis, [](T x) { return slice(x, -1, 0, x.size(-1), 2); }),
      function("pad(x, before, after)",
               "x with zeros around it (as slice's adjoint, also between its numbers)",
               "adjoint: slice", {normal(s)}, [](X x) { return pad(x[0], dims(1, 0), dims(0, 2)); })
          .any_dtype()
          .check(cubed)
          .graph("pad", is_matrix, padded),
      function("flip(x, axes)", "reversed order", "adjoint: itself", {normal(s)},
               [](X x) { return flip(x[0]); })
          .built("slice")
          .any_dtype()
          .check("flip", {normal(s)}, [](X x) { return cubed(flip(x[0], dims(1))); })
          .graph("flip_last", has_axis, [](T x) { return flip(x, dims(-1)); }),
      function("concat({x_0, x_1, ...}, axis)", "x_0, x_1, ... joined along an axis",
               "by x_i: its slice of g", {normal({2, 3}), normal({2, 1}), normal({2, 2})},
               [](X x) { return concat(x, 1); })
          .any_dtype()
          .check(cubed)
          .graph("concat", same,
                 [](T a, T b) {
                   return concat(Tensors{a, b}, 0);
                 }),
      function("stack({x_0, x_1, ...}, axis)", "x_0, x_1, ... joined along a new axis",
               "by x_i: its slice of g", {normal(s), normal(s)}, [](X x) { return stack(x, -1); })
          .built("concat")
          .any_dtype()
          .check(cubed, "stack")
          .graph("stack", same,
                 [](T a, T b) {
                   return stack(Tensors{a, b});
                 }),
      function("broadcast_to(x, shape)", "repeated along axes of size 1", "adjoint: sum_to",
               {normal({4})}, [](X x) { return broadcast_to(x[0], s); })
          .any_dtype()
          .check(cubed, "new axis")
          .check("size 1", {normal({2, 1, 4})},
                 [](X x) { return cubed(broadcast_to(x[0], block)); })
          .check("scalar", {normal({})}, [](X x) { return cubed(broadcast_to(x[0], s)); })
          .graph("add_axis", has_axis, axis_added),
      function("full_like(x, c)", "c everywhere", "0", {normal(s)},
               [](X x) { return full_like(x[0], 2); })
          .built("broadcast_to")
          .any_dtype(),
  };
}

std::vector<OpRow> picking() {
  return {
      function("gather(x, i)", "y[k] = x[i[k]] along the first axis", "adjoint: scatter_add",
               {normal(s), index_list}, [](X x) { return gather(x[0], x[1]); })
          .any_dtype()
          .check(cubed)
          .check("index matrix", {normal({4}), indices({2, 3}, 4)},
                 [](X x) { return cubed(gather(x[0], x[1])); })
          .graph("gather", has_axis, [](T x) { return gather(x, picks(x, dims(3), x.size(0))); }),
      function("scatter_add(x, i, size)", "y = 0, then y[i[k]] += x[k]", "adjoint: gather",
               {normal({5, 2}), index_list}, [](X x) { return scatter_add(x[0], x[1], 3); })
          .check(cubed)
          .graph("scatter_add", has_axis,
                 [](T x) { return 0.7 * scatter_add(x, picks(x, dims(x.size(0)), 3), 3); }),
      function("gather_along(x, i, axis)", "y[.., k, ..] = x[.., i[.., k, ..], ..]",
               "adjoint: scatter_along", {normal(s), indices(s, 4)},
               [](X x) { return gather_along(x[0], x[1], -1); })
          .any_dtype()
          .check(cubed, "last axis")
          .check("", {normal(block), indices({2, 5, 4}, 3)},
                 [](X x) { return cubed(gather_along(x[0], x[1], 1)); })
          .graph("gather_along", has_axis,
                 [](T x) { return gather_along(x, picks(x, x.shape(), x.size(0)), 0); }),
      function("scatter_along(x, i, axis, size)",
               "y = 0, then y[.., i[.., k, ..], ..] += x[.., k, ..]", "adjoint: gather_along",
               {normal(block), indices(block, 5)},
               [](X x) { return scatter_along(x[0], x[1], 2, 5); })
          .check(cubed)
          .graph("scatter_along", has_axis,
                 [](T x) { return 0.7 * scatter_along(x, picks(x, x.shape(), 3), -1, 3); }),
      function("one_hot(labels, classes, dtype)", "y[.., c] = [labels[..] = c]", "0", {index_list},
               [](X x) { return one_hot(x[0], 3, DType::f32); })
          .check("", {normal({5, 3}), index_list},
                 [](X x) { return cubed(x[0] * one_hot(x[1], 3, x[0].dtype())); })
          .graph("one_hot", is_matrix, one_hot_times),
      function("argmax(x, axis)", "position of the first maximum", "0", {distinct(s)},
               [](X x) { return argmax(x[0], 1); })
          .check("along the first axis", {distinct(s)},
                 [](X x) { return cubed(gather_along(x[0], argmax(x[0], 0, true), 0)); })
          .graph(
              "gather_along_argmax", has_axis,
              [](T x) { return sin(gather_along(x, argmax(x, -1, true), -1)); }, last_axis_lead),
      function("argmin(x, axis)", "position of the first minimum", "0", {distinct(s)},
               [](X x) { return argmin(x[0], 1); }),
  };
}

std::vector<OpRow> reductions() {
  return {
      function("sum_to(x, shape)", "sum over the axes that broadcasting would repeat",
               "adjoint: broadcast_to", {normal(block)},
               [](X x) { return sum_to(x[0], dims(3, 4)); })
          .check(cubed, "leading axis")
          .check("inner axis", {normal(block)},
                 [](X x) { return cubed(sum_to(x[0], dims(2, 1, 4))); }),
      function("sum(x, axes)", "sum x", "adjoint: broadcast", {normal(block)},
               [](X x) { return sum(x[0]); })
          .built("sum_to")
          .check("sum", {normal(block)}, [](X x) { return cubed(sum(x[0], dims(-1, 0))); })
          .check(cubed, "everything")
          .graph("sum_first", has_axis, [](T x) { return 0.5 * sum(x, dims(0)); })
          .graph("sum_last_keepdims", has_axis, [](T x) { return 0.5 * sum(x, dims(-1), true); }),
      function("mean(x, axes)", "sum x / n", "adjoint: broadcast / n", {normal(block)},
               [](X x) { return mean(x[0]); })
          .built("sum_to", "sum")
          .check("mean", {normal(block)}, [](X x) { return cubed(mean(x[0], dims(1), true)); })
          .graph("mean", any, [](T x) { return 2 * mean(x); }),
      function("norm(x, axes)", "sqrt(sum x^2)",
               "x / y, 0 where y = 0; higher derivatives are NaN there, but `square(norm(x))` is "
               "the sum of squares",
               {normal(block)}, [](X x) { return norm(x[0]); })
          .built("sum_to", "sum, root_of_squares")
          .check("norm", {normal(block)}, [](X x) { return cubed(norm(x[0], dims(1))); })
          .graph("norm_last", has_axis, [](T x) { return norm(1.5 + sin(x), dims(-1), true) - 1; }),
      function("dot(a, b)", "sum of a b over whole lists of tensors", "b and a",
               {normal(s), normal(s)}, [](X x) { return dot(x[0], x[1]); })
          .built("sum_to", "mul, sum"),
      function("squared_norm(x)", "sum of x^2 over a whole list of tensors", "2x", {normal(s)},
               [](X x) { return squared_norm(x[0]); })
          .built("sum_to", "square, sum"),
      function("max(x, axes)", "the maximum", "1 at the first maximum in row-major order, else 0",
               {distinct(block)}, [](X x) { return max(x[0]); })
          .built("argmax", "argmax, gather_along")
          .check("max", {distinct(block)}, [](X x) { return cubed(max(x[0], dims(2))); })
          .check("max over two axes", {distinct(block)},
                 [](X x) { return cubed(max(x[0], dims(0, 2), true)); })
          .graph(
              "max_last", has_axis, [](T x) { return max(x, dims(-1)); }, last_axis_lead)
          .graph(
              "max", has_axis, [](T x) { return max(x); }, lead_of_all)
          .kink("ties", {repeated(ties)}, [](X x) { return square(max(x[0], dims(1)) + 1); }),
      function("min(x, axes)", "the minimum", "1 at the first minimum in row-major order, else 0",
               {distinct(block)}, [](X x) { return min(x[0], dims(1)); })
          .built("argmin", "argmin, gather_along")
          .check(cubed, "min")
          .graph(
              "min_first_keepdims", has_axis, [](T x) { return min(x, dims(0), true); },
              first_axis_lead_down)
          .kink("ties", {repeated(ties)}, [](X x) { return square(min(x[0], dims(0)) + 2); }),
      function("center(x, axes)", "x - mean x", "adjoint: itself", {normal(s)},
               [](X x) { return center(x[0]); })
          .check("axes 0 and 2", {normal(block)},
                 [](X x) { return square(center(x[0], dims(0, 2))); })
          .check("everything", {normal({3, 5})}, [](X x) { return square(center(x[0])); })
          .graph("center_first", has_axis, [](T x) { return center(x, dims(0)); }),
      function("variance(x, axes)", "mean((x - mean x)^2)",
               "J v = 2/n sum((x - mean x) v), J' g = 2/n (x - mean x) g", {normal({3, 5})},
               [](X x) { return variance(x[0]); })
          .check("everything")
          .check("axes 0 and 2", {normal(block)}, [](X x) { return variance(x[0], dims(0, 2)); })
          .graph("variance_last", has_axis, [](T x) { return variance(x, dims(-1)); })
          .graph("variance", any, [](T x) { return variance(x); }),
      function("logsumexp(x, axes)", "ln sum e^x", "J v = sum(softmax(x) v), J' g = softmax(x) g",
               {normal({3, 5})}, [](X x) { return logsumexp(x[0]); })
          .check("everything")
          .check("", {normal({3, 5})}, [](X x) { return logsumexp(x[0], dims(-1)); })
          .check("axes 0 and 2", {normal(block)},
                 [](X x) { return logsumexp(x[0], dims(0, 2), true); })
          .graph("logsumexp_last", has_axis, [](T x) { return logsumexp(x, dims(-1), true); })
          .graph("logsumexp", has_axis, [](T x) { return logsumexp(x) - 1; }),
  };
}

}  // namespace twice::experiments::rows
