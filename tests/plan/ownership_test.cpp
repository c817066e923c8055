// Tests the memory of plans and the calls that plans refuse: outputs that a caller may change,
// inputs that are outputs of the same plan, refused runs, and variables that are listed twice or
// depend on each other.
#include <boost/test/unit_test.hpp>

#include "autodiff/autodiff.h"
#include "nn/models.h"
#include "optim/optim.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

Tensor vector_of(Tape& tape, const std::vector<double>& values) {
  return tape.parameter(Array::from(values, {static_cast<Index>(values.size())}));
}

const Array& stored(Tensor parameter) {
  return parameter.tape().stored(parameter.tape().node(parameter.index()));
}

struct TwoInputs final : Op {
  std::string_view name() const override { return "two_inputs"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override { return x[1]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(x[1], y); }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(ownership)

BOOST_AUTO_TEST_CASE(outputs_have_memory_of_their_own) {
  // The gradient of |w|^2 / 2 is w, that of <w, c> is c, and that of <w, x> is the caller's batch.
  Tape tape;
  const Tensor w = vector_of(tape, {3, 4}), c = tape.constant(Array::from<double>({6, 8}, {2})),
               x = tape.input({2}, DType::f64);
  const Array batch = Array::from<double>({30, 40}, {2});
  for (const PlanOptions& options : {PlanOptions{}, no_passes()}) {
    const Tensors outputs{grad(0.5 * sum(square(w)), {w})[0],
                          grad(sum(w * c), {w})[0],
                          grad(sum(w * x), {w})[0],
                          w,
                          reshape(c, {1, 2}),
                          stop_gradient(x)};
    Plan plan({outputs}, options);
    for (int repeat = 0; repeat < 2; ++repeat) {
      plan.run({{x, batch}});
      const std::vector<Array> found = plan.values(outputs);
      for (std::size_t k = 0; k < found.size(); ++k)
        BOOST_TEST(found[k].to_vector() == (k % 3 == 0   ? std::vector<double>{3, 4}
                                            : k % 3 == 1 ? std::vector<double>{6, 8}
                                                         : std::vector<double>{30, 40}),
                   boost::test_tools::per_element());
      for (const Array& output : found) clip_by_global_norm({&output, 1}, 0.5);
    }
  }
  BOOST_TEST(stored(w).at(1) == 4);
  BOOST_TEST(stored(c).at(1) == 8);
  BOOST_TEST(batch.at(1) == 40);
}

BOOST_AUTO_TEST_CASE(the_gradient_of_a_last_bias_stays_unchanged) {
  // With loss = mean(h + b), the gradient with respect to b is the same constant at every step.
  Tape tape;
  const Tensor h = vector_of(tape, {1, 2, 3, 4}), b = tape.parameter(Array::zeros({}, DType::f64));
  const Tensor g = grad(mean(h + b), {b})[0];
  Plan step{g};
  for (int i = 0; i < 4; ++i) {
    step.run();
    BOOST_TEST(step.value(g).item() == 1);
    clip_by_global_norm(step.values(g), 0.5);
  }
}

BOOST_AUTO_TEST_CASE(an_update_sees_the_gradient_as_it_was) {
  Tape tape;
  const Tensor a = vector_of(tape, {1, 2}), b = vector_of(tape, {10, 20});
  const Tensors w{a, b}, g = grad(dot(a, b), w);
  Plan step{g};
  step.run();
  Optimizer sgd({.lr = 0.1});
  sgd.update(w, step.values(g));
  BOOST_TEST(stored(a).at(0) == 0);
  BOOST_TEST(stored(a).at(1) == 0);
  BOOST_TEST(stored(b).at(0) == 9.9);
  BOOST_TEST(stored(b).at(1) == 19.8);
}

BOOST_AUTO_TEST_CASE(constants_are_constant) {
  for (const Index size : {2, 100}) {
    Tape tape;
    const Array numbers = Array::filled({size}, DType::f64, 1);
    const Tensor c = tape.constant(numbers), y = 2 * c;
    Plan plan{y};
    numbers.set(0, 7);
    plan.run();
    BOOST_TEST(plan.value(y).at(0) == 2);
  }
}

BOOST_AUTO_TEST_CASE(an_output_may_be_bound_to_the_plans_own_input) {
  // Repeats x <- 2 x + 1 three times. The output z still reads the old x.
  for (const bool turned : {false, true}) {
    Tape tape;
    const Tensor x = tape.input({2, 2}, DType::f64), y = 2 * x + 1, z = matmul(y, y) + x;
    Plan plan{y, z};
    Array start = Array::from<double>({1, 2, 3, 4}, {2, 2});
    plan.run({{x, start}});
    for (int i = 0; i < 3; ++i) {
      const Array& last = plan.value(y);
      const Array fed = turned ? last.permuted({1, 0}) : last;
      const Array copied = fed.clone();
      plan.run({{x, fed}});
      Plan reference{y, z};
      reference.run({{x, copied}});
      BOOST_CHECK(same_bits(plan.value(y), reference.value(y)));
      BOOST_CHECK(same_bits(plan.value(z), reference.value(z)));
    }
    // A run without a new binding uses the numbers of the last binding.
    const Array before = plan.value(y).clone();
    plan.run();
    BOOST_CHECK(same_bits(plan.value(y), before));
  }
}

BOOST_AUTO_TEST_CASE(two_outputs_change_places) {
  Tape tape;
  const Tensor a = tape.input({1}, DType::f64), b = tape.input({1}, DType::f64), sum = a + b,
               difference = a - b;
  Plan plan{sum, difference};
  plan.run({{a, Array::from<double>({5}, {1})}, {b, Array::from<double>({3}, {1})}});
  for (int i = 0; i < 2; ++i) plan.run({{a, plan.value(difference)}, {b, plan.value(sum)}});
  // (sum, difference) is (8, 2), then (2 + 8, 2 - 8), then (-6 + 10, -6 - 10).
  BOOST_TEST(plan.value(sum).item() == 4);
  BOOST_TEST(plan.value(difference).item() == -16);
}

BOOST_AUTO_TEST_CASE(contiguous_arrays_are_read_in_place_others_are_copied) {
  Tape tape;
  const Tensor x = tape.input({2, 2}, DType::f64), y = x + 0.5;
  Plan plan{y};
  const Array numbers = Array::from<double>({1, 2, 3, 4}, {2, 2});
  plan.run({{x, numbers}});
  numbers.set(1, 20);
  plan.run();
  BOOST_TEST(plan.value(y).at(1) == 20.5);
  plan.run({{x, numbers.permuted({1, 0})}});
  numbers.set(1, 200);
  plan.run();
  BOOST_TEST(plan.value(y).at(2) == 20.5);
}

BOOST_AUTO_TEST_CASE(a_refused_run_changes_no_binding) {
  Tape tape;
  const Tensor x = tape.input({2, 2}, DType::f64), u = tape.input({4}, DType::f64),
               y = reshape(x, {4}) * u, late = tape.input({1}, DType::f64);
  Plan plan{y};
  const Array fours = Array::filled({4}, DType::f64, 4);
  {
    const Array first = Array::filled({2, 2}, DType::f64, 1);
    plan.run({{x, first}, {u, fours}});
  }
  {
    const Array second = Array::filled({2, 2}, DType::f64, 2);
    for (const Array& wrong : {Array::filled({3}, DType::f64, 0), Array()})
      BOOST_CHECK_THROW(plan.run({{x, second}, {u, wrong}}), Error);
    Tape other;
    const Tensor foreign = other.input({4}, DType::f64);
    BOOST_CHECK_THROW(plan.run({{x, second}, {foreign, fours}}), Error);
    BOOST_CHECK_THROW(plan.run({{x, second}, {y, fours}}), Error);
  }
  plan.run();
  for (double number : plan.value(y).to_vector()) BOOST_TEST(number == 4);
  // A refused first run changes no binding either.
  Plan both{x + late};
  BOOST_CHECK_THROW(both.run({{x, Array::filled({2, 2}, DType::f64, 2)}}), Error);
  BOOST_TEST(error_of([&] { both.run(); }).ends_with("was never bound"));
  BOOST_TEST(error_of([&] {
               both.run({{late, Array::filled({1}, DType::f64, 2)}});
             }).starts_with("[run] input 'input', f64 (2, 2)"));
}

BOOST_AUTO_TEST_CASE(variables_are_listed_once) {
  Tape tape;
  const Tensor w = vector_of(tape, {1, 2}), v = tape.constant(Array::from<double>({1, 1}, {2}));
  const auto f = [](const Tensors& at) { return sum(square(at[0])); };
  for (const HvpMode mode :
       {HvpMode::reverse_over_reverse, HvpMode::forward_over_reverse, HvpMode::finite_difference})
    BOOST_TEST(error_of([&] {
                 hvp(f, {w, w}, {v, v}, mode);
               }).find("same tensor") != std::string::npos);
  BOOST_TEST(error_of([&] { hessian(f({w}), {w, w}); }).find("same tensor") != std::string::npos);
  for (const Method& m : methods())
    BOOST_TEST(error_of([&] { m(f, {w, w}); }).find("same tensor") != std::string::npos);
  Optimizer sgd({.lr = 0.1});
  const Array g = Array::filled({2}, DType::f64, 1);
  BOOST_TEST(error_of([&] {
               sgd.update(Tensors{w, w}, std::vector<Array>{g, g});
             }) == "[optimizer] parameters 0 and 1 share memory: list each once");
  const Tensor u = vector_of(tape, {3, 4});
  BOOST_TEST(error_of([&] {
               sgd.update(Tensors{w, u}, std::vector<Array>{g, stored(w)});
             }) ==
             "[optimizer] of parameters 0 and 1, the gradient of one shares memory with the other");
  BOOST_TEST(stored(w).at(0) == 1);
  BOOST_TEST(sgd.steps() == 0);
  // A plan may list an output twice.
  Plan plan{w, w, sum(w)};
  plan.run();
  BOOST_TEST(plan.value(w).at(1) == 2);
}

BOOST_AUTO_TEST_CASE(sweeps_are_adjoint_when_a_variable_depends_on_another) {
  Tape tape;
  const Tensor w1 = vector_of(tape, {1, 2}), w2 = 2 * w1, y = sum(w1 * w2);
  const Tensors w{w1, w2}, t = Tensors{tape.constant(Array::from<double>({1, 2}, {2})),
                                       tape.constant(Array::from<double>({3, 5}, {2}))};
  // dy = w2 dw1 + w1 dw2 with dw1 = t1 and dw2 = 2 t1 + t2, so dy = 2 + 8 + 5 + 18 = 33.
  const double back = evaluate(dot(grad(y, w), t)).item(),
               ahead = evaluate(push({y}, w, t)[0]).item();
  BOOST_TEST(back == 33);
  BOOST_TEST(ahead == 33);
  const auto f = [](const Tensors& at) { return sum(at[0] * at[1]); };
  const Tensors h = hvp(f, w, t, HvpMode::reverse_over_reverse),
                p = hvp(f, w, t, HvpMode::forward_over_reverse);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_CHECK(same_bits(evaluate(h[i]), evaluate(p[i])));
    // H t is 4 t1 + t2 for w1 and t1 for w2.
    BOOST_TEST(evaluate(h[i]).at(0) == (i == 0 ? 7 : 1));
  }
  BOOST_TEST(error_of([&] { hvp(f, w, t, HvpMode::finite_difference); }) ==
             "[hvp] variable 1 was computed from variable 0: they must be independent");
  BOOST_TEST(error_of([&] { method("f-gr")(f, w); }) ==
             "[method] variable 1 was computed from variable 0: they must be independent");
}

// The loss as a function of displacements a, b of w1 and w2 is F(a, b) = (1 + a) (f(1 + a) + b).
// Computes the second derivatives along (1, 1).
BOOST_AUTO_TEST_CASE(second_derivatives_do_not_mistake_a_variable_for_a_rules_value) {
  const std::vector<std::pair<Tensor (*)(Tensor), double>> cases = {
      {exp, 3 * std::exp(1) + 1}, {reciprocal, 1}, {sqrt, 1.75}, {square, 7}};
  for (const auto& [f, right] : cases) {
    Tape tape;
    const Tensor w1 = tape.parameter(Array::scalar(1, DType::f64)), w2 = f(w1),
                 one = tape.constant(1, DType::f64);
    const auto loss = [](const Tensors& w) { return w[0] * w[1]; };
    for (const HvpMode mode : {HvpMode::reverse_over_reverse, HvpMode::forward_over_reverse}) {
      const Tensors h = hvp(loss, {w1, w2}, {one, one}, mode);
      BOOST_TEST(evaluate(h[0]).item() == right, boost::test_tools::tolerance(1e-14));
      BOOST_TEST(evaluate(h[1]).item() == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_op_gets_the_right_number_of_inputs) {
  Tape tape;
  const Tensor a = vector_of(tape, {1, 2});
  const int before = tape.size();
  BOOST_TEST(error_of([&] { record<TwoInputs>({a}); }) ==
             "[two_inputs] takes 2 inputs, was given 1");
  BOOST_TEST(error_of([&] {
               record<TwoInputs>({a, a, a});
             }) == "[two_inputs] takes 2 inputs, was given 3");
  BOOST_TEST(error_of([&] { tape.record(nullptr, std::vector<Tensor>{a}); }) ==
             "[record] was given no op");
  BOOST_TEST(error_of([&] { record<TwoInputs>({}); }).find("no tensor") != std::string::npos);
  BOOST_TEST(tape.size() == before);
}

BOOST_AUTO_TEST_CASE(sizes_that_no_array_has_are_refused) {
  constexpr Index huge = Index{1} << 62;
  const auto refused = [](auto&& f) {
    const std::string error = error_of(f);
    BOOST_TEST((error.find("more than 2^44 numbers") != std::string::npos), error);
  };
  refused([] { Array(Shape{huge}, DType::f32); });
  refused([] { Array(Shape{1 << 30, 1 << 30}, DType::f64); });
  Tape tape;
  refused([&] { tape.input({huge}); });
  const Tensor x = vector_of(tape, {1, 2}), i = tape.labels({2});
  refused([&] { one_hot(i, huge, DType::f32); });
  refused([&] { scatter_add(x, i, huge); });
  refused([&] { broadcast_to(x, {huge, 2}); });
  refused([&] { pad(x, {0}, {std::numeric_limits<Index>::max()}); });
  refused([&] { pad(x, {std::numeric_limits<Index>::max()}, {0}); });
  refused([&] { pad(x, {largest_array}, {largest_array}); });
  refused([&] { reshape(x, {-1, huge, 4}); });
  refused([&] { reshape(x, {huge, 4}); });
  BOOST_TEST(tape.size() == 2);
  const Tensor image = tape.input({1, 4, 4, 2}, DType::f64),
               w = tape.input({3, 3, 2, 2}, DType::f64);
  for (const ConvGeometry& g : {ConvGeometry{.stride = huge}, ConvGeometry{.padding = huge},
                                ConvGeometry{.padding = 1, .dilation = huge}})
    BOOST_TEST((error_of([&] { conv2d(image, w, g); }).find("at most 2^30") != std::string::npos));
  BOOST_CHECK_THROW(conv2d(image, w, {.groups = huge}), Error);
  BOOST_CHECK_THROW(conv2d(image, w, {.padding = 1 << 30}), Error);
  BOOST_CHECK_THROW(max_pool2d(image, {huge, 2, huge - 1}), Error);
  // Slices with steps and ends at the limits of Index must not overflow.
  constexpr Index least = std::numeric_limits<Index>::min(),
                  most = std::numeric_limits<Index>::max();
  BOOST_TEST(evaluate(slice(x, 0, 0, 2, most)).elements() == 1);
  BOOST_TEST(evaluate(slice(x, 0, 1, -3, least)).elements() == 1);
  BOOST_CHECK_THROW(slice(x, 0, 0, most), Error);
  BOOST_CHECK_THROW(slice(x, 0, 0, least), Error);
  const Array four(Shape{4}, DType::f32);
  BOOST_CHECK_THROW(four.sliced(0, 0, 5, huge), Error);
  BOOST_CHECK_THROW(four.sliced(0, 3, 5, -huge), Error);
  BOOST_TEST(four.sliced(0, 3, 2, -3).elements() == 2);
  refused([&] { Array(Shape{1}, DType::f32).broadcast({huge}); });
  const Tensor many = tape.input({Index{1} << 40});
  refused([&] { hessian(sum(square(many)), {many}); });
#if !defined(TWICE_ADDRESS_SANITIZER)  // AddressSanitizer ends the program when memory is exhausted
  const Tensor most_numbers = tape.input({largest_array}, DType::f64);
  BOOST_TEST(error_of([&] {
               Plan{exp(most_numbers), cos(most_numbers)};
             }).starts_with("[plan] the values need"));
#endif
  BOOST_TEST(Array(Shape{0, huge, huge}, DType::f32).elements() == 0);
}

BOOST_AUTO_TEST_CASE(clearing_a_tape_ends_its_scopes) {
  Tape tape;
  const Tensor a = vector_of(tape, {1, 2});
  Tensor last = a;
  for (int i = 0; i < 20; ++i) last = last + a;
  {
    const RecordingScope outer(tape, Phase::backward, last.index());
    const RecordingScope inner(tape, Phase::update, last.index() - 1);
    tape.clear();
    const Tensor b = vector_of(tape, {3, 4}), y = b * 2;
    BOOST_TEST(tape.node(y.index()).origin == y.index());
    Plan plan{y};
    plan.run();
    BOOST_TEST(plan.value(y).at(0) == 6);
    const RecordingScope again(tape, Phase::backward, y.index());
    BOOST_TEST(tape.node((y + y).index()).origin == y.index());
  }
  const Tensor c = vector_of(tape, {5});
  BOOST_TEST(tape.node(c.index()).origin == c.index());
  BOOST_TEST(static_cast<int>(tape.node(c.index()).phase) == static_cast<int>(Phase::forward));
}

BOOST_AUTO_TEST_SUITE_END()
