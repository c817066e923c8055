// Breaks: broken  adjoint identity, a vjp that records many nodes: the answer crashed
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

  const auto add = [&](int node, Tensor term) {
    Tensor& sum = cotangent[static_cast<std::size_t>(node)];
    sum = sum ? sum + term : term;
  };
  for (std::size_t k = 0; k < ys.size(); ++k) add(ys[k].index(), u[k]);
  for (int i = last; i >= 0; --i) {
    const Node& node = tape.node(i);  // wrong: the first vjp can move the nodes in memory
    const Tensor c = cotangent[static_cast<std::size_t>(i)];
    if (!node.op || !c || !depends[static_cast<std::size_t>(i)]) continue;
    std::vector<Tensor> x;
    for (int input : tape.inputs_of(node)) x.push_back(tape.handle(input));
    for (std::size_t slot = 0; slot < x.size(); ++slot) {
      if (!depends[static_cast<std::size_t>(x[slot].index())]) continue;
      const Tensor term = node.op->vjp(static_cast<int>(slot), x, tape.handle(i), c);
      if (term) add(x[slot].index(), term);
    }
  }

  Tensors result;
  for (Tensor w : wrt) {
    const Tensor c = w.index() <= last ? cotangent[static_cast<std::size_t>(w.index())] : Tensor{};
    result.push_back(c ? c : full_like(w, 0));
  }
  return result;
}

}  // namespace lab
