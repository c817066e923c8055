// Checks ops, graphs and models, prints the table of checks, and implements the command.
#include "experiments/commands/check/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/threads/threads.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/check/accuracy.h"
#include "experiments/commands/check/cases.h"
#include "experiments/commands/check/op_table.h"
#include "experiments/commands/check/random_graphs.h"
#include "experiments/commands/commands.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/report/progress.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"

namespace twice::experiments {

namespace {

/// The check of a method whose equation has no second form here.
const std::string only_planned = "only planned";

bool is_named(const OpCase& row, std::string_view filter) {
  return row.op.find(filter) != std::string::npos;
}

void append(std::vector<CheckRow>& rows, const std::vector<CheckRow>& more,
            const CheckProgress& progress = {}) {
  if (progress) progress(more);
  rows.insert(rows.end(), more.begin(), more.end());
}

/// One line of the table: the largest error of each order for one op and mode.
struct Line {
  std::string op, label;
  std::array<double, 3> error{-1, -1, -1};
  bool ok = true;
};

/// The lines of the table. Lines of one op stand together, and ops appear in the order of their
/// first rows.
std::vector<Line> lines_of(const std::vector<CheckRow>& rows) {
  std::vector<Line> lines;
  for (const CheckRow& row : rows) {
    auto line = std::ranges::find_if(
        lines, [&](const Line& known) { return known.op == row.op && known.label == row.label; });
    if (line == lines.end()) line = lines.insert(line, {row.op, row.label});
    double& worst = line->error[static_cast<std::size_t>(row.order - 1)];
    if (std::isnan(row.error) || row.error > worst) worst = row.error;
    line->ok = line->ok && row.ok;
  }
  std::ranges::stable_sort(
      lines, {}, [&](const Line& line) { return std::ranges::find(rows, line.op, &CheckRow::op); });
  return lines;
}

/// The loss of the problem's model on one batch, as a function of the parameters.
Function loss_of(const Problem& problem, const Dataset& batch, const ModelState& state) {
  return [&](const Tensors& w) -> Tensors {
    Tape& tape = w[0].tape();
    ForwardPass pass;
    pass.running = problem.model.buffers(tape, state.buffers);
    pass.dropout = [&] { return mask_key(problem, tape.constant(Array::scalar(0, DType::i32))); };
    std::vector<std::pair<std::string, Tensor>> tensors;
    for (const auto& [name, array] : batch.arrays)
      tensors.emplace_back(
          name, tape.constant(is_float(array.dtype()) ? array.cast(w[0].dtype()) : array));
    return problem.record_loss(w, BatchTensors(std::move(tensors)), pass);
  };
}

/// The objective with the gradient g + gamma H g: ℒ + gamma/2 |g|^2.
Function penalized(const Function& loss, double gamma) {
  return [=](const Tensors& w) -> Tensors {
    const Tensor value = loss(w)[0];
    return value + gamma / 2 * squared_norm(grad(value, w));
  };
}

/// Compares a method's gradient with the same gradient computed in another way.
CheckRow compared(const Problem& problem, const std::string& method, const std::string& check,
                  int order, const std::vector<double>& found, const std::vector<double>& expected,
                  double tolerance) {
  const double error = relative_error(found, expected);
  CheckRow row{{.check = check,
                .order = order,
                .error = error,
                .tolerance = tolerance,
                .ok = error <= tolerance},
               problem.label(),
               method};
  // The place of the largest difference.
  std::size_t worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double off = std::abs(found[i] - expected[i]),
                 most = std::abs(found[worst] - expected[worst]);
    if (!std::isnan(most) && !(off <= most)) worst = i;
  }
  row.engine = found.at(worst);
  row.reference = expected.at(worst);
  row.entry = static_cast<Index>(worst);
  for (const ParameterInfo& parameter : problem.model.parameter_info()) {
    ++row.input;
    if (row.entry < parameter.shape.elements()) break;
    row.entry -= parameter.shape.elements();
  }
  return row;
}

/// For a method whose equation has no second form here: compares the gradients of its programs,
/// planned with all passes and with none.
std::vector<CheckRow> check_plan(const Problem& problem, const Method& m, const ModelState& state,
                                 const Dataset& batch) {
  Problem plain = problem;
  plain.options.without = names_of(passes());
  // After a step, every program has a result.
  const auto planned = gradients_of_programs(problem, m, state, batch, 1),
             recorded = gradients_of_programs(plain, m, state, batch, 1);
  std::vector<CheckRow> rows;
  for (std::size_t i = 0; i < planned.size(); ++i)
    rows.push_back(compared(problem, std::string(m.name), only_planned, 1, planned[i]->gradient,
                            recorded[i]->gradient, 1e-9));
  return rows;
}

/// Compares the gradient of a finite-difference method with its formula, evaluated step by step on
/// separate copies of the parameters: first g at w, then gradients at w + step g.
CheckRow check_difference(const Problem& problem, const Method& m, const ModelState& state,
                          const Dataset& batch) {
  const MethodOptions& o = problem.options.regularization;
  const GradientVectors recorded = gradient_vectors(problem, m, state, batch);
  const auto gradient_at = [&](double step) {
    ModelState moved = cast(state, DType::f64);
    std::size_t at = 0;
    for (Array& array : moved.parameters)
      for (Index i = 0; i < array.elements(); ++i)
        array.set(i, array.at(i) + step * recorded.plain[at++]);
    return gradient_vectors(problem, method("sgd"), moved, batch).gradient;
  };
  const double ahead = m.name == "b-gr" ? 0 : o.epsilon, behind = m.name == "f-gr" ? 0 : o.epsilon;
  const std::vector<double> front = gradient_at(ahead), back = gradient_at(-behind);
  std::vector<double> expected = recorded.plain;
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] += o.gamma / (ahead + behind) * (front[i] - back[i]);
  return compared(problem, std::string(m.name), "moved parameters", 1, recorded.gradient, expected,
                  1e-9);
}

