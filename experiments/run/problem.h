// A problem: weights, examples, and a scalar loss of both on the tape. Every command works on one.
// The common case is a model, a data set and a loss of the model's predictions; a problem may also
// record its loss itself.
#pragma once

#include <functional>
#include <string>

#include "experiments/data/dataset.h"
#include "experiments/run/options.h"
#include "experiments/run/registry.h"
#include "nn/batch.h"

namespace twice::experiments {

/// A value of the weights and a batch, on their tape. `pass` says whether a step trains or
/// evaluates and, where it trains, holds the running statistics and the key of random masks.
using OnBatch =
    std::function<Tensor(const Tensors& w, const BatchTensors& batch, ForwardPass& pass)>;

/// A training problem: weights, examples, and a scalar loss of weights and a batch.
struct Problem {
  /// The weights' names, shapes and first values, and the predictions where `predictions` is empty.
  /// Its `products` are L in the laws of products; without any, no law is shown.
  Model model;
  DataSplit data;
  RunOptions options;
  /// The loss of predictions; nothing when the problem records its own.
  const LossEntry* loss = nullptr;

  /// Whether the loss draws random masks: its training passes then have `pass.dropout`.
  bool random_masks = false;
  /// A loss of its own: a scalar, the mean over the batch where there is such a thing.
  OnBatch own_loss = {};
  /// Predictions of its own, (rows, ...), and what is said of them. Without both, the test examples
  /// are judged by the mean of the loss over full batches.
  OnBatch own_predictions = {};
  std::function<Metrics(const Array& predictions, const Dataset& examples)> own_metrics = {};

  /// Such as "mlp-256x3-b64-relu-f32".
  std::string label() const;

  /// Records the loss. Throws when it is no scalar.
  Tensor record_loss(const Tensors& w, const BatchTensors& batch, ForwardPass& pass) const;
  bool has_predictions() const { return loss || own_predictions; }
  /// Records the predictions for a batch, of shape (rows, ...).
  Tensor record_predictions(const Tensors& w, const BatchTensors& batch, ForwardPass& pass) const;
  /// The metrics of predictions for these examples.
  Metrics metrics(const Array& predictions, const Dataset& examples) const;

  /// One input of the tape for each array of the examples, with so many rows; floating-point ones
  /// of this dtype.
  BatchTensors batch_on(Tape& tape, Index rows, DType dtype) const;
};

/// The problem that the options name, on its data. Throws UsageError when they do not fit together
/// (a batch larger than the training set).
Problem make_problem(const RunOptions& options);
/// A model and a loss on data that is there already.
Problem make_problem(const RunOptions& options, DataSplit data);
/// A problem that was built by hand, checked, with its options completed for these methods and the
/// threads in effect. One that records its own loss and has no name in `options.problem` is "own".
Problem completed(Problem problem, const std::vector<std::string>& methods);
/// For records: without options of models and data that a problem built by hand has not read.
Json config_of(const Problem& problem);
/// The data set or file that the options name.
DataSplit load_data(const RunOptions& options);

/// What the problem was trained on: files with checksums, parts, names, standardisation. For
/// records and checkpoints; docs/records.md, "The data".
Json data_record(const Problem& problem);
/// Throws when the files of two such records differ; `run` is for the error.
void check_same_files(const Json& trained_on, const Json& now, const std::string& run);
/// The problem of a run that was trained on `recorded` data, with all examples of another file, or
/// the test examples of another data set, for training and test. Throws JsonError when `recorded`
/// is damaged.
Problem make_problem(const RunOptions& options, const Json& recorded, const std::string& data);

/// The problem on one batch: the first `batch` training examples, for training and tests.
Problem one_batch(const Problem& problem);

/// Parameters and batch-norm statistics: all that training changes, but for the optimiser.
struct ModelState {
  std::vector<Array> parameters, buffers;
  /// What a method carries from step to step. Copies of a state share it.
  std::shared_ptr<std::map<std::string, Array>> memory =
      std::make_shared<std::map<std::string, Array>>();
};
/// Initial parameters and buffers of this dtype. The same seed gives the same numbers.
ModelState initial_state(const Model& model, std::uint64_t seed, DType dtype);
/// A copy whose parameters, buffers and memory have this dtype.
ModelState cast(const ModelState& state, DType dtype);

}  // namespace twice::experiments
