// `./twice predict` and `./twice evaluate`: apply a trained model to examples. Its outputs become
// classes, probabilities or numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autodiff/threads/threads.h"
#include "experiments/commands/commands.h"
#include "experiments/files/npy.h"
#include "experiments/files/words.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/registry.h"
#include "experiments/run/trainer.h"
#include "nn/models.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  /// The folder of a run, or a checkpoint.
  std::string run;
  bool best = false;
  /// A file or a data set. Empty: the test examples of the run's data.
  std::string data;
  int threads = 0;
  std::string out, json;
};

fs::path checkpoint_of(const PredictOptions& options) {
  const fs::path run = options.run;
  std::error_code error;
  if (!fs::is_directory(run, error)) {
    if (options.best)
      throw UsageError(
          fmt::format("--best needs the folder of a run; {} is not one", run.string()));
    return run;
  }
  const fs::path file = run / (options.best ? best_weights : "checkpoint.safetensors");
  if (!fs::exists(file, error))
    fail("checkpoint", "{} does not exist{}", file.string(),
         options.best ? ": only runs with --validation-share keep the best epoch" : "");
  return file;
}

/// A trained model with its predictions for the examples, which take the place of the problem's
/// test part.
struct Judged {
  explicit Judged(const PredictOptions& options)
      : checkpoint(checkpoint_of(options)), history(checkpoint_history(checkpoint)) {
    set_threads(options.threads == 0 ? allowed_threads() : options.threads);
    const bool own = options.data.empty();
    try {
      RunOptions run = run_options(history.config);
      run.init.reset();
      problem = own ? make_problem(run) : make_problem(run, history.data, options.data);
    } catch (const JsonError& error) {
      fail("checkpoint", "{}: the description of its run is damaged: {}", checkpoint.string(),
           error.what());
    } catch (const std::exception& error) {
      const fs::path data = text(history.config, "data");
      std::error_code none;
      if (!own || !data.has_extension() || data.is_absolute() || fs::exists(data, none)) throw;
      throw Error(fmt::format("{}; the run was trained in the folder where {} is", error.what(),
                              data.string()));
    }
    if (own) check_same_files(history.data, data_record(problem), checkpoint.string());
    Trainer trainer(problem, method("sgd"));
    read_weights(checkpoint, problem.model, trainer.state());
    const Dataset& examples = problem.data.test;
    if (!problem.has_predictions()) {
      metrics = trainer.evaluate(examples);
      return;
    }
    predictions = trainer.predict(examples);
    if (problem.data.has_targets) metrics = problem.metrics(predictions, examples);
    outputs = predictions.elements() / examples.size();
    // The outputs of a user-defined loss need not be the logits of classes.
    const auto& names = problem.data.class_names;
    if (problem.loss && (outputs == std::ssize(names) || (outputs == 1 && names.size() == 2)))
      classes = names;
    for (Index row = 0; row < (classes.empty() ? 0 : examples.size()); ++row) {
      std::vector<double>& p = probabilities.emplace_back();
      if (outputs == 1) p.push_back(0);  // the sigmoid of x is the softmax of 0 and x
      for (Index k = 0; k < outputs; ++k) p.push_back(predictions.at(row * outputs + k));
      const double highest = *std::ranges::max_element(p);
      double sum = 0;
      for (double& x : p) {
        x = std::exp(x - highest);
        sum += x;
      }
      for (double& x : p) x /= sum;
    }
  }

  /// Whether the examples are all those of a file of the run, for training and test.
  bool reads_all_of_run() const {
    double all = 0;
    for (const char* part : {"train", "validation", "test"}) all += number(history.data, part);
    if (all != static_cast<double>(problem.data.test.size())) return false;
    for (const Json& file : objects(member(history.data, "files")))
      for (const DataFile& own : problem.data.files)
        if (text(file, "checksum") == own.checksum) return true;
    return false;
  }
  std::size_t predicted_class(Index row) const {
    const std::vector<double>& p = probabilities[static_cast<std::size_t>(row)];
    return static_cast<std::size_t>(std::ranges::max_element(p) - p.begin());
  }
  std::size_t true_class(Index row) const {
    return static_cast<std::size_t>(problem.data.test.targets().at(row));
  }

