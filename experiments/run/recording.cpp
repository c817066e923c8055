// Records a step, and writes a recorded graph as JSON.
#include "experiments/run/recording.h"

#include <map>
#include <set>

#include "autodiff/ops/power.h"
#include "autodiff/ops/tensors.h"

namespace twice::experiments {

namespace {

/// The `use` of the random streams of a run's masks and of its method.
constexpr std::uint64_t masks_use = 0x6d61736b, method_use = 0x6d6574686f64;

Tensor number_of(RecordedStep& step) {
  if (!step.number) step.number = step.tape->input({}, DType::i32, "step");
  return *step.number;
}

std::string spec_text(const Array& array) { return str(Spec{array.shape(), array.dtype()}); }

/// The inputs of a run for the arrays of a batch.
std::vector<Binding> bindings(const BatchTensors& tensors, const Dataset& batch) {
  std::vector<Binding> result;
  auto array = batch.arrays.begin();
  for (const auto& [name, tensor] : tensors) {
    const Array& numbers = (array++)->second;
    result.push_back(
        {tensor, numbers.dtype() == tensor.dtype() ? numbers : numbers.cast(tensor.dtype())});
  }
  return result;
}

}  // namespace

std::vector<Binding> RecordedStep::bind(const Dataset& examples, std::int64_t step) const {
  std::vector<Binding> result = bindings(batch, examples);
  if (number)
    result.push_back({*number, Array::from(std::vector{static_cast<std::int32_t>(step)}, {})});
  return result;
}

void RecordedStep::carry(const Plan& plan) const {
  for (std::size_t i = 0; i < updated.size(); ++i) copy(plan.value(updated[i]), carried[i]);
}

RecordedStep record_inputs(const Problem& problem, const ModelState& state) {
  RecordedStep step;
  step.tape = std::make_unique<Tape>();
  step.batch = problem.batch_on(*step.tape, problem.options.batch, state.parameters.at(0).dtype());
  step.w = problem.model.parameters(*step.tape, state.parameters);
  return step;
}

Tensor record_loss(const Problem& problem, RecordedStep& step, const Tensors& w) {
  ForwardPass pass;
  pass.dropout = [&] { return mask_key(problem, number_of(step)); };
  return problem.record_loss(w, step.batch, pass);
}

DropoutKey mask_key(const Problem& problem, Tensor step) {
  return {Rng(problem.options.seed_of_data(), 0, masks_use), step};
}

RecordedStep record_step(const Problem& problem, const Method& method, const ModelState& state,
                         int program) {
  RecordedStep step = record_inputs(problem, state);
  Tape& tape = *step.tape;
  const RunOptions& options = problem.options;
  const Tensors running = problem.model.buffers(tape, state.buffers);
  bool first_pass = true;
  const auto loss_on = [&](const Tensors& w, const BatchTensors& batch, ForwardPass& pass) {
    pass.running = running;
    pass.dropout = [&] { return mask_key(problem, number_of(step)); };
    const Tensor value = problem.record_loss(w, batch, pass);
    if (first_pass) {
      step.updated = pass.updated;
      step.carried = state.buffers;
    }
    first_pass = false;
    return value;
  };
  const ScalarFunction loss = [&](const Tensors& w) {
    ForwardPass pass;
    return loss_on(w, step.batch, pass);
  };
  const MethodOptions numbers = method_options(options, method.name);
  MethodContext context{.loss = loss, .w = step.w, .options = numbers, .batch = step.batch};
  context.loss_on = loss_on;
  context.program = program;
  context.rng = Rng(options.seed, 0, method_use);
  context.step_input = [&] { return number_of(step); };
  context.read_memory = [&](const std::string& name, const Array& initial) {
    const Array& held = state.memory->try_emplace(name, initial.clone()).first->second;
    if (held.shape() != initial.shape() || held.dtype() != initial.dtype())
      fail("memory", "'{}' starts as {}, but holds {}", name, spec_text(initial), spec_text(held));
    step.reads_memory = true;
    return tape.parameter(held, name);
  };
  std::map<std::string, Tensor> kept;
  context.write_memory = [&](const std::string& name, Tensor value) {
    const auto held = state.memory->find(name);
    if (held == state.memory->end())
      fail("keep", "there is no memory '{}'; call memory(\"{}\", initial) first", name, name);
    if (held->second.shape() != value.shape() || held->second.dtype() != value.dtype())
      fail("keep", "'{}' is {}, but its memory holds {}", name, str(value.spec()),
           spec_text(held->second));
    if (!kept.emplace(name, value).second) fail("keep", "'{}' is kept twice in one program", name);
  };
  step.estimate = method(context);
  if (step.updated.empty()) step.carried.clear();
  for (const auto& [name, value] : kept) {
    step.updated.push_back(value);
    step.carried.push_back(state.memory->at(name));
  }
  if (options.log_norm) {
    const RecordingScope scope(*step.tape, Phase::update);
    step.logged = Tensors(safe_sqrt(squared_norm(step.estimate.plain)));
  }
  return step;
}

int program_of(const Problem& problem, const Method& method, Index step) {
  if (method.programs == 1) return 0;
  const int program = method.program(step, method_options(problem.options, method.name));
  if (program < 0 || program >= method.programs)
    fail("method", "{}: step {} takes program {}; there are {}", method.name, step, program,
         method.programs);
  return program;
}

Tensors outputs_of(const RecordedStep& step) {
  Tensors outputs = step.estimate.loss;
  for (const Tensors* list : {&step.estimate.gradient, &step.updated, &step.logged})
    outputs.insert(outputs.end(), list->begin(), list->end());
  return outputs;
}

Plan plan_step(const RecordedStep& step, const RunOptions& options, const Method& method) {
  return Plan({outputs_of(step)}, plan_options(options, std::string(method.name)));
}

ProductLaw expected_law(const Problem& problem, const Method& method) {
  if (problem.model.products() == 0 || !problem.loss) return {};
  const PlanOptions passes = plan_options(problem.options, std::string(method.name));
  bool planned =
      passes.simplify && passes.common_subexpressions && passes.accumulate && passes.reassociate;
  // The planned law has fewer products per layer because of products with batch x batch matrices,
  // which must be smaller than the weights.
  const bool needs_small_batch = method.planned_law.per_layer < method.law.per_layer;
  for (const ParameterInfo& parameter : problem.model.parameter_info()) {
    const Shape& shape = parameter.shape;
    // The planner simplifies products with a vector, which the laws do not cover.
    if (shape.rank() == 2 && (shape[0] == 1 || shape[1] == 1)) return {};
    if (shape.rank() == 4) planned = false;
    if (shape.rank() != 2) continue;
    const Index least = std::min(shape[0], shape[1]), most = std::max(shape[0], shape[1]);
    if (needs_small_batch && least <= problem.options.batch && 2 * least > most) planned = false;
  }
  return planned ? method.planned_law : method.law;
}

Json expected_products(const Problem& problem, const ProductLaw& law) {
  return law.per_layer == 0 ? Json() : Json(law.products(problem.model.products()));
}

RecordedEvaluation record_evaluation(const Problem& problem, const ModelState& state, Index rows) {
  RecordedEvaluation evaluation;
  evaluation.tape = std::make_unique<Tape>();
  Tape& tape = *evaluation.tape;
  evaluation.batch = problem.batch_on(tape, rows, state.parameters.at(0).dtype());
  ForwardPass pass;
  pass.training = false;
  pass.running = problem.model.buffers(tape, state.buffers);
  const Tensors w = problem.model.parameters(tape, state.parameters);
  evaluation.result = problem.has_predictions()
                          ? problem.record_predictions(w, evaluation.batch, pass)
                          : problem.record_loss(w, evaluation.batch, pass);
  return evaluation;
}

std::vector<Binding> RecordedEvaluation::bind(const Dataset& examples) const {
  return bindings(batch, examples);
}

Json graph_json(const Tensors& outputs, const std::map<int, std::string>& names,
                const std::string& prefix, TensorFile& file) {
  if (outputs.empty()) fail("graph", "a graph needs at least one output");
  Tape& tape = outputs[0].tape();
  std::set<int> needed;  // nodes of the tape
  for (Tensor output : outputs) needed.insert(output.index());
  for (int i = tape.size(); i-- > 0;)
    if (needed.contains(i))
      for (int input : tape.inputs_of(tape.node(i))) needed.insert(input);
  std::map<int, std::size_t> place;  // of these nodes in the JSON
  Json nodes = Json::array();
  for (int i : needed) {
    const Node& node = tape.node(i);
    Json entry;
    if (node.op) {
      Json inputs = Json::array();
      for (int input : tape.inputs_of(node)) inputs.push_back(place.at(input));
      entry = {{"op", node.op->name()},
               {"attributes", node.op->attributes()},
               {"inputs", inputs},
               {"phase", str(node.phase)}};
    } else if (const auto known = names.find(i); known != names.end()) {
      entry["leaf"] = known->second;
    } else {
      if (node.kind == NodeKind::input)
        fail("graph", "input '{}' (node {}) has no array to write", tape.name(node), i);
      entry["leaf"] = fmt::format("{}constant.{}", prefix, i);
      file.tensors.emplace_back(entry["leaf"], tape.stored(node));
    }
    entry["shape"] = std::vector<Index>(node.spec.shape.begin(), node.spec.shape.end());
    entry["dtype"] = str(node.spec.dtype);
    place[i] = nodes.size();
    nodes.push_back(std::move(entry));
  }
  Json places = Json::array();
  for (Tensor output : outputs) places.push_back(place.at(output.index()));
  return {{"nodes", nodes}, {"outputs", places}};
}

}  // namespace twice::experiments
