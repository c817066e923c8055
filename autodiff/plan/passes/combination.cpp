#include "autodiff/plan/passes/combination.h"

#include <unordered_map>

#include "autodiff/ops/algebra.h"
#include "autodiff/ops/bilinear.h"
#include "autodiff/plan/passes/rewrite.h"

namespace twice {

namespace {

/// The inputs of a sum or a scaling, with their factors; empty for other ops.
std::vector<AddendTerm> linear_inputs(const GraphNode& node) {
  if (!node.op) return {};
  const Arithmetic kind = arithmetic_of(*node.op);
  if (kind == Arithmetic::add || kind == Arithmetic::sub)
    return {{node.inputs[0], 1}, {node.inputs[1], kind == Arithmetic::add ? 1.0 : -1.0}};
  const auto constants = as_affine(*node.op);
  if (constants && constants->shift == 0) return {{node.inputs[0], constants->scale}};
  return {};
}

/// The factor without the scalings that were recorded as separate nodes. Multiplies `scale` by
/// them.
int without_scaling(const Graph& graph, int factor, double& scale) {
  while (graph.at(factor).op) {
    const auto constants = as_affine(*graph.at(factor).op);
    if (!constants || constants->shift != 0) break;
    if (!may_move(scale * constants->scale, graph.at(factor).spec.dtype)) break;
    scale *= constants->scale;
    factor = graph.at(factor).inputs[0];
  }
  return factor;
}

void add_products(const Graph& graph, Combination& result, const ProductSum& sum, double scale,
                  int kept_as) {
  for (ProductTerm product : sum.products) {
    product.scale *= scale;
    product.a = without_scaling(graph, product.a, product.scale);
    product.b = without_scaling(graph, product.b, product.scale);
    result.products.push_back({product, kept_as, scale});
  }
  if (sum.addend) result.others.push_back({sum.addend->node, sum.addend->scale * scale});
}

}  // namespace

std::vector<char> with_products(const Graph& graph) {
  std::vector<char> result;
  for (const GraphNode& node : graph.nodes) {
    bool found = as_product_sum(node) || dynamic_cast<const BilinearOp*>(node.op.get());
    for (const AddendTerm& input : linear_inputs(node))
      found = found || result[static_cast<std::size_t>(input.node)];
    result.push_back(found);
  }
  return result;
}

// A loop instead of a recursion, because a sum may have a million terms.
Combination combination_of(const Graph& graph, int root, const std::vector<char>& with_products,
                           const std::function<bool(int)>& read_once) {
  Combination result;
  std::vector<AddendTerm> open = {{root, 1}};
  const auto has_product = [&](int node) {
    const auto at = static_cast<std::size_t>(node);
    return at < with_products.size() && with_products[at];
  };
  while (!open.empty()) {
    const AddendTerm term = open.back();
    open.pop_back();
    const GraphNode& node = graph.at(term.node);
    const bool own = term.node == root || read_once(term.node);
    const std::optional<ProductSum> sum = as_product_sum(node);
    std::vector<AddendTerm> inputs;
    if (own && has_product(term.node)) inputs = linear_inputs(node);
    for (const AddendTerm& input : inputs)
      if (!may_move(input.scale * term.scale, node.spec.dtype)) {
        inputs.clear();
        break;
      }
    if (own && (sum || !inputs.empty())) result.inner.push_back(term.node);
    if (sum && (own || (sum->products.size() == 1 && !sum->addend)))
      add_products(graph, result, *sum, term.scale, own ? -1 : term.node);
    else if (!inputs.empty())
      for (auto input = inputs.rbegin(); input != inputs.rend(); ++input)
        open.push_back({input->node, input->scale * term.scale});
    else
      result.others.push_back(term);
  }
  return result;
}

void merge_equal(Combination& c) {
  std::unordered_map<int, std::size_t> place;
  std::vector<AddendTerm> others;
  for (const AddendTerm& term : c.others) {
    const auto [found, added] = place.emplace(term.node, others.size());
    if (added)
      others.push_back(term);
    else
      others[found->second].scale += term.scale;
  }
  c.others = std::move(others);
  place.clear();
  std::vector<Combination::Term> products;
  for (const Combination::Term& term : c.products) {
    const auto [found, added] = term.kept_as < 0 ? std::pair(place.end(), true)
                                                 : place.emplace(term.kept_as, products.size());
    if (added) {
      products.push_back(term);
    } else {
      products[found->second].product.scale += term.product.scale;
      products[found->second].scale += term.scale;
    }
  }
  c.products = std::move(products);
}

}  // namespace twice