std::vector<CheckRow> check_problem(Problem problem, const CheckOptions& checks) {
  problem.options.dtype = str(DType::f64);
  const RunOptions& options = problem.options;
  const Dataset batch = fixed_batch(problem);
  const ModelState state = initial_state(problem.model, options.seed_of_weights(), DType::f64);
  const Function loss = loss_of(problem, batch, state);
  const Function objective = penalized(loss, options.regularization.gamma);
  std::vector<CheckRow> rows = check_rows(problem.label(), loss, state.parameters, checks, "loss");
  CheckOptions first = checks;
  first.order = 1;
  for (const std::string& name : options.methods) {
    if (name == "exact" || name == "exact-naive") {
      // The method must return the gradient of ℒ + gamma/2 |g|^2, which is checked by differences.
      append(rows,
             check_rows(problem.label(), objective, state.parameters, first, name + " objective"));
      Tape tape;
      const Tensors w = problem.model.parameters(tape, state.parameters);
      const Tensors gradient = grad(objective(w)[0], w);
      Plan plan{gradient};
      plan.run();
      const std::vector<double> expected = flat(plan.values(gradient));
      const GradientVectors found = gradient_vectors(problem, method(name), state, batch);
      rows.push_back(
          compared(problem, name, "gradient of objective", 2, found.gradient, expected, 1e-10));
    } else if (name == "f-gr" || name == "b-gr" || name == "c-gr") {
      rows.push_back(check_difference(problem, method(name), state, batch));
    } else {
      append(rows, check_plan(problem, method(name), state, batch));
    }
  }
  return rows;
}

