// Breaks: broken  each node is visited once
// Follows each path from y to a variable, and there may be exponentially many.
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

Scalar along_paths(Scalar y, Scalar cotangent, Scalar x) {
  Scalar sum;
  if (y.index == x.index) return cotangent;
  const int inputs[] = {y.node().a, y.node().b};
  for (int slot = 0; slot < 2; ++slot) {
    if (inputs[slot] < x.index) continue;
    const Scalar part = along_paths({y.tape, inputs[slot]}, vjp(y, slot, cotangent), x);
    if (part.tape) sum = sum.tape ? sum + part : part;
  }
  return sum;
}

std::vector<Scalar> grad(Scalar y, const std::vector<Scalar>& wrt) {
  Tape& tape = *y.tape;
  std::vector<Scalar> result;
  for (const Scalar x : wrt) {
    const Scalar found = along_paths(y, constant(tape, 1), x);
    result.push_back(found.tape ? found : constant(tape, 0));
  }
  return result;
}

}  // namespace lab
