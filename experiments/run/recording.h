// Records one training step on the tape: model, loss and method. All code that runs, explains,
// checks or exports a step starts from this recording. `graph_json` writes a recorded graph as
// JSON, so that other programs can compute it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "autodiff/plan/plan.h"
#include "experiments/files/safetensors.h"
#include "experiments/run/problem.h"

namespace twice::experiments {

struct RecordedStep {
  std::unique_ptr<Tape> tape;
  BatchTensors batch;
  /// The number of the step, if the recording needs it.
  std::optional<Tensor> number;
  Tensors w;
  Estimate estimate;
  /// `updated` holds the values that the next step reads: the new running statistics, from the
  /// first forward pass only, and the method's memory. `carried` holds the arrays of the state that
  /// take these values.
  Tensors updated;
  std::vector<Array> carried;
  /// Whether the recording reads a memory of the method.
  bool reads_memory = false;
  /// |g| of the plain gradient, if the options request it.
  Tensors logged;

  /// The inputs of a run. Arrays are converted to the tape's dtypes. An array that already has the
  /// right dtype is used as it is.
  std::vector<Binding> bind(const Dataset& batch, std::int64_t step = 0) const;
  /// Copies the results of a run of the plan into the arrays that the next run reads.
  void carry(const Plan& plan) const;
};

/// Records only the batch and the weights, which the tape reads in place.
RecordedStep record_inputs(const Problem& problem, const ModelState& state);
/// Records the loss of a training pass at weights w on the step's batch. Does not record an update
/// of the running statistics.
Tensor record_loss(const Problem& problem, RecordedStep& step, const Tensors& w);
/// The key from which a problem draws its random masks.
DropoutKey mask_key(const Problem& problem, Tensor step);

/// The method's program that a step runs; steps count from 0. Throws if there is no such program.
int program_of(const Problem& problem, const Method& method, Index step);

/// Records the loss on one batch and the method's gradient. The tape reads `state` in place. The
/// initial values of the method's memory are added to `state`. `program` selects one of the
/// method's programs.
RecordedStep record_step(const Problem& problem, const Method& method, const ModelState& state,
                         int program = 0);

/// The outputs of a recorded step: loss, gradient, running statistics and the logged norm.
Tensors outputs_of(const RecordedStep& step);

/// The plan of a recorded step, with the passes that the options and the method leave on.
Plan plan_step(const RecordedStep& step, const RunOptions& options, const Method& method);

/// The law that the step's count of products should follow. Dense models whose batch is smaller
/// than the layers follow the law of the planned program, if all passes that it needs are on.
/// Narrow layers, such as the output layer, may be smaller than the batch. All other steps follow
/// the law of the program as recorded.
ProductLaw expected_law(const Problem& problem, const Method& method);
/// The number of products by that law; null if the method or the problem has no law.
Json expected_products(const Problem& problem, const ProductLaw& law);

/// A recording in evaluation mode: the predictions or, if the problem has none, the loss.
struct RecordedEvaluation {
  std::unique_ptr<Tape> tape;
  BatchTensors batch;
  Tensor result;

  std::vector<Binding> bind(const Dataset& batch) const;
};
RecordedEvaluation record_evaluation(const Problem& problem, const ModelState& state, Index rows);

/// Writes the part of the tape that `outputs` need, in order, in the format of docs/records.md
/// ("The graph file"). tests/commands/torch_ops.py evaluates it in PyTorch. `names` holds the names
/// under which the caller has put the arrays of leaves into `file`, by tape node. The arrays of
/// other leaves are appended to `file` as PREFIXconstant.NODE. Throws if such a leaf is an input,
/// which has no array.
Json graph_json(const Tensors& outputs, const std::map<int, std::string>& names,
                const std::string& prefix, TensorFile& file);

}  // namespace twice::experiments
