// Tests the memory planner on random lifetimes: values that are alive at the same time must not
// overlap.
#include "autodiff/plan/memory.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/matmul.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

std::vector<Lifetime> random_lifetimes(const Rng& rng, int count) {
  std::vector<Lifetime> result;
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::uint64_t>(i);
    const int first = i / 2;  // two new values in each step, like an output and its workspace
    const std::uint32_t kind = rng.bits(3 * at) % 8;
    const int length = kind == 0 ? count : static_cast<int>(rng.bits(3 * at + 1) % 12);
    const std::size_t bytes = kind == 1 ? 0 : rng.bits(3 * at + 2) % (kind == 2 ? 100000 : 1000);
    result.push_back({bytes, first, first + length});
  }
  return result;
}

bool overlap(std::size_t a, std::size_t a_bytes, std::size_t b, std::size_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

std::size_t padded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_planner)

BOOST_AUTO_TEST_CASE(values_alive_together_never_overlap) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::vector<Lifetime> lives = random_lifetimes(Rng(seed), 4 * static_cast<int>(seed));
    const Placement placed = place(lives), apart = place(lives, false);
    int overlaps = 0;
    std::size_t most = 0, all = 0;
    for (std::size_t i = 0; i < lives.size(); ++i) {
      BOOST_TEST(placed.offsets[i] % 64 == 0);
      BOOST_TEST(placed.offsets[i] + lives[i].bytes <= placed.arena);
      std::size_t alive = 0;
      for (std::size_t j = 0; j < lives.size(); ++j) {
        const bool together = lives[i].first <= lives[j].last && lives[j].first <= lives[i].last;
        if (i < j && together)
          overlaps += overlap(placed.offsets[i], lives[i].bytes, placed.offsets[j], lives[j].bytes);
        if (i < j)
          overlaps += overlap(apart.offsets[i], lives[i].bytes, apart.offsets[j], lives[j].bytes);
        if (lives[j].first <= lives[i].first && lives[i].first <= lives[j].last)
          alive += padded(lives[j].bytes);
      }
      most = std::max(most, alive);
      all += padded(lives[i].bytes);
    }
    BOOST_TEST(overlaps == 0);
    BOOST_TEST(placed.most_alive == most);
    BOOST_TEST(placed.most_alive <= placed.arena);
    BOOST_TEST(apart.arena == all);
    BOOST_TEST(placed.arena <= apart.arena);
    // Best fit wastes little memory.
    BOOST_TEST(static_cast<double>(placed.arena) <= 2 * static_cast<double>(most));
  }
}

BOOST_AUTO_TEST_CASE(small_cases) {
  BOOST_TEST(place({}).arena == 0);
  // The second value takes the place of the first, which is dead. The third may not take the place
  // of the second.
  const Placement placed = place({{64, 0, 0}, {64, 1, 3}, {64, 2, 2}});
  BOOST_TEST(placed.offsets[0] == placed.offsets[1]);
  BOOST_TEST(placed.offsets[1] != placed.offsets[2]);
  BOOST_TEST(placed.arena == 128);
  BOOST_TEST(placed.most_alive == 128);
  // A value is alive up to and including its last step.
  BOOST_TEST(place({{64, 0, 1}, {64, 1, 1}}).arena == 128);
}

BOOST_AUTO_TEST_CASE(reuse_is_smaller_and_changes_no_bit) {
  Tape tape;
  const Tensor x = tape.input({32, 64}, DType::f64);
  Tensors w;
  Tensor h = x;
  for (std::uint64_t layer = 0; layer < 6; ++layer) {
    w.push_back(tape.parameter(random_array({64, 64}, DType::f64, layer + 5), "w"));
    h = tanh(matmul(h, w.back()));
    if (layer == 0) h = h * x;
  }
  const Tensor loss = mean(h * h);
  const Tensors g = grad(loss, w);
  const Array numbers = random_array({32, 64});
  PlanOptions apart;
  apart.reuse_memory = apart.in_place = false;
  Plan small({loss, g}), large({loss, g}, apart);
  BOOST_TEST(2 * small.program().arena_bytes < large.program().arena_bytes);
  small.run({{x, numbers}});
  large.run({{x, numbers}});
  for (Tensor t : g) BOOST_CHECK(same_bits(small.value(t), large.value(t)));
}

BOOST_AUTO_TEST_SUITE_END()
