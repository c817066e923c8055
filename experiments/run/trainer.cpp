// Steps, evaluation and the gradient norm of a run; its checkpoints, written and read back with
// every check.
#include "experiments/run/trainer.h"

#include <chrono>
#include <cmath>

#include "autodiff/kernels/reduce.h"
#include "autodiff/threads/parallel.h"
#include "experiments/files/safetensors.h"
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

constexpr const char* checkpoint_format = "twice checkpoint 1";
constexpr const char* memory_prefix = "optimizer.";

using NamedArrays = std::vector<std::pair<std::string, Array>>;

/// The numbers of a model under their names in checkpoints.
NamedArrays named(const Model& model, const ModelState& state) {
  NamedArrays result;
  for (std::size_t i = 0; i < state.parameters.size(); ++i)
    result.emplace_back("parameter." + model.parameter_info()[i].name, state.parameters[i]);
  for (std::size_t i = 0; i < state.buffers.size(); ++i)
    result.emplace_back("buffer." + model.buffer_info()[i].name, state.buffers[i]);
  return result;
}

/// A file that is known to be a checkpoint.
struct Checkpoint {
  explicit Checkpoint(const std::filesystem::path& path)
      : name(path.string()), file(read_safetensors(path)) {
    const auto format = file.metadata.find("format");
    if (format == file.metadata.end() || format->second != checkpoint_format)
      fail("checkpoint", "{} is no checkpoint of `twice train`: expected the format '{}'", name,
           checkpoint_format);
  }

  /// A note of the metadata, which is JSON.
  Json note(const std::string& key) const {
    const auto found = file.metadata.find(key);
    const Json json = found == file.metadata.end() ? Json() : Json::parse_or_null(found->second);
    if (json.is_null()) fail("checkpoint", "{}: the note '{}' is missing or damaged", name, key);
    return json;
  }

  /// Copies the numbers of the model over those of `state`, which keep their memory.
  void take(const Model& model, const ModelState& state) const {
    for (const auto& [key, target] : named(model, state)) {
      if (!file.contains(key))
        fail("checkpoint", "{} lacks '{}': it is of another model", name, key);
      const Array& found = file.at(key);
      if (!(found.shape() == target.shape()) || found.dtype() != target.dtype())
        fail("checkpoint", "{}: '{}' is {} {}, expected {} {}", name, key, str(found.dtype()),
             str(found.shape()), str(target.dtype()), str(target.shape()));
      copy(found, target);
    }
  }

  std::string name;
  TensorFile file;
};

}  // namespace

Trainer::Trainer(const Problem& problem, const Method& method)
    : problem_(problem),
      method_(method),
      state_(initial_state(problem.model, problem.options.seed_of_weights(),
                           problem.options.number_type())),
      recorded_(record_step(problem, method, state_)),
      plan_(plan_step(recorded_, problem.options, method)),
      optimizer_(optimizer_options(problem.options)),
      batches_(problem.data.train, problem.options.batch, problem.options.number_type(),
               problem.options.seed_of_data(), augmentation_named(problem.options.augment),
               background(problem.data)),
      evaluation_(record_evaluation(problem, state_, rows_of_evaluation(problem))),
      evaluation_plan_({evaluation_.logits}),
      plain_(record_step(problem, twice::method("sgd"), state_)),
      plain_plan_({plain_.estimate.gradient}),
      gradient_(plan_.values(recorded_.estimate.gradient)),
      steps_per_epoch_(batches_.per_epoch()) {}

void Trainer::update() {
  optimizer_.update(state_.parameters, gradient_,
                    learning_rate(schedule_options(problem_.options), steps(), total_steps()));
}

void Trainer::run_and_update() {
  plan_.run();
  update();
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
  update();
  for (std::size_t i = 0; i < recorded_.updated.size(); ++i)
    copy(plan_.value(recorded_.updated[i]), state_.buffers[i]);
  epoch_.loss_sum += loss;
  epoch_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return loss;
}

