// Subsets, steps, evaluation, curvature.
#include "experiments/studies/generalization_run.h"

#include <cmath>
#include <ctime>
#include <numeric>

#include "experiments/run/trainer.h"
#include "nn/losses.h"
#include "optim/curvature.h"

namespace twice::experiments {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
/// Takes the place of an epoch's number where a seed's images are drawn.
constexpr std::uint64_t draw_use = 0x9E4E;

Dataset subset(const Dataset& data, std::span<const std::int32_t> rows) {
  const Batch batch = make_batch(data, static_cast<Index>(rows.size()), DType::f32);
  gather(data, rows, batch);
  return {data.name, batch.images, batch.labels, data.classes};
}

/// Accuracy and mean loss in evaluation mode, at the parameters as they are at each call.
class Evaluator {
 public:
  Evaluator(const Problem& problem, const ModelState& state)
      : recorded_(record_evaluation(problem, state, rows)), plan_({recorded_.logits}) {}

  struct Result {
    double accuracy, loss;
  };
  Result operator()(const Dataset& data) {
    std::vector<std::int32_t> order(rows);
    Batch batch = make_batch(data, rows, DType::f32);
    Result result{0, 0};
    for (Index first = 0; first < data.size(); first += rows) {
      const Index count = std::min(rows, data.size() - first);
      // The last group is filled up with repeats, which do not count.
      for (Index i = 0; i < rows; ++i)
        order[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(first + (i < count ? i : 0));
      gather(data, order, batch);
      plan_.run({{recorded_.x, batch.images}});
      const Array logits = plan_.value(recorded_.logits).sliced(0, 0, count),
                  labels = batch.labels.sliced(0, 0, count);
      result.accuracy += static_cast<double>(count_correct(logits, labels));
      result.loss += total_cross_entropy(logits, labels);
    }
    const auto n = static_cast<double>(data.size());
    return {result.accuracy / n, result.loss / n};
  }

 private:
  static constexpr Index rows = 200;
  RecordedEvaluation recorded_;
  Plan plan_;
};

/// CPU time of this thread, which is that of a run: it does not grow while others have the core.
double thread_seconds() {
  std::timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void measure_curvature(const Problem& problem, const ModelState& state, GeneralizationRun& run) {
  Problem large = problem;
  large.options.batch = static_cast<int>(std::min<Index>(256, problem.data.train.size()));
  const RecordedStep step = record_step(large, method("sgd"), state);
  const Batch batch = consecutive(large.data.train, 0, large.options.batch, DType::f32);
  const MatVec hessian =
      hessian_matvec(step.estimate.loss, step.w, {{step.x, batch.images}, {step.y, batch.labels}});
  const Rng rng(problem.options.seed);
  const LanczosResult ends =
      lanczos(hessian, state.parameters, rng, {.products = 25, .tolerance = 1e-3});
  const TraceEstimate trace = hutchinson_trace(hessian, state.parameters, rng, 10);
  run.top = ends.top.value;
  run.top_residual = ends.top.residual;
  run.trace = trace.trace;
  run.trace_error = trace.standard_error;
}

}  // namespace

ImagePool::ImagePool(const std::string& data) {
  try {
    all_ = load_data(data);
  } catch (const Error& error) {
    throw Error(fmt::format("{}; --{} 0 leaves this data set out", error.what(), data));
  }
}

DataSplit ImagePool::draw(std::uint64_t seed, Index train, Index validation) const {
  if (train + validation > size())
    throw UsageError(
        fmt::format("--train-images {} and --validation-images {} are more than the {} training "
                    "images of {}",
                    train, validation, size(), all_.train.name));
  const std::vector<std::int32_t> order = epoch_order(seed, draw_use, size());
  const std::span<const std::int32_t> rows(order);
  const auto n = static_cast<std::size_t>(train);
  return {subset(all_.train, rows.first(n)),
          subset(all_.train, rows.subspan(n, static_cast<std::size_t>(validation))), all_.mean,
          all_.stddev};
}

RunOptions generalization_options(const StudyContext& context, const Arena& arena,
                                  std::uint64_t seed) {
  RunOptions options;
  options.model = arena.model;
  options.data = arena.data;
  if (arena.model == "mlp") {
    options.width = context.count("width");
    options.depth = 3;
  } else {
    options.channels = context.count("channels");
  }
  if (!context.flag("augment"))
    options.augment = "none";
  else if (arena.data == "cifar10")
    options.augment = "crop-flip";
  options.batch = context.count("batch");
  options.epochs = context.count("epochs");
  options.lr = context.number(arena.model + "-lr");
  options.weight_decay = 1e-4;
  options.seed = seed;
  complete(options, {"sgd"});
  return options;
}

double generalization_steps(const StudyContext& context) {
  return std::floor(context.number("train-images") / context.number("batch")) *
         context.number("epochs");
}

GeneralizationRun generalization_run(StudyContext& context, const ImagePool& pool,
                                     const Arena& arena, const GridSetting& setting,
                                     std::uint64_t seed, bool curvature) {
  RunOptions options = generalization_options(context, arena, seed);
  options.regularization.gamma = setting.gamma;
  if (setting.epsilon > 0) options.regularization.epsilon = setting.epsilon;
  const Problem problem = make_problem(
      options, pool.draw(seed, context.count("train-images"), context.count("validation-images")));
  Trainer trainer(problem, method(setting.method));
  Evaluator evaluate(problem, trainer.state());
  GeneralizationRun run{{}, {}, none, none, none, none, none, none, none, none};
  try {
    double seconds = 0;
    while (!trainer.finished()) {
      const double start = thread_seconds();
      trainer.step();
      seconds += thread_seconds() - start;
      context.advance();
      if (trainer.steps() % trainer.steps_per_epoch() != 0) continue;
      run.validation.push_back(evaluate(problem.data.test).accuracy);
      run.seconds.push_back(seconds);
    }
  } catch (const RunFailure&) {
    context.advance(static_cast<double>(trainer.total_steps() - trainer.steps()));
    run.validation.resize(static_cast<std::size_t>(options.epochs), none);
    run.seconds.resize(static_cast<std::size_t>(options.epochs), none);
    return run;
  }
  const Evaluator::Result test = evaluate(pool.test());
  run.test_accuracy = test.accuracy;
  run.test_loss = test.loss;
  run.train_accuracy = evaluate(problem.data.train).accuracy;
  run.gradient_norm = trainer.finish_epoch().gradient_norm;
  if (curvature) measure_curvature(problem, trainer.state(), run);
  return run;
}

}  // namespace twice::experiments
