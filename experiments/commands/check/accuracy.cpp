// Measures the errors of elementwise ops at special and random numbers, and reports them.
#include "experiments/commands/check/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/plan/plan.h"
#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

namespace {

using namespace exact;
using Numbers = std::vector<double>;

constexpr double infinite = std::numeric_limits<double>::infinity();

/// Adds x, the numbers before and after x, and the negatives of all three.
void add_neighbours(double x, DType dtype, Numbers& to) {
  const double y = rounded(x, dtype);
  for (double v : {y, neighbour(y, infinite, dtype), neighbour(y, -infinite, dtype)})
    for (double sign : {1.0, -1.0}) to.push_back(sign * v);
}

/// Numbers at which some function changes its formula, overflows, underflows, is 0, or becomes
/// equal to its limit.
const Numbers changes = numbers_in(
    "0.25 0.34657359 0.5 0.70710678118654752 0.75 0.9 1.0 1.0397207 1.2784645427610738 "
    "1.4142135623730951 1.5 2.0 2.3993572805154 3.0 4.0 5.0 7.0 9.0 10.0 12.0 13.5 15.0 "
    "17.328679 20.0 22.0 26.5 30.0 36.7368 38.5 40.0 44.0 60.0 87.33655 88.37626 88.722839 "
    "100.0 103.97208 354.9 372.56 708.3964 709.78271289338397 745.13321910194122 800.0 1e4 "
    "6000.0 1e6 1e12 3e13 1e19 1e22 1e30 1e62 1e154 1e155 1e200 1e300");

/// The numbers in `changes`, and the numbers at the ends of the dtype's range.
Numbers special_numbers(DType dtype) {
  Numbers numbers{0, -0.0, std::nan("")};
  const FloatRange range = range_of(dtype);
  const double smallest = range.smallest;
  for (double x : {smallest, 3 * smallest, 1000 * smallest, range.normal, range.largest})
    add_neighbours(x, dtype, numbers);
  for (double x : changes)
    if (x < range.largest) add_neighbours(x, dtype, numbers);
  for (int n = 1; n <= 8; ++n) add_neighbours(n * 1.5707963267948966, dtype, numbers);
  return numbers;
}

/// `count` numbers. One third have random bits and thus any exponent. The others lie between 1e-6
/// and 1e3.
Numbers random_numbers(DType dtype, int count, std::uint64_t seed) {
  const Rng rng(seed);
  Numbers numbers;
  for (std::uint64_t i = 0; numbers.size() < static_cast<std::size_t>(count); ++i) {
    const double a = rng.uniform(3 * i), b = rng.uniform(3 * i + 1), c = rng.uniform(3 * i + 2);
    const auto high = static_cast<std::uint32_t>(a * 0x1p32);
    const auto low = static_cast<std::uint32_t>(b * 0x1p32);
    if (i % 3 != 0)
      numbers.push_back(rounded((c < 0.5 ? -1 : 1) * std::pow(10, -6 + 9 * a) * (1 + b), dtype));
    else if (dtype == DType::f32)
      numbers.push_back(std::bit_cast<float>(low));
    else
      numbers.push_back(std::bit_cast<double>(std::uint64_t{high} << 32 | low));
  }
  return numbers;
}

/// The numbers, or pairs of numbers, at which a function of one or two inputs is measured.
std::vector<Numbers> measured_at(std::size_t inputs, DType dtype, int count) {
  const FloatRange range = range_of(dtype);
  if (inputs == 1) {
    Numbers numbers = special_numbers(dtype);
    numbers.insert(numbers.end(), {infinite, -infinite});
    // Powers of two: all of them if `count` is large enough.
    const int least = std::ilogb(range.smallest), most = range.max_exponent - 1;
    const int step = std::max(1, (most - least) / std::max(1, count / 4));
    for (int e = least; e <= most; e += step) add_neighbours(std::ldexp(1.0, e), dtype, numbers);
    const Numbers more = random_numbers(dtype, count, 1);
    numbers.insert(numbers.end(), more.begin(), more.end());
    return {numbers};
  }
  std::vector<Numbers> pairs(2);
  const double least = range.smallest, most = range.largest, nan = std::nan("");
  Numbers few{0,   -0.0, least, -least, 0.5, -0.5, 1,     -1,   1.5,       2,        -2,
              2.5, 3,    -3,    10,     -10, 1e19, -most, most, -infinite, infinite, nan};
  for (double a : few)
    for (double b : few) {
      pairs[0].push_back(rounded(a, dtype));
      pairs[1].push_back(rounded(b, dtype));
    }
  for (std::uint64_t slot : {0, 1}) {
    const Numbers more = random_numbers(dtype, count, 2 + slot);
    pairs[slot].insert(pairs[slot].end(), more.begin(), more.end());
  }
  return pairs;
}

/// Element d holds the values that the engine computes for derivative d (numbered as in
/// `order_of`) in one dtype.
std::vector<Numbers> computed(const OpCase& row, const std::vector<Numbers>& numbers, DType dtype) {
  Tape tape;
  Tensors x;
  for (const Numbers& list : numbers)
    x.push_back(tape.parameter(Array::from(list, {static_cast<Index>(list.size())}).cast(dtype)));
  const Tensor y = row.function(x)[0];
  Tensors all{y};
  const Tensors slopes = grad(sum(y), x);
  all.insert(all.end(), slopes.begin(), slopes.end());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Tensors second = grad(sum(slopes[i]), x);
    // f_ab appears only once.
    all.insert(all.end(), second.begin() + static_cast<std::ptrdiff_t>(i), second.end());
  }
  Plan plan{all};
  plan.run();
  std::vector<Numbers> results;
  for (Tensor t : all) results.push_back(plan.value(t).to_vector());
  return results;
}

