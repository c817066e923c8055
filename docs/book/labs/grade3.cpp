// The grader of lab 3. It prints a line for each law: ok, or broken with the check, the place, and
// the two numbers that must be equal.
#include <fmt/core.h>

#include <cmath>
#include <string>

#include "autodiff/check/derivatives.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/trigonometric.h"
#include "autodiff/plan/plan.h"
#include "docs/book/labs/lab3.h"
#include "docs/book/labs/laws.h"

namespace lab {

using namespace twice;

namespace {

Array normal(const Shape& shape, DType dtype, std::uint64_t seed) {
  const Array numbers(shape, dtype);
  fill_normal(Rng(seed), 0, 1, numbers);
  return numbers;
}

void expect_values(DType dtype) {
  const Index rows = 5;
  const Array a = normal({rows, 3}, dtype, 1), b = normal({rows, 3}, dtype, 2);
  Tape tape;
  const Tensor product = cross(tape.constant(a), tape.constant(b));
  const Spec spec{{rows, 3}, dtype};
  if (!(product.spec() == spec))
    throw Broken{fmt::format("expected {}, found {}", str(spec), str(product.spec()))};
  const Array y = evaluate(product);
  for (Index i = 0; i < rows; ++i)
    for (Index k = 0; k < 3; ++k) {
      const Index k1 = 3 * i + (k + 1) % 3, k2 = 3 * i + (k + 2) % 3;
      const double expected = a.at(k1) * b.at(k2) - a.at(k2) * b.at(k1), found = y.at(3 * i + k);
      if (!(std::abs(found - expected) <= 1e-5))
        throw Broken{fmt::format("row {}, entry {}: {}", i, k, expected_found(expected, found))};
    }
}

/// The two numbers of a check, each with the functions that computed it.
std::string sides(const CheckResult& r) {
  const auto [reference, engine] = digits(r.reference, r.engine);
  if (r.check == "adjoint")
    return fmt::format("<J v, u> by apply is {}, <v, J' u> by adjoint is {}", reference, engine);
  if (r.check == "forward over reverse")
    return fmt::format("H v by adjoint and then apply is {}, H v by adjoint twice is {}", reference,
                       engine);
  if (r.check == "reverse over forward")
    return fmt::format("H v by apply and then adjoint is {}, H v by adjoint twice is {}", reference,
                       engine);
  if (r.check == "planned")
    return fmt::format("the recorded value is {}, the planned value is {}", reference, engine);
  return fmt::format("the derivative by finite differences is {}, by adjoint it is {}", reference,
                     engine);
}

/// All checks of one order.
void expect_derivatives(const Function& f, int order) {
  const std::vector<Array> inputs = {normal({2, 3}, DType::f64, 3), normal({2, 3}, DType::f64, 4)};
  std::string broken;
  for (const CheckResult& r : check_derivatives(f, inputs, {.order = order})) {
    if (r.order != order || r.ok) continue;
    const std::string place =
        r.input < 0 ? "" : fmt::format(" input {}, entry {}:", r.input, r.entry);
    broken += fmt::format("{}{}:{} {}", broken.empty() ? "" : "; ", r.check, place, sides(r));
  }
  if (!broken.empty()) throw Broken{broken};
}

}  // namespace

}  // namespace lab

int main() {
  using namespace lab;
  std::vector<Law> laws = {{"values in f32", [] { expect_values(DType::f32); }},
                           {"values in f64", [] { expect_values(DType::f64); }}};
  const std::pair<const char*, Function> functions[] = {
      {"a x b", [](const Tensors& x) { return Tensors{cross(x[0], x[1])}; }},
      {"a x (a x b)", [](const Tensors& x) { return Tensors{cross(x[0], cross(x[0], x[1]))}; }},
      {"sin(a x b)", [](const Tensors& x) { return Tensors{sin(cross(x[0], x[1]))}; }}};
  for (const auto& [name, f] : functions)
    for (int order = 1; order <= 3; ++order)
      laws.push_back({fmt::format("{}, order {}", name, order),
                      [f = f, order] { expect_derivatives(f, order); }});
  return grade(laws);
}
