// A list of all public functions that record ops, from the op table, for tests of all functions.
#pragma once

#include "autodiff/ops/loss.h"
#include "autodiff/ops/power.h"
#include "experiments/commands/check/op_table.h"
#include "nn/layers.h"

namespace twice::testing {

struct PublicFunction {
  std::string name;
  /// The specs of valid inputs, f32 or i32.
  std::vector<Spec> x;
  experiments::OpRow row;
  Tensor call(const Tensors& inputs) const { return row.call(inputs); }
};

inline Tensor dropped(const Tensors& x) {
  ForwardPass pass;
  pass.dropout = [&] { return DropoutKey{Rng(5), x[0].tape().constant(3, DType::i32)}; };
  return dropout(0.4, 1).forward({}, {}, x[0], pass);
}

/// The functions of the table, then dropout, then functions that record other ops for some
/// settings.
inline const std::vector<PublicFunction>& public_functions() {
  static const std::vector<PublicFunction> all = [] {
    using X = const Tensors&;
    std::vector<experiments::OpRow> rows;
    for (const experiments::OpSection& section : experiments::op_sections())
      for (const experiments::OpRow& row : section.rows)
        if (row.call) rows.push_back(row);
    const auto add = [&](const char* name, const char* like, std::function<Tensor(X)> call) {
      experiments::OpRow row = *std::find_if(
          rows.begin(), rows.end(), [&](const auto& other) { return other.function() == like; });
      row.signature = fmt::format("{}(x)", name);
      row.call = std::move(call);
      rows.push_back(row);
    };
    add("dropout", "tanh", dropped);
    add("pow", "tanh", [](X x) { return pow(x[0], 2); });
    add("pow", "tanh", [](X x) { return pow(x[0], 2.5); });
    add("cross_entropy", "cross_entropy", [](X x) { return cross_entropy(x[0], x[1], 0.1); });
    std::vector<PublicFunction> functions;
    for (const experiments::OpRow& row : rows) {
      functions.push_back({row.function(), {}, row});
      for (const experiments::RandomArray& input : row.inputs) {
        const Array array = input(Rng(1));
        functions.back().x.push_back(
            {array.shape(), is_float(array.dtype()) ? DType::f32 : array.dtype()});
      }
    }
    return functions;
  }();
  return all;
}

}  // namespace twice::testing
