// Chapter 3 of the book: ops of your own, checked to the third order.
#include <autodiff/autodiff.h>
#include <fmt/core.h>

using namespace twice;

struct Atan : Elementwise<Atan, 1> {
  std::string_view name() const override { return "atan"; }
  template <class V>
  V eval(V x) const {
    return atan(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return reciprocal(1 + square(x[0]));
  }
};
Tensor atan(Tensor x) { return record<Atan>({x}); }

struct CumSum : LinearOp {
  bool reversed;
  explicit CumSum(bool from_the_end) : reversed(from_the_end) {}
  std::string_view name() const override { return "cumsum"; }
  std::string attributes() const override { return reversed ? "reversed" : "forwards"; }

  Spec infer(Specs x) const override {
    if (x[0].shape.rank() != 2) fail(name(), "needs a matrix, was given {}", str(x[0]));
    return x[0];
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    visit_float(y.dtype(), [&]<class T>(T) {
      const T* from = x[0].data<T>();
      T* to = y.data<T>();
      const Index n = y.shape()[1];
      for (Index row = 0; row < y.shape()[0]; ++row) {
        T sum = 0;
        for (Index k = 0; k < n; ++k) {
          const Index i = row * n + (reversed ? n - 1 - k : k);
          sum += from[i];
          to[i] = sum;
        }
      }
    });
  }
  Cost cost(Specs x, const Spec& y) const override { return Op::cost(x, y); }

  Tensor adjoint(std::span<const Tensor>, Tensor d) const override {
    return record(CumSum(!reversed), {d});
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override {
    return record(CumSum(reversed), {t});
  }
};
Tensor cumsum(Tensor x) { return record(CumSum(false), {x}); }

void check(const char* name, const Function& f) {
  const Array x = Array::from<double>({-2, -0.5, 0.3, 1, 1.5, 2}, {2, 3});
  const std::vector<CheckResult> results = check_derivatives(f, {x});
  fmt::print("{}: {} checks\n", name, results.size());
  for (const CheckResult& result : results)
    if (!result.ok) fmt::print("  broken: order {}, {}\n", result.order, result.check);
}

struct WrongSlope : Atan {
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return reciprocal(2 + square(x[0]));
  }
};

struct FrozenSlope : Atan {
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return reciprocal(1 + square(stop_gradient(x[0])));
  }
};

struct WrongAdjoint : CumSum {
  using CumSum::CumSum;
  Tensor adjoint(std::span<const Tensor>, Tensor d) const override {
    return record(CumSum(reversed), {d});
  }
};

int main() {
  Tape tape;
  const Tensor x = tape.constant(Array::from<double>({-2, -1, 1, 2}, {2, 2}));
  const Tensor y = atan(x), first = grad(sum(y), x)[0], second = grad(sum(first), x)[0];
  for (const Array& values : evaluate({x, y, first, second, cumsum(x)}))
    fmt::print("{:7.4f} {:7.4f} {:7.4f} {:7.4f}\n", values.at(0), values.at(1), values.at(2),
               values.at(3));

  check("atan", [](const Tensors& in) { return Tensors{atan(in[0])}; });
  check("square of cumsum", [](const Tensors& in) { return Tensors{square(cumsum(in[0]))}; });

  check("wrong slope", [](const Tensors& in) { return Tensors{record<WrongSlope>({in[0]})}; });
  check("frozen slope", [](const Tensors& in) { return Tensors{record<FrozenSlope>({in[0]})}; });
  check("wrong adjoint",
        [](const Tensors& in) { return Tensors{square(record(WrongAdjoint(false), {in[0]}))}; });
}
