// Tests scopes, which name recorded nodes: on the tape, in derivatives, in plans and in messages.
#include <boost/test/unit_test.hpp>

#include "autodiff/autodiff.h"
#include "nn/nn.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

std::string scope_of(const Tape& tape, int node) {
  const ScopeName& name = tape.node(node).scope;
  return name ? *name : "";
}
std::string scope_of(Tensor t) { return scope_of(t.tape(), t.index()); }

/// The scopes of the ops with this name, in the order of the tape.
std::vector<std::string> scopes_of(const Tape& tape, std::string_view op,
                                   Phase phase = Phase::forward) {
  std::vector<std::string> found;
  for (int i = 0; i < tape.size(); ++i)
    if (const Node& node = tape.node(i); node.op && node.phase == phase && tape.name(node) == op)
      found.push_back(scope_of(tape, i));
  return found;
}

using Names = std::vector<std::string>;

/// An op without derivative rules.
struct NoRule final : Op {
  std::string_view name() const override { return "no_rule"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(x[0], y); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(scopes)

BOOST_AUTO_TEST_CASE(scopes_nest_and_end) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64);
  BOOST_TEST(scope_of(x) == "");
  {
    const Scope outer(tape, "encoder");
    BOOST_TEST(scope_of(x + 1) == "encoder");
    {
      const Scope inner(tape, "attention");
      BOOST_TEST(scope_of(x + 2) == "encoder.attention");
      BOOST_TEST(scope_of(tape.constant(1, DType::f64)) == "encoder.attention");
    }
    BOOST_TEST(scope_of(x + 3) == "encoder");
  }
  BOOST_TEST(scope_of(x + 4) == "");
  BOOST_TEST(error_of([&] { Scope(tape, ""); }) == "[scope] was given an empty name");
}

BOOST_AUTO_TEST_CASE(an_exception_ends_scopes) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64), z = tape.input({3}, DType::f64);
  const Scope whole(tape, "whole");
  BOOST_TEST(!error_of([&] {
                const Scope a(tape, "a");
                const Scope b(tape, "b");
                x + z;
              }).empty());
  BOOST_TEST(scope_of(x + 1) == "whole");
}

BOOST_AUTO_TEST_CASE(an_open_scope_goes_on_after_clear) {
  Tape tape;
  {
    const Scope outer(tape, "outer");
    {
      const Scope inner(tape, "inner");
      tape.clear();
      BOOST_TEST(scope_of(tape.input({1})) == "outer.inner");
    }
    BOOST_TEST(scope_of(tape.input({1})) == "outer");
  }
  BOOST_TEST(scope_of(tape.input({1})) == "");
}

BOOST_AUTO_TEST_CASE(a_scope_of_a_tensor_stays_inside_of_the_open_one) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64);
  const auto in = [&](const char* name) {
    const Scope scope(tape, name);
    return x + 1;
  };
  const Tensor first = in("conv1"), tenth = in("conv10");
  const auto beside = [](Tensor t) {
    const Scope scope(t);
    return t * 2;
  };
  BOOST_TEST(scope_of(beside(first)) == "conv1");
  BOOST_TEST(scope_of(beside(x)) == "");
  const Scope open(tape, "conv1");
  BOOST_TEST(scope_of(beside(first)) == "conv1");
  BOOST_TEST(scope_of(beside(tenth)) == "conv1");  // conv10 is not inside conv1
  BOOST_TEST(scope_of(beside(x)) == "conv1");
  BOOST_TEST(scope_of(beside(in("deeper"))) == "conv1.deeper");
}

