// The cost of a plan, counted before it runs.
//
// The plan computes a loss and, from its gradient g, g + gamma H g. Each of its steps belongs to a
// phase: forward (the loss), backward (g) or double backward (H g). For each phase the program
// prints the matrix products, the FLOPs, and the bytes that are read and written: as recorded, and
// after the planner's passes. These counts are the same on every machine.
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>

using namespace twice;

void show(const char* title, const Plan& plan) {
  const Ledger costs = ledger(plan.program());
  const auto line = [](std::string_view name, const Cost& cost) {
    fmt::print("{:17}{:8}{:9.0f}{:7.0f}\n", name, cost.products, cost.flops / 1000,
               cost.bytes / 1024);
  };
  fmt::print("{:17}products    kFLOP    KiB\n", title);
  for (const Phase phase : {Phase::forward, Phase::backward, Phase::double_backward})
    line(str(phase), costs[phase]);
  line("total", costs.total());
}

int main() {
  Tape tape;
  const Tensor x = tape.input({16, 64}), y = tape.labels({16});
  const Model net = mlp({.inputs = 64, .width = 64, .depth = 3, .outputs = 10});
  const Tensors w = net.parameters(tape, Rng(1));
  const Tensor loss = cross_entropy(net(w, x), y);
  const Tensors g = grad(loss, w);
  const Tensors regularized = g + 0.02 * grad(g, w, stop_gradient(g));

  show("as recorded", Plan({loss, regularized}, no_passes()));
  show("with all passes", Plan{loss, regularized});
}

// Prints:
// as recorded      products    kFLOP    KiB
// forward                 3      314    282
// backward                5      439    123
// double backward        14     1190    425
// total                  22     1944    831
// with all passes  products    kFLOP    KiB
// forward                 3      297    111
// backward                2      157     67
// double backward         9      956    256
// total                  14     1411    434
