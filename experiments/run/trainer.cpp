// Takes the steps of a run, evaluates it, computes the gradient norm, and writes, reads and checks
// checkpoints.
#include "experiments/run/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "autodiff/kernels/reduce.h"
#include "autodiff/threads/parallel.h"
#include "experiments/files/words.h"
#include "experiments/run/stop.h"
#include "optim/clipping.h"

namespace twice::experiments {

namespace {

/// A pixel of intensity 0 after standardisation.
std::vector<double> background(const DataSplit& data) {
  std::vector<double> result;
  for (std::size_t c = 0; c < data.mean.size(); ++c)
    result.push_back(-data.mean[c] / data.stddev[c]);
  return result;
}

/// The number of examples that are evaluated at once.
Index rows_of_evaluation(const Problem& problem) {
  constexpr Index most = 256;
  return std::min(problem.has_predictions() ? most : Index{problem.options.batch},
                  problem.data.test.size());
}

constexpr const char* validation_prefix = "validation_";

constexpr const char* checkpoint_format = "twice checkpoint 1";
constexpr const char* memory_prefix = "optimizer.";
constexpr const char* method_prefix = "method.";

/// The arrays of a model and of a method, by their names in checkpoints.
NamedArrays named(const Model& model, const ModelState& state) {
  NamedArrays result;
  for (std::size_t i = 0; i < state.parameters.size(); ++i)
    result.emplace_back("parameter." + model.parameter_info()[i].name, state.parameters[i]);
  for (std::size_t i = 0; i < state.buffers.size(); ++i)
    result.emplace_back("buffer." + model.buffer_info()[i].name, state.buffers[i]);
  for (const auto& [name, array] : *state.memory) result.emplace_back(method_prefix + name, array);
  return result;
}

/// Copies arrays of a file, of any floating-point type, into those of a model.
void take(const TensorFile& file, const std::string& name, const Model& model,
          const ModelState& state) {
  for (const auto& [key, target] : named(model, state)) {
    const std::string plain = key.substr(key.find('.') + 1),
                      &own = file.contains(key) ? key : plain,
                      expected = fmt::format("{} {}", str(target.dtype()), str(target.shape()));
    if (!file.contains(own)) fail("weights", "{} lacks '{}'; expected {}", name, plain, expected);
    const Array& found = file.at(own);
    if (found.shape() != target.shape() || !is_float(found.dtype()))
      fail("weights", "{}: '{}' is {} {}; expected {}", name, plain, str(found.dtype()),
           str(found.shape()), expected);
    copy(found.cast(target.dtype()), target);
  }
}

/// A file that has the format of a checkpoint.
struct Checkpoint {
  explicit Checkpoint(const std::filesystem::path& path)
      : name(path.string()), file(read_safetensors(path)) {
    const auto format = file.metadata.find("format");
    if (format == file.metadata.end() || format->second != checkpoint_format)
      fail("checkpoint", "{} is not a checkpoint of `twice train`: expected the format '{}'", name,
           checkpoint_format);
  }

  /// An entry of the metadata, parsed as JSON.
  Json note(const std::string& key) const {
    const auto found = file.metadata.find(key);
    const Json json = found == file.metadata.end() ? Json() : Json::parse_or_null(found->second);
    if (json.is_null()) fail("checkpoint", "{}: the note '{}' is missing or damaged", name, key);
    return json;
  }

  RunHistory history() const {
    RunHistory result{note("config"), {}};
    try {
      note("curve").get_to(result.curve);
    } catch (const JsonError& error) {
      fail("checkpoint", "{}: its state is damaged: {}", name, error.what());
    }
    for (const auto& [key, value] : {std::pair{"data", &result.data}, {"kernels", &result.kernels}})
      if (file.metadata.contains(key)) *value = Json::parse_or_null(file.metadata.at(key));
    return result;
  }

