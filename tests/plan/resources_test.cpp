// Tests that running a plan allocates nothing, that memory does not grow, and that the bits are the
// same with any number of threads.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "experiments/commands/check/op_table.h"
#include "experiments/run/trainer.h"
#include "tests/allocation_counter.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

/// A model on a batch of 32, with its gradient g and with H g.
struct SmallModel {
  Tape tape;
  Tensor x, labels, loss;
  Tensors w, g, hg;
  Array images, classes = Array(Shape{32}, DType::i32);

  void differentiate(Tensor logits) {
    labels = tape.labels({32});
    loss = cross_entropy(logits, labels);
    g = grad(loss, w);
    hg = grad(g, w, stop_gradient(g));
    images = random_array(x.shape(), DType::f32, 9);
    for (Index i = 0; i < 32; ++i) classes.set(i, static_cast<double>(i % 10));
  }
  Tensor weight(const Shape& shape) {
    const Array numbers = random_array(shape, DType::f32, w.size() + 1);
    for (Index i = 0; i < numbers.elements(); ++i) numbers.set(i, 0.1 * numbers.at(i));
    w.push_back(tape.parameter(numbers, "w"));
    return w.back();
  }
};

struct SmallMlp : SmallModel {
  SmallMlp() {
    x = tape.input({32, 200});
    const Tensor h = tanh(matmul(x, weight({200, 300})) + weight({300}));
    differentiate(matmul(relu(matmul(h, weight({300, 300}))), weight({300, 10})));
  }
};

struct SmallCnn : SmallModel {
  SmallCnn() {
    x = tape.input({32, 12, 12, 3});
    const Tensor h = relu(conv2d(x, weight({3, 3, 3, 8}), {1, 1, 1, 1}));
    // Wide enough for all three of Winograd's kernels.
    const Tensor wide = gelu(conv2d(h, weight({3, 3, 8, 64}), {1, 1, 1, 1}));
    const Tensor pooled = max_pool2d(gelu(conv2d(average_pool2d(wide), weight({3, 3, 64, 16}))));
    differentiate(matmul(reshape(pooled, {32, -1}), weight({64, 10})));
  }
};

/// The loss, the gradient and H g of a new model in a new plan, joined into one array.
template <class M>
Array all_results() {
  const M m;
  Plan plan({m.loss, m.g, m.hg});
  plan.run({{m.x, m.images}, {m.labels, m.classes}});
  std::vector<float> numbers;
  for (const Tensors& list : {Tensors(m.loss), m.g, m.hg})
    for (Tensor t : list) {
      const Array& found = plan.value(t);
      numbers.insert(numbers.end(), found.data<float>(), found.data<float>() + found.elements());
    }
  return Array::from(numbers, {static_cast<Index>(numbers.size())});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resources)

BOOST_AUTO_TEST_CASE(the_counter_counts) {
  const std::size_t count = allocations(), bytes = live_bytes();
  {
    const Array array(Shape{1000}, DType::f64);
    BOOST_TEST(allocations() > count);
    BOOST_TEST(live_bytes() >= bytes + 8000);
  }
  BOOST_TEST(live_bytes() == bytes);
}

BOOST_AUTO_TEST_CASE(running_a_model_allocates_nothing) {
  const auto check = [](SmallModel& m) {
    for (int count : {1, 2}) {
      const Threads scope(count);
      Plan plan({m.loss, m.g, m.hg});
      const Binding inputs[] = {{m.x, m.images}, {m.labels, m.classes}};
      plan.run(inputs);
      const std::size_t before = allocations();
      plan.run(inputs);
      plan.run();
      const std::size_t after = allocations();
      BOOST_TEST(after == before);
    }
  };
  SmallMlp mlp;
  check(mlp);
  SmallCnn cnn;
  check(cnn);
}

BOOST_AUTO_TEST_CASE(no_op_allocates) {
  const Threads one(1);
  for (const OpCase& row : op_table()) {
    Tape tape;
    Tensors all, x;
    std::vector<Binding> inputs;
    for (const Array& array : row.draw()) {
      all.push_back(tape.input(array.shape(), array.dtype()));
      inputs.push_back({all.back(), array});
      if (is_float(array.dtype())) x.push_back(all.back());
    }
    const Tensors y = row.function(all);
    const Tensors g = grad(dot(y, y), x);
    const Tensors h = grad(g, x, stop_gradient(g));
    Plan plan({y, g, h});
    plan.run(inputs);
    const std::size_t before = allocations();
    plan.run(inputs);
    const std::size_t after = allocations();
    BOOST_TEST(after == before, row.op << ", " << row.label << ": " << after - before);
  }
}

BOOST_AUTO_TEST_CASE(memory_is_the_same_after_1_and_1000_runs) {
  const Threads one(1);
  Tape tape;
  const Tensor x = tape.input({8, 5}, DType::f64);
  const Tensors w{tape.parameter(random_array({5, 6}), "w1"),
                  tape.parameter(random_array({6, 3}), "w2")};
  const Tensor y = matmul(tanh(matmul(x, w[0])), w[1]);
  const Tensors g = grad(sum(y * y), w), hg = grad(g, w, stop_gradient(g));
  const Array numbers = random_array({9, 5});
  Plan plan({g, hg});
  plan.run({{x, numbers.sliced(0, 0, 8)}});
  const std::size_t once = live_bytes();
  for (int run = 0; run < 999; ++run) plan.run({{x, numbers.sliced(0, run % 2, 8)}});
  BOOST_TEST(live_bytes() == once);
}

BOOST_AUTO_TEST_CASE(memory_is_the_same_after_1_and_1000_training_steps) {
  const Threads one(1);
  for (const char* name : {"sgd", "exact", "sam"}) {
    RunOptions options;
    options.width = 8;
    options.depth = 2;
    options.batch = 16;
    options.epochs = 20;
    options.clip = 1;
    complete(options, {name});
    const Problem problem = make_problem(options);
    Trainer trainer(problem, method(name));
    trainer.step();
    const std::size_t once = live_bytes();
    while (trainer.steps() < 1000) trainer.step();
    std::size_t now = live_bytes();
    BOOST_TEST(now == once,
               name << ": " << once << " bytes after 1 step, " << now << " after 1000");
    // The first evaluation allocates a batch, and later ones nothing more.
    trainer.finish_epoch();
    const std::size_t evaluated = live_bytes();
    for (int i = 0; i < 10; ++i) {
      trainer.step();
      trainer.finish_epoch();
    }
    now = live_bytes();
    BOOST_TEST(now == evaluated, name << ": " << evaluated << " bytes, then " << now);
  }
}

BOOST_AUTO_TEST_CASE(tapes_and_plans_leave_nothing_behind) {
  all_results<SmallCnn>();  // creates the ops without attributes, which are kept
  const std::size_t before = live_bytes();
  for (int i = 0; i < 5; ++i) all_results<SmallCnn>();
  BOOST_TEST(live_bytes() == before);
}

BOOST_AUTO_TEST_CASE(an_mlp_has_the_same_bits_at_any_number_of_threads) {
  BOOST_TEST(same_at_any_thread_count(all_results<SmallMlp>));
}

BOOST_AUTO_TEST_CASE(a_cnn_has_the_same_bits_at_any_number_of_threads) {
  BOOST_TEST(same_at_any_thread_count(all_results<SmallCnn>));
}

BOOST_AUTO_TEST_SUITE_END()
