// Tests the layers: shapes, names, values where a formula is simple, and every layer's first and
// second derivatives with respect to its parameters and its input, against finite differences.
#include "nn/layers.h"

#include <boost/test/unit_test.hpp>

#include "tests/nn/checks.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// A layer on a tape, with random parameters and a random input, which is a leaf too.
struct Recorded {
  std::unique_ptr<Tape> tape = std::make_unique<Tape>();
  std::vector<Array> numbers;  // those of the parameters, then those of the input
  Tensors leaves;
  ForwardPass pass;
  Tensor y;
};

Recorded record_layer(const Layer& layer, const Shape& x, bool training = true) {
  Recorded r;
  const auto leaf = [&](const Shape& shape, const std::string& name) {
    r.numbers.push_back(normals(shape, 10 + r.numbers.size()));
    r.leaves.push_back(r.tape->parameter(r.numbers.back(), name));
  };
  for (const ParameterInfo& p : layer.parameters) leaf(p.shape, p.name);
  leaf(x, "x");
  for (const BufferInfo& b : layer.buffers) {
    Array values(b.shape, DType::f64);
    fill_uniform(Rng(40 + r.pass.running.size()), 0.5, 1.5, values);
    r.pass.running.push_back(r.tape->parameter(values, b.name));
  }
  r.pass.training = training;
  const Tensor step = r.tape->constant(Array::scalar(3, DType::i32));
  r.pass.dropout = [=] { return DropoutKey{Rng(9), step}; };
  const std::span<const Tensor> w(r.leaves.data(), layer.parameters.size());
  r.y = layer.forward(w, r.pass.running, r.leaves.back(), r.pass);
  return r;
}

struct Case {
  std::string name;
  Layer layer;
  Shape x, y;
  bool training = true;
};

std::vector<Case> cases() {
  const ConvolutionOptions strided = {.stride = 2}, pointwise = {1, 2, 0, false};
  std::vector<Case> all = {
      {"linear", linear(3, 4), {5, 3}, {5, 4}},
      {"linear without bias", linear(3, 4, false), {5, 3}, {5, 4}},
      {"convolution", convolution(2, 3), {2, 5, 4, 2}, {2, 5, 4, 3}},
      {"convolution, stride 2", convolution(2, 3, strided), {2, 5, 4, 2}, {2, 3, 2, 3}},
      {"convolution 1x1", convolution(2, 3, pointwise), {2, 5, 4, 2}, {2, 3, 2, 3}},
      {"average pooling", average_pooling(), {2, 4, 5, 3}, {2, 2, 2, 3}},
      {"max pooling", max_pooling(3), {2, 6, 4, 3}, {2, 2, 1, 3}},
      {"global average pooling", global_average_pooling(), {2, 3, 4, 5}, {2, 5}},
      {"flatten", flatten(), {2, 3, 4, 5}, {2, 60}},
      {"batch norm of rows", batch_norm(3), {6, 3}, {6, 3}},
      {"batch norm of images", batch_norm(3), {2, 3, 2, 3}, {2, 3, 2, 3}},
      {"batch norm, evaluation", batch_norm(3), {2, 3, 2, 3}, {2, 3, 2, 3}, false},
      {"layer norm of rows", layer_norm(4), {3, 4}, {3, 4}},
      {"layer norm of images", layer_norm(4), {2, 2, 3, 4}, {2, 2, 3, 4}},
      {"dropout", dropout(0.4, 1), {5, 6}, {5, 6}},
      {"sequence",
       sequence({linear(3, 5), activation("tanh"), batch_norm(5), linear(5, 2)}),
       {6, 3},
       {6, 2}},
      {"residual", residual(linear(3, 4), linear(3, 4, false)), {5, 3}, {5, 4}},
  };
  for (const std::string& name : activation_names())
    all.push_back({name, activation(name), {4, 5}, {4, 5}});
  for (const char* name : {"leaky_relu:0.3", "elu:0.5", "beta_gelu:4"})
    all.push_back({name, activation(name), {4, 5}, {4, 5}});
  for (const bool pre : {false, true})
    for (const auto norm : {Normalization::batch, Normalization::layer, Normalization::none})
      for (const auto shortcut : {Shortcut::projection, Shortcut::pad})
        for (const Index stride : {1, 2}) {
          const Index out = stride == 1 ? 2 : 4;
          const ResidualOptions options = {"tanh", pre, norm, shortcut};
          all.push_back({fmt::format("residual block: pre {} norm {} shortcut {} stride {}", pre,
                                     static_cast<int>(norm), static_cast<int>(shortcut), stride),
                         residual_block(2, out, stride, options),
                         {2, 5, 4, 2},
                         {2, stride == 1 ? 5 : 3, stride == 1 ? 4 : 2, out}});
        }
  return all;
}

std::vector<std::string> names(const Layer& layer) {
  std::vector<std::string> all;
  for (const ParameterInfo& p : layer.parameters) all.push_back(p.name);
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layers)

