// Recording the rows.
#include "experiments/commands/profile/programs.h"

#include "autodiff/derive/grad.h"

namespace twice::experiments {

std::vector<RowKind> row_kinds(const std::vector<std::string>& methods) {
  std::vector<RowKind> kinds = {
      {"loss", "loss", "L"},
      {"gradient", "gradient", "g = grad L"},
      {"H v, reverse over reverse", "hvp", "H v = grad <grad L, v>", nullptr,
       HvpMode::reverse_over_reverse},
      {"H v, forward over reverse", "hvp", "H v = the derivative of grad L along v", nullptr,
       HvpMode::forward_over_reverse},
      {"H v, finite differences", "hvp",
       "(grad L(w + epsilon v) - grad L(w - epsilon v)) / (2 epsilon)", nullptr,
       HvpMode::finite_difference}};
  for (const std::string& name : methods) {
    const Method& m = method(name);
    kinds.push_back({"step of " + name, "step", std::string(m.equation), &m});
  }
  return kinds;
}

Problem one_batch(const Problem& problem) {
  const FixedBatch batch = fixed_batch(problem);
  DataSplit data = problem.data;
  data.train.images = batch.images;
  data.train.labels = batch.labels;
  data.test = data.train;
  return make_problem(problem.options, std::move(data));
}

Point start_of(const Problem& problem) {
  const DType dtype = problem.options.number_type();
  Point point{initial_state(problem.model, problem.options.seed_of_weights(), dtype), {}};
  const std::vector<double> g =
      gradient_vectors(problem, method("sgd"), point.state, fixed_batch(problem)).gradient;
  auto at = g.begin();
  for (const Array& w : point.state.parameters) {
    const auto end = at + w.elements();
    point.direction.push_back(Array::from(std::vector<double>(at, end), w.shape()).cast(dtype));
    at = end;
  }
  return point;
}

RecordedRow record_row(const Problem& problem, const RowKind& kind, const Point& point) {
  const DType dtype = point.state.parameters[0].dtype();
  RecordedRow row;
  if (kind.method) {
    RecordedStep step = record_step(problem, *kind.method, point.state);
    row.outputs = outputs_of(step);
    row.tape = std::move(step.tape);
    row.x = step.x;
    row.y = step.y;
    return row;
  }
  row.tape = std::make_unique<Tape>();
  row.x = row.tape->input(problem.batch_shape(), dtype, "images");
  row.y = row.tape->labels({problem.options.batch});
  const Tensors w = problem.model.parameters(*row.tape, point.state.parameters);
  const ScalarFunction loss = [&](const Tensors& parameters) {
    return cross_entropy(problem.model(parameters, row.x), row.y);
  };
  if (kind.kind == "loss") row.outputs = loss(w);
  if (kind.kind == "gradient") row.outputs = grad(loss(w), w);
  if (kind.kind == "hvp") {
    Tensors v;
    for (const Array& array : point.direction) v.push_back(row.tape->parameter(array, "v"));
    row.outputs = hvp(loss, w, v, kind.mode, problem.options.regularization.epsilon);
  }
  return row;
}

Plan plan_row(const Problem& problem, const RowKind& kind, const RecordedRow& row) {
  return Plan({row.outputs},
              plan_options(problem.options, kind.method ? std::string(kind.method->name) : "sgd"));
}

RowProgram::RowProgram(const Problem& problem, const RowKind& kind, const Point& point) {
  if (kind.method) {
    step_ = std::make_unique<OurStep>(problem, *kind.method);
    return;
  }
  recorded_ = record_row(problem, kind, point);
  plan_ = plan_row(problem, kind, recorded_);
  const Dataset& data = problem.data.train;
  plan_->run({{recorded_.x, data.images.cast(point.state.parameters[0].dtype())},
              {recorded_.y, data.labels}});
}

void RowProgram::run() {
  if (step_) return step_->run();
  plan_->run();
}

std::vector<double> RowProgram::result() const {
  std::vector<double> all;
  for (const Array& array : plan_->values(recorded_.outputs)) {
    const std::vector<double> part = array.to_vector();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

ProductLaw law_of(const Problem& problem, const RowKind& kind) {
  if (kind.method) return expected_law(problem, *kind.method);
  if (kind.kind == "loss") return {1, 0};
  if (kind.kind == "gradient") return expected_law(problem, method("sgd"));
  const int L = problem.model.products();
  if (kind.mode == HvpMode::finite_difference) {
    // As in c-gr: the first layer's x'd of both gradients are joined where products are.
    const Method& central = method("c-gr");
    const bool joined = expected_law(problem, central).saved == central.planned_law.saved;
    return {6, joined ? 3 : 2};
  }
  // A pass without the weights' gradients, 2L - 1, and its derivative along v: 2L - 1 for values,
  // 2L - 2 for cotangents, 2L - 1 for the weights' gradients. The cotangent of the first hidden
  // layer is needed for its second derivatives only, which piecewise linear activations lack.
  const std::string& activation = problem.options.activation;
  const bool linear = activation.starts_with("relu") || activation.starts_with("leaky_relu") ||
                      activation == "identity";
  return {8, linear && L > 1 && problem.model.buffer_info().empty() ? 6 : 5};
}

}  // namespace twice::experiments
