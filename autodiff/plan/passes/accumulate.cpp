// Pass: distributivity. The exact gradient of the penalised loss is recorded, for each layer, as
//
//   V + gamma (a'r + s'd),  V = a'd     (a: the layer's input, d: the cotangent of its output,
//                                        s and r: their tangents).
//
// This pass rewrites the sum as a'(d + gamma r) + (gamma s)'d: one accumulating call with two
// products instead of three products and two sums. The sum then no longer needs V. Convolutions do
// not allow this algebra, but the convolutions of a sum also become one call.
#include <algorithm>
#include <map>
#include <tuple>

#include "autodiff/ops/algebra.h"
#include "autodiff/ops/elementwise_op.h"
#include "autodiff/plan/passes/combination.h"
#include "autodiff/plan/passes/rewrite.h"

namespace twice {

namespace {

class Accumulation {
 public:
  explicit Accumulation(Graph graph)
      : graph_(std::move(graph)),
        readers_(readers_of(graph_)),
        output_(is_output(graph_)),
        with_products_(with_products(graph_)),
        visited_(graph_.nodes.size(), 0) {}

  Graph run() {
    // Backwards: a sum is visited before the sums that it contains.
    for (int node = static_cast<int>(graph_.nodes.size()) - 1; node >= 0; --node)
      if (!visited_[static_cast<std::size_t>(node)]) rewrite(node);
    return changed_ ? in_order(std::move(graph_)) : std::move(graph_);
  }

 private:
  /// True if the node has one reader. An appended node is read only by the root.
  bool read_once(int node) const {
    const auto at = static_cast<std::size_t>(node);
    return at >= readers_.size() || (readers_[at].size() == 1 && !output_[at]);
  }

  void read_by_root(int value) {
    if (value < static_cast<int>(readers_.size()))
      readers_[static_cast<std::size_t>(value)].push_back(root_);
  }

  /// Appends x + scale y, with the phase and origin of `like`.
  int sum_of(int x, double scale, int y, const GraphNode& like) {
    read_by_root(x);
    read_by_root(y);
    if (scale == 1) return append(graph_, arithmetic_op(Arithmetic::add), {x, y}, like);
    if (scale == -1) return append(graph_, arithmetic_op(Arithmetic::sub), {x, y}, like);
    const int scaled = append(graph_, affine_op({scale, 0}), {y}, like);
    return append(graph_, arithmetic_op(Arithmetic::add), {x, scaled}, like);
  }

  /// Adds the products of a sum that other nodes read too, if each of them shares a factor with a
  /// product of this combination. Each product then joins at no cost, as a single kept product
  /// does.
  void join_kept_sums(Combination& c) {
    const std::vector<Combination::Term> own = c.products;
    const auto has_partner = [&](const Combination::Term& term) {
      const ProductTerm& p = term.product;
      return term.kept_as < 0 && std::any_of(own.begin(), own.end(), [&](const auto& other) {
               const ProductTerm& q = other.product;
               return other.kept_as < 0 && p.transpose_a == q.transpose_a &&
                      p.transpose_b == q.transpose_b && (p.a == q.a || p.b == q.b) &&
                      may_move(p.scale / q.scale, graph_.at(p.a).spec.dtype);
             });
    };
    std::erase_if(c.others, [&](const AddendTerm& other) {
      if (read_once(other.node)) return false;
      Combination kept = combination_of(graph_, other.node, with_products_,
                                        [this](int node) { return read_once(node); });
      for (Combination::Term& term : kept.products) term.product.scale *= other.scale;
      if (kept.products.size() < 2 || !kept.others.empty() ||
          !std::all_of(kept.products.begin(), kept.products.end(), has_partner))
        return false;
      for (Combination::Term& term : kept.products)
        c.products.push_back({term.product, other.node, other.scale, true});
      return true;
    });
  }

