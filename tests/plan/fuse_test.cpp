// Elementwise fusion and work in place: both only move fewer bytes, so every result must keep
// every bit, on models, on random graphs of all ways to broadcast, at any number of threads.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/derive/hvp.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/fused_op.h"
#include "autodiff/profile/ledger.h"
#include "experiments/check/random_graphs.h"
#include "experiments/run/recording.h"
#include "tests/allocation_counter.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// All passes, but for fusion and work in place, which are as given.
PlanOptions options_with(bool fuse, bool in_place) {
  PlanOptions options;
  options.fuse = fuse;
  options.in_place = in_place;
  return options;
}

/// No pass rewrites the graph before fusion, so that the steps are those that a test expects.
PlanOptions fusion_only() {
  PlanOptions options = no_passes();
  options.common_subexpressions = options.fuse = options.reuse_memory = options.in_place = true;
  return options;
}
PlanOptions in_place_only() {
  PlanOptions options = fusion_only();
  options.fuse = false;
  return options;
}

/// What is wrong with fusion or work in place on these outputs; empty when nothing is.
std::string complaint(const Tensors& outputs, std::span<const Binding> inputs = {}) {
  Plan plain({outputs}, options_with(false, false));
  plain.run(inputs);
  for (const auto& [fuse, in_place] : {std::pair{true, false}, {false, true}, {true, true}}) {
    Plan plan({outputs}, options_with(fuse, in_place));
    plan.run(inputs);
    plan.run();
    for (Tensor t : outputs)
      if (!same_bits(plan.value(t), plain.value(t)))
        return fmt::format("node {} differs with fusion {}, in place {}", t.index(), fuse,
                           in_place);
  }
  return {};
}

std::vector<std::string> step_names(const Plan& plan) {
  std::vector<std::string> names;
  for (const Step& step : plan.program().steps) names.emplace_back(step.op->name());
  return names;
}

double bytes_moved(const Tensors& outputs, const PlanOptions& options) {
  return ledger(Plan({outputs}, options).program()).total().bytes;
}

/// A random graph of elementwise ops on (37, 300), which are several tiles with a tail, and on the
/// shapes that broadcast to it; sums and products stand between them.
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
  // Some of the values in the middle are outputs too.
  Tensors outputs{values.end() - 6, values.end()};
  for (int i = 0; i < 4; ++i) outputs.push_back(values[below(values.size())]);
  return outputs;
}

/// y_i = a_i + b_(n-1-i): may be written over a, not over b.
struct AddReversed final : Op {
  std::string_view name() const override { return "add_reversed"; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.elements(); ++i) y.set(i, x[0].at(i) + x[1].at(y.elements() - 1 - i));
  }
  bool may_overwrite(int slot) const override { return slot == 0; }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
};

struct ModelCase {
  std::string model, activation, method;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fusion)

BOOST_AUTO_TEST_CASE(bias_and_activation_are_one_step_after_the_product) {
  Tape tape;
  Tensor h = tape.input({16, 24});
  for (Index layer = 0; layer < 3; ++layer) {
    const Tensor w = tape.parameter(random_array({24, 24}, DType::f32), "w"),
                 b = tape.parameter(random_array({24}, DType::f32), "b");
    h = relu(matmul(h, w) + b);
  }
  const Plan plan({h}, fusion_only());
  BOOST_TEST(step_names(plan) == (std::vector<std::string>{"matmul", "fused", "matmul", "fused",
                                                           "matmul", "fused"}),
             boost::test_tools::per_element());
  const Step& step = plan.program().steps[1];
  BOOST_TEST(step.op->attributes() == "relu(add(x0, x1[i % 24]))");
  // The sum and the maximum; the product read, the result written, the small bias read.
  BOOST_TEST(step.cost.flops == 2 * 16 * 24);
  BOOST_TEST(step.cost.bytes == 4 * (2 * 16 * 24 + 24));
  // In place: the arena holds a layer's input and its output.
  BOOST_TEST(plan.program().arena_bytes == 2 * 4 * 16 * 24);
}

BOOST_AUTO_TEST_CASE(a_mask_is_computed_where_it_is_used) {
  Tape tape;
  const Tensor x = tape.input({64, 32}, DType::f64);
  const Tensors w{tape.parameter(random_array({32, 32}), "w1"),
                  tape.parameter(random_array({32, 32}), "w2"),
                  tape.parameter(random_array({32, 4}), "w3")};
  const Tensor loss = mean(matmul(relu(matmul(relu(matmul(x, w[0])), w[1])), w[2]));
  const Tensors g = grad(loss, w), hg = grad(g, w, stop_gradient(g));
  const Tensors all = g + hg;
  const Plan plan({all}, fusion_only()), apart({all}, in_place_only());
  const auto masks = [](const Plan& p) {
    const std::vector<std::string> names = step_names(p);
    return std::count(names.begin(), names.end(), "positive");
  };
  BOOST_TEST(masks(apart) == 2);
  BOOST_TEST(masks(plan) == 0);
}