BOOST_AUTO_TEST_CASE(shapes_and_derivatives) {
  for (const Case& c : cases()) {
    BOOST_TEST_CONTEXT(c.name) {
      const Recorded r = record_layer(c.layer, c.x, c.training);
      BOOST_TEST(str(r.y.shape()) == str(c.y));
      const auto [gradient, twice_back, forward] =
          derivative_errors(probe(r.y), r.leaves, r.numbers);
      BOOST_TEST(gradient < difference_tolerance);
      BOOST_TEST(twice_back < difference_tolerance);
      BOOST_TEST(forward < rounding_tolerance);
    }
  }
}

BOOST_AUTO_TEST_CASE(linear_is_x_w_plus_b) {
  const Recorded r = record_layer(linear(3, 2), {4, 3});
  const Array y = evaluate(r.y);
  for (Index n = 0; n < 4; ++n)
    for (Index o = 0; o < 2; ++o) {
      double expected = r.numbers[1].at(o);
      for (Index i = 0; i < 3; ++i)
        expected += r.numbers[2].at(n * 3 + i) * r.numbers[0].at(i * 2 + o);
      BOOST_TEST(y.at(n * 2 + o) == expected, boost::test_tools::tolerance(1e-14));
    }
}

BOOST_AUTO_TEST_CASE(names_of_parameters) {
  using Names = std::vector<std::string>;
  BOOST_TEST(names(linear(2, 3)) == (Names{"weight", "bias"}));
  BOOST_TEST(names(linear(2, 3, false)) == (Names{"weight"}));
  BOOST_TEST(names(named("a", batch_norm(3))) == (Names{"a.scale", "a.shift"}));
  BOOST_TEST(named("a", batch_norm(3)).buffers[1].name == "a.variance");
  BOOST_TEST(
      names(residual_block(2, 4, 2)) ==
      (Names{"conv1.weight", "norm1.scale", "norm1.shift", "conv2.weight", "norm2.scale",
             "norm2.shift", "shortcut.conv.weight", "shortcut.norm.scale", "shortcut.norm.shift"}));
  BOOST_TEST(names(residual_block(2, 4, 2, {.pre_activation = true})) ==
             (Names{"norm1.scale", "norm1.shift", "conv1.weight", "norm2.scale", "norm2.shift",
                    "conv2.weight", "shortcut.conv.weight"}));
  BOOST_TEST(residual_block(2, 4, 2).products == 3);
  BOOST_TEST(residual_block(4, 4, 1).products == 2);
}

