// Draws the graph after each pass, marks the nodes that a pass adds or removes, and lists the
// details of each node.
#include "experiments/commands/explain/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <span>

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

/// A node of a graph, compared with the nodes of the stages before and after it.
struct DrawnNode {
  const GraphNode& node;
  /// "%27" for the node in the place of tape node 27; "%27.1", ... for its parts, which a pass
  /// made.
  std::string name;
  /// Name, op and attributes: equal in two stages for a node that stays.
  std::string key;
  Cost cost;
  /// The nodes of the graph that read this one.
  std::vector<int> readers = {};
  bool shown = true, is_new = false, goes = false;

  bool is_product() const { return cost.products + cost.small_products > 0; }
};

struct Drawing {
  const Stage* stage;
  std::vector<DrawnNode> nodes = {};
};

Drawing drawing_of(const Stage& stage) {
  Drawing d{&stage};
  std::map<int, int> left, made;
  for (const GraphNode& node : stage.graph.nodes) ++left[node.recorded];
  for (const GraphNode& node : stage.graph.nodes) {
    // The parts come before the node that reads them.
    const std::string part =
        --left[node.recorded] > 0 ? fmt::format(".{}", ++made[node.recorded]) : "";
    const std::string name = fmt::format("%{}{}", node.recorded, part);
    for (const int input : node.inputs)
      d.nodes[static_cast<std::size_t>(input)].readers.push_back(static_cast<int>(d.nodes.size()));
    d.nodes.push_back(
        {node, name,
         fmt::format("{} {} {}", name, node.name(), node.op ? node.op->attributes() : ""),
         node.op ? node.op->cost(stage.graph.input_specs(node), node.spec) : Cost{}});
  }
  return d;
}

/// The stages that differ from the one before.
std::vector<Drawing> drawings_of(const std::vector<Stage>& stages) {
  const auto same = [](const DrawnNode& a, const DrawnNode& b) {
    return a.key == b.key && a.node.inputs == b.node.inputs;
  };
  const auto keys = [](const Drawing& d) {
    std::set<std::string> result;
    for (const DrawnNode& n : d.nodes) result.insert(n.key);
    return result;
  };
  std::vector<Drawing> list;
  for (const Stage& stage : stages) {
    Drawing next = drawing_of(stage);
    if (!list.empty()) {
      Drawing& last = list.back();
      if (last.stage->graph.outputs == stage.graph.outputs &&
          std::ranges::equal(last.nodes, next.nodes, same))
        continue;
      const std::set<std::string> before = keys(last), after = keys(next);
      for (DrawnNode& n : last.nodes) n.goes = !after.contains(n.key);
      for (DrawnNode& n : next.nodes) n.is_new = !before.contains(n.key);
    }
    list.push_back(std::move(next));
  }
  return list;
}

std::string joined(const std::vector<std::string>& texts, const char* between) {
  return fmt::format("{}", fmt::join(texts, between));
}

/// "8 products and 5 small products"; "" without any, or, `always`, "0 products".
std::string products_text(const Cost& cost, bool always) {
  std::vector<std::string> parts;
  if (cost.products > 0 || (always && cost.small_products == 0))
    parts.push_back(counted(cost.products, "product"));
  if (cost.small_products > 0) parts.push_back(counted(cost.small_products, "small product"));
  return joined(parts, " and ");
}

