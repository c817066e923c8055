// Tests learning-rate schedules at their characteristic points, and gradient clipping.
#include "optim/schedules.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/kernels/random.h"
#include "autodiff/threads/parallel.h"
#include "optim/clipping.h"
#include "tests/optim/problem.h"

using namespace twice;
using namespace twice::optim_test;

namespace {

bool close(double a, double b) { return std::abs(a - b) <= 1e-15 * (1 + std::abs(b)); }

}  // namespace

BOOST_AUTO_TEST_SUITE(schedules)

BOOST_AUTO_TEST_CASE(constant_stays) {
  const ScheduleOptions o{.name = "constant", .lr = 0.3};
  for (std::int64_t step : {0, 1, 99, 100, 1000}) BOOST_TEST(learning_rate(o, step, 100) == 0.3);
}

BOOST_AUTO_TEST_CASE(warm_up_is_a_straight_line_to_the_rate) {
  for (const char* name : {"constant", "step", "cosine"}) {
    const ScheduleOptions o{.name = name, .lr = 0.4, .warmup_steps = 4};
    for (std::int64_t step = 0; step < 4; ++step)
      BOOST_TEST(close(learning_rate(o, step, 100), 0.1 * static_cast<double>(step + 1)), name);
    BOOST_TEST(close(learning_rate(o, 4, 100), 0.4), name);
  }
  // The end of the run may cut the warm-up short.
  const ScheduleOptions o{.name = "cosine", .lr = 1, .warmup_steps = 10};
  BOOST_TEST(close(learning_rate(o, 4, 5), 0.5));
}

BOOST_AUTO_TEST_CASE(step_falls_at_its_milestones) {
  const ScheduleOptions o{.name = "step", .lr = 1, .factor = 0.1, .milestones = {0.5, 0.75}};
  BOOST_TEST(learning_rate(o, 0, 100) == 1);
  BOOST_TEST(learning_rate(o, 49, 100) == 1);
  BOOST_TEST(close(learning_rate(o, 50, 100), 0.1));
  BOOST_TEST(close(learning_rate(o, 74, 100), 0.1));
  BOOST_TEST(close(learning_rate(o, 75, 100), 0.01));
  BOOST_TEST(close(learning_rate(o, 99, 100), 0.01));
  // Milestones are fractions of the steps after the warm-up.
  ScheduleOptions late = o;
  late.warmup_steps = 20;
  BOOST_TEST(learning_rate(late, 59, 100) == 1);
  BOOST_TEST(close(learning_rate(late, 60, 100), 0.1));
}

BOOST_AUTO_TEST_CASE(cosine_falls_from_the_rate_to_the_last) {
  const ScheduleOptions o{.name = "cosine", .lr = 0.2, .final_lr = 0.02};
  BOOST_TEST(close(learning_rate(o, 0, 90), 0.2));
  BOOST_TEST(close(learning_rate(o, 30, 90), 0.02 + 0.18 * 0.75));
  BOOST_TEST(close(learning_rate(o, 45, 90), 0.11));
  BOOST_TEST(close(learning_rate(o, 60, 90), 0.02 + 0.18 * 0.25));
  BOOST_TEST(close(learning_rate(o, 90, 90), 0.02));
  BOOST_TEST(close(learning_rate(o, 1000, 90), 0.02));
  for (std::int64_t step = 1; step <= 90; ++step)
    BOOST_TEST(learning_rate(o, step, 90) < learning_rate(o, step - 1, 90));
  // The cosine runs over the steps after the warm-up.
  BOOST_TEST(close(learning_rate({.name = "cosine", .lr = 0.2, .warmup_steps = 10}, 55, 100), 0.1));
}

BOOST_AUTO_TEST_CASE(bad_options_are_one_clear_line) {
  const auto text = [](const ScheduleOptions& o, std::int64_t step = 0) {
    return error_of([&] { learning_rate(o, step, 10); });
  };
  BOOST_TEST(text({.name = "linear"}) ==
             "[schedule] there is no schedule 'linear'; the schedules are constant, step, cosine");
  BOOST_TEST(text({.lr = NAN}) == "[schedule] lr must be finite and >= 0, was nan");
  BOOST_TEST(text({.warmup_steps = -1}) == "[schedule] warmup_steps must be >= 0, was -1");
  BOOST_TEST(text({.factor = 0}) == "[schedule] factor must be in (0, 1], was 0");
  BOOST_TEST(text({.lr = 0.1, .final_lr = 0.2}) ==
             "[schedule] final_lr must be in [0, lr], was 0.2");
  BOOST_TEST(text({.milestones = {0.5, 0.2}}) ==
             "[schedule] milestones must be ascending parts of the run in [0, 1], was 0.2");
  BOOST_TEST(text({}, -1) == "[schedule] step and total_steps must be >= 0, were -1 and 10");
}

