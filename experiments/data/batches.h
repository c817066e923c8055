// Minibatches and augmentation (training images changed a little, differently in each epoch) as
// pure functions of the seed and the step: nothing has to be stored to resume a run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"

namespace twice::experiments {

/// A batch for `rows` examples of a data set, its numbers not set: floating-point arrays are of
/// `dtype`, labels stay whole numbers.
Dataset make_batch(const Dataset& data, Index rows, DType dtype);

/// Copies the given rows of the data set into a batch of `rows.size()` rows, converting to its
/// dtypes; allocates nothing.
void gather(const Dataset& data, std::span<const std::int32_t> rows, const Dataset& batch);

/// Rows first, first + 1, ... (count of them), in a new batch.
Dataset consecutive(const Dataset& data, Index first, Index count, DType dtype);

/// The order in which an epoch visits n images: a pure function of (seed, epoch, n).
std::vector<std::int32_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, Index n);

/// `warp`: a random affine map of the image's plane (rotation up to 0.2 radians, each axis scaled
/// by up to 15 %, shear up to 0.2, shift up to a tenth of half the image), sampled bilinearly. For
/// drawn characters. `crop-flip`: shifted by up to an eighth of the side, mirrored half of the
/// times. For photographs.
enum class Augmentation : std::uint8_t { none, warp, crop_flip };
Augmentation augmentation_named(const std::string& name);
const std::vector<std::string>& augmentation_names();

/// Which images: `rows` are their indices in the data set, in the order of the batch.
struct AugmentationKey {
  std::uint64_t seed, epoch;
  std::span<const std::int32_t> rows;
};

/// out = augmented images; both (n, h, w, c) of one dtype, not the same memory. Pixels that come
/// into view from outside an image are `background`, one number a channel.
void augment(Augmentation kind, const AugmentationKey& key, std::span<const double> background,
             const Array& images, const Array& out);

/// The shuffled minibatches of a training run. Every batch is full: the size() mod `rows` images
/// that an epoch's order leaves over are skipped in that epoch, other ones in each.
class Batches {
 public:
  /// Throws unless 1 <= rows <= data.size(), and for an augmentation of inputs that are no images.
  /// `background` is the augmentation's colour outside an image, one number a channel.
  Batches(const Dataset& data, Index rows, DType dtype, std::uint64_t seed,
          Augmentation augmentation = Augmentation::none, std::vector<double> background = {});

  /// Steps in an epoch: floor(size / rows).
  Index per_epoch() const { return per_epoch_; }
  /// The batch of a step counted from 0 over all epochs; valid until the next call. Steps may be
  /// asked for in any order; a change of epoch shuffles anew.
  const Dataset& at(Index step);

 private:
  Dataset data_;  // shares its numbers with the caller's
  Dataset batch_;
  Dataset original_;  // before augmentation; its other arrays are the batch's
  Index rows_, per_epoch_;
  std::uint64_t seed_;
  Augmentation augmentation_;
  std::vector<double> background_;
  Index epoch_ = -1;
  std::vector<std::int32_t> order_;
};

}  // namespace twice::experiments