  fs::path checkpoint;
  RunHistory history;
  Problem problem{mlp(), {}, {}};
  Array predictions;  ///< (n, outputs); empty if the problem has no predictions
  Index outputs = 0;
  std::vector<std::string> classes;
  std::vector<std::vector<double>> probabilities;  ///< by example and class
  Metrics metrics;                                 ///< empty if the targets are unknown
};

/// The output columns, one for each number or word about an example.
std::vector<NamedColumn> columns_of(const Judged& judged) {
  const DataSplit& data = judged.problem.data;
  const Index n = data.test.size();
  std::vector<NamedColumn> columns;
  const auto add_numbers = [&](const std::string& name, DType dtype, const auto& value) {
    const Array numbers({n}, dtype);
    for (Index i = 0; i < n; ++i) numbers.set(i, static_cast<double>(value(i)));
    columns.push_back({name, numbers});
  };
  const auto add_words = [&](const std::string& name, const auto& place) {
    columns.push_back({name, {}});
    for (Index i = 0; i < n; ++i) columns.back().words.push_back(judged.classes.at(place(i)));
  };
  add_numbers("row", DType::i32, [&](Index i) {
    return 1 + (data.test_rows.empty() ? i : data.test_rows[static_cast<std::size_t>(i)]);
  });
  const bool targets = data.has_targets && judged.problem.loss;
  if (!judged.classes.empty()) {
    add_words("prediction", [&](Index i) { return judged.predicted_class(i); });
    for (std::size_t k = 0; k < judged.classes.size(); ++k)
      add_numbers("probability_" + judged.classes[k], DType::f64,
                  [&](Index i) { return judged.probabilities[static_cast<std::size_t>(i)][k]; });
    if (targets) add_words("target", [&](Index i) { return judged.true_class(i); });
    return columns;
  }
  const bool is_share = judged.problem.loss && judged.problem.loss->name == "bce";
  const Index count = judged.outputs;
  // In the units of a file, numbers may need more digits than the predictions have.
  const auto add_each = [&](const std::string& kind, const Array& from, const auto& value) {
    for (Index k = 0; k < count; ++k)
      add_numbers(count == 1 ? kind : fmt::format("{}_{}", kind, k + 1),
                  data.test.target_mean.empty() ? from.dtype() : DType::f64,
                  [&](Index i) { return value(from.at(i * count + k), k); });
  };
  add_each("prediction", judged.predictions, [&](double x, Index k) {
    return is_share ? 1 / (1 + std::exp(-x)) : data.test.in_units(x, k);
  });
  const Array& in_file = data.test.targets_in_file;
  if (targets)
    add_each("target", in_file.empty() ? data.test.targets() : in_file,
             [](double x, Index) { return x; });
  return columns;
}

std::string csv(const std::vector<NamedColumn>& columns) {
  std::vector<std::string> cells;
  for (const NamedColumn& column : columns) cells.push_back(column.name);
  std::string text = csv_line(cells);
  for (Index row = 0; row < columns[0].numbers.elements(); ++row) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto& [name, numbers, words] = columns[c];
      cells[c] = !words.empty() ? words[static_cast<std::size_t>(row)]
                 : numbers.dtype() == DType::f32
                     ? fmt::format("{}", static_cast<float>(numbers.at(row)))
                     : fmt::format("{}", numbers.at(row));
    }
    text += csv_line(cells);
  }
  return text;
}

/// The confusion matrix: counts of examples by true class (rows) and predicted class (columns).
/// Null for regressions and for more than 20 classes.
Json confusion_of(const Judged& judged) {
  constexpr std::size_t most_classes = 20;
  const std::size_t count = judged.classes.size();
  if (count == 0 || count > most_classes) return {};
  std::vector<std::vector<Index>> counts(count, std::vector<Index>(count));
  for (Index i = 0; i < judged.problem.data.test.size(); ++i)
    ++counts[judged.true_class(i)][judged.predicted_class(i)];
  return counts;
}