Report report_of(const std::vector<CheckRow>& rows, const Json& config = Json::object(),
                 const std::vector<AccuracyRow>& errors = {}) {
  Json record = record_header("check");
  record["config"] = config;
  record["rows"] = rows;
  record["accuracy"] = errors;
  return {record,
          check_report(rows) + accuracy_report(errors),
          {{"check.json", record_text(record)}},
          all_ok(rows) && all_ok(errors)};
}

}  // namespace

std::vector<CheckRow> check_rows(const std::string& name, const Function& f,
                                 const std::vector<Array>& inputs, const CheckOptions& options,
                                 const std::string& label) {
  std::vector<CheckRow> rows;
  for (const CheckResult& result : check_derivatives(f, inputs, options))
    rows.push_back({result, name, label});
  return rows;
}

Report check_derivatives(const std::string& name, const Function& f,
                         const std::vector<Array>& inputs, const CheckOptions& options) {
  return report_of(check_rows(name, f, inputs, options));
}

Report check_derivatives(const Problem& problem, const std::vector<std::string>& methods,
                         const CheckOptions& options) {
  const Problem whole = completed(problem, methods);
  return report_of(check_problem(whole, options), config_of(whole));
}

std::vector<CheckRow> check_ops(std::string_view filter, const CheckOptions& options,
                                const CheckProgress& progress) {
  std::vector<CheckRow> all;
  for (const OpCase& row : op_table())
    if (is_named(row, filter))
      append(all, check_rows(row.op, row.function, row.draw(options.seed), options, row.label),
             progress);
  if (all.empty()) fail("check", "no op has '{}' in its name", filter);
  return all;
}

std::vector<CheckRow> check_graphs(int count, const CheckOptions& options,
                                   const CheckProgress& progress) {
  std::vector<CheckRow> all;
  CheckOptions one = options;
  one.entries = 1;
  for (int i = 0; i < count; ++i, ++one.seed) {
    const RandomGraph graph = random_graph(one.seed);
    append(all,
           check_rows("random graph", graph.function(), graph.inputs(), one,
                      fmt::format("seed {}, {} ops", one.seed, graph.ops())),
           progress);
  }
  return all;
}

std::string check_report(const std::vector<CheckRow>& rows) {
  Table table({"op", "mode", "order 1", "order 2", "order 3", ""});
  std::string previous;
  for (const Line& line : lines_of(rows)) {
    std::vector<std::string> cells = {line.op == previous ? "" : line.op, line.label};
    for (double error : line.error)
      cells.push_back(error == -1 ? "" : fmt::format("{:.1e}", error));
    cells.emplace_back(line.ok ? "" : "FAILED");
    table.add(std::move(cells));
    previous = line.op;
  }
  std::string text = table.on_screen();
  std::set<std::string> half;
  for (const CheckRow& row : rows)
    if (row.check == only_planned) half.insert(row.label);
  if (!half.empty())
    text += fmt::format(
        "for {}, only the plan was checked, because no second form of the equation is known\n",
        fmt::join(half, ", "));
  std::size_t failed = 0;
  for (const CheckRow& row : rows)
    if (!row.ok) {
      ++failed;
      text += fmt::format("FAILED {}{}{}: {}\n", row.op, row.label.empty() ? "" : ", ", row.label,
                          str(row));
    }
  return text + fmt::format("{} checks, {} failed\n", rows.size(), failed);
}

