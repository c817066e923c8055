// The table of activations: name, function, the number it takes, how weights before it start.
#include "nn/activations.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "autodiff/ops/activations.h"

namespace twice {

namespace {

struct Row {
  const char* name;
  Tensor (*apply)(Tensor x, double number);
  /// The number's name, null when the function takes none, and its default.
  const char* number = nullptr;
  double otherwise = 0;
  bool relu_like = true;
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"relu", [](Tensor x, double) { return relu(x); }},
      {"leaky_relu", [](Tensor x, double a) { return leaky_relu(x, a); }, "slope", 0.01},
      {"elu", [](Tensor x, double a) { return elu(x, a); }, "alpha", 1},
      {"gelu", [](Tensor x, double) { return gelu(x); }},
      {"gelu_tanh", [](Tensor x, double) { return gelu_tanh(x); }},
      {"beta_gelu", [](Tensor x, double b) { return beta_gelu(x, b); }, "beta", 1},
      {"silu", [](Tensor x, double) { return silu(x); }},
      {"softplus", [](Tensor x, double) { return softplus(x); }},
      {"tanh", [](Tensor x, double) { return tanh(x); }, nullptr, 0, false},
      {"sigmoid", [](Tensor x, double) { return sigmoid(x); }, nullptr, 0, false},
      {"identity", [](Tensor x, double) { return x; }, nullptr, 0, false},
  };
  return rows;
}

struct Found {
  const Row& row;
  double number;
};

Found find(const std::string& name) {
  const std::size_t colon = name.find(':');
  for (const Row& row : table()) {
    if (name.substr(0, colon) != row.name) continue;
    if (colon == std::string::npos) return {row, row.otherwise};
    if (!row.number) fail("activation", "'{}': {} takes no number", name, row.name);
    double number = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, problem] = std::from_chars(name.data() + colon + 1, end, number);
    if (problem != std::errc{} || stop != end || !std::isfinite(number))
      fail("activation", "'{}': expected a number after the colon, the {}", name, row.number);
    return {row, number};
  }
  fail("activation", "there is no '{}'; expected one of {}", name,
       fmt::join(activation_names(), ", "));
}

}  // namespace

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Row& row : table()) all.emplace_back(row.name);
    return all;
  }();
  return names;
}

std::function<Tensor(Tensor)> activation_named(const std::string& name) {
  const Found found = find(name);
  return [apply = found.row.apply, number = found.number](Tensor x) { return apply(x, number); };
}

Initializer initializer_for(const std::string& activation) {
  const Found found = find(activation);
  if (!found.row.relu_like) return lecun_normal();
  return he_normal(found.row.name == std::string("leaky_relu") ? found.number : 0);
}

}  // namespace twice
