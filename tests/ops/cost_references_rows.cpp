// Instrumented reference versions of softmax, related ops and moments. They follow the algorithms
// of the kernels, including the shift by the largest number of a row, in one tile.
#include <limits>

#include "tests/ops/counted.h"

namespace twice::testing {

namespace {

Counted exp(Counted x) {
  return Counted::call([](double v) { return std::exp(v); }, x);
}
Counted log(Counted x) {
  return Counted::call([](double v) { return std::log(v); }, x);
}

/// A row with its largest number and sum_j e^(x_j - largest).
struct Row {
  Index first, columns;
  std::vector<Counted> numbers, exponentials;
  Counted shift = -std::numeric_limits<double>::infinity(), total = 0;

  Row(Touched& x, Index row) : first(row * x.shape().back()), columns(x.shape().back()) {
    for (Index i = 0; i < columns; ++i) numbers.push_back(x.read(first + i));
    for (Counted number : numbers) shift = number > shift ? number : shift;
    for (Counted number : numbers) {
      exponentials.push_back(exp(number - shift));
      total = total + exponentials.back();
    }
  }
};

template <class Body>
Reference each_row(const Body& body) {
  return [=](Execution& e) {
    const Index rows = e.x[0].elements() / e.x[0].shape().back();
    for (Index row = 0; row < rows; ++row) body(e, Row(e.x[0], row), row);
  };
}

/// The positions in x in groups. Positions in a group differ only along the axes of the attributes.
std::vector<std::vector<Index>> groups(const Execution& e) {
  const Shape axes = e.list("axes");
  Shape reduced = e.x[0].shape();
  for (Index axis : axes) reduced[static_cast<int>(axis)] = 1;
  std::vector<std::vector<Index>> result(static_cast<std::size_t>(reduced.elements()));
  for (Index i = 0; i < e.x[0].elements(); ++i) {
    Shape at = place(e.x[0].shape(), i);
    for (Index axis : axes) at[static_cast<int>(axis)] = 0;
    result[static_cast<std::size_t>(position(reduced, at))].push_back(i);
  }
  return result;
}

struct Moments {
  Counted mean = 0, variance = 0;
  Moments(Touched& x, const std::vector<Index>& group) {
    for (Index i : group) mean = mean + x.read(i);
    mean = mean / static_cast<double>(group.size());
    for (Index i : group) {
      const Counted deviation = x.read(i) - mean;
      variance = variance + deviation * deviation;
    }
    variance = variance / static_cast<double>(group.size());
  }
};

void softmax_product(Execution& e) {
  const Index columns = e.x[0].shape().back();
  for (Index first = 0; first < e.x[0].elements(); first += columns) {
    std::vector<Counted> y, v;
    Counted largest = 0, pivot = 0, mean = 0;
    for (Index i = first; i < first + columns; ++i) {
      y.push_back(e.x[0].read(i));
      v.push_back(e.x[1].read(i));
      if (y.back() > largest) largest = y.back(), pivot = v.back();
    }
    for (std::size_t i = 0; i < y.size(); ++i) {
      v[i] = v[i] - pivot;
      mean = mean + y[i] * v[i];
    }
    for (std::size_t i = 0; i < y.size(); ++i)
      e.y.write(first + static_cast<Index>(i), y[i] * (v[i] - mean));
  }
}

void variance(Execution& e) {
  Index at = 0;
  for (const auto& group : groups(e)) e.y.write(at++, Moments(e.x[0], group).variance);
}

void center(Execution& e) {
  for (const auto& group : groups(e)) {
    Counted mean = 0;
    for (Index i : group) mean = mean + e.x[0].read(i);
    mean = mean / static_cast<double>(group.size());
    for (Index i : group) e.y.write(i, e.x[0].read(i) - mean);
  }
}

/// 1 / sqrt(variance + epsilon).
Counted factor_of(const Execution& e, const Moments& moments) {
  return 1 / Counted::call([](double v) { return std::sqrt(v); },
                           moments.variance + e.number("epsilon"));
}

void inverse_deviation(Execution& e) {
  for (Index i = 0; i < e.y.elements(); ++i)
    e.y.write(i, 1 / Counted::call([](double v) { return std::sqrt(v); },
                                   e.x[1].read(i) + e.number("epsilon")));
}

void standardize(Execution& e) {
  for (const auto& group : groups(e)) {
    const Moments moments(e.x[0], group);
    const Counted factor = factor_of(e, moments);
    for (Index i : group) e.y.write(i, (e.x[0].read(i) - moments.mean) * factor);
  }
}

}  // namespace

References row_references() {
  return {
      {"softmax", each_row([](Execution& e, const Row& row, Index) {
         for (Index i = 0; i < row.columns; ++i)
           e.y.write(row.first + i, row.exponentials[static_cast<std::size_t>(i)] / row.total);
       })},
      {"log_softmax", each_row([](Execution& e, const Row& row, Index) {
         const Counted log_total = log(row.total);
         for (Index i = 0; i < row.columns; ++i)
           e.y.write(row.first + i,
                     row.numbers[static_cast<std::size_t>(i)] - row.shift - log_total);
       })},
      {"logsumexp", each_row([](Execution& e, const Row& row, Index at) {
         e.y.write(at, row.shift + log(row.total));
       })},
      {"cross_entropy", each_row([](Execution& e, const Row& row, Index at) {
         const auto label = static_cast<std::size_t>(e.x[1].read_index(at));
         e.y.write(at, log(row.total) - (row.numbers[label] - row.shift));
       })},
      {"center", center},
      {"softmax_error", each_row([](Execution& e, const Row& row, Index at) {
         const Index label = e.x[1].read_index(at);
         for (Index i = 0; i < row.columns; ++i) {
           const Counted p = row.exponentials[static_cast<std::size_t>(i)] / row.total;
           e.y.write(row.first + i, i == label ? p - 1 : p);
         }
       })},
      {"softmax_product", softmax_product},
      {"variance", variance},
      {"inverse_deviation", inverse_deviation},
      {"standardize", standardize},
  };
}

}  // namespace twice::testing