/// Measures one row of the op table in one dtype: value, slope and curvature.
std::vector<AccuracyRow> measured(const OpCase& row, DType dtype, int count) {
  const ExactFunction exact = exact_function(row);
  const auto denormal = [&](double x) { return x != 0 && std::abs(x) < range_of(dtype).normal; };
  const std::vector<Numbers> numbers = measured_at(row.inputs.size(), dtype, count);
  const std::vector<Numbers> results = computed(row, numbers, dtype);
  std::vector<AccuracyRow> rows;
  for (int order = 0; order < 3; ++order)
    rows.push_back({row.op, row.label, dtype, order, 0, (*row.units)[order], {}});
  for (std::size_t i = 0; i < numbers[0].size(); ++i) {
    Numbers x;
    for (const Numbers& list : numbers) x.push_back(list[i]);
    const MeasureError measure = exact(x, dtype);
    const bool curvature = std::ranges::none_of(x, denormal);
    for (std::size_t derivative = 0; derivative < results.size(); ++derivative) {
      const int order = order_of(derivative, x.size());
      if (order == 2 && !curvature) continue;
      AccuracyRow& worst = rows[static_cast<std::size_t>(order)];
      const double y = results[derivative][i];
      const auto [error, exact_y] = measure(derivative, y, worst.error);
      if (error <= worst.error) continue;
      worst.error = error;
      worst.at = x;
      worst.computed = y;
      worst.exact = exact_y;
    }
  }
  for (AccuracyRow& worst : rows) worst.ok = worst.error <= worst.bound;
  return rows;
}

constexpr std::array<const char*, 3> order_names{"value", "slope", "curvature"};

std::string full_name(const AccuracyRow& row) {
  return row.label.empty() ? row.op : row.op + ", " + row.label;
}

std::string place(const AccuracyRow& row) {
  return row.at.empty() ? "" : fmt::format("{:.9g}", fmt::join(row.at, ", "));
}

}  // namespace

Json finite_or_text(double x) { return std::isfinite(x) ? Json(x) : Json(fmt::format("{}", x)); }

std::vector<AccuracyRow> check_accuracy(std::string_view filter, int numbers,
                                        const std::function<void(const std::string&)>& progress) {
  std::vector<AccuracyRow> all;
  for (const OpCase& row : op_table()) {
    if (!row.units || row.op.find(filter) == std::string::npos) continue;
    for (DType dtype : {DType::f32, DType::f64}) {
      const std::vector<AccuracyRow> rows = measured(row, dtype, numbers);
      all.insert(all.end(), rows.begin(), rows.end());
    }
    if (progress) progress(row.op);
  }
  return all;
}

std::string accuracy_report(const std::vector<AccuracyRow>& rows) {
  if (rows.empty()) return {};
  std::string text = fmt::format(
      "Largest errors in units in the last place, beyond the effect of half a unit of x, with "
      "their bounds\n{:<22}{:<6}{:>13}{:>13}{:>13}   nearest to its bound\n",
      "op", "dtype", "value", "slope", "curvature");
  std::string failed;
  std::size_t failures = 0;
  for (std::size_t i = 0; i < rows.size(); i += 3) {
    text += fmt::format("{:<22}{:<6}", full_name(rows[i]), str(rows[i].dtype));
    const AccuracyRow* nearest = &rows[i];
    for (std::size_t order = 0; order < 3; ++order) {
      const AccuracyRow& row = rows[i + order];
      text += fmt::format("{:>13}", fmt::format("{:.2f} of {:g}", row.error, row.bound));
      if (row.error * nearest->bound > nearest->error * row.bound) nearest = &row;
      if (row.ok) continue;
      ++failures;
      failed += fmt::format("FAILED {} {}, {} at {}: {:.17g}, exact {:.17g}: error {:.4g} > {:g}\n",
                            full_name(row), str(row.dtype), order_names[order], place(row),
                            row.computed, row.exact, row.error, row.bound);
    }
    if (!nearest->at.empty())
      text += fmt::format("   {} at {}", order_names[static_cast<std::size_t>(nearest->order)],
                          place(*nearest));
    text += "\n";
  }
  return text + failed + fmt::format("{} errors, {} above their bounds\n", rows.size(), failures);
}

}  // namespace twice::experiments
