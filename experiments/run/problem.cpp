// Makes problems from options, which name the model, the loss and the data.
#include "experiments/run/problem.h"

#include <numeric>
#include <set>

#include "autodiff/threads/threads.h"
#include "experiments/data/batches.h"
#include "experiments/data/file_data.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/files/words.h"
#include "experiments/run/machine.h"
#include "nn/models.h"

namespace twice::experiments {

namespace {

/// The shape of an example.
std::vector<Index> shape_of_one(const Array& array) {
  return {array.shape().begin() + 1, array.shape().end()};
}

/// Refuses a model that cannot fit in memory. Otherwise the system would kill the program.
void check_memory(const Problem& problem) {
  constexpr double gib = 1 << 30;
  const double numbers = static_cast<double>(problem.model.parameter_count()),
               bytes = 2 * numbers * (problem.options.number_type() == DType::f64 ? 8 : 4);
  if (bytes > memory_bytes())
    fail("model",
         "{} has {:.3g} parameters: {:.3g} GiB with their gradient alone; this machine has "
         "{:.3g} GiB of memory",
         problem.model.name(), numbers, bytes / gib, memory_bytes() / gib);
}

/// The names of arrays, and the dtype and shape of one example of each.
std::string examples_text(const Dataset& part) {
  std::string text;
  for (const auto& [name, array] : part.arrays)
    text += fmt::format("{}'{}' {} {}", text.empty() ? "" : ", ", name, str(array.dtype()),
                        str(Shape(shape_of_one(array))));
  return text.empty() ? "no arrays" : text;
}

/// Parts without arrays are allowed, except for training.
void check_data(const Problem& problem) {
  const Dataset& train = problem.data.train;
  for (const Dataset* part : {&train, &problem.data.test, &problem.data.validation}) {
    std::set<std::string> names;
    for (const auto& [name, array] : part->arrays) {
      if (!names.insert(name).second)
        fail("data", "{}: two arrays have the name '{}'", part->name, name);
      if (array.shape().rank() == 0 || array.shape()[0] != part->size())
        fail("data", "{}: '{}' is {}; expected {} rows, as many as '{}' has", part->name, name,
             str(array.shape()), part->size(), part->arrays[0].first);
    }
    // Evaluation binds the arrays of a part in the order of the training arrays.
    if (!part->arrays.empty() && examples_text(*part) != examples_text(train))
      fail("data", "{}: the {} examples have {}; expected {}, as in training", train.name,
           part == &problem.data.test ? "test" : "validation", examples_text(*part),
           examples_text(train));
  }
  if (problem.options.batch > train.size())
    throw UsageError(fmt::format("--batch {} is more than the {} training examples of {}",
                                 problem.options.batch, train.size(), train.name));
}

/// Whether the value was computed from any of these.
bool depends_on(Tensor value, const Tensors& any) {
  const Tape& tape = value.tape();
  std::vector<char> needed(static_cast<std::size_t>(tape.size()));
  needed[static_cast<std::size_t>(value.index())] = true;
  for (int i = value.index(); i >= 0; --i)
    if (needed[static_cast<std::size_t>(i)])
      for (const int input : tape.inputs_of(tape.node(i)))
        needed[static_cast<std::size_t>(input)] = true;
  return std::ranges::any_of(
      any, [&](Tensor t) { return needed[static_cast<std::size_t>(t.index())] != 0; });
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
  if (problem.model.parameter_info().empty())
    fail("problem", "{} has no weights; expected at least one parameter", name);
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
  const std::string& activation = model.activation();
  return fmt::format("{}-b{}{}{}-{}", model.architecture(), options.batch,
                     activation.empty() ? "" : "-", activation, options.dtype);
}

Tensor Problem::record_loss(const Tensors& w, const BatchTensors& batch, ForwardPass& pass) const {
  if (!own_loss) {
    pass.predictions = model(w, batch.inputs(), pass);
    const Shape& shape = pass.predictions.shape();
    if (const Index outputs = loss->outputs(data.train);
        shape.rank() == 0 || shape.elements() != shape[0] * outputs)
      fail("model", "{} gives predictions of shape {}; --loss {} needs {} for each example",
           model.name(), str(shape), loss->name, counted(outputs, "number"));
  }
  const Tensor value =
      own_loss ? own_loss(w, batch, pass) : loss->record(pass.predictions, batch.targets());
  if (const Tape& tape = value.tape(); value.shape().rank() != 0) {
    const ErrorPlace place(tape.node(value.index()).scope);
    fail("problem", "the loss of {} must be a scalar, such as a mean: it has shape {}, from {}",
         label(), str(value.shape()), tape.name(tape.node(value.index())));
  }
  if (!depends_on(value, w)) fail("problem", "the loss of {} depends on no weight", label());
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
  Metrics found =
      own_metrics ? own_metrics(predictions, examples) : loss->metrics(predictions, examples);
  if (!found.contains("loss")) fail("problem", "the metrics of {} lack \"loss\"", label());
  return found;
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

/// Reads the examples of a file. The loss determines whether the targets are classes or numbers.
/// With `like`, the examples are for a model that was trained on such data.
DataSplit load_file(const RunOptions& options, const DataSplit* like = nullptr) {
  FileDataOptions asked;
  asked.file = options.data;
  asked.target = options.target.value_or("");
  asked.test_share = options.test_share;
  asked.validation_share = options.validation_share.value_or(0);
  asked.seed = options.seed_of_split();
  asked.dtype = options.number_type();
  asked.like = like;
  if (like) {
    asked.input = Shape(shape_of_one(like->train.inputs()));
    asked.regression = like->train.classes == 0;
    return read_file_data(asked);
  }
  if (options.input) asked.input = Shape(parsed_shape(*options.input));
  asked.guess = !options.loss;
  const LossEntry& loss = row_named("loss", registry().losses(), options.loss.value_or("mse"));
  asked.standardize_targets = loss.standardizes_targets;
  if (options.loss) asked.regression = !loss.takes_classes;
  return read_file_data(asked);
}

/// Sets examples aside for validation if the data has no validation part.
void add_validation(const RunOptions& options, DataSplit& data) {
  const double share = options.validation_share.value_or(0);
  if (share == 0 || !data.validation.arrays.empty() || data.train.arrays.empty()) return;
  const Dataset all = data.train;
  if (data.test.arrays.empty()) data.test = all;
  Rows rows(static_cast<std::size_t>(all.size()));
  std::iota(rows.begin(), rows.end(), 0);
  const auto [stay, aside] =
      set_aside(all.name, SetAside::validation, rows, all.classes > 0 ? all.targets() : Array(),
                share, options.seed_of_split());
  const DType dtype = all.inputs().dtype() == DType::f64 ? DType::f64 : DType::f32;
  for (const auto& [part, taken] :
       {std::pair(&data.train, &stay), std::pair(&data.validation, &aside)}) {
    *part = make_batch(all, std::ssize(*taken), dtype);
    gather(all, *taken, *part);
  }
}

/// Converts inputs from the standardisation of `from` to that of `to`.
void standardize_anew(Array& inputs, const DataSplit& from, const DataSplit& to) {
  if (from.mean.empty() || to.mean.size() != from.mean.size()) return;
  inputs = inputs.clone();
  for (Index i = 0; i < inputs.elements(); ++i) {
    const std::size_t c = static_cast<std::size_t>(i) % from.mean.size();
    const double x = (inputs.at(i) * from.stddev[c] + from.mean[c]) * from.scale;
    inputs.set(i, (x - to.mean[c]) / to.stddev[c]);
  }
}

/// The data that a record describes, with its names and numbers but without examples.
DataSplit pattern_of(const Json& recorded) {
  DataSplit data;
  recorded.at("mean").get_to(data.mean);
  recorded.at("stddev").get_to(data.stddev);
  recorded.at("input_names").get_to(data.input_names);
  recorded.at("target_names").get_to(data.target_names);
  recorded.at("class_names").get_to(data.class_names);
  const auto none = [&](const char* key) {
    Shape shape{0};
    for (const Index size : recorded.at(key).get<std::vector<Index>>()) {
      if (size < 1 || shape.rank() == max_rank) throw JsonError("an impossible shape");
      shape.push_back(size);
    }
    return Array(shape, DType::f32);
  };
  const Array inputs = none("input_shape"),
              targets = data.class_names.empty() ? none("target_shape") : Array({0}, DType::i32);
  if (data.stddev.size() != data.mean.size() ||
      (!data.mean.empty() && std::ssize(data.mean) != inputs.shape().back()) ||
      data.target_names.empty() != data.input_names.empty())
    throw JsonError("names or numbers are missing");
  data.train = {recorded.at("name"),
                {{"inputs", inputs}, {"targets", targets}},
                static_cast<int>(data.class_names.size())};
  // Older records have neither.
  data.train.target_mean = recorded.value("target_mean", data.train.target_mean);
  data.train.target_stddev = recorded.value("target_stddev", data.train.target_stddev);
  const Index numbers = data.train.target_mean.empty() ? 0 : targets.shape().back();
  if (std::ssize(data.train.target_mean) != numbers ||
      std::ssize(data.train.target_stddev) != numbers)
    throw JsonError("numbers of the targets are missing");
  return data;
}

}  // namespace

DataSplit load_data(const RunOptions& options) {
  if (!holds(registry().data(), options.data, &DataEntry::name)) return load_file(options);
  const DataEntry& entry = row_named("data set", registry().data(), options.data);
  DataSplit data = entry.load(options);
  add_validation(options, data);
  return data;
}

Json data_record(const Problem& problem) {
  const DataSplit& data = problem.data;
  const RunOptions& options = problem.options;
  const auto described = [](const DataFile& file) -> Json {
    return {{"name", file.name}, {"bytes", file.bytes}, {"checksum", file.checksum}};
  };
  Json files = Json::array();
  for (const DataFile& file : data.files) files.push_back(described(file));
  const auto scaled = [&](std::vector<double> numbers) {
    for (double& number : numbers) number *= data.scale;
    return numbers;
  };
  const bool split = !data.test_rows.empty(), validated = !data.validation.arrays.empty();
  Json record = {{"name", data.train.name},
                 {"files", files},
                 {"train", data.train.size()},
                 {"validation", validated ? data.validation.size() : 0},
                 {"test", data.test.size()},
                 {"input_shape", shape_of_one(data.train.inputs())},
                 {"target_shape", shape_of_one(data.train.arrays.back().second)},
                 {"input_names", data.input_names},
                 {"target_names", data.target_names},
                 {"class_names", data.class_names},
                 {"mean", scaled(data.mean)},
                 {"stddev", scaled(data.stddev)}};
  if (!data.train.target_mean.empty()) {
    record["target_mean"] = data.train.target_mean;
    record["target_stddev"] = data.train.target_stddev;
  }
  if (split) record["test_share"] = options.test_share;
  if (validated) record["validation_share"] = options.validation_share.value_or(0);
  if (split || validated) record["split_seed"] = options.seed_of_split();
  if (options.init) {
    const std::string bytes = read_file(*options.init);
    record["init"] = described({*options.init, sha256(bytes), bytes.size()});
  }
  return record;
}

void check_same_files(const Json& trained_on, const Json& now, const std::string& run) {
  if (trained_on.is_null()) return;  // an older checkpoint
  const std::vector<Json> was = objects(trained_on, "files"), is = objects(now, "files");
  if (was.size() != is.size())
    fail("data", "{} has {}; {} was trained on {}", text(now, "name"), counted(is.size(), "file"),
         run, was.size());
  for (std::size_t i = 0; i < was.size(); ++i)
    if (text(was[i], "checksum") != text(is[i], "checksum"))
      fail("data", "{} is not the file that {} was trained on: checksum {}; expected {}",
           text(is[i], "name"), run, text(is[i], "checksum"), text(was[i], "checksum"));
}

Problem make_problem(const RunOptions& options) {
  if (options.problem.empty()) return make_problem(options, load_data(options));
  const ProblemEntry& entry = row_named("problem", registry().problems(), options.problem);
  Problem problem = entry.make(options);
  problem.options = options;
  add_validation(options, problem.data);
  return checked(std::move(problem));
}

Json config_of(const Problem& problem) {
  Json config = to_json(problem.options);
  const std::string& name = problem.options.problem;
  if (name.empty()) return config;
  config["problem"] = name;
  // A problem that was built by hand reads none of these options.
  if (!holds(registry().problems(), name, &ProblemEntry::name))
    for (const char* option : {"model", "width", "depth", "channels", "activation", "data", "loss",
                               "input", "classes", "target", "test-share", "split-seed", "augment"})
      config.erase(option);
  return config;
}

Problem completed(Problem problem, const std::vector<std::string>& methods) {
  RunOptions& options = problem.options;
  if (options.problem.empty() && problem.own_loss) options.problem = "own";
  for (const std::string& name : methods) method(name);  // throws if there is no such method
  options.methods = methods;
  complete(options, methods);
  options.threads = threads();
  add_validation(options, problem.data);
  return checked(std::move(problem));
}

Problem make_problem(const RunOptions& options, DataSplit data) {
  Problem problem{mlp(), std::move(data), options};
  const Dataset& train = problem.data.train;
  if (train.arrays.size() < 2)
    fail("data", "{} has {} for training; expected inputs and targets", options.data,
         counted(train.arrays.size(), "array"));
  if (problem.data.test.arrays.empty()) problem.data.test = train;
  check_data(problem);
  std::vector<std::string>& names = problem.data.class_names;
  while (std::ssize(names) < train.classes) names.push_back(std::to_string(names.size()));
  problem.loss = &loss_for(options, train);
  if (train.classes > 0 && problem.loss->takes_numbers) {
    if (train.classes > 2)
      throw UsageError(fmt::format("--loss {} is for two classes; {} has {}", problem.loss->name,
                                   train.name, train.classes));
    for (Dataset* part : {&problem.data.train, &problem.data.test, &problem.data.validation}) {
      if (part->arrays.empty()) continue;
      part->arrays.at(1) = {"targets", part->targets().cast(DType::f32)};
      part->classes = 0;
    }
  }
  try {
    const ModelEntry& entry = row_named("model", registry().models(), options.model);
    problem.model = entry.make(options, train, problem.loss->outputs(train));
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  check_memory(problem);
  return problem;
}

Problem make_problem(const RunOptions& options, const Json& recorded, const std::string& data) {
  if (!options.problem.empty())
    throw UsageError("--data is for models; the problem " + options.problem + " has its own");
  DataSplit pattern = pattern_of(recorded);
  RunOptions asked = options;
  asked.data = data;
  asked.validation_share.reset();
  DataSplit other;
  if (holds(registry().data(), data, &DataEntry::name)) {
    if (data != options.data) asked.input.reset(), asked.classes.reset();
    other = load_data(asked);
    const auto kind = [](const Dataset& part) {
      return fmt::format("inputs of shape {} and {} classes",
                         str(Shape(shape_of_one(part.inputs()))), part.classes);
    };
    if (kind(other.test) != kind(pattern.train))
      throw UsageError(fmt::format("--data {} has {}; the model has {}", data, kind(other.test),
                                   kind(pattern.train)));
    standardize_anew(other.test.inputs(), other, pattern);
  } else {
    other = load_file(asked, &pattern);
  }
  pattern.train = pattern.test = other.test;
  pattern.files = other.files;
  pattern.has_targets = other.has_targets;
  asked.batch = 1;  // fits any number of examples
  return make_problem(asked, std::move(pattern));
}

Problem one_batch(const Problem& problem) {
  Problem result = problem;
  for (auto& [name, array] : result.data.train.arrays)
    array = array.sliced(0, 0, problem.options.batch);
  result.data.test = result.data.train;
  result.data.validation = {};
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
