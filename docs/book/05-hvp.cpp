// Chapter 5 of the book: H v in three ways, and their errors.
#include <autodiff/autodiff.h>
#include <autodiff/profile/ledger.h>
#include <fmt/core.h>
#include <nn/nn.h>

#include <cmath>
#include <functional>

using namespace twice;

struct Problem {
  Tape tape;
  Model net = mlp({.inputs = 8, .width = 16, .depth = 3, .outputs = 2, .activation = "tanh"});
  Tensors w, v;
  ScalarFunction loss;

  explicit Problem(DType dtype, std::uint64_t seed = 1) {
    const auto normal = [&](const Shape& shape, double deviation, const Rng& rng) {
      const Array numbers(shape, DType::f32);
      fill_normal(rng, 0, deviation, numbers);
      return numbers.cast(dtype);
    };
    std::vector<Array> start;
    for (const Array& a : net.initial_parameters(Rng(1))) start.push_back(a.cast(dtype));
    w = net.parameters(tape, start);
    const double deviation = 0.5 / std::sqrt(net.parameter_count());
    for (std::size_t i = 0; i < w.size(); ++i)
      v.push_back(tape.constant(normal(w[i].shape(), deviation, Rng(seed, i))));
    const Tensor x = tape.constant(normal({16, 8}, 1, Rng(2)));
    loss = [this, x](const Tensors& at) { return mean(square(net(at, x) - 1)); };
  }
};

Tensors gradient(const Problem& p, const Tensors& point) { return grad(p.loss(point), point); }

Tensors reverse_over_reverse(const Problem& p) { return grad(dot(gradient(p, p.w), p.v), p.w); }

Tensors forward_over_reverse(const Problem& p) { return push(gradient(p, p.w), p.w, p.v); }

Tensors forward_difference(const Problem& p, double eps) {
  return (gradient(p, p.w + eps * p.v) - gradient(p, p.w)) / eps;
}

Tensors central_difference(const Problem& p, double eps) {
  return (gradient(p, p.w + eps * p.v) - gradient(p, p.w - eps * p.v)) / (2 * eps);
}

void count_products() {
  const Problem p(DType::f64);
  PlanOptions options = no_passes();
  options.dead_code = options.common_subexpressions = true;
  const auto show = [&](const char* way, const Tensors& Hv) {
    const Plan plan({gradient(p, p.w), Hv}, options);
    fmt::print("{:21}{:3} products\n", way, ledger(plan.program()).total().products);
  };
  show("reverse over reverse", reverse_over_reverse(p));
  show("forward over reverse", forward_over_reverse(p));
  show("forward difference", forward_difference(p, 0.01));
  show("central difference", central_difference(p, 0.01));
}

double error(const std::vector<Array>& found, const std::vector<Array>& exact) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < exact.size(); ++i)
    for (Index k = 0; k < exact[i].elements(); ++k) {
      difference += std::pow(found[i].at(k) - exact[i].at(k), 2);
      size += std::pow(exact[i].at(k), 2);
    }
  return std::sqrt(difference / size);
}

double mean_error(DType dtype, const std::function<Tensors(const Problem&)>& way) {
  double logarithms = 0;
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    const Problem problem(dtype, seed), reference(DType::f64, seed);
    logarithms +=
        std::log10(error(evaluate(way(problem)), evaluate(reverse_over_reverse(reference))));
  }
  return std::pow(10, std::round(logarithms / 4));
}

void show_errors() {
  const bool exact = mean_error(DType::f64, forward_over_reverse) < 1e-14 &&
                     mean_error(DType::f32, forward_over_reverse) < 1e-6;
  fmt::print("forward over reverse: f64 below 1e-14, f32 below 1e-6: {}\n", exact ? "yes" : "no");
  fmt::print("eps    f64: forward  central   f32: forward  central\n");
  for (double eps : {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9}) {
    const auto forward = [=](const Problem& p) { return forward_difference(p, eps); };
    const auto central = [=](const Problem& p) { return central_difference(p, eps); };
    fmt::print("{:.0e} {:13.0e}{:9.0e}", eps, mean_error(DType::f64, forward),
               mean_error(DType::f64, central));
    if (eps > 1e-7)
      fmt::print("{:15.0e}{:9.0e}", mean_error(DType::f32, forward),
                 mean_error(DType::f32, central));
    fmt::print("\n");
  }
}

void show_kinks() {
  Tape tape;
  const Array points({1000}, DType::f64);
  for (Index i = 0; i < 1000; ++i) points.set(i, (static_cast<double>(i) + 0.5) / 1000);
  const Tensor x = tape.constant(points), w = tape.constant(0.5, DType::f64);
  const Tensor v = tape.constant(1, DType::f64);
  const ScalarFunction loss = [&](const Tensors& at) { return mean(relu(at[0] - x)); };
  fmt::print("relu: exact {:.2f}", evaluate(hvp(loss, w, v))[0].item());
  for (const double eps : {0.1, 0.01, 0.001, 0.0001})
    fmt::print(", eps {}: {:.2f}", eps,
               evaluate(hvp(loss, w, v, HvpMode::finite_difference, eps))[0].item());
  fmt::print("\n");
}

int main() {
  count_products();
  show_errors();
  show_kinks();
}
