#include "experiments/run/recording.h"

namespace twice {

std::string Problem::label() const {
  const RunOptions& o = options;
  return fmt::format("{}-b{}-{}-{}", model.architecture(), o.batch, o.activation, o.dtype);
}

Shape Problem::batch_shape() const {
  Shape shape = data.train.images.shape();
  shape[0] = options.batch;
  return shape;
}

Problem make_problem(const RunOptions& options) {
  Problem problem{mlp(), load_data(options.data), options};
  const Dataset& train = problem.data.train;
  const Index count = train.images.shape()[0];
  if (options.batch > count)
    throw UsageError(fmt::format("--batch {} is more than the {} training images of {}",
                                 options.batch, count, options.data));
  ModelOptions model;
  model.model = options.model;
  model.width = options.width;
  model.depth = options.depth;
  model.channels = options.channels;
  model.activation = options.activation;
  const Shape& images = train.images.shape();
  model.input = {images[1], images[2], images[3]};
  model.classes = train.classes;
  try {
    problem.model = make_model(model);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
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
  return step;
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

}  // namespace twice
