// Tests the methods of gradient regularization against each other, against finite differences of
// the engine's gradient, and for their orders of error and their identities.
#include "optim/gradient_regularization.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "tests/optim/problem.h"

using namespace twice;
using namespace twice::optim_test;

namespace {

/// The results of a method at the problem's parameters.
struct Result {
  double loss;
  Numbers plain, gradient;
};

Result run(Problem& problem, std::string_view name, const MethodOptions& options = {}) {
  const Estimate e =
      method(name)([&](const Tensors& at) { return problem.loss(at); }, problem.w, options);
  Plan plan{e.loss, e.plain, e.gradient};
  plan.run();
  return {plan.value(e.loss).item(), numbers_of(plan.values(e.plain)),
          numbers_of(plan.values(e.gradient))};
}

/// The engine's gradient of the loss at w + step. The parameters are moved for it.
Numbers gradient_moved(Problem& problem, const Numbers& step) {
  const Tensors g = grad(problem.loss(problem.w), problem.w);
  std::vector<Array> before;
  std::size_t next = 0;
  for (const Array& w : problem.arrays) {
    before.push_back(w.clone());
    for (Index i = 0; i < w.elements(); ++i) w.set(i, w.at(i) + step[next++]);
  }
  Plan plan{g};
  plan.run();
  const Numbers result = numbers_of(plan.values(g));
  for (std::size_t p = 0; p < before.size(); ++p) copy(before[p], problem.arrays[p]);
  return result;
}

Numbers scaled(double a, const Numbers& x) { return combined(a, x, 0, x); }

}  // namespace

BOOST_AUTO_TEST_SUITE(gradient_regularization)

BOOST_AUTO_TEST_CASE(every_method_logs_the_first_pass) {
  Problem problem(3);
  const Result reference = run(problem, "sgd");
  BOOST_TEST(reference.plain == reference.gradient, boost::test_tools::per_element());
  for (const Method& m : methods()) {
    const Result r = run(problem, m.name);
    BOOST_TEST(r.loss == reference.loss, m.name);
    BOOST_TEST((r.plain == reference.plain), m.name);
    BOOST_TEST(norm(r.gradient) > 0, m.name);
  }
}

BOOST_AUTO_TEST_CASE(plain_gradient_is_the_slope_of_the_loss) {
  Problem problem(3);
  const Result r = run(problem, "sgd");
  const Tensor loss = problem.loss(problem.w);
  Plan plan{loss};
  std::size_t next = 0;
  for (const Array& w : problem.arrays)
    for (Index i = 0; i < w.elements(); ++i, ++next) {
      const double at = w.at(i), h = 1e-5;
      w.set(i, at + h);
      plan.run();
      const double up = plan.value(loss).item();
      w.set(i, at - h);
      plan.run();
      const double down = plan.value(loss).item();
      w.set(i, at);
      BOOST_TEST(std::abs((up - down) / (2 * h) - r.plain[next]) < 1e-9);
    }
}

BOOST_AUTO_TEST_CASE(exact_and_exact_naive_agree) {
  for (int depth = 1; depth <= 4; ++depth) {
    Problem problem(depth);
    const MethodOptions options{.gamma = 0.7};
    const Result a = run(problem, "exact", options), b = run(problem, "exact-naive", options);
    BOOST_TEST(relative_error(a.gradient, b.gradient) < 1e-12);
    // The penalty changes the gradient by more than the tolerance.
    BOOST_TEST(relative_error(a.plain, b.gradient) > 1e-2);
  }
}

BOOST_AUTO_TEST_CASE(exact_hessian_product_is_the_difference_of_gradients) {
  Problem problem(3);
  const Result r = run(problem, "exact", {.gamma = 1});
  const Numbers Hg = combined(1, r.gradient, -1, r.plain);
  const double h = 1e-5;
  const Numbers difference =
      scaled(1 / (2 * h), combined(1, gradient_moved(problem, scaled(h, r.plain)), -1,
                                   gradient_moved(problem, scaled(-h, r.plain))));
  BOOST_TEST(relative_error(difference, Hg) < 1e-8);
}

