// Tests the optimisers against their formulas, implemented again for one number, and against
// results by hand. Also tests that their memory is restored exactly, threads, and errors.
#include "optim/optimizers.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

#include "autodiff/kernels/random.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/threads/parallel.h"
#include "tests/optim/problem.h"

using namespace twice;
using namespace twice::optim_test;

namespace {

using Arrays = std::vector<Array>;

Array normals(const Shape& shape, std::uint64_t use, DType dtype = DType::f64) {
  Array out(shape, dtype);
  fill_normal(Rng(3, 0, use), 0, 1, out);
  return out;
}

/// An optimiser of one number by the formulas of its paper, independent of the library's code.
struct Reference {
  OptimizerOptions o;
  double w, v = 0, m = 0, s = 0;
  int t = 0;

  void step(double g, double lr) {
    ++t;
    const double lambda = o.weight_decay, old = w;
    if (o.name == "sgd") {
      if (!o.decoupled) g += lambda * w;
      v = t == 1 ? g : o.momentum * v + g;
      w = old - lr * (o.nesterov ? g + o.momentum * v : v);
      if (o.decoupled) w -= lr * lambda * old;
      return;
    }
    if (o.name == "adam") g += lambda * w;
    m = o.beta1 * m + (1 - o.beta1) * g;
    s = o.beta2 * s + (1 - o.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(o.beta1, t)), s_hat = s / (1 - std::pow(o.beta2, t));
    w = old - lr * m_hat / (std::sqrt(s_hat) + o.epsilon);
    if (o.name == "adamw") w -= lr * lambda * old;
  }
};

std::vector<OptimizerOptions> kinds() {
  return {
      {.name = "sgd"},
      {.name = "sgd", .weight_decay = 0.1, .decoupled = true},
      {.name = "sgd", .weight_decay = 0.1, .decoupled = false},
      {.name = "sgd", .momentum = 0.9},
      {.name = "sgd", .momentum = 0.9, .weight_decay = 0.1, .decoupled = true},
      {.name = "sgd", .momentum = 0.9, .weight_decay = 0.1, .decoupled = false},
      {.name = "sgd", .momentum = 0.9, .nesterov = true, .weight_decay = 0.1, .decoupled = true},
      {.name = "sgd", .momentum = 0.9, .nesterov = true, .weight_decay = 0.1, .decoupled = false},
      {.name = "adam"},
      {.name = "adam", .weight_decay = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3},
      {.name = "adamw", .weight_decay = 0.1},
  };
}

double rate(int step) { return 0.05 / (1 + step); }

/// Takes `count` steps with random gradients, from step `first` on.
void advance(Optimizer& optimizer, const Arrays& w, int first, int count) {
  for (int step = first; step < first + count; ++step) {
    Arrays g;
    for (std::size_t p = 0; p < w.size(); ++p)
      g.push_back(
          normals(w[p].shape(), 100 + 10 * static_cast<std::uint64_t>(step) + p, w[p].dtype()));
    optimizer.update(w, g, rate(step));
  }
}

Arrays start(DType dtype = DType::f64) {
  return {normals({3, 5}, 0, dtype), normals({5}, 1, dtype), normals({}, 2, dtype)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizers)

BOOST_AUTO_TEST_CASE(ten_steps_equal_the_formulas) {
  for (const OptimizerOptions& o : kinds()) {
    const Arrays w = start();
    std::vector<std::vector<Reference>> references;
    for (const Array& array : w) {
      references.emplace_back();
      for (double v : array.to_vector()) references.back().push_back({o, v});
    }
    Optimizer optimizer(o);
    for (int step = 0; step < 10; ++step) {
      advance(optimizer, w, step, 1);
      for (std::size_t p = 0; p < w.size(); ++p) {
        const auto use = 100 + 10 * static_cast<std::uint64_t>(step) + p;
        const Array g = normals(w[p].shape(), use);
        for (Index i = 0; i < w[p].elements(); ++i) {
          Reference& r = references[p][static_cast<std::size_t>(i)];
          r.step(g.at(i), rate(step));
          BOOST_TEST(std::abs(w[p].at(i) - r.w) <= 1e-14 * (1 + std::abs(r.w)),
                     o.name << " step " << step << ": " << w[p].at(i) << " for " << r.w);
        }
      }
    }
    BOOST_TEST(optimizer.steps() == 10);
  }
}

BOOST_AUTO_TEST_CASE(sgd_by_hand) {
  // With w = 1, g = 0.5 in both steps, lr 0.1 and momentum 0.9, v is 0.5, then 0.95.
  const auto two_steps = [](const OptimizerOptions& o) {
    const Array w = Array::scalar(1, DType::f64), g = Array::scalar(0.5, DType::f64);
    Optimizer optimizer(o);
    for (int i = 0; i < 2; ++i) optimizer.update(Arrays{w}, Arrays{g});
    return w.item();
  };
  const double tiny = 1e-15;
  BOOST_TEST(std::abs(two_steps({.lr = 0.1}) - 0.9) < tiny);
  BOOST_TEST(std::abs(two_steps({.lr = 0.1, .momentum = 0.9}) - (1 - 0.05 - 0.095)) < tiny);
  // With Nesterov momentum the updates are 0.5 + 0.45, then 0.5 + 0.855.
  BOOST_TEST(std::abs(two_steps({.lr = 0.1, .momentum = 0.9, .nesterov = true}) -
                      (1 - 0.095 - 0.1355)) < tiny);
  // With coupled decay 0.2, the decayed gradient is 0.7 and w = 0.93. Then it is 0.686, v = 1.316
  // and w = 0.7984.
  BOOST_TEST(
      std::abs(two_steps({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.2, .decoupled = false}) -
               0.7984) < tiny);
  // With decoupled decay 0.2, w = 0.98 - 0.05 = 0.93, then 0.93 * 0.98 - 0.095 = 0.8164.
  BOOST_TEST(std::abs(two_steps({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.2}) - 0.8164) <
             tiny);
}

BOOST_AUTO_TEST_CASE(adam_by_hand) {
  // The corrected moments of the first step are g and g^2, so the step is lr g / (|g| + epsilon).
  const auto first_step = [](const OptimizerOptions& o) {
    const Array w = Array::scalar(1, DType::f64), g = Array::scalar(-4, DType::f64);
    Optimizer(o).update(Arrays{w}, Arrays{g});
    return w.item();
  };
  BOOST_TEST(std::abs(first_step({.name = "adam", .lr = 0.1, .epsilon = 1}) - 1.08) < 1e-14);
  BOOST_TEST(std::abs(first_step({.name = "adamw", .lr = 0.1, .weight_decay = 0.5, .epsilon = 1}) -
                      (0.95 + 0.08)) < 1e-14);
  // With coupled decay, the decayed gradient is -4 + 0.5 = -3.5 and the step lr 3.5 / 4.5.
  BOOST_TEST(std::abs(first_step({.name = "adam", .lr = 0.1, .weight_decay = 0.5, .epsilon = 1}) -
                      (1 + 0.1 * 3.5 / 4.5)) < 1e-14);
}

BOOST_AUTO_TEST_CASE(float32_follows_float64) {
  for (const OptimizerOptions& o : kinds()) {
    const Arrays w32 = start(DType::f32), w64 = start();
    Optimizer a(o), b(o);
    advance(a, w32, 0, 10);
    advance(b, w64, 0, 10);
    const double error = relative_error(numbers_of(w32), numbers_of(w64));
    BOOST_TEST(error < 1e-6, o.name << ": " << error);
  }
}

BOOST_AUTO_TEST_CASE(restored_state_continues_bit_for_bit) {
  for (DType dtype : {DType::f32, DType::f64})
    for (const OptimizerOptions& o : kinds()) {
      const Arrays straight = start(dtype), first = start(dtype);
      Optimizer uninterrupted(o), before(o), after(o);
      advance(uninterrupted, straight, 0, 10);

      advance(before, first, 0, 4);
      const auto state = before.state();
      BOOST_TEST(state.size() == (o.name != "sgd" ? 6u : o.momentum > 0 ? 3u : 0u));
      Arrays saved;
      for (const Array& w : first) saved.push_back(w.clone());
      after.restore(state, before.steps());
      advance(before, first, 4, 2);  // must not change the restored state
      advance(after, saved, 4, 6);

      BOOST_TEST(after.steps() == 10);
      for (std::size_t p = 0; p < saved.size(); ++p)
        BOOST_TEST(same_bits(saved[p], straight[p]), o.name);
      const auto end = uninterrupted.state(), resumed = after.state();
      BOOST_TEST_REQUIRE(end.size() == resumed.size());
      for (std::size_t i = 0; i < end.size(); ++i) {
        BOOST_TEST(end[i].first == resumed[i].first);
        BOOST_TEST(same_bits(end[i].second, resumed[i].second), end[i].first);
      }
    }
}

BOOST_AUTO_TEST_CASE(same_bits_at_any_thread_count) {
  const int before = threads();
  for (const OptimizerOptions& o : kinds()) {
    std::vector<Arrays> results;
    for (int count : {1, 2, 3}) {
      set_threads(count);
      const Arrays w{normals({3 * elements_per_tile + 17}, 0, DType::f32)};
      Optimizer optimizer(o);
      advance(optimizer, w, 0, 3);
      results.push_back(w);
    }
    BOOST_TEST(same_bits(results[0][0], results[1][0]), o.name);
    BOOST_TEST(same_bits(results[0][0], results[2][0]), o.name);
  }
  set_threads(before);
}

BOOST_AUTO_TEST_CASE(tape_parameters_are_updated_where_the_plan_reads_them) {
  Problem problem(2);
  const Tensor loss = problem.loss(problem.w);
  const Tensors g = grad(loss, problem.w);
  Plan step{loss, g};
  Optimizer sgd({.lr = 0.05, .momentum = 0.9});
  step.run();
  const double first = step.value(loss).item();
  for (int i = 0; i < 100; ++i) {
    step.run();
    sgd.update(problem.w, step.values(g));
  }
  step.run();
  BOOST_TEST(step.value(loss).item() < 0.5 * first);

  const Tensors not_parameters{problem.w[0], problem.w[1] + 0.0, problem.w[2], problem.w[3]};
  BOOST_TEST(error_of([&] {
               sgd.update(not_parameters, step.values(g));
             }).find("is not a parameter of the tape: it cannot be updated") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_options_are_one_clear_line) {
  const auto text = [](OptimizerOptions o) { return error_of([&] { Optimizer made(o); }); };
  BOOST_TEST(text({.name = "adan"}) ==
             "[optimizer] there is no optimizer 'adan'; the optimizers are sgd, adam, adamw");
  BOOST_TEST(text({.lr = -0.1}) == "[optimizer] lr must be finite and >= 0, was -0.1");
  BOOST_TEST(text({.lr = NAN}) == "[optimizer] lr must be finite and >= 0, was nan");
  BOOST_TEST(text({.momentum = 1}) == "[optimizer] momentum must be in [0, 1), was 1");
  BOOST_TEST(text({.weight_decay = -1}) ==
             "[optimizer] weight_decay must be finite and >= 0, was -1");
  BOOST_TEST(text({.name = "adam", .beta1 = 1}) == "[optimizer] beta1 must be in [0, 1), was 1");
  BOOST_TEST(text({.name = "adam", .beta2 = -1}) == "[optimizer] beta2 must be in [0, 1), was -1");
  BOOST_TEST(text({.name = "adam", .epsilon = 0}) ==
             "[optimizer] epsilon must be finite and > 0, was 0");
  BOOST_TEST(text({.nesterov = true}) ==
             "[optimizer] nesterov needs sgd with momentum > 0, was given sgd with momentum 0");
}

BOOST_AUTO_TEST_CASE(bad_arrays_change_nothing) {
  Optimizer sgd({.momentum = 0.9});
  const Arrays w{Array::filled({2}, DType::f64, 1), Array::filled({3}, DType::f64, 1)};
  const Array ok = Array::filled({2}, DType::f64, 1);
  const auto text = [&](const Arrays& g) { return error_of([&] { sgd.update(w, g); }); };
  BOOST_TEST(text({ok}) == "[optimizer] 2 parameters need one gradient each; 1 were given");
  BOOST_TEST(text({ok, ok}) ==
             "[optimizer] the gradient of parameter 1 must be f64 (3), was f64 (2)");
  BOOST_TEST(text({ok, Array::zeros({3}, DType::f32)}) ==
             "[optimizer] the gradient of parameter 1 must be f64 (3), was f32 (3)");
  BOOST_TEST(text({ok, Array{}}) == "[optimizer] parameter 1 or its gradient is empty");
  BOOST_TEST(error_of([&] { sgd.update(w, w, NAN); }) ==
             "[optimizer] lr must be finite and >= 0, was nan");
  for (double v : numbers_of(w)) BOOST_TEST(v == 1);
  BOOST_TEST(sgd.steps() == 0);

  sgd.update(w, w);
  BOOST_TEST(error_of([&] { sgd.update(Arrays{ok}, Arrays{ok}); }) ==
             "[optimizer] the state has 2 parameters; 1 were given");
  BOOST_TEST(error_of([&] {
               const Arrays turned{w[1], w[0]};
               sgd.update(turned, turned);
             }) == "[optimizer] state momentum.0 is f64 (2), but the parameter is f64 (3)");
}

BOOST_AUTO_TEST_CASE(bad_state_is_refused) {
  Optimizer adam({.name = "adam"}), sgd({.momentum = 0.9});
  const Arrays w = start();
  advance(adam, w, 0, 1);
  const auto state = adam.state();
  const auto text = [&](Optimizer& o, const std::vector<std::pair<std::string, Array>>& s,
                        std::int64_t steps = 1) { return error_of([&] { o.restore(s, steps); }); };
  BOOST_TEST(text(sgd, state) ==
             "[optimizer] state 'first_moment.0' was given where sgd expects 'momentum.0'");
  BOOST_TEST(text(adam, {state.begin(), state.end() - 1}) ==
             "[optimizer] adam with 2 arrays for each parameter cannot be restored from 5 arrays");
  BOOST_TEST(text(adam, {}) == "[optimizer] adam has a state after 1 steps, but none was given");
  BOOST_TEST(text(adam, state, -1) == "[optimizer] steps must be >= 0, was -1");
  BOOST_TEST(adam.state().size() == 6);
}

struct MomentumOptions {
  double keep = 0.5;
};

BOOST_AUTO_TEST_CASE(a_program_can_add_an_optimizer) {
  // w <- w - lr sign(m), m <- keep m + g.
  add_optimizer({.name = "sign",
                 .equation = "w <- w - lr sign(m)",
                 .memory = [](const OptimizerOptions&) { return std::vector<std::string>{"m"}; },
                 .update =
                     [](const ParameterUpdate& u) {
                       u.each<1>([&]<class T>(T) {
                         return
                             [lr = static_cast<T>(u.lr),
                              keep = static_cast<T>(u.options.own_options<MomentumOptions>().keep)](
                                 T& w, T g, T& m) {
                               m = keep * m + g;
                               w -= m > 0 ? lr : m < 0 ? -lr : T(0);
                             };
                       });
                     }});
  const Arrays w{Array::from(std::vector<double>{1.0, 1.0, 1.0, 1.0}, {4})};
  Optimizer own({.name = "sign", .lr = 0.25, .own = MomentumOptions{0.5}});
  own.update(w, Arrays{Array::from(std::vector<double>{1.0, -1.0, 0.0, 1.0}, {4})});
  own.update(w, Arrays{Array::from(std::vector<double>{0.0, 0.0, 0.0, -1.0}, {4})});
  const std::vector<double> expected = {0.5, 1.5, 1, 1};
  BOOST_TEST(w[0].to_vector() == expected, boost::test_tools::per_element());
  BOOST_TEST_REQUIRE(own.state().size() == 1);
  BOOST_TEST(own.state()[0].first == "m.0");
  Optimizer again({.name = "sign", .own = MomentumOptions{}});
  again.restore(own.state(), own.steps());
  const std::vector<double> memory = {0.5, -0.5, 0, -0.5};
  BOOST_TEST(again.state()[0].second.to_vector() == memory, boost::test_tools::per_element());

  BOOST_TEST(error_of([] { add_optimizer({.name = "sgd"}); }) ==
             "[optimizer] the optimizer 'sgd' exists already");
  BOOST_TEST(error_of([] { add_optimizer({.name = "none"}); }) ==
             "[optimizer] none has no `update`");
  add_optimizer({.name = "one-too-many", .equation = "", .update = [](const ParameterUpdate& u) {
                   u.each<1>([]<class T>(T) { return [](T&, T, T&) {}; });
                 }});
  Optimizer wrong({.name = "one-too-many"});
  BOOST_TEST(error_of([&] { wrong.update(w, w); }) ==
             "[optimizer] one-too-many has 0 memory arrays for each parameter; its update takes 1");
}

BOOST_AUTO_TEST_SUITE_END()
