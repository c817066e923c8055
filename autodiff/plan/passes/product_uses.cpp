#include "autodiff/plan/passes/product_uses.h"

#include <algorithm>
#include <limits>

#include "autodiff/ops/algebra.h"
#include "autodiff/plan/passes/product_norm.h"

namespace twice {

namespace {

struct Dimensions {
  double rows, columns;
};

Dimensions dimensions(const Graph& graph, int node, bool transpose) {
  const Shape& shape = graph.at(node).spec.shape;
  return {static_cast<double>(shape[transpose ? 1 : 0]),
          static_cast<double>(shape[transpose ? 0 : 1])};
}

/// The chain for the product op(A) op(B), which is V or a part of V, in the term V^t D or D V^t.
ChainUse::Part chain_part(const ProductTerm& v, const ProductTerm& term, bool v_is_left) {
  ChainUse::Part part;
  ProductTerm& chain = part.chain;
  chain.scale = term.scale * v.scale;
  chain.small = true;
  chain.inner_is_left = !v_is_left;
  if (v_is_left) {
    // (A B) D = A (B D), (A B)' D = B' (A' D).
    const bool t = term.transpose_a;
    part.inner = t ? InnerProduct{v.a, term.b, !v.transpose_a, term.transpose_b}
                   : InnerProduct{v.b, term.b, v.transpose_b, term.transpose_b};
    chain.a = t ? v.b : v.a;
    chain.transpose_a = t ? !v.transpose_b : v.transpose_a;
  } else {
    // D (A B) = (D A) B, D (A B)' = (D B') A'.
    const bool t = term.transpose_b;
    part.inner = t ? InnerProduct{term.a, v.b, term.transpose_a, !v.transpose_b}
                   : InnerProduct{term.a, v.a, term.transpose_a, v.transpose_a};
    chain.b = t ? v.a : v.b;
    chain.transpose_b = t ? !v.transpose_a : v.transpose_b;
  }
  chain.inner = part.inner;
  return part;
}

double flops_of(const Graph& graph, const ChainUse::Part& part) {
  const InnerProduct& inner = part.inner;
  const ProductTerm& chain = part.chain;
  const Dimensions left = dimensions(graph, inner.a, inner.transpose_a),
                   right = dimensions(graph, inner.b, inner.transpose_b);
  const double outer = chain.inner_is_left ? dimensions(graph, chain.b, chain.transpose_b).columns
                                           : dimensions(graph, chain.a, chain.transpose_a).rows;
  return flops(graph, {inner.a, inner.b, inner.transpose_a, inner.transpose_b}) +
         2 * left.rows * right.columns * outer;
}

ChainUse chain_use(const Graph& graph, const ProductSum& v, int reader, std::size_t at,
                   const ProductTerm& term, bool v_is_left) {
  ChainUse use{reader, at, {}, flops(graph, term), 0};
  for (const ProductTerm& product : v.products) {
    use.parts.push_back(chain_part(product, term, v_is_left));
    use.flops_after += flops_of(graph, use.parts.back());
  }
  return use;
}

NormUse norm_use(const Graph& graph, int node, const ProductSum& v, int square, int sum) {
  NormUse use{square, sum, 2 * static_cast<double>(graph.at(node).spec.shape.elements()), 0};
  for (const InnerPair& pair : inner_pairs(v)) {
    const double rows = dimensions(graph, pair.left.a, pair.left.transpose_a).rows,
                 columns = dimensions(graph, pair.left.b, pair.left.transpose_b).columns;
    for (const InnerProduct& p : {pair.left, pair.right})
      use.flops_after += flops(graph, {p.a, p.b, p.transpose_a, p.transpose_b});
    use.flops_after += 2 * rows * columns;
  }
  return use;
}

}  // namespace

double ProductUses::saving() const {
  if (others || !sum) return -std::numeric_limits<double>::infinity();
  double saved = flops;
  for (const ChainUse& use : chains) saved += use.flops_before - use.flops_after;
  for (const NormUse& use : norms) saved += use.flops_before - use.flops_after;
  return saved;
}

ProductUses product_uses(const Graph& graph, int node, const std::vector<std::vector<int>>& readers,
                         const std::vector<char>& output) {
  ProductUses uses;
  const std::optional<ProductSum> sum = as_product_sum(graph.at(node));
  // A term that is a chain has two orders already and is not rewritten again.
  if (!sum || sum->addend ||
      std::any_of(sum->products.begin(), sum->products.end(),
                  [](const ProductTerm& term) { return term.inner.has_value(); }))
    return uses;
  uses.sum = sum;
  for (const ProductTerm& term : sum->products) uses.flops += flops(graph, term);
  uses.others = output[static_cast<std::size_t>(node)] != 0;

  std::vector<int> distinct = readers[static_cast<std::size_t>(node)];
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (int reader : distinct) {
    const GraphNode& r = graph.at(reader);
    if (const std::optional<ProductSum> chain = as_product_sum(r)) {
      if (chain->addend && chain->addend->node == node) uses.others = true;
      for (std::size_t i = 0; i < chain->products.size(); ++i) {
        const ProductTerm& term = chain->products[i];
        const bool is_factor = term.a == node || term.b == node;
        if ((is_factor && (term.a == term.b || term.inner)) ||
            (term.inner && (term.inner->a == node || term.inner->b == node)))
          uses.others = true;
        else if (is_factor)
          uses.chains.push_back(chain_use(graph, *sum, reader, i, term, term.a == node));
      }
      continue;
    }
    const Arithmetic kind = r.op ? arithmetic_of(*r.op) : Arithmetic::other;
    const bool squared = kind == Arithmetic::square ||
                         (kind == Arithmetic::mul && r.inputs[0] == node && r.inputs[1] == node);
    const auto& summed = readers[static_cast<std::size_t>(reader)];
    if (squared && summed.size() == 1 && !output[static_cast<std::size_t>(reader)] &&
        is_sum(*graph.at(summed[0]).op) && graph.at(summed[0]).spec.shape.elements() == 1)
      uses.norms.push_back(norm_use(graph, node, *sum, reader, summed[0]));
    else
      uses.others = true;
  }
  return uses;
}

}  // namespace twice
