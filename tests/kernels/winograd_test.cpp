// Tests Winograd's kernels against the same seven plain loops as the kernels of conv.h, at sizes
// that are multiples of the tile's and at others. Also tests their rounding, the shapes that they
// accept, and their FLOPs.
#include "autodiff/kernels/winograd.h"

#include "autodiff/threads/threads.h"
#include "tests/kernels/conv_cases.h"

using namespace twice;
using namespace twice::kernel;
using namespace twice::testing;

namespace {

const std::vector<Case> cases = {
    {{2, 6, 8, 8}, {3, 3, 8, 8}, {.padding = 1}},
    {{2, 7, 5, 8}, {3, 3, 8, 16}, {.padding = 1}},
    {{1, 5, 9, 24}, {3, 3, 24, 8}},
    {{3, 4, 4, 16}, {3, 3, 16, 40}, {.padding = 2}},
    {{2, 5, 4, 8}, {3, 3, 8, 32}, {.padding = 3}},
    {{2, 3, 3, 16}, {3, 3, 16, 16}},
    {{2, 1, 1, 8}, {3, 3, 8, 8}, {.padding = 1}},
    {{1, 1, 7, 8}, {3, 3, 8, 8}, {.padding = 4}},
    {{0, 6, 6, 8}, {3, 3, 8, 8}, {.padding = 1}},
    {{2, 6, 6, 48}, {3, 3, 48, 56}, {.padding = 1}},
    {{1, 4, 6, 128}, {3, 3, 128, 64}, {.padding = 1}},
    // Numbers of channels that are not multiples of a vector's length.
    {{2, 6, 7, 9}, {3, 3, 9, 11}, {.padding = 1}},
    {{2, 5, 6, 12}, {3, 3, 12, 20}, {.padding = 1}},
    {{1, 6, 5, 8}, {3, 3, 8, 31}},
    {{2, 4, 4, 50}, {3, 3, 50, 17}, {.padding = 1}},
    {{9, 14, 15, 20}, {3, 3, 20, 10}, {.padding = 1}},
    // Several blocks of tiles, of outputs and of the sums of the weight gradient. Some blocks end
    // in the middle of a row.
    {{9, 18, 15, 16}, {3, 3, 16, 16}, {.padding = 1}},
    {{20, 16, 16, 8}, {3, 3, 8, 24}, {.padding = 1}},
    {{3, 13, 50, 32}, {3, 3, 32, 32}, {.padding = 1}},
};

bool fits(const Case& c, DType dtype, std::size_t terms = 1) {
  bool all = true;
  for (ConvSlot open : all_slots)
    all = all && winograd_fits(open, c.x, c.w, c.geometry, dtype, terms);
  return all;
}

Array winograd(ConvSlot open, const Case& c, std::span<const Operands> sum,
               const Array* before = nullptr) {
  return run(open, c, sum, before, Form::winograd);
}

double norm(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  return std::sqrt(sum);
}

/// |found - exact| / |exact|.
double relative_error(const Array& found, const std::vector<double>& exact) {
  std::vector<double> difference = found.to_vector();
  for (std::size_t i = 0; i < exact.size(); ++i) difference[i] -= exact[i];
  return norm(difference) / norm(exact);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(winograd_kernels)

BOOST_AUTO_TEST_CASE(sums_equal_the_sum_of_seven_loops) {
  for (const Case& c : cases)
    for (DType dtype : {DType::f32, DType::f64})
      for (ConvSlot open : all_slots)
        for (std::size_t count : {1, 2, 3})
          if (winograd_fits(open, c.x, c.w, c.geometry, dtype, count))
            check_sum(open, c, dtype, count, Form::winograd);
}

BOOST_AUTO_TEST_CASE(the_table_of_cases_is_tried) {
  for (const Case& c : cases) {
    BOOST_TEST(fits(c, DType::f32, 3), name(c));
    BOOST_TEST(fits(c, DType::f64), name(c));
  }
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_the_thread_count) {
  const int before = threads();
  for (const Case& c : cases)
    for (ConvSlot open : all_slots) {
      const Operands sum[] = {Operands(c, DType::f32), Operands(c, DType::f32, 4)};
      set_threads(1);
      const Array one = winograd(open, c, {sum, 1}), two = winograd(open, c, sum);
      for (int count : {2, 3}) {
        set_threads(count);
        BOOST_TEST(same_bits(one, winograd(open, c, {sum, 1})), name(c) << " at " << count);
        BOOST_TEST(same_bits(two, winograd(open, c, sum)), name(c) << " at " << count);
      }
      set_threads(before);
    }
}

// With minimal filtering, the rounding error is a few times that of the direct kernels.
BOOST_AUTO_TEST_CASE(rounding_stays_near_that_of_the_direct_kernels) {
  for (Index channels : {16, 64}) {
    const Case c{{2, 16, 16, channels}, {3, 3, channels, channels}, {.padding = 1}};
    const Operands in(c, DType::f32);
    for (ConvSlot open : all_slots) {
      const std::vector<double> exact = reference(open, c, in);
      const double direct = relative_error(run(open, c, in), exact);
      const double fast = relative_error(winograd(open, c, {&in, 1}), exact);
      BOOST_TEST(fast < 4 * direct,
                 "slot " << static_cast<int>(open) << ": " << fast << ", direct " << direct);
      BOOST_TEST(fast < 2e-6);
    }
  }
}

// Tests the error bound in winograd.h on images with one very large or small number and on kernels
// of small numbers, for which direct convolution is far more exact.
BOOST_AUTO_TEST_CASE(an_error_is_bounded_by_the_largest_number_of_its_tile) {
  const Case c{{1, 12, 12, 16}, {3, 3, 16, 16}, {.padding = 1}};
  constexpr Index side = 12, channels = 16;
  constexpr double unit = 0x1p-24, most = 8;
  double worst = 0;
  for (const double spike : {255.0, 1e6, 1e-6})
    for (const int kernel : {0, 1, 2}) {
      Operands in(c, DType::f32);
      in.x.set((4 * side + 5) * channels + 3, spike);
      in.g.set((7 * side + 2) * channels + 1, spike);
      for (Index k = 0; kernel > 0 && k < in.w.elements(); ++k) {
        // The identity of each channel, or its Laplacian.
        const Index place = k / (channels * channels);
        const bool same = k / channels % channels == k % channels;
        const double laplacian = place == 4 ? -4 : place % 2;
        in.w.set(k, !same ? 0 : kernel == 1 ? double(place == 4) : laplacian);
      }
      std::vector<double> weight(channels, 0), turned(channels, 0);
      for (Index k = 0; k < in.w.elements(); ++k) {
        weight[static_cast<std::size_t>(k % channels)] += std::abs(in.w.at(k));
        turned[static_cast<std::size_t>(k / channels % channels)] += std::abs(in.w.at(k));
      }
      // The largest absolute value in the 4 x 4 tile that an output reads.
      const auto largest = [&](const Array& images, Index y, Index x) {
        double found = 0;
        for (Index row = y / 2 * 2 - 1; row < y / 2 * 2 + 3; ++row)
          for (Index column = x / 2 * 2 - 1; column < x / 2 * 2 + 3; ++column)
            for (Index i = 0; i < channels; ++i)
              if (row >= 0 && row < side && column >= 0 && column < side)
                found = std::max(found, std::abs(images.at((row * side + column) * channels + i)));
        return found;
      };
      for (ConvSlot open : {ConvSlot::outputs, ConvSlot::images}) {
        const std::vector<double> exact = reference(open, c, in);
        const Array y = winograd(open, c, {&in, 1});
        const bool forward = open == ConvSlot::outputs;
        for (Index k = 0; k < y.elements(); ++k) {
          const auto channel = static_cast<std::size_t>(k % channels);
          const Index pixel = k / channels;
          const double size = largest(forward ? in.x : in.g, pixel / side, pixel % side) *
                              (forward ? weight : turned)[channel];
          const double error = std::abs(y.at(k) - exact[static_cast<std::size_t>(k)]);
          worst = std::max(worst, error / (unit * size));
        }
      }
      const std::vector<double> exact = reference(ConvSlot::kernel, c, in);
      const Array w = winograd(ConvSlot::kernel, c, {&in, 1});
      double sizes = 0;
      for (Index y = 0; y < side; y += 2)
        for (Index x = 0; x < side; x += 2) {
          double g = 0;
          for (Index k = 0; k < 4 * channels; ++k)
            g = std::max(
                g, std::abs(in.g.at(((y + k / 2 % 2) * side + x + k % 2) * channels + k / 4)));
          sizes += 4 * g * largest(in.x, y, x);
        }
      for (Index k = 0; k < w.elements(); ++k)
        worst = std::max(worst,
                         std::abs(w.at(k) - exact[static_cast<std::size_t>(k)]) / (unit * sizes));
    }
  BOOST_TEST(worst <= most);
  // The bound is less than 20 times the largest error.
  BOOST_TEST(worst > most / 20);
}

BOOST_AUTO_TEST_CASE(not_a_number_reaches_every_output_that_sees_it_and_no_other_tile) {
  const Case c{{1, 8, 8, 8}, {3, 3, 8, 8}, {.padding = 1}};
  Operands in(c, DType::f32);
  in.x.set(0, std::numeric_limits<double>::quiet_NaN());
  const Array y = winograd(ConvSlot::outputs, c, {&in, 1});
  for (Index oy = 0; oy < 8; ++oy)
    for (Index ox = 0; ox < 8; ++ox)
      BOOST_TEST(std::isnan(y.at((oy * 8 + ox) * 8)) == (oy < 2 && ox < 2));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_known_and_refused) {
  const Case good{{2, 6, 8, 8}, {3, 3, 8, 8}, {.padding = 1}};
  BOOST_TEST(fits(good, DType::f32));
  std::vector<Case> bad(8, good);
  bad[0].w = {1, 1, 8, 8};
  bad[1].w = {3, 5, 8, 8};
  bad[2].geometry.stride = 2;
  bad[3].geometry.dilation = 2;
  bad[4].w = {3, 3, 4, 8}, bad[4].geometry.groups = 2;
  bad[5].x = {2, 6, 8, 7}, bad[5].w = {3, 3, 7, 8};
  bad[6].w = {3, 3, 8, 7};
  bad[7].x = {2, 6, 8, 1024}, bad[7].w = {3, 3, 1024, 1024};
  for (const Case& c : bad)
    for (ConvSlot open : all_slots) {
      BOOST_TEST(!winograd_fits(open, c.x, c.w, c.geometry, DType::f32), name(c));
      BOOST_TEST(!winograd_pays(open, c.x, c.w, c.geometry, DType::f32), name(c));
    }
  // The terms of a sum share the workspace. With 256 channels in f32, two terms fit but not three.
  const Case wide{{1, 4, 4, 256}, {3, 3, 256, 8}, {.padding = 1}};
  BOOST_TEST(winograd_fits(ConvSlot::outputs, wide.x, wide.w, wide.geometry, DType::f32, 2));
  BOOST_TEST(!winograd_fits(ConvSlot::outputs, wide.x, wide.w, wide.geometry, DType::f32, 3));
  BOOST_TEST(!winograd_fits(ConvSlot::outputs, wide.x, wide.w, wide.geometry, DType::f64, 2));

  const Operands in(bad[2], DType::f32);
  for (ConvSlot open : all_slots) BOOST_CHECK_THROW(winograd(open, bad[2], {&in, 1}), Error);
}

BOOST_AUTO_TEST_CASE(flops_are_those_of_the_products_and_the_transforms) {
  const Shape x{2, 7, 8, 8}, w{3, 3, 8, 16};  // 2 x 4 x 4 tiles
  const ConvGeometry geometry{.padding = 1};
  const Index products = 2 * 32 * 16 * 8 * 16;
  BOOST_TEST(winograd_flops(ConvSlot::outputs, x, w, geometry) ==
             products + 32 * 24 * (8 + 16) + 35 * 8 * 16);
  BOOST_TEST(winograd_flops(ConvSlot::images, x, w, geometry, 2) ==
             2 * products + 32 * 24 * (2 * 16 + 8) + 2 * 35 * 8 * 16);
  BOOST_TEST(winograd_flops(ConvSlot::kernel, x, w, geometry) ==
             products + 32 * (24 * 8 + 12 * 16) + 42 * 8 * 16);
}

BOOST_AUTO_TEST_SUITE_END()
