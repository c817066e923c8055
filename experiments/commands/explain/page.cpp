// Draws the graph after each pass, marks the nodes that a pass adds or removes, and lists the
// details of each node.
#include "experiments/commands/explain/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "autodiff/profile/ledger.h"
#include "experiments/files/process.h"
#include "experiments/files/words.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

/// Of graphs with more nodes only the products are drawn. Graphs with more products are not drawn.
constexpr std::size_t most_nodes = 300, most_products = 400;
/// Graphs whose values take more memory are not run.
constexpr std::size_t most_value_bytes = std::size_t{64} << 20;
constexpr std::chrono::seconds graphviz_limit(30);

/// A graph whose nodes are compared with those of the stages before and after it.
struct Drawing {
  const Stage* stage = nullptr;
  /// "%27" for the node in the place of tape node 27; "%27.1", ... for its parts, which a pass
  /// made.
  std::vector<std::string> names;
  /// Name, op and attributes: equal in two stages for a node that stays.
  std::vector<std::string> keys;
  std::vector<Cost> costs;
  std::vector<char> is_new, goes;

  std::size_t size() const { return names.size(); }
  const GraphNode& node(std::size_t i) const { return stage->graph.nodes[i]; }
  bool is_product(std::size_t i) const { return costs[i].products + costs[i].small_products > 0; }
};

Drawing drawing_of(const Stage& stage) {
  Drawing d;
  d.stage = &stage;
  std::map<int, int> left, made;
  for (const GraphNode& node : stage.graph.nodes) ++left[node.recorded];
  for (const GraphNode& node : stage.graph.nodes) {
    // The parts come before the node that reads them.
    const std::string part =
        --left[node.recorded] > 0 ? fmt::format(".{}", ++made[node.recorded]) : "";
    d.names.push_back(fmt::format("%{}{}", node.recorded, part));
    d.keys.push_back(
        fmt::format("{} {} {}", d.names.back(), node.name(), node.op ? node.op->attributes() : ""));
    d.costs.push_back(node.op ? node.op->cost(stage.graph.input_specs(node), node.spec) : Cost{});
  }
  d.is_new.resize(d.size());
  d.goes.resize(d.size());
  return d;
}

/// The stages that differ from the one before.
std::vector<Drawing> drawings_of(const std::vector<Stage>& stages) {
  const auto inputs_of = [](const Graph& graph) {
    std::vector<std::vector<int>> inputs = {graph.outputs};
    for (const GraphNode& node : graph.nodes) inputs.push_back(node.inputs);
    return inputs;
  };
  std::vector<Drawing> list;
  for (const Stage& stage : stages) {
    Drawing next = drawing_of(stage);
    if (!list.empty()) {
      Drawing& last = list.back();
      if (last.keys == next.keys && inputs_of(last.stage->graph) == inputs_of(stage.graph))
        continue;
      const std::set<std::string> before(last.keys.begin(), last.keys.end()),
          after(next.keys.begin(), next.keys.end());
      for (std::size_t i = 0; i < last.size(); ++i) last.goes[i] = !after.contains(last.keys[i]);
      for (std::size_t i = 0; i < next.size(); ++i) next.is_new[i] = !before.contains(next.keys[i]);
    }
    list.push_back(std::move(next));
  }
  return list;
}

/// "8 products and 5 small products"; "" without any, or, `always`, "0 products".
std::string products_text(const Cost& cost, bool always) {
  const bool small = cost.small_products > 0;
  std::string words;
  if (cost.products > 0 || (always && !small))
    words = counted(static_cast<Index>(cost.products), "product");
  if (small)
    words += (words.empty() ? "" : " and ") +
             counted(static_cast<Index>(cost.small_products), "small product");
  return words;
}

/// "12 nodes with 8 products and 5 small products" of the marked nodes; "" without any.
std::string marked_text(const Drawing& d, const std::vector<char>& marks, bool always = false) {
  int nodes = 0;
  Cost sum;
  for (std::size_t i = 0; i < d.size(); ++i)
    if (marks[i]) ++nodes, sum += d.costs[i];
  const std::string products = products_text(sum, always);
  if (nodes == 0) return "";
  return counted(nodes, "node") + (products.empty() ? "" : " with ") + products;
}