BOOST_AUTO_TEST_CASE(models_keep_every_bit_and_move_fewer_bytes) {
  for (const ModelCase& c : std::initializer_list<ModelCase>{{"mlp", "relu", "exact"},
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
    Tensors outputs = step.estimate.loss;
    for (const Tensors* list : {&step.estimate.gradient, &step.updated})
      outputs.insert(outputs.end(), list->begin(), list->end());
    const Array labels(Shape{30}, DType::i32);
    for (Index i = 0; i < 30; ++i) labels.set(i, static_cast<double>(i % 10));
    const Binding inputs[] = {{step.x, random_array(step.x.shape(), DType::f32)}, {step.y, labels}};
    const std::string what = c.model + " " + c.activation + " " + c.method;
    const std::string found = complaint(outputs, inputs);
    BOOST_TEST(found.empty(), what << ": " << found);
    const double before = bytes_moved(outputs, in_place_only()),
                 after = bytes_moved(outputs, fusion_only());
    BOOST_TEST(after < 0.8 * before, what << ": " << before << " bytes, fused " << after);
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

BOOST_AUTO_TEST_CASE(every_way_to_broadcast) {
  const auto check = [](const Shape& small, const Shape& large, std::string_view reads) {
    for (DType dtype : {DType::f32, DType::f64}) {
      Tape tape;
      const Tensor x = tape.constant(random_array(large, dtype)),
                   s = tape.constant(random_array(small, dtype, 2));
      const Tensors outputs{tanh(x) * s + 1, x - s};
      BOOST_TEST(complaint(outputs).empty(), str(small) << " to " << str(large));
      const Plan plan({outputs}, fusion_only());
      const std::string formula = plan.program().steps.back().op->attributes();
      BOOST_TEST(formula == fmt::format("sub(x0, {})", reads));
    }
  };
  check({}, {50, 70}, "x1[0]");
  check({1, 1}, {50, 70}, "x1[0]");
  check({70}, {50, 70}, "x1[i % 70]");
  check({3}, {5000, 3}, "x1[i % 3]");
  check({700}, {20, 700}, "x1[i % 700]");
  check({1500}, {9, 1500}, "x1[i % 1500]");
  check({9000}, {3, 9000}, "x1[i % 9000]");
  check({8192}, {2, 8192}, "x1[i % 8192]");
  check({50, 1}, {50, 70}, "x1[i / 70]");
  check({2, 1}, {2, 9000}, "x1[i / 9000]");
  check({5000, 1}, {5000, 2}, "x1[i / 2]");
  check({7, 1}, {40, 7, 60}, "x1[i / 60 % 7]");
  check({1, 7, 1, 1}, {40, 7, 6, 10}, "x1[i / 60 % 7]");
  check({1, 1, 5, 8}, {3, 9, 5, 8}, "x1[i % 40]");
  // Repeated axes between kept ones: written out once.
  for (const Shape& small : {Shape{40, 1, 60}, Shape{4, 1, 3, 1}}) {
    Tape tape;
    const Shape large = small.rank() == 3 ? Shape{40, 7, 60} : Shape{4, 5, 3, 2};
    const Tensor x = tape.constant(random_array(large)),
                 s = tape.constant(random_array(small, DType::f64, 2));
    const Tensors outputs{tanh(x) * s + 1, x - s};
    BOOST_TEST(complaint(outputs).empty());
    BOOST_TEST(step_names(Plan({outputs}, fusion_only()))[0] == "broadcast_to");
  }
}

BOOST_AUTO_TEST_CASE(three_different_rows_at_once) {
  // Blocks cannot be whole rows of all three.
  Tape tape;
  const Tensor x = tape.constant(random_array({11, 13, 17, 7}, DType::f32));
  Tensor y = x;
  for (const Shape& shape : {Shape{7}, Shape{17, 7}, Shape{13, 17, 7}, Shape{17, 1}, Shape{}})
    y = tanh(y * tape.constant(random_array(shape, DType::f32, 5)));
  BOOST_TEST(complaint({y}).empty());
  BOOST_TEST(step_names(Plan({y}, fusion_only())).size() == 1);
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

BOOST_AUTO_TEST_CASE(empty_and_one_element_shapes) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{1, 1}, Shape{0}, Shape{3, 0}, Shape{0, 3}}) {
    Tape tape;
    const Tensor x = tape.constant(random_array(shape)), b = tape.constant(random_array({}));
    const Tensors outputs{relu(tanh(x) * b + 1), x + b};
    BOOST_TEST(complaint(outputs).empty(), str(shape));
  }
}

BOOST_AUTO_TEST_CASE(nan_and_infinity_pass_through) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Tape tape;
  const Tensor x = tape.constant(array_of({nan, infinity, -infinity, -0.0, 1, 2, 3, 4, nan, 5}));
  const Tensor b = tape.constant(array_of({nan}));
  const Tensors outputs{relu(x + 1), relu(maximum(x, -x) * b), where(x, x * 2, x + b)};
  BOOST_TEST(complaint(outputs).empty());
  Plan plan({outputs});
  plan.run();
  BOOST_TEST(std::isnan(plan.value(outputs[0]).at(0)));
  BOOST_TEST(std::isnan(plan.value(outputs[0]).at(8)));
  BOOST_TEST(plan.value(outputs[0]).at(1) == infinity);
}

