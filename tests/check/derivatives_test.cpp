// Tests the derivative checks: they must find wrong derivatives and say where the error is.
#include "autodiff/check/derivatives.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/linear.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "experiments/commands/check/check.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

/// An op with a wrong slope: y = x^3, with dy/dx = 2 x^2 instead of 3 x^2.
struct WrongCube final : Elementwise<WrongCube, 1> {
  std::string_view name() const override { return "wrong_cube"; }
  template <class V>
  V eval(V x) const {
    return x * x * x;
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return 2 * square(x[0]); }
};

/// y = x^2 with a slope that is wrong at entry 4 only.
struct WrongAtFour final : Elementwise<WrongAtFour, 1> {
  std::string_view name() const override { return "wrong_at_four"; }
  template <class V>
  V eval(V x) const {
    return x * x;
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    const Array factor = Array::filled(x[0].shape(), x[0].dtype(), 2);
    factor.set(4, 3);
    return x[0].tape().constant(factor) * x[0];
  }
};

/// tanh with a slope that is not on the tape: right at order 1, wrong from order 2 on.
struct ForgetfulTanh final : Elementwise<ForgetfulTanh, 1> {
  std::string_view name() const override { return "forgetful_tanh"; }
  template <class V>
  V eval(V x) const {
    return tanh(x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override {
    return 1 - square(stop_gradient(y));
  }
};

/// y = 2 x with a wrong jvp.
struct WrongForward final : LinearOp {
  std::string_view name() const override { return "wrong_forward"; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.elements(); ++i) y.set(i, 2 * x[0].at(i));
  }
  Tensor adjoint(std::span<const Tensor>, Tensor g) const override { return 2 * g; }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return 3 * t; }
};

/// y = factor x. The op's attributes do not contain the factor, so ops with different factors seem
/// equal.
struct SecretScale final : Elementwise<SecretScale, 1> {
  double factor;
  explicit SecretScale(double f) : factor(f) {}
  std::string_view name() const override { return "secret_scale"; }
  std::string attributes() const override { return "some factor"; }
  template <class V>
  V eval(V x) const {
    return V(static_cast<typename V::value_type>(factor)) * x;
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return factor; }
};