/// "matmul A B'", or the name of a leaf; the number of a constant that has only one.
std::string title_of(const GraphNode& node, std::size_t width) {
  if (node.kind == NodeKind::constant && node.spec.shape.elements() == 1)
    return fmt::format("{:.6g}", node.leaf->stored.item());
  const std::string attributes = node.op ? node.op->attributes() : "";
  return shortened(
      std::string(node.name()) + (attributes.empty() ? "" : " " + one_line(attributes)), width);
}

// ---- The picture ----

std::string quoted_label(const std::string& text) {
  return "\"" + replace_all(replace_all(text, "\\", "\\\\"), "\"", "\\\"") + "\"";
}

/// The graph in Graphviz's language: the shown nodes by layer, and an edge where one reaches
/// another without a third between them. Colours are the page's. Node %27 is called 27 there, since
/// Graphviz keeps names that begin with % for itself.
std::string dot_text(const Drawing& d, const std::vector<char>& shown, const std::string& id) {
  const auto name = [&](std::size_t i) { return "\"" + d.names[i].substr(1) + "\""; };
  std::string edges;
  std::map<std::string, std::string> layers;
  // For each node: the shown nodes that it reads, directly or through others; all nodes above it.
  std::vector<std::set<std::size_t>> sources(d.size()), above(d.size());
  const bool all = std::ranges::find(shown, 0) == shown.end();
  for (std::size_t i = 0, edge = 0; i < d.size(); ++i) {
    const GraphNode& node = d.node(i);
    std::set<std::size_t> from;
    for (const int input : node.inputs)
      from.insert(sources[static_cast<std::size_t>(input)].begin(),
                  sources[static_cast<std::size_t>(input)].end());
    if (!shown[i]) {
      sources[i] = std::move(from);
      continue;
    }
    sources[i] = {i};
    if (!all) {  // without arrows that others imply, Graphviz takes a hundredth of the time
      for (const std::size_t source : from) {
        above[i].insert(source);
        above[i].insert(above[source].begin(), above[source].end());
      }
      const std::set<std::size_t> readers = from;
      std::erase_if(from, [&](std::size_t source) {
        return std::ranges::any_of(
            readers, [&](std::size_t other) { return above[other].contains(source); });
      });
    }
    for (const std::size_t source : from)
      edges += fmt::format("{} -> {} [id=\"{}e{}\"]\n", name(source), name(i), id, edge++);
    std::string label = node.op ? d.names[i] + " " : "";
    label += title_of(node, 30) + "\n" + str(node.spec.shape);
    if (d.costs[i].flops > 0) label += "  " + format_si(d.costs[i].flops, "FLOP");
    layers[node.scope ? *node.scope : ""] += fmt::format(
        "{} [id=\"{}{}\", class=\"{}{}{}{}{}\", label={}{}]\n", name(i), id, i,
        replace_all(std::string(str(node.phase)), " ", "-"), node.op ? "" : " leaf",
        d.is_product(i) ? " product" : "", d.is_new[i] ? " new" : "", d.goes[i] ? " goes" : "",
        replace_all(quoted_label(label), "\n", "\\n"), node.op ? "" : ", shape=ellipse");
  }
  std::string text = fmt::format(
      "digraph \"{0}\" {{\nid=\"{0}\" bgcolor=\"transparent\" newrank=true nslimit=2 nslimit1=2 "
      "mclimit=0.3 "
      "nodesep=0.15 ranksep=0.3 fontname=\"Helvetica\" fontsize=13\nnode [shape=box, style=filled, "
      "fontname=\"Helvetica\", "
      "fontsize=12, margin=\"0.08,0.04\", height=0.2]\nedge [arrowsize=0.6]\n",
      id);
  int cluster = 0;
  for (const auto& [scope, nodes] : layers)
    text += scope.empty() ? nodes
                          : fmt::format("subgraph cluster{} {{ id=\"{}c{}\" label={}\n{}}}\n",
                                        cluster, id, cluster++, quoted_label(scope), nodes);
  return text + edges + "}\n";
}

std::chrono::steady_clock::time_point graphviz_end;

/// One SVG element for each graph; fewer where Graphviz takes too long.
std::vector<std::string> laid_out(const std::string& graphs) try {
  Process process({"dot", "-Tsvg"}, {.input = graphs});
  graphviz_end = std::chrono::steady_clock::now() + graphviz_limit;
  const auto late = [] { return std::chrono::steady_clock::now() > graphviz_end; };
  const std::string output =
      replace_all(process.read_all(late), " xmlns:xlink=\"http://www.w3.org/1999/xlink\"", "");
  if (!late() && process.wait() != 0) fail("explain", "Graphviz failed: {}", process.ending());
  std::vector<std::string> pictures;
  const std::string end_tag = "</svg>";
  for (std::size_t begin = 0, end = 0; (begin = output.find("<svg", end)) != output.npos &&
                                       (end = output.find(end_tag, begin)) != output.npos;)
    pictures.push_back(output.substr(begin, end + end_tag.size() - begin));
  return pictures;
} catch (const CannotStart& error) {
  fail("explain", "{}; Graphviz draws the graphs of --html, and `.ci/install explain` installs it",
       error.what());
}

