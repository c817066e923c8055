// Lab 4: the backward sweep.
//
// Write `backward_sweep`, the engine's `grad`, over the tape's public interface. Chapter 4 of the
// book has the forward sweep and these equations. D_ij is the derivative of node i with respect to
// its input j, and a reader of j is a node that has j as an input.
//
//   cotangent of node j = the sum of u_k over the outputs y_k that are node j
//                         + the sum over the readers i of j of D_ij' (cotangent of node i)
//
// The interface:
//
//   tape.node(i).op                 the op of node i; null for a leaf
//   tape.inputs_of(tape.node(i))    the indices of the inputs of node i; all are less than i
//   tape.handle(i)                  the tensor of node i
//   op->vjp(slot, x, y, u)          D' u for the input number `slot`: x are the node's inputs as
//                                   tensors, y is the node itself, u is its cotangent; an empty
//                                   Tensor means zero
//   a + b, full_like(x, 0)          a sum; zeros of the shape of x
//
// Three rules:
//
//   - Visit each node once, and call no rule for a node or an input that does not depend on `wrt`.
//   - Each rule appends nodes to the tape, and the nodes may then move in memory. So copy
//     tape.node(i) and its inputs before the first rule is called.
//   - The cotangent of a variable on which no output depends is zeros.
//
// The grader tests the adjoint identity <u, J v> = <J' u, v> on small graphs, and H v by two
// sweeps:
//
//   ./twice test lab 4
#include "docs/book/labs/lab4.h"

#include <algorithm>

#include "autodiff/autodiff.h"

namespace lab {

using namespace twice;

/// For each node up to `last`, 1 if it depends on `wrt`.
std::vector<char> dependent_on(const Tape& tape, const Tensors& wrt, int last) {
  std::vector<char> depends(static_cast<std::size_t>(last) + 1, 0);
  for (Tensor w : wrt)
    if (w.index() <= last) depends[static_cast<std::size_t>(w.index())] = 1;
  for (int i = 0; i <= last; ++i)
    for (int input : tape.inputs_of(tape.node(i)))
      if (depends[static_cast<std::size_t>(input)]) depends[static_cast<std::size_t>(i)] = 1;
  return depends;
}

Tensors backward_sweep(const Tensors& ys, const Tensors& u, const Tensors& wrt) {
  Tape& tape = ys[0].tape();
  int last = 0;  // the last output
  for (Tensor y : ys) last = std::max(last, y.index());
  const std::vector<char> depends = dependent_on(tape, wrt, last);
  std::vector<Tensor> cotangent(depends.size());  // of each node; empty means zero
  (void)u;                                        // not used yet

  // Your code here.

  Tensors result;
  for (Tensor w : wrt) result.push_back(full_like(w, 0));
  return result;
}

}  // namespace lab
