// Checkpoints of a training run: one safetensors file with everything that the next step
// depends on, so that a resumed run has the bits of one that was never interrupted.
//
//   parameter.NAME, buffer.NAME   the model's numbers
//   optimizer.NAME                the optimiser's memory
//   __metadata__                  format, config (JSON), step, curve (JSON), epoch loss so far
//
// Learning rate, shuffling and random numbers are functions of the seed and the step: the
// step is their whole state.
#pragma once

#include <filesystem>

#include "experiments/files/json.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

/// What a checkpoint holds beside the trainer's own state.
struct RunHistory {
  Json config;
  std::vector<EpochRecord> curve;
};

/// Writes atomically: a reader finds the old checkpoint or the new one, whole. Throws RunFailure
/// when a parameter is not finite, so that a checkpoint is always a good one.
void write_checkpoint(const std::filesystem::path& file, Trainer& trainer,
                      const RunHistory& history);

/// The options that a checkpoint's run was started with.
Json checkpoint_config(const std::filesystem::path& file);

/// Puts the trainer where the checkpoint was written. Throws one line naming the file when it is
/// missing, cut, corrupt or of another model.
RunHistory read_checkpoint(const std::filesystem::path& file, Trainer& trainer);

/// Only the model's numbers.
ModelState read_model_state(const std::filesystem::path& file, const Model& model);

}  // namespace twice::experiments