/// "12 nodes with 8 products and 5 small products" of the marked nodes; "" without any.
std::string marked_text(const Drawing& d, const std::function<bool(const DrawnNode&)>& marked,
                        bool always = false) {
  int nodes = 0;
  Cost sum;
  for (const DrawnNode& n : d.nodes)
    if (marked(n)) ++nodes, sum += n.cost;
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

std::string quoted_label(std::string text) {
  for (const auto& [special, escaped] : {std::pair{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}})
    text = replace_all(text, special, escaped);
  return "\"" + text + "\"";
}

/// The graph in Graphviz's language: the shown nodes by layer, and an edge where one reaches
/// another without a third between them. Colours are the page's. Node %27 is called 27 there, since
/// Graphviz keeps names that begin with % for itself.
std::string dot_text(const Drawing& d, const std::string& id) {
  const auto name = [&](std::size_t i) { return "\"" + d.nodes[i].name.substr(1) + "\""; };
  std::string edges;
  std::map<std::string, std::string> layers;
  // For each node: the shown nodes that it reads, directly or through others; all nodes above it.
  std::vector<std::set<std::size_t>> sources(d.nodes.size()), above(d.nodes.size());
  const bool all = std::ranges::all_of(d.nodes, &DrawnNode::shown);
  for (std::size_t i = 0, edge = 0; i < d.nodes.size(); ++i) {
    const DrawnNode& drawn = d.nodes[i];
    const GraphNode& node = drawn.node;
    std::set<std::size_t> from;
    for (const int input : node.inputs)
      from.insert(sources[static_cast<std::size_t>(input)].begin(),
                  sources[static_cast<std::size_t>(input)].end());
    if (!drawn.shown) {
      sources[i] = std::move(from);
      continue;
    }
    sources[i] = {i};
    if (!all) {  // without arrows that others imply, Graphviz takes a hundredth of the time
      std::set<std::size_t> implied;
      for (const std::size_t source : from)
        implied.insert(above[source].begin(), above[source].end());
      above[i] = implied;
      above[i].insert(from.begin(), from.end());
      std::erase_if(from, [&](std::size_t source) { return implied.contains(source); });
    }
    for (const std::size_t source : from)
      edges += fmt::format("{} -> {} [id=\"{}e{}\"]\n", name(source), name(i), id, edge++);
    std::string label = node.op ? drawn.name + " " : "";
    label += title_of(node, 30) + "\n" + str(node.spec.shape);
    if (drawn.cost.flops > 0) label += "  " + format_si(drawn.cost.flops, "FLOP");
    layers[node.scope ? *node.scope : ""] += fmt::format(
        "{} [id=\"{}{}\", class=\"{}{}{}{}{}\", label={}{}]\n", name(i), id, i,
        replace_all(std::string(str(node.phase)), " ", "-"), node.op ? "" : " leaf",
        drawn.is_product() ? " product" : "", drawn.is_new ? " new" : "", drawn.goes ? " goes" : "",
        quoted_label(label), node.op ? "" : ", shape=ellipse");
  }
  std::string text = fmt::format(
      R"(digraph "{0}" {{
id="{0}" bgcolor="transparent" newrank=true nslimit=2 nslimit1=2 mclimit=0.3
nodesep=0.15 ranksep=0.3 fontname="Helvetica" fontsize=13
node [shape=box, style=filled, fontname="Helvetica", fontsize=12, margin="0.08,0.04", height=0.2]
edge [arrowsize=0.6]
)",
      id);
  int cluster = 0;
  for (const auto& [scope, nodes] : layers)
    text += scope.empty() ? nodes
                          : fmt::format("subgraph cluster{} {{ id=\"{}c{}\" label={}\n{}}}\n",
                                        cluster, id, cluster++, quoted_label(scope), nodes);
  return text + edges + "}\n";
}

/// One SVG element for each graph; fewer where Graphviz takes too long.
std::vector<std::string> laid_out(const std::string& graphs) try {
  Process process({"dot", "-Tsvg"}, {.input = graphs});
  const auto latest = std::chrono::steady_clock::now() + graphviz_limit;
  const auto late = [&] { return std::chrono::steady_clock::now() > latest; };
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
  constexpr std::size_t few = 6;
  const std::vector<double> elements = value.to_vector();
  const auto shown = std::span(elements).first(std::min(few, elements.size()));
  std::string text =
      fmt::format("{:.4g}{}", fmt::join(shown, ", "), elements.size() > few ? ", ..." : "");
  double low = INFINITY, high = -INFINITY, squares = 0;
  for (const double x : elements)
    low = std::min(low, x), high = std::max(high, x), squares += x * x;
  if (elements.size() > 1)
    text += fmt::format("; from {:.4g} to {:.4g}, norm {:.4g}", low, high, std::sqrt(squares));
  return text;
}