  std::string name;
  TensorFile file;
};

}  // namespace

Trainer::Trainer(const Problem& problem, const Method& method)
    : problem_(problem),
      method_(method),
      state_(starting_state(problem)),
      optimizer_(optimizer_options(problem.options)),
      batches_(problem.data.train, problem.options.batch, problem.options.number_type(),
               problem.options.seed_of_data(), problem.options.augment, background(problem.data)),
      plain_(record_step(problem, twice::method("sgd"), state_)),
      plain_plan_({plain_.estimate.gradient}),
      steps_per_epoch_(batches_.per_epoch()) {
  // Made now, so that errors of the problem come before the first step.
  const Index most = rows_of_evaluation(problem);
  evaluation(most);
  for (const Dataset* part : {&problem.data.test, &problem.data.validation})
    if (!problem.has_predictions() && !part->arrays.empty() && part->size() % most > 0)
      evaluation(part->size() % most);
  for (int program = 0; program < method.programs; ++program) {
    recorded_.push_back(record_step(problem, method, state_, program));
    plans_.push_back(plan_step(recorded_.back(), problem.options, method));
  }
}

std::vector<const Plan*> Trainer::plans() const {
  std::vector<const Plan*> plans;
  for (const Plan& plan : plans_) plans.push_back(&plan);
  return plans;
}

double Trainer::step() {
  const auto start = std::chrono::steady_clock::now();
  const auto which = static_cast<std::size_t>(program_of(problem_, method_, steps()));
  Plan& plan = plans_[which];
  const RecordedStep& recorded = recorded_[which];
  plan.run(recorded.bind(batches_.at(steps()), steps()));
  const double loss = plan.value(recorded.estimate.loss).item();
  const std::vector<Array> gradient = plan.values(recorded.estimate.gradient);
  bool finite = std::isfinite(loss);
  for (const Array& g : gradient) finite = finite && kernel::all_finite(g);
  if (!finite) {
    const std::optional<NonFinite> cause = plan.first_non_finite();
    // Only what can matter: no update precedes the first step.
    std::string smaller = steps() > 0 ? "--lr" : "";
    for (const std::string option : {"gamma", "epsilon", "rho"})
      if (listed(method_.options, option)) smaller += (smaller.empty() ? "--" : ", --") + option;
    if (const std::size_t last = smaller.rfind(", "); last != smaller.npos)
      smaller.replace(last, 2, " or ");
    throw RunFailure(fmt::format(
        "[{}] step {} (epoch {}): {}; loss {}. The state before the step is unchanged{}{}",
        method_.name, steps() + 1, steps() / steps_per_epoch_ + 1,
        cause ? str(*cause) : "a value was not finite",
        std::isnan(loss) ? std::nan("") : loss,  // without a sign
        smaller.empty() ? "" : "; try a smaller ", smaller));
  }
  if (problem_.options.clip > 0) clip_by_global_norm(gradient, problem_.options.clip);
  optimizer_.update(state_.parameters, gradient,
                    learning_rate(schedule_options(problem_.options), steps(), total_steps()));
  recorded.carry(plan);
  epoch_.loss_sum += loss;
  epoch_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return loss;
}

Trainer::Evaluation& Trainer::evaluation(Index rows) {
  const auto found = evaluations_.find(rows);
  if (found != evaluations_.end()) return found->second;
  const ErrorPlace place(
      std::make_shared<const std::string>(fmt::format("the evaluation of {} examples", rows)));
  RecordedEvaluation recorded = record_evaluation(problem_, state_, rows);
  Plan plan({recorded.result});
  return evaluations_.emplace(rows, Evaluation{std::move(recorded), std::move(plan)}).first->second;
}

template <class Use>
void Trainer::evaluate_batches(const Dataset& data, const Use& use) {
  const Index most = rows_of_evaluation(problem_);
  Dataset batch;
  std::vector<std::int32_t> order;
  for (Index first = 0; first < data.size(); first += most) {
    const Index count = std::min(most, data.size() - first);
    // A loss is a mean over its rows, so the last batch has only those that are left. A batch of
    // predictions is filled with copies of its first row.
    const Index rows = problem_.has_predictions() ? most : count;
    if (batch.arrays.empty() || batch.size() != rows)
      batch = make_batch(data, rows, problem_.options.number_type());
    order.resize(static_cast<std::size_t>(rows));
    for (Index i = 0; i < rows; ++i)
      order[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(first + (i < count ? i : 0));
    gather(data, order, batch);
    Evaluation& used = evaluation(rows);
    used.plan.run(used.recorded.bind(batch));
    use(used.plan.value(used.recorded.result), first, count);
  }
}

Array Trainer::predict(const Dataset& data) {
  const Tensor result = evaluation(rows_of_evaluation(problem_)).recorded.result;
  Shape shape = result.shape();
  shape[0] = data.size();
  const Array all(shape, result.dtype());
  evaluate_batches(data, [&](const Array& part, Index first, Index count) {
    copy(part.sliced(0, 0, count), all.sliced(0, first, count));
  });
  return all;
}

Metrics Trainer::evaluate(const Dataset& data) {
  if (problem_.has_predictions()) return problem_.metrics(predict(data), data);
  double sum = 0;
  evaluate_batches(data, [&](const Array& loss, Index, Index count) {
    sum += loss.item() * static_cast<double>(count);
  });
  return {{"loss", sum / static_cast<double>(data.size())}};
}

EpochRecord Trainer::finish_epoch() {
  EpochRecord record;
  record.epoch = static_cast<int>(steps() / steps_per_epoch_);
  record.metrics = evaluate(problem_.data.test);
  const auto take = [&](const char* name) {
    const auto found = record.metrics.extract(name);
    return found ? found.mapped() : std::nan("");
  };
  record.test_loss = take("loss");
  record.test_accuracy = take("accuracy");
  if (!problem_.data.validation.arrays.empty())
    for (const auto& [name, value] : evaluate(problem_.data.validation))
      record.metrics[validation_prefix + name] = value;
  record.gradient_norm = gradient_norm();
  record.train_loss = epoch_.loss_sum / static_cast<double>(steps_per_epoch_);
  record.seconds = epoch_.seconds;
  epoch_ = {};
  return record;
}

double Trainer::gradient_norm() {
  const Index rows = problem_.options.batch;
  const Index count =
      std::max<Index>(1, std::min(problem_.data.train.size(), gradient_norm_examples) / rows);
  std::vector<Array> sum;
  for (Index b = 0; b < count; ++b) {
    plain_plan_.run(plain_.bind(
        consecutive(problem_.data.train, b * rows, rows, problem_.options.number_type())));
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

int best_epoch(const std::vector<EpochRecord>& curve) {
  int best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (const EpochRecord& record : curve) {
    const auto accuracy = record.metrics.find("validation_accuracy"),
               loss = record.metrics.find("validation_loss"), none = record.metrics.end();
    const double value = accuracy != none ? accuracy->second : loss != none ? -loss->second : NAN;
    if (value > highest) best = record.epoch, highest = value;
  }
  return best;
}

NamedArrays checkpoint_arrays(Trainer& trainer) {
  const Model& model = trainer.problem().model;
  const ModelState& state = trainer.state();
  for (std::size_t i = 0; i < state.parameters.size(); ++i)
    if (!kernel::all_finite(state.parameters[i]))
      throw RunFailure(fmt::format(
          "[{}] step {}: the update of {} overflowed: it is not finite. No checkpoint is written; "
          "try a smaller --lr",
          trainer.method().name, trainer.steps(), model.parameter_info()[i].name));
  NamedArrays result = named(model, state);
  for (const auto& [name, array] : trainer.optimizer().state())
    result.emplace_back(memory_prefix + name, array);
  return result;
}

std::map<std::string, std::string> checkpoint_notes(Index steps, const EpochProgress& progress,
                                                    const RunHistory& history) {
  return {{"format", checkpoint_format},      {"config", history.config.dump()},
          {"step", Json(steps).dump()},       {"curve", Json(history.curve).dump()},
          {"epoch", Json(progress).dump()},   {"data", history.data.dump()},
          {"kernels", history.kernels.dump()}};
}

TensorFile checkpoint_of(Trainer& trainer, const RunHistory& history) {
  return {checkpoint_arrays(trainer),
          checkpoint_notes(trainer.steps(), trainer.epoch_progress(), history)};
}

RunHistory checkpoint_history(const std::filesystem::path& file) {
  return Checkpoint(file).history();
}

RunHistory read_checkpoint(const std::filesystem::path& file, Trainer& trainer) {
  const Checkpoint from(file);
  NamedArrays memory;
  for (const auto& [name, array] : from.file.tensors)
    if (name.starts_with(memory_prefix))
      memory.emplace_back(name.substr(std::string_view(memory_prefix).size()), array);
  const Json epoch = from.note("epoch"), step = from.note("step");
  RunHistory history = from.history();
  try {
    epoch.get_to(trainer.epoch_progress());
    trainer.optimizer().restore(memory, step.get<std::int64_t>());
  } catch (const Error& error) {
    fail("checkpoint", "{}: its state is damaged: {}", from.name, error.what());
  }
  const Index epochs = trainer.steps() / trainer.steps_per_epoch();
  if (trainer.steps() > trainer.total_steps() ||
      history.curve.size() != static_cast<std::size_t>(epochs))
    fail("checkpoint",
         "{}: step {} and a curve of {} epochs do not fit a run of {} steps in {} epochs",
         from.name, trainer.steps(), history.curve.size(), trainer.total_steps(),
         trainer.problem().options.epochs);
  take(from.file, from.name, trainer.problem().model, trainer.state());
  return history;
}

void read_weights(const std::filesystem::path& file, const Model& model, const ModelState& state) {
  take(read_safetensors(file), file.string(), model, state);
}

ModelState starting_state(const Problem& problem) {
  const RunOptions& options = problem.options;
  ModelState state = initial_state(problem.model, options.seed_of_weights(), options.number_type());
  if (options.init) read_weights(*options.init, problem.model, state);
  return state;
}

}  // namespace twice::experiments
