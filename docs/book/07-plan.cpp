// Chapter 7 of the book: from a tape to steps, and from steps to one arena.
#include <autodiff/autodiff.h>
#include <autodiff/plan/memory.h>
#include <autodiff/profile/memory_profile.h>
#include <fmt/core.h>

using namespace twice;

Array normal(const Shape& shape, std::uint64_t seed) {
  Array numbers(shape, DType::f32);
  fill_normal(Rng(seed), 0, 0.1, numbers);
  return numbers;
}

struct Network {
  Tape tape;
  Tensor x = tape.input({64, 8, 8}, DType::f32, "x"), y = tape.labels({64}, "y");
  Tensors w = {tape.parameter(normal({64, 32}, 1), "W_1"),
               tape.parameter(normal({32, 10}, 2), "W_2")};
  Tensor loss;
  Tensors g, G;

  Network() {
    const Tensor a = tanh(matmul(reshape(x, {64, 64}), w[0]));
    loss = cross_entropy(matmul(a, w[1]), y);
    g = grad(loss, w);
    G = g + 0.02 * grad(g, w, stop_gradient(g));
  }
};

void stages(const Tensors& outputs) {
  const Graph graph = graph_of(outputs), planned = rewritten(graph, PlanOptions());
  fmt::print("{} nodes, after the passes {}, and {} steps\n", graph.nodes.size(),
             planned.nodes.size(), lower(planned).steps.size());
}

void lives(const Program& program) {
  const MemoryProfile memory = memory_profile(program);
  fmt::print("step  value  op               alive   bytes  offset\n");
  for (const ArenaValue& value : memory.values) {
    const Step& step = program.steps[static_cast<std::size_t>(value.first)];
    fmt::print("{:4}  {:5}  {:15}  {:2}-{:2}  {:6}  {:6}{}\n", value.first,
               reference(program, value.value), step.op->name(), value.first, value.last,
               value.bytes, value.offset, memory.in_place(value.first) ? "  in place" : "");
  }
  fmt::print("alive:");
  for (const std::size_t bytes : memory.live_bytes) fmt::print(" {}", bytes);
  fmt::print("\n");
}

void arenas(const std::string& title, const Tensors& outputs) {
  fmt::print("{:2}", title);
  for (const bool reuse : {false, true})
    for (const bool in_place : {false, true}) {
      const PlanOptions options = {.reuse_memory = reuse, .in_place = in_place};
      fmt::print("{:10}", Plan({outputs}, options).program().arena_bytes);
    }
  fmt::print("{:10}\n", Plan{outputs}.program().most_alive_bytes);
}

void try_placing(const std::string& title, const std::vector<Lifetime>& lifetimes) {
  const Placement placement = place(lifetimes);
  fmt::print("{}: offsets", title);
  for (const std::size_t offset : placement.offsets) fmt::print(" {}", offset / 64);
  fmt::print(", arena {}, alive at once {}\n", placement.arena / 64, placement.most_alive / 64);
}

int main() {
  const Network net;
  const Tensors outputs = {net.loss, net.g[0], net.g[1]};
  stages(outputs);
  lives(Plan{outputs}.program());
  fmt::print("     neither  in place     reuse      both     alive\n");
  arenas("g", net.g);
  arenas("G", net.G);
  const std::size_t line = 64;
  try_placing("A B C", {{line, 0, 1}, {2 * line, 1, 2}, {2 * line, 2, 3}});
  try_placing("D E F G", {{3 * line, 0, 1}, {line, 1, 2}, {line, 2, 3}, {3 * line, 3, 3}});
  try_placing("P Q R S", {{line, 0, 2}, {2 * line, 1, 1}, {line, 2, 3}, {2 * line, 3, 4}});
}
