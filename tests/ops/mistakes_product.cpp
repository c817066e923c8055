// Mistakes: products, convolutions and pooling.
#include "autodiff/ops/batched_matmul.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/pool.h"

#include "tests/ops/mistakes.h"

namespace twice::testing {

std::vector<Mistake> product_mistakes() {
  return {
      {"matmul", "rank",
       [](F f) {
         matmul(f({512, 10}), f({10}));
       },
       "needs two matrices (rank 2): (512, 10) x (10)"},
      {"matmul", "shape",
       [](F f) {
         matmul(f({128, 784}), f({512, 10}));
       },
       "inner dimensions differ: (128, 784) x (512, 10)"},
      {"matmul", "shape",
       [](F f) {
         matmul(f({128, 784}), f({512, 10}), true, true);
       },
       "inner dimensions differ: (128, 784)' x (512, 10)'"},
      {"batched_matmul", "rank",
       [](F f) {
         batched_matmul(f({2, 3}), f({3, 2}));
       },
       "needs two stacks of equally many matrices (rank 3): (2, 3) x (3, 2)"},
      {"batched_matmul", "shape",
       [](F f) {
         batched_matmul(f({2, 2, 3}), f({3, 3, 2}));
       },
       "needs two stacks of equally many matrices (rank 3): (2, 2, 3) x (3, 3, 2)"},
      {"batched_matmul", "shape",
       [](F f) {
         batched_matmul(f({2, 2, 3}), f({2, 2, 3}), false, false);
       },
       "inner dimensions differ: (2, 2, 3) x (2, 2, 3)"},
      {"outer", "rank",
       [](F f) {
         outer(f({2}), f({2, 1}));
       },
       "needs two vectors (rank 1): (2) and (2, 1)"},
      {"conv2d", "rank",
       [](F f) {
         conv2d(f({4, 4, 2}), f({3, 3, 2, 3}));
       },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"conv2d", "shape",
       [](F f) {
         conv2d(f({1, 4, 4, 2}), f({3, 3, 1, 3}));
       },
       "channels differ: images (1, 4, 4, 2) have 2, kernel (3, 3, 1, 3) takes 1"},
      {"conv2d", "shape",
       [](F f) {
         conv2d(f({1, 2, 4, 2}), f({3, 3, 2, 3}));
       },
       "kernel (3, 3, 2, 3) spans 3 pixels of height, but images (1, 2, 4, 2) padded by 0 have "
       "only 2"},
      {"conv2d", "option",
       [](F f) {
         conv2d(f({1, 4, 4, 2}), f({3, 3, 2, 3}), {.stride = 0});
       },
       "stride, dilation and groups must be at least 1 and padding at least 0, but they are 0, 1, "
       "1 and 0"},
      {"conv2d", "option",
       [](F f) {
         conv2d(f({1, 4, 4, 2}), f({3, 3, 1, 3}), {.groups = 2});
       },
       "the 3 output channels of kernel (3, 3, 1, 3) do not divide into 2 groups"},
      {"conv2d_input_grad", "rank",
       [](F f) {
         conv2d_input_grad(f({3, 3, 2, 3}), f({1, 2, 2, 3}), {}, {4, 4, 2});
       },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"conv2d_input_grad", "shape",
       [](F f) {
         conv2d_input_grad(f({3, 3, 2, 3}), f({1, 4, 4, 3}), {}, {1, 4, 4, 2});
       },
       "images (1, 4, 4, 2) and kernel (3, 3, 2, 3) have outputs of shape (1, 2, 2, 3), but the "
       "cotangent is (1, 4, 4, 3)"},
      {"conv2d_input_grad", "option",
       [](F f) {
         conv2d_input_grad(f({3, 3, 2, 3}), f({1, 2, 2, 3}), {.padding = -1}, {1, 4, 4, 2});
       },
       "stride, dilation and groups must be at least 1 and padding at least 0, but they are 1, 1, "
       "1 and -1"},
      {"conv2d_weight_grad", "rank",
       [](F f) {
         conv2d_weight_grad(f({1, 4, 4, 2}), f({1, 2, 2, 3}), {}, {3, 3, 2});
       },
       "a kernel needs the shape (height, width, in channels, out channels), all at least 1, not "
       "(3, 3, 2)"},
      {"conv2d_weight_grad", "shape",
       [](F f) {
         conv2d_weight_grad(f({1, 4, 4, 2}), f({2, 2, 2, 3}), {}, {3, 3, 2, 3});
       },
       "images (1, 4, 4, 2) and kernel (3, 3, 2, 3) have outputs of shape (1, 2, 2, 3), but the "
       "cotangent is (2, 2, 2, 3)"},
      {"conv2d_weight_grad", "option",
       [](F f) {
         conv2d_weight_grad(f({1, 4, 4, 2}), f({1, 2, 2, 3}), {.dilation = 0}, {3, 3, 2, 3});
       },
       "stride, dilation and groups must be at least 1 and padding at least 0, but they are 1, 0, "
       "1 and 0"},
      {"average_pool2d", "rank",
       [](F f) {
         average_pool2d(f({4, 4, 2}));
       },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"average_pool2d", "shape",
       [](F f) {
         average_pool2d(f({1, 1, 1, 1}));
       },
       "a window of 2 does not fit into images (1, 1, 1, 1) padded by 0"},
      {"average_pool2d", "option",
       [](F f) {
         average_pool2d(f({1, 4, 4, 2}), {2, 0});
       },
       "window and stride must be at least 1, but they are 2 and 0"},
      {"average_pool2d", "option",
       [](F f) {
         average_pool2d(f({1, 4, 4, 2}), {2, 2, 2});
       },
       "padding must be at least 0 and less than the window of 2, but it is 2"},
      {"max_pool2d", "rank",
       [](F f) {
         max_pool2d(f({4, 4, 2}));
       },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"max_pool2d", "shape",
       [](F f) {
         max_pool2d(f({1, 1, 1, 1}));
       },
       "a window of 2 does not fit into images (1, 1, 1, 1) padded by 0"},
      {"max_pool2d", "option",
       [](F f) {
         max_pool2d(f({1, 4, 4, 2}), {2, 0});
       },
       "window and stride must be at least 1, but they are 2 and 0"},
      {"max_pool2d", "option",
       [](F f) {
         max_pool2d(f({1, 4, 4, 2}), {2, 2, 2});
       },
       "padding must be at least 0 and less than the window of 2, but it is 2"},
      {"max_pool2d_indices", "rank",
       [](F f) {
         max_pool2d_indices(f({4, 4, 2}));
       },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"max_pool2d_indices", "shape",
       [](F f) {
         max_pool2d_indices(f({1, 1, 1, 1}));
       },
       "a window of 2 does not fit into images (1, 1, 1, 1) padded by 0"},
      {"max_pool2d_indices", "option",
       [](F f) {
         max_pool2d_indices(f({1, 4, 4, 2}), {2, 0});
       },
       "window and stride must be at least 1, but they are 2 and 0"},
      {"max_pool2d_indices", "option",
       [](F f) {
         max_pool2d_indices(f({1, 4, 4, 2}), {2, 2, 2});
       },
       "padding must be at least 0 and less than the window of 2, but it is 2"},
      {"average_pool2d_adjoint", "rank",
       [](F f) {
         average_pool2d_adjoint(f({1, 2, 2, 2}), {}, {4, 4, 2});
       },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"average_pool2d_adjoint", "shape",
       [](F f) {
         average_pool2d_adjoint(f({1, 3, 2, 2}), {}, {1, 4, 4, 2});
       },
       "images (1, 4, 4, 2) pool to (1, 2, 2, 2), but the cotangent is (1, 3, 2, 2)"},
      {"average_pool2d_adjoint", "option",
       [](F f) {
         average_pool2d_adjoint(f({1, 2, 2, 2}), {0, 1}, {1, 4, 4, 2});
       },
       "window and stride must be at least 1, but they are 0 and 1"},
      {"global_average_pool", "rank",
       [](F f) {
         global_average_pool(f({4, 4, 2}));
       },
       "needs images (n, h, w, c), was given (4, 4, 2)"},
  };
}

}  // namespace twice::testing
