// Grades lab 8: the laws of a pass that changes the order of products.
#include <fmt/core.h>
#include <sys/resource.h>

#include <cmath>

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/plan.h"
#include "docs/book/labs/lab8.h"
#include "docs/book/labs/laws.h"

using namespace twice;

namespace {

template <class... Args>
[[noreturn]] void broken(fmt::format_string<Args...> text, Args&&... args) {
  throw lab::Broken{fmt::format(text, std::forward<Args>(args)...)};
}

Array random(const Shape& shape, std::uint64_t seed) {
  Array numbers(shape, DType::f64);
  fill_normal(Rng(seed), 0, 1, numbers);
  return numbers;
}

// ---- The graphs on which the laws are checked ----

struct Case {
  std::string name;
  Graph graph;                // as `accumulate` left it
  std::vector<Array> inputs;  // of its input nodes, by index; empty for other nodes
};

/// The passes that run before the reader's, and no others.
PlanOptions passes_before() {
  PlanOptions options;
  options.gram = options.reassociate = options.winograd = options.fuse = false;
  return options;
}

Case make_case(const std::string& name, const Tensors& outputs,
               const std::vector<Binding>& bindings = {}) {
  Case result{name, rewritten(graph_of(outputs), passes_before()), {}};
  for (const GraphNode& node : result.graph.nodes) {
    result.inputs.emplace_back();
    for (const Binding& binding : bindings)
      if (node.kind == NodeKind::input && node.recorded == binding.input.index())
        result.inputs.back() = binding.value;
  }
  return result;
}

/// V = P Q with an inner size of 3 in each of the four chains, read by nothing else.
std::vector<Case> chain_cases() {
  std::vector<Case> cases;
  for (const bool v_is_left : {true, false})
    for (const bool v_transposed : {true, false})
      for (const bool z_transposed : {true, false}) {
        Tape tape;
        const Tensor P = tape.parameter(random({24, 3}, 1)), Q = tape.parameter(random({3, 20}, 2));
        const Tensor V = matmul(P, Q);
        const Index meets = v_is_left == v_transposed ? 24 : 20;
        const Shape shape = v_is_left == z_transposed ? Shape{5, meets} : Shape{meets, 5};
        const Tensor Z = tape.parameter(random(shape, 3));
        const auto factor = [](const char* letter, bool transposed) {
          return fmt::format("{}{}", letter, transposed ? "'" : "");
        };
        const std::string v = factor("(P Q)", v_transposed), z = factor("Z", z_transposed);
        cases.push_back(make_case(v_is_left ? v + " " + z : z + " " + v,
                                  v_is_left ? matmul(2.0 * V, Z, v_transposed, z_transposed)
                                            : matmul(Z, 2.0 * V, z_transposed, v_transposed)));
      }
  return cases;
}

/// A step of the method `exact`: L layers from n to n units, the last one to `outputs`, a batch of
/// m rows.
struct ExactStep {
  Tape tape;
  std::vector<Binding> bindings;
  Tensors outputs;

  ExactStep(int L, Index m, Index n, Index classes) {
    Tensors w;
    for (int k = 1; k <= L; ++k)
      w.push_back(tape.parameter(random({n, k == L ? classes : n}, static_cast<std::uint64_t>(k)),
                                 fmt::format("W_{}", k)));
    const Tensor x = tape.input({m, n}, DType::f64, "x"), y = tape.labels({m});
    Tensor z = x;
    for (int k = 1; k <= L; ++k) {
      const Scope scope(tape, fmt::format("layer {}", k));
      const Tensor a = k == 1 ? x : tanh(z);
      z = matmul(a, w[static_cast<std::size_t>(k - 1)]);
    }
    const Tensor loss = cross_entropy(z, y);
    const Tensors g = grad(loss, w), v = 0.5 * stop_gradient(g);
    Tensors from = {loss}, cotangents = {full_like(loss, 1)};
    from.insert(from.end(), g.begin(), g.end());
    cotangents.insert(cotangents.end(), v.begin(), v.end());
    outputs = grad(from, w, cotangents);
    Array labels({m}, DType::i32);
    for (Index i = 0; i < m; ++i) labels.set(i, static_cast<double>(i % classes));
    bindings = {{x, random({m, n}, 99)}, {y, labels}};
  }

