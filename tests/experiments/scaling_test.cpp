// Tests fits of lines and power laws, and the choice of models around a given one.
#include "experiments/commands/profile/scaling.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/threads/threads.h"
#include "experiments/measure/statistics.h"
#include "experiments/measure/steps.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

Problem small_problem(const std::string& model, int batch) {
  RunOptions options;
  options.model = model;
  options.batch = batch;
  options.dtype = "f64";
  if (model == "mlp") options.width = 64, options.depth = 2;
  options.threads = threads();
  complete(options, {"exact"});
  if (model != "mlp") options.channels = 2;
  return random_problem(options, image_examples({8, 8, 1}, 10));
}

const auto nearly = boost::test_tools::tolerance(1e-12);

}  // namespace

BOOST_AUTO_TEST_SUITE(scaling)

BOOST_AUTO_TEST_CASE(lines_and_powers_come_back) {
  const Line line = fit_line({1, 2, 5}, {5, 7, 13});
  BOOST_TEST(line.slope == 2, nearly);
  BOOST_TEST(line.intercept == 3, nearly);
  BOOST_TEST(line.worst < 1e-12);
  const Power power = fit_power({1, 10, 100}, {3, 300, 30000});
  BOOST_TEST(power.exponent == 2, nearly);
  BOOST_TEST(power.factor == 3, nearly);
  BOOST_TEST(power.residual < 1e-12);
}

/// Each x has the values 1 and 2, with the weights 1 and 1/4. So the line is level at their
/// weighted mean, (1 + 2/4) / (1 + 1/4) = 1.2. As shares of the values, the errors are 0.2 and
/// -0.4.
BOOST_AUTO_TEST_CASE(lines_weigh_errors_as_shares) {
  const Line line = fit_line({-1, -1, 1, 1}, {1, 2, 1, 2});
  BOOST_TEST(std::abs(line.slope) < 1e-12);
  BOOST_TEST(line.intercept == 1.2, nearly);
  BOOST_TEST(line.worst == 0.4, nearly);
  BOOST_TEST(line.residual == std::sqrt((0.04 + 0.16) / 2), nearly);
  BOOST_TEST(std::isnan(fit_line({2, 2}, {1, 3}).slope));
  BOOST_CHECK_THROW(fit_line({1}, {1, 2}), Error);
}

BOOST_AUTO_TEST_CASE(crossings_by_hand) {
  BOOST_TEST(first_crossing({1, 4}, {0.5, 2}) == 2, nearly);  // half-way on a logarithmic axis
  BOOST_TEST(first_crossing({1, 4, 16}, {3, 2, 0.5}) == 8, nearly);
  BOOST_TEST(first_crossing({1, 4}, {0.5, 1}) == 4);
  BOOST_TEST(std::isnan(first_crossing({1, 4}, {0.5, 0.9})));
  BOOST_TEST(std::isnan(first_crossing({}, {})));
}

BOOST_AUTO_TEST_CASE(axes_lie_around_the_model) {
  const std::vector<Axis> axes = axes_of(small_problem("mlp", 16).options);
  std::vector<std::string> axis_names;
  for (const Axis& axis : axes) {
    axis_names.push_back(axis.name);
    BOOST_TEST(std::ranges::is_sorted(axis.timed));
    BOOST_TEST(std::ranges::count(axis.timed, axis.base) == 1);
    BOOST_TEST(axis.timed.front() >= 1);
  }
  const std::vector<std::string> expected = {"depth", "width", "batch", "threads"};
  BOOST_TEST(axis_names == expected);
}

/// Counts are exact, so the products follow the laws, and f-gr and exact cost the same at one batch
/// size.
BOOST_AUTO_TEST_CASE(an_mlp_follows_the_laws) {
  const int threads_before = threads();
  double heard = 0;
  const Json scaling = measure_scaling(small_problem("mlp", 16), "exact-naive", 0.5,
                                       [&](double seconds) { heard += seconds; });
  BOOST_TEST(threads() == threads_before);
  BOOST_TEST(heard > 0);
  BOOST_TEST(scaling["products"].size() == 4);
  for (const Json& row : scaling["products"]) {
    BOOST_TEST(row["straight"] == true);
    const std::string method = row["method"];
    const std::pair<int, int> law = method == "sgd"     ? std::pair{3, -1}
                                    : method == "f-gr"  ? std::pair{6, -2}
                                    : method == "exact" ? std::pair{6, -4}
                                                        : std::pair{9, -5};
    BOOST_TEST(row["slope"] == law.first, method);
    BOOST_TEST(row["intercept"] == law.second, method);
    BOOST_TEST(row["follows_law"] == true, method);
  }
  for (const Json& axis : scaling["axes"])
    for (const Json& point : axis["points"]) {
      BOOST_TEST(point["methods"].size() == 4);
      for (const Json& row : point["methods"]) {
        BOOST_TEST(row["ms"] > 0);
        BOOST_TEST(row["samples"] >= 5);
      }
    }
  for (const Json& law : scaling["laws"]) BOOST_TEST(law["points"] >= 1);

  const Json& batch = scaling["crossovers"].back();
  BOOST_TEST(batch["axis"] == "batch");
  const std::vector<double> values = batch["counted"]["values"], ratios = batch["counted"]["ratio"];
  const double at = batch["counted"]["at"];
  for (std::size_t i = 0; i < values.size(); ++i)
    BOOST_TEST((ratios[i] < 1) == (values[i] < at), values[i]);
}

/// In a convolutional network exact takes 9L - 5 products, so it costs more at every size.
BOOST_AUTO_TEST_CASE(a_cnn_has_no_crossover) {
  const Json scaling = measure_scaling(small_problem("cnn", 4), "exact", 0.1, [](double) {});
  BOOST_TEST(scaling["products"].empty());  // its depth is fixed
  for (const Json& crossover : scaling["crossovers"]) {
    BOOST_TEST(crossover["counted"]["at"].is_null());
    for (const Json& ratio : crossover["counted"]["ratio"]) BOOST_TEST(ratio > 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
