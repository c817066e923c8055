// Tests the models: names, counts, shapes, initial values, derivatives and state.
#include "nn/models.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/threads/threads.h"
#include "tests/nn/checks.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// Small models of every kind, for derivatives in f64.
std::vector<Model> small_models() {
  return {
      mlp({.inputs = 6, .width = 5, .depth = 1, .outputs = 3}),
      mlp({.inputs = 6, .width = 5, .depth = 3, .outputs = 3}),
      mlp({.inputs = 6, .width = 5, .depth = 3, .outputs = 3, .activation = "gelu", .bias = false}),
      cnn({.input = {8, 8, 1}, .channels = 2, .classes = 3, .activation = "tanh"}),
      cnn({.input = {6, 5, 2}, .channels = 2, .classes = 3}),
      resnet({.input = {6, 6, 2}, .channels = 2, .classes = 3, .activation = "silu"}),
      resnet({.input = {5, 4, 2},
              .channels = 2,
              .classes = 3,
              .blocks = 2,
              .activation = "tanh",
              .pre_activation = true,
              .shortcut = Shortcut::pad}),
      resnet({.input = {4, 4, 1}, .channels = 2, .normalization = Normalization::none}),
      dln({.inputs = 6, .alpha = 0.5}),
  };
}

Shape batch_shape(const Model& model, Index n) {
  Shape shape = {n};
  for (Index size : model.input()) shape.push_back(size);
  return shape;
}

std::vector<std::string> names(const Model& model) {
  std::vector<std::string> all;
  for (const ParameterInfo& p : model.parameter_info()) all.push_back(p.name);
  return all;
}

using Names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(models)

BOOST_AUTO_TEST_CASE(names_and_counts) {
  const Model m = mlp({.inputs = 784, .width = 1024, .depth = 4, .outputs = 10});
  BOOST_TEST(m.name() == "mlp-1024x4-relu");
  BOOST_TEST(m.parameter_count() == 784 * 1024 + 2 * 1024 * 1024 + 1024 * 10 + 3 * 1024 + 10);
  BOOST_TEST(m.products() == 4);
  BOOST_TEST(names(m) ==
             (Names{"linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias",
                    "linear3.weight", "linear3.bias", "linear4.weight", "linear4.bias"}));

  const Model c = cnn({.channels = 16});
  BOOST_TEST(c.name() == "cnn-16-relu");
  const Index convolutions = 9 * (3 * 16 + 16 * 16 + 16 * 32 + 32 * 32) + 16 + 16 + 32 + 32;
  BOOST_TEST(c.parameter_count() == convolutions + 8 * 8 * 32 * 10 + 10);
  BOOST_TEST(c.products() == 5);
  BOOST_TEST(names(c) ==
             (Names{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "conv3.weight",
                    "conv3.bias", "conv4.weight", "conv4.bias", "linear.weight", "linear.bias"}));

  // ResNet-20 has 0.27 million parameters in the literature. Projections add 2,560 parameters and
  // their norms 192.
  const Model r = resnet({.channels = 16, .blocks = 3, .shortcut = Shortcut::pad});
  BOOST_TEST(r.name() == "resnet-16x20-relu");
  BOOST_TEST(r.parameter_count() == 269722);
  BOOST_TEST(r.products() == 20);
  const Model projected = resnet({.channels = 16, .blocks = 3});
  BOOST_TEST(projected.parameter_count() == 269722 + 16 * 32 + 32 * 64 + 2 * (32 + 64));
  BOOST_TEST(projected.products() == 22);
  BOOST_TEST(names(projected)[0] == "stem.conv.weight");
  BOOST_TEST(names(projected)[3] == "stage1.block1.conv1.weight");

  const Model d = dln({.inputs = 30});
  BOOST_TEST(d.name() == "dln-30");
  BOOST_TEST(names(d) == (Names{"plus", "minus"}));
  BOOST_TEST(d.parameter_count() == 60);
}

BOOST_AUTO_TEST_CASE(output_shapes) {
  for (const Shape& input : {Shape{8, 8, 1}, {28, 28, 1}, {32, 32, 3}, {4, 4, 1}, {9, 13, 2}})
    for (const char* kind : {"mlp", "cnn", "resnet"}) {
      BOOST_TEST_CONTEXT(kind << " " << str(input)) {
        const Model model =
            make_model({.model = kind, .input = input, .classes = 7, .channels = {}});
        Tape tape;
        const Tensors w = model.parameters(tape, Rng(1));
        BOOST_TEST(str(model(w, tape.input(batch_shape(model, 3))).shape()) == "(3, 7)");
        // A batch may be flat rows or images.
        BOOST_TEST(str(model(w, tape.input({3, input.elements()})).shape()) == "(3, 7)");
        BOOST_TEST(str(model(w, tape.input({3, input[0], input[1], input[2]})).shape()) ==
                   "(3, 7)");
        BOOST_CHECK_THROW(model(w, tape.input({3, input.elements() + 1})), Error);
        BOOST_CHECK_THROW(model(w, tape.input({input.elements()})), Error);
        BOOST_CHECK_THROW(model(w, tape.input({})), Error);
      }
    }
}