  static std::string name(int L, Index m, Index n, Index classes) {
    return fmt::format("exact, L = {}, batch {}, width {}, {} outputs", L, m, n, classes);
  }
};

Case exact_case(int L, Index m, Index n, Index classes) {
  const ExactStep step(L, m, n, classes);
  return make_case(ExactStep::name(L, m, n, classes), step.outputs, step.bindings);
}

/// V is also an output and an addend. One chain has four factors.
Case kept_case() {
  Tape tape;
  const Tensor a = tape.parameter(random({30, 6}, 1)), b = tape.parameter(random({6, 30}, 2)),
               c = tape.parameter(random({30, 30}, 3));
  const Tensor V = matmul(a, b), chain = matmul(matmul(V, c), c, false, true);
  return make_case("V is an output too", {chain + V, V, tanh(matmul(c, V))});
}

/// The other order costs more, but it seems to cost less if the FLOPs of the inner product are left
/// out, or if the FLOPs of V count as saved. V stays, because it is an output.
Case inner_case() {
  Tape tape;
  const Tensor P = tape.parameter(random({24, 20}, 1)), Q = tape.parameter(random({20, 24}, 2)),
               Z = tape.parameter(random({20, 24}, 3));
  const Tensor V = matmul(P, Q);
  return make_case("tanh(Z (P Q)), with the output P Q", {tanh(matmul(Z, V)), V});
}

/// A chain in a node with an addend. `accumulate` turns T into an addend only if an op computes T.
Case addend_case() {
  Tape tape;
  const Tensor P = tape.parameter(random({24, 3}, 1)), Q = tape.parameter(random({3, 20}, 2)),
               Z = tape.parameter(random({5, 24}, 3)), T = tape.parameter(random({5, 20}, 4));
  return make_case("log_softmax(T) + Z (P Q)", {log_softmax(T) + matmul(Z, matmul(P, Q))});
}

// ---- What a graph computes and what it costs ----

std::string describe(const Graph& graph, int node) {
  const GraphNode& n = graph.at(node);
  return fmt::format("node {} ({}{}{}, {})", node, n.name(),
                     n.op && !n.op->attributes().empty() ? " " + n.op->attributes() : "",
                     in_scope(n.scope), str(n.phase));
}

/// Throws unless the graph can be run: the order of the nodes and the shapes of all products.
void check_graph(const Graph& before, const Graph& graph) {
  const int count = static_cast<int>(graph.nodes.size());
  if (graph.nodes.size() > 20 * before.nodes.size())
    broken("expected at most {} nodes, found {}", 20 * before.nodes.size(), count);
  for (int i = 0; i < count; ++i) {
    const GraphNode& node = graph.at(i);
    if (!node.op && !node.leaf) broken("node {} has neither an op nor a leaf", i);
    for (const int input : node.inputs)
      if (input < 0 || input >= i)
        broken("{} reads node {}, which is not before it", describe(graph, i), input);
    if (node.op && !(node.op->infer(graph.input_specs(node)) == node.spec))
      broken("{}: expected {}, found {}", describe(graph, i),
             str(node.op->infer(graph.input_specs(node))), str(node.spec));
    const std::optional<ProductSum> sum = as_product_sum(node);
    if (!sum) continue;
    for (const ProductTerm& term : sum->products) {
      const Shape &a = graph.at(term.a).spec.shape, &b = graph.at(term.b).spec.shape;
      const Index rows = a[term.transpose_a ? 1 : 0], left = a[term.transpose_a ? 0 : 1],
                  right = b[term.transpose_b ? 1 : 0], columns = b[term.transpose_b ? 0 : 1];
      if (left != right || Shape{rows, columns} != node.spec.shape)
        broken("{}: a product of ({}, {}) and ({}, {}) for a result of shape {}",
               describe(graph, i), rows, left, right, columns, str(node.spec));
    }
  }
  if (graph.outputs.size() != before.outputs.size())
    broken("expected {}, found {}", lab::counted(before.outputs.size(), "output"),
           graph.outputs.size());
  for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
    const int output = graph.outputs[k];
    if (output < 0 || output >= count)
      broken("output {} is node {}, which does not exist", k, output);
    const Spec &found = graph.at(output).spec, &expected = before.at(before.outputs[k]).spec;
    if (!(found == expected))
      broken("output {}: expected {}, found {}", k, str(expected), str(found));
  }
}

Graph passed(const Graph& before) {
  Graph after = lab::cheaper_chains(before);
  check_graph(before, after);
  return after;
}

