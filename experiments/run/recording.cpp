// A problem and its step, recorded; and a recorded graph as JSON.
#include "experiments/run/recording.h"

#include <unistd.h>

#include "autodiff/ops/power.h"
#include "autodiff/ops/tensors.h"

namespace twice::experiments {

std::string Problem::label() const {
  return fmt::format("{}-b{}-{}-{}", model.architecture(), options.batch, options.activation,
                     options.dtype);
}

Shape Problem::batch_shape() const {
  Shape shape = data.train.images.shape();
  shape[0] = options.batch;
  return shape;
}

namespace {

/// A model that cannot fit is refused before the system, out of memory, kills the program.
void check_memory(const Problem& problem) {
  constexpr double gib = 1 << 30;
  const double numbers = static_cast<double>(problem.model.parameter_count()),
               bytes = 2 * numbers * (problem.options.number_type() == DType::f64 ? 8 : 4),
               memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes > memory)
    fail("model",
         "{} has {:.3g} parameters: {:.3g} GiB with their gradient alone; this machine has "
         "{:.3g} GiB of memory",
         problem.model.name(), numbers, bytes / gib, memory / gib);
}

}  // namespace

Problem make_problem(const RunOptions& options) {
  return make_problem(options, load_data(options.data, synthetic_options(options)));
}

Problem make_problem(const RunOptions& options, DataSplit data) {
  Problem problem{mlp(), std::move(data), options};
  const Dataset& train = problem.data.train;
  const Index count = train.images.shape()[0];
  if (options.batch > count)
    throw UsageError(fmt::format("--batch {} is more than the {} training images of {}",
                                 options.batch, count, options.data));
  const Shape& images = train.images.shape();
  try {
    problem.model = make_model({.model = options.model,
                                .input = {images[1], images[2], images[3]},
                                .classes = train.classes,
                                .width = options.width,
                                .channels = options.channels,
                                .depth = options.depth,
                                .activation = options.activation});
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  check_memory(problem);
  return problem;
}

ModelState initial_state(const Model& model, std::uint64_t seed, DType dtype) {
  return {model.initial_parameters(Rng(seed), dtype), model.initial_buffers(dtype)};
}

ModelState cast(const ModelState& state, DType dtype) {
  ModelState result;
  for (const Array& a : state.parameters) result.parameters.push_back(a.cast(dtype));
  for (const Array& a : state.buffers) result.buffers.push_back(a.cast(dtype));
  return result;
}

RecordedStep record_step(const Problem& problem, const Method& method, const ModelState& state) {
  RecordedStep step;
  step.tape = std::make_unique<Tape>();
  Tape& tape = *step.tape;
  const DType dtype = state.parameters[0].dtype();
  step.x = tape.input(problem.batch_shape(), dtype, "images");
  step.y = tape.labels({problem.options.batch});
  step.w = problem.model.parameters(tape, state.parameters);
  const Tensors running = problem.model.buffers(tape, state.buffers);
  bool first_pass = true;
  const ScalarFunction loss = [&](const Tensors& parameters) {
    ForwardPass pass;
    pass.running = running;
    const Tensor value = cross_entropy(problem.model(parameters, step.x, pass), step.y);
    if (first_pass) step.updated = pass.updated;
    first_pass = false;
    return value;
  };
  step.estimate = method(loss, step.w, problem.options.regularization);
  if (problem.options.log_norm) {
    const RecordingScope scope(*step.tape, Phase::update);
    step.logged = Tensors(safe_sqrt(squared_norm(step.estimate.plain)));
  }
  return step;
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
  const PlanOptions passes = plan_options(problem.options, std::string(method.name));
  bool planned =
      passes.simplify && passes.common_subexpressions && passes.accumulate && passes.reassociate;
  // Fewer products a layer come from batch x batch matrices, which must be the smaller ones.
  const bool needs_small_batch = method.planned_law.per_layer < method.law.per_layer;
  for (const ParameterInfo& parameter : problem.model.parameter_info()) {
    const Shape& shape = parameter.shape;
    if (shape.rank() == 4) planned = false;
    if (shape.rank() != 2) continue;
    const Index least = std::min(shape[0], shape[1]), most = std::max(shape[0], shape[1]);
    if (needs_small_batch && least <= problem.options.batch && 2 * least > most) planned = false;
  }
  return planned ? method.planned_law : method.law;
}

RecordedEvaluation record_evaluation(const Problem& problem, const ModelState& state, Index rows) {
  RecordedEvaluation evaluation;
  evaluation.tape = std::make_unique<Tape>();
  Tape& tape = *evaluation.tape;
  Shape images = problem.batch_shape();
  images[0] = rows;
  evaluation.x = tape.input(images, state.parameters[0].dtype(), "images");
  ForwardPass pass;
  pass.training = false;
  pass.running = problem.model.buffers(tape, state.buffers);
  evaluation.logits =
      problem.model(problem.model.parameters(tape, state.parameters), evaluation.x, pass);
  return evaluation;
}

Json graph_json(const Tensors& outputs, const std::map<int, std::string>& names,
                const std::string& prefix, TensorFile& file) {
  if (outputs.empty()) fail("graph", "a graph needs at least one output");
  Tape& tape = outputs[0].tape();
  // For each node of the tape whether an output needs it.
  std::vector<char> needed(static_cast<std::size_t>(tape.size()), 0);
  for (Tensor output : outputs) needed[static_cast<std::size_t>(output.index())] = 1;
  for (int i = tape.size(); i-- > 0;)
    if (needed[static_cast<std::size_t>(i)])
      for (int input : tape.inputs_of(tape.node(i))) needed[static_cast<std::size_t>(input)] = 1;
  std::vector<int> place(needed.size(), -1);
  Json nodes = Json::array();
  for (int i = 0; i < tape.size(); ++i) {
    if (!needed[static_cast<std::size_t>(i)]) continue;
    const Node& node = tape.node(i);
    Json entry;
    if (node.op) {
      Json inputs = Json::array();
      for (int input : tape.inputs_of(node))
        inputs.push_back(place[static_cast<std::size_t>(input)]);
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
    place[static_cast<std::size_t>(i)] = static_cast<int>(nodes.size());
    nodes.push_back(std::move(entry));
  }
  Json places = Json::array();
  for (Tensor output : outputs) places.push_back(place[static_cast<std::size_t>(output.index())]);
  return {{"nodes", nodes}, {"outputs", places}};
}

}  // namespace twice::experiments