// The perturbation of the weights depends on the loss's inputs through g. If the loss contains a
// derivative with respect to its inputs, this derivative must treat the perturbation as constant.
BOOST_AUTO_TEST_CASE(a_loss_with_a_derivative_by_its_inputs) {
  const std::vector<Array> start = {Array::from(std::vector<double>{0.4, -0.7, 1.1}, {1, 3}),
                                    Array::from(std::vector<double>{0.9, 0.3, -0.5}, {3, 1})};
  const Array inputs = Array::from(std::vector<double>{-1, -0.3, 0.2, 0.8}, {4, 1});
  const auto run_at = [&](const std::vector<Array>& at, const auto& record) {
    Tape tape;
    const Tensor x = tape.parameter(inputs, "x");
    Tensors w;
    for (const Array& array : at) w.push_back(tape.parameter(array, "w"));
    const Tensors result = record(
        [&](const Tensors& v) {
          const Tensor u = matmul(tanh(matmul(x, v[0])), v[1]);
          return mean(square(grad(sum(u), Tensors{x})[0] + u - 1));
        },
        w);
    Plan plan{result};
    plan.run();
    return numbers_of(plan.values(result));
  };
  const auto gradient = [](const ScalarFunction& loss, const Tensors& w) {
    return grad(loss(w), w);
  };
  const double step = 0.01;
  const Numbers g = run_at(start, gradient);
  const auto moved = [&](double by) {
    std::vector<Array> at;
    for (std::size_t p = 0, next = 0; p < start.size(); ++p) {
      at.push_back(start[p].clone());
      for (Index i = 0; i < at[p].elements(); ++i) at[p].set(i, at[p].at(i) + by * g[next++]);
    }
    return run_at(at, gradient);
  };
  const Numbers ahead = moved(step), behind = moved(-step),
                Hg = scaled(1 / (2 * step), combined(1, ahead, -1, behind));
  const auto by_method = [&](std::string_view name) {
    return run_at(start, [&](const ScalarFunction& loss, const Tensors& w) {
      return method(name)(loss, w, {.gamma = 1, .epsilon = step}).gradient;
    });
  };
  BOOST_TEST(relative_error(by_method("c-gr"), combined(1, g, 1, Hg)) < 1e-10);
  BOOST_TEST(relative_error(by_method("f-gr"),
                            combined(1, g, 1 / step, combined(1, ahead, -1, g))) < 1e-10);
  BOOST_TEST(relative_error(run_at(start,
                                   [&](const ScalarFunction& loss, const Tensors& w) {
                                     return hvp(loss, w, gradient(loss, w),
                                                HvpMode::finite_difference, step);
                                   }),
                            Hg) < 1e-10);
}

BOOST_AUTO_TEST_CASE(finite_difference_errors_fall_at_their_order) {
  Problem problem(3);
  const auto error = [&](std::string_view name, double epsilon) {
    const MethodOptions options{.gamma = 1, .epsilon = epsilon};
    const Result estimate = run(problem, name, options), exact = run(problem, "exact", options);
    return relative_error(combined(1, estimate.gradient, -1, estimate.plain),
                          combined(1, exact.gradient, -1, exact.plain));
  };
  for (const char* name : {"f-gr", "b-gr", "f-gr-normalized", "b-gr-normalized"}) {
    const double ratio = error(name, 1e-3) / error(name, 1e-4);
    BOOST_TEST_MESSAGE(name << ": error " << error(name, 1e-4) << " at 1e-4, ratio " << ratio);
    BOOST_TEST((ratio > 9 && ratio < 11), name << ": ratio " << ratio);
  }
  for (const char* name : {"c-gr", "c-gr-normalized"}) {
    const double ratio = error(name, 1e-2) / error(name, 1e-3);
    BOOST_TEST_MESSAGE(name << ": error " << error(name, 1e-3) << " at 1e-3, ratio " << ratio);
    BOOST_TEST((ratio > 90 && ratio < 110), name << ": ratio " << ratio);
  }
}