BOOST_AUTO_TEST_CASE(shortcuts_carry_every_other_pixel) {
  // With zero weights in the branch only the shortcut is left: y[n, i, j] = x[n, 2 i, 2 j],
  // unchanged or multiplied by the 1x1 weights.
  for (const auto shortcut : {Shortcut::pad, Shortcut::projection}) {
    const Index n = 2, h = 5, w = 4, in = 2, out = 3;
    const Recorded r =
        record_layer(residual_block(in, out, 2, {"identity", true, Normalization::none, shortcut}),
                     {n, h, w, in});
    for (int k = 0; k < 4; ++k) copy(Array::zeros(r.numbers[k].shape(), DType::f64), r.numbers[k]);
    const Array y = evaluate(r.y);
    BOOST_TEST(str(y.shape()) == "(2, 3, 2, 3)");
    for (Index p = 0; p < n * 3 * 2; ++p) {
      const Index image = p / 6, row = 2 * (p / 2 % 3), column = 2 * (p % 2);
      const Index pixel = (image * h + row) * w + column;
      for (Index o = 0; o < out; ++o) {
        double expected = 0;
        if (shortcut == Shortcut::pad)
          expected = o < in ? r.numbers[4].at(pixel * in + o) : 0;
        else
          for (Index i = 0; i < in; ++i)
            expected += r.numbers[6].at(pixel * in + i) * r.numbers[4].at(i * out + o);
        if (shortcut == Shortcut::projection) expected += r.numbers[5].at(o);
        BOOST_TEST(y.at(p * out + o) == expected, boost::test_tools::tolerance(1e-14));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_statistics) {
  const double m = 0.3, eps = 1e-3;
  const Index count = 2 * 3 * 2, channels = 3;
  for (const bool training : {true, false}) {
    const Recorded r = record_layer(batch_norm(channels, {m, eps}), {2, 3, 2, channels}, training);
    const Array &scale = r.numbers[0], &shift = r.numbers[1], &x = r.numbers[2];
    const Array y = evaluate(r.y), mean = evaluate(r.pass.running[0]),
                variance = evaluate(r.pass.running[1]);
    BOOST_TEST(r.pass.updated.size() == (training ? 2u : 0u));
    for (Index c = 0; c < channels; ++c) {
      double mu = 0, v = 0;
      for (Index i = 0; i < count; ++i) mu += x.at(i * channels + c) / count;
      for (Index i = 0; i < count; ++i) v += std::pow(x.at(i * channels + c) - mu, 2) / count;
      const auto close = boost::test_tools::tolerance(1e-12);
      if (training) {
        const double unbiased = v * count / (count - 1);
        BOOST_TEST(evaluate(r.pass.updated[0]).at(c) == (1 - m) * mean.at(c) + m * mu, close);
        BOOST_TEST(evaluate(r.pass.updated[1]).at(c) == (1 - m) * variance.at(c) + m * unbiased,
                   close);
      } else {
        mu = mean.at(c);
        v = variance.at(c);
      }
      for (Index i = 0; i < count; ++i)
        BOOST_TEST(
            y.at(i * channels + c) ==
                scale.at(c) * (x.at(i * channels + c) - mu) / std::sqrt(v + eps) + shift.at(c),
            close);
    }
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_without_running_statistics) {
  const Layer layer = batch_norm(2);
  Tape tape;
  const Tensor x = tape.constant(normals({4, 2}, 1)), one = tape.constant(normals({1, 2}, 1));
  const Tensors w = {tape.constant(normals({2}, 2)), tape.constant(normals({2}, 3))};
  ForwardPass training, evaluation = {.training = false};
  BOOST_CHECK_NO_THROW(layer.forward(w, {}, x, training));
  BOOST_TEST(training.updated.empty());
  BOOST_CHECK_EXCEPTION(layer.forward(w, {}, x, evaluation), Error,
                        [](const Error& e) { return says(e, "running"); });
  BOOST_CHECK_EXCEPTION(layer.forward(w, {}, one, training), Error,
                        [](const Error& e) { return says(e, "more than one"); });
}

BOOST_AUTO_TEST_CASE(dropout_masks) {
  Tape tape;
  const Tensor x = tape.constant(Array::filled({200, 50}, DType::f32, 3)),
               step = tape.input({}, DType::i32, "step");
  const auto dropped = [&](std::uint64_t use, std::uint64_t seed) {
    ForwardPass pass = {.dropout = [&] { return DropoutKey{Rng(seed), step}; }};
    return dropout(0.25, use).forward({}, {}, x, pass);
  };
  const Tensor a = dropped(1, 5), again = dropped(1, 5), use = dropped(2, 5), seed = dropped(1, 6);
  Plan plan{a, again, use, seed};
  const auto run = [&](int at) {
    plan.run({{step, Array::scalar(at, DType::i32)}});
    return plan.value(a).to_vector();
  };
  const std::vector<double> first = run(7);
  double kept = 0;
  for (double v : first) {
    BOOST_TEST((v == 0 || v == 4));  // 3 / (1 - 0.25)
    kept += v != 0;
  }
  BOOST_TEST(std::abs(kept / 10000 - 0.75) < 5 * std::sqrt(0.25 * 0.75 / 10000));
  BOOST_TEST(plan.value(again).to_vector() == first);
  BOOST_TEST(plan.value(use).to_vector() != first);
  BOOST_TEST(plan.value(seed).to_vector() != first);
  BOOST_TEST(run(8) != first);
  BOOST_TEST(run(7) == first);

  ForwardPass evaluation = {.training = false}, keyless;
  BOOST_TEST((dropout(0.25, 1).forward({}, {}, x, evaluation) == x));
  BOOST_CHECK_THROW(dropout(0.25, 1).forward({}, {}, x, keyless), Error);
  BOOST_CHECK_THROW(dropout(1, 1), Error);
  BOOST_CHECK_THROW(dropout(std::nan(""), 1), Error);
}

BOOST_AUTO_TEST_CASE(wrong_sizes_and_names) {
  BOOST_CHECK_THROW(linear(0, 3), Error);
  BOOST_CHECK_THROW(convolution(3, 0), Error);
  BOOST_CHECK_THROW(convolution(3, 4, {.kernel = 0}), Error);
  BOOST_CHECK_THROW(convolution(3, 4, {.stride = 0}), Error);
  BOOST_CHECK_THROW(average_pooling(0), Error);
  BOOST_CHECK_THROW(batch_norm(0), Error);
  BOOST_CHECK_THROW(residual_block(4, 2, 2, {.shortcut = Shortcut::pad}), Error);
  BOOST_CHECK_THROW(record_layer(batch_norm(3), {4, 2}), Error);
  BOOST_CHECK_THROW(record_layer(layer_norm(3), {4, 1}), Error);
  BOOST_CHECK_EXCEPTION(activation("relux"), Error,
                        [](const Error& e) { return says(e, "gelu_tanh"); });
  for (const char* name : {"relu:2", "elu:", "elu:x", "elu:1x", "elu:inf", "", ":1"})
    BOOST_CHECK_THROW(activation(name), Error);
}

BOOST_AUTO_TEST_SUITE_END()