/// The values of all nodes. An input gets the array of the node of `from` that it stands for.
std::vector<Array> values_of(const Graph& graph, const Case& from) {
  std::vector<Array> values;
  for (const GraphNode& node : graph.nodes) {
    Array value;
    if (node.kind == NodeKind::input) {
      for (std::size_t i = 0; i < from.inputs.size(); ++i)
        if (from.graph.nodes[i].kind == NodeKind::input &&
            from.graph.nodes[i].recorded == node.recorded)
          value = from.inputs[i];
    } else if (!node.op) {
      value = node.leaf->stored;
    } else {
      std::vector<const Array*> inputs;
      for (const int input : node.inputs)
        inputs.push_back(&values[static_cast<std::size_t>(input)]);
      value = node.op->is_view() ? Array::over(inputs[0]->raw(), node.spec.shape, node.spec.dtype)
                                 : Array(node.spec.shape, node.spec.dtype);
      const Array workspace(
          {static_cast<Index>(node.op->workspace(graph.input_specs(node), node.spec) / 8 + 1)},
          DType::f64);
      if (!node.op->is_view())
        node.op->run(Inputs(inputs), value, static_cast<std::byte*>(workspace.raw()));
    }
    values.push_back(value);
  }
  return values;
}

constexpr double tolerance = 1e-10;

/// The largest difference of two arrays, relative to the largest number of the second; NaN counts
/// as infinite.
double difference(const Array& found, const Array& expected) {
  double most = 0, scale = 0;
  for (Index i = 0; i < expected.elements(); ++i) {
    const double d = std::abs(found.at(i) - expected.at(i));
    most = d <= most ? most : d;
    scale = std::max(scale, std::abs(expected.at(i)));
  }
  return most == 0 ? 0 : std::isnan(most) ? HUGE_VAL : most / scale;
}

/// Where two arrays of one shape differ most, with both numbers; empty if they are equal up to
/// rounding. If one array is a multiple of the other, the text names the factor.
std::string unequal(const Array& found, const Array& expected) {
  if (difference(found, expected) < tolerance) return {};
  const Shape& shape = expected.shape();
  Index at = 0;
  double most = -1, products = 0, squares = 0, scale = 0;
  for (Index i = 0; i < expected.elements(); ++i) {
    const double d = std::abs(found.at(i) - expected.at(i));
    if (d > most || std::isnan(d)) at = i, most = std::isnan(d) ? HUGE_VAL : d;
    products += found.at(i) * expected.at(i);
    squares += expected.at(i) * expected.at(i);
    scale = std::max(scale, std::abs(expected.at(i)));
  }
  const std::string place = shape.rank() == 2
                                ? fmt::format("({}, {})", at / shape[1], at % shape[1])
                                : fmt::format("{}", at);
  const double factor = products / squares;
  bool multiple = factor != 0;
  for (Index i = 0; i < expected.elements(); ++i)
    multiple = multiple && std::abs(found.at(i) - factor * expected.at(i)) <
                               tolerance * std::max(1.0, std::abs(factor)) * scale;
  return fmt::format(
      "entry {}: {}{}", place, lab::expected_found(expected.at(at), found.at(at)),
      multiple ? fmt::format("; each entry is {:.6g} times the expected one", factor) : "");
}

double flops_of(const Graph& graph) {
  double sum = 0;
  for (const GraphNode& node : graph.nodes)
    if (node.op) sum += node.op->cost(graph.input_specs(node), node.spec).flops;
  return sum;
}

/// `node: fault` for the first node with a fault when it is the only output of the graph; empty if
/// only the whole graph has a fault. `fault` returns a text, which is empty if all is right.
template <class Fault>
std::string first_fault(const Graph& graph, const Fault& fault) {
  for (int node = 0; node < static_cast<int>(graph.nodes.size()); ++node) {
    if (!as_product_sum(graph.at(node))) continue;
    Graph alone = graph;
    alone.outputs = {node};
    if (const std::string text = fault(alone); !text.empty())
      return fmt::format("{}: {}", describe(graph, node), text);
  }
  return {};
}

// ---- The laws ----

std::vector<Case> all_cases() {
  std::vector<Case> cases = chain_cases();
  for (int L = 1; L <= 4; ++L)
    for (const Index m : {6, 12, 24, 40}) cases.push_back(exact_case(L, m, 24, 24));
  cases.push_back(exact_case(3, 12, 24, 4));
  cases.push_back(kept_case());
  cases.push_back(inner_case());
  cases.push_back(addend_case());
  return cases;
}

