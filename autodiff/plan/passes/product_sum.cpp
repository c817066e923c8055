#include "autodiff/plan/passes/product_sum.h"

#include <algorithm>
#include <array>

#include "autodiff/kernels/matmul.h"
#include "autodiff/kernels/reduce.h"
#include "autodiff/ops/algebra.h"

namespace twice {

namespace {

/// One loop over the tiles of y adds at most this many products. More products take more loops.
constexpr std::size_t at_once = 8;

/// Rows or columns of y that are computed at a time if a chain takes the recorded order.
constexpr Index chain_block = 64;

/// The name of a factor: A, B, ..., S, then A1, B1, ...; T is the addend.
std::string letter(std::size_t factor) {
  constexpr std::size_t letters = 19;
  const char first = static_cast<char>('A' + factor % letters);
  return factor < letters ? std::string(1, first) : fmt::format("{}{}", first, factor / letters);
}

/// The op of a sum of products, whose inputs are A_0, B_0, A_1, B_1, ..., then T if there is an
/// addend, then the factors P and Q of each chain.
struct ProductSumOp final : Op {
  struct Inner {
    bool transpose_p, transpose_q, is_left;
  };
  struct Factor {
    bool transpose_a, transpose_b;
    double scale;
    bool small;
    /// True if A and B are one value and exactly one of them is transposed.
    bool symmetric;
    std::optional<Inner> inner;
  };
  std::vector<Factor> products;
  /// 0 if there is no addend.
  double addend_scale = 0;
  Spec result;

  std::string_view name() const override { return "sum_of_products"; }
  int input_count() const override {
    const auto chains = std::count_if(products.begin(), products.end(),
                                      [](const Factor& f) { return f.inner.has_value(); });
    return static_cast<int>(2 * (std::ssize(products) + chains)) + (has_addend() ? 1 : 0);
  }
  std::string attributes() const override {
    std::string text;
    std::size_t factor = 0;
    const auto plus = [&](double scale) {
      text += text.empty() ? (scale == 1 ? "" : fmt::format("{} ", scale))
              : scale == 1 ? " + "
                           : fmt::format(" + {} ", scale);
    };
    const auto next = [&](bool transposed) { return letter(factor++) + (transposed ? "'" : ""); };
    for (const Factor& f : products) {
      plus(f.scale);
      text += next(f.transpose_a);
      if (f.symmetric) --factor;
      text += " " + next(f.transpose_b);
      if (f.small) text += " (small)";
    }
    if (has_addend()) {
      plus(addend_scale);
      text += "T";
    }
    // The factors that are products themselves.
    std::string inner;
    for (std::size_t i = 0; i < products.size(); ++i)
      if (const std::optional<Inner>& p = products[i].inner) {
        inner += fmt::format("{}{} of {}: ", inner.empty() ? "; " : ", ",
                             p->is_left ? "left" : "right", i);
        inner += next(p->transpose_p);
        inner += " " + next(p->transpose_q);
      }
    return text + inner;
  }
  bool has_addend() const { return addend_scale != 0; }
  std::size_t addend_slot() const { return 2 * products.size(); }

