#include "autodiff/ops/inputs.h"

#include "autodiff/ops/shape_ops.h"

namespace twice {

void check_floats(std::string_view who, Specs x) {
  for (const Spec& input : x) {
    if (!is_float(input.dtype)) fail(who, "needs f32 or f64, was given {}", str(input));
    if (input.dtype != x[0].dtype)
      fail(who, "dtypes differ: {} and {}; cast one of them", str(x[0]), str(input));
  }
}

void check_floats(std::string_view who, std::initializer_list<Tensor> x) {
  tape_of(who, x);
  std::vector<Spec> specs;
  for (Tensor input : x) specs.push_back(input.spec());
  check_floats(who, specs);
}

Shape sorted_axes(const char* who, const Shape& axes, int rank) {
  Shape listed, sorted;
  for (Index a : axes) {
    const Index axis = normalized_axis(who, a, rank);
    if (listed.contains(axis)) fail(who, "axis {} is listed twice in {}", axis, str(axes));
    listed.push_back(axis);
  }
  for (int axis = 0; axis < rank; ++axis)
    if (axes.rank() == 0 || listed.contains(axis)) sorted.push_back(axis);
  return sorted;
}

Tensor as_rows(const char* who, Tensor x, const Shape& axes) {
  const Shape reduced = sorted_axes(who, axes, x.rank());
  Shape order, matrix{1, 1};
  for (bool last : {false, true})
    for (int axis = 0; axis < x.rank(); ++axis)
      if (reduced.contains(axis) == last) {
        order.push_back(axis);
        matrix[last ? 1 : 0] *= x.size(axis);
      }
  return reshape(permute(x, order), matrix);
}

Shape reduced_shape(const char* who, const Shape& x, const Shape& axes, bool keepdims) {
  const Shape reduced = sorted_axes(who, axes, x.rank());
  Shape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!reduced.contains(axis))
      shape.push_back(x[axis]);
    else if (keepdims)
      shape.push_back(1);
  }
  return shape;
}

}  // namespace twice