Trainer::Evaluation Trainer::evaluate(const Dataset& data) {
  const Index rows = evaluation_.x.size(0);
  Batch batch = make_batch(data, rows, problem_.options.number_type());
  std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
  Evaluation result;
  for (Index first = 0; first < data.size(); first += rows) {
    const Index count = std::min(rows, data.size() - first);
    for (Index i = 0; i < rows; ++i)
      order[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(first + (i < count ? i : 0));
    gather(data, order, batch);
    evaluation_plan_.run({{evaluation_.x, batch.images}});
    const Array logits = evaluation_plan_.value(evaluation_.logits).sliced(0, 0, count);
    const Array labels = batch.labels.sliced(0, 0, count);
    result.accuracy += static_cast<double>(count_correct(logits, labels));
    result.loss += total_cross_entropy(logits, labels);
  }
  const auto count = static_cast<double>(data.size());
  return {result.loss / count, result.accuracy / count};
}

EpochRecord Trainer::finish_epoch() {
  const Evaluation test = evaluate(problem_.data.test);
  EpochRecord record;
  record.epoch = static_cast<int>(steps() / steps_per_epoch_);
  record.test_loss = test.loss;
  record.test_accuracy = test.accuracy;
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

void write_checkpoint(const std::filesystem::path& file, Trainer& trainer,
                      const RunHistory& history) {
  const Model& model = trainer.problem().model;
  const ModelState& state = trainer.state();
  for (std::size_t i = 0; i < state.parameters.size(); ++i)
    if (!kernel::all_finite(state.parameters[i]))
      throw RunFailure(fmt::format(
          "[{}] step {}: the update of {} overflowed: it is not finite. {} "
          "is not written; try a smaller --lr",
          trainer.method().name, trainer.steps(), model.parameter_info()[i].name, file.string()));
  TensorFile result{named(model, state),
                    {{"format", checkpoint_format},
                     {"config", history.config.dump()},
                     {"step", Json(trainer.steps()).dump()},
                     {"curve", Json(history.curve).dump()},
                     {"epoch", Json(trainer.epoch_progress()).dump()}}};
  for (const auto& [name, array] : trainer.optimizer().state())
    result.tensors.emplace_back(memory_prefix + name, array);
  write_safetensors(file, result);
}

Json checkpoint_config(const std::filesystem::path& file) {
  return Checkpoint(file).note("config");
}

RunHistory read_checkpoint(const std::filesystem::path& file, Trainer& trainer) {
  const Checkpoint from(file);
  NamedArrays memory;
  for (const auto& [name, array] : from.file.tensors)
    if (name.starts_with(memory_prefix))
      memory.emplace_back(name.substr(std::string_view(memory_prefix).size()), array);
  const Json curve = from.note("curve"), epoch = from.note("epoch"), step = from.note("step");
  RunHistory history{from.note("config"), {}};
  try {
    curve.get_to(history.curve);
    trainer.set_epoch_progress(epoch);
    trainer.optimizer().restore(memory, step.get<std::int64_t>());
  } catch (const Error& error) {
    fail("checkpoint", "{}: its state is damaged: {}", from.name, error.what());
  }
  const Index epochs = trainer.steps() / trainer.steps_per_epoch();
  if (trainer.steps() > trainer.total_steps() ||
      history.curve.size() != static_cast<std::size_t>(epochs))
    fail("checkpoint",
         "{}: step {} and a curve of {} epochs are no state of a run of {} steps in {} epochs",
         from.name, trainer.steps(), history.curve.size(), trainer.total_steps(),
         trainer.problem().options.epochs);
  from.take(trainer.problem().model, trainer.state());
  return history;
}

ModelState read_model_state(const std::filesystem::path& file, const Model& model) {
  const Checkpoint from(file);
  const std::string first = "parameter." + model.parameter_info().at(0).name;
  const DType dtype = from.file.contains(first) ? from.file.at(first).dtype() : DType::f32;
  ModelState state = initial_state(model, 0, dtype);
  from.take(model, state);
  return state;
}

}  // namespace twice::experiments