// ---- The details of a node ----

/// The value of each node, in separate memory. Empty if the node depends on an unbound input.
std::vector<Array> values_of(const Graph& graph, const std::vector<Binding>& bindings) {
  std::vector<Array> values;
  for (const GraphNode& node : graph.nodes) {
    if (!node.op) {
      values.push_back(node.leaf->stored);
      for (const Binding& binding : bindings)
        if (node.kind == NodeKind::input && binding.input.index() == node.recorded)
          values.back() = binding.value.contiguous_copy();
      continue;
    }
    std::vector<const Array*> inputs;
    for (const int input : node.inputs) inputs.push_back(&values[static_cast<std::size_t>(input)]);
    Array value;
    if (std::ranges::none_of(inputs, [](const Array* x) { return x->empty(); })) {
      if (node.op->is_view()) {
        value = inputs[0]->reshaped(node.spec.shape);
      } else {
        value = Array(node.spec.shape, node.spec.dtype);
        const auto workspace =
            aligned_storage(node.op->workspace(graph.input_specs(node), node.spec));
        node.op->run(Inputs(inputs), value, workspace.get());
      }
    }
    values.push_back(std::move(value));
  }
  return values;
}

/// "0.12, -0.3, ...; from -1.2 to 3, norm 4.1"
std::string value_text(const Array& value) {
  constexpr Index few = 6;
  const Index count = value.elements();
  std::vector<std::string> first;
  double low = INFINITY, high = -INFINITY, squares = 0;
  for (Index i = 0; i < count; ++i) {
    const double x = value.at(i);
    if (i < few) first.push_back(fmt::format("{:.4g}", x));
    low = std::min(low, x), high = std::max(high, x), squares += x * x;
  }
  std::string text = fmt::format("{}{}", fmt::join(first, ", "), count > few ? ", ..." : "");
  if (count > 1)
    text += fmt::format("; from {:.4g} to {:.4g}, norm {:.4g}", low, high, std::sqrt(squares));
  return text;
}

/// For each tape node the rule that recorded it, the values whose derivative it is, and its own
/// derivatives.
class Recording {
 public:
  explicit Recording(const Tape& tape) : tape_(tape) {
    std::map<int, int> cotangent_of;
    for (const Sweep& sweep : tape.sweeps())
      for (const auto& [node, of] : sweep.derivatives) {
        std::string text =
            fmt::format("{} of {}", sweep.forward ? "tangent" : "cotangent", reference(of));
        // <g, v> is linear in the cotangent of each value z. The derivative of <g, v> with respect
        // to this cotangent is the tangent of z.
        if (const auto first = cotangent_of.find(of);
            !sweep.forward && first != cotangent_of.end()) {
          text += fmt::format(", the cotangent of {}; in H v: the tangent of {}",
                              reference(first->second), reference(first->second));
          tangents_[first->second].push_back(reference(node));
        }
        (sweep.forward ? tangents_ : cotangents_)[of].push_back(reference(node));
        roles_[node].push_back(std::move(text));
        // One node may be the cotangent of several values in a row, such as a sum and its terms.
        if (!sweep.forward) cotangent_of[node] = std::max(cotangent_of[node], of);
      }
  }

  std::string reference(int node) const {
    return fmt::format("%{} {}", node, tape_.name(tape_.node(node)));
  }
  std::string rule(int node) const {
    const int origin = tape_.node(node).origin;
    if (origin == node) return "";
    for (const Sweep& sweep : tape_.sweeps())
      if (sweep.first <= node && node < sweep.end)
        return fmt::format("{} of {}", sweep.forward ? "jvp" : "vjp", reference(origin));
    return "the derivative of " + reference(origin);
  }
  std::string roles(int node) const { return joined(roles_, node, "; "); }
  std::string cotangents(int node) const { return joined(cotangents_, node, ", "); }
  std::string tangents(int node) const { return joined(tangents_, node, ", "); }
  const Op* op(int node) const { return tape_.node(node).op.get(); }

