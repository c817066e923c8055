// Training: one model, one data set, one method; and its checkpoints. A trainer is a pure function
// of its options and its state (parameters, buffers, optimiser, step), so a run that is resumed
// from a checkpoint has the bits of one that was never interrupted.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "experiments/data/batches.h"
#include "experiments/files/json.h"
#include "experiments/run/recording.h"
#include "optim/optimizers.h"

namespace twice::experiments {

/// A run that cannot go on, such as a loss that is not finite: exit status 1.
struct RunFailure : Error {
  using Error::Error;
};

/// The numbers of an epoch, known at its end. NaN is null in JSON.
struct EpochRecord {
  int epoch = 0;
  /// Mean loss of the epoch's steps, each at its first pass: the loss that was trained on.
  double train_loss = 0;
  /// Mean loss and share of right answers over the whole test set, in evaluation mode; NaN where
  /// there are no answers to be right.
  double test_loss = 0, test_accuracy = 0;
  /// The problem's other numbers, such as "rmse"; and all those of the validation examples, which
  /// begin with "validation_".
  Metrics metrics = {};
  /// |grad L| over the first `gradient_norm_examples` training examples (or all, when fewer).
  double gradient_norm = 0;
  /// Wall time of the epoch's steps, evaluation left out.
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

  /// Full batches of an epoch; the examples that are left over wait for another shuffle.
  Index steps_per_epoch() const { return steps_per_epoch_; }
  Index total_steps() const { return steps_per_epoch_ * problem_.options.epochs; }
  /// Steps taken so far.
  Index steps() const { return optimizer_.steps(); }
  bool finished() const { return steps() >= total_steps(); }

  /// Takes the next step and returns its loss. When the loss or the gradient is not finite,
  /// throws RunFailure with the step, the op and the forward op, and leaves the state as it was.
  double step();
  /// The problem's metrics over examples, in evaluation mode: "loss", and "accuracy" of classes.
  Metrics evaluate(const Dataset& data);
  /// The predictions for all examples, (n, ...), in evaluation mode.
  Array predict(const Dataset& data);
  /// The epoch that the last step completed; starts the sums of the next one.
  EpochRecord finish_epoch();
  const EpochProgress& epoch_progress() const { return epoch_; }
  void set_epoch_progress(const EpochProgress& progress) { epoch_ = progress; }

  /// The bare work of a step on the batch that is loaded: program and update, nothing checked
  /// and no batch gathered. For timing.
  void run_and_update();

  const Plan& plan() const { return plans_[0]; }
  ModelState& state() { return state_; }
  Optimizer& optimizer() { return optimizer_; }
  const Problem& problem() const { return problem_; }
  const Method& method() const { return method_; }
  const RecordedStep& recorded() const { return recorded_[0]; }

 private:
  /// Which program the next step takes.
  std::size_t program() const;
  void update(const std::vector<Array>& gradient);
  double gradient_norm();
  /// Calls use(values, first, count) for each group of examples; of the values, `count` rows count.
  template <class Use>
  void evaluate_batches(const Dataset& data, const Use& use);

  const Problem& problem_;
  const Method& method_;
  ModelState state_;
  /// One for each of the method's programs.
  std::vector<RecordedStep> recorded_;
  std::vector<Plan> plans_;
  Optimizer optimizer_;
  Batches batches_;
  RecordedEvaluation evaluation_;
  Plan evaluation_plan_;
  RecordedStep plain_;
  Plan plain_plan_;
  Index steps_per_epoch_;
  EpochProgress epoch_;
};

/// Takes the steps that are left of the current epoch, then evaluates; `after_step` is called
/// after each. Nothing when a stop was requested before the epoch's end.
std::optional<EpochRecord> run_epoch(Trainer& trainer, const std::function<void()>& after_step);

/// The epoch, from 1, of the highest validation accuracy or, where the problem has none, the lowest
/// validation loss; the first of equals. 0 without validation examples.
int best_epoch(const std::vector<EpochRecord>& curve);

// A checkpoint is one safetensors file with everything that the next step depends on;
// docs/records.md, "The checkpoint file", has the names. Learning rate, shuffling and random
// numbers are functions of the seed and the step: the step is their whole state.

/// Beside a run's checkpoint: the checkpoint of its best epoch.
inline constexpr const char* best_weights = "best.safetensors";

/// The part of a checkpoint that is not the trainer's own state.
struct RunHistory {
  Json config;
  std::vector<EpochRecord> curve;
  Json data = {};  ///< see `data_record`; null in older checkpoints
};

/// Writes atomically: a reader finds the old checkpoint or the new one, whole. Throws RunFailure
/// when a parameter is not finite, so that a checkpoint is always a good one.
void write_checkpoint(const std::filesystem::path& file, Trainer& trainer,
                      const RunHistory& history);

/// Options, curve and data of a checkpoint's run.
RunHistory checkpoint_history(const std::filesystem::path& file);

/// Puts the trainer where the checkpoint was written. Throws one line naming the file when it is
/// missing, cut, corrupt or of another model.
RunHistory read_checkpoint(const std::filesystem::path& file, Trainer& trainer);

/// Copies parameters and buffers from a safetensors file, which is a checkpoint or has tensors with
/// their plain names, over those of `state`, which keep their memory. Throws one line with the
/// tensor when one is missing or has another shape.
void read_weights(const std::filesystem::path& file, const Model& model, const ModelState& state);

/// The state of step 0: of the seed, or of the file that --init names.
ModelState starting_state(const Problem& problem);

}  // namespace twice::experiments
