// Trains one model on one data set with one method, and writes and reads checkpoints. A trainer is
// a pure function of its options and its state (parameters, buffers, memory of the optimiser and of
// the method, step). A run that resumes from a checkpoint has the same bits as one that was not
// interrupted.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>

#include "experiments/data/batches.h"
#include "experiments/files/json.h"
#include "experiments/files/safetensors.h"
#include "experiments/run/recording.h"
#include "optim/optimizers.h"

namespace twice::experiments {

/// Thrown if a run cannot continue, for instance because the loss is not finite. The exit status is
/// 1.
struct RunFailure : Error {
  using Error::Error;
};

/// The results of an epoch. NaN is null in JSON.
struct EpochRecord {
  int epoch = 0;
  /// The mean loss over the epoch's steps, taken from the first pass of each step. This is the loss
  /// that is trained.
  double train_loss = 0;
  /// The mean loss and the accuracy over the whole test set, in evaluation mode. The accuracy is
  /// NaN if the problem has none.
  double test_loss = 0, test_accuracy = 0;
  /// The problem's other metrics, such as "rmse", and all metrics of the validation examples. The
  /// names of these begin with "validation_".
  Metrics metrics = {};
  /// The norm of the loss's gradient over the first `gradient_norm_examples` training examples, or
  /// over all if there are fewer.
  double gradient_norm = 0;
  /// The wall time of the epoch's steps in seconds, without evaluation.
  double seconds = 0;

  static void json_fields(auto& self, const auto& visit) {
    visit("epoch", self.epoch);
    visit("train_loss", self.train_loss);
    visit("loss", self.test_loss);
    visit("test_accuracy", self.test_accuracy);
    visit("gradient_norm", self.gradient_norm);
    visit("metrics", self.metrics);
    visit("seconds", self.seconds);
  }
};
inline constexpr Index gradient_norm_examples = 2048;

/// The sums over the steps of the current epoch.
struct EpochProgress {
  double loss_sum = 0, seconds = 0;

  static void json_fields(auto& self, const auto& visit) {
    visit("loss_sum", self.loss_sum);
    visit("seconds", self.seconds);
  }
};

class Trainer {
 public:
  Trainer(const Problem& problem, const Method& method);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// The number of full batches in an epoch. The epoch skips the examples that are left over.
  Index steps_per_epoch() const { return steps_per_epoch_; }
  Index total_steps() const { return steps_per_epoch_ * problem_.options.epochs; }
  /// Steps taken so far.
  Index steps() const { return optimizer_.steps(); }
  bool finished() const { return steps() >= total_steps(); }

  /// Takes the next step and returns its loss. If the loss or the gradient is not finite, throws
  /// RunFailure with the step, the op and the forward op, and leaves the state unchanged.
  double step();
  /// The problem's metrics over the examples, in evaluation mode: "loss" and, for classes,
  /// "accuracy".
  Metrics evaluate(const Dataset& data);
  /// The predictions for all examples, of shape (n, ...), in evaluation mode.
  Array predict(const Dataset& data);
  /// The results of the epoch that the last step completed. Resets the sums for the next epoch.
  EpochRecord finish_epoch();
  EpochProgress& epoch_progress() { return epoch_; }

  /// The plan of each of the method's programs.
  std::vector<const Plan*> plans() const;
  ModelState& state() { return state_; }
  Optimizer& optimizer() { return optimizer_; }
  const Problem& problem() const { return problem_; }
  const Method& method() const { return method_; }
  const RecordedStep& recorded() const { return recorded_[0]; }

 private:
  double gradient_norm();
  struct Evaluation {
    RecordedEvaluation recorded;
    Plan plan;
  };
  Evaluation& evaluation(Index rows);
  /// Calls use(values, first, count) for each group of examples. Only the first `count` rows of the
  /// values are used.
  template <class Use>
  void evaluate_batches(const Dataset& data, const Use& use);

  const Problem& problem_;
  const Method& method_;
  ModelState state_;
  /// One element for each of the method's programs.
  std::vector<RecordedStep> recorded_;
  std::vector<Plan> plans_;
  Optimizer optimizer_;
  Batches batches_;
  std::map<Index, Evaluation> evaluations_;  ///< by the number of rows
  RecordedStep plain_;
  Plan plain_plan_;
  Index steps_per_epoch_;
  EpochProgress epoch_;
};

/// Takes the remaining steps of the current epoch and calls `after_step` after each. Then
/// evaluates. Returns no value if a stop was requested before the end of the epoch.
std::optional<EpochRecord> run_epoch(Trainer& trainer, const std::function<void()>& after_step);

/// The epoch, from 1, with the highest validation accuracy or, if the problem has none, with the
/// lowest validation loss. Of equal epochs, the first. 0 without validation examples.
int best_epoch(const std::vector<EpochRecord>& curve);

// A checkpoint is one safetensors file with everything that the next step depends on.
// docs/records.md, "The checkpoint file", lists the names. Learning rate, shuffling and random
// numbers are functions of the seed and the step, so they need no other state.

/// The file name of the checkpoint of the best epoch, beside the run's checkpoint.
inline constexpr const char* best_weights = "best.safetensors";

/// The part of a checkpoint that is not the trainer's own state.
struct RunHistory {
  Json config;
  std::vector<EpochRecord> curve;
  Json data = {};  ///< see `data_record`; null in older checkpoints
  /// The kinds of kernels (kernels/cpu.h) of the run's steps, in order; null in older checkpoints.
  Json kernels = {};
};

using NamedArrays = std::vector<std::pair<std::string, Array>>;

/// The arrays of a checkpoint. They are those of the trainer, which the next step changes. Throws
/// RunFailure if a parameter is not finite, so that every checkpoint is usable.
NamedArrays checkpoint_arrays(Trainer& trainer);
/// The metadata of a checkpoint after `steps`, which are `progress` after the last epoch.
std::map<std::string, std::string> checkpoint_notes(Index steps, const EpochProgress& progress,
                                                    const RunHistory& history);
/// The content of the checkpoint of the trainer's state.
TensorFile checkpoint_of(Trainer& trainer, const RunHistory& history);

/// Options, curve and data of a checkpoint's run.
RunHistory checkpoint_history(const std::filesystem::path& file);

/// Restores the trainer from a checkpoint. Throws a one-line error with the file's name if the file
/// is missing, truncated or corrupt, or belongs to another model.
RunHistory read_checkpoint(const std::filesystem::path& file, Trainer& trainer);

/// Copies parameters and buffers from a safetensors file into the memory of those of `state`. The
/// file is a checkpoint or has tensors with plain names. If a tensor is missing or has another
/// shape, throws a one-line error with its name.
void read_weights(const std::filesystem::path& file, const Model& model, const ModelState& state);

/// The state of step 0, from the seed or from the file that --init names.
ModelState starting_state(const Problem& problem);

}  // namespace twice::experiments