 private:
  using Texts = std::map<int, std::vector<std::string>>;
  static std::string joined(const Texts& texts, int node, const char* between) {
    const auto found = texts.find(node);
    return found == texts.end() ? "" : fmt::format("{}", fmt::join(found->second, between));
  }

  const Tape& tape_;
  Texts roles_, cotangents_, tangents_;
};

/// Pairs of a term and a text. The page turns "%27" in a text into a link to that node.
Json node_rows(const Drawing& d, std::size_t i, const std::vector<int>& readers,
               const Recording& recording, const Array& value) {
  const GraphNode& node = d.node(i);
  const auto list = [&](const std::vector<int>& nodes) {
    std::vector<std::string> texts;
    for (const int n : nodes) {
      const auto at = static_cast<std::size_t>(n);
      texts.push_back(d.names[at] + " " + title_of(d.node(at), 20));
    }
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  const Op* recorded = recording.op(node.recorded);
  const bool by_a_pass = node.op && !(recorded && recorded->name() == node.name() &&
                                      recorded->attributes() == node.op->attributes());
  const Cost& cost = d.costs[i];
  Json rows = Json::array();
  const auto add = [&](const char* term, const std::string& text) {
    if (!text.empty()) rows.push_back({term, text});
  };
  constexpr const char* kinds[] = {"op", "input", "parameter", "constant"};
  add(kinds[static_cast<int>(node.kind)], title_of(node, 1000));
  add("shape", str(node.spec));
  add("phase", std::string(str(node.phase)));
  add("layer", node.scope ? *node.scope : "");
  const std::string counted = products_text(cost, false);
  if (node.op)
    add("cost", fmt::format("{}, {} moved{}{}", format_si(cost.flops, "FLOP"),
                            format_si(cost.bytes, "B"), counted.empty() ? "" : ", ", counted));
  add("inputs", list(node.inputs));
  add("read by", list(readers));
  const std::string roles = recording.roles(node.recorded);
  if (by_a_pass)
    add("made by", fmt::format("a pass, for {}{}", recording.reference(node.recorded),
                               roles.empty() ? "" : "; as recorded, that is the " + roles));
  add("recorded by", recording.rule(node.recorded));
  add("forward op",
      node.forward_origin == node.recorded ? "" : recording.reference(node.forward_origin));
  // The value of a node that a pass made may differ from the recorded one, for instance by a
  // factor.
  if (!by_a_pass) {
    add("derivative", roles);
    add("cotangent", recording.cotangents(node.recorded));
    add("tangent", recording.tangents(node.recorded));
  }
  add("value", value.empty() ? "" : value_text(value));
  return rows;
}

Json nodes_of(const Drawing& d, const std::vector<char>& shown, const Recording& recording,
              const std::vector<Array>& values) {
  std::vector<std::vector<int>> readers(d.size());
  for (std::size_t i = 0; i < d.size(); ++i)
    for (const int input : d.node(i).inputs)
      readers[static_cast<std::size_t>(input)].push_back(static_cast<int>(i));
  Json nodes = Json::object();
  for (std::size_t i = 0; i < d.size(); ++i)
    if (shown[i])
      nodes[d.names[i]] =
          node_rows(d, i, readers[i], recording, values.empty() ? Array() : values[i]);
  return nodes;
}

std::string stage_words(const std::vector<Drawing>& drawings, std::size_t s) {
  const Drawing& d = drawings[s];
  const std::string added = marked_text(d, d.is_new), removed = marked_text(d, d.goes);
  std::string words = fmt::format("{}{}: {}.", s == 0 ? "" : "After ", text(d.stage->row, "pass"),
                                  marked_text(d, std::vector<char>(d.size(), 1), true));
  if (!added.empty()) words += fmt::format(" New: {}.", added);
  if (!removed.empty())
    words += fmt::format(" The next pass, {}, removes {}.",
                         text(drawings[s + 1].stage->row, "pass"), removed);
  words[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(words[0])));
  return words;
}

/// The table of passes; each row leads to the picture of the graph after its pass.
Json pass_rows(const std::vector<Stage>& stages, const std::vector<Drawing>& drawings,
               const std::vector<Column>& columns, const std::string& id) {
  Json rows = Json::array();
  std::size_t at = 0;
  for (const Stage& stage : stages) {
    if (at + 1 < drawings.size() && drawings[at + 1].stage == &stage) ++at;
    Json cells = Json::array();
    for (const Column& column : columns)
      if (column.key != "pass") cells.push_back({{"text", cell_text(column, stage.row)}});
    rows.push_back({{"pass", text(stage.row, "pass")},
                    {"stage", fmt::format("{}", at)},
                    {"target", fmt::format("{}stage{}", id, at)},
                    {"cells", cells}});
  }
  return rows;
}

