// A problem consists of weights, examples, and a scalar loss of both on the tape. Every command
// works on a problem. Most problems are a model, a data set and a loss of the model's predictions.
// A problem may also record its loss itself.
#pragma once

#include <functional>
#include <string>

#include "experiments/data/dataset.h"
#include "experiments/run/options.h"
#include "experiments/run/registry.h"
#include "nn/batch.h"

namespace twice::experiments {

/// Records a function of the weights and a batch on their tape. `pass` says whether the step trains
/// or evaluates. In training it also holds the running statistics and the key of the random masks.
using OnBatch =
    std::function<Tensor(const Tensors& w, const BatchTensors& batch, ForwardPass& pass)>;

/// A training problem: weights, examples, and a scalar loss of weights and a batch.
struct Problem {
  /// Gives the names, shapes and initial values of the weights, and the predictions if
  /// `own_predictions` is empty. Its `products` is the L in laws such as 6L - 4. If `products`
  /// is 0, no law is shown.
  Model model;
  DataSplit data = {};
  RunOptions options = {};
  /// The loss of the predictions; null if the problem records its own loss.
  const LossEntry* loss = nullptr;

  /// The problem's own loss: a scalar, usually the mean over the batch.
  OnBatch own_loss = {};
  /// The problem's own predictions, of shape (rows, ...), and their metrics, among them "loss". If
  /// a problem with its own loss has neither, the test examples are evaluated by the loss: its mean
  /// over batches, weighted by their rows, of which the last batch may have fewer.
  OnBatch own_predictions = {};
  std::function<Metrics(const Array& predictions, const Dataset& examples)> own_metrics = {};

  /// A short name, such as "mlp-256x3-b64-relu-f32".
  std::string label() const;

  /// Records the loss. Throws if it is not a scalar.
  Tensor record_loss(const Tensors& w, const BatchTensors& batch, ForwardPass& pass) const;
  bool has_predictions() const { return loss || own_predictions; }
  /// Records the predictions for a batch, of shape (rows, ...).
  Tensor record_predictions(const Tensors& w, const BatchTensors& batch, ForwardPass& pass) const;
  /// The metrics of predictions for these examples.
  Metrics metrics(const Array& predictions, const Dataset& examples) const;

  /// Adds an input of `rows` rows to the tape for each array of the examples. Floating-point inputs
  /// have dtype `dtype`.
  BatchTensors batch_on(Tape& tape, Index rows, DType dtype) const;
};

/// Makes the problem that the options name, with its data. Throws UsageError if the options
/// contradict each other or the data. An example is a batch larger than the training set.
Problem make_problem(const RunOptions& options);
/// Makes a model and a loss for data that is already loaded.
Problem make_problem(const RunOptions& options, DataSplit data);
/// Checks a problem that was built by hand, and completes its options for these methods and the
/// current number of threads. A problem with its own loss and no name in `options.problem` is named
/// "own".
Problem completed(Problem problem, const std::vector<std::string>& methods);
/// The options for records. Options of models and data are left out if a problem was built by hand
/// and does not read them.
Json config_of(const Problem& problem);
/// Loads the data set or file that the options name.
DataSplit load_data(const RunOptions& options);

/// Describes the data that the problem was trained on, for records and checkpoints: files with
/// checksums, parts, names and standardisation (docs/records.md, "The data").
Json data_record(const Problem& problem);
/// Throws an error with `run` if the files of two such records differ.
void check_same_files(const Json& trained_on, const Json& now, const std::string& run);
/// Makes the problem of a run that was trained on `recorded` data. For training and test it has all
/// examples of another file, or the test examples of another data set. Throws JsonError if
/// `recorded` is damaged.
Problem make_problem(const RunOptions& options, const Json& recorded, const std::string& data);

/// The problem reduced to one batch: the first `batch` training examples, for training and test.
Problem one_batch(const Problem& problem);

/// All values that training changes, except those of the optimiser.
struct ModelState {
  std::vector<Array> parameters, buffers;
  /// The arrays that a method keeps from step to step. Copies of a state share them.
  std::shared_ptr<std::map<std::string, Array>> memory =
      std::make_shared<std::map<std::string, Array>>();
};
/// Initial parameters and buffers of this dtype. The same seed gives the same numbers.
ModelState initial_state(const Model& model, std::uint64_t seed, DType dtype);
/// A copy whose parameters, buffers and memory have this dtype.
ModelState cast(const ModelState& state, DType dtype);

}  // namespace twice::experiments
