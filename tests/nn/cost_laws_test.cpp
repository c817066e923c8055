// Tests the cost laws on the programs of real models. A loss takes L products. A gradient takes
// 3L - 1, because the first layer needs no cotangent of its input.
#include <boost/test/unit_test.hpp>

#include "tests/nn/checks.h"

using namespace twice;
using namespace twice::testing;

namespace {

void check_laws(const Model& model) {
  BOOST_TEST_CONTEXT(model.name()) {
    Tape tape;
    Shape shape = {4};
    for (Index size : model.input()) shape.push_back(size);
    const Tensor x = tape.input(shape);
    const Tensors w = model.parameters(tape, Rng(1));
    const Tensor loss = mean(square(model(w, x))),
                 cross = cross_entropy(model(w, x), tape.labels({4}));
    const int layers = model.products();
    BOOST_TEST(products(Plan{loss}) == layers);
    BOOST_TEST(products(Plan{loss, grad(loss, w)}) == 3 * layers - 1);
    BOOST_TEST(products(Plan{cross}) == layers);
    BOOST_TEST(products(Plan{cross, grad(cross, w)}) == 3 * layers - 1);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cost_laws)

BOOST_AUTO_TEST_CASE(mlps_of_depth_1_to_5) {
  for (int depth = 1; depth <= 5; ++depth) {
    const Model model = mlp({.inputs = 7, .width = 8, .depth = depth, .outputs = 3});
    BOOST_TEST(model.products() == depth);
    check_laws(model);
  }
}

BOOST_AUTO_TEST_CASE(convolutional_and_diagonal_networks) {
  check_laws(cnn({.input = {8, 8, 1}, .channels = 2}));
  check_laws(resnet({.input = {8, 8, 1}, .channels = 2}));
  check_laws(resnet({.input = {8, 8, 1}, .channels = 2, .blocks = 2, .pre_activation = true}));
}

BOOST_AUTO_TEST_CASE(diagonal_linear_network) {
  const Model model = dln({.inputs = 6});
  Tape tape;
  const Tensors w = model.parameters(tape, Rng(1));
  const Tensor loss = quarter_mse(model(w, tape.input({4, 6})), tape.input({4, 1}));
  BOOST_TEST(products(Plan{loss}) == 1);
  BOOST_TEST(products(Plan{loss, grad(loss, w)}) == 2);
}

BOOST_AUTO_TEST_SUITE_END()