BOOST_AUTO_TEST_CASE(finite_differences_are_their_equations) {
  // The step is so large that a wrong sign or factor shows.
  Problem problem(2);
  const double gamma = 0.3, eps = 0.5;
  const MethodOptions options{.gamma = gamma, .epsilon = eps};
  const Numbers g = run(problem, "sgd").plain;
  const auto check_step = [&](const std::string& suffix, double step) {
    const Numbers ahead = gradient_moved(problem, scaled(step, g)),
                  behind = gradient_moved(problem, scaled(-step, g));
    const double c = gamma / step;
    BOOST_TEST(relative_error(run(problem, "f-gr" + suffix, options).gradient,
                              combined(1 - c, g, c, ahead)) < 1e-13);
    BOOST_TEST(relative_error(run(problem, "b-gr" + suffix, options).gradient,
                              combined(1 + c, g, -c, behind)) < 1e-13);
    BOOST_TEST(relative_error(run(problem, "c-gr" + suffix, options).gradient,
                              combined(1, g, c / 2, combined(1, ahead, -1, behind))) < 1e-13);
    // B-GR is F-GR with the opposite step, and C-GR is the mean of both.
    const Numbers mean = combined(0.5, run(problem, "f-gr" + suffix, options).gradient, 0.5,
                                  run(problem, "b-gr" + suffix, options).gradient);
    BOOST_TEST(relative_error(run(problem, "c-gr" + suffix, options).gradient, mean) < 1e-13);
  };
  check_step("", eps);
  check_step("-normalized", eps / norm(g));
}

BOOST_AUTO_TEST_CASE(backward_is_forward_with_a_negative_step) {
  Problem problem(3);
  const double eps = 0.2;
  // The recording functions accept any step. Only the public call refuses a negative one.
  const Method& f = method("f-gr");
  const auto loss = [&](const Tensors& at) { return problem.loss(at); };
  const Estimate turned = f.record(loss, problem.w, {.gamma = 0.4, .epsilon = -eps});
  Plan plan{turned.gradient};
  plan.run();
  BOOST_TEST(relative_error(run(problem, "b-gr", {.gamma = 0.4, .epsilon = eps}).gradient,
                            numbers_of(plan.values(turned.gradient))) < 1e-14);
}

BOOST_AUTO_TEST_CASE(sam_is_forward_difference_with_gamma_equal_to_epsilon) {
  Problem problem(3);
  const Numbers g = run(problem, "sgd").plain;

  const double eps = 0.3;
  BOOST_TEST(relative_error(run(problem, "f-gr", {.gamma = eps, .epsilon = eps}).gradient,
                            gradient_moved(problem, scaled(eps, g))) < 1e-13);

  const double rho = 0.2, step = rho / norm(g);
  const Numbers sam = run(problem, "sam", {.rho = rho}).gradient;
  BOOST_TEST(relative_error(sam, gradient_moved(problem, scaled(step, g))) < 1e-13);
  BOOST_TEST(relative_error(sam, run(problem, "f-gr", {.gamma = step, .epsilon = step}).gradient) <
             1e-13);
}