/// `other_order` with matrices of the grader's own.
void order_law() {
  for (int flags = 0; flags < 32; ++flags) {
    const bool v_is_left = flags & 1, tv = flags & 2, tz = flags & 4, tp = flags & 8,
               tq = flags & 16;
    // Nodes 0, 1, 2, 3: P, Q, Z and V. op(P) is (2, 3) and op(Q) is (3, 4).
    const Index meets = v_is_left == tv ? 2 : 4;
    std::vector<Shape> shapes = {tp ? Shape{3, 2} : Shape{2, 3}, tq ? Shape{4, 3} : Shape{3, 4},
                                 v_is_left == tz ? Shape{5, meets} : Shape{meets, 5}};
    std::vector<Array> matrices;
    for (std::size_t i = 0; i < 3; ++i) matrices.push_back(random(shapes[i], i + 1));
    const auto where = [&] {
      const std::string v = fmt::format("(P{} Q{}){}", tp ? "'" : "", tq ? "'" : "", tv ? "'" : ""),
                        z = fmt::format("Z{}", tz ? "'" : "");
      return v_is_left ? v + " " + z : z + " " + v;
    };
    const auto product = [&](const ProductTerm& term) {
      const int known = static_cast<int>(matrices.size());
      if (term.a < 0 || term.b < 0 || term.a >= known || term.b >= known)
        broken("{}: a factor is none of P, Q, Z and the inner product", where());
      const auto op = [](const Array& m, bool t) { return t ? m.permuted({1, 0}) : m; };
      const Array a = op(matrices[static_cast<std::size_t>(term.a)], term.transpose_a),
                  b = op(matrices[static_cast<std::size_t>(term.b)], term.transpose_b);
      if (a.shape()[1] != b.shape()[0])
        broken("{}: a product of {} and {}", where(), str(Spec{a.shape(), DType::f64}),
               str(Spec{b.shape(), DType::f64}));
      Array c({a.shape()[0], b.shape()[1]}, DType::f64);
      for (Index i = 0; i < c.shape()[0]; ++i)
        for (Index j = 0; j < c.shape()[1]; ++j) {
          double sum = 0;
          for (Index k = 0; k < a.shape()[1]; ++k)
            sum += a.at(i * a.shape()[1] + k) * b.at(k * b.shape()[1] + j);
          c.set(i * c.shape()[1] + j, term.scale * sum);
        }
      return c;
    };
    const ProductTerm v{0, 1, tp, tq, 3},
        term = v_is_left ? ProductTerm{3, 2, tv, tz, 0.5} : ProductTerm{2, 3, tz, tv, 0.5};
    lab::Chain chain = lab::other_order(term, v, v_is_left);
    if (chain.inner.a == 3 || chain.inner.b == 3 || chain.outer.a == 3 || chain.outer.b == 3)
      broken("{}: the other order still reads V", where());
    int inners = 0;
    for (int* factor : {&chain.outer.a, &chain.outer.b})
      if (*factor == lab::inner_node) {
        *factor = 3;
        ++inners;
      }
    if (inners != 1)
      broken("{}: the factors of `outer` that are inner_node: expected 1, found {}", where(),
             inners);
    matrices.push_back(product(v));
    const Array expected = product(term);
    matrices[3] = product(chain.inner);
    const Array found = product(chain.outer);
    if (found.shape() != expected.shape())
      broken("{}: expected the shape {}, found {}", where(), str(expected.shape()),
             str(found.shape()));
    if (const std::string text = unequal(found, expected); !text.empty())
      broken("{}: {}", where(), text);
  }
}

void graph_law() {
  for (const Case& c : all_cases()) {
    try {
      passed(c.graph);
    } catch (const lab::Broken& b) {
      broken("{}: {}", c.name, b.text);
    } catch (const std::exception& error) {
      broken("{}: {}", c.name, error.what());
    }
  }
}

void values_law() {
  for (const Case& c : all_cases()) {
    const auto fault = [&](const Graph& before) -> std::string {
      const std::vector<Array> expected = values_of(before, c);
      const Graph after = passed(before);
      const std::vector<Array> found = values_of(after, c);
      for (std::size_t k = 0; k < before.outputs.size(); ++k)
        if (const std::string text = unequal(found[static_cast<std::size_t>(after.outputs[k])],
                                             expected[static_cast<std::size_t>(before.outputs[k])]);
            !text.empty())
          return text;
      return {};
    };
    const std::string whole = fault(c.graph);
    if (whole.empty()) continue;
    const std::string first = first_fault(c.graph, fault);
    broken("{}: {}", c.name, first.empty() ? whole : first);
  }
}

