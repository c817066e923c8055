// Chapter 9 of the book: where the exact gradient costs more than a finite difference.
#include <autodiff/autodiff.h>
#include <autodiff/profile/ledger.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

using namespace twice;

constexpr Index n = 256;

Model square_mlp(int L) { return mlp({.inputs = n, .width = n, .depth = L, .outputs = n}); }

Cost cost_of(const char* name, const Model& net, Index m, const PlanOptions& options = {}) {
  Tape tape;
  const Tensor x = tape.input({m, net.input().elements()}), y = tape.labels({m});
  const Tensors w = net.parameters(tape, Rng(1));
  const ScalarFunction loss = [&](const Tensors& at) { return cross_entropy(net(at, x), y); };
  const Estimate step = method(name)(loss, w);
  return ledger(Plan({step.loss, step.gradient}, options).program()).total();
}

std::string products(const Cost& cost) {
  return fmt::format("{} + {}", cost.products, cost.small_products);
}

double ratio(int L, Index m, const PlanOptions& options = {}) {
  const Model net = square_mlp(L);
  return cost_of("exact", net, m, options).flops / cost_of("f-gr", net, m).flops;
}

void flops_by_batch() {
  const PlanOptions recorded = {.accumulate = false, .gram = false, .reassociate = false};
  fmt::print("  m/n   L = 1   L = 2   L = 4   L = 8   L = 8 recorded\n");
  for (const Index m : {8, 16, 32, 64, 128, 192, 256, 320, 384}) {
    fmt::print("{:5.3f}", static_cast<double>(m) / n);
    for (const int L : {1, 2, 4, 8}) fmt::print("{:8.3f}", ratio(L, m));
    fmt::print("{:8.3f}\n", ratio(8, m, recorded));
  }
}

void crossovers() {
  fmt::print("L  predicted  counted\n");
  for (const int L : {1, 2, 4, 8}) {
    Index below = 1, above = 2 * n;
    while (above - below > 1) {
      const Index m = (below + above) / 2;
      (ratio(L, m) > 1 ? above : below) = m;
    }
    fmt::print("{} {:10.2f} {:8.2f}\n", L, 4.0 / (3 * (2 * L - 1)), static_cast<double>(above) / n);
  }
}

void products_by_batch() {
  fmt::print("  m    exact     f-gr     c-gr\n");
  for (const Index m : {64, 255, 256, 341}) {
    fmt::print("{:3}", m);
    for (const char* name : {"exact", "f-gr", "c-gr"})
      fmt::print("{:>9}", products(cost_of(name, square_mlp(4), m)));
    fmt::print("\n");
  }
}

void narrow_output() {
  for (const Index classes : {256, 10}) {
    const Model net = mlp({.inputs = n, .width = n, .depth = 3, .outputs = classes});
    fmt::print("{} classes: {}\n", classes, products(cost_of("exact", net, 32)));
  }
}

void gram_of_convolution(double M, double patch, double channels) {
  const double recorded = 4 * M * patch * channels;
  const double other = M * (M + 1) * patch + 2 * M * M * channels;
  fmt::print("{:5} {:5} {:8} {:9.2f} {:10.2f}\n", M, patch, channels, recorded / 1e9, other / 1e9);
}

void convolutions() {
  fmt::print("    M patch channels  recorded  (A A') d\n");
  gram_of_convolution(32 * 32 * 32, 27, 32);
  gram_of_convolution(32 * 32 * 32, 288, 32);
  gram_of_convolution(32 * 16 * 16, 576, 64);
  const Model net = cnn({.input = {32, 32, 3}, .channels = 32});
  for (const char* name : {"exact", "f-gr"}) {
    const Cost direct = cost_of(name, net, 32, {.winograd = false});
    fmt::print("{}: {} products, {:.2f} GFLOP, with minimal filtering {:.2f}\n", name,
               products(direct), direct.flops / 1e9, cost_of(name, net, 32).flops / 1e9);
  }
}

int main() {
  flops_by_batch();
  crossovers();
  products_by_batch();
  narrow_output();
  convolutions();
}
