// Mistakes: functions that move and pick numbers.
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"

#include "tests/ops/mistakes.h"

namespace twice::testing {

std::vector<Mistake> moving_mistakes() {
  return {
      {"reshape", "shape",
       [](F f) {
         reshape(f({2, 3}), {4});
       },
       "shape (2, 3) has 6 elements, (4) has 4"},
      {"reshape", "shape",
       [](F f) {
         reshape(f({2, 3}), {-1, 4});
       },
       "6 elements of shape (2, 3) do not divide into (-1, 4)"},
      {"reshape", "option",
       [](F f) {
         reshape(f({2, 3}), {-1, -1});
       },
       "shape (-1, -1) must have sizes >= 0, and -1 at most once"},
      {"reshape", "option",
       [](F f) {
         reshape(f({2, 3}), {-2, 3});
       },
       "shape (-2, 3) must have sizes >= 0, and -1 at most once"},
      {"permute", "rank",
       [](F f) {
         permute(f({2, 3}), {0});
       },
       "1 axes given for shape (2, 3); each must be listed once"},
      {"permute", "axis",
       [](F f) {
         permute(f({2, 3}), {0, 2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"permute", "axis",
       [](F f) {
         permute(f({2, 3}), {0, 0});
       },
       "axes (0, 0) do not list each axis of shape (2, 3) once"},
      {"transpose", "axis",
       [](F f) {
         transpose(f({2, 3}), 0, 2);
       },
       "axis 2 does not exist: the input has rank 2"},
      {"transpose", "axis", [](F f) { transpose(f({3})); },
       "axis -2 does not exist: the input has rank 1"},
      {"slice", "axis",
       [](F f) {
         slice(f({2, 3}), 2, 0, 1);
       },
       "axis 2 does not exist: the input has rank 2"},
      {"slice", "rank",
       [](F f) {
         slice(f({2, 3}), Shape{0}, Shape{1}, Shape{1});
       },
       "shape (2, 3) needs 2 starts, stops and steps; 1, 1 and 1 were given"},
      {"slice", "shape",
       [](F f) {
         slice(f({2, 3}), 1, 1, 4);
       },
       "entries 1 to 4 step 1 are outside axis 1 of shape (2, 3)"},
      {"slice", "option",
       [](F f) {
         slice(f({2, 3}), 0, 0, 2, 0);
       },
       "the step along axis 0 of shape (2, 3) must not be 0"},
      {"pad", "rank",
       [](F f) {
         pad(f({2, 3}), {1}, {1});
       },
       "shape (2, 3) needs 2 counts before and after; 1 and 1 were given"},
      {"pad", "option",
       [](F f) {
         pad(f({2, 3}), {-1, 0}, {0, 0});
       },
       "counts (-1, 0) and (0, 0) must be >= 0; `slice` removes entries"},
      {"flip", "axis",
       [](F f) {
         flip(f({2, 3}), {-3});
       },
       "axis -3 does not exist: the input has rank 2"},
      {"concat", "axis",
       [](F f) {
         concat({f({2, 3}), f({2, 3})}, 2);
       },
       "axis 2 does not exist: the input has rank 2"},
      {"concat", "rank",
       [](F f) {
         concat({f({2, 3}), f({2})}, 0);
       },
       "f32 (2) does not continue f32 (2, 3) along axis 0: the other axes and dtypes must be "
       "equal"},
      {"concat", "shape",
       [](F f) {
         concat({f({2, 3}), f({3, 3})}, 1);
       },
       "f32 (3, 3) does not continue f32 (2, 3) along axis 1: the other axes and dtypes must be "
       "equal"},
      {"concat", "option", [](F) { concat({}, 0); },
       "an empty list was given; it needs at least one tensor"},
      {"stack", "axis",
       [](F f) {
         stack({f({2, 3}), f({2, 3})}, 3);
       },
       "axis 3 does not exist: the input has rank 3"},
      {"stack", "rank",
       [](F f) {
         stack({f({2, 3}), f({2})});
       },
       "its inputs differ: f32 (2, 3) and f32 (2)"},
      {"stack", "shape",
       [](F f) {
         stack({f({2, 3}), f({2, 4})});
       },
       "its inputs differ: f32 (2, 3) and f32 (2, 4)"},
      {"stack", "option", [](F) { stack({}); },
       "an empty list was given; it needs at least one tensor"},
      {"broadcast_to", "rank",
       [](F f) {
         broadcast_to(f({2, 3}), {3});
       },
       "shape (2, 3) does not broadcast to (3): each axis must be equal or 1"},
      {"broadcast_to", "shape",
       [](F f) {
         broadcast_to(f({2, 3}), {3, 3});
       },
       "shape (2, 3) does not broadcast to (3, 3): each axis must be equal or 1"},
      {"broadcast_to", "option",
       [](F f) {
         broadcast_to(f({1, 3}), {-1, 3});
       },
       "shape (-1, 3) has a negative size"},
      {"gather", "rank", [](F f) { gather(f({}), f({2}, i32)); },
       "shape () has no axis to pick from; it needs one or more"},
      {"scatter_add", "rank",
       [](F f) {
         scatter_add(f({2}), f({2, 3}, i32), 4);
       },
       "indices (2, 3) must be the leading axes of (2)"},
      {"scatter_add", "shape",
       [](F f) {
         scatter_add(f({3, 2}), f({2}, i32), 4);
       },
       "indices (2) must be the leading axes of (3, 2)"},
      {"scatter_add", "option",
       [](F f) {
         scatter_add(f({2, 3}), f({2}, i32), -1);
       },
       "the size -1 must be >= 0"},
      {"gather_along", "axis",
       [](F f) {
         gather_along(f({2, 3}), f({2, 3}, i32), 2);
       },
       "axis 2 does not exist: the input has rank 2"},
      {"gather_along", "rank",
       [](F f) {
         gather_along(f({2, 3}), f({2}, i32), 0);
       },
       "indices (2) and numbers (2, 3) need as many axes"},
      {"gather_along", "shape",
       [](F f) {
         gather_along(f({2, 3}), f({5, 3}, i32), 1);
       },
       "indices (5, 3) must equal (2, 3) but for the axis gathered along"},
      {"scatter_along", "axis",
       [](F f) {
         scatter_along(f({2, 3}), f({2, 3}, i32), -3, 4);
       },
       "axis -3 does not exist: the input has rank 2"},
      {"scatter_along", "rank",
       [](F f) {
         scatter_along(f({2, 3}), f({2}, i32), 0, 4);
       },
       "indices (2) and numbers (2, 3) need as many axes"},
      {"scatter_along", "shape",
       [](F f) {
         scatter_along(f({2, 3}), f({2, 4}, i32), 1, 4);
       },
       "indices (2, 4) and numbers (2, 3) must have one shape, with an axis"},
      {"scatter_along", "option",
       [](F f) {
         scatter_along(f({2, 3}), f({2, 3}, i32), 1, -4);
       },
       "the size -4 must be >= 0"},
      {"one_hot", "option", [](F f) { one_hot(f({2}, i32), 0, DType::f32); },
       "needs at least 1 class, was given 0"},
      {"one_hot", "option", [](F f) { one_hot(f({2}, i32), 3, i32); }, "makes f32 or f64, not i32"},
      {"argmax", "axis",
       [](F f) {
         argmax(f({2, 3}), 2);
       },
       "axis 2 does not exist: the input has rank 2"},
      {"argmax", "shape",
       [](F f) {
         argmax(f({2, 0}), 1);
       },
       "shape (2, 0) has no numbers to compare"},
      {"argmin", "axis", [](F f) { argmin(f({}), 0); },
       "axis 0 does not exist: the input has rank 0"},
      {"argmin", "shape",
       [](F f) {
         argmin(f({0, 2}), 0);
       },
       "shape (0, 2) has no numbers to compare"},
  };
}

}  // namespace twice::testing
