// The accumulating product as an op.
#include "autodiff/plan/product_sum.h"

#include <algorithm>
#include <array>

#include "autodiff/array/matmul.h"
#include "autodiff/ops/algebra.h"

namespace twice {

namespace {

/// The inputs of a node with this op: A_0, B_0, A_1, B_1, ..., and T when there is an addend.
struct ProductSumOp final : Op {
  struct Factor {
    bool transpose_a, transpose_b;
    double scale;
    bool small;
    /// A and B are one value and exactly one of them is transposed.
    bool symmetric;
  };
  std::vector<Factor> products;
  /// 0 without an addend.
  double addend_scale = 0;
  Spec result;

  std::string_view name() const override { return "sum_of_products"; }
  std::string attributes() const override {
    std::string text;
    char letter = 'A';
    const auto plus = [&](double scale) {
      text += text.empty() ? (scale == 1 ? "" : fmt::format("{} ", scale))
              : scale == 1 ? " + "
                           : fmt::format(" + {} ", scale);
    };
    for (const Factor& f : products) {
      plus(f.scale);
      text += fmt::format("{}{}", letter, f.transpose_a ? "'" : "");
      if (!f.symmetric) ++letter;
      text += fmt::format(" {}{}", letter, f.transpose_b ? "'" : "");
      ++letter;
      if (f.small) text += " (small)";
    }
    if (has_addend()) {
      plus(addend_scale);
      text += "T";
    }
    return text;
  }
  bool has_addend() const { return addend_scale != 0; }

  Spec infer(Specs) const override { return result; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    if (products.size() == 1 && products[0].symmetric && !has_addend()) {
      gram(x[0], products[0].transpose_a, products[0].scale, y);
      return;
    }
    std::array<Product, most_products> terms;
    for (std::size_t i = 0; i < products.size(); ++i)
      terms[i] = {&x[2 * i], &x[2 * i + 1], products[i].transpose_a, products[i].transpose_b,
                  products[i].scale};
    // The planner lets y take T's memory when it can; otherwise T is copied there first.
    if (has_addend() && x[2 * products.size()].raw() != y.raw()) copy(x[2 * products.size()], y);
    sum_of_products({terms.data(), products.size()}, addend_scale, y);
  }
  bool may_overwrite(int slot) const override {
    return slot == static_cast<int>(2 * products.size());
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    const auto elements = static_cast<double>(y.shape.elements());
    cost.flops = has_addend() ? 2 * elements : 0;
    for (std::size_t i = 0; i < products.size(); ++i) {
      const Factor& f = products[i];
      const auto k = static_cast<double>(x[2 * i].shape[f.transpose_a ? 0 : 1]);
      cost.flops += f.symmetric && products.size() == 1
                        ? k * (elements + static_cast<double>(y.shape[0]))
                        : 2 * k * elements;
      ++(f.small ? cost.small_products : cost.products);
    }
    return cost;
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor refuse() const {
    fail(name(), "is made by the planner and has no derivative rule: differentiate, then plan");
  }
};

}  // namespace

std::optional<ProductSum> as_product_sum(const GraphNode& node) {
  if (!node.op) return std::nullopt;
  if (const auto flags = as_matmul(*node.op))
    return ProductSum{{{node.inputs[0], node.inputs[1], flags->a, flags->b}}, std::nullopt};
  const auto* op = dynamic_cast<const ProductSumOp*>(node.op.get());
  if (!op) return std::nullopt;
  ProductSum sum;
  for (std::size_t i = 0; i < op->products.size(); ++i) {
    const ProductSumOp::Factor& f = op->products[i];
    sum.products.push_back({node.inputs[2 * i], node.inputs[2 * i + 1], f.transpose_a,
                            f.transpose_b, f.scale, f.small});
  }
  if (op->has_addend()) sum.addend = AddendTerm{node.inputs.back(), op->addend_scale};
  return sum;
}

void set_product_sum(GraphNode& node, const ProductSum& sum) {
  node.inputs.clear();
  auto op = std::make_shared<ProductSumOp>();
  op->result = node.spec;
  for (const ProductTerm& t : sum.products) {
    const bool symmetric = t.a == t.b && t.transpose_a != t.transpose_b;
    op->products.push_back({t.transpose_a, t.transpose_b, t.scale, t.small, symmetric});
    node.inputs.push_back(t.a);
    node.inputs.push_back(t.b);
  }
  if (sum.addend) {
    op->addend_scale = sum.addend->scale;
    node.inputs.push_back(sum.addend->node);
  }
  const ProductSumOp::Factor& first = op->products[0];
  if (op->products.size() == 1 && first.scale == 1 && !first.small && !first.symmetric &&
      !op->has_addend())
    node.op = matmul_op({first.transpose_a, first.transpose_b});
  else
    node.op = std::move(op);
}

double flops(const Graph& graph, const ProductTerm& term) {
  const Shape& a = graph.at(term.a).spec.shape;
  const Shape& b = graph.at(term.b).spec.shape;
  const auto m = static_cast<double>(a[term.transpose_a ? 1 : 0]),
             k = static_cast<double>(a[term.transpose_a ? 0 : 1]),
             n = static_cast<double>(b[term.transpose_b ? 0 : 1]);
  const bool symmetric = term.a == term.b && term.transpose_a != term.transpose_b;
  return symmetric ? m * (m + 1) * k : 2 * m * n * k;
}

}  // namespace twice
