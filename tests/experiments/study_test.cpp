// Tests the verdicts of studies and their statistics, which must be able to reject a claim.
#include <fcntl.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "experiments/files/atomic_file.h"
#include "experiments/report/plots.h"
#include "experiments/studies/problems.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Claim claim(double low, double value, double high, Interval expected,
            Weight weight = Weight::core) {
  return {"", value, {low, high}, "", expected, weight};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(study_verdicts)

BOOST_AUTO_TEST_CASE(a_claim_holds_when_its_whole_interval_does) {
  BOOST_TEST(claim(0.9, 1, 1.1, {0.8, 1.2}).holds());
  BOOST_TEST(!claim(0.7, 1, 1.1, {0.8, 1.2}).holds());
  BOOST_TEST(!claim(0.9, 1, 1.3, {0.8, 1.2}).holds());
  BOOST_TEST(!claim(nan, 1, 1, {0.8, 1.2}).holds());
  BOOST_TEST(!claim(1, nan, 1, at_most(2)).holds());
  BOOST_TEST(!on_mean("", {1, 1, nan}, at_most(2)).holds());
  BOOST_TEST(!on_all("", {1, nan, 1}, at_most(2)).holds());
  BOOST_TEST(!on_all("", {nan, 1, 1}, at_least(0)).holds());
  BOOST_TEST(!on_all("", {}, at_most(2)).holds());
  // One seed gives no interval for the mean over seeds.
  BOOST_TEST(!on_mean("", {1}, at_most(2)).holds());
  BOOST_TEST(on_all("", {1e-12, 3e-11}, at_most(1e-10)).holds());
  BOOST_TEST(!on_all("", {1e-12, 3e-10}, at_most(1e-10)).holds());
}

BOOST_AUTO_TEST_CASE(the_verdict_follows_from_the_claims) {
  const Claim yes = claim(1, 1, 1, at_most(2)), no = claim(3, 3, 3, at_most(2));
  Claim limit_no = no, limit_yes = yes;
  limit_no.weight = limit_yes.weight = Weight::limit;
  BOOST_TEST(verdict({yes, limit_yes}) == "reproduced");
  BOOST_TEST(verdict({yes, limit_no}) == "reproduced within limits");
  BOOST_TEST(verdict({yes, no, limit_yes}) == "not reproduced");
  BOOST_TEST(verdict({limit_yes}) == "not reproduced");
  BOOST_TEST(verdict({}) == "not reproduced");
}

BOOST_AUTO_TEST_CASE(intervals_and_slopes) {
  // 1, 2, 3, 4 have the mean 2.5 and s = 1.29099. With t(3) = 3.18245 the interval is +- 2.05426.
  const Interval i = mean_interval({1, 2, 3, 4});
  BOOST_TEST(i.low == 2.5 - 2.05426, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(i.high == 2.5 + 2.05426, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(std::isinf(mean_interval({1}).high));
  BOOST_TEST(median({5, 1, 3}) == 3);
  BOOST_TEST(median({4, 1, 3, 2}) == 2.5);
  // The ranks are those in tables of order statistics: the third and the tenth of 12 values, ...
  for (const auto& [n, low, high] : {std::array{2, 1, 2},
                                     {5, 1, 5},
                                     {6, 1, 6},
                                     {8, 1, 8},
                                     {9, 2, 8},
                                     {12, 3, 10},
                                     {20, 6, 15},
                                     {100, 40, 61},
                                     {400, 180, 221}}) {
    Vector values;
    for (int value = n; value > 0; --value) values.push_back(value);
    const Interval interval = median_interval(values);
    BOOST_TEST(interval.low == low, n << " values: " << interval.low);
    BOOST_TEST(interval.high == high, n << " values: " << interval.high);
  }
  BOOST_TEST(std::isinf(median_interval({1}).high));
  BOOST_TEST(log_slope({1, 2, 4}, {3, 12, 48}) == 2, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(std::isnan(log_slope({1, 2}, {1, 0})));
  BOOST_CHECK_THROW(differences({1, 2}, {1}), Error);
  BOOST_TEST(standard_deviation({1, 2, 3, 4}) == 1.290994, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(std::isnan(standard_deviation({1})));
  BOOST_TEST(standard_deviation({0.1, 0.1, 0.1}) == 0);
}

BOOST_AUTO_TEST_CASE(quantiles_of_students_t_are_those_of_the_tables) {
  const auto close = boost::test_tools::tolerance(1e-4);
  BOOST_TEST(t_quantile(0.975, 1) == 12.7062, close);
  BOOST_TEST(t_quantile(0.975, 4) == 2.77645, close);
  BOOST_TEST(t_quantile(0.995, 4) == 4.60409, close);
  BOOST_TEST(t_quantile(0.9995, 10) == 4.58689, close);
  BOOST_TEST(t_quantile(0.975, 1000) == 1.96234, close);
  // With five comparisons at once, the 99.5 % quantile replaces the 97.5 % quantile.
  const Interval one = mean_interval({1, 2, 3, 4, 5}), five = mean_interval({1, 2, 3, 4, 5}, 5);
  BOOST_TEST((five.high - 3) / (one.high - 3) == 4.60409 / 2.77645, close);
}

BOOST_AUTO_TEST_CASE(a_ratio_crosses_1_between_its_neighbours) {
  BOOST_TEST(crossing({1, 4}, {0.5, 2}) == 2, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(crossing({1, 4, 8}, {0.5, 0.6, 0.7}) == 8);
  BOOST_TEST(crossing({1, 4, 8}, {1.1, 1.2, 1.3}) == 1);
}

BOOST_AUTO_TEST_CASE(a_journal_keeps_all_bits) {
  const ScratchFolder folder;
  const FolderLock lock(folder.path);
  const Json identity = {{"study", "s"}, {"seed", 1}};
  const Measured numbers = {{"v", {0.1, 1e-300, -0.0, 1 / 3.0}}, {"n", {nan}}, {"none", {}}};
  {
    Journal journal(lock, "s", identity);
    journal.add("a", 3, numbers);
    journal.add("b", 3, {{"v", {1}}});
  }
  {
    Journal journal(lock, "s", identity);
    BOOST_TEST(journal.size() == 2U);
    BOOST_TEST(journal.find("a", 3)->at("v") == numbers.at("v"));
    BOOST_TEST(std::signbit(journal.find("a", 3)->at("v")[2]));
    BOOST_TEST(std::isnan(journal.find("a", 3)->at("n").at(0)));
    BOOST_TEST(journal.find("a", 3)->at("none").empty());
    BOOST_TEST(!journal.find("a", 2));
    // Other settings use another journal.
    BOOST_TEST(Journal(lock, "s", {{"study", "s"}, {"seed", 2}}).size() == 0U);
    // An incomplete line is ignored.
    std::string text = read_file(journal.file());
    text.resize(text.size() - 4);
    write_atomically(journal.file(), text);
  }
  Journal journal(lock, "s", identity);
  BOOST_TEST(journal.size() == 1U);
  journal.remove();
  BOOST_TEST(!std::filesystem::exists(journal.file().parent_path()));
}

BOOST_AUTO_TEST_CASE(a_journal_without_its_lock_writes_nothing) {
  const ScratchFolder folder;
  const FolderLock lock(folder.path);
  Journal journal(lock, "s", {{"study", "s"}});
  struct flock none = {};  // as if the file server had dropped the lock
  none.l_type = F_UNLCK;
  BOOST_REQUIRE(::fcntl(lock.descriptor(), F_OFD_SETLK, &none) == 0);
  const FolderLock other(folder.path);
  BOOST_CHECK_THROW(journal.add("a", 0, {{"v", {1}}}), Error);
  BOOST_TEST(!std::filesystem::exists(journal.file()));
}

BOOST_AUTO_TEST_CASE(teachers_are_functions_of_their_seed) {
  const SmallData a = teacher_data(50, 4, 3, 0.2, 1, DType::f64),
                  b = teacher_data(50, 4, 3, 0.2, 1, DType::f32),
                  c = teacher_data(50, 4, 3, 0.2, 2, DType::f64),
                  clean = teacher_data(50, 4, 3, 0, 1, DType::f64);
  BOOST_TEST(a.y.to_vector() == b.y.to_vector());
  BOOST_TEST(a.y.to_vector() != c.y.to_vector());
  int replaced = 0;
  for (Index i = 0; i < 50; ++i) replaced += a.y.at(i) != clean.y.at(i) ? 1 : 0;
  BOOST_TEST(replaced > 0);
  BOOST_TEST(replaced <= 20);
}

BOOST_AUTO_TEST_CASE(text_on_a_page_is_escaped) {
  StudyPlot plot{"p", "a < b & c", "y", "x", false, false, {{"<s>", "f-gr", {1, 2}, {1, 2}}}};
  const std::string svg = recorded_plot_file(plot);
  BOOST_TEST(svg.find("a &lt; b &amp; c") != std::string::npos);
  BOOST_TEST(svg.find("<s>") == std::string::npos);
  const std::vector<std::pair<std::string, std::string>> files = study_files(
      {{"command", "study"},
       {"study", "s"},
       {"tables", {{{"title", "t"}, {"headings", {"|g|^2"}}, {"rows", {{"a\nb"}, {"1 | 2"}}}}}}},
      "runs/s");
  BOOST_TEST(files.back().first == "s.md");
  BOOST_TEST(files.back().second.find("| \\|g\\|^2 |") != std::string::npos);
  BOOST_TEST(files.back().second.find("| 1 \\| 2 |") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
