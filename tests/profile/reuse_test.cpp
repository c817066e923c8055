// Tests the reuse distances of programs against a list that is searched from its end.
#include "autodiff/profile/reuse.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::testing;

namespace {

double bytes_of(const std::vector<Reuse>& reuse) {
  double sum = 0;
  for (const Reuse& r : reuse) sum += r.bytes;
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profile_reuse)

BOOST_AUTO_TEST_CASE(a_step_alone_finds_its_own_bytes) {
  // With two adjacent arrays, both are touched between two uses of a byte.
  const std::vector<Reuse> reuse = reuse_of({{{0, 4096}, {4096, 4096}}})[0];
  BOOST_TEST(bytes_of(reuse) == 8192);
  for (const Reuse& r : reuse) BOOST_TEST(r.distance == 8192);
}

BOOST_AUTO_TEST_CASE(bytes_of_other_steps_come_between) {
  const auto reuse = reuse_of({{{0, 4096}}, {{4096, 65536}}, {{0, 4096}}});
  // Steps repeat. The first step follows the last, which touches the same bytes.
  for (const Reuse& r : reuse[0]) BOOST_TEST(r.distance == 4096);
  for (const Reuse& r : reuse[2]) BOOST_TEST(r.distance == 4096 + 65536);
  for (const Reuse& r : reuse[1]) BOOST_TEST(r.distance == 4096 + 65536);
}

BOOST_AUTO_TEST_CASE(distances_are_those_of_a_list_that_is_searched) {
  // Each step has one region of whole blocks of 256 bytes, so the order of the blocks is known.
  std::mt19937 random(7);
  std::vector<std::vector<Region>> cycle;
  for (int s = 0; s < 40; ++s) cycle.push_back({{random() % 30 * 256, (1 + random() % 12) * 256}});
  const auto reuse = reuse_of(cycle);
  std::vector<std::uint64_t> order;  // the last block touched is at the end
  for (const bool counted : {false, true})
    for (std::size_t s = 0; s < cycle.size(); ++s) {
      const Region r = cycle[s][0];
      for (std::uint64_t k = 0; k < r.bytes / 256; ++k) {
        const auto found = std::ranges::find(order, r.begin / 256 + k);
        if (counted) {
          BOOST_TEST(reuse[s][k].bytes == 256);
          BOOST_TEST(reuse[s][k].distance == 256. * static_cast<double>(order.end() - found));
        }
        if (found != order.end()) order.erase(found);
        order.push_back(r.begin / 256 + k);
      }
    }
}

BOOST_AUTO_TEST_CASE(bytes_count_once_in_the_footprint) {
  BOOST_TEST(footprint({{{0, 100}, {50, 100}}, {{300, 10}}, {{310, 10}, {0, 20}}}) == 170);
  BOOST_TEST(footprint({}) == 0);
}

BOOST_AUTO_TEST_CASE(regions_of_a_program_are_its_values) {
  for_each_step([](const OurStep& step) {
    const Program& program = step.plan().program();
    const auto cycle = regions_of(program);
    BOOST_TEST(cycle.size() == program.steps.size());
    const double all = footprint(cycle);
    BOOST_TEST(all > 0);
    BOOST_TEST(all <= static_cast<double>(program.arena_bytes + program.leaf_bytes));
    for (std::size_t s = 0; s < cycle.size(); ++s) {
      std::set<std::uint64_t> begins;
      for (const Region& r : cycle[s]) {
        BOOST_TEST(r.bytes > 0u);
        BOOST_TEST(begins.insert(r.begin).second);  // each region occurs once
      }
      const Step& ran = program.steps[s];
      const Region y = region_of(program, ran.output);
      BOOST_TEST((y.bytes == 0 || begins.contains(y.begin)));
    }
    const auto reuse = reuse_of(cycle);
    for (std::size_t s = 0; s < cycle.size(); ++s) {
      double touched = 0;
      for (const Region& r : cycle[s]) touched += static_cast<double>(r.bytes);
      BOOST_TEST(bytes_of(reuse[s]) == touched);
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