  /// s A B + t A D = s A (B + t/s D), and the same for a common right factor. A product that is
  /// kept for other readers joins at no cost; merging two kept products saves nothing. Returns true
  /// if two products were merged.
  bool factor_out(Combination& c, const GraphNode& like) {
    // The terms by left or right factor and flags, for finding the partner of a later term.
    std::map<std::tuple<bool, int, bool, bool>, std::vector<std::size_t>> with_factor;
    const auto key = [](const ProductTerm& t, bool left) {
      return std::tuple(left, left ? t.a : t.b, t.transpose_a, t.transpose_b);
    };
    std::vector<Combination::Term> terms;
    for (const Combination::Term& term : c.products) {
      const ProductTerm& y = term.product;
      std::optional<std::pair<std::size_t, bool>> partner;
      for (bool left : {true, false})
        for (std::size_t i : with_factor[key(y, left)]) {
          const double ratio = y.scale / terms[i].product.scale;
          if ((terms[i].kept_as < 0 || term.kept_as < 0) && may_move(ratio, like.spec.dtype)) {
            if (!partner || i < partner->first) partner = {i, left};
            break;
          }
        }
      if (!partner) {
        for (bool left : {true, false}) with_factor[key(y, left)].push_back(terms.size());
        terms.push_back(term);
        continue;
      }
      const auto [i, left] = *partner;
      ProductTerm& x = terms[i].product;
      std::erase(with_factor[key(x, !left)], i);
      int& factor = left ? x.b : x.a;
      factor = sum_of(factor, y.scale / x.scale, left ? y.b : y.a, like);
      terms[i].kept_as = -1;
    }
    const bool found = terms.size() < c.products.size();
    c.products = std::move(terms);
    return found;
  }

  /// True if the product may overwrite T with the sum. T must be a stored value with the
  /// result's spec, and no node after `root` may read it. T must not be an elementwise value that
  /// fusion could compute without storing it.
  bool can_take_over(int root, int node) const {
    const GraphNode& t = graph_.at(node);
    const auto at = static_cast<std::size_t>(node);
    if (at >= readers_.size()) return true;
    if (!t.op || t.op->is_view() || is_broadcast(*t.op) || output_[at] ||
        !(t.spec == graph_.at(root).spec))
      return false;
    if (readers_[at].size() == 1 && dynamic_cast<const ElementwiseOp*>(t.op.get())) return false;
    return std::all_of(readers_[at].begin(), readers_[at].end(),
                       [&](int reader) { return reader <= root; });
  }

  /// `like` with the phase and origin of the latest product that it absorbs, because most of the
  /// cost of the sum is in its products.
  GraphNode place_of_products(GraphNode like, const Combination& c) const {
    if (as_product_sum(like)) return like;
    const GraphNode* latest = nullptr;
    for (int inner : c.inner)
      if (const GraphNode& node = graph_.at(inner);
          as_product_sum(node) && (!latest || node.phase > latest->phase))
        latest = &node;
    if (latest) static_cast<Origin&>(like) = *latest;
    return like;
  }

  void rewrite(int root) {
    root_ = root;
    Combination c =
        combination_of(graph_, root, with_products_, [this](int node) { return read_once(node); });
    for (int inner : c.inner) visited_[static_cast<std::size_t>(inner)] = 1;
    if (c.products.size() + c.others.size() < 2 && c.inner.size() < 2) {
      // A single product: the pass can only absorb the scaling of its factors.
      if (c.products.empty() || c.products[0].kept_as >= 0 || c.products[0].product.scale == 1)
        return;
    }
    const GraphNode like = graph_.at(root);
    merge_equal(c);
    if (c.products.empty()) return sum_up(root, c, like);
    join_kept_sums(c);
    const bool factored = factor_out(c, like);

    ProductSum sum;
    for (const Combination::Term& term : c.products) {
      if (term.kept_as >= 0 && !term.of_several)
        c.others.push_back({term.kept_as, term.scale});
      else
        sum.products.push_back(term.product);
    }
    if (sum.products.empty()) return;
    // A scaled factor has one more reader now. The reader is recorded before the sums that make up
    // the factor are visited.
    for (const ProductTerm& term : sum.products)
      for (int factor : {term.a, term.b}) read_by_root(factor);
    for (auto other = c.others.begin(); other != c.others.end(); ++other)
      if (other->scale != 0 && can_take_over(root, other->node)) {
        sum.addend = *other;
        c.others.erase(other);
        break;
      }
    // One unscaled product plus other values is the recorded form already.
    if (!factored && !sum.addend && sum.products.size() == 1 && sum.products[0].scale == 1 &&
        !c.others.empty())
      return;
    const GraphNode products = place_of_products(like, c);
    if (c.others.empty()) {
      changed_ = true;
      static_cast<Origin&>(graph_.at(root)) = products;
      set_product_sum(graph_.at(root), sum);
      return;
    }
    c.others.insert(c.others.begin(), {append_sum(sum, products), 1});
    become_sum(root, c.others, like);
  }