std::size_t value_bytes(const Graph& graph) {
  std::size_t bytes = 0;
  for (const GraphNode& node : graph.nodes) bytes += node.spec.bytes();
  return bytes;
}

}  // namespace

std::string explain_section(const ExplainedProgram& program, std::size_t index) {
  const std::vector<Drawing> drawings = drawings_of(program.stages);
  std::size_t nodes = 0, products = 0;
  for (const Drawing& d : drawings) {
    nodes = std::max(nodes, d.size());
    std::size_t count = 0;
    for (std::size_t i = 0; i < d.size(); ++i) count += d.is_product(i);
    products = std::max(products, count);
  }
  const bool all = nodes <= most_nodes, drawn = all || products <= most_products;
  const std::string id = fmt::format("p{}-", index);
  std::string graphs;
  std::vector<std::vector<char>> shown;
  for (const Drawing& d : drawings) {
    std::vector<char>& marks = shown.emplace_back(d.size(), 1);
    for (std::size_t i = 0; i < d.size() && !all; ++i) marks[i] = d.is_product(i);
    if (drawn) graphs += dot_text(d, marks, fmt::format("{}{}-", id, shown.size() - 1));
  }
  const std::vector<std::string> pictures = drawn ? laid_out(graphs) : std::vector<std::string>();

  // The first stage has the most values.
  const bool run =
      all && !program.bindings.empty() && value_bytes(program.stages[0].graph) <= most_value_bytes;
  const Recording recording(program.outputs[0].tape());
  Json stages = Json::array(), data = Json::array();
  for (std::size_t s = 0; s < drawings.size(); ++s) {
    const Drawing& d = drawings[s];
    const std::vector<Array> values =
        run ? values_of(d.stage->graph, program.bindings) : std::vector<Array>();
    const std::string words = stage_words(drawings, s);
    stages.push_back({{"id", fmt::format("{}stage{}", id, s)},
                      {"words", words},
                      {"svg", s < pictures.size() ? Json(pictures[s]) : Json()}});
    data.push_back({{"words", words},
                    {"nodes", drawn ? nodes_of(d, shown[s], recording, values) : Json::object()}});
  }
  const std::vector<Column> columns = columns_of("passes");
  Json headings = Json::array();
  for (const Column& column : columns)
    headings.push_back({{"name", column.heading}, {"meaning", column.meaning}});
  const std::string omitted =
      !drawn ? fmt::format("The graph has {} nodes with {} products, too many to draw.", nodes,
                           products)
      : !all ? fmt::format(
                   "The graph has {} nodes. The pictures show the products alone; an arrow "
                   "leads from a product to the next ones that depend on it.",
                   nodes)
      : !run && !program.bindings.empty()
          ? fmt::format("The page has no values, since they take more than {} MiB.",
                        most_value_bytes >> 20)
          : "";
  const std::string late =
      drawn && pictures.size() < drawings.size()
          ? fmt::format("Graphviz was stopped after {} s. The pictures of {} stages are missing.",
                        graphviz_limit.count(), drawings.size() - pictures.size())
          : "";
  return section(program.name,
                 (program.words.empty() ? "" : paragraph(program.words)) +
                     render("explain", {{"rows", pass_rows(program.stages, drawings, columns, id)},
                                        {"headings", headings},
                                        {"stages", stages},
                                        {"drawn", !pictures.empty()},
                                        {"last", fmt::format("{}", drawings.size() - 1)},
                                        {"omitted", omitted},
                                        {"late", late},
                                        {"data", data.dump()}}),
                 2);
}

std::string explain_html(const Json& record, const std::string& sections) {
  const Json rows = member(record, "rows");
  const std::string name = rows.size() > 0 ? text(rows[0], "model") : "program";
  return page(record_title(record, name == "-" ? "program" : name),
              render("explain_head", {{"name", name == "-" ? "" : name},
                                      {"command", record_head(record)},
                                      {"style", embedded_file("explain.css")},
                                      {"script", embedded_file("explain.js")}}) +
                  sections);
}

}  // namespace twice::experiments
