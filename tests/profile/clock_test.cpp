// Tests that timing the steps of a program does not change its results and allocates nothing.
#include "autodiff/profile/clock.h"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <numeric>

#include "tests/allocation_counter.h"
#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(profile_clock)

BOOST_AUTO_TEST_CASE(timed_and_untimed_runs_give_the_same_bits) {
  for (const char* model : {"mlp", "cnn", "resnet"}) {
    const Problem problem = small_problem(small(model));
    OurStep timed(problem, method("exact")), untimed(problem, method("exact"));
    StepTimes times(timed.plan().program().steps.size() + 1, 3);
    for (int run = 0; run < 3; ++run) {
      timed.run_timed(times.next_run());
      untimed.run();
    }
    const std::vector<Array>&a = timed.state().parameters, &b = untimed.state().parameters;
    for (std::size_t i = 0; i < a.size(); ++i)
      BOOST_TEST(std::memcmp(a[i].raw(), b[i].raw(), a[i].bytes()) == 0, model);
  }
}

BOOST_AUTO_TEST_CASE(neither_kind_of_run_allocates) {
  const Problem problem = small_problem(small("mlp"));
  const RecordedStep recorded =
      record_step(problem, method("exact"), initial_state(problem.model, 1, DType::f32));
  Plan plan = plan_step(recorded, problem.options, method("exact"));
  plan.run(recorded.bind(problem.data.train));
  StepTimes times(plan.program().steps.size(), 10);
  const std::size_t before = allocations();
  for (int run = 0; run < 10; ++run) {
    plan.run_timed(times.next_run());
    plan.run();
  }
  BOOST_TEST(allocations() == before);
}

BOOST_AUTO_TEST_CASE(the_steps_of_a_run_sum_up_to_it) {
  const Problem problem = small_problem(small("cnn"));
  OurStep step(problem, method("f-gr"));
  StepTimes times(step.plan().program().steps.size() + 1, 5);
  for (int run = 0; run < 5; ++run) step.run_timed(times.next_run());
  BOOST_TEST(times.runs() == 5u);
  for (std::size_t run = 0; run < times.runs(); ++run) {
    double sum = 0;
    for (std::size_t s = 0; s < times.steps(); ++s) {
      BOOST_TEST(times.seconds(run, s) >= 0);
      sum += times.seconds(run, s);
    }
    BOOST_TEST(times.total(run) > 0);
    BOOST_TEST(sum == times.total(run), boost::test_tools::tolerance(1e-9));
  }
  const std::vector<double> first = times.sorted(0);
  BOOST_TEST(first.size() == 5u);
  BOOST_TEST(std::is_sorted(first.begin(), first.end()));
}

BOOST_AUTO_TEST_CASE(too_little_space_for_readings_is_refused) {
  const Problem problem = small_problem(small("mlp"));
  OurStep step(problem, method("sgd"));
  const std::size_t steps = step.plan().program().steps.size();
  StepTimes too_small(steps, 1);
  BOOST_CHECK_EXCEPTION(step.run_timed(too_small.next_run()), Error, [](const Error& e) {
    return std::string(e.what()).find("clock readings were given") != std::string::npos;
  });
  BOOST_CHECK_EXCEPTION(too_small.next_run(), Error, [](const Error& e) {
    return std::string(e.what()) == "[clock] there is room for only 1 runs";
  });
}

BOOST_AUTO_TEST_CASE(reading_the_clock_takes_well_under_a_millisecond) {
  const double seconds = clock_reading_seconds();
  BOOST_TEST(seconds > 0);
  BOOST_TEST(seconds < 1e-3);
}

BOOST_AUTO_TEST_SUITE_END()