BOOST_AUTO_TEST_CASE(the_member_that_is_not_finite_is_named) {
  Tape tape;
  const Tensor x = tape.input({3000}, DType::f64);
  const Tensor root = sqrt(x * x - 1), y = maximum(tanh(root), 0 * x);
  Plan plan{y};
  BOOST_TEST(plan.program().steps.size() == 1);
  const Array numbers = Array::filled({3000}, DType::f64, 2);
  plan.run({{x, numbers}});
  BOOST_TEST(!plan.first_non_finite().has_value());
  numbers.set(2999, 0.5);
  const auto found = plan.first_non_finite();
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->op == "sqrt");
  BOOST_TEST(found->forward_node == root.index());

  // The first member of all, in the last block, whose infinity the next one hides; another member
  // has one in the first block.
  const Tensor first = log(x), z = tanh(first) * tanh(exp(1000 * x));
  Plan hidden{z};
  BOOST_TEST(hidden.program().steps.size() == 1);
  const Array others = Array::filled({3000}, DType::f64, 0.5);
  others.set(0, 1);
  others.set(2999, 0);
  hidden.run({{x, others}});
  const auto named = hidden.first_non_finite();
  BOOST_REQUIRE(named.has_value());
  BOOST_TEST(named->op == "log");
  BOOST_TEST(named->forward_node == first.index());
}

BOOST_AUTO_TEST_CASE(large_groups_are_cut) {
  Tape tape;
  const Tensor x = tape.input({40, 30}, DType::f64);
  Tensor chain = x, rows = x;
  for (int i = 0; i < 100; ++i) chain = tanh(chain) + x;
  for (std::uint64_t i = 0; i < 40; ++i)
    rows = rows + x * tape.constant(random_array({30}, DType::f64, i));
  const Array numbers = random_array({40, 30});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({chain, rows}, inputs).empty());
  const Plan plan({chain, rows}, fusion_only());
  std::size_t members = 0;
  for (const Step& step : plan.program().steps) {
    const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get());
    BOOST_REQUIRE(fused);
    BOOST_TEST(fused->buffers() <= FusedElementwise::most_buffers);
    members += fused->members().size();
  }
  BOOST_TEST(members == 200 + 80);
  BOOST_TEST(plan.program().steps.size() > 7);
  BOOST_TEST(plan.program().steps.size() < 25);
}

BOOST_AUTO_TEST_CASE(fusion_does_not_hold_many_values_past_a_product) {
  // Both factors could wait for the last line; their product takes half of the memory.
  Tape tape;
  const Tensor x = tape.input({64, 64}, DType::f64);
  const Tensor w = tape.parameter(random_array({64, 64}), "w");
  const Tensor early = matmul(x, w) * matmul(w, x);
  Tensor late = x;
  for (int i = 0; i < 3; ++i) late = matmul(late, w);
  const Tensor y = early * late;
  const Array numbers = random_array({64, 64});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({y}, inputs).empty());
  BOOST_TEST(Plan({y}, fusion_only()).program().arena_bytes <= 3 * 64 * 64 * 8);
}

