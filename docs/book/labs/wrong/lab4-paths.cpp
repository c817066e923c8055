// Breaks: broken  each node is visited once: expected at most
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

// Wrong: it follows each path from an output to the inputs separately, so it visits a node once
// for each path.
void follow(Tape& tape, const std::vector<char>& depends, int i, Tensor c,
            std::vector<Tensor>& cotangent) {
  Tensor& sum = cotangent[static_cast<std::size_t>(i)];
  sum = sum ? sum + c : c;
  const Node node = tape.node(i);
  if (!node.op) return;
  std::vector<Tensor> x;
  for (int input : tape.inputs_of(node)) x.push_back(tape.handle(input));
  for (std::size_t slot = 0; slot < x.size(); ++slot) {
    if (!depends[static_cast<std::size_t>(x[slot].index())]) continue;
    const Tensor term = node.op->vjp(static_cast<int>(slot), x, tape.handle(i), c);
    if (term) follow(tape, depends, x[slot].index(), term, cotangent);
  }
}

Tensors backward_sweep(const Tensors& ys, const Tensors& u, const Tensors& wrt) {
  Tape& tape = ys[0].tape();
  int last = 0;
  for (Tensor y : ys) last = std::max(last, y.index());
  const std::vector<char> depends = dependent_on(tape, wrt, last);
  std::vector<Tensor> cotangent(depends.size());
  for (std::size_t k = 0; k < ys.size(); ++k) follow(tape, depends, ys[k].index(), u[k], cotangent);
  Tensors result;
  for (Tensor w : wrt) {
    const Tensor c = w.index() <= last ? cotangent[static_cast<std::size_t>(w.index())] : Tensor{};
    result.push_back(c ? c : full_like(w, 0));
  }
  return result;
}

}  // namespace lab
