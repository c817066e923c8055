// Tests the shapes, FLOPs and error messages of convolution.
#include <boost/test/unit_test.hpp>

#include "autodiff/kernels/conv.h"

using namespace twice;
using namespace twice::kernel;

namespace {

std::string message(const Shape& x, const Shape& w, const ConvGeometry& geometry) {
  try {
    conv2d_shape(x, w, geometry);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conv_shape)

BOOST_AUTO_TEST_CASE(outputs_shrink_by_the_dilated_kernel_and_the_stride) {
  BOOST_TEST(str(conv2d_shape({5, 28, 30, 3}, {3, 5, 3, 16}, {})) == "(5, 26, 26, 16)");
  BOOST_TEST(str(conv2d_shape({5, 28, 30, 3}, {3, 3, 3, 16}, {.padding = 1})) == "(5, 28, 30, 16)");
  BOOST_TEST(str(conv2d_shape({0, 8, 9, 4}, {3, 3, 2, 6},
                              {.stride = 2, .padding = 1, .dilation = 2, .groups = 2})) ==
             "(0, 3, 4, 6)");
}

BOOST_AUTO_TEST_CASE(flops_count_products_with_padding) {
  BOOST_TEST(conv2d_flops({2, 8, 8, 3}, {3, 3, 3, 16}, {.padding = 1}) ==
             2 * 2 * 8 * 8 * 16 * 3 * 3 * 3);
  BOOST_TEST(conv2d_flops({2, 8, 8, 6}, {3, 3, 3, 16}, {.stride = 2, .padding = 1, .groups = 2}) ==
             2 * 2 * 4 * 4 * 16 * 3 * 3 * 3);
}

BOOST_AUTO_TEST_CASE(errors_name_the_fault) {
  BOOST_TEST(message({8, 8, 3}, {3, 3, 3, 4}, {}) ==
             "[conv2d] images need the shape (batch, height, width, channels), not (8, 8, 3)");
  BOOST_TEST(message({1, 8, 8, 3}, {3, 0, 3, 4}, {}) ==
             "[conv2d] a kernel needs the shape (height, width, in channels, out channels), all at "
             "least 1, not (3, 0, 3, 4)");
  BOOST_TEST(message({1, 8, 8, 3}, {3, 3, 3, 4}, {.stride = 0}) ==
             "[conv2d] stride, dilation and groups must be at least 1 and padding at least 0, but "
             "they are 0, 1, 1 and 0");
  BOOST_TEST(message({1, 8, 8, 3}, {3, 3, 4, 4}, {}) ==
             "[conv2d] channels differ: images (1, 8, 8, 3) have 3, kernel (3, 3, 4, 4) takes 4");
  BOOST_TEST(message({1, 8, 8, 3}, {3, 3, 3, 4}, {.groups = 3}) ==
             "[conv2d] channels differ: images (1, 8, 8, 3) have 3, kernel (3, 3, 3, 4) takes 9 "
             "in 3 groups");
  BOOST_TEST(message({1, 8, 8, 6}, {3, 3, 2, 4}, {.groups = 3}) ==
             "[conv2d] the 4 output channels of kernel (3, 3, 2, 4) do not divide into 3 groups");
  BOOST_TEST(message({1, 8, 3, 3}, {3, 3, 3, 4}, {.padding = 0, .dilation = 2}) ==
             "[conv2d] kernel (3, 3, 3, 4) spans 5 pixels of width, but images (1, 8, 3, 3) "
             "padded by 0 have only 3");

  const Array x(Shape{1, 8, 8, 3}, DType::f32), w(Shape{3, 3, 3, 4}, DType::f32);
  const auto one = [](const Array& a, const Array& b) { return std::array{ConvTerm{&a, &b}}; };
  const Array small(Shape{1, 5, 6, 4}, DType::f32), wide(Shape{1, 6, 6, 4}, DType::f64);
  BOOST_CHECK_THROW(conv2d(one(x, w), {}, small, nullptr), Error);
  BOOST_CHECK_THROW(conv2d(one(x, w), {}, wide, nullptr), Error);
  BOOST_CHECK_THROW(conv2d_input_grad(one(w, small), {}, x, nullptr), Error);
  BOOST_CHECK_THROW(conv2d_weight_grad(one(x, small), {}, w, nullptr), Error);
  const Array y(Shape{1, 6, 6, 4}, DType::f32);
  BOOST_CHECK_THROW(conv2d(one(x.permuted({0, 2, 1, 3}), w), {}, y, nullptr), Error);
}

BOOST_AUTO_TEST_SUITE_END()