namespace {

struct CheckCommandOptions {
  RunOptions run;
  /// If not empty: only ops whose name contains this text.
  std::string op;
  int order = 3;
  /// The number of random graphs to check or to write.
  int graphs = 0;
  /// If not empty: the folder to write the cases to, instead of checking them.
  std::string write;
};

void declare_check(OptionSet& set, CheckCommandOptions& options) {
  // Small sizes, because a check perturbs entries one by one.
  options.run.width = 8;
  options.run.batch = 8;
  options.run.activation = "tanh";
  options.run.dtype = "f64";
  declare(set, options.run, {.training = false});
  set.group("Check");
  set.add("op", &options.op, "Only the ops whose name contains this");
  set.add("order", &options.order, "Highest order of derivative", whole(1, 3));
  set.add("graphs", &options.graphs, "Check this many random graphs of 5 to 60 ops instead",
          whole(0, 1000000));
  set.add("write", &options.write,
          "Check nothing: write ops, graphs and their derivatives to this folder, to be checked "
          "elsewhere");
}

/// Checks every op and measures the errors of elementwise ops. With --graphs, checks random graphs
/// instead. If any option describes a problem, such as its model, data or method, checks its loss
/// to third order and each method's gradient. Everything is computed in f64. The exit status is 1
/// if a check fails. With `write`, the command checks nothing and writes the ops and graphs to
/// files (cases.h) for another engine.
int run_check(CheckCommandOptions options) {
  const OptionWords& words = options.run.given;
  const auto given = [&](const char* name) { return words.contains(name); };
  // Every other option describes a problem.
  const std::set<std::string> general = {"--op",   "--order",  "--graphs",  "--write",
                                         "--seed", "--dtype",  "--threads", "--out",
                                         "--json", "--config", "--quiet",   "--cpu"};
  const auto of_problem =
      std::ranges::find_if(words, [&](const auto& word) { return !general.contains(word.first); });
  const bool model = of_problem != words.end();
  const auto alone = [&](const char* option, const std::string& other) {
    if (given(option) && given(other.c_str()))
      throw UsageError(fmt::format("{} cannot be combined with {}", option, other));
  };
  for (const char* option : {"--op", "--graphs", "--write"})
    if (model) alone(option, of_problem->first);
  alone("--graphs", "--op");
  alone("--write", "--op");
  alone("--write", "--json");
  if (std::ranges::none_of(op_table(),
                           [&](const OpCase& row) { return is_named(row, options.op); }))
    throw UsageError(fmt::format("--op: no op has '{}' in its name", options.op));
  if ((options.run.model != "mlp" || !options.run.problem.empty()) && !given("--width"))
    options.run.width.reset();
  if (options.run.model != "mlp" && !given("--channels")) options.run.channels = 2;
  complete(options.run, {"exact", "exact-naive", "f-gr", "b-gr", "c-gr"});
  warn_of_unread(options.run);
  if (options.run.dtype != "f64") print_error("--dtype has no effect: checks are computed in f64");
  set_threads(options.run.threads);
  prepare_file(options.run.json);

  CheckOptions checks;
  checks.order = options.order;
  checks.seed = options.run.seed;
  if (!options.write.empty()) {
    write_cases(options.write, options.graphs, checks);
    fmt::print("{}\n", options.write);
    return 0;
  }
  const bool graphs = options.graphs > 0;
  Progress progress("checking", graphs ? options.graphs : static_cast<int>(op_table().size()));
  const CheckProgress show = [&](const std::vector<CheckRow>& done) {
    if (!done.empty()) progress.advance(1, done.front().op);
  };
  const std::vector<CheckRow> rows = model    ? check_problem(make_problem(options.run), checks)
                                     : graphs ? check_graphs(options.graphs, checks, show)
                                              : check_ops(options.op, checks, show);
  progress.clear();
  std::vector<AccuracyRow> errors;
  if (!model && !graphs) {
    Progress measuring("measuring errors", static_cast<int>(op_table().size()));
    const auto advance = [&](const std::string& op) { measuring.advance(1, op); };
    errors = check_accuracy(options.op, 3000, advance);
    measuring.clear();
  }
  const Report report = report_of(rows, to_json(options.run), errors);
  fmt::print("{}", report.text);
  if (!options.run.json.empty()) write_json(options.run.json, report.record);
  return report.ok ? 0 : 1;
}

}  // namespace

void add_check(CommandLine& app) {
  app.add("check", "check derivatives of every op, or of a model and method", declare_check,
          run_check);
}

}  // namespace twice::experiments
