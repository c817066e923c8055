// The table of activations: name, function, optional number, and initialiser of the weights before
// it.
#include "nn/activations.h"

#include <charconv>
#include <cmath>

#include "autodiff/ops/activations.h"

namespace twice {

namespace {

Initializer he(double) { return he_normal(); }
Initializer lecun(double) { return lecun_normal(); }

struct Row {
  std::string_view name;
  Tensor (*apply)(Tensor x, double number);
  Initializer (*start)(double number) = he;
  /// The name of the optional number, empty if the function takes none, and its default.
  std::string_view number = {};
  double otherwise = 0;
};

constexpr Row activations[] = {
    {"relu", [](Tensor x, double) { return relu(x); }},
    {"leaky_relu", [](Tensor x, double a) { return leaky_relu(x, a); }, he_normal, "slope", 0.01},
    {"elu", [](Tensor x, double a) { return elu(x, a); }, he, "alpha", 1},
    {"gelu", [](Tensor x, double) { return gelu(x); }},
    {"gelu_tanh", [](Tensor x, double) { return gelu_tanh(x); }},
    {"beta_gelu", [](Tensor x, double b) { return beta_gelu(x, b); }, he, "beta", 1},
    {"silu", [](Tensor x, double) { return silu(x); }},
    {"softplus", [](Tensor x, double) { return softplus(x); }},
    {"tanh", [](Tensor x, double) { return tanh(x); }, lecun},
    {"sigmoid", [](Tensor x, double) { return sigmoid(x); }, lecun},
    {"identity", [](Tensor x, double) { return x; }, lecun},
};

struct Found {
  const Row& row;
  double number;
};

Found find(const std::string& name) {
  const std::size_t colon = name.find(':');
  const Row& row = row_named("activation", activations, name.substr(0, colon));
  if (colon == std::string::npos) return {row, row.otherwise};
  if (row.number.empty()) fail("activation", "'{}': {} takes no number", name, row.name);
  double number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, problem] = std::from_chars(name.data() + colon + 1, end, number);
  if (problem != std::errc{} || stop != end || !std::isfinite(number))
    fail("activation", "'{}': expected a number after the colon, the {}", name, row.number);
  return {row, number};
}

}  // namespace

std::vector<std::string> activation_names() { return names_of(activations); }

std::function<Tensor(Tensor)> activation_named(const std::string& name) {
  const Found found = find(name);
  return [apply = found.row.apply, number = found.number](Tensor x) { return apply(x, number); };
}

Initializer initializer_for(const std::string& activation) {
  const Found found = find(activation);
  return found.row.start(found.number);
}

}  // namespace twice