/// The failed check with this name and order. Null if the check passed or does not exist.
const CheckResult* failed(const std::vector<CheckResult>& results, const std::string& check,
                          int order) {
  for (const CheckResult& result : results)
    if (!result.ok && result.check == check && result.order == order) return &result;
  return nullptr;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(derivative_checks)

BOOST_AUTO_TEST_CASE(a_wrong_slope_is_caught_with_place_and_numbers) {
  const auto f = [](const Tensors& x) { return square(x[0]) + record<WrongCube>({x[1]}); };
  const std::vector<Array> inputs{random_array({3, 2}), random_array({3, 2}, DType::f64, 2)};
  const std::vector<CheckResult> results = check_derivatives(f, inputs);
  const CheckResult* found = failed(results, "finite difference", 1);
  BOOST_REQUIRE(found);
  BOOST_TEST(found->input == 1);
  // The engine computes 2 x^2 u, and the finite difference 3 x^2 u.
  BOOST_TEST(found->engine / found->reference == 2.0 / 3, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(found->error > 0.1);
  BOOST_TEST(found->step > 0);
  const std::string text = str(*found);
  for (const std::string& part :
       {fmt::format("input 1, entry {}", found->entry), fmt::format("{:.9g}", found->engine),
        fmt::format("{:.9g}", found->reference), std::string("order 1, finite difference")})
    BOOST_TEST(text.find(part) != std::string::npos, text << " lacks " << part);
}

BOOST_AUTO_TEST_CASE(the_report_names_a_failure) {
  const auto f = [](const Tensors& x) { return record<WrongCube>({x[0]}); };
  const std::vector<CheckRow> rows = check_rows("my model", f, {random_array({2})});
  BOOST_TEST(!all_ok(rows));
  const std::string report = check_report(rows);
  BOOST_TEST(report.find("FAILED my model: order 1, finite difference: input 0, entry ") !=
                 std::string::npos,
             report);
  const auto count = std::count_if(rows.begin(), rows.end(), [](auto& row) { return !row.ok; });
  BOOST_TEST(report.ends_with(fmt::format("{} checks, {} failed\n", rows.size(), count)), report);
}

BOOST_AUTO_TEST_CASE(one_wrong_entry_is_found) {
  const auto f = [](const Tensors& x) { return record<WrongAtFour>({x[0]}); };
  const std::vector<CheckResult> results = check_derivatives(f, {random_array({7})});
  const CheckResult* found = failed(results, "finite difference", 1);
  BOOST_REQUIRE(found);
  BOOST_TEST(found->entry == 4);
}

BOOST_AUTO_TEST_CASE(one_wrong_entry_among_many_is_found_by_directions) {
  const auto f = [](const Tensors& x) { return record<WrongAtFour>({x[0]}); };
  CheckOptions options;
  options.entries = 1;
  const std::vector<CheckResult> results = check_derivatives(f, {random_array({500})}, options);
  BOOST_TEST(failed(results, "finite difference", 1));
}

BOOST_AUTO_TEST_CASE(a_slope_that_is_not_on_the_tape_is_wrong_at_order_2) {
  const auto f = [](const Tensors& x) { return record<ForgetfulTanh>({x[0]}); };
  const std::vector<CheckResult> results = check_derivatives(f, {random_array({5})});
  BOOST_TEST(!failed(results, "finite difference", 1));
  BOOST_TEST(failed(results, "finite difference", 2));
}

BOOST_AUTO_TEST_CASE(a_wrong_forward_rule_breaks_the_adjoint_identity) {
  const auto f = [](const Tensors& x) { return square(record<WrongForward>({x[0]})); };
  const std::vector<CheckResult> results = check_derivatives(f, {random_array({5})});
  BOOST_TEST(!failed(results, "finite difference", 1));
  BOOST_TEST(!failed(results, "finite difference", 2));
  BOOST_TEST(failed(results, "adjoint", 1));
  BOOST_TEST(failed(results, "forward over reverse", 2));
  BOOST_TEST(failed(results, "reverse over forward", 2));
}

BOOST_AUTO_TEST_CASE(an_op_that_the_planner_may_confuse_is_caught) {
  const auto f = [](const Tensors& x) {
    return tanh(record(SecretScale(2), {x[0]})) * record(SecretScale(3), {x[0]});
  };
  const std::vector<CheckResult> results = check_derivatives(f, {random_array({5})});
  BOOST_TEST(failed(results, "planned", 1));
}

BOOST_AUTO_TEST_CASE(nan_fails) {
  const auto f = [](const Tensors& x) { return sqrt(x[0]); };
  for (const CheckResult& result : check_derivatives(f, {array_of({1, -1, 2})})) {
    BOOST_TEST(!result.ok, str(result));
    BOOST_TEST(std::isnan(result.error));
  }
}

BOOST_AUTO_TEST_CASE(a_step_across_a_kink_is_no_failure) {
  // The inputs lie 3e-5 from the kink of relu. The first step reaches across it, the last does not.
  const auto f = [](const Tensors& x) { return relu(x[0]); };
  for (const CheckResult& result : check_derivatives(f, {array_of({3e-5, -3e-5, 1})}))
    BOOST_TEST(result.ok, str(result));
}

BOOST_AUTO_TEST_CASE(a_model_with_labels_passes) {
  const auto loss = [](const Tensors& x) {
    const Tensor h = tanh(matmul(x[2], x[0]) + x[1]);
    return cross_entropy(matmul(h, x[3]), x[4]);
  };
  const Array labels = Array::from(std::vector<std::int32_t>{0, 2, 1, 1}, {4});
  const std::vector<Array> inputs{random_array({6, 8}), random_array({8}), random_array({4, 6}),
                                  random_array({8, 3}), labels};
  for (const CheckResult& result : check_derivatives(loss, inputs))
    BOOST_TEST(result.ok, str(result));
}

BOOST_AUTO_TEST_CASE(float32_has_wide_tolerances) {
  const auto f = [](const Tensors& x) { return tanh(matmul(x[0], x[1])); };
  const std::vector<Array> inputs{random_array({2, 3}, DType::f32),
                                  random_array({3, 2}, DType::f32, 2)};
  for (const CheckResult& result : check_derivatives(f, inputs)) BOOST_TEST(result.ok, str(result));
}

BOOST_AUTO_TEST_CASE(inputs_that_cannot_be_checked) {
  const auto f = [](const Tensors& x) { return x; };
  const Array x = random_array({2}), labels = Array::zeros({2}, DType::i32);
  CheckOptions options;
  options.order = 4;
  BOOST_TEST(error_of([&] { check_derivatives(f, {x}, options); }) ==
             "[check] order must be 1, 2 or 3, was 4");
  BOOST_TEST(error_of([&] { check_derivatives(f, {labels}); }) ==
             "[check] none of the 1 inputs is f32 or f64");
  BOOST_TEST(error_of([&] {
               check_derivatives(f, {x, x.cast(DType::f32)});
             }) == "[check] inputs need one float dtype, not f64 and f32");
  BOOST_TEST(error_of([&] {
               check_derivatives([](const Tensors& all) { return all[1]; }, {x, labels});
             }) == "[check] the function has no output of dtype f32 or f64");
}

BOOST_AUTO_TEST_SUITE_END()
