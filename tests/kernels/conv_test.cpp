// Tests the convolution kernels against seven plain loops in double, over many geometries. Also
// tests the adjoint identities and equal bits with any number of threads.
#include "autodiff/kernels/conv.h"

#include "autodiff/threads/threads.h"
#include "tests/kernels/conv_cases.h"

using namespace twice;
using namespace twice::kernel;
using namespace twice::testing;

namespace {

const std::vector<Case> cases = {
    {{2, 6, 5, 3}, {3, 3, 3, 4}},
    {{2, 6, 5, 3}, {3, 3, 3, 4}, {.padding = 1}},
    {{2, 7, 6, 3}, {3, 3, 3, 16}, {.stride = 2, .padding = 1}},
    {{1, 28, 28, 1}, {5, 5, 1, 10}, {.padding = 2}},
    {{3, 8, 8, 16}, {3, 3, 16, 16}, {.padding = 1}},
    {{3, 9, 33, 16}, {3, 3, 16, 33}, {.padding = 1}},
    {{2, 8, 9, 10}, {3, 3, 10, 10}, {.padding = 1}},
    {{2, 5, 5, 8}, {3, 3, 8, 8}, {.padding = 1}},
    {{2, 5, 5, 7}, {3, 3, 7, 9}, {.padding = 2}},
    {{2, 11, 13, 32}, {3, 3, 32, 48}, {.padding = 1}},
    {{1, 10, 10, 17}, {3, 3, 17, 50}, {.stride = 2, .padding = 1}},
    {{3, 4, 4, 8}, {1, 1, 8, 24}},
    {{3, 5, 4, 8}, {1, 1, 8, 24}, {.stride = 2}},
    {{3, 5, 4, 2}, {1, 1, 2, 3}, {.stride = 3, .padding = 1}},
    {{2, 1, 1, 5}, {1, 1, 5, 2}},
    {{2, 1, 1, 5}, {3, 3, 5, 2}, {.padding = 1}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}},
    {{9, 1, 1, 1}, {1, 1, 1, 1}},
    {{9, 3, 1, 2}, {3, 1, 2, 1}, {.padding = 1}},
    {{1, 1, 1, 2}, {1, 1, 2, 3}, {.padding = 3}},
    {{1, 2, 3, 2}, {2, 3, 2, 3}, {.padding = 5}},
    {{2, 9, 7, 2}, {3, 5, 2, 3}, {.padding = 1}},
    {{2, 9, 7, 2}, {2, 4, 2, 3}, {.stride = 2, .padding = 1}},
    {{2, 9, 8, 3}, {4, 1, 3, 5}, {.stride = 3}},
    {{2, 9, 9, 3}, {3, 3, 3, 4}, {.dilation = 2}},
    {{2, 9, 8, 3}, {3, 3, 3, 4}, {.padding = 3, .dilation = 3}},
    {{2, 10, 9, 3}, {3, 3, 3, 4}, {.stride = 2, .padding = 2, .dilation = 2}},
    {{2, 11, 12, 2}, {3, 2, 2, 3}, {.stride = 3, .padding = 2, .dilation = 2}},
    {{1, 13, 14, 2}, {3, 3, 2, 3}, {.stride = 4, .padding = 1, .dilation = 6}},
    {{1, 13, 14, 2}, {2, 2, 2, 3}, {.stride = 6, .padding = 3, .dilation = 4}},
    {{2, 7, 7, 6}, {3, 3, 3, 4}, {.padding = 1, .groups = 2}},
    {{2, 7, 7, 6}, {3, 3, 1, 12}, {.stride = 2, .padding = 1, .groups = 6}},
    {{2, 7, 6, 32}, {3, 3, 16, 64}, {.padding = 1, .groups = 2}},
    {{2, 9, 7, 40}, {3, 3, 10, 36}, {.stride = 2, .padding = 2, .dilation = 2, .groups = 4}},
    {{70, 5, 3, 2}, {3, 3, 2, 5}, {.padding = 1}},
    {{5, 17, 21, 4}, {5, 5, 4, 6}, {.stride = 2, .padding = 2}},
    {{2, 3, 200, 3}, {2, 7, 3, 5}, {.stride = 5}},
    {{0, 6, 6, 3}, {3, 3, 3, 4}, {.padding = 1}},
    // Enough positions for 16 blocks. Then a task of the weight gradient sums all rows of the
    // kernel.
    {{17, 16, 16, 2}, {3, 3, 2, 5}, {.padding = 1}},
    {{18, 33, 32, 1}, {3, 3, 1, 4}, {.stride = 2, .padding = 1, .dilation = 2}},
    {{20, 17, 17, 4}, {2, 3, 2, 6}, {.groups = 2}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(conv)

BOOST_AUTO_TEST_CASE(kernels_equal_seven_loops) {
  for (const Case& c : cases)
    for (DType dtype : {DType::f32, DType::f64})
      for (ConvSlot open : all_slots) {
        BOOST_TEST_CONTEXT(name(c) << " " << str(dtype) << " slot " << static_cast<int>(open)) {
          const Operands in(c, dtype);
          const auto expected = reference(open, c, in);
          const auto got = run(open, c, in).to_vector();
          BOOST_REQUIRE_EQUAL(got.size(), expected.size());
          // An entry sums at most a few thousand products of standard normal numbers.
          const double tolerance = dtype == DType::f32 ? 1e-4 : 1e-12;
          double worst = 0;
          for (std::size_t i = 0; i < got.size(); ++i) {
            const double error = std::abs(got[i] - expected[i]);
            if (!(error <= worst)) worst = error;  // also true for NaN
          }
          BOOST_TEST(worst <= tolerance);
        }
      }
}

BOOST_AUTO_TEST_CASE(every_small_geometry_equals_seven_loops) {
  int tried = 0;
  for (Index stride : {1, 2, 3})
    for (Index padding : {0, 1, 2, 4})
      for (Index dilation : {1, 2, 3})
        for (Index kernel : {1, 2, 3})
          for (Index size : {1, 2, 5, 6}) {
            const Case c{
                {2, size, size + 1, 2}, {kernel, kernel, 1, 4}, {stride, padding, dilation, 2}};
            if ((kernel - 1) * dilation + 1 > size + 2 * padding) continue;
            ++tried;
            const Operands in(c, DType::f64);
            for (ConvSlot which : all_slots) {
              const auto expected = reference(which, c, in);
              const auto got = run(which, c, in).to_vector();
              for (std::size_t i = 0; i < got.size(); ++i)
                BOOST_REQUIRE_MESSAGE(std::abs(got[i] - expected[i]) < 1e-12,
                                      name(c) << " kernel " << static_cast<int>(which));
            }
          }
  BOOST_TEST(tried > 300);
}

BOOST_AUTO_TEST_CASE(sums_equal_the_sum_of_seven_loops) {
  for (const Case& c : cases)
    for (DType dtype : {DType::f32, DType::f64})
      for (ConvSlot open : all_slots)
        for (std::size_t count : {std::size_t{2}, most_convolutions})
          check_sum(open, c, dtype, count, Form::direct);
}

BOOST_AUTO_TEST_CASE(terms_of_other_shapes_and_too_many_are_refused) {
  const Case c{{1, 6, 6, 3}, {3, 3, 3, 4}, {.padding = 1}};
  const Operands in(c, DType::f32);
  const Array larger = random({2, 6, 6, 3}, DType::f32, 1);
  Array y = in.g.clone();
  std::vector<ConvTerm> terms(most_convolutions + 1, ConvTerm{&in.x, &in.w});
  BOOST_CHECK_THROW(conv2d(terms, c.geometry, y, nullptr), Error);
  BOOST_CHECK_THROW(conv2d({}, c.geometry, y, nullptr), Error);
  terms = {{&in.x, &in.w}, {&larger, &in.w}};
  BOOST_CHECK_THROW(conv2d(terms, c.geometry, y, nullptr), Error);
  // The terms of a weight gradient must have the same batch.
  const Array more = random({2, 6, 6, 4}, DType::f32, 1);
  terms = {{&in.x, &in.g}, {&larger, &more}};
  Array w = in.w.clone();
  BOOST_CHECK_THROW(conv2d_weight_grad(terms, c.geometry, w, nullptr), Error);
}

BOOST_AUTO_TEST_CASE(the_three_kernels_are_one_trilinear_form) {
  for (const Case& c : cases) BOOST_TEST_CONTEXT(name(c)) {
      const Operands in(c, DType::f64);
      const double by_y = dot(run(ConvSlot::outputs, c, in), in.g);
      const double by_x = dot(run(ConvSlot::images, c, in), in.x);
      const double by_w = dot(run(ConvSlot::kernel, c, in), in.w);
      const double scale = std::sqrt(dot(in.x, in.x) * dot(in.w, in.w) * dot(in.g, in.g)) + 1e-300;
      BOOST_TEST(std::abs(by_y - by_x) <= 1e-13 * scale);
      BOOST_TEST(std::abs(by_y - by_w) <= 1e-13 * scale);
    }
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_the_thread_count) {
  const int before = threads();
  for (const Case& c : cases)
    for (ConvSlot open : all_slots) {
      const Operands in(c, DType::f32);
      const Operands sum[] = {in, Operands(c, DType::f32, 4)};
      set_threads(1);
      const Array one = run(open, c, in), two = run(open, c, sum);
      for (int count : {2, 3}) {
        set_threads(count);
        BOOST_TEST(same_bits(one, run(open, c, in)), name(c) << " at " << count << " threads");
        BOOST_TEST(same_bits(two, run(open, c, sum)), name(c) << " at " << count << " threads");
      }
      set_threads(before);
    }
}

BOOST_AUTO_TEST_CASE(not_a_number_reaches_only_the_outputs_that_see_it) {
  for (Index channels : {1, 16}) {
    const Case c{{1, 6, 6, 1}, {3, 3, 1, channels}, {.padding = 1}};
    Operands in(c, DType::f32);
    in.x.set(0, std::numeric_limits<double>::quiet_NaN());
    const Array y = run(ConvSlot::outputs, c, in);
    for (Index oy = 0; oy < 6; ++oy)
      for (Index ox = 0; ox < 6; ++ox)
        for (Index o = 0; o < channels; ++o) {
          const bool found = std::isnan(y.at((oy * 6 + ox) * channels + o));
          // With few channels, neighbouring positions are computed together, so NaN may reach them.
          if (ox < 2 || channels == 16)
            BOOST_TEST(found == (oy < 2 && ox < 2));
          else if (oy >= 2)
            BOOST_TEST(!found);
        }
  }
}

BOOST_AUTO_TEST_CASE(not_a_number_stays_in_its_channel) {
  const Case c{{2, 6, 6, 6}, {3, 3, 3, 10}, {.padding = 1, .groups = 2}};
  Operands in(c, DType::f32);
  for (Index pixel = 0; pixel < 2 * 6 * 6; ++pixel) in.g.set(pixel * 10 + 5, not_a_number);
  const Array w = run(ConvSlot::kernel, c, in), x = run(ConvSlot::images, c, in);
  for (Index i = 0; i < w.elements(); ++i) BOOST_TEST(std::isnan(w.at(i)) == (i % 10 == 5));
  for (Index i = 0; i < x.elements(); ++i) BOOST_TEST(std::isnan(x.at(i)) == (i % 6 >= 3));
}

BOOST_AUTO_TEST_CASE(an_empty_batch_has_a_zero_weight_gradient) {
  const Case c{{0, 6, 6, 3}, {3, 3, 3, 4}, {.padding = 1}};
  const Array w = run(ConvSlot::kernel, c, Operands(c, DType::f32));
  for (double value : w.to_vector()) BOOST_TEST(value == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
