// Going down from a sum, and adding up like terms.
#include "autodiff/plan/combination.h"

#include <algorithm>

#include "autodiff/ops/algebra.h"

namespace twice {

namespace {

/// The inputs of a sum or a scaling with their factors; nothing for any other op.
std::vector<AddendTerm> linear_inputs(const GraphNode& node) {
  if (!node.op) return {};
  const Arithmetic kind = arithmetic_of(*node.op);
  if (kind == Arithmetic::add || kind == Arithmetic::sub)
    return {{node.inputs[0], 1}, {node.inputs[1], kind == Arithmetic::add ? 1.0 : -1.0}};
  const auto constants = as_affine(*node.op);
  if (constants && constants->shift == 0) return {{node.inputs[0], constants->scale}};
  return {};
}

/// scale A with a scaling that is recorded as a node of its own.
int without_scaling(const Graph& graph, int factor, double& scale) {
  while (graph.at(factor).op) {
    const auto constants = as_affine(*graph.at(factor).op);
    if (!constants || constants->shift != 0) break;
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

// A loop, not a recursion: sums of a million terms exist.
Combination combination_of(const Graph& graph, int root,
                           const std::function<bool(int)>& read_once) {
  Combination result;
  std::vector<AddendTerm> open = {{root, 1}};
  while (!open.empty()) {
    const AddendTerm term = open.back();
    open.pop_back();
    const GraphNode& node = graph.at(term.node);
    const bool own = term.node == root || read_once(term.node);
    const std::optional<ProductSum> sum = as_product_sum(node);
    const std::vector<AddendTerm> inputs = own ? linear_inputs(node) : std::vector<AddendTerm>{};
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
  std::vector<AddendTerm> merged;
  for (const AddendTerm& term : c.others) {
    const auto same = std::find_if(merged.begin(), merged.end(),
                                   [&](const AddendTerm& m) { return m.node == term.node; });
    if (same == merged.end())
      merged.push_back(term);
    else
      same->scale += term.scale;
  }
  c.others = std::move(merged);
  for (std::size_t i = 0; i < c.products.size(); ++i)
    for (std::size_t j = i + 1; j < c.products.size(); ++j) {
      if (c.products[i].kept_as < 0 || c.products[i].kept_as != c.products[j].kept_as) continue;
      c.products[i].product.scale += c.products[j].product.scale;
      c.products[i].scale += c.products[j].scale;
      c.products.erase(c.products.begin() + static_cast<std::ptrdiff_t>(j--));
    }
}

}  // namespace twice