BOOST_AUTO_TEST_CASE(derivatives) {
  for (const Model& model : small_models()) {
    BOOST_TEST_CONTEXT(model.name()) {
      Tape tape;
      // Biases and norms start at 0 and 1, where their derivatives are special. So noise is added
      // to all parameters.
      std::vector<Array> numbers = model.initial_parameters(Rng(3), DType::f64);
      for (std::uint64_t k = 0; const Array& a : numbers) {
        const Array noise = normals(a.shape(), 500 + k++, 0.2);
        for (Index i = 0; i < a.elements(); ++i) a.set(i, a.at(i) + noise.at(i));
      }
      const Tensors w = model.parameters(tape, numbers);
      const Tensor x = tape.constant(normals(batch_shape(model, 4), 20));
      const auto [gradient, twice_back, forward] =
          derivative_errors(probe(model(w, x)), w, numbers);
      BOOST_TEST(gradient < difference_tolerance);
      BOOST_TEST(twice_back < difference_tolerance);
      BOOST_TEST(forward < rounding_tolerance);
    }
  }
}

BOOST_AUTO_TEST_CASE(mlp_is_its_equation) {
  const Model model = mlp({.inputs = 3, .width = 4, .depth = 2, .outputs = 2});
  const std::vector<Array> w = model.initial_parameters(Rng(8), DType::f64);
  fill_normal(Rng(4), 0, 1, w[1]);
  fill_normal(Rng(5), 0, 1, w[3]);
  const Array x = normals({5, 3}, 2);
  Tape tape;
  const Array y = evaluate(model(model.parameters(tape, w), tape.constant(x)));
  for (Index n = 0; n < 5; ++n) {
    std::array<double, 4> h;
    for (Index j = 0; j < 4; ++j) {
      double a = w[1].at(j);
      for (Index i = 0; i < 3; ++i) a += x.at(n * 3 + i) * w[0].at(i * 4 + j);
      h[static_cast<std::size_t>(j)] = std::max(a, 0.0);
    }
    for (Index o = 0; o < 2; ++o) {
      double expected = w[3].at(o);
      for (Index j = 0; j < 4; ++j) expected += h[static_cast<std::size_t>(j)] * w[2].at(j * 2 + o);
      BOOST_TEST(y.at(n * 2 + o) == expected, boost::test_tools::tolerance(1e-13));
    }
  }
}

BOOST_AUTO_TEST_CASE(dln_is_its_equation) {
  const Model model = dln({.inputs = 3});
  const std::vector<Array> w = {normals({3, 1}, 1), normals({3, 1}, 2)};
  const Array x = normals({4, 3}, 3);
  Tape tape;
  const Array y = evaluate(model(model.parameters(tape, w), tape.constant(x)));
  BOOST_TEST(str(y.shape()) == "(4, 1)");
  for (Index n = 0; n < 4; ++n) {
    double expected = 0;
    for (Index i = 0; i < 3; ++i)
      expected += x.at(n * 3 + i) * (std::pow(w[0].at(i), 2) - std::pow(w[1].at(i), 2));
    BOOST_TEST(y.at(n) == expected, boost::test_tools::tolerance(1e-13));
  }
  for (const Array& a : model.initial_parameters(Rng(1), DType::f64))
    for (double v : a.to_vector()) BOOST_TEST(v == 0.1);
}