BOOST_AUTO_TEST_CASE(a_program_can_add_a_schedule) {
  add_schedule({"linear", [](const ScheduleOptions& o, double t, double T) {
                  return o.lr * (1 - t / T) * std::any_cast<double>(o.own);
                }});
  const ScheduleOptions o{.name = "linear", .lr = 1, .warmup_steps = 2, .own = 0.5};
  BOOST_TEST(learning_rate(o, 0, 10) == 0.5);
  BOOST_TEST(learning_rate(o, 2, 10) == 0.5);
  BOOST_TEST(learning_rate(o, 6, 10) == 0.25);
  BOOST_TEST(error_of([&] { learning_rate(o, 20, 10); }) ==
             "[schedule] the rate of linear at step 20 must be finite and >= 0, was -0.625");
  BOOST_TEST(error_of([] {
               add_schedule({"step", {}});
             }) == "[schedule] the schedule 'step' exists already");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(clipping)

BOOST_AUTO_TEST_CASE(long_gradients_are_shortened_and_short_ones_left) {
  for (DType dtype : {DType::f32, DType::f64}) {
    // |g| = sqrt(4 + 16 + 16 + 64) = 10 over two arrays.
    const auto gradient = [&] {
      const std::vector<Array> g{Array::from<double>({2, -4}, {2}).cast(dtype),
                                 Array::from<double>({4, 8}, {1, 2}).cast(dtype)};
      return g;
    };
    const std::vector<Array> g = gradient(), same = gradient();
    BOOST_TEST(clip_by_global_norm(same, 10) == 10);
    BOOST_TEST((same[0].to_vector() == std::vector<double>{2, -4}));
    BOOST_TEST((same[1].to_vector() == std::vector<double>{4, 8}));
    BOOST_TEST(clip_by_global_norm(g, 5) == 10);
    BOOST_TEST((g[0].to_vector() == std::vector<double>{1, -2}));
    BOOST_TEST((g[1].to_vector() == std::vector<double>{2, 4}));
    BOOST_TEST(global_norm(g) == 5);
  }
}

BOOST_AUTO_TEST_CASE(shared_memory_is_scaled_once) {
  const Array g = Array::filled({2}, DType::f64, 3);
  const std::vector<Array> twice_the_same{g, g};
  BOOST_TEST(clip_by_global_norm(twice_the_same, 3) == 6);
  BOOST_TEST((g.to_vector() == std::vector<double>{1.5, 1.5}));
}

BOOST_AUTO_TEST_CASE(a_norm_that_is_not_finite_is_handed_back) {
  for (double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    const std::vector<Array> g{Array::from<double>({1, bad}, {2})};
    BOOST_TEST(!std::isfinite(clip_by_global_norm(g, 1)));
    BOOST_TEST(g[0].at(0) == 1);
  }
  BOOST_TEST(clip_by_global_norm({}, 1) == 0);
  const std::vector<Array> none{Array::zeros({0}, DType::f32)};
  BOOST_TEST(clip_by_global_norm(none, 1) == 0);
}

BOOST_AUTO_TEST_CASE(same_norm_at_any_thread_count) {
  const int before = threads();
  Array g({5 * elements_per_tile + 13}, DType::f32);
  fill_normal(Rng(5), 0, 1, g);
  double reference = 0;
  for (double v : g.to_vector()) reference += v * v;
  std::vector<double> norms;
  for (int count : {1, 2, 3}) {
    set_threads(count);
    norms.push_back(global_norm(std::vector<Array>{g}));
  }
  set_threads(before);
  BOOST_TEST(norms[0] == norms[1]);
  BOOST_TEST(norms[0] == norms[2]);
  BOOST_TEST(std::abs(norms[0] / std::sqrt(reference) - 1) < 1e-13);
}

BOOST_AUTO_TEST_CASE(bad_arguments_are_one_clear_line) {
  const std::vector<Array> g{Array::zeros({2}, DType::f64)}, labels{Array::zeros({2}, DType::i32)};
  BOOST_TEST(error_of([&] { clip_by_global_norm(g, 0); }) ==
             "[clip] max_norm must be finite and > 0, was 0");
  BOOST_TEST(error_of([&] { clip_by_global_norm(labels, 1); }) ==
             "[clip] gradient 0 must be a contiguous array of f32 or f64");
}

BOOST_AUTO_TEST_SUITE_END()
