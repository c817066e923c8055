// Tests random numbers: Philox against its published test vectors, the moments of the fills, and
// that a number depends only on (seed, step, use) and its position.
#include "autodiff/kernels/random.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "autodiff/threads/parallel.h"

using namespace twice;

namespace {

using Block = std::array<std::uint32_t, 4>;

struct Moments {
  double mean, variance, third, fourth;  // third and fourth are standardised
};

Moments moments(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, variance = 0, third = 0, fourth = 0;
  for (double v : values) mean += v / n;
  for (double v : values) variance += (v - mean) * (v - mean) / n;
  for (double v : values) {
    third += std::pow((v - mean) / std::sqrt(variance), 3) / n;
    fourth += std::pow((v - mean) / std::sqrt(variance), 4) / n;
  }
  return {mean, variance, third, fourth};
}

Array normals(const Rng& rng, const Shape& shape, DType dtype) {
  Array out(shape, dtype);
  fill_normal(rng, 0, 1, out);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(random_numbers)

BOOST_AUTO_TEST_CASE(philox_known_answers) {
  // The test vectors that the authors of the generator publish.
  BOOST_TEST(
      (philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  BOOST_TEST((philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
              Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  BOOST_TEST(
      (philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
       Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

BOOST_AUTO_TEST_CASE(a_stream_is_a_function_of_seed_step_and_use) {
  const Rng rng(7, 3, 5);
  BOOST_TEST((rng.block(9) == Rng(7).keyed(3, 5).block(9)));
  std::set<Block> blocks;
  for (const Rng& other : {Rng(7, 3, 5), Rng(8, 3, 5), Rng(7, 4, 5), Rng(7, 3, 6), Rng(7, 5, 3),
                           Rng(7, std::uint64_t{3} << 32, 5), Rng(7, 3, std::uint64_t{5} << 32)})
    for (std::uint64_t i : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32})
      blocks.insert(other.block(i));
  BOOST_TEST(blocks.size() == 21u);
}

BOOST_AUTO_TEST_CASE(positions_agree_with_fills) {
  const Rng rng(11);
  const Array uniform({7, 5}, DType::f64), normal({35}, DType::f64);
  fill_uniform(rng, -2, 3, uniform);
  fill_normal(rng, 1, 0.5, normal);
  // The last bits may differ, because a compiler may fuse a multiplication and an addition.
  for (Index i = 0; i < 35; ++i) {
    const auto position = static_cast<std::uint64_t>(i);
    BOOST_TEST(std::abs(uniform.at(i) - (-2 + 5 * rng.uniform(position))) < 1e-15);
    BOOST_TEST(std::abs(normal.at(i) - (1 + 0.5 * rng.normal(position))) < 1e-15);
  }
  BOOST_TEST(rng.bits(6) == rng.block(1)[2]);
}

BOOST_AUTO_TEST_CASE(uniform_moments) {
  Array out({1 << 20}, DType::f64);
  fill_uniform(Rng(1), 0, 1, out);
  const std::vector<double> values = out.to_vector();
  const Moments m = moments(values);
  // The bounds are five standard errors of each estimate.
  const double n = static_cast<double>(values.size());
  BOOST_TEST(std::abs(m.mean - 0.5) < 5 * std::sqrt(1 / 12.0 / n));
  BOOST_TEST(std::abs(m.variance - 1 / 12.0) < 5 * std::sqrt(1 / 180.0 / n));
  BOOST_TEST(*std::min_element(values.begin(), values.end()) >= 0.0);
  BOOST_TEST(*std::max_element(values.begin(), values.end()) < 1.0);
}

BOOST_AUTO_TEST_CASE(normal_moments) {
  const std::vector<double> values = normals(Rng(2), {1 << 20}, DType::f64).to_vector();
  const Moments m = moments(values);
  const double n = static_cast<double>(values.size());
  BOOST_TEST(std::abs(m.mean) < 5 / std::sqrt(n));
  BOOST_TEST(std::abs(m.variance - 1) < 5 * std::sqrt(2 / n));
  BOOST_TEST(std::abs(m.third) < 5 * std::sqrt(6 / n));
  BOOST_TEST(std::abs(m.fourth - 3) < 5 * std::sqrt(24 / n));
  double neighbours = 0;  // the numbers of a Box-Muller pair must not be correlated
  for (std::size_t i = 0; i < values.size(); i += 2) neighbours += values[i] * values[i + 1];
  BOOST_TEST(std::abs(neighbours / (n / 2)) < 5 / std::sqrt(n / 2));
}

BOOST_AUTO_TEST_CASE(f32_is_f64_rounded) {
  const Array wide = normals(Rng(3), {1000}, DType::f64);
  BOOST_TEST(
      (normals(Rng(3), {1000}, DType::f32).to_vector() == wide.cast(DType::f32).to_vector()));
}

BOOST_AUTO_TEST_CASE(same_bits_at_any_thread_count) {
  const int before = threads();
  std::vector<double> first;
  for (int count : {1, 2, 3}) {
    set_threads(count);
    // An odd size, which ends inside a tile and inside a block.
    const std::vector<double> values =
        normals(Rng(4), {3 * elements_per_tile + 17}, DType::f32).to_vector();
    if (first.empty()) first = values;
    BOOST_TEST((values == first));
  }
  set_threads(before);
}

BOOST_AUTO_TEST_CASE(fills_follow_the_logical_order_of_views) {
  const Array array = Array::zeros({4, 6}, DType::f32);
  const Array view = array.permuted({1, 0}).sliced(0, 1, 2, 3);
  fill_normal(Rng(5), 0, 1, view);
  BOOST_TEST((view.to_vector() == normals(Rng(5), {2, 4}, DType::f32).to_vector()));
  BOOST_TEST(array.at(0) == 0.0);
}

BOOST_AUTO_TEST_CASE(degenerate_shapes_and_bad_input) {
  const Array none({0, 3}, DType::f32), one({}, DType::f64), labels({2}, DType::i32);
  fill_normal(Rng(6), 0, 1, none);
  fill_uniform(Rng(6), 5, 5, one);
  BOOST_TEST(one.item() == 5.0);
  BOOST_CHECK_THROW(fill_normal(Rng(6), 0, 1, labels), Error);
  BOOST_CHECK_THROW(fill_normal(Rng(6), 0, 1, Array()), Error);
  BOOST_CHECK_THROW(permutation(Rng(6), -1), Error);
}

BOOST_AUTO_TEST_CASE(permutations_are_permutations_and_fair) {
  for (Index n : {0, 1, 2, 1000}) {
    std::vector<std::int32_t> order = permutation(Rng(7), n);
    BOOST_TEST((order == permutation(Rng(7), n)));
    if (n == 1000) BOOST_TEST((order != permutation(Rng(7, 1), n)));
    std::sort(order.begin(), order.end());
    for (Index i = 0; i < n; ++i) BOOST_TEST(order[static_cast<std::size_t>(i)] == i);
  }
  // Of 6,000 draws, each of the 6 orders of 3 entries gets 1,000 (standard deviation 29).
  std::array<int, 27> counts{};
  for (std::uint64_t step = 0; step < 6000; ++step) {
    const auto order = permutation(Rng(8, step), 3);
    ++counts[static_cast<std::size_t>(order[0] * 9 + order[1] * 3 + order[2])];
  }
  for (int count : counts) BOOST_TEST((count == 0 || std::abs(count - 1000) < 145));
}

BOOST_AUTO_TEST_SUITE_END()
