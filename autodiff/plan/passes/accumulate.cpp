// Pass: distributivity. The exact gradient of a layer is recorded as a sum of products,
//
//   a'd + gamma (a'r + s'd)     (a, d: the layer's input and cotangent; s, r: their tangents)
//
// This pass writes it as (a)'(d + gamma r) + (gamma s)'d, one accumulating call with two products
// instead of three products and two sums; the plain gradient a'd is then not formed for it at all.
// Convolutions have no such algebra, but those of a sum become one call too.
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
    // Backwards, so that a sum is met before the sums that it is made of.
    for (int node = static_cast<int>(graph_.nodes.size()) - 1; node >= 0; --node)
      if (!visited_[static_cast<std::size_t>(node)]) rewrite(node);
    return changed_ ? in_order(std::move(graph_)) : std::move(graph_);
  }

 private:
  /// A node that was appended is for the root alone.
  bool read_once(int node) const {
    const auto at = static_cast<std::size_t>(node);
    return at >= readers_.size() || (readers_[at].size() == 1 && !output_[at]);
  }

  void read_by_root(int value) {
    if (value < static_cast<int>(readers_.size()))
      readers_[static_cast<std::size_t>(value)].push_back(root_);
  }

  /// x + scale y, recorded for `like`.
  int sum_of(int x, double scale, int y, const GraphNode& like) {
    read_by_root(x);
    read_by_root(y);
    if (scale == 1) return append(graph_, arithmetic_op(Arithmetic::add), {x, y}, like);
    if (scale == -1) return append(graph_, arithmetic_op(Arithmetic::sub), {x, y}, like);
    const int scaled = append(graph_, affine_op({scale, 0}), {y}, like);
    return append(graph_, arithmetic_op(Arithmetic::add), {x, scaled}, like);
  }

  /// A sum of several products that others read too joins with its products where each of them has
  /// a common factor with a product of this sum: they then join for free, as a single one does.
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
  /// kept for others anyway joins for free; two of those have nothing to gain. Whether it did.
  bool factor_out(Combination& c, const GraphNode& like) {
    // The terms, by left or right factor and the flags, among which a later one finds its partner.
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

  /// Whether the product can add itself to T where T lies: T is a stored value of the result's
  /// shape that is not read after `root`, and not an elementwise result, which fusion computes
  /// without storing it.
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

  /// `like` as the place of the products that it takes in: a sum that becomes products counts for
  /// the phase and the forward op of the latest of them, since these are what it costs.
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
      // One product by itself: only a scaling of its factors can be taken in.
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
    // A factor that was scaled now has one reader more, which must not be forgotten when the turn
    // comes to the sums that the factor is made of.
    for (const ProductTerm& term : sum.products)
      for (int factor : {term.a, term.b}) read_by_root(factor);
    for (auto other = c.others.begin(); other != c.others.end(); ++other)
      if (other->scale != 0 && can_take_over(root, other->node)) {
        sum.addend = *other;
        c.others.erase(other);
        break;
      }
    // One unscaled product beside other values is what was recorded.
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

  /// Convolutions and what they are added to.
  void sum_up(int root, Combination& c, const GraphNode& like) {
    bool changed = false;
    while (join(c) || add_in(root, c)) changed = true;
    if (!changed) return;
    std::stable_partition(c.others.begin(), c.others.end(),
                          [](const AddendTerm& term) { return term.scale == 1; });
    become_sum(root, c.others, like);
  }

  /// Appends f, which takes in what `of` computes, and returns it.
  int append_call(std::shared_ptr<const Op> f, const std::vector<int>& inputs, int of) {
    for (int input : inputs) read_by_root(input);
    return append(graph_, std::move(f), inputs, GraphNode(graph_.at(of)));
  }

  const KernelForms* forms_of(int node) const {
    const GraphNode& f = graph_.at(node);
    return f.op ? kernel_forms(*f.op) : nullptr;
  }

  /// s f(x) + s f(z) = s (f(x) + f(z)), where one kernel computes both.
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

  /// f(x) + T, where f's kernel can add to T.
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

  /// The node becomes the sum of the terms; an unscaled one comes first, if there is any.
  void become_sum(int root, const std::vector<AddendTerm>& terms, const GraphNode& like) {
    changed_ = true;
    int total = terms[0].node;
    if (terms[0].scale != 1) total = append(graph_, affine_op({terms[0].scale, 0}), {total}, like);
    for (std::size_t i = 1; i < terms.size(); ++i)
      total = sum_of(total, terms[i].scale, terms[i].node, like);
    // The last sum is the root itself.
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
  /// Of the nodes as they were given.
  std::vector<char> with_products_;
  /// Root of the sum that is being rewritten. New inputs are recorded as read by this node.
  int root_ = 0;
  bool changed_ = false;
  /// Nodes that are a part of a sum that was looked at.
  std::vector<char> visited_;
};

}  // namespace

Graph accumulate(Graph graph) { return Accumulation(std::move(graph)).run(); }

}  // namespace twice
