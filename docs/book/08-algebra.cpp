// Chapter 8 of the book: distributivity, associativity, and 6L - 4 products pass by pass.
#include <autodiff/autodiff.h>
#include <autodiff/profile/ledger.h>
#include <fmt/core.h>
#include <nn/nn.h>

using namespace twice;

constexpr Index n = 64;

Tensor matrix(Tape& tape, Index m, const std::string& name) {
  Array numbers({m, n}, DType::f64);
  fill_normal(Rng(static_cast<std::uint64_t>(name[0])), 0, 1, numbers);
  return tape.parameter(numbers, name);
}

void show(const std::string& title, const Tensors& outputs, const PlanOptions& options) {
  const Program program = Plan({outputs}, options).program();
  fmt::print("{}: {:.0f} FLOPs\n", title, ledger(program).total().flops);
  for (const Step& step : program.steps) {
    fmt::print("  %{} = {}[{}]:", step.output, step.op->name(), step.op->attributes());
    for (const int input : step.inputs) fmt::print(" {}", reference(program, input));
    fmt::print("\n");
  }
}

void distributivity(double gamma) {
  Tape tape;
  const Tensor a = matrix(tape, 16, "a"), d = matrix(tape, 16, "d");
  const Tensor s = matrix(tape, 16, "s"), r = matrix(tape, 16, "r");
  const Tensor V = matmul(a, d, true);
  const Tensor Hg = matmul(a, r, true) + matmul(s, d, true);
  show("three products", V + gamma * Hg, {.accumulate = false});
  show("two products", V + gamma * Hg, {});
}

void associativity(Index m) {
  Tape tape;
  const Tensor a = matrix(tape, m, "a"), d = matrix(tape, m, "d");
  const Tensor V = matmul(a, d, true);
  const Tensors chains = {matmul(a, V), matmul(d, V, false, true)};
  show(fmt::format("m = {}, recorded", m), chains, {.reassociate = false});
  show(fmt::format("m = {}, planned", m), chains, {});
}

Tensors regularized_gradient(Tape& tape, int L, Index m, double gamma) {
  const Model net = mlp({.inputs = n, .width = n, .depth = L, .outputs = n, .activation = "tanh"});
  const Tensors w = net.parameters(tape, Rng(1));
  const Tensor loss = cross_entropy(net(w, tape.input({m, n})), tape.labels({m}));
  const Tensors g = grad(loss, w);
  return g + gamma * grad(g, w, stop_gradient(g));
}

void pass_by_pass(Index m) {
  fmt::print("L                            1        2        3        4        5        6\n");
  for (const Pass& shown : passes()) {
    fmt::print("{:21}", shown.name);
    for (int L = 1; L <= 6; ++L) {
      Tape tape;
      const auto print_count = [&](const Pass& pass, const Graph& graph) {
        const Cost cost = ledger(lower(graph)).total();
        if (pass.name == shown.name)
          fmt::print("{:>9}", fmt::format("{} + {}", cost.products, cost.small_products));
      };
      rewritten(graph_of(regularized_gradient(tape, L, m, 0.02)), {}, print_count);
    }
    fmt::print("\n");
  }
}

int main() {
  distributivity(0.5);
  associativity(16);
  pass_by_pass(16);
}
