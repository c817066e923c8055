// Pass: associativity. H g contains a V and d V', where V = a'd is the weight gradient of a layer
// of width n and the batch has m rows. As recorded, V, a V and d V' are three products of 2 m n^2
// FLOPs. But
//
//   a V = (a a') d,    d V' = (d d') a,
//
// are two symmetric products of m (m + 1) n FLOPs and two of 2 m^2 n. These four do not need V, and
// cost less if m < n. The pass does not rely on layers: it looks at every product that is a factor
// of other products.
#include <algorithm>

#include "autodiff/ops/algebra.h"
#include "autodiff/plan/passes/product_uses.h"
#include "autodiff/plan/passes/rewrite.h"

namespace twice {

namespace {

using Readers = std::vector<std::vector<int>>;

/// Replaces the products of a node, and updates the lists of readers.
void replace(Graph& graph, Readers& readers, int node, const ProductSum& sum) {
  readers.resize(graph.nodes.size());
  for (int input : graph.at(node).inputs)
    std::erase(readers[static_cast<std::size_t>(input)], node);
  set_product_sum(graph.at(node), sum);
  for (int input : graph.at(node).inputs) readers[static_cast<std::size_t>(input)].push_back(node);
}

/// Rewrites one use. The first chain replaces the term, so the positions of later terms stay valid.
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

/// True for a weight gradient V = a' d that is narrower than the batch, as in an output layer of
/// ten classes. Such a V is kept, and its products count as small.
bool is_narrow(const Graph& graph, int node, const ProductTerm& v) {
  const Shape &shape = graph.at(node).spec.shape, &a = graph.at(v.a).spec.shape;
  const Index inner = a[v.transpose_a ? 0 : 1], least = std::min(shape[0], shape[1]),
              most = std::max(shape[0], shape[1]);
  return v.transpose_a && !v.transpose_b && least < inner && 2 * least <= most;
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
  // From the last product backwards: a chain of four is split from its end, because a rewritten
  // chain has other readers.
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