BOOST_AUTO_TEST_CASE(derivatives_have_the_scope_of_their_forward_op) {
  Tape tape;
  const Tensor x = tape.constant(random_array({3, 4}));
  const Tensor a = tape.parameter(random_array({4, 5}), "a"),
               b = tape.parameter(random_array({5, 2}), "b");
  const auto product = [&](const char* name, Tensor left, Tensor right) {
    const Scope scope(tape, name);
    return tanh(matmul(left, right));
  };
  const Tensor z = product("second", product("first", x, a), b);
  // The scope that is open while a derivative is recorded has no effect, also at second order and
  // in forward mode.
  const Scope open(tape, "training");
  const Tensors g = grad(sum(square(z)), {a, b});
  const Tensors hv = grad(g, {a, b}, g), moved = push({z}, {a, b}, {a, b});
  BOOST_TEST(scope_of(g[0]) == "first");
  BOOST_TEST(scope_of(g[1]) == "second");
  BOOST_TEST(scope_of(moved[0]) == "second");
  int derived = 0;
  for (int i = 0; i < tape.size(); ++i) {
    if (tape.node(i).origin == i) continue;
    ++derived;
    BOOST_TEST(scope_of(tape, i) == scope_of(tape, tape.forward_origin(i)));
  }
  BOOST_TEST(derived > 40);
  BOOST_CHECK(scopes_of(tape, "matmul") == (Names{"first", "second"}));
  // Since x is constant, grad has one product for the first layer and two for the second. push has
  // three.
  BOOST_CHECK(scopes_of(tape, "matmul", Phase::backward) ==
              (Names{"second", "second", "first", "first", "second", "second"}));
  BOOST_CHECK(!scopes_of(tape, "matmul", Phase::double_backward).empty());
  BOOST_TEST(scope_of(sum(z)) == "training");
}

BOOST_AUTO_TEST_CASE(layers_open_scopes_and_unnamed_ops_join_the_layer_before) {
  Tape tape;
  const Model mlp_model = mlp({.inputs = 4, .width = 5, .depth = 3, .outputs = 2});
  {
    const Scope scope(tape, "student");
    mlp_model(mlp_model.parameters(tape, Rng(1)), tape.input({3, 4}));
  }
  BOOST_CHECK(scopes_of(tape, "matmul") ==
              (Names{"student.linear1", "student.linear2", "student.linear3"}));
  BOOST_CHECK(scopes_of(tape, "relu") == (Names{"student.linear1", "student.linear2"}));

  tape.clear();
  const Model net = resnet({.input = {8, 8, 2}, .channels = 3, .classes = 4});
  net(net.parameters(tape, Rng(1)), tape.input({2, 8, 8, 2}));
  const std::string s2 = "stage2.block1", s3 = "stage3.block1";
  BOOST_CHECK(scopes_of(tape, "conv2d") ==
              (Names{"stem.conv", "stage1.block1.conv1", "stage1.block1.conv2", s2 + ".conv1",
                     s2 + ".conv2", s2 + ".shortcut.conv", s3 + ".conv1", s3 + ".conv2",
                     s3 + ".shortcut.conv"}));
  BOOST_CHECK(scopes_of(tape, "relu") ==
              (Names{"stem.norm", "stage1.block1.norm1", "stage1.block1.norm2", s2 + ".norm1",
                     s2 + ".norm2", s3 + ".norm1", s3 + ".norm2"}));

  // A layer with a chosen name.
  tape.clear();
  const Layer pooled = sequence({named("pool", max_pooling()), activation("tanh")});
  ForwardPass pass;
  pooled.forward({}, {}, tape.input({1, 4, 4, 1}), pass);
  BOOST_CHECK(scopes_of(tape, "tanh") == Names{"pool"});
  BOOST_CHECK(scopes_of(tape, "pool_gather") == Names{"pool"});
}

BOOST_AUTO_TEST_CASE(a_function_that_is_called_again_repeats_its_scopes) {
  Tape tape;
  const Model model = mlp({.inputs = 4, .width = 5, .depth = 2, .outputs = 1});
  const Tensors w = model.parameters(tape, Rng(1), DType::f64);
  const Tensor x = tape.constant(random_array({3, 4}));
  const ScalarFunction loss = [&](const Tensors& at) { return sum(square(model(at, x))); };
  hvp(loss, w, w, HvpMode::finite_difference);
  BOOST_CHECK(scopes_of(tape, "matmul") == (Names{"linear1", "linear2", "linear1", "linear2"}));
}

