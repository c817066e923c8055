// Refuses inputs of the wrong dtype, with one line that says what was expected.
#include "autodiff/ops/inputs.h"

namespace twice {

void check_floats(std::string_view who, Specs x) {
  for (const Spec& input : x) {
    if (!is_float(input.dtype)) fail(who, "needs f32 or f64, was given {}", str(input));
    if (input.dtype != x[0].dtype)
      fail(who, "dtypes differ: {} and {}; cast one of them", str(x[0]), str(input));
  }
}

void check_floats(std::string_view who, std::initializer_list<Tensor> x) {
  tape_of(who, x);
  std::vector<Spec> specs;
  for (Tensor input : x) specs.push_back(input.spec());
  check_floats(who, specs);
}

}  // namespace twice
