// Pass: associativity. H g needs a V and d V', where V = a'd is the plain gradient of a layer of
// width n and the batch has m rows. As recorded that is three products of 2 m n^2 FLOPs. But
//
//   a V = (a a') d,    d V' = (d d') a,
//
// are four products of 2 m^2 n, cheaper while m < 3n/4, and then V need not be formed at all. The
// pass knows nothing of layers: it looks at every product that is a factor of other products.
#include <algorithm>

#include "autodiff/ops/algebra.h"
#include "autodiff/plan/passes/product_uses.h"
#include "autodiff/plan/passes/rewrite.h"

namespace twice {

namespace {

using Readers = std::vector<std::vector<int>>;

/// Gives a node other products, and keeps the lists of readers true.
void replace(Graph& graph, Readers& readers, int node, const ProductSum& sum) {
  readers.resize(graph.nodes.size());
  for (int input : graph.at(node).inputs)
    std::erase(readers[static_cast<std::size_t>(input)], node);
  set_product_sum(graph.at(node), sum);
  for (int input : graph.at(node).inputs) readers[static_cast<std::size_t>(input)].push_back(node);
}

/// The first chain takes the place of the term, so that the places of later terms stay true.
void rewrite(Graph& graph, Readers& readers, const ChainUse& use) {
  const GraphNode like = graph.at(use.reader);
  ProductSum sum = *as_product_sum(like);
  for (std::size_t k = 0; k < use.parts.size(); ++k) {
    const InnerProduct& p = use.parts[k].inner;
    const int inner = append(graph, matmul_op({p.transpose_a, p.transpose_b}), {p.a, p.b}, like);
    replace(graph, readers, inner,
            {{{p.a, p.b, p.transpose_a, p.transpose_b, 1, true}}, std::nullopt});
    ProductTerm chain = use.parts[k].chain;
    (chain.inner_is_left ? chain.a : chain.b) = inner;
    if (k == 0)
      sum.products[use.term] = chain;
    else
      sum.products.push_back(chain);
  }
  replace(graph, readers, use.reader, sum);
}

/// A weight gradient that is kept because it is narrower than the batch, as that of an output
/// layer of ten classes is, makes its products small ones too.
bool is_narrow(const Graph& graph, int node, const ProductTerm& v) {
  const Shape &shape = graph.at(node).spec.shape, &a = graph.at(v.a).spec.shape;
  const Index inner = a[v.transpose_a ? 0 : 1], least = std::min(shape[0], shape[1]),
              most = std::max(shape[0], shape[1]);
  return least < inner && 2 * least <= most;
}

void count_as_small(Graph& graph, int node, const ProductUses& uses) {
  const auto mark = [&](int at, std::size_t term) {
    ProductSum sum = *as_product_sum(graph.at(at));
    sum.products[term].small = true;
    set_product_sum(graph.at(at), sum);
  };
  for (std::size_t i = 0; i < uses.sum->products.size(); ++i) mark(node, i);
  for (const ChainUse& use : uses.chains) mark(use.reader, use.term);
}

}  // namespace

Graph reassociate(Graph graph) {
  const std::vector<char> output = is_output(graph);
  Readers readers = readers_of(graph);
  const int count = static_cast<int>(graph.nodes.size());
  // A rewritten chain has other readers: from the last product back, so that a chain of four is
  // taken apart from its end.
  for (int node = count - 1; node >= 0; --node) {
    if (!as_product_sum(graph.at(node))) continue;
    const ProductUses uses = product_uses(graph, node, readers, output);
    if (uses.chains.empty()) continue;
    const bool all = uses.saving() > 0;
    for (const ChainUse& use : uses.chains)
      if (all || use.flops_after < use.flops_before) rewrite(graph, readers, use);
    if (!all && is_narrow(graph, node, uses.sum->products[0])) count_as_small(graph, node, uses);
  }
  if (static_cast<int>(graph.nodes.size()) == count) return graph;
  return common_subexpressions(in_order(std::move(graph)));
}

}  // namespace twice
