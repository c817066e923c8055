// One training step on the tape: model, loss and method. Everything that runs, explains, checks or
// exports a step starts from the same recording. And a recorded graph in words, so that other
// programs can compute it: `graph_json`.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "autodiff/plan/plan.h"
#include "experiments/data/dataset.h"
#include "experiments/files/safetensors.h"
#include "experiments/run/options.h"

namespace twice::experiments {

/// A model, its data, and the options of the run.
struct Problem {
  Model model;
  DataSplit data;
  RunOptions options;

  /// Such as "mlp-256x3-b64-relu-f32".
  std::string label() const;
  /// (batch, height, width, channels)
  Shape batch_shape() const;
};

/// Loads the data and makes the model that the options name. Throws UsageError when they do
/// not fit together (a batch larger than the training set).
Problem make_problem(const RunOptions& options);
/// The same on data that is there already.
Problem make_problem(const RunOptions& options, DataSplit data);

/// Parameters and batch-norm statistics: all that training changes, but for the optimiser.
struct ModelState {
  std::vector<Array> parameters, buffers;
};
ModelState initial_state(const Model& model, std::uint64_t seed, DType dtype);
ModelState cast(const ModelState& state, DType dtype);

struct RecordedStep {
  std::unique_ptr<Tape> tape;
  Tensor x, y;
  Tensors w;
  Estimate estimate;
  /// New running statistics, from the first forward pass only.
  Tensors updated;
  /// |g| of the plain gradient, where the options ask for it.
  Tensors logged;
};

/// Records cross-entropy of the model on one batch and the method's gradient. The tape reads
/// `state` in place.
RecordedStep record_step(const Problem& problem, const Method& method, const ModelState& state);

/// The values of such a step: loss, gradient, running statistics and the logged norm.
Tensors outputs_of(const RecordedStep& step);

/// The plan of such a step, with the passes that the options and the method leave on.
Plan plan_step(const RecordedStep& step, const RunOptions& options, const Method& method);

/// The law that the step's count of products should follow: the planned one for dense models with
/// batches smaller than the layers (but for narrow ones, such as the output layer), unless a pass
/// that it takes is off; else the law of the program as recorded.
ProductLaw expected_law(const Problem& problem, const Method& method);

/// The model's outputs (logits) in evaluation mode.
struct RecordedEvaluation {
  std::unique_ptr<Tape> tape;
  Tensor x, logits;
};
RecordedEvaluation record_evaluation(const Problem& problem, const ModelState& state, Index rows);

/// The part of their tape that `outputs` need, in order, as docs/records.md describes it ("The
/// graph file"). tests/commands/torch_ops.py evaluates it in PyTorch. `names` says under which name
/// the caller has put the array of a leaf (by tape node) into `file`; the arrays of other leaves
/// are appended as PREFIXconstant.NODE. Throws when such a leaf is an input, which has no array.
Json graph_json(const Tensors& outputs, const std::map<int, std::string>& names,
                const std::string& prefix, TensorFile& file);

}  // namespace twice::experiments
