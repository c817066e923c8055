// Chapter 10 of the book: operations per byte, tiles of a product, the order of sums.
#include <autodiff/autodiff.h>
#include <autodiff/profile/ledger.h>
#include <fmt/core.h>
#include <nn/nn.h>

#include <map>
#include <set>

using namespace twice;
using Numbers = std::vector<float>;

Numbers uniform(std::uint64_t seed, Index count) {
  const Array numbers({count}, DType::f32);
  fill_uniform(Rng(seed), -1, 1, numbers);
  return {numbers.data<float>(), numbers.data<float>() + count};
}

void show(const char* title, const Plan& plan) {
  std::map<std::string_view, Cost> ops;
  for (const Step& step : plan.program().steps) ops[step.op->name()] += step.cost;
  fmt::print("{:17}MFLOP    MiB  FLOP/byte\n", title);
  for (const auto& [op, cost] : ops)
    if (cost.bytes > 1e5)
      fmt::print("{:16}{:6.2f}{:7.2f}{:11.2f}\n", op, cost.flops / 1e6, cost.bytes / (1 << 20),
                 cost.flops / cost.bytes);
}

int main() {
  Tape tape;
  const Tensor x = tape.constant(Array::from(uniform(1, 128 * 512), {128, 512}));
  const Model net = mlp({.inputs = 512, .width = 512, .depth = 3, .activation = "tanh"});
  const Tensors w = net.parameters(tape, Rng(1));
  const Tensor loss = mean(square(net(w, x)));
  const Tensors g = grad(loss, w);
  show("not fused", Plan({loss, g}, {.fuse = false}));
  show("fused", Plan{loss, g});

  const std::size_t n = 96;
  const Numbers A = uniform(2, n * n), B = uniform(3, n * n);
  const auto multiply = [&](std::size_t rows, std::size_t columns) {
    Numbers C(n * n);
    std::size_t loads = 0;
    for (std::size_t i = 0; i < n; i += rows)
      for (std::size_t j = 0; j < n; j += columns) {
        Numbers sum(rows * columns);
        for (std::size_t k = 0; k < n; ++k) {
          loads += rows + columns;
          for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t q = 0; q < columns; ++q)
              sum[r * columns + q] += A[(i + r) * n + k] * B[k * n + j + q];
        }
        for (std::size_t r = 0; r < rows; ++r)
          std::copy_n(&sum[r * columns], columns, &C[(i + r) * n + j]);
      }
    fmt::print("tiles of {} x {:2} sums: {:7} loads\n", rows, columns, loads);
    return C;
  };
  const Numbers simple = multiply(1, 1), tiled = multiply(6, 16);
  fmt::print("the two products are {}\n", simple == tiled ? "equal" : "different");

  const Numbers numbers = uniform(4, 1'000'000);
  int count = 0;
  for (std::size_t i = 0; i < 3000; i += 3) {
    const float a = numbers[i], b = numbers[i + 1], c = numbers[i + 2];
    count += (a + b) + c != a + (b + c);
  }
  fmt::print("(a + b) + c and a + (b + c) differ for {} of 1000 triples\n", count);
  const auto sum_in_parts = [&](std::size_t parts) {
    float total = 0;
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t first = numbers.size() * part / parts;
      const std::size_t last = numbers.size() * (part + 1) / parts;
      float sum = 0;
      for (std::size_t i = first; i < last; ++i) sum += numbers[i];
      total += sum;
    }
    return total;
  };
  std::set<float> sums;
  for (std::size_t parts = 1; parts <= 8; ++parts) sums.insert(sum_in_parts(parts));
  fmt::print("a sum cut into 1, 2, ..., 8 parts has {} values\n", sums.size());

  const Tensors G = g + 0.02 * grad(g, w, stop_gradient(g));
  Plan step{G};
  std::vector<double> first;
  for (const int thread_count : {1, 2, 3, 7}) {
    set_threads(thread_count);
    step.run();
    std::vector<double> found;
    for (const Array& part : step.values(G))
      for (const double number : part.to_vector()) found.push_back(number);
    if (first.empty()) first = found;
    int differ = 0;
    for (std::size_t i = 0; i < found.size(); ++i) differ += found[i] != first[i];
    fmt::print("threads {}: {} of {} numbers differ\n", thread_count, differ, found.size());
  }
}
