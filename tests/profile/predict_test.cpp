// Tests of predictions: the parts add up to the total, and the times for moving data follow the
// given rates.
#include "autodiff/profile/predict.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/autodiff.h"
#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(profile_predict)

BOOST_AUTO_TEST_CASE(the_parts_are_the_whole) {
  const Prediction p{.compute = 1, .data = {2, 3, 4, 5}, .overhead = 6, .waiting = 7};
  BOOST_TEST(p.memory() == 14);
  BOOST_TEST(p.seconds() == 28);
  double sum = 0;
  for (const Limit& part : parts_of(p)) sum += part.seconds;
  BOOST_TEST(sum == p.seconds());
  BOOST_TEST(limit_of(p).name == "waiting");
  BOOST_TEST(limit_of({.compute = 1, .data = {0, 2, 0, 0}, .overhead = 1, .waiting = 1}).name ==
             "L2");
  BOOST_TEST(limit_of({.compute = 3, .data = {0, 2, 0, 0}, .overhead = 1, .waiting = 1}).name ==
             "compute");
  Prediction twice = p;
  twice += p;
  BOOST_TEST(twice.seconds() == 56);
}

BOOST_AUTO_TEST_CASE(data_that_are_far_take_as_long_as_their_rate_says) {
  // y = exp(x) has 1 KiB. The program then touches much other memory, so x and y are far away when
  // they are used again. No input is bound: prediction does not run the program.
  const int before = threads();
  set_threads(1);
  Tape tape;
  const Tensor x = tape.input({256}, DType::f32, "x"), z = tape.input({1 << 16}, DType::f32, "z");
  const Plan plan{exp(x), exp(z)};
  const Program& program = plan.program();
  BOOST_REQUIRE(program.steps.size() == 2u);
  const std::size_t small =
      program.values[static_cast<std::size_t>(program.steps[0].output)].spec.shape.elements() == 256
          ? 0
          : 1;
  // Data up to 16 KiB away is almost free. Further away, a byte takes a microsecond.
  const Peak far{.threads = 1,
                 .gflops = 1,
                 .gbs = 1e-3,
                 .rates = {{1, 1e6}, {1 << 14, 1e6}, {(1 << 14) + 1, 1e-3}, {1e9, 1e-3}}};
  const Peak near{.threads = 1, .gflops = 1, .gbs = 1e6};
  const Prediction slow = predict(program, far)[small], fast = predict(program, near)[small];
  BOOST_TEST(slow.memory() == 2048e-6, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(fast.memory() < 1e-8);
  BOOST_TEST(slow.overhead == 0);
  BOOST_TEST(slow.waiting == 0);
  // In the kernel's own time its bytes count as near, so they add nothing to it.
  BOOST_TEST(slow.compute < 1e-3);

  Peak cold = near;
  cold.starts = {{0, 0}, {1, 2e-6}};
  BOOST_TEST(predict(program, cold)[small].overhead == 2e-6);
  set_threads(before);
}

BOOST_AUTO_TEST_CASE(every_step_and_the_update_are_predicted) {
  for_each_step([](const OurStep& step) {
    const std::vector<Array> before = step.state().parameters;
    std::vector<Array> copies;
    for (const Array& w : before) copies.push_back(w.clone());
    const Peak peak{.threads = 1, .gflops = 50, .gbs = 10};
    const std::vector<Prediction> predicted = predict(step, peak);
    BOOST_TEST(predicted.size() == step.plan().program().steps.size() + 1);
    for (const Prediction& p : predicted) {
      BOOST_TEST(p.compute >= 0);
      BOOST_TEST(p.memory() >= 0);
      BOOST_TEST(p.seconds() < 1);
    }
    BOOST_TEST(predicted.back().seconds() > 0);
    for (std::size_t k = 0; k < before.size(); ++k)
      BOOST_TEST(std::memcmp(before[k].raw(), copies[k].raw(), copies[k].bytes()) == 0);
  });
}

BOOST_AUTO_TEST_SUITE_END()