BOOST_AUTO_TEST_CASE(start_is_a_function_of_the_seed) {
  const Model model = mlp({.inputs = 40, .width = 40, .depth = 3, .outputs = 40});
  const auto single = model.initial_parameters(Rng(1)), again = model.initial_parameters(Rng(1)),
             other = model.initial_parameters(Rng(2)),
             exact = model.initial_parameters(Rng(1), DType::f64);
  for (std::size_t i = 0; i < single.size(); ++i) {
    BOOST_TEST(single[i].to_vector() == again[i].to_vector());
    if (i % 2 == 0) BOOST_TEST(single[i].to_vector() != other[i].to_vector());
    for (Index k = 0; k < single[i].elements(); ++k)
      BOOST_TEST(single[i].at(k) == static_cast<double>(static_cast<float>(exact[i].at(k))));
  }
  // Parameters of the same shape draw different numbers.
  BOOST_TEST(single[0].to_vector() != single[2].to_vector());
  // The initializer is He's for relu and LeCun's for tanh, or the one in the options.
  BOOST_TEST(model.parameter_info()[0].init.variance({40, 40}) == 2.0 / 40);
  BOOST_TEST(mlp({.activation = "tanh"}).parameter_info()[0].init.variance({40, 40}) == 1.0 / 40);
  BOOST_TEST(mlp({.init = constant_init(0.5)}).parameter_info()[0].init.scale == 0.5);
}

BOOST_AUTO_TEST_CASE(signals_keep_their_size) {
  // The mean square of the hidden values is the same after 8 layers as after one, up to sampling
  // error.
  for (const char* name : {"relu", "identity"}) {
    const Model shallow = mlp(
                    {.inputs = 256, .width = 256, .depth = 2, .outputs = 256, .activation = name}),
                deep = mlp(
                    {.inputs = 256, .width = 256, .depth = 9, .outputs = 256, .activation = name});
    Tape tape;
    const Tensor x = tape.constant(normals({64, 256}, 3, 1, DType::f32));
    const auto size = [&](const Model& m) {
      return evaluate(mean(square(m(m.parameters(tape, Rng(1)), x)))).item();
    };
    BOOST_TEST(size(deep) / size(shallow) > 0.6);
    BOOST_TEST(size(deep) / size(shallow) < 1.6);
  }
}

BOOST_AUTO_TEST_CASE(running_statistics_keep_their_order) {
  for (const bool pre : {false, true}) {
    const Model model = resnet({.input = {8, 8, 1}, .channels = 2, .pre_activation = pre});
    std::vector<Array> state = model.initial_buffers(DType::f64);
    BOOST_TEST(state.size() == model.buffer_info().size());
    for (std::size_t i = 0; i < state.size(); ++i) {
      BOOST_TEST(state[i].at(0) == static_cast<double>(i % 2));  // mean 0, variance 1, ...
      // Each buffer gets a different value, which must show in its update.
      copy(Array::filled(state[i].shape(), DType::f64, 1e6 * static_cast<double>(i + 1)), state[i]);
    }
    Tape tape;
    const Tensors w = model.parameters(tape, Rng(1), DType::f64);
    ForwardPass pass = {.running = model.buffers(tape, state)};
    const Tensor x = tape.constant(normals({4, 8, 8, 1}, 2));
    model(w, x, pass);
    BOOST_TEST(pass.updated.size() == state.size());
    for (std::size_t i = 0; i < state.size(); ++i) {
      BOOST_TEST(str(pass.updated[i].shape()) == str(model.buffer_info()[i].shape));
      const double expected = 0.9e6 * static_cast<double>(i + 1);
      for (double v : evaluate(pass.updated[i]).to_vector())
        BOOST_TEST(std::abs(v - expected) < 1e3);
    }
    // A second pass starts a new list. A pass without running statistics leaves its list empty.
    model(w, x, pass);
    BOOST_TEST(pass.updated.size() == state.size());
    ForwardPass second;
    model(w, x, second);
    BOOST_TEST(second.updated.empty());
    ForwardPass evaluation = {.training = false, .running = pass.running};
    BOOST_CHECK_NO_THROW(model(w, x, evaluation));
    BOOST_TEST(evaluation.updated.empty());
    BOOST_CHECK_THROW(
        [&] {
          ForwardPass without = {.training = false};
          model(w, x, without);
        }(),
        Error);
  }
}

BOOST_AUTO_TEST_CASE(same_bits_at_any_thread_count) {
  const int before = threads();
  const Model model = resnet({.input = {8, 8, 3}, .channels = 4});
  std::vector<double> first;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    Tape tape;
    const Tensors w = model.parameters(tape, Rng(1));
    const Tensor x = tape.constant(normals({16, 8, 8, 3}, 2, 1, DType::f32));
    const Tensors g = grad(mean(square(model(w, x))), w);
    Plan plan{g};
    plan.run();
    std::vector<double> bits;
    for (const Array& a : plan.values(g))
      for (double v : a.to_vector()) bits.push_back(v);
    if (first.empty()) first = bits;
    BOOST_TEST((bits == first));
  }
  set_threads(before);
}

BOOST_AUTO_TEST_SUITE_END()
