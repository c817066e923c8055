// Tests the grid of a sweep: ranges of numbers, random search, runs that ignore an option, and
// shards.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>
#include <set>

#include "experiments/commands/sweep/grid.h"
#include "experiments/commands/sweep/shards.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using twice::testing::error_of;

namespace {

std::vector<double> numbers(const Grid& grid, const std::string& option) {
  std::vector<double> result;
  for (const GridRun& run : grid.runs) result.push_back(run.config.at(option).get<double>());
  return result;
}

const auto each = boost::test_tools::per_element();

}  // namespace

BOOST_AUTO_TEST_SUITE(sweep_grid)

BOOST_AUTO_TEST_CASE(ranges_are_values) {
  const std::vector<double> powers = {1e-4, 1e-3, 1e-2, 1e-1}, parts = {0, 0.25, 0.5, 0.75, 1},
                            both = {0.5, 0.1, 0.3}, widths = {16, 32, 64, 128},
                            seeds = {3, 4, 5, 6};
  BOOST_TEST(numbers(expand({{"gamma", {"1e-4..1e-1:log:4"}}}), "gamma") == powers, each);
  BOOST_TEST(numbers(expand({{"gamma", {"0..1:5"}}}), "gamma") == parts, each);
  BOOST_TEST(numbers(expand({{"gamma", {"0.5", "0.1..0.3:2"}}}), "gamma") == both, each);
  BOOST_TEST(numbers(expand({{"width", {"16..128:log:4"}}}), "width") == widths, each);
  BOOST_TEST(numbers(expand({{"seed", {"3..6"}}}), "seed") == seeds, each);
}

BOOST_AUTO_TEST_CASE(an_option_is_declared_once) {
  OptionSet set;
  int times = 3;
  set.add("times", &times);
  BOOST_TEST(error_of([&] { set.add("times", &times); }) ==
             "[options] --times is declared twice; expected a name that no other option has");
  for (const char* name : {"", "-x", "my option", "a,b", "Mine"})
    BOOST_TEST(error_of([&] { set.add(name, &times, ""); }) ==
               "[options] '" + std::string(name) +
                   "' cannot name an option; expected small letters, digits, - and _");
}

BOOST_AUTO_TEST_CASE(bad_ranges_are_refused) {
  const auto text = [](const std::string& option, const std::string& word) {
    return error_of([&] { expand({{option, {word}}}); });
  };
  for (const char* word : {"1..0:3", "0..1:log:3", "0..1:1", "0..1:2.5", "0..1:x", "..1:3", "0..:3",
                           "0..1:3:3", "0..inf:3", "0..1:lin:3", "0..1:log:"})
    BOOST_TEST(
        text("gamma", word)
            .starts_with(fmt::format("--gamma: '{}' is not a range; expected LOW..HIGH", word)),
        text("gamma", word));
  BOOST_TEST(
      text("gamma", "0.1..1") ==
      "--gamma: '0.1..1' needs a number of values, as in 0.1..1:5, or --samples for a random "
      "search");
  BOOST_TEST(text("gamma", "-1..1:3") == "--gamma: must be a finite number >= 0, was '-1'");
  BOOST_TEST(text("seed", "0..999999999") == "--seed: '0..999999999' has too many values");
  BOOST_TEST(text("model", "a..b") != "");
}

BOOST_AUTO_TEST_CASE(random_search) {
  const std::vector<GridAxis> axes = {
      {"gamma", {"1e-4..1:log"}},       {"lr", {"0.1..0.2"}},          {"width", {"8..11"}},
      {"activation", {"relu", "tanh"}}, {"method", {"exact", "f-gr"}}, {"seed", {"1", "2"}}};
  const Grid grid = expand(axes, {200});
  BOOST_TEST(grid.runs.size() == 800);
  // All methods get the same settings.
  const std::vector<double> gammas = numbers(grid, "gamma"), rates = numbers(grid, "lr"),
                            widths = numbers(grid, "width");
  for (std::size_t i = 0; i < 400; ++i) BOOST_TEST(gammas[i] == gammas[i + 400]);
  double logarithms = 0;
  std::set<double> found;
  for (std::size_t i = 0; i < gammas.size(); ++i) {
    BOOST_TEST((gammas[i] >= 1e-4 && gammas[i] <= 1 && rates[i] >= 0.1 && rates[i] <= 0.2));
    logarithms += std::log10(gammas[i]) / 800;
    found.insert(widths[i]);
  }
  BOOST_TEST(std::abs(logarithms + 2) < 0.3);  // the mean within four standard deviations
  const std::set<double> all = {8, 9, 10, 11};
  BOOST_TEST((found == all));

  // A longer search continues a shorter one. Another seed draws other settings.
  const Grid longer = expand(axes, {300}), other = expand(axes, {200, 2});
  for (std::size_t i = 0; i < 400; ++i) BOOST_TEST(longer.runs[i].name == grid.runs[i].name);
  BOOST_TEST(other.runs[0].name != grid.runs[0].name);
}

BOOST_AUTO_TEST_CASE(runs_that_do_not_read_an_option_are_one) {
  const Grid grid = expand({{"optimizer", {"sgd", "adam"}},
                            {"momentum", {"0", "0.9"}},
                            {"method", {"sgd", "exact"}},
                            {"gamma", {"0.1", "1"}}});
  // Optimiser sgd reads the momentum and adam does not. Method exact reads gamma and sgd does not.
  BOOST_TEST(grid.runs.size() == 9);
}

BOOST_AUTO_TEST_CASE(shards_have_equal_costs) {
  std::mt19937_64 numbers(3);
  std::vector<double> costs;
  for (int i = 0; i < 300; ++i) costs.push_back(std::exp(static_cast<double>(numbers() % 7)));
  for (const int parts : {1, 2, 16, 299}) {
    const std::vector<int> dealt = deal(costs, parts);
    BOOST_TEST(std::ranges::min(dealt) == 1);
    BOOST_TEST(std::ranges::max(dealt) == parts);
    const std::vector<double> sums = part_costs(costs, dealt, parts);
    // Each run goes to the part with the least cost. So parts differ by at most the cost of a run.
    const double largest = std::ranges::max(costs), least = std::ranges::min(sums);
    BOOST_TEST(std::ranges::max(sums) <= least + largest);
    if (parts == 16) BOOST_TEST(std::ranges::max(sums) < 1.02 * least);
  }
  const std::vector<int> equal = {1, 2, 3, 1, 2, 3, 1}, longest_first = {2, 1, 2, 2, 1};
  BOOST_TEST(deal(std::vector<double>(7, 2.0), 3) == equal, each);
  BOOST_TEST(deal({2, 7, 3, 2, 1}, 2) == longest_first, each);
  BOOST_TEST(deal({5}, 3) == std::vector<int>{1}, each);
}

BOOST_AUTO_TEST_SUITE_END()
