// Broadcasting, and the one clear line that a clash of shapes or dtypes gives.
#include <boost/test/unit_test.hpp>

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "autodiff/ops/softmax.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(shapes_and_errors)

BOOST_AUTO_TEST_CASE(broadcasting_follows_numpy) {
  const struct {
    Shape a, b, y;
  } cases[] = {{{2, 3}, {3}, {2, 3}},
               {{2, 1}, {1, 3}, {2, 3}},
               {{}, {4}, {4}},
               {{1}, {2, 2}, {2, 2}},
               {{5, 1, 3}, {4, 1}, {5, 4, 3}},
               {{0, 3}, {1, 3}, {0, 3}},
               {{1}, {0}, {0}},
               {{}, {}, {}}};
  for (const auto& [a, b, y] : cases) {
    Tape tape;
    const Array left = random_array(a), right = random_array(b, DType::f64, 2);
    const Array found = value(tape.constant(left) - tape.constant(right));
    BOOST_CHECK(found.shape() == y);
    const Array wide_left = left.broadcast(y), wide_right = right.broadcast(y);
    for (Index i = 0; i < y.elements(); ++i)
      BOOST_TEST(found.at(i) == wide_left.at(i) - wide_right.at(i));
    BOOST_CHECK((tape.constant(right) * tape.constant(left)).shape() == y);
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_broadcast) {
  Tape tape;
  const Tensor a = tape.input({2, 3}), b = tape.input({2}), c = tape.input({3, 2});
  BOOST_TEST(error_of([&] { a + b; }) ==
             "[add] shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1");
  BOOST_TEST(error_of([&] { a / c; }) ==
             "[div] shapes do not broadcast: (2, 3) and (3, 2); each axis must be equal or 1");
  BOOST_TEST(error_of([&] { maximum(a, c); }) ==
             "[maximum] shapes do not broadcast: (2, 3) and (3, 2); each axis must be equal or 1");
  BOOST_TEST(
      error_of([&] {
        broadcast_to(a, {3, 3});
      }) ==
      "[broadcast_to] shape (2, 3) does not broadcast to (3, 3): each axis must be equal or 1");
  BOOST_TEST(error_of([&] { broadcast_to(a, {3}); }) ==
             "[broadcast_to] shape (2, 3) does not broadcast to (3): each axis must be equal or 1");
  BOOST_TEST(error_of([&] {
               sum_to(a, {2, 2});
             }) == "[sum_to] shape (2, 3) does not sum to (2, 2): each axis must be equal or 1");
  BOOST_TEST(error_of([&] { sum(a, {2}); }) == "[sum] axis 2 does not exist: the input has rank 2");
}

BOOST_AUTO_TEST_CASE(dtypes_that_differ) {
  Tape tape;
  const Tensor a = tape.input({2, 2}, DType::f32), b = tape.input({2, 2}, DType::f64);
  const Tensor labels = tape.labels({2, 2});
  BOOST_TEST(error_of([&] { a + b; }) ==
             "[add] dtypes differ: f32 (2, 2) and f64 (2, 2); cast one of them");
  BOOST_TEST(error_of([&] { labels * 2; }) == "[affine] needs f32 or f64, was given i32 (2, 2)");
  BOOST_TEST(error_of([&] { matmul(a, b); }) ==
             "[matmul] needs two inputs of dtype f32 or f64, was given f32 (2, 2) and f64 (2, 2)");
  BOOST_TEST(error_of([&] { sum(labels); }) == "[sum_to] needs f32 or f64, was given i32 (2, 2)");
}

BOOST_AUTO_TEST_CASE(products) {
  Tape tape;
  const Tensor a = tape.input({128, 784}), b = tape.input({512, 10}), v = tape.input({10});
  BOOST_TEST(error_of([&] { matmul(a, b); }) ==
             "[matmul] inner dimensions differ: (128, 784) x (512, 10)");
  BOOST_TEST(error_of([&] { matmul(a, b, true, true); }) ==
             "[matmul] inner dimensions differ: (128, 784)' x (512, 10)'");
  BOOST_TEST(error_of([&] { matmul(b, v); }) ==
             "[matmul] needs two matrices (rank 2): (512, 10) x (10)");
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  Tape tape;
  const Tensor x = tape.input({2, 3});
  BOOST_TEST(error_of([&] { reshape(x, {4}); }) ==
             "[reshape] shape (2, 3) has 6 elements, (4) has 4");
  BOOST_TEST(error_of([&] {
               reshape(x, {-1, 4});
             }) == "[reshape] 6 elements of shape (2, 3) do not divide into (-1, 4)");
  BOOST_TEST(error_of([&] {
               reshape(x, {-1, -1});
             }) == "[reshape] shape (-1, -1) must have sizes >= 0, and -1 at most once");
  BOOST_TEST(!error_of([&] { permute(x, {0, 0}); }).empty());
  BOOST_TEST(!error_of([&] { permute(x, {0}); }).empty());
  BOOST_TEST(!error_of([&] { slice(x, 1, 1, 4); }).empty());
  BOOST_TEST(!error_of([&] { slice(x, 2, 0, 1); }).empty());
  BOOST_TEST(!error_of([&] { slice(x, 0, 0, 2, 0); }).empty());
  BOOST_TEST(!error_of([&] { pad(x, {-1, 0}, {0, 0}); }).empty());
  BOOST_TEST(!error_of([&] { concat({x, tape.input({3, 3})}, 1); }).empty());
  BOOST_TEST(!error_of([&] { stack({x, tape.input({2, 4})}, 0); }).empty());
  BOOST_TEST(!error_of([&] { concat({}, 0); }).empty());
  BOOST_TEST(!error_of([&] { softmax(x, 2); }).empty());
  BOOST_TEST(!error_of([&] { max(x, {5}); }).empty());
  BOOST_TEST(!error_of([&] { conv2d(x, x); }).empty());
  BOOST_TEST(!error_of([&] { max_pool2d(tape.input({1, 1, 1, 1})); }).empty());
  BOOST_TEST(!error_of([&] { mse(x, tape.input({3, 2})); }).empty());
  BOOST_TEST(!error_of([&] { cross_entropy(x, tape.labels({3})); }).empty());
  BOOST_TEST(!error_of([&] { gather(x, x); }).empty());
  BOOST_TEST(!error_of([&] { clamp(x, 2, 1); }).empty());
}

BOOST_AUTO_TEST_CASE(every_error_is_one_line_that_names_its_op) {
  Tape tape;
  const Tensor x = tape.input({2, 3}), labels = tape.labels({3});
  const std::string texts[] = {
      error_of([&] {
        concat({x, tape.input({3, 3})}, 1);
      }),
      error_of([&] { slice(x, 1, 1, 4); }),
      error_of([&] { conv2d(x, x); }),
      error_of([&] { cross_entropy(x, labels); }),
      error_of([&] { gather(labels, x); }),
      error_of([&] {
        mse(x, tape.input({3, 2}));
      }),
  };
  const char* const names[] = {"[concat] ",        "[slice] ",  "[conv2d] ",
                               "[cross_entropy] ", "[gather] ", "[mse] "};
  for (std::size_t i = 0; i < std::size(texts); ++i) {
    BOOST_TEST(texts[i].starts_with(names[i]), texts[i]);
    BOOST_TEST(texts[i].find('\n') == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(indices_are_checked_when_the_plan_runs) {
  Tape tape;
  const Tensor x = tape.input({4, 3}, DType::f64), labels = tape.labels({4});
  const Array numbers = random_array({4, 3}), bad = Array::zeros({4}, DType::i32);
  bad.set(2, 3);
  Plan loss{cross_entropy(x, labels)}, rows{gather(transpose(x), labels)};
  for (double label : {3.0, -1.0}) {
    bad.set(2, label);
    BOOST_TEST(!error_of([&] { loss.run({{x, numbers}, {labels, bad}}); }).empty());
    BOOST_TEST(!error_of([&] { rows.run({{x, numbers}, {labels, bad}}); }).empty());
  }
  bad.set(2, 2);
  loss.run({{x, numbers}, {labels, bad}});
}

BOOST_AUTO_TEST_SUITE_END()
