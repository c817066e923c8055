// Problems from options: the model, the loss and the data that they name.
#include "experiments/run/problem.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "autodiff/threads/threads.h"
#include "experiments/data/file_data.h"
#include "nn/models.h"

namespace twice::experiments {

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

void check_data(const Problem& problem) {
  const Dataset& train = problem.data.train;
  for (const Dataset* part : {&train, &problem.data.test})
    for (const auto& [name, array] : part->arrays)
      if (array.shape().rank() == 0 || array.shape()[0] != part->size())
        fail("data", "{}: '{}' is {}; expected {} rows, as many as '{}' has", part->name, name,
             str(array.shape()), part->size(), part->arrays[0].first);
  if (problem.options.batch > train.size())
    throw UsageError(fmt::format("--batch {} is more than the {} training examples of {}",
                                 problem.options.batch, train.size(), train.name));
}

/// The loss that the options name, or the one that fits the targets.
const LossEntry& loss_for(const RunOptions& options, const Dataset& train) {
  const bool classes = train.classes > 0;
  const LossEntry& loss = row_named("loss", registry().losses(),
                                    options.loss.value_or(classes ? "cross-entropy" : "mse"));
  if (classes ? !loss.takes_classes : !loss.takes_numbers)
    throw UsageError(fmt::format("--loss {} needs targets that are {}; those of {} are {}",
                                 loss.name, classes ? "numbers" : "classes", train.name,
                                 classes ? "classes" : "numbers"));
  return loss;
}

Problem checked(Problem problem) {
  const std::string& name = problem.options.problem;
  if (!problem.loss && !problem.own_loss) fail("problem", "{} has no loss; set `own_loss`", name);
  if (!problem.own_predictions != !problem.own_metrics)
    fail("problem", "{} needs `own_predictions` and `own_metrics`, or neither", name);
  if (problem.data.train.arrays.empty())
    fail("problem", "{} has no training examples; expected at least one array", name);
  if (problem.data.test.arrays.empty()) problem.data.test = problem.data.train;
  check_data(problem);
  check_memory(problem);
  return problem;
}

}  // namespace

std::string Problem::label() const {
  const std::string& activation = loss ? options.activation : model.activation();
  return fmt::format("{}-b{}{}{}-{}", model.architecture(), options.batch,
                     activation.empty() ? "" : "-", activation, options.dtype);
}

Tensor Problem::record_loss(const Tensors& w, const BatchTensors& batch, ForwardPass& pass) const {
  if (!own_loss) pass.predictions = model(w, batch.inputs(), pass);
  const Tensor value =
      own_loss ? own_loss(w, batch, pass) : loss->record(pass.predictions, batch.targets());
  if (const Tape& tape = value.tape(); value.shape().rank() != 0) {
    const ErrorPlace place(tape.node(value.index()).scope);
    fail("problem", "the loss of {} must be a scalar, such as a mean: it has shape {}, from {}",
         label(), str(value.shape()), tape.name(tape.node(value.index())));
  }
  return value;
}

Tensor Problem::record_predictions(const Tensors& w, const BatchTensors& batch,
                                   ForwardPass& pass) const {
  const Tensor value =
      own_predictions ? own_predictions(w, batch, pass) : model(w, batch.inputs(), pass);
  const Index rows = batch.inputs().shape()[0];
  if (value.shape().rank() == 0 || value.shape()[0] != rows)
    fail("problem", "the predictions of {} have shape {}; expected {} rows", label(),
         str(value.shape()), rows);
  return value;
}

Metrics Problem::metrics(const Array& predictions, const Dataset& examples) const {
  return own_metrics ? own_metrics(predictions, examples) : loss->metrics(predictions, examples);
}

BatchTensors Problem::batch_on(Tape& tape, Index rows, DType dtype) const {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, array] : data.train.arrays) {
    Shape shape = array.shape();
    shape[0] = rows;
    tensors.emplace_back(name,
                         tape.input(shape, is_float(array.dtype()) ? dtype : array.dtype(), name));
  }
  return BatchTensors(std::move(tensors));
}

