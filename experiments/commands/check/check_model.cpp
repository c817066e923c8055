// The options of `check`, and what is checked of a model and its methods.
#include "experiments/commands/check/check_model.h"

#include <algorithm>
#include <cmath>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/threads/threads.h"
#include "experiments/commands/check/accuracy.h"
#include "experiments/commands/check/cases.h"
#include "experiments/commands/check/check_command.h"
#include "experiments/commands/check/op_table.h"
#include "experiments/files/json.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/report/progress.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"

namespace twice::experiments {

namespace {

/// The loss of the problem's model on one batch as a function of its parameters.
Function loss_of(const Problem& problem, const FixedBatch& batch, const ModelState& state) {
  return [&](const Tensors& w) -> Tensors {
    Tape& tape = w[0].tape();
    ForwardPass pass;
    pass.running = problem.model.buffers(tape, state.buffers);
    const Tensor x = tape.constant(batch.images.cast(w[0].dtype()));
    return cross_entropy(problem.model(w, x, pass), tape.constant(batch.labels));
  };
}

/// The objective whose gradient is g + gamma H g: L + gamma/2 |grad L|^2.
Function penalized(const Function& loss, double gamma) {
  return [=](const Tensors& w) -> Tensors {
    const Tensor value = loss(w)[0];
    return value + gamma / 2 * squared_norm(grad(value, w));
  };
}

/// A finite-difference method's gradient, against the same formula computed step by step on arrays
/// that are really moved: g1 at w, then gradients at w + step g1.
CheckRow check_difference(const Problem& problem, const Method& m, const ModelState& state,
                          const FixedBatch& batch) {
  const MethodOptions& o = problem.options.regularization;
  const Method& plain = method("sgd");
  const GradientVectors recorded = gradient_vectors(problem, m, state, batch);
  const auto gradient_at = [&](double step) {
    ModelState moved = cast(state, DType::f64);
    std::size_t at = 0;
    for (Array& array : moved.parameters)
      for (Index i = 0; i < array.elements(); ++i)
        array.set(i, array.at(i) + step * recorded.plain[at++]);
    return gradient_vectors(problem, plain, moved, batch).gradient;
  };
  const double ahead = m.name == "b-gr" ? 0 : o.epsilon, behind = m.name == "f-gr" ? 0 : o.epsilon;
  const std::vector<double> front = gradient_at(ahead), back = gradient_at(-behind);
  std::vector<double> expected = recorded.plain;
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] += o.gamma / (ahead + behind) * (front[i] - back[i]);
  CheckRow row;
  row.op = problem.label();
  row.label = m.name;
  row.check = "moved parameters";
  row.order = 1;
  row.error = relative_error(recorded.gradient, expected);
  row.tolerance = 1e-9;
  row.ok = row.error <= row.tolerance;
  return row;
}

std::vector<CheckRow> check_model(const RunOptions& options, const CheckOptions& checks) {
  const Problem problem = make_problem(options);
  const FixedBatch batch = fixed_batch(problem);
  const ModelState state = initial_state(problem.model, options.seed_of_weights(), DType::f64);
  const Function loss = loss_of(problem, batch, state);
  std::vector<CheckRow> rows = check_function(problem.label(), loss, state.parameters, checks);
  for (CheckRow& row : rows) row.label = "loss";
  const auto append = [&](std::vector<CheckRow> more, const std::string& label) {
    for (CheckRow& row : more) {
      row.label = label;
      rows.push_back(std::move(row));
    }
  };
  for (const std::string& name : options.methods) {
    CheckOptions first = checks;
    first.order = 1;
    if (name == "exact" || name == "exact-naive") {
      // Differences of L + gamma/2 |grad L|^2, whose gradient the method must be.
      append(check_function(problem.label(), penalized(loss, options.regularization.gamma),
                            state.parameters, first),
             name + " objective");
      const GradientVectors found = gradient_vectors(problem, method(name), state, batch);
      Tape tape;
      const Tensors w = problem.model.parameters(tape, state.parameters);
      const Tensors expected = grad(penalized(loss, options.regularization.gamma)(w)[0], w);
      Plan plan{expected};
      plan.run();
      std::vector<double> flat;
      for (const Array& array : plan.values(expected))
        for (double v : array.to_vector()) flat.push_back(v);
      CheckRow row;
      row.op = problem.label();
      row.label = name;
      row.check = "gradient of objective";
      row.order = 2;
      row.error = relative_error(found.gradient, flat);
      row.tolerance = 1e-10;
      row.ok = row.error <= row.tolerance;
      rows.push_back(row);
    } else if (name == "f-gr" || name == "b-gr" || name == "c-gr") {
      rows.push_back(check_difference(problem, method(name), state, batch));
    }
  }
  return rows;
}

}  // namespace

void declare_check(OptionSet& set, CheckCommandOptions& options) {
  // Small sizes: a check perturbs entries one by one.
  options.run.width = 8;
  options.run.batch = 8;
  options.run.activation = "tanh";
  declare(set, options.run, {.training = false});
  set.group("Check");
  set.add("op", &options.op, "Only the ops whose name contains this");
  set.add("order", &options.order, "Highest order of derivative", whole(1, 3));
  set.add("graphs", &options.graphs, "Check this many random graphs of 5 to 60 ops instead",
          whole(0, 1000000));
  set.add("write", &options.write,
          "Check nothing: write ops, graphs and their derivatives to this folder, to be checked "
          "elsewhere");
  set.keep_given(options.given);
}

int check(CheckCommandOptions options) {
  const auto given = [&](const char* name) { return options.given.contains(name); };
  const bool model = given("--model") || given("--method");
  if (model && !options.op.empty())
    throw UsageError("--op is for checks of single ops; it does not go with --model or --method");
  const auto alone = [&](const char* option, std::initializer_list<const char*> others) {
    for (const char* other : others)
      if (given(option) && given(other))
        throw UsageError(fmt::format("{} does not go with {}", option, other));
  };
  alone("--graphs", {"--model", "--method", "--op"});
  alone("--write", {"--model", "--method", "--op", "--json"});
  const auto named = [&](const OpCase& row) {
    return row.op.find(options.op) != std::string::npos;
  };
  if (std::none_of(op_table().begin(), op_table().end(), named))
    throw UsageError(fmt::format("--op: no op has '{}' in its name", options.op));
  if (options.run.model != "mlp" && !given("--width")) options.run.width.reset();
  if (options.run.model != "mlp" && !given("--channels")) options.run.channels = 2;
  complete(options.run, {"exact", "exact-naive", "f-gr", "b-gr", "c-gr"});
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
  const std::vector<CheckRow> rows = model    ? check_model(options.run, checks)
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
  fmt::print("{}{}", check_report(rows), accuracy_report(errors));
  if (!options.run.json.empty()) {
    Json record = record_header("check");
    record["config"] = to_json(options.run);
    record["rows"] = check_json(rows);
    record["accuracy"] = accuracy_json(errors);
    write_json(options.run.json, record);
  }
  return all_ok(rows) && all_ok(errors) ? 0 : 1;
}

}  // namespace twice::experiments
