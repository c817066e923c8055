// Tests that fusion and work in place keep every bit of every result, on models and on random
// graphs, with any number of threads. They may only reduce the bytes moved.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "experiments/commands/check/random_graphs.h"
#include "experiments/run/recording.h"
#include "tests/ops/helpers.h"
#include "tests/plan/fusion_cases.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

/// A random graph of elementwise ops on arrays of shape (37, 300), which span several tiles with a
/// tail, and on shapes that broadcast to it. Sums and products come between the ops.
Tensors random_elementwise_graph(Tape& tape, std::uint64_t seed, DType dtype) {
  const Rng rng(seed);
  std::uint64_t drawn = 0;
  const auto below = [&](std::size_t count) {
    return static_cast<std::size_t>(rng.uniform(drawn++) * static_cast<double>(count));
  };
  const std::vector<Shape> shapes{{37, 300}, {300}, {37, 1}, {}, {1, 300}, {1, 1}, {37, 300}};
  Tensors values;
  for (const Shape& shape : shapes)
    values.push_back(tape.constant(random_array(shape, dtype, seed + values.size())));
  const Tensor weight = tape.constant(random_array({300, 300}, dtype, seed + 99));
  while (values.size() < 40) {
    const auto pick = [&] {
      return values[values.size() - 1 - below(std::min<std::size_t>(values.size(), 9))];
    };
    const Tensor a = pick(), b = pick();
    switch (below(14)) {
      case 0:
        values.push_back(tanh(a));
        break;
      case 1:
        values.push_back(a * b);
        break;
      case 2:
        values.push_back(a - b);
        break;
      case 3:
        values.push_back(positive(a));
        break;
      case 4:
        values.push_back(0.5 * a + 0.25);
        break;
      case 5:
        values.push_back(relu(a + b));
        break;
      case 6:
        values.push_back(where(a, b, values[below(values.size())]));
        break;
      case 7:
        values.push_back(sigmoid(a));
        break;
      case 8:
        values.push_back(stop_gradient(a));
        break;
      case 9:
        values.push_back(maximum(a, b));
        break;
      case 10:
        values.push_back(values[below(shapes.size())] + tanh(b));
        break;
      case 11:
        values.push_back(a.rank() == 2 ? 0.01 * sum(a, {0}, true) : a + a);
        break;
      case 12:
        values.push_back(a.rank() == 2 ? 0.01 * sum(a, {1}, true) : a * a);
        break;
      default:
        if (a.shape() == Shape{37, 300}) values.push_back(0.05 * matmul(tanh(a), weight));
    }
  }
  // Some intermediate values are outputs too.
  Tensors outputs{values.end() - 6, values.end()};
  for (int i = 0; i < 4; ++i) outputs.push_back(values[below(values.size())]);
  return outputs;
}

struct ModelCase {
  std::string model, activation, method;
  double most = 0.8;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fusion)

BOOST_AUTO_TEST_CASE(models_keep_every_bit_and_move_fewer_bytes) {
  // For relu there is less to save, because a masked value is one step as recorded.
  for (const ModelCase& c : std::initializer_list<ModelCase>{{"mlp", "relu", "exact", 0.84},
                                                             {"mlp", "gelu", "exact"},
                                                             {"mlp", "tanh", "f-gr"},
                                                             {"mlp", "softplus", "asam"},
                                                             {"cnn", "relu", "exact"},
                                                             {"cnn", "silu", "f-gr"},
                                                             {"resnet", "relu", "exact"}}) {
    RunOptions options;
    options.model = c.model;
    options.activation = c.activation;
    if (c.model == "mlp") options.width = 70;
    options.batch = 30;
    complete(options, {c.method});
    const Problem problem = make_problem(options);
    const ModelState state = initial_state(problem.model, 1, DType::f32);
    const RecordedStep step = record_step(problem, method(c.method), state);
    const Tensors outputs = outputs_of(step);
    const Array labels(Shape{30}, DType::i32);
    for (Index i = 0; i < 30; ++i) labels.set(i, static_cast<double>(i % 10));
    const Tensor x = step.batch.inputs();
    const Binding inputs[] = {{x, random_array(x.shape(), DType::f32)},
                              {step.batch.targets(), labels}};
    const std::string what = c.model + " " + c.activation + " " + c.method;
    const std::string found = complaint(outputs, inputs);
    BOOST_TEST(found.empty(), what << ": " << found);
    const double before = bytes_moved(outputs, in_place_only()),
                 after = bytes_moved(outputs, fusion_only());
    BOOST_TEST(after < c.most * before, what << ": " << before << " bytes, fused " << after);
  }
}

BOOST_AUTO_TEST_CASE(random_elementwise_graphs_keep_every_bit) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Threads scope(1 + static_cast<int>(seed % 3));
    Tape tape;
    const Tensors outputs =
        random_elementwise_graph(tape, seed, seed % 2 ? DType::f32 : DType::f64);
    const std::string found = complaint(outputs);
    BOOST_TEST(found.empty(), "seed " << seed << ": " << found);
  }
}

BOOST_AUTO_TEST_CASE(random_graphs_and_their_derivatives_keep_every_bit) {
  const Threads one(1);
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const RandomGraph graph = random_graph(seed);
    Tape tape;
    Tensors x;
    for (const Array& input : graph.inputs()) x.push_back(tape.constant(input));
    Tensors outputs = graph.function()(x);
    Tensor total = sum(outputs[0]);
    for (std::size_t i = 1; i < outputs.size(); ++i) total = total + sum(outputs[i]);
    const Tensors g = grad(total, x), hg = grad(g, x, stop_gradient(g));
    for (const Tensors* list : {&g, &hg})
      for (Tensor t : *list)
        if (t) outputs.push_back(t);
    const std::string found = complaint(outputs);
    BOOST_TEST(found.empty(), "seed " << seed << ": " << found);
  }
}

BOOST_AUTO_TEST_CASE(the_same_bits_at_any_number_of_threads) {
  BOOST_TEST(same_at_any_thread_count([] {
    Tape tape;
    const Tensor x = tape.constant(random_array({300, 123}, DType::f32)),
                 b = tape.constant(random_array({123}, DType::f32, 2));
    const Tensor y = gelu(x * 2 + b) * b;
    Plan plan{y};
    plan.run();
    return plan.value(y).clone();
  }));
}

BOOST_AUTO_TEST_SUITE_END()
