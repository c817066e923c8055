// One training step on the tape: model, loss and method. Everything that runs, explains, checks or
// exports a step starts from the same recording. And a recorded graph in words, so that other
// programs can compute it: `graph_json`.
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
  /// The number of the step, where the recording needs it.
  std::optional<Tensor> number;
  Tensors w;
  Estimate estimate;
  /// What the next step reads: new running statistics, from the first forward pass only, and the
  /// method's memory; and the arrays of the state that take these values.
  Tensors updated;
  std::vector<Array> carried;
  /// |g| of the plain gradient, where the options ask for it.
  Tensors logged;

  /// The inputs of a run. The arrays are converted to the tape's dtypes; those that have them
  /// already are read in place.
  std::vector<Binding> bind(const Dataset& batch, std::int64_t step = 0) const;
  /// Copies what a run of the plan gave into the arrays that the next one reads.
  void carry(const Plan& plan) const;
};

/// A tape with the batch and the weights, which it reads in place; nothing else is recorded.
RecordedStep record_inputs(const Problem& problem, const ModelState& state);
/// Records the loss of a training pass at weights w on its batch, without new running statistics.
Tensor record_loss(const Problem& problem, RecordedStep& step, const Tensors& w);
/// What a problem with random masks draws them by.
DropoutKey mask_key(const Problem& problem, Tensor step);

/// Records the loss on one batch and the method's gradient. The tape reads `state` in place; the
/// first values of a method's memory are added to it. `program` is one of the method's programs.
RecordedStep record_step(const Problem& problem, const Method& method, const ModelState& state,
                         int program = 0);

/// The values of such a step: loss, gradient, running statistics and the logged norm.
Tensors outputs_of(const RecordedStep& step);

/// The plan of such a step, with the passes that the options and the method leave on.
Plan plan_step(const RecordedStep& step, const RunOptions& options, const Method& method);

/// The law that the step's count of products should follow: the planned one for dense models with
/// batches smaller than the layers (but for narrow ones, such as the output layer), unless a pass
/// that it takes is off; else the law of the program as recorded.
ProductLaw expected_law(const Problem& problem, const Method& method);
/// How many products that is; null where the method or the problem declares no law.
Json expected_products(const Problem& problem, const ProductLaw& law);

/// In evaluation mode: the predictions or, where the problem has none, the loss.
struct RecordedEvaluation {
  std::unique_ptr<Tape> tape;
  BatchTensors batch;
  Tensor result;

  std::vector<Binding> bind(const Dataset& batch) const;
};
RecordedEvaluation record_evaluation(const Problem& problem, const ModelState& state, Index rows);

/// The part of their tape that `outputs` need, in order, as docs/records.md describes it ("The
/// graph file"). tests/commands/torch_ops.py evaluates it in PyTorch. `names` says under which name
/// the caller has put the array of a leaf (by tape node) into `file`; the arrays of other leaves
/// are appended as PREFIXconstant.NODE. Throws when such a leaf is an input, which has no array.
Json graph_json(const Tensors& outputs, const std::map<int, std::string>& names,
                const std::string& prefix, TensorFile& file);

}  // namespace twice::experiments
