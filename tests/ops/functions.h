// Every public function that records ops, as tests of them all need them: how it is called, on
// what.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"

namespace twice::testing {

struct PublicFunction {
  /// As docs/ops.md has it; operators by the name of their op.
  std::string name;
  /// Inputs that fit; f32 or i32.
  std::vector<Spec> x;
  std::function<Tensor(const Tensors&)> call;
  /// What can be wrong with a call beside its handles and dtypes: "rank", "shape", "axis",
  /// "option".
  std::set<std::string> mistakes;
  /// x_0 (for concat and stack: all) may be of any dtype.
  bool moves = false;
};

const std::vector<PublicFunction>& public_functions();

}  // namespace twice::testing