namespace {

/// Examples of a file. The loss says whether its targets are classes or numbers.
DataSplit load_file(const RunOptions& options) {
  FileDataOptions asked;
  asked.file = options.data;
  asked.target = options.target.value_or("");
  asked.test_share = options.test_share;
  asked.seed = options.seed_of_split();
  if (options.input) asked.input = Shape(parsed_shape(*options.input));
  if (options.loss)
    asked.regression = !row_named("loss", registry().losses(), *options.loss).takes_classes;
  FileData data = read_file_data(asked);
  const std::string name = std::filesystem::path(options.data).filename().string();
  const auto part = [&](const FileData::Part& from) {
    return Dataset{
        name,
        {{"inputs", from.inputs}, {asked.regression ? "targets" : "labels", from.targets}},
        static_cast<int>(data.class_names.size())};
  };
  return {part(data.train),
          part(data.test),
          std::move(data.mean),
          std::move(data.stddev),
          std::move(data.input_names),
          std::move(data.target_names),
          std::move(data.class_names)};
}

}  // namespace

DataSplit load_data(const RunOptions& options) {
  const auto known = [&](const DataEntry& entry) { return entry.name == options.data; };
  if (std::ranges::none_of(registry().data(), known)) return load_file(options);
  const DataEntry& entry = row_named("data set", registry().data(), options.data);
  return entry.load(options, options.own_of(entry.name));
}

Problem make_problem(const RunOptions& options) {
  if (options.problem.empty()) return make_problem(options, load_data(options));
  const ProblemEntry& entry = row_named("problem", registry().problems(), options.problem);
  Problem problem = entry.make(options, options.own_of(entry.name));
  problem.options = options;
  return checked(std::move(problem));
}

Json config_of(const Problem& problem) {
  Json config = to_json(problem.options);
  const std::string& name = problem.options.problem;
  if (name.empty()) return config;
  config["problem"] = name;
  // What makes a problem of the registry; one that was built by hand has read none of it.
  if (std::ranges::find(registry().problems(), name, &ProblemEntry::name) ==
      registry().problems().end())
    for (const char* option : {"model", "width", "depth", "channels", "activation", "data", "loss",
                               "input", "classes", "target", "test-share", "split-seed", "augment"})
      config.erase(option);
  return config;
}

Problem completed(Problem problem, const std::vector<std::string>& methods) {
  RunOptions& options = problem.options;
  if (options.problem.empty() && problem.own_loss) options.problem = "own";
  for (const std::string& name : methods) method(name);  // throws where there is none
  options.methods = methods;
  complete(options, methods);
  options.threads = threads();
  return checked(std::move(problem));
}

Problem make_problem(const RunOptions& options, DataSplit data) {
  Problem problem{mlp(), std::move(data), options};
  check_data(problem);
  const Dataset& train = problem.data.train;
  problem.loss = &loss_for(options, train);
  if (train.classes > 0 && problem.loss->takes_numbers) {
    if (train.classes > 2)
      throw UsageError(fmt::format("--loss {} is for two classes; {} has {}", problem.loss->name,
                                   train.name, train.classes));
    for (Dataset* part : {&problem.data.train, &problem.data.test}) {
      part->arrays.at(1) = {"targets", part->targets().cast(DType::f32)};
      part->classes = 0;
    }
  }
  if (options.model == "dln" && train.classes > 0)
    throw UsageError(
        "--model dln is a regression on a vector and has no image classes to learn here: use mlp, "
        "cnn or resnet");
  try {
    const ModelEntry& entry = row_named("model", registry().models(), options.model);
    problem.model =
        entry.make(options, train, problem.loss->outputs(train), options.own_of(entry.name));
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  check_memory(problem);
  return problem;
}

Problem one_batch(const Problem& problem) {
  Problem result = problem;
  for (auto& [name, array] : result.data.train.arrays)
    array = array.sliced(0, 0, problem.options.batch);
  result.data.test = result.data.train;
  return result;
}

ModelState initial_state(const Model& model, std::uint64_t seed, DType dtype) {
  return {model.initial_parameters(Rng(seed), dtype), model.initial_buffers(dtype)};
}

ModelState cast(const ModelState& state, DType dtype) {
  ModelState result;
  for (const Array& a : state.parameters) result.parameters.push_back(a.cast(dtype));
  for (const Array& a : state.buffers) result.buffers.push_back(a.cast(dtype));
  for (const auto& [name, a] : *state.memory) result.memory->emplace(name, a.cast(dtype));
  return result;
}

}  // namespace twice::experiments