void declare(OptionSet& set, PredictOptions& options) {
  set.group("Arguments");
  set.add("RUN", &options.run, "Folder of a run, or a checkpoint").required = true;
  set.group("Examples");
  set.add(
      "data", &options.data,
      "A file in the format of the run's data, or a data set (default: the run's test examples)");
  set.add("best", &options.best, "The weights of the best epoch on validation examples");
  set.add("threads", &options.threads, "Threads (0: as many as this process may use)",
          whole(0, 1024));
  set.group("Output");
}

void declare_predict(OptionSet& set, PredictOptions& options) {
  declare(set, options);
  set.add("out", &options.out, "File for the predictions: .csv or .npz").required = true;
}

void declare_evaluate(OptionSet& set, PredictOptions& options) {
  declare(set, options);
  set.add("json", &options.json, "File for the same result as JSON");
}

/// Writes a row for each example to --out. Returns the exit status.
int predict(PredictOptions options) {
  const std::string ending = fs::path(options.out).extension().string();
  if (ending != ".csv" && ending != ".npz")
    throw UsageError(fmt::format("--out must end in .csv or .npz, was '{}'", options.out));
  if (std::error_code none; fs::equivalent(options.out, options.data, none))
    throw UsageError(fmt::format("--out {} would replace the examples", options.out));
  prepare_file(options.out);
  const Judged judged(options);
  if (judged.predictions.empty())
    fail("predict", "the problem {} has no predictions", judged.problem.options.problem);
  const std::vector<NamedColumn> columns = columns_of(judged);
  write_output(options.out, ending == ".csv" ? csv(columns) : encode_npz(columns));
  fmt::print("{}\n", counted(judged.problem.data.test.size(), "prediction"));
  return 0;
}

/// Prints the metrics. For at most 20 classes, also prints the confusion matrix.
int evaluate_run(PredictOptions options) {
  prepare_file(options.json);
  const Judged judged(options);
  const Dataset& examples = judged.problem.data.test;
  if (!judged.problem.data.has_targets)
    fail("evaluate", "{} has no targets; twice predict needs none", options.data);
  const Json confusion = confusion_of(judged);
  const std::size_t epochs = judged.history.curve.size();
  fmt::print("{}, {} epochs; examples of {}: {}\n", judged.checkpoint.string(), epochs,
             examples.name, examples.size());
  if (!options.data.empty() && judged.reads_all_of_run())
    fmt::print("{} is the file of the run: the examples of its training are among these\n",
               options.data);
  fmt::print("\n");
  for (const auto& [name, value] : judged.metrics)
    fmt::print("{:<9} {}\n", heading_of(name), format_metric(name, value));
  std::vector<std::string> cells = judged.classes;
  cells.insert(cells.begin(), "true \\ predicted");
  Table table(cells);
  for (std::size_t k = 0; k < confusion.size(); ++k) {
    cells = {judged.classes[k]};
    for (const Json& count : confusion[k]) cells.push_back(show(count));
    table.add(cells);
  }
  fmt::print("\n");
  if (!confusion.is_null()) table.print();
  if (options.json.empty()) return 0;
  Json record = record_header("evaluate");
  record.update({{"checkpoint", judged.checkpoint.string()},
                 {"epochs", epochs},
                 {"config", judged.history.config},
                 {"data", judged.history.data},
                 {"examples_of", examples.name},
                 {"examples", examples.size()},
                 {"metrics", judged.metrics},
                 {"confusion", confusion}});
  write_json(options.json, record);
  return 0;
}

}  // namespace

void add_evaluate(CommandLine& app) {
  app.add("evaluate", "evaluate a trained model on test examples, or on another file",
          declare_evaluate, evaluate_run);
}

void add_predict(CommandLine& app) {
  app.add("predict", "write a trained model's predictions for test examples, or for another file",
          declare_predict, predict);
}

}  // namespace twice::experiments