std::string reference(const Tape& tape, int node) {
  return fmt::format("%{} {}", node, tape.name(tape.node(node)));
}

/// For each tape node the values whose derivative it is, and its own derivatives.
struct Derivatives {
  explicit Derivatives(const Tape& tape) {
    std::map<int, int> cotangent_of;
    for (const Sweep& sweep : tape.sweeps())
      for (const auto& [node, of] : sweep.derivatives) {
        std::string text =
            fmt::format("{} of {}", sweep.forward ? "tangent" : "cotangent", reference(tape, of));
        // <g, v> is linear in the cotangent of each value z. The derivative of <g, v> with respect
        // to this cotangent is the tangent of z.
        if (const auto first = cotangent_of.find(of);
            !sweep.forward && first != cotangent_of.end()) {
          const std::string value = reference(tape, first->second);
          text += fmt::format(", the cotangent of {}; in H v: the tangent of {}", value, value);
          tangents[first->second].push_back(reference(tape, node));
        }
        (sweep.forward ? tangents : cotangents)[of].push_back(reference(tape, node));
        roles[node].push_back(std::move(text));
        // One node may be the cotangent of several values in a row, such as a sum and its terms.
        if (!sweep.forward) cotangent_of[node] = std::max(cotangent_of[node], of);
      }
  }

  std::map<int, std::vector<std::string>> roles, cotangents, tangents;
};

/// The rule that recorded a tape node; "" for a node of the forward pass.
std::string rule_of(const Tape& tape, int node) {
  const int origin = tape.node(node).origin;
  if (origin == node) return "";
  for (const Sweep& sweep : tape.sweeps())
    if (sweep.first <= node && node < sweep.end)
      return fmt::format("{} of {}", sweep.forward ? "jvp" : "vjp", reference(tape, origin));
  return "the derivative of " + reference(tape, origin);
}

/// Pairs of a term and a text. The page turns "%27" in a text into a link to that node.
Json node_rows(const Drawing& d, const DrawnNode& drawn, const Tape& tape, Derivatives& derivatives,
               const Array& value) {
  const GraphNode& node = drawn.node;
  const auto list = [&](const std::vector<int>& nodes) {
    std::vector<std::string> texts;
    for (const int n : nodes) {
      const DrawnNode& other = d.nodes[static_cast<std::size_t>(n)];
      texts.push_back(other.name + " " + title_of(other.node, 20));
    }
    return joined(texts, ", ");
  };
  const Op* recorded = tape.node(node.recorded).op.get();
  const bool by_a_pass = node.op && !(recorded && recorded->name() == node.name() &&
                                      recorded->attributes() == node.op->attributes());
  Json rows = Json::array();
  const auto add = [&](const char* term, const std::string& text) {
    if (!text.empty()) rows.push_back({term, text});
  };
  constexpr const char* kinds[] = {"op", "input", "parameter", "constant"};
  add(kinds[static_cast<int>(node.kind)], title_of(node, 1000));
  add("shape", str(node.spec));
  add("phase", std::string(str(node.phase)));
  add("layer", node.scope ? *node.scope : "");
  const std::string products = products_text(drawn.cost, false);
  if (node.op)
    add("cost",
        fmt::format("{}, {} moved{}{}", format_si(drawn.cost.flops, "FLOP"),
                    format_si(drawn.cost.bytes, "B"), products.empty() ? "" : ", ", products));
  add("inputs", list(node.inputs));
  add("read by", list(drawn.readers));
  const std::string roles = joined(derivatives.roles[node.recorded], "; ");
  if (by_a_pass)
    add("made by", fmt::format("a pass, for {}{}", reference(tape, node.recorded),
                               roles.empty() ? "" : "; as recorded, that is the " + roles));
  add("recorded by", rule_of(tape, node.recorded));
  add("forward op",
      node.forward_origin == node.recorded ? "" : reference(tape, node.forward_origin));
  // The value of a node that a pass made may differ from the recorded one, for instance by a
  // factor.
  if (!by_a_pass) {
    add("derivative", roles);
    add("cotangent", joined(derivatives.cotangents[node.recorded], ", "));
    add("tangent", joined(derivatives.tangents[node.recorded], ", "));
  }
  add("value", value.empty() ? "" : value_text(value));
  return rows;
}

