// Tests the errors of elementwise ops and of softmax and related ops against exact numbers, for
// inputs of every magnitude. Also tests special values and floating-point exceptions.
#include "experiments/commands/check/accuracy.h"

#include <boost/test/unit_test.hpp>
#include <cfenv>
#include <numbers>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/trigonometric.h"
#include "experiments/commands/check/check.h"
#include "experiments/commands/check/op_table.h"
#include "nn/losses.h"
#include "nn/models.h"
#include "optim/gradient_regularization.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

using UnaryOp = Tensor (*)(Tensor);

/// The derivative of f at x of the given order, computed in `dtype`.
template <class F>
double derivative(F f, double x, DType dtype, int order) {
  Tape tape;
  const Tensor input = tape.constant(array_of({x}, dtype));
  Tensor y = f(input);
  for (int i = 0; i < order; ++i) y = grad(y, {input}, full_like(y, 1))[0];
  return evaluate(y).at(0);
}

double derivative(UnaryOp f, double x, DType dtype, int order) {
  return derivative<UnaryOp>(f, x, dtype, order);
}

bool same_number(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

/// The relative error in units of the dtype's rounding.
double units_off(double y, double exact, DType dtype) {
  return std::abs(y - exact) / std::abs(exact) * (dtype == DType::f32 ? 0x1p24 : 0x1p53);
}

/// The first case of an op in the table.
const OpCase& case_of(const std::string& op) {
  return *std::find_if(op_table().begin(), op_table().end(),
                       [&](const OpCase& row) { return row.op == op; });
}

/// An op that is not in the table.
struct Unknown final : Elementwise<Unknown, 1> {
  std::string_view name() const override { return "unknown"; }
  template <class V>
  V eval(V x) const {
    return x;
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 1; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(accuracy)

BOOST_AUTO_TEST_CASE(errors_are_within_their_bounds) {
  const std::vector<AccuracyRow> rows = check_accuracy("", 300);
  BOOST_TEST(rows.size() > 250);
  BOOST_TEST(all_ok(rows), accuracy_report(rows));
}

BOOST_AUTO_TEST_CASE(a_wrong_number_is_found) {
  const auto function_of = [](const char* op) { return exact::exact_function(case_of(op)); };
  const exact::ExactFunction exp = function_of("exp"), log = function_of("log");
  const exact::ExactFunction sine = function_of("sin"), square = function_of("square");
  const auto error = [](const exact::ExactFunction& f, std::size_t order, double x, double y,
                        DType dtype) { return f({x}, dtype)(order, y, 0).error; };
  const double e = std::numbers::e, ulp = 0x1p-51;
  BOOST_TEST(error(exp, 0, 1, e, DType::f64) == 0);
  // An error of half a unit in x changes e by 0.68 units above x = 1 and by half as much below.
  BOOST_TEST(error(exp, 0, 1, e + 3 * ulp, DType::f64) > 1.9);
  BOOST_TEST(error(exp, 0, 1, e + 3 * ulp, DType::f64) < 3);
  BOOST_TEST(error(exp, 1, 1, e * (1 + 1e-6), DType::f32) > 5);
  BOOST_TEST(error(exp, 0, 88.5, infinite, DType::f32) > 1e4);
  BOOST_TEST(error(exp, 0, 1000, infinite, DType::f64) == 0);
  BOOST_TEST(error(exp, 0, 1, not_a_number, DType::f64) == infinite);
  BOOST_TEST(error(log, 0, -1, not_a_number, DType::f64) == 0);
  BOOST_TEST(error(log, 0, -1, 0, DType::f64) == infinite);
  BOOST_TEST(error(log, 0, 1e-310, -746.5, DType::f64) > 1e10);
  BOOST_TEST(error(square, 1, 3, 6, DType::f64) == 0);
  BOOST_TEST(error(square, 2, 3, 2.5, DType::f64) > 1e10);
  // A known example: sin(1e22) = -0.8522008497671888.
  BOOST_TEST(error(sine, 0, 1e22, -0.8522008497671888, DType::f64) == 0);
  BOOST_TEST(function_of("mul")({2, 3}, DType::f64)(4, 1, 0).error == 0);
  const OpCase unknown{
      "unknown", "", {normal({2})}, [](const Tensors& x) { return record<Unknown>({x[0]}); }};
  BOOST_TEST(error_of([&] { exact::exact_function(unknown); }) ==
             "[check] the row of the op table of 'unknown' has no definition");
}

BOOST_AUTO_TEST_CASE(rows_for_programs_and_people) {
  std::vector<AccuracyRow> rows = check_accuracy("sech2", 20);
  BOOST_TEST(rows.size() == 6);
  BOOST_TEST(accuracy_report(rows).ends_with("6 errors, 0 above their bounds\n"));
  rows[4].error = 1e9;
  rows[4].at = {2};
  rows[4].ok = false;
  BOOST_TEST(!all_ok(rows));
  const std::string report = accuracy_report(rows);
  BOOST_TEST(report.find("FAILED sech2 f64, slope at 2: ") != std::string::npos, report);
  BOOST_TEST(report.ends_with("6 errors, 1 above their bounds\n"), report);
  const Json json = rows;
  BOOST_TEST(json.size() == 6);
  BOOST_TEST(json[4]["op"] == "sech2");
  BOOST_TEST(json[4]["dtype"] == "f64");
  BOOST_TEST(json[4]["order"] == 1);
  BOOST_TEST(json[4]["ok"] == false);
  BOOST_TEST(accuracy_report({}).empty());
}

BOOST_AUTO_TEST_CASE(special_values) {
  struct Special {
    const char* name;
    UnaryOp f;
    /// The values at -infinity, -0, 0 and infinity.
    double values[4];
  };
  const Special list[] = {
      {"exp", exp, {0, 1, 1, infinite}},
      {"expm1", expm1, {-1, -0.0, 0, infinite}},
      {"log", log, {not_a_number, -infinite, -infinite, infinite}},
      {"log1p", log1p, {not_a_number, -0.0, 0, infinite}},
      {"erf", erf, {-1, -0.0, 0, 1}},
      {"normal_pdf", normal_pdf, {0, 0.3989422804014327, 0.3989422804014327, 0}},
      {"normal_cdf", normal_cdf, {0, 0.5, 0.5, 1}},
      {"sin", sin, {not_a_number, -0.0, 0, not_a_number}},
      {"cos", cos, {not_a_number, 1, 1, not_a_number}},
      {"tanh", tanh, {-1, -0.0, 0, 1}},
      {"sech2", sech2, {0, 1, 1, 0}},
      {"sigmoid", sigmoid, {0, 0.5, 0.5, 1}},
      {"softplus", softplus, {0, std::numbers::ln2, std::numbers::ln2, infinite}},
      {"silu", silu, {-0.0, -0.0, 0, infinite}},
      {"gelu", gelu, {0, -0.0, 0, infinite}},
      {"square", square, {infinite, 0, 0, infinite}},
      {"sqrt", sqrt, {not_a_number, -0.0, 0, infinite}},
      {"rsqrt", rsqrt, {not_a_number, -infinite, infinite, 0}},
      {"reciprocal", reciprocal, {-0.0, -infinite, infinite, 0}},
  };
  const double inputs[] = {-infinite, -0.0, 0, infinite};
  for (const Special& special : list)
    for (DType dtype : {DType::f32, DType::f64}) {
      for (std::size_t i = 0; i < 4; ++i) {
        const double y = derivative(special.f, inputs[i], dtype, 0);
        const double right = array_of({special.values[i]}, dtype).at(0);
        // The sign of a limit of 0 does not matter.
        const bool limit = std::isinf(inputs[i]) && right == 0;
        BOOST_TEST((limit ? y == 0 : same_number(y, right)),
                   special.name << " of " << inputs[i] << " is " << y);
      }
      BOOST_TEST(std::isnan(derivative(special.f, not_a_number, dtype, 0)), special.name);
    }
}

// Reported faults: each case once gave NaN, 0 or a number of the wrong magnitude.
BOOST_AUTO_TEST_CASE(numbers_that_were_wrong) {
  const DType f32 = DType::f32, f64 = DType::f64;
  for (double x : {1e62, 1e154, 1e300}) {
    BOOST_TEST(derivative(gelu, x, f64, 0) == x);
    BOOST_TEST(derivative(gelu, x, f64, 1) == 1);
    BOOST_TEST(std::abs(derivative(gelu, x, f64, 2)) == 0);
    BOOST_TEST(derivative(erf, x, f64, 0) == 1);
    BOOST_TEST(derivative(normal_cdf, x, f64, 0) == 1);
    BOOST_TEST(derivative(erf, -x, f64, 0) == -1);
  }
  for (double x : {3e13, 1e30, -3e13})
    for (int order : {2, 3}) BOOST_TEST(derivative(gelu_tanh, x, f32, order) == 0);
  const auto near = [](double y, double exact, DType dtype) {
    BOOST_TEST(units_off(y, exact, dtype) < 6, y << " instead of " << exact);
  };
  near(derivative(log, 1e-310, f64, 0), -713.8013788281542, f64);
  near(derivative(log1p, 1e-310, f64, 0), 1e-310, f64);
  near(derivative(exp, 88.5, f32, 0), 2.723088e38, f32);
  near(derivative(exp, -745, f64, 0), 0x1p-1074, f64);
  near(derivative(softplus, 40, f64, 2), 4.248354255291589e-18, f64);
  near(derivative(softplus, -40, f64, 2), 4.248354255291589e-18, f64);
  near(derivative(sigmoid, 20, f32, 1), 2.0611536e-9, f32);
  near(derivative(tanh, 20, f64, 1), 1.6993417021166356e-17, f64);
  near(derivative(tanh, 20, f64, 2), -3.398683404233271e-17, f64);
  near(derivative(expm1, -40, f64, 1), 4.248354255291589e-18, f64);
  const auto elu_1 = [](Tensor x) { return elu(x, 1); };
  near(derivative(elu_1, -40, f64, 1), 4.248354255291589e-18, f64);
  near(derivative(elu_1, -1e-10, f32, 0), -1e-10f, f32);
}

BOOST_AUTO_TEST_CASE(powers_have_the_special_cases_of_c) {
  const double numbers[] = {0,  -0.0, 1,   -1,  2,    -2,    0.5,      -0.5,      3,
                            -3, 2.5,  1e9, 7.0, 1e30, -1e30, infinite, -infinite, not_a_number};
  for (DType dtype : {DType::f32, DType::f64})
    for (double a : numbers)
      for (double p : numbers) {
        const double base = array_of({a}, dtype).at(0), power = array_of({p}, dtype).at(0);
        const double exact = array_of({std::pow(base, power)}, dtype).at(0);
        Tape tape;
        const Array both = evaluate(
            pow(tape.constant(array_of({base}, dtype)), tape.constant(array_of({power}, dtype))));
        const double one = derivative([&](Tensor x) { return pow(x, power); }, base, dtype, 0);
        for (double y : {both.at(0), one}) {
          const bool special = exact == 0 || !std::isfinite(exact);
          BOOST_TEST((special ? same_number(y, exact) : units_off(y, exact, dtype) <= 4),
                     base << "^" << power << " is " << y << ", not " << exact);
        }
      }
}

// Two logits with the difference x. With p = sigmoid(x) all derivatives are known.
BOOST_AUTO_TEST_CASE(losses_of_saturated_rows) {
  for (DType dtype : {DType::f32, DType::f64}) {
    const double x = dtype == DType::f32 ? 20 : 40, q = 1 / (1 + std::exp(x)), p = 1 - q;
    const auto near = [&](double y, double exact, const char* what) {
      BOOST_TEST(units_off(y, exact, dtype) < 16, what << ": " << y << " instead of " << exact);
    };
    for (int label : {0, 1}) {
      Tape tape;
      const Tensor logits = tape.constant(array_of({x, 0}, dtype).reshaped({1, 2}));
      const Array labels({1}, DType::i32);
      labels.set(0, label);
      const Tensor loss = cross_entropy(logits, tape.constant(labels));
      const Tensor g = grad(loss, {logits})[0];
      near(evaluate(loss).item(), label == 0 ? std::log1p(std::exp(-x)) : x, "cross-entropy");
      const double slope = label == 0 ? -q : p;
      near(evaluate(g).at(0), slope, "slope");
      near(evaluate(g).at(1), -slope, "slope");
      const Tensor v = tape.constant(array_of({1, 0.25}, dtype).reshaped({1, 2}));
      const Tensor h = grad(g, {logits}, v)[0], third = grad(h, {logits}, v)[0];
      near(evaluate(h).at(0), 0.75 * p * q, "H v");
      near(evaluate(h).at(1), -0.75 * p * q, "H v");
      near(evaluate(third).at(0), 0.75 * 0.75 * p * q * (q - p), "third derivative");
      near(evaluate(third).at(1), -0.75 * 0.75 * p * q * (q - p), "third derivative");
      const Tensor soft = soft_cross_entropy(logits, one_hot(tape.constant(labels), 2, dtype));
      near(evaluate(soft).item(), label == 0 ? std::log1p(std::exp(-x)) : x, "soft cross-entropy");
      const Tensor soft_g = grad(soft, {logits})[0], soft_h = grad(soft_g, {logits}, v)[0];
      near(evaluate(soft_g).at(0), slope, "slope of soft cross-entropy");
      near(evaluate(soft_g).at(1), -slope, "slope of soft cross-entropy");
      near(evaluate(soft_h).at(0), 0.75 * p * q, "H v of soft cross-entropy");
    }
    const auto binary = [&](double target) {
      return
          [=](Tensor z) { return binary_cross_entropy(z, full_like(z, target), Reduction::none); };
    };
    near(derivative(binary(1), x, dtype, 0), std::log1p(std::exp(-x)), "binary");
    near(derivative(binary(1), x, dtype, 1), -q, "slope of binary");
    near(derivative(binary(1), x, dtype, 2), p * q, "curvature of binary");
    near(derivative(binary(0), -x, dtype, 1), q, "slope of binary");
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(floating_point_exceptions)

namespace {

/// The names of the floating-point exceptions that `work` raises. Empty if there are none.
template <class Work>
std::string raised(const Work& work) {
  const Threads one(1);  // each thread has its own flags
  std::feclearexcept(FE_ALL_EXCEPT);
  work();
  std::string names;
  if (std::fetestexcept(FE_INVALID)) names += "invalid ";
  if (std::fetestexcept(FE_DIVBYZERO)) names += "division by zero ";
  if (std::fetestexcept(FE_OVERFLOW)) names += "overflow ";
  return names;
}

void run_to_third_order(const OpCase& row, DType dtype) {
  Tape tape;
  Tensors x, floats, all;
  for (const Array& array : row.draw()) {
    x.push_back(tape.parameter(is_float(array.dtype()) ? array.cast(dtype) : array));
    if (is_float(array.dtype())) floats.push_back(x.back());
  }
  for (Tensor y : row.function(x))
    if (is_float(y.dtype())) all.push_back(y);
  Tensors y = all;
  for (int order = 1; order <= 3; ++order) {
    Tensors ones;
    for (Tensor t : y) ones.push_back(full_like(t, 1));
    y = grad(y, floats, ones);
    all.insert(all.end(), y.begin(), y.end());
  }
  Plan plan{all};
  plan.run();
}

/// Takes three steps of gradient descent with a method's gradient.
void train(const Model& model, const Method& method, DType dtype) {
  std::vector<Array> weights = model.initial_parameters(Rng(1), dtype);
  Tape tape;
  const Tensors w = model.parameters(tape, weights);
  Shape shape{7};
  for (Index size : model.input()) shape.push_back(size);
  const Array images(shape, dtype), targets(Shape{7, 1}, dtype), classes(Shape{7}, DType::i32);
  fill_normal(Rng(2), 0, 1, images);
  fill_normal(Rng(3), 0, 1, targets);
  const auto loss = [&](const Tensors& at) {
    ForwardPass pass;
    pass.dropout = [&] { return DropoutKey{Rng(13), tape.constant(4, DType::i32)}; };
    const Tensor y = model(at, tape.constant(images), pass);
    if (y.size(1) == 1) return quarter_mse(y, tape.constant(targets));
    for (Index i = 0; i < 7; ++i) classes.set(i, static_cast<double>(i * i % y.size(1)));
    return cross_entropy(y, tape.constant(classes));
  };
  const Tensors g = method(loss, w, MethodOptions{0.3, 0.05, 0.05, 0.01, 0.05}).gradient;
  Plan plan{g};
  for (int step = 0; step < 3; ++step) {
    plan.run();
    const std::vector<Array> slopes = plan.values(g);
    for (std::size_t i = 0; i < weights.size(); ++i)
      for (Index e = 0; e < weights[i].elements(); ++e)
        weights[i].set(e, weights[i].at(e) - 0.01 * slopes[i].at(e));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(no_op_raises_an_exception) {
  for (const OpCase& row : op_table())
    for (DType dtype : {DType::f32, DType::f64}) {
      const std::string names = raised([&] { run_to_third_order(row, dtype); });
      BOOST_TEST(names.empty(), row.op << ", " << row.label << ", " << str(dtype) << ": " << names);
    }
}

// The sizes are odd, so that every kernel has lanes and tiles without data.
BOOST_AUTO_TEST_CASE(no_training_step_raises_an_exception) {
  std::vector<Model> models;
  for (const char* activation : {"relu", "tanh", "gelu", "silu", "sigmoid", "softplus", "elu"})
    for (Index classes : {8, 10, 3})
      models.push_back(mlp({.inputs = 5,
                            .width = 17,
                            .depth = 3,
                            .outputs = classes,
                            .activation = activation,
                            .dropout = 0.3}));
  for (Index classes : {8, 10, 3}) {
    models.push_back(cnn({.input = {9, 7, 3}, .channels = 5, .classes = classes}));
    models.push_back(resnet({.input = {7, 9, 3}, .channels = 5, .classes = classes}));
    models.push_back(resnet({.input = {8, 8, 1},
                             .channels = 17,
                             .classes = classes,
                             .pre_activation = true,
                             .normalization = Normalization::layer,
                             .shortcut = Shortcut::pad}));
  }
  models.push_back(dln({.inputs = 17, .alpha = 0.5}));
  for (const Model& model : models)
    for (const Method& m : methods())
      for (DType dtype : {DType::f32, DType::f64}) {
        const std::string names = raised([&] { train(model, m, dtype); });
        BOOST_TEST(names.empty(), model.name()
                                      << ", " << m.name << ", " << str(dtype) << ": " << names);
      }
}

BOOST_AUTO_TEST_SUITE_END()