  /// Rewrites a sum of convolutions and other values.
  void sum_up(int root, Combination& c, const GraphNode& like) {
    bool changed = false;
    while (join(c) || add_in(root, c)) changed = true;
    if (!changed) return;
    std::stable_partition(c.others.begin(), c.others.end(),
                          [](const AddendTerm& term) { return term.scale == 1; });
    become_sum(root, c.others, like);
  }

  /// Appends the op f, which replaces node `of` in the sum, and returns its index.
  int append_call(std::shared_ptr<const Op> f, const std::vector<int>& inputs, int of) {
    for (int input : inputs) read_by_root(input);
    return append(graph_, std::move(f), inputs, GraphNode(graph_.at(of)));
  }

  const KernelForms* forms_of(int node) const {
    const GraphNode& f = graph_.at(node);
    return f.op ? kernel_forms(*f.op) : nullptr;
  }

  /// s f(x) + s f(z) = s (f(x) + f(z)), if one kernel computes both.
  bool join(Combination& c) {
    for (auto x = c.others.begin(); x != c.others.end(); ++x) {
      const KernelForms* forms = forms_of(x->node);
      if (!forms || !read_once(x->node)) continue;
      for (auto z = std::next(x); z != c.others.end(); ++z) {
        const GraphNode &f = graph_.at(x->node), &g = graph_.at(z->node);
        if (z->scale != x->scale || !g.op || !read_once(z->node)) continue;
        const std::shared_ptr<const Op> both =
            forms->summed_with(*g.op, graph_.input_specs(f), graph_.input_specs(g));
        if (!both) continue;
        std::vector<int> inputs = f.inputs;
        inputs.insert(inputs.end(), g.inputs.begin(), g.inputs.end());
        x->node = append_call(both, inputs, g.phase > f.phase ? z->node : x->node);
        c.others.erase(z);
        return true;
      }
    }
    return false;
  }

  /// f(x) + T, if the kernel of f can add to T.
  bool add_in(int root, Combination& c) {
    const auto unscaled = [&](const AddendTerm& term) {
      return term.scale == 1 && graph_.at(term.node).op != nullptr;
    };
    for (std::size_t i = c.others.size(); i-- > 0;) {
      const AddendTerm f = c.others[i];
      if (!unscaled(f) || !read_once(f.node)) continue;
      const KernelForms* forms = forms_of(f.node);
      const std::shared_ptr<const Op> adding = forms ? forms->adding() : nullptr;
      const auto t = std::find_if(c.others.begin(), c.others.end(), [&](const AddendTerm& other) {
        return other.node != f.node && unscaled(other) && can_take_over(root, other.node);
      });
      if (!adding || t == c.others.end()) continue;
      std::vector<int> inputs = graph_.at(f.node).inputs;
      inputs.push_back(t->node);
      c.others[i].node = append_call(adding, inputs, f.node);
      c.others.erase(t);
      return true;
    }
    return false;
  }

  /// Makes the node the sum of the terms. An unscaled term comes first, if there is one.
  void become_sum(int root, const std::vector<AddendTerm>& terms, const GraphNode& like) {
    changed_ = true;
    int total = terms[0].node;
    if (terms[0].scale != 1) total = append(graph_, affine_op({terms[0].scale, 0}), {total}, like);
    for (std::size_t i = 1; i < terms.size(); ++i)
      total = sum_of(total, terms[i].scale, terms[i].node, like);
    // The last sum becomes the root itself.
    graph_.at(root).op = graph_.at(total).op;
    graph_.at(root).inputs = graph_.at(total).inputs;
    static_cast<Origin&>(graph_.at(root)) = graph_.at(total);
  }

  int append_sum(const ProductSum& sum, const GraphNode& like) {
    GraphNode node = like;
    set_product_sum(node, sum);
    graph_.nodes.push_back(std::move(node));
    return static_cast<int>(graph_.nodes.size()) - 1;
  }

  Graph graph_;
  std::vector<std::vector<int>> readers_;
  std::vector<char> output_;
  /// Computed for the nodes of the given graph.
  std::vector<char> with_products_;
  /// Root of the sum that is being rewritten. `read_by_root` records it as a reader of new inputs.
  int root_ = 0;
  bool changed_ = false;
  /// Nodes that belong to a sum that was visited.
  std::vector<char> visited_;
};

}  // namespace

Graph accumulate(Graph graph) { return Accumulation(std::move(graph)).run(); }

}  // namespace twice
