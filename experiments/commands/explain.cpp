// A plan after each pass, by phase and step by step.
#include "experiments/commands/explain.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "autodiff/print.h"
#include "autodiff/profile/ledger.h"
#include "autodiff/threads/threads.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/recording.h"

namespace twice::experiments {

namespace {

double mib(double bytes) { return bytes / (1 << 20); }

/// A row of the tables, and of the record.
struct Part {
  std::string name;
  std::size_t count;  // of nodes or steps
  Cost cost;

  std::vector<std::string> cells() const {
    return {name, fmt::format("{}", count), fmt::format("{}", cost.products),
            fmt::format("{:.4f}", cost.flops / 1e9), fmt::format("{:.2f}", mib(cost.bytes))};
  }
};

/// The table of the graph after each pass, as it would run; prints it, and returns it as JSON.
Json print_stages(const Tensors& outputs, const PlanOptions& options) {
  Table table({"pass", "nodes", "products", "GFLOP", "MiB moved", "arena MiB", "what it does"});
  Json stages = Json::array();
  Graph graph = graph_of(outputs);
  const auto add = [&](std::string_view pass, std::string_view purpose, bool reuse = false,
                       bool in_place = false) {
    const Program program = lower(graph, reuse, in_place);
    const Part part{std::string(pass), graph.nodes.size(), ledger(program).total()};
    const double arena = mib(static_cast<double>(program.arena_bytes));
    std::vector<std::string> cells = part.cells();
    cells.insert(cells.end(), {fmt::format("{:.2f}", arena), std::string(purpose)});
    table.add(cells);
    stages.push_back({{"pass", pass},
                      {"nodes", part.count},
                      {"products", part.cost.products},
                      {"gflop", part.cost.flops / 1e9},
                      {"mib_moved", mib(part.cost.bytes)},
                      {"arena_mib", arena}});
  };
  add("as recorded", "");
  rewritten(graph, options, [&](const Pass& pass, const Graph& after) {
    graph = after;
    add(pass.name, pass.purpose);
  });
  if (options.reuse_memory) add("reuse-memory", "let values share memory over time", true);
  if (options.in_place)
    add("in-place", "let a value take the place of one that dies", options.reuse_memory, true);
  table.print();
  return stages;
}

void print_phases(const Ledger& costs) {
  Table table({"phase", "steps", "products", "GFLOP", "MiB moved"});
  for (std::size_t p = 0; p < phase_count; ++p)
    if (costs.steps[p] > 0)
      table.add(Part{std::string(str(static_cast<Phase>(p))),
                     static_cast<std::size_t>(costs.steps[p]), costs.phases[p]}
                    .cells());
  table.print();
}

/// Milliseconds that planning takes, from the recorded tape to a program with memory: the median.
double planning_ms(const Tensors& outputs, const PlanOptions& options) {
  std::vector<double> times(9);
  for (double& time : times) {
    const auto start = std::chrono::steady_clock::now();
    const Plan plan({outputs}, options);
    time = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() * 1e3;
  }
  return median(times);
}

void print_steps(const Program& program) {
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
  table.print();
}

}  // namespace

void declare_explain(OptionSet& set, ExplainOptions& options) {
  declare(set, options.run, {.training = false, .norm = true});
  set.add("brief", &options.brief, "Leave the list of steps out");
}

int explain(ExplainOptions options) {
  complete(options.run, {"exact"});
  set_threads(options.run.threads);
  prepare_file(options.run.json);
  const Problem problem = make_problem(options.run);
  const ModelState state =
      initial_state(problem.model, options.run.seed_of_weights(), options.run.number_type());
  Json record = record_header("explain");
  record["config"] = to_json(options.run);
  record["rows"] = Json::array();
  for (const std::string& name : options.run.methods) {
    const Method& m = method(name);
    const RecordedStep step = record_step(problem, m, state);
    const Tensors outputs = outputs_of(step);
    const PlanOptions passes = plan_options(options.run, name);
    fmt::print("{}, {}: {}\n\n", problem.label(), name, m.equation);

    const Json stages = print_stages(outputs, passes);
    const Plan plan({outputs}, passes);
    const Program& program = plan.program();
    const double planned_ms = planning_ms(outputs, passes);
    const Ledger costs = ledger(program);
    const ProductLaw law = expected_law(problem, m);
    const auto peak = static_cast<double>(program.peak_bytes());
    fmt::print("\n");
    print_phases(costs);
    fmt::print(
        "\nproducts: {}{} and {} small ones; peak memory {:.2f} MiB: arena "
        "{:.2f} (at least {:.2f} are alive at once), parameters and inputs {:.2f}\n"
        "planned in {:.2f} ms\n\n",
        costs.total().products,
        law.per_layer == 0
            ? ""
            : fmt::format(" (law {} = {} for L = {})", str(law),
                          law.products(problem.model.products()), problem.model.products()),
        costs.total().small_products, mib(peak), mib(static_cast<double>(program.arena_bytes)),
        mib(static_cast<double>(program.most_alive_bytes)),
        mib(static_cast<double>(program.leaf_bytes)), planned_ms);
    if (!options.brief) print_steps(program);
    record["rows"].push_back({{"model", problem.label()},
                              {"method", name},
                              {"products", costs.total().products},
                              {"small_products", costs.total().small_products},
                              {"products_law", expected_products(problem, law)},
                              {"gflop", costs.total().flops / 1e9},
                              {"peak_mib", mib(peak)},
                              {"planning_ms", planned_ms},
                              {"passes", stages}});
  }
  if (!options.run.json.empty()) write_json(options.run.json, record);
  return 0;
}

}  // namespace twice::experiments
