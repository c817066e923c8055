// Chapter 11 of the book: checkpoints, a Jacobian by coloured probes, and a fixed point.
#include <autodiff/autodiff.h>
#include <autodiff/profile/ledger.h>
#include <fmt/core.h>

using namespace twice;

Array normal(const Shape& shape, double deviation, std::uint64_t seed) {
  const Array numbers(shape, DType::f64);
  fill_normal(Rng(seed), 0, deviation, numbers);
  return numbers;
}

bool agree(const Array& a, const Array& b) {
  for (Index i = 0; i < a.elements(); ++i)
    if (std::abs(a.at(i) - b.at(i)) > 1e-10) return false;
  return true;
}

Array checkpointed(int layers, int length) {
  const Shape rows = {256, 16}, square = {16, 16};
  Tape tape;
  const Tensor a = tape.input(rows, DType::f64), c = tape.input(rows, DType::f64);
  Tensors W;
  Tensor out = a;
  for (int k = 0; k < length; ++k) {
    W.push_back(tape.input(square, DType::f64));
    out = tanh(matmul(out, W.back()));
  }
  const Tensors V = grad(out, W, c), c_of_a = grad(out, a, c);
  Plan forward{out}, backward{V, c_of_a};
  const auto run = [&](Plan& plan, int segment, const Array& input, const Array& cotangent) {
    std::vector<Binding> inputs = {{a, input}, {c, cotangent}};
    for (Tensor weight : W)
      inputs.push_back({weight, normal(square, 0.25, segment * length + inputs.size())});
    plan.run(inputs);
  };
  const int segments = layers / length;
  std::vector<Array> checkpoints = {normal(rows, 1, 1)};
  Array cotangent = Array::filled(rows, DType::f64, 1);
  for (int s = 0; s + 1 < segments; ++s) {
    run(forward, s, checkpoints.back(), cotangent);
    checkpoints.push_back(forward.value(out).clone());
  }
  for (int s = segments - 1; s >= 0; --s, checkpoints.pop_back()) {
    run(backward, s, checkpoints.back(), cotangent);
    cotangent = backward.value(c_of_a[0]).clone();
  }
  const auto products = [](const Plan& plan) { return ledger(plan.program()).total().products; };
  const int all = (segments - 1) * products(forward) + segments * products(backward);
  fmt::print("{:14}{:10}{:17}{:11}\n", length, all, segments * cotangent.bytes() >> 10,
             backward.program().arena_bytes >> 10);
  return backward.value(V[0]).clone();
}

Tensor banded(Tensor x) {
  const Index n = x.size(1);
  const Tensor left = pad(slice(x, 1, 0, n - 1), {0, 1}, {0, 0});
  const Tensor right = pad(slice(x, 1, 1, n), {0, 0}, {0, 1});
  return square(x) * left + sin(right);
}

void colours(Index n) {
  Tape tape;
  const Tensor x = tape.constant(normal({1, n}, 1, 1)), x3 = broadcast_to(x, {3, n});
  const Tensor y = banded(x), y3 = banded(x3);
  const int start = tape.size();
  const Array J = evaluate(jacobian(y, x));
  const int by_rows = tape.size() - start;
  const Array probes = Array::zeros({3, n}, DType::f64), found = Array::zeros({n, n}, DType::f64);
  for (Index j = 0; j < n; ++j) probes.set(j % 3 * n + j, 1);
  const Array packed = evaluate(push(y3, x3, tape.constant(probes))[0]);
  for (Index i = 0; i < n; ++i)
    for (Index j = std::max<Index>(i - 1, 0); j <= std::min(i + 1, n - 1); ++j)
      found.set(i * n + j, packed.at(j % 3 * n + i));
  fmt::print("Jacobian: {} nodes by rows, {} by colours, {}\n", by_rows,
             tape.size() - start - by_rows, agree(J, found) ? "equal" : "different");
}

void fixed_point(Index n) {
  Tape tape;
  const Tensor W = tape.parameter(normal({n, n}, 0.08, 1)), x = tape.constant(normal({1, n}, 1, 2));
  const auto f = [&](Tensor state) { return tanh(matmul(state, W) + x); };
  const Tensor h = tape.input({1, n}, DType::f64), q = tape.input({1, n}, DType::f64);
  const Tensor next_h = f(h), change_h = norm(next_h - h);
  const Tensor next_q = h + grad(next_h, h, q)[0], change_q = norm(next_q - q);
  Plan solve{next_h, change_h}, solve_adjoint{next_q, change_q};
  Array h_star = Array::zeros({1, n}, DType::f64), q_star = h_star;
  int iterations = 0;
  do {
    solve.run({{h, h_star}});
    h_star = solve.value(next_h);
    ++iterations;
  } while (solve.value(change_h).item() > 1e-12);
  do {
    solve_adjoint.run({{h, h_star}, {q, q_star}});
    q_star = solve_adjoint.value(next_q);
  } while (solve_adjoint.value(change_q).item() > 1e-12);
  Tensor unrolled = tape.constant(Array::zeros({1, n}, DType::f64));
  for (int k = 0; k < iterations; ++k) unrolled = f(unrolled);
  const Tensor V = grad(next_h, W, q)[0], unrolled_V = grad(0.5 * squared_norm(unrolled), W)[0];
  const bool equal = agree(evaluate(V, {{h, h_star}, {q, q_star}}), evaluate(unrolled_V));
  fmt::print("fixed point: {} iterations; arena {} bytes unrolled, {} implicit, {}\n", iterations,
             Plan{unrolled_V}.program().arena_bytes, Plan{V}.program().arena_bytes,
             equal ? "equal" : "different");
}

int main() {
  fmt::print("layers each   products  checkpoints KiB  arena KiB\n");
  const Array stored = checkpointed(16, 16);
  for (const int length : {8, 4, 2, 1})
    if (!agree(stored, checkpointed(16, length))) fmt::print("different gradients\n");
  colours(30);
  fixed_point(32);
}