BOOST_AUTO_TEST_CASE(messages_name_the_scope) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64, "x"), m = tape.input({2, 3}, DType::f64);
  const std::string outside = error_of([&] { matmul(m, m); });
  BOOST_TEST(!outside.empty());
  const Scope scope(tape, "encoder");
  const std::string inside = error_of([&] {
    const Scope deeper(tape, "product");
    matmul(m, m);
  });
  BOOST_TEST(inside == outside + " in encoder.product");
  BOOST_TEST(error_of([&] { matmul(m, m); }) == outside + " in encoder");
  // Checks before recording name the open scope. Errors in a derivative name the scope of the op
  // that is differentiated.
  BOOST_TEST(error_of([&] { reshape(m, {4, -1}); }).ends_with(" in encoder"));
  const Tensor bare = [&] {
    const Scope deeper(tape, "bare");
    return record(NoRule(), {x});
  }();
  BOOST_TEST(error_of([&] { grad(sum(bare), {x}); }) ==
             "[no_rule] expected the op to override Op::vjp: it has no derivative rule for input 0 "
             "in encoder.bare");
  BOOST_TEST(error_of([&] { push(Tensors{bare}, {x}, {x}); }).ends_with("input 0 in encoder.bare"));
  BOOST_TEST(error_of([&] { grad(bare, {x}); }) ==
             "[grad] y is not a scalar and needs a cotangent: it has shape (2), from no_rule in "
             "encoder.bare");

  const Tensor root = sqrt(x), g = grad(sum(root * root), {x})[0];
  for (const bool fused : {false, true}) {
    PlanOptions options = no_passes();
    options.dead_code = true;
    options.fuse = fused;
    Plan plan({g}, options);
    plan.run({{x, array_of({1, -2})}});
    const auto found = plan.first_non_finite();
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(str(*found).starts_with(
        fmt::format("forward of sqrt in encoder (node {}): sqrt", root.index())));
  }
  BOOST_TEST(str(root) == fmt::format("%{} = sqrt(%0), f64 (2), forward in encoder", root.index()));
}

BOOST_AUTO_TEST_CASE(the_output_of_a_layer) {
  Tape tape;
  const Model model = mlp({.inputs = 4, .width = 6, .depth = 2, .outputs = 3});
  const Tensors w = model.parameters(tape, Rng(1));
  const Tensor x = tape.input({5, 4}), logits = model(w, x);
  grad(sum(square(logits)), w);  // derivatives have the same scopes but are no outputs
  BOOST_TEST(output_of(tape, "linear2").index() == logits.index());
  // The activation belongs to the layer before it.
  BOOST_TEST(tape.name(tape.node(output_of(tape, "linear1").index())) == "relu");
  BOOST_TEST(error_of([&] { output_of(tape, "linear3"); }) ==
             "[scope] nothing was recorded in 'linear3'");
}

BOOST_AUTO_TEST_CASE(scopes_change_no_bit_and_no_plan) {
  const auto gradient = [](bool scoped, std::string& text) {
    Tape tape;
    const Model model = mlp({.inputs = 4, .width = 6, .depth = 2, .outputs = 3});
    const Tensors w = model.parameters(tape, Rng(1));
    const Tensor x = tape.constant(random_array({5, 4}, DType::f32));
    std::optional<Scope> scope;
    if (scoped) scope.emplace(tape, "scope");
    const Tensor loss = sum(square(model(w, x)));
    const Tensors g = grad(loss, w), hv = grad(g, w, stop_gradient(g));
    Plan plan({loss, hv});
    for (const Step& step : plan.program().steps)
      text += fmt::format("{} {} {} {}\n", step.op->name(), fmt::format("{}", step.output),
                          step.workspace_offset, step.op->attributes());
    plan.run();
    std::vector<Array> values;
    for (const Array& value : plan.values(hv)) values.push_back(value.clone());
    return values;
  };
  std::string without_text, with_text;
  const std::vector<Array> without = gradient(false, without_text),
                           with = gradient(true, with_text);
  BOOST_TEST(with_text == without_text);
  for (std::size_t i = 0; i < with.size(); ++i) BOOST_CHECK(same_bits(with[i], without[i]));
}

BOOST_AUTO_TEST_SUITE_END()