void flops_law() {
  for (const Case& c : all_cases()) {
    const auto fault = [](const Graph& before) -> std::string {
      const double most = flops_of(in_order(before)), found = flops_of(passed(before));
      if (found <= most) return {};
      return fmt::format("expected at most {:.0f} FLOPs, found {:.0f}", most, found);
    };
    const std::string whole = fault(c.graph);
    if (whole.empty()) continue;
    const std::string first = first_fault(c.graph, fault);
    broken("{}: {}{}", c.name, whole, first.empty() ? "" : "; alone, " + first);
  }
}

/// In the chain cases the inner size is 3, so no order with V is the cheapest.
void cheapest_law() {
  for (const Case& c : chain_cases()) {
    const Graph after = passed(c.graph);
    // (24, 3) (3, 20) and 5 rows or columns of Z, in the cheaper order.
    const double expected = 2 * 3 * 5 * (24 + 20), found = flops_of(after);
    if (found > expected)
      broken("{}: expected at most {:.0f} FLOPs, found {:.0f}", c.name, expected, found);
  }
}

/// The first product that still has a product for a factor although the other order costs less.
std::string chain_left(const Graph& graph) {
  for (int node = 0; node < static_cast<int>(graph.nodes.size()); ++node) {
    const std::optional<ProductSum> sum = as_product_sum(graph.at(node));
    if (!sum) continue;
    for (const ProductTerm& term : sum->products)
      for (const bool left : {true, false}) {
        const int factor = left ? term.a : term.b;
        const std::optional<ProductTerm> v = lab::single_product(graph, factor);
        if (!v) continue;
        const Shape& result = graph.at(node).spec.shape;
        const Shape &a = graph.at(term.a).spec.shape, &p = graph.at(v->a).spec.shape;
        const auto rows = static_cast<double>(result[0]), columns = static_cast<double>(result[1]),
                   k = static_cast<double>(a[term.transpose_a ? 0 : 1]),
                   q = static_cast<double>(p[v->transpose_a ? 0 : 1]);
        const double other = 2 * q * k * (left ? columns : rows) + 2 * rows * columns * q;
        if (other < 2 * rows * k * columns)
          return fmt::format("{} still multiplies by the product {}", describe(graph, node),
                             describe(graph, factor));
      }
  }
  return "no product has a product for a factor that costs more than the other order";
}

void products_law() {
  const Index n = 48;
  for (int L = 1; L <= 6; ++L)
    for (const Index m : {n / 8, n / 4, 3 * n / 8}) {
      const Case c = exact_case(L, m, n, n);
      const Graph after = passed(c.graph);
      int full = 0;
      for (const GraphNode& node : after.nodes)
        if (const std::optional<ProductSum> sum = as_product_sum(node))
          for (const ProductTerm& term : sum->products)
            full += flops(after, term) >= 2 * static_cast<double>(m * n * n);
      if (full != 6 * L - 4)
        broken("{}: expected {} products of full size, found {}; {}", c.name, 6 * L - 4, full,
               chain_left(after));
    }
}

/// All passes of the library with the reader's in the place of `reassociate`.
void plan_law() {
  add_pass({"lab 8", "the order of products",
            [](Graph graph, const PlanOptions&) { return passed(graph); }},
           "winograd");
  PlanOptions options;
  options.reassociate = false;
  for (const Index m : {6, 12, 40}) {
    const ExactStep step(4, m, 24, 24);
    Plan planned({step.outputs}, options), plain({step.outputs}, no_passes());
    planned.run(step.bindings);
    plain.run(step.bindings);
    for (std::size_t k = 0; k < step.outputs.size(); ++k)
      if (const std::string text =
              unequal(planned.value(step.outputs[k]), plain.value(step.outputs[k]));
          !text.empty())
        broken("{}: the gradient by W_{}: {}", ExactStep::name(4, m, 24, 24), k + 1, text);
  }
}

}  // namespace

int main() {
  // A pass that adds nodes without end runs out of memory soon, which is an exception.
  const rlimit memory = {rlim_t{4} << 30, rlim_t{4} << 30};
  setrlimit(RLIMIT_AS, &memory);
  return lab::grade({{"other_order keeps the value", order_law},
                     {"the graph is whole", graph_law},
                     {"every value is kept", values_law},
                     {"no graph costs more FLOPs", flops_law},
                     {"a chain takes the cheaper order", cheapest_law},
                     {"6L - 4 products of full size", products_law},
                     {"planned = recorded", plan_law}});
}
