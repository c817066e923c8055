// Lab 1: the backward sweep of a scalar tape.
//
// The tape of chapter 1 stands in lab1.h: Node, Tape, Scalar, and the ops +, *, sin, cos and exp.
// Write the two functions that are missing.
//
//   vjp    One term of the chain rule. Record cotangent * dy/dinput, where the input of the node y
//          is in slot 0 or 1, and return the new node. The derivatives are
//
//            y = a + b   1, 1      y = sin a   cos a      y = exp a   y
//            y = a b     b, a      y = cos a   -sin a
//
//          Record -1 with constant(*y.tape, -1).
//
//   grad   The backward sweep. Hold one cotangent for each node up to y, at first empty. The
//          cotangent of y is the constant 1. Loop from y to node 0. At each node that has a
//          cotangent, call vjp for each input, and add the result to the cotangent of the input:
//
//            dy/dx = sum over the nodes z that read x of  dy/dz * dz/dx
//
//          Return the cotangents of the variables `wrt`, and the constant 0 for each variable
//          that has no cotangent.
//
// Two rules:
//
//   - Compute with Scalars, not with their values. Then each derivative can be differentiated too.
//   - Recording moves the nodes in memory. So copy a node before the first call that records.
//
// The grader compares derivatives up to the third order with exact ones. For a wrong derivative it
// names the first node, counted from y down, that has a wrong cotangent:
//
//   ./twice test lab 1
#include "docs/book/labs/lab1.h"

namespace lab {

Scalar vjp(Scalar y, int slot, Scalar cotangent) {
  (void)y, (void)slot;  // not used yet

  // Your code here.

  return cotangent;
}

std::vector<Scalar> grad(Scalar y, const std::vector<Scalar>& wrt) {
  Tape& tape = *y.tape;
  std::vector<Scalar> cotangent(static_cast<std::size_t>(y.index) + 1);  // empty: no tape

  // Your code here.

  std::vector<Scalar> result;
  for (const Scalar x : wrt) {
    (void)x;  // not used yet
    result.push_back(constant(tape, 0));
  }
  return result;
}

}  // namespace lab
