#include "nn/losses.h"

#include <algorithm>
#include <cmath>

#include "autodiff/ops/arithmetic.h"

namespace twice {

Tensor quarter_mse(Tensor predictions, Tensor targets) { return mse(predictions, targets) / 4; }

namespace {

/// Calls row(first, label) for each row of the logits, in order. `first` points to `classes` floats
/// or doubles.
template <class Row>
void for_each_row(const char* who, const Array& logits, const Array& labels, const Row& row) {
  const Shape& shape = logits.shape();
  if (shape.rank() != 2 || labels.shape() != Shape{shape[0]} || labels.dtype() != DType::i32)
    fail(who, "logits {} and {} labels {}; expected (n, classes) and i32 (n)", str(shape),
         str(labels.dtype()), str(labels.shape()));
  const Array rows = logits.contiguous_copy(), expected = labels.contiguous_copy();
  visit_float(logits.dtype(), [&]<class T>(T) {
    for (Index i = 0; i < shape[0]; ++i) {
      const Index label = expected.data<std::int32_t>()[i];
      if (label < 0 || label >= shape[1])
        fail(who, "label {} of row {}; expected 0 to {}", label, i, shape[1] - 1);
      row(rows.data<T>() + i * shape[1], label);
    }
  });
}

}  // namespace

Index count_correct(const Array& logits, const Array& labels) {
  Index correct = 0;
  for_each_row("accuracy", logits, labels, [&](const auto* row, Index label) {
    const auto* const end = row + logits.shape()[1];
    const bool ordered = std::none_of(row, end, [](auto v) { return std::isnan(v); });
    correct += ordered && std::max_element(row, end) - row == label;
  });
  return correct;
}

double accuracy(const Array& logits, const Array& labels) {
  const Index correct = count_correct(logits, labels);
  if (labels.elements() == 0) fail("accuracy", "there are no labels; expected at least one");
  return static_cast<double>(correct) / static_cast<double>(labels.elements());
}

double total_cross_entropy(const Array& logits, const Array& labels) {
  double total = 0;
  for_each_row("cross_entropy", logits, labels, [&](const auto* row, Index label) {
    const auto* const end = row + logits.shape()[1];
    // The largest entry is subtracted, so that no exponential overflows.
    const double largest = *std::max_element(row, end);
    double sum = 0;
    for (const auto* x = row; x != end; ++x) sum += std::exp(*x - largest);
    total += largest + std::log(sum) - row[label];
  });
  return total;
}

}  // namespace twice
