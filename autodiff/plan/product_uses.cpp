// Finding the uses of a product and comparing their costs.
#include "autodiff/plan/product_uses.h"

#include <algorithm>
#include <limits>

#include "autodiff/ops/algebra.h"

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

double flops_of(const Graph& graph, const InnerProduct& p) {
  return flops(graph, ProductTerm{p.a, p.b, p.transpose_a, p.transpose_b});
}

/// V = op(A) op(B) in the term V^t D, or D V^t.
ChainUse chain_use(const Graph& graph, const ProductTerm& v, int reader, std::size_t at,
                   const ProductTerm& term, bool v_is_left) {
  ChainUse use{};
  use.reader = reader;
  use.term = at;
  use.flops_before = flops(graph, term);
  if (v_is_left) {
    // (A B) D = A (B D), (A B)' D = B' (A' D).
    const bool t = term.transpose_a;
    use.inner = t ? InnerProduct{v.a, term.b, !v.transpose_a, term.transpose_b}
                  : InnerProduct{v.b, term.b, v.transpose_b, term.transpose_b};
    use.outer = t ? v.b : v.a;
    use.transpose_outer = t ? !v.transpose_b : v.transpose_a;
    use.inner_is_left = false;
  } else {
    // D (A B) = (D A) B, D (A B)' = (D B') A'.
    const bool t = term.transpose_b;
    use.inner = t ? InnerProduct{term.a, v.b, term.transpose_a, !v.transpose_b}
                  : InnerProduct{term.a, v.a, term.transpose_a, v.transpose_a};
    use.outer = t ? v.a : v.b;
    use.transpose_outer = t ? !v.transpose_a : v.transpose_b;
    use.inner_is_left = true;
  }
  const Dimensions left = dimensions(graph, use.inner.a, use.inner.transpose_a),
                   right = dimensions(graph, use.inner.b, use.inner.transpose_b),
                   outer = dimensions(graph, use.outer, use.transpose_outer);
  use.flops_after = flops_of(graph, use.inner) +
                    (use.inner_is_left ? 2 * left.rows * right.columns * outer.columns
                                       : 2 * outer.rows * left.rows * right.columns);
  return use;
}

NormUse norm_use(const Graph& graph, const ProductTerm& v, int square, int sum) {
  NormUse use{square,
              sum,
              {v.a, v.a, !v.transpose_a, v.transpose_a},
              {v.b, v.b, v.transpose_b, !v.transpose_b},
              0,
              0};
  use.flops_before = 2 * static_cast<double>(graph.at(square).spec.shape.elements());
  const double k = dimensions(graph, v.b, v.transpose_b).rows;
  use.flops_after = flops_of(graph, use.left) + flops_of(graph, use.right) + 2 * k * k;
  return use;
}

}  // namespace

double ProductUses::saving() const {
  if (others || !product) return -std::numeric_limits<double>::infinity();
  double saved = flops;
  for (const ChainUse& use : chains) saved += use.flops_before - use.flops_after;
  for (const NormUse& use : norms) saved += use.flops_before - use.flops_after;
  return saved;
}

ProductUses product_uses(const Graph& graph, int node, const std::vector<std::vector<int>>& readers,
                         const std::vector<char>& output) {
  ProductUses uses;
  const std::optional<ProductSum> sum = as_product_sum(graph.at(node));
  if (!sum || sum->products.size() != 1 || sum->addend) return uses;
  const ProductTerm& v = *(uses.product = sum->products[0]);
  uses.flops = flops(graph, v);
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
        if (term.a == node && term.b == node)
          uses.others = true;
        else if (term.a == node || term.b == node)
          uses.chains.push_back(chain_use(graph, v, reader, i, term, term.a == node));
      }
      continue;
    }
    const Arithmetic kind = r.op ? arithmetic_of(*r.op) : Arithmetic::other;
    const bool squared = kind == Arithmetic::square ||
                         (kind == Arithmetic::mul && r.inputs[0] == node && r.inputs[1] == node);
    const auto& summed = readers[static_cast<std::size_t>(reader)];
    if (squared && summed.size() == 1 && !output[static_cast<std::size_t>(reader)] &&
        is_sum(*graph.at(summed[0]).op) && graph.at(summed[0]).spec.shape.elements() == 1)
      uses.norms.push_back(norm_use(graph, v, reader, summed[0]));
    else
      uses.others = true;
  }
  return uses;
}

}  // namespace twice
