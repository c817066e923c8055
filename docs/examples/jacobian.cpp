// The Jacobian of a map from 3 numbers to 2, by rows and by columns.
//
//   y_1 = x_1 x_2 + sin x_3,   y_2 = x_1 exp(x_2 x_3),   J[i, j] = dy_i / dx_j
//
// A backward sweep computes J'u for a given u, and so a row of J. A forward sweep computes J t for
// a given t, and so a column. Rows take fewer sweeps if there are fewer outputs than inputs, as for
// a loss; columns if there are more.
#include <autodiff/autodiff.h>
#include <fmt/core.h>

using namespace twice;

int main() {
  Tape tape;
  const Tensor x = tape.constant(Array::from<double>({2, 0.5, 1}, {3}));
  const auto entry = [&](Index i) { return slice(x, 0, i, i + 1); };
  const Tensor y =
      concat({entry(0) * entry(1) + sin(entry(2)), entry(0) * exp(entry(1) * entry(2))}, 0);

  // The unit vectors choose one output, or one input.
  const auto unit = [&](Index i, Index size) {
    Array numbers = Array::zeros({size}, DType::f64);
    numbers.set(i, 1);
    return tape.constant(numbers);
  };
  Tensors rows, columns;
  for (Index i = 0; i < 2; ++i) rows.push_back(grad(y, x, unit(i, 2))[0]);
  for (Index j = 0; j < 3; ++j) columns.push_back(push(y, x, unit(j, 3))[0]);

  const auto show = [](const char* name, Tensor matrix) {
    const std::vector<double> J = evaluate(matrix).to_vector();
    fmt::print("{}\n", name);
    for (std::size_t i = 0; i < 6; i += 3)
      fmt::print("  {:7.4f} {:7.4f} {:7.4f}\n", J[i], J[i + 1], J[i + 2]);
  };
  show("by rows, 2 backward sweeps:", stack(rows, 0));
  show("by columns, 3 forward sweeps:", stack(columns, 1));
  show("jacobian():", jacobian(y, x));
}

// Prints:
// by rows, 2 backward sweeps:
//    0.5000  2.0000  0.5403
//    1.6487  3.2974  1.6487
// by columns, 3 forward sweeps:
//    0.5000  2.0000  0.5403
//    1.6487  3.2974  1.6487
// jacobian():
//    0.5000  2.0000  0.5403
//    1.6487  3.2974  1.6487
