// Breaks: broken  a variable that was recorded after y has the derivative 0
#include "docs/book/labs/lab1.h"

namespace lab {

Scalar vjp(Scalar y, int slot, Scalar cotangent) {
  Tape& tape = *y.tape;
  const Node node = y.node();  // a copy: recording may move the nodes in memory
  const Scalar a{&tape, node.a}, b{&tape, node.b};
  if (node.op == Op::add) return cotangent;
  if (node.op == Op::mul) return cotangent * (slot == 0 ? b : a);
  if (node.op == Op::sin) return cotangent * cos(a);
  if (node.op == Op::cos) return cotangent * (constant(tape, -1) * sin(a));
  return cotangent * y;  // exp
}

std::vector<Scalar> grad(Scalar y, const std::vector<Scalar>& wrt) {
  Tape& tape = *y.tape;
  std::vector<Scalar> cotangent(y.index + 1);
  cotangent[y.index] = constant(tape, 1);
  for (int i = y.index; i >= 0; --i) {
    if (!cotangent[i].tape) continue;
    const int inputs[] = {tape[i].a, tape[i].b};
    for (int slot = 0; slot < 2; ++slot) {
      if (inputs[slot] < 0) continue;
      Scalar& sum = cotangent[inputs[slot]];
      const Scalar part = vjp({&tape, i}, slot, cotangent[i]);
      sum = sum.tape ? sum + part : part;
    }
  }
  std::vector<Scalar> result;
  for (const Scalar x : wrt) {
    // Wrong: for a variable after y, this line reads past the end of the vector.
    const bool found = cotangent[x.index].tape;
    result.push_back(found ? cotangent[x.index] : constant(tape, 0));
  }
  return result;
}

}  // namespace lab
