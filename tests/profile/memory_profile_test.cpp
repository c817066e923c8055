// Tests the memory over time against the planner. Its largest value is most_alive_bytes, values
// that are alive at once share no bytes, and the total without reuse is that of a plan without
// reuse.
#include "autodiff/profile/memory_profile.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// The bytes alive at a step, counted by cache lines.
std::size_t lines_alive(const Program& program, const MemoryProfile& memory, int step) {
  std::vector<char> lines(program.arena_bytes / 64 + 1, 0);
  for (const ArenaValue& v : memory.values)
    if (v.alive_at(step))
      std::fill_n(lines.begin() + static_cast<std::ptrdiff_t>(v.offset / 64), v.padded() / 64, 1);
  return 64 * static_cast<std::size_t>(std::count(lines.begin(), lines.end(), 1));
}

void check(const Program& program) {
  const MemoryProfile memory = memory_profile(program);
  BOOST_TEST(memory.live_bytes.size() == program.steps.size());
  const std::size_t most = *std::max_element(memory.live_bytes.begin(), memory.live_bytes.end());
  BOOST_TEST(most == program.most_alive_bytes);
  BOOST_TEST(memory.live_bytes[static_cast<std::size_t>(memory.peak_step)] == most);
  // The count by cache lines is the same, so values that are alive at once do not overlap.
  for (int s = 0; s < std::ssize(program.steps); ++s)
    BOOST_TEST(lines_alive(program, memory, s) == memory.live_bytes[static_cast<std::size_t>(s)]);
  std::size_t at_peak = 0;
  for (const ArenaValue& v : memory.values) {
    BOOST_TEST(v.first <= v.last);
    BOOST_TEST(v.offset + v.padded() <= program.arena_bytes);
    const bool handed_over = v.overwritten && v.last == memory.peak_step;
    if (v.alive_at(memory.peak_step) && !handed_over) at_peak += v.padded();
  }
  BOOST_TEST(at_peak == most);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profile_memory)

BOOST_AUTO_TEST_CASE(live_bytes_are_the_planners) {
  for_each_step([](const OurStep& step) {
    BOOST_TEST_CONTEXT(step.method().name) { check(step.plan().program()); }
  });
}

BOOST_AUTO_TEST_CASE(with_reuse_and_work_in_place_off_too) {
  for (const std::vector<std::string>& off :
       {std::vector<std::string>{"reuse-memory"}, {"in-place"}, {"reuse-memory", "in-place"}}) {
    RunOptions options = small("cnn");
    options.without = off;
    const OurStep step(small_problem(options), method("exact"));
    check(step.plan().program());
    if (off.size() == 2) {
      const Program& program = step.plan().program();
      BOOST_TEST(memory_profile(program).without_reuse == program.arena_bytes);
    }
  }
}

BOOST_AUTO_TEST_CASE(without_reuse_equals_a_plan_without_reuse) {
  RunOptions options = small("resnet");
  const OurStep step(small_problem(options), method("exact"));
  options.without = {"reuse-memory", "in-place"};
  const OurStep without(small_problem(options), method("exact"));
  BOOST_TEST(memory_profile(step.plan().program()).without_reuse ==
             without.plan().program().arena_bytes);
}

BOOST_AUTO_TEST_CASE(outputs_live_to_the_end_and_workspaces_for_a_step) {
  const OurStep step(small_problem(small("cnn")), method("exact"));
  const Program& program = step.plan().program();
  int outputs = 0, overwritten = 0;
  for (const ArenaValue& v : memory_profile(program).values) {
    if (v.value < 0) BOOST_TEST(v.first == v.last);
    if (v.last == std::ssize(program.steps)) ++outputs;
    if (v.overwritten) ++overwritten;
  }
  BOOST_TEST(outputs > 0);
  BOOST_TEST(overwritten > 0);
}

BOOST_AUTO_TEST_SUITE_END()