  Spec infer(Specs) const override { return result; }
  std::size_t workspace(Specs x, const Spec&) const override {
    Index numbers = 0;
    for_chains([&](std::size_t i, std::size_t p) {
      const Chain chain = chain_of(i);
      numbers = std::max(numbers, chain_block * (chain.left ? x[p + 1].shape[chain.q ? 1 : 0]
                                                            : x[p].shape[chain.p ? 0 : 1]));
    });
    return static_cast<std::size_t>(numbers) * size_of(result.dtype);
  }
  void run(const Inputs& x, const Array& y, std::byte* workspace) const override {
    if (products.size() == 1 && products[0].symmetric && !has_addend()) {
      kernel::gram(x[0], products[0].transpose_a, products[0].scale, y);
      return;
    }
    // The planner places y over T if it can; otherwise T is copied into y first.
    if (has_addend() && x[addend_slot()].raw() != y.raw()) copy(x[addend_slot()], y);
    double before = addend_scale;
    std::array<kernel::Product, at_once> terms;
    std::size_t count = 0;
    const auto add_up = [&] {
      if (count == 0) return;
      kernel::sum_of_products({terms.data(), count}, before, y);
      before = 1;
      count = 0;
    };
    for (std::size_t i = 0; i < products.size(); ++i) {
      const Factor& f = products[i];
      if (f.inner && !kernel::in_the_middle(x[2 * i + (f.inner->is_left ? 0 : 1)])) continue;
      terms[count++] = {&x[2 * i], &x[2 * i + 1], f.transpose_a, f.transpose_b, f.scale};
      if (count == at_once) add_up();
    }
    add_up();
    for_chains([&](std::size_t i, std::size_t q) {
      if (kernel::in_the_middle(x[2 * i + (products[i].inner->is_left ? 0 : 1)])) return;
      add_chain(x, chain_of(i), i, q, before, y, workspace);
      before = 1;
    });
  }
  bool may_overwrite(int slot) const override {
    return has_addend() && slot == static_cast<int>(addend_slot());
  }
  Cost cost(Specs x, const Spec& y) const override {
    // The factors P and Q of chains are not counted: they are read in rare cases only.
    const std::size_t read = addend_slot() + (has_addend() ? 1 : 0);
    Cost cost = Op::cost(x.first(read), y);
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

 private:
  /// Flags of the three factors of a chain.
  struct Chain {
    bool left, p, q, outer;
  };
  Chain chain_of(std::size_t i) const {
    const Factor& f = products[i];
    return {f.inner->is_left, f.inner->transpose_p, f.inner->transpose_q,
            f.inner->is_left ? f.transpose_b : f.transpose_a};
  }
  /// Calls body(product, slot of P) for each chain. Q is in the next slot.
  template <class Body>
  void for_chains(const Body& body) const {
    std::size_t slot = addend_slot() + (has_addend() ? 1 : 0);
    for (std::size_t i = 0; i < products.size(); ++i) {
      if (!products[i].inner) continue;
      body(i, slot);
      slot += 2;
    }
  }
  /// y = before y + scale (A P) Q, a few rows at a time, or scale P (Q B), a few columns at a time.
  void add_chain(const Inputs& x, const Chain& chain, std::size_t i, std::size_t slot,
                 double before, const Array& y, std::byte* workspace) const {
    const Array &p = x[slot], &q = x[slot + 1], &outer = x[2 * i + (chain.left ? 1 : 0)];
    const kernel::Product first = chain.left ? kernel::Product{&q, &outer, chain.q, chain.outer, 1}
                                             : kernel::Product{&outer, &p, chain.outer, chain.p, 1};
    const int along = chain.left ? 1 : 0;
    const Index whole = chain.left ? q.shape()[chain.q ? 1 : 0] : p.shape()[chain.p ? 0 : 1];
    for (Index at = 0; at < y.shape()[along]; at += chain_block) {
      const Index count = std::min(chain_block, y.shape()[along] - at);
      const Array block =
          Array::over(workspace, chain.left ? Shape{whole, count} : Shape{count, whole}, y.dtype());
      kernel::sum_of_products({&first, 1}, 0, block, chain.left ? 0 : at, chain.left ? at : 0);
      const kernel::Product second =
          chain.left ? kernel::Product{&p, &block, chain.p, false, products[i].scale}
                     : kernel::Product{&block, &q, false, chain.q, products[i].scale};
      kernel::sum_of_products({&second, 1}, before, y.sliced(along, at, count));
    }
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
  std::size_t chain = op->addend_slot();
  if (op->has_addend()) sum.addend = AddendTerm{node.inputs[chain++], op->addend_scale};
  for (std::size_t i = 0; i < op->products.size(); ++i) {
    const ProductSumOp::Factor& f = op->products[i];
    ProductTerm& term =
        sum.products.emplace_back(ProductTerm{node.inputs[2 * i], node.inputs[2 * i + 1],
                                              f.transpose_a, f.transpose_b, f.scale, f.small});
    if (!f.inner) continue;
    term.inner = InnerProduct{node.inputs[chain], node.inputs[chain + 1], f.inner->transpose_p,
                              f.inner->transpose_q};
    term.inner_is_left = f.inner->is_left;
    chain += 2;
  }
  return sum;
}

void set_product_sum(GraphNode& node, const ProductSum& sum) {
  node.inputs.clear();
  auto op = std::make_shared<ProductSumOp>();
  op->result = node.spec;
  for (const ProductTerm& t : sum.products) {
    const bool symmetric = t.a == t.b && t.transpose_a != t.transpose_b;
    op->products.push_back({t.transpose_a, t.transpose_b, t.scale, t.small, symmetric, {}});
    if (t.inner)
      op->products.back().inner = {t.inner->transpose_a, t.inner->transpose_b, t.inner_is_left};
    node.inputs.push_back(t.a);
    node.inputs.push_back(t.b);
  }
  if (sum.addend) {
    op->addend_scale = sum.addend->scale;
    node.inputs.push_back(sum.addend->node);
  }
  for (const ProductTerm& t : sum.products)
    if (t.inner) node.inputs.insert(node.inputs.end(), {t.inner->a, t.inner->b});
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
