// Tests the choice of argmax, argmin and max pooling: the first of equal entries, and the first NaN
// rather than any number.
#include <boost/test/unit_test.hpp>

#include "autodiff/ops/index.h"
#include "autodiff/ops/pool.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

struct TiedRow {
  std::vector<double> numbers;
  double largest, smallest;
};

const std::vector<TiedRow>& rows_with_ties() {
  static const std::vector<TiedRow> list = {
      {{1, 3, 2, 3, 1}, 1, 0},
      {{3, 1, 1, 2, 3}, 0, 1},
      {{7, 7, 7, 7, 7}, 0, 0},
      {{-0.0, 0, -0.0, 0, 0}, 0, 0},
      {{0, -0.0, 0, 1, 1}, 3, 0},
      {{2, not_a_number, 9, not_a_number, 1}, 1, 1},
      {{not_a_number, 1, infinite, 2, not_a_number}, 0, 0},
      {{not_a_number, not_a_number, not_a_number, not_a_number, not_a_number}, 0, 0},
      {{-infinite, infinite, infinite, -infinite, 0}, 1, 0},
      {{-infinite, -infinite, -infinite, -infinite, -infinite}, 0, 0},
      {{1, 2, 3, 4, 4}, 3, 0},
      {{4, 3, 2, 1, 1}, 0, 3},
  };
  return list;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ties)

BOOST_AUTO_TEST_CASE(of_argmax_and_argmin) {
  for (DType dtype : {DType::f32, DType::f64})
    for (const TiedRow& row : rows_with_ties()) {
      Tape tape;
      const Tensor x = tape.constant(array_of(row.numbers, dtype));
      const std::string numbers =
          fmt::format("row that begins {}, {}", row.numbers[0], row.numbers[1]);
      BOOST_TEST(evaluate(argmax(x, 0)).item() == row.largest, numbers);
      BOOST_TEST(evaluate(argmin(x, 0)).item() == row.smallest, numbers);
      // The same along the first of two axes, with 5 everywhere in the other column.
      std::vector<double> beside;
      for (double v : row.numbers) beside.insert(beside.end(), {5, v});
      const Tensor table = tape.constant(array_of(beside, dtype).reshaped({5, 2}));
      BOOST_CHECK(evaluate(argmax(table, 0)).to_vector() == (std::vector<double>{0, row.largest}));
      BOOST_CHECK(evaluate(argmin(table, 0)).to_vector() == (std::vector<double>{0, row.smallest}));
    }
}

// One window covers the image, so the indices are positions in the window. The kernel processes
// channels in groups, so several numbers of channels are tested.
BOOST_AUTO_TEST_CASE(of_max_pooling) {
  for (DType dtype : {DType::f32, DType::f64})
    for (Index channels : {1, 3, 16, 70})
      for (const TiedRow& row : rows_with_ties()) {
        const Array image({1, 3, 3, channels}, dtype);
        // The row's five numbers are in the corners and the middle. The others are smaller.
        const double between = -infinite;
        for (Index i = 0; i < 9; ++i)
          for (Index c = 0; c < channels; ++c)
            image.set(i * channels + c,
                      i % 2 == 0 ? row.numbers[static_cast<std::size_t>(i / 2)] : between);
        Tape tape;
        const Array found = evaluate(max_pool2d_indices(tape.constant(image), {3, 3, 0}));
        for (Index c = 0; c < channels; ++c)
          BOOST_TEST(found.at(c) == 2 * row.largest, "first number " << row.numbers[0]);
      }
}

BOOST_AUTO_TEST_SUITE_END()