std::string stage_words(const std::vector<Drawing>& drawings, std::size_t s) {
  const Drawing& d = drawings[s];
  const std::string added = marked_text(d, &DrawnNode::is_new),
                    removed = marked_text(d, &DrawnNode::goes);
  std::string words = fmt::format("{}{}: {}.", s == 0 ? "" : "After ", text(d.stage->row, "pass"),
                                  marked_text(
                                      d, [](const DrawnNode&) { return true; }, true));
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
                    {"stage", at},
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
  std::vector<Drawing> drawings = drawings_of(program.stages);
  std::size_t nodes = 0, products = 0;
  for (const Drawing& d : drawings) {
    const auto count = std::ranges::count_if(d.nodes, &DrawnNode::is_product);
    nodes = std::max(nodes, d.nodes.size());
    products = std::max(products, static_cast<std::size_t>(count));
  }
  const bool all = nodes <= most_nodes, drawn = all || products <= most_products;
  const std::string id = fmt::format("p{}-", index);
  std::string graphs;
  for (int s = 0; Drawing & d : drawings) {
    for (DrawnNode& n : d.nodes) n.shown = all || n.is_product();
    if (drawn) graphs += dot_text(d, fmt::format("{}{}-", id, s++));
  }
  const std::vector<std::string> pictures = drawn ? laid_out(graphs) : std::vector<std::string>();

  // The first stage has the most values.
  const bool run =
      all && !program.bindings.empty() && value_bytes(program.stages[0].graph) <= most_value_bytes;
  const Tape& tape = program.outputs[0].tape();
  Derivatives derivatives(tape);
  Json stages = Json::array(), data = Json::array();
  for (std::size_t s = 0; s < drawings.size(); ++s) {
    const Drawing& d = drawings[s];
    const std::vector<Array> values =
        run ? values_of(d.stage->graph, program.bindings) : std::vector<Array>(d.nodes.size());
    const std::string words = stage_words(drawings, s);
    Json details = Json::object();
    for (std::size_t i = 0; drawn && i < d.nodes.size(); ++i)
      if (const DrawnNode& n = d.nodes[i]; n.shown)
        details[n.name] = node_rows(d, n, tape, derivatives, values[i]);
    stages.push_back({{"id", fmt::format("{}stage{}", id, s)},
                      {"words", words},
                      {"svg", s < pictures.size() ? Json(pictures[s]) : Json()}});
    data.push_back({{"words", words}, {"nodes", details}});
  }
  const std::vector<Column> columns = columns_of("passes");
  Json headings = Json::array();
  for (const Column& column : columns)
    headings.push_back({{"name", column.heading}, {"meaning", column.meaning}});
  return section(program.name,
                 (program.words.empty() ? "" : paragraph(program.words)) +
                     render("explain", {{"rows", pass_rows(program.stages, drawings, columns, id)},
                                        {"headings", headings},
                                        {"stages", stages},
                                        {"drawn", !pictures.empty()},
                                        {"last", drawings.size() - 1},
                                        {"count", nodes},
                                        {"products", products},
                                        {"too_many", !drawn},
                                        {"products_alone", drawn && !all},
                                        {"no_values", all && !run && !program.bindings.empty()},
                                        {"value_mib", most_value_bytes >> 20},
                                        {"late", drawn && pictures.size() < drawings.size()},
                                        {"seconds", graphviz_limit.count()},
                                        {"missing", drawings.size() - pictures.size()},
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
