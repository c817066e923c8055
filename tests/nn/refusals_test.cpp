// Tests that models refuse unknown names, impossible sizes and misplaced options with one clear
// line.
#include <boost/test/unit_test.hpp>

#include "nn/models.h"
#include "tests/nn/checks.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(model_refusals)

BOOST_AUTO_TEST_CASE(models_refuse_bad_options) {
  const auto refused = [](const ModelOptions& options, const char* text) {
    BOOST_CHECK_EXCEPTION(make_model(options), Error, [&](const Error& e) {
      BOOST_TEST_INFO(e.what());
      return says(e, text);
    });
  };
  refused({.model = "vgg"}, "mlp, cnn, resnet, dln");
  refused({.activation = "rely"}, "the activations are relu");
  refused({.depth = 0}, "depth is 0");
  refused({.width = 0}, "width is 0");
  refused({.classes = 0}, "at least 1");
  refused({.model = "mlp", .channels = 8}, "no channels");
  refused({.model = "cnn", .width = 8}, "no width");
  refused({.model = "cnn", .depth = 4}, "no choice of depth");
  refused({.model = "cnn", .channels = 0}, "channels is 0");
  refused({.model = "cnn", .input = {3, 8, 1}}, "3 x 8; expected at least 4 x 4");
  refused({.model = "cnn", .input = {784}}, "expected images");
  refused({.model = "resnet", .input = {3, 3, 1}}, "expected at least 4 x 4");
  refused({.model = "resnet", .depth = 9}, "8, 14, 20");
  refused({.model = "dln", .input = {30}, .classes = 10}, "expected 1");
  refused({.model = "dln", .input = {30}, .classes = 1, .activation = "relu"}, "no activation");
  refused({.model = "mlp", .alpha = 0.1}, "no alpha");
  BOOST_TEST(make_model({.model = "dln", .input = {30}, .classes = 1}).name() == "dln-30");

  const Model model = mlp({.inputs = 3, .width = 4, .depth = 2, .outputs = 2});
  Tape tape;
  Tensors w = model.parameters(tape, Rng(1));
  const Tensor x = tape.input({2, 3});
  std::swap(w[0], w[2]);
  BOOST_CHECK_EXCEPTION(model(w, x), Error, [](const Error& e) {
    return says(e, "linear1.weight has shape (4, 2); expected (3, 4)");
  });
  w.pop_back();
  BOOST_CHECK_THROW(model(w, x), Error);
  BOOST_CHECK_THROW(model.parameters(tape, std::vector<Array>(4)), Error);
  BOOST_CHECK_THROW(Model("twins", "", {3}, sequence({linear(3, 3), linear(3, 3)})), Error);
}

BOOST_AUTO_TEST_SUITE_END()