BOOST_AUTO_TEST_CASE(what_lives_on_anyway_may_be_read_late) {
  Tape tape;
  const Tensor x = tape.input({64, 64}, DType::f64);
  const Tensor w = tape.parameter(random_array({64, 64}), "w");
  const Tensor a = matmul(x, w), b = matmul(w, x), early = a * b;
  Tensor late = x;
  for (int i = 0; i < 3; ++i) late = matmul(w, late);
  const Tensor y = tanh(early * late), z = y * a * b;
  BOOST_TEST(
      step_names(Plan({y, z}, fusion_only())) ==
          (std::vector<std::string>{"matmul", "matmul", "matmul", "matmul", "fused", "fused"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(running_allocates_nothing) {
  Tape tape;
  const Tensor x = tape.input({100, 200}), row = tape.input({200}), column = tape.input({100, 1});
  const Tensor y = gelu(x * row + column) * 2;
  for (int count : {1, 2}) {
    const Threads scope(count);
    Plan plan{y};
    plan.run({{x, random_array({100, 200}, DType::f32)},
              {row, random_array({200}, DType::f32)},
              {column, random_array({100, 1}, DType::f32)}});
    const std::size_t before = allocations();
    plan.run();
    const std::size_t after = allocations();
    BOOST_TEST(after == before);
    BOOST_TEST(plan.program().steps.size() == 1);
  }
}

BOOST_AUTO_TEST_CASE(formulas_name_what_is_used_twice) {
  Tape tape;
  const Tensor x = tape.input({8}, DType::f64);
  const Tensor t = tanh(x), y = t * (1 - t);
  BOOST_TEST(Plan({y}, fusion_only()).program().steps[0].op->attributes() ==
             "t0 = tanh(x0); mul(t0, affine[-1 x + 1](t0))");
}

BOOST_AUTO_TEST_CASE(a_fused_op_is_not_differentiable) {
  const Spec spec{{4}, DType::f64};
  Tape tape;
  const Tensor x = tape.input({4}, DType::f64), y = tanh(x) * 2;
  const auto op = Plan({y}, fusion_only()).program().steps[0].op;
  BOOST_TEST(op->name() == "fused");
  BOOST_TEST(!error_of([&] { op->vjp(0, std::vector{x}, y, y); }).empty());
  BOOST_TEST(!error_of([&] { op->jvp(0, std::vector{x}, y, x); }).empty());
  BOOST_CHECK(op->infer(std::vector{spec}) == spec);
  BOOST_TEST(!error_of([&] { op->infer(std::vector{Spec{{5}, DType::f64}}); }).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(work_in_place)

BOOST_AUTO_TEST_CASE(a_chain_needs_one_place) {
  Tape tape;
  const Tensor x = tape.input({1024}, DType::f64);
  const Tensor y = tanh(reshape(tanh(tanh(x)), {32, 32}));
  const auto arena = [&](bool in_place) {
    return Plan({y}, in_place ? in_place_only() : options_with(false, false)).program().arena_bytes;
  };
  BOOST_TEST(arena(true) == 8192);
  BOOST_TEST(arena(false) == 2 * 8192);
}

BOOST_AUTO_TEST_CASE(what_is_read_later_is_not_overwritten) {
  Tape tape;
  const Tensor x = tape.input({1024}, DType::f64);
  const Tensor a = tanh(x), view = reshape(a, {32, 32}), b = a * 2, c = view * 3;
  const Array numbers = random_array({1024});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({b, c}, inputs).empty());
  BOOST_TEST(complaint({a, b}, inputs).empty());
  BOOST_TEST(complaint({view, b}, inputs).empty());
  // Leaves stay as they are.
  const Array before = numbers.clone();
  Plan plan{tanh(x)};
  plan.run(inputs);
  BOOST_CHECK(same_bits(numbers, before));
}

BOOST_AUTO_TEST_CASE(only_slots_that_allow_it_are_overwritten) {
  Tape tape;
  const Tensor x = tape.input({64}, DType::f64);
  const Tensor a = tanh(x), b = relu(x);
  const PlanOptions options = in_place_only();
  const auto place = [](const Plan& plan, std::size_t step) {
    return plan.program()
        .values[static_cast<std::size_t>(plan.program().steps[step].output)]
        .offset;
  };
  const Tensor y = record<AddReversed>({a, b});
  const Plan over_first({y}, options);
  BOOST_TEST(place(over_first, 2) == place(over_first, 0));
  const Array numbers = random_array({64});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({y}, inputs).empty());

  // One value in both slots: it is still read when the first number is written.
  const Tensor both = record<AddReversed>({a, a});
  const Plan apart({both}, options);
  BOOST_TEST(place(apart, 1) != place(apart, 0));
  BOOST_TEST(complaint({both}, inputs).empty());
  const Tensor through_a_view = record<AddReversed>({a, stop_gradient(a)});
  BOOST_TEST(complaint({through_a_view}, inputs).empty());
}

BOOST_AUTO_TEST_CASE(a_smaller_value_is_not_overwritten) {
  Tape tape;
  const Tensor x = tape.input({64, 1}, DType::f64);
  const Tensor column = tanh(x), y = exp(broadcast_to(column, {64, 64}));
  const Array numbers = random_array({64, 1});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({y}, inputs).empty());
  BOOST_TEST(Plan{y}.program().arena_bytes >= 64 * 8 + 64 * 64 * 8);
}

BOOST_AUTO_TEST_SUITE_END()
