// The groups of the table, joined.
#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

std::vector<Array> OpCase::draw(std::uint64_t seed) const {
  std::vector<Array> arrays;
  for (const RandomArray& input : inputs) arrays.push_back(input(Rng(seed, 0, arrays.size() + 1)));
  return arrays;
}

const std::vector<OpCase>& op_table() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> all;
    for (const auto group :
         {elementwise_cases, linear_cases, product_cases, reduction_cases, layer_cases})
      for (OpCase& row : group()) all.push_back(std::move(row));
    return all;
  }();
  return table;
}

}  // namespace twice::experiments
