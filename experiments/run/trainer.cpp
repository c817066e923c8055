// Steps, evaluation and the gradient norm of a run.
#include "experiments/run/trainer.h"

#include <chrono>
#include <cmath>

#include "autodiff/kernels/reduce.h"
#include "autodiff/threads/parallel.h"
#include "experiments/files/json.h"
#include "experiments/run/stop.h"
#include "nn/losses.h"
#include "optim/clipping.h"

namespace twice::experiments {

namespace {

/// A pixel of no intensity, as standardisation makes it.
std::vector<double> background(const DataSplit& data) {
  std::vector<double> result;
  for (std::size_t c = 0; c < data.mean.size(); ++c)
    result.push_back(-data.mean[c] / data.stddev[c]);
  return result;
}

// Images that are evaluated at once; the last group is filled up with repeats of its first row.
constexpr Index evaluation_rows = 256;

Index rows_of_evaluation(const Problem& problem) {
  return std::min(evaluation_rows, problem.data.test.size());
}

}  // namespace

Json to_json(const EpochRecord& r) {
  return {{"epoch", r.epoch},
          {"train_loss", r.train_loss},
          {"loss", r.test_loss},
          {"test_accuracy", r.test_accuracy},
          {"gradient_norm", r.gradient_norm},
          {"seconds", r.seconds}};
}

EpochRecord epoch_record(const Json& json) {
  // JSON has no NaN and no infinity: both are written as null.
  const auto number = [&](const char* name) {
    const Json& value = json.at(name);
    return value.is_null() ? std::nan("") : value.get<double>();
  };
  return {json.at("epoch"),        number("train_loss"),    number("loss"),
          number("test_accuracy"), number("gradient_norm"), number("seconds")};
}

Trainer::Trainer(const Problem& problem, const Method& method)
    : problem_(problem),
      method_(method),
      state_(initial_state(problem.model, problem.options.seed, problem.options.number_type())),
      recorded_(record_step(problem, method, state_)),
      plan_(plan_step(recorded_, problem.options, method)),
      optimizer_(optimizer_options(problem.options)),
      batches_(problem.data.train, problem.options.batch, problem.options.number_type(),
               problem.options.seed, augmentation_named(problem.options.augment),
               background(problem.data)),
      evaluation_(record_evaluation(problem, state_, rows_of_evaluation(problem))),
      evaluation_plan_({evaluation_.logits}),
      plain_(record_step(problem, twice::method("sgd"), state_)),
      plain_plan_({plain_.estimate.gradient}),
      gradient_(plan_.values(recorded_.estimate.gradient)),
      steps_per_epoch_(batches_.per_epoch()) {}

void Trainer::run_and_update() {
  plan_.run();
  const ScheduleOptions schedule = schedule_options(problem_.options);
  optimizer_.update(state_.parameters, gradient_,
                    learning_rate(schedule, optimizer_.steps(), total_steps()));
}

double Trainer::step() {
  const auto start = std::chrono::steady_clock::now();
  const Batch& batch = batches_.at(steps());
  plan_.run({{recorded_.x, batch.images}, {recorded_.y, batch.labels}});
  const double loss = plan_.value(recorded_.estimate.loss).item();
  bool finite = std::isfinite(loss);
  for (const Array& g : gradient_) finite = finite && kernel::all_finite(g);
  if (!finite) {
    const std::optional<NonFinite> cause = plan_.first_non_finite();
    throw RunFailure(
        fmt::format("[{}] step {} (epoch {}): {}; loss {}. The state before the step "
                    "is unchanged; try a smaller --lr, --gamma or --epsilon",
                    method_.name, steps() + 1, steps() / steps_per_epoch_ + 1,
                    cause ? str(*cause) : "a value was not finite", loss));
  }
  if (problem_.options.clip > 0) clip_by_global_norm(gradient_, problem_.options.clip);
  const double lr = learning_rate(schedule_options(problem_.options), steps(), total_steps());
  optimizer_.update(state_.parameters, gradient_, lr);
  for (std::size_t i = 0; i < recorded_.updated.size(); ++i)
    copy(plan_.value(recorded_.updated[i]), state_.buffers[i]);
  epoch_.loss_sum += loss;
  epoch_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return loss;
}

EpochRecord Trainer::finish_epoch() {
  const Dataset& test = problem_.data.test;
  const Index rows = evaluation_.x.size(0);
  EpochRecord record;
  record.epoch = static_cast<int>(steps() / steps_per_epoch_);
  Batch batch = make_batch(test, rows, problem_.options.number_type());
  std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
  Index correct = 0;
  for (Index first = 0; first < test.size(); first += rows) {
    const Index count = std::min(rows, test.size() - first);
    for (Index i = 0; i < rows; ++i)
      order[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(first + (i < count ? i : 0));
    gather(test, order, batch);
    evaluation_plan_.run({{evaluation_.x, batch.images}});
    const Array logits = evaluation_plan_.value(evaluation_.logits).sliced(0, 0, count);
    const Array labels = batch.labels.sliced(0, 0, count);
    correct += count_correct(logits, labels);
    record.test_loss += total_cross_entropy(logits, labels);
  }
  record.test_loss /= static_cast<double>(test.size());
  record.test_accuracy = static_cast<double>(correct) / static_cast<double>(test.size());
  record.gradient_norm = gradient_norm();
  record.train_loss = epoch_.loss_sum / static_cast<double>(steps_per_epoch_);
  record.seconds = epoch_.seconds;
  epoch_ = {};
  return record;
}

double Trainer::gradient_norm() {
  const Index rows = problem_.options.batch;
  const Index count =
      std::max<Index>(1, std::min(problem_.data.train.size(), gradient_norm_images) / rows);
  std::vector<Array> sum;
  for (Index b = 0; b < count; ++b) {
    const Batch batch =
        consecutive(problem_.data.train, b * rows, rows, problem_.options.number_type());
    plain_plan_.run({{plain_.x, batch.images}, {plain_.y, batch.labels}});
    const std::vector<Array> g = plain_plan_.values(plain_.estimate.gradient);
    for (std::size_t i = 0; i < g.size(); ++i) {
      if (b == 0) sum.push_back(Array::zeros(g[i].shape(), DType::f64));
      visit_float(g[i].dtype(), [&]<class T>(T) {
        double* total = sum[i].data<double>();
        const T* part = g[i].data<T>();
        parallel_ranges(g[i].elements(), elements_per_tile, [&](Index first, Index last) {
          for (Index k = first; k < last; ++k) total[k] += static_cast<double>(part[k]);
        });
      });
    }
  }
  return global_norm(sum) / static_cast<double>(count);
}

std::optional<EpochRecord> run_epoch(Trainer& trainer, const std::function<void()>& after_step) {
  const Index last = (trainer.steps() / trainer.steps_per_epoch() + 1) * trainer.steps_per_epoch();
  while (trainer.steps() < last) {
    if (stop_requested()) return std::nullopt;
    trainer.step();
    after_step();
  }
  return trainer.finish_epoch();
}

}  // namespace twice::experiments
