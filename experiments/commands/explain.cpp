// Shows a plan after each pass, by phase and step by step.
#include "experiments/commands/explain.h"

#include "autodiff/print.h"
#include "autodiff/profile/ledger.h"
#include "autodiff/threads/threads.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/explain/page.h"
#include "experiments/measure/statistics.h"
#include "experiments/measure/steps.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"

namespace twice::experiments {

namespace {

/// The fields that the tables of passes and of phases share with the record.
Json cost_row(std::string_view kind, std::string_view name, std::size_t count, const Cost& cost) {
  return {{kind, name},
          {kind == "pass" ? "nodes" : "steps", count},
          {"products", cost.products},
          {"gflop", cost.flops / 1e9},
          {"mib_moved", cost.bytes / mib}};
}

/// The graph after each pass, as it would run.
std::vector<Stage> stages_of(const Tensors& outputs, const PlanOptions& options) {
  std::vector<Stage> stages;
  Graph graph = graph_of(outputs);
  const auto add = [&](std::string_view pass, std::string_view purpose, bool reuse = false,
                       bool in_place = false) {
    const Program program = lower(graph, reuse, in_place);
    Json row = cost_row("pass", pass, graph.nodes.size(), ledger(program).total());
    row["arena_mib"] = static_cast<double>(program.arena_bytes) / mib;
    row["purpose"] = purpose;
    stages.push_back({std::move(row), graph});
  };
  add("as recorded", "");
  rewritten(graph, options, [&](const Pass& pass, const Graph& after) {
    graph = after;
    add(pass.name, pass.purpose);
  });
  if (options.reuse_memory) add("reuse-memory", "let values share memory over time", true);
  if (options.in_place)
    add("in-place", "let a value overwrite one that is no longer needed", options.reuse_memory,
        true);
  return stages;
}

std::string steps_text(const Program& program) {
  Table table({"value", "phase", "op", "attributes", "inputs", "shape", "of forward op", "scope",
               "MFLOP", "offset"});
  for (const Step& step : program.steps) {
    std::string inputs;
    for (int input : step.inputs) inputs += reference(program, input) + " ";
    const Value& value = program.values[static_cast<std::size_t>(step.output)];
    table.add({fmt::format("%{}", step.output), std::string(str(step.phase)),
               std::string(step.op->name()), step.op->attributes(), inputs, str(value.spec.shape),
               step.forward_op ? fmt::format("{} #{}", step.forward_op->name(), step.forward_origin)
                               : fmt::format("leaf #{}", step.forward_origin),
               step.scope ? *step.scope : "", fmt::format("{:.3f}", step.cost.flops / 1e6),
               fmt::format("{}", value.offset)});
  }
  return table.on_screen();
}

/// The report. `law` appears after the number of products.
Report explained(const Tensors& outputs, const PlanOptions& passes, bool brief,
                 const std::string& law, const std::vector<Stage>& all_stages) {
  const Plan plan({outputs}, passes);
  const Program& program = plan.program();
  // From the recorded tape to a program with memory.
  const auto make_plan = [&] { const Plan timed({outputs}, passes); };
  const double planned_ms = median(timed_in_turns({make_plan}, 0.01, [](double) {})[0]);
  const Ledger costs = ledger(program);
  const Cost total = costs.total();
  std::vector<Json> stages, phases;
  for (const Stage& stage : all_stages) stages.push_back(stage.row);
  for (std::size_t p = 0; p < phase_count; ++p)
    if (costs.steps[p] > 0)
      phases.push_back(cost_row("phase", str(static_cast<Phase>(p)),
                                static_cast<std::size_t>(costs.steps[p]), costs.phases[p]));
  const auto in_mib = [](std::size_t bytes) { return static_cast<double>(bytes) / mib; };
  const auto shown = [&](std::size_t bytes) { return format_number(in_mib(bytes)); };
  Report report;
  report.text = fmt::format(
      "{}\n{}\nproducts: {}{} and {} small ones; peak memory {} MiB: arena {} (at least {} are "
      "alive at once), parameters and inputs {}\nplanned in {:.2f} ms\n\n{}",
      screen_table(columns_of("passes"), stages).on_screen(),
      screen_table(columns_of("plan-phases"), phases).on_screen(), total.products, law,
      total.small_products, shown(program.peak_bytes()), shown(program.arena_bytes),
      shown(program.most_alive_bytes), shown(program.leaf_bytes), planned_ms,
      brief ? "" : steps_text(program));
  for (Json& stage : stages) stage.erase("purpose");
  report.record = {{"products", total.products},
                   {"small_products", total.small_products},
                   {"products_law", nullptr},
                   {"gflop", total.flops / 1e9},
                   {"peak_mib", in_mib(program.peak_bytes())},
                   {"planning_ms", planned_ms},
                   {"passes", stages}};
  return report;
}

}  // namespace

Report explain(std::initializer_list<Tensors> outputs, const ExplainSettings& settings) {
  Tensors all;
  for (const Tensors& list : outputs) all.insert(all.end(), list.begin(), list.end());
  if (!settings.bindings.empty()) Plan(outputs, settings.passes).run(settings.bindings);
  const std::vector<Stage> stages = stages_of(all, settings.passes);
  Report report = explained(all, settings.passes, settings.brief, "", stages);
  Json record = record_header("explain");
  record["rows"].push_back(std::move(report.record));
  report.files = {{"explain.json", record_text(record)}};
  if (settings.html)
    report.files.emplace_back(
        "report.html",
        explain_html(record,
                     explain_section({settings.name, "", stages, all, settings.bindings}, 0)));
  report.record = std::move(record);
  return report;
}

namespace {

struct ExplainOptions {
  RunOptions run;
  bool brief = false, html = false;
};

void declare_explain(OptionSet& set, ExplainOptions& options) {
  declare(set, options.run, {.training = false, .norm = true});
  set.add("brief", &options.brief, "Omit the list of steps");
  set.add("html", &options.html,
          "Write a page with pictures of the graph after each pass (needs Graphviz)");
}

/// Prints the explanation of a training step of each method, for each of its programs. With `html`
/// writes report.html to `--out`, with the values of a step on the first batch.
int run_explain(ExplainOptions options) {
  complete(options.run, {"exact"});
  warn_of_unread(options.run);
  set_threads(options.run.threads);
  prepare_file(options.run.json);
  std::optional<FolderLock> lock;
  if (options.run.out.empty()) options.run.out = "runs/explain";
  if (options.html) lock.emplace(prepare_folder(options.run.out));
  const Problem problem = make_problem(options.run);
  const ModelState state =
      initial_state(problem.model, options.run.seed_of_weights(), options.run.number_type());
  Json record = record_header("explain");
  record["config"] = to_json(options.run);
  record["rows"] = Json::array();
  std::string sections;
  std::size_t index = 0;
  for (const std::string& name : options.run.methods) {
    const Method& m = method(name);
    const ProductLaw law = expected_law(problem, m);
    const Json count = expected_products(problem, law);
    const PlanOptions passes = plan_options(options.run, name);
    const std::vector<double> shares = program_shares(problem, m);
    for (int program = 0; program < m.programs; ++program) {
      const RecordedStep step = record_step(problem, m, state, program);
      const double share = shares[static_cast<std::size_t>(program)];
      const std::string title = name + program_words(m.programs, program, share);
      const Tensors outputs = outputs_of(step);
      const std::vector<Stage> stages = stages_of(outputs, passes);
      if (options.html)
        sections += explain_section({title, std::string(m.equation), stages, outputs,
                                     step.bind(one_batch(problem).data.train)},
                                    index++);
      Report report =
          explained(outputs, passes, options.brief,
                    count.is_null() ? ""
                                    : fmt::format(" (law {} = {} for L = {})", str(law),
                                                  show(count), problem.model.products()),
                    stages);
      fmt::print("{}, {}: {}\n\n{}", problem.label(), title, m.equation, report.text);
      report.record.update({{"model", problem.label()}, {"method", name}, {"products_law", count}});
      if (m.programs > 1)
        report.record.update(
            {{"program", program}, {"programs", m.programs}, {"program_share", share}});
      record["rows"].push_back(std::move(report.record));
    }
  }
  if (options.html)
    Report{.files = {{"report.html", explain_html(record, sections)}}}.write(options.run.out);
  if (!options.run.json.empty()) write_json(options.run.json, record);
  return 0;
}

}  // namespace

void add_explain(CommandLine& app) {
  app.add("explain", "show the plan of a model and method, pass by pass", declare_explain,
          run_explain);
}

}  // namespace twice::experiments