BOOST_AUTO_TEST_CASE(asam_scales_the_step_by_the_parameters) {
  Problem problem(2);
  const double rho = 0.3, eta = 0.1;
  const Numbers g = run(problem, "sgd").plain, w = numbers_of(problem.arrays);
  for (double e : {0.0, eta}) {
    Numbers Tg = g, step = g;
    for (std::size_t i = 0; i < g.size(); ++i) Tg[i] = (std::abs(w[i]) + e) * g[i];
    for (std::size_t i = 0; i < g.size(); ++i)
      step[i] = rho * (std::abs(w[i]) + e) * Tg[i] / norm(Tg);
    BOOST_TEST(relative_error(run(problem, "asam", {.rho = rho, .asam_eta = e}).gradient,
                              gradient_moved(problem, step)) < 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(pgn_mixes_the_two_gradients) {
  Problem problem(2);
  const double rho = 0.2;
  const Result plain = run(problem, "sgd");
  const Numbers sam = run(problem, "sam", {.rho = rho}).gradient;
  BOOST_TEST(relative_error(run(problem, "pgn", {.gamma = rho, .rho = rho}).gradient, sam) < 1e-14);
  BOOST_TEST(relative_error(run(problem, "pgn", {.gamma = 0.3 * rho, .rho = rho}).gradient,
                            combined(0.7, plain.plain, 0.3, sam)) < 1e-14);
}

BOOST_AUTO_TEST_CASE(flooding_changes_sign_at_its_level) {
  Problem problem(2);
  const Result plain = run(problem, "sgd");
  const auto at_level = [&](double level) {
    return run(problem, "flooding", {.flood_level = level}).gradient;
  };
  BOOST_TEST((at_level(0.5 * plain.loss) == plain.plain));
  BOOST_TEST((at_level(2 * plain.loss) == scaled(-1, plain.plain)));
  BOOST_TEST(norm(at_level(plain.loss)) == 0);
}

BOOST_AUTO_TEST_CASE(two_flooding_steps_are_one_step_of_f_gr) {
  // If the loss crosses the level from below, the two steps together give
  // w_(t+2) = w_t - eta^2 [g(w + eta g) - g] / eta, where g(w) is the gradient at w.
  Problem problem(2);
  const double eta = 0.1;
  const Result plain = run(problem, "sgd");
  const Numbers ahead = gradient_moved(problem, scaled(eta, plain.plain));
  const MethodOptions options{.gamma = 1, .epsilon = eta};
  const Numbers f_gr = run(problem, "f-gr", options).gradient;

  const double level = plain.loss * (1 + 1e-6);
  const Numbers start = numbers_of(problem.arrays);
  for (int step = 0; step < 2; ++step) {
    const Numbers G = run(problem, "flooding", {.flood_level = level}).gradient;
    std::size_t next = 0;
    for (const Array& w : problem.arrays)
      for (Index i = 0; i < w.elements(); ++i) w.set(i, w.at(i) - eta * G[next++]);
  }
  const Numbers moved = combined(1, numbers_of(problem.arrays), -1, start);
  BOOST_TEST(relative_error(moved, scaled(-eta * eta, combined(1, f_gr, -1, plain.plain))) < 1e-10);
}

BOOST_AUTO_TEST_CASE(zero_gradient_gives_zero_and_not_nan) {
  for (DType dtype : {DType::f32, DType::f64}) {
    Tape tape;
    const Tensors w{tape.parameter(Array::zeros({3}, dtype)),
                    tape.parameter(Array::zeros({2, 2}, dtype))};
    const auto loss = [](const Tensors& at) { return sum(square(at[0])) + sum(square(at[1])); };
    for (const Method& m : methods()) {
      const Estimate e = m(loss, w);
      Plan plan{e.gradient};
      plan.run();
      for (double v : numbers_of(plan.values(e.gradient))) BOOST_TEST(v == 0, m.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(nan_in_a_parameter_shows_in_every_gradient) {
  for (const Method& m : methods()) {
    Problem problem(2);
    problem.arrays[0].set(0, std::nan(""));
    BOOST_TEST(std::isnan(norm(run(problem, m.name).gradient)), m.name);
  }
}

BOOST_AUTO_TEST_CASE(float32_agrees_with_float64) {
  Problem single(3, DType::f32), exact(3);
  for (const Method& m : methods()) {
    const MethodOptions options{.gamma = 0.1, .epsilon = 0.05, .flood_level = 0.1};
    const double error =
        relative_error(run(single, m.name, options).gradient, run(exact, m.name, options).gradient);
    BOOST_TEST(error < 1e-5, m.name << ": " << error);
  }
}

BOOST_AUTO_TEST_CASE(bad_options_are_one_clear_line) {
  Problem problem(1);
  const auto loss = [&](const Tensors& at) { return problem.loss(at); };
  const auto text = [&](const MethodOptions& options) {
    return error_of([&] { method("f-gr")(loss, problem.w, options); });
  };
  BOOST_TEST(text({.epsilon = 0}) == "[method] epsilon must be finite and > 0, was 0");
  BOOST_TEST(text({.epsilon = -0.1}) == "[method] epsilon must be finite and > 0, was -0.1");
  BOOST_TEST(text({.gamma = -1}) == "[method] gamma must be finite and >= 0, was -1");
  BOOST_TEST(text({.gamma = std::nan("")}) == "[method] gamma must be finite and >= 0, was nan");
  BOOST_TEST(text({.rho = 0}) == "[method] rho must be finite and > 0, was 0");
  BOOST_TEST(text({.asam_eta = -1}) == "[method] asam_eta must be finite and >= 0, was -1");
  BOOST_TEST(text({.flood_level = INFINITY}) == "[method] flood_level must be finite, was inf");
  BOOST_TEST(error_of([&] { method("sgd")(loss, Tensors{}); }) ==
             "[method] sgd was given no parameters");
  BOOST_TEST(error_of([] { method("h-gr"); }) ==
             "[method] there is no method 'h-gr'; the methods are sgd, exact, exact-naive, f-gr, "
             "b-gr, c-gr, f-gr-normalized, b-gr-normalized, c-gr-normalized, sam, asam, pgn, "
             "flooding");
}

BOOST_AUTO_TEST_CASE(an_estimate_must_fit_the_parameters) {
  Problem problem(1);
  const auto text = [&](const Estimate& estimate) {
    Method mine{.name = "mine"};
    mine.record_in = [&](const MethodContext&) { return estimate; };
    return error_of([&] { mine([&](const Tensors& w) { return problem.loss(w); }, problem.w); });
  };
  const Tensor loss = problem.loss(problem.w);
  const Tensors g = grad(loss, problem.w);
  const std::string shape = str(problem.w[0].spec());
  BOOST_TEST(text({loss, g, g}).empty());
  BOOST_TEST(text({{}, g, g}) == "[method] mine returns nothing as its loss; expected a scalar");
  BOOST_TEST(text({problem.x, g, g}) ==
             "[method] mine returns " + str(problem.x.spec()) + " as its loss; expected a scalar");
  BOOST_TEST(text({loss, {}, g}) ==
             fmt::format("[method] mine returns 0 tensors as its plain gradient; expected {}, one "
                         "for each parameter",
                         g.size()));
  Tensors wrong = g;
  wrong[0] = transpose(g[0]);
  BOOST_TEST(text({loss, g, wrong}) ==
             fmt::format("[method] mine returns {} as its gradient for parameter 0 ('{}'); "
                         "expected {}",
                         str(wrong[0].spec()),
                         problem.tape.name(problem.tape.node(problem.w[0].index())), shape));
}

// Without a RecordingScope of its own.
BOOST_AUTO_TEST_CASE(the_phases_of_a_method_are_those_of_its_derivatives) {
  Problem problem(2);
  std::vector<Phase> phases;
  Method mine{.name = "mine"};
  mine.record_in = [&](const MethodContext& c) -> Estimate {
    const Tensor loss = c.loss(c.w);
    const Tensors g = grad(loss, c.w);
    const Tensors moved = grad(loss + squared_norm(g), c.w);
    for (Tensor t : {loss, g[0], moved[0], 2 * moved[0]})
      phases.push_back(problem.tape.node(t.index()).phase);
    return {loss, g, moved};
  };
  mine([&](const Tensors& w) { return problem.loss(w); }, problem.w);
  const std::vector<Phase> expected = {Phase::forward, Phase::backward, Phase::double_backward,
                                       Phase::update};
  BOOST_CHECK(phases == expected);
}

BOOST_AUTO_TEST_SUITE_END()
