// Records, plans and trains the problems of the studies.
#include "experiments/studies/problems.h"

#include <cmath>
#include <numeric>

#include "autodiff/autodiff.h"

namespace twice::experiments {

namespace {

/// The random streams of a problem.
enum Use : std::uint64_t { inputs_use = 0x57D1, teacher_use, noise_use };

}  // namespace

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double norm(const Vector& a) { return std::sqrt(dot(a, a)); }

Vector moved(Vector a, double scale, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += scale * b[i];
  return a;
}

void assign(const std::vector<Array>& arrays, const Vector& numbers) {
  std::size_t next = 0;
  for (const Array& array : arrays)
    for (Index i = 0; i < array.elements(); ++i) array.set(i, numbers[next++]);
}

std::vector<Array> clone(const std::vector<Array>& arrays) {
  std::vector<Array> result;
  for (const Array& array : arrays) result.push_back(array.clone());
  return result;
}

SmallData teacher_data(Index samples, Index inputs, Index classes, double noise, std::uint64_t seed,
                       DType dtype) {
  const Rng rng(seed);
  // In f64, so that both dtypes have the same labels.
  Array x({samples, inputs}, DType::f64), map({inputs, classes}, DType::f64);
  fill_normal(rng.keyed(0, inputs_use), 0, 1, x);
  fill_normal(rng.keyed(0, teacher_use), 0, 1, map);
  Tape tape;
  const Array scores = evaluate(matmul(tape.constant(x), tape.constant(map)));
  Array labels({samples}, DType::i32);
  const Rng draw = rng.keyed(0, noise_use);
  for (Index i = 0; i < samples; ++i) {
    Index best = 0;
    for (Index c = 1; c < classes; ++c)
      if (scores.at(i * classes + c) > scores.at(i * classes + best)) best = c;
    const auto k = static_cast<std::uint64_t>(2 * i);
    if (draw.uniform(k) < noise)
      best = static_cast<Index>(draw.uniform(k + 1) * static_cast<double>(classes));
    labels.set(i, static_cast<double>(best));
  }
  return {x.cast(dtype), labels};
}

Model small_mlp(Index width) {
  return mlp({.inputs = 20, .width = width, .depth = 3, .outputs = 10, .activation = "tanh"});
}

PlannedMethod::PlannedMethod(const Model& model, const SmallData& like, Index rows,
                             std::vector<Array> parameters, const std::string& method_name,
                             const MethodOptions& options)
    : x_(tape_.input({rows, like.x.shape()[1]}, like.x.dtype())),
      y_(like.y.rank() == 1 ? tape_.labels({rows}) : tape_.input({rows, 1}, like.y.dtype())),
      estimate_(method(method_name)(
          [&](const Tensors& w) {
            const Tensor z = model(w, x_);
            return like.y.rank() == 1 ? cross_entropy(z, y_) : quarter_mse(z, y_);
          },
          model.parameters(tape_, parameters), options)),
      squared_norm_(twice::squared_norm(estimate_.plain)),
      gamma_(options.gamma),
      parameters_(std::move(parameters)),
      plan_({estimate_.loss, squared_norm_, estimate_.plain, estimate_.gradient},
            twice::method(method_name).plan) {}

Vector PlannedMethod::hvp() const {
  return estimated_hvp({flat(gradient()), flat(plain())}, gamma_);
}

RunOptions digits_run(const StudyContext& context, const std::string& activation,
                      std::uint64_t seed) {
  RunOptions options;
  options.width = context.count("width");
  options.depth = 3;
  options.activation = activation;
  options.epochs = context.count("epochs");
  options.seed = seed;
  complete(options, {"sgd"});
  return options;
}

double steps_of(const Problem& problem) {
  return static_cast<double>(problem.data.train.size() / problem.options.batch *
                             problem.options.epochs);
}

Measured train_run(StudyContext& context, const Problem& problem, const std::string& method_name,
                   ModelState* end) {
  Trainer trainer(problem, method(method_name));
  Measured run;
  Vector &accuracies = run["test accuracy"], &losses = run["test loss"],
         &norms = run["gradient norm"];
  try {
    while (!trainer.finished()) {
      const std::optional<EpochRecord> epoch = run_epoch(trainer, [&] { context.advance(); });
      if (!epoch) throw Stopped();
      accuracies.push_back(epoch->test_accuracy);
      losses.push_back(epoch->test_loss);
      norms.push_back(epoch->gradient_norm);
    }
  } catch (const RunFailure&) {
    context.advance(static_cast<double>(trainer.total_steps() - trainer.steps()));
  }
  for (auto& [name, numbers] : run)
    numbers.resize(static_cast<std::size_t>(problem.options.epochs), std::nan(""));
  if (end) *end = trainer.state();
  return run;
}

}  // namespace twice::experiments
