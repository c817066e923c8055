// Makes minibatches and augments them: training images change a little, differently in each epoch.
// Batches and augmentation are pure functions of the seed and the step, so a resumed run needs no
// stored state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"

namespace twice::experiments {

/// Allocates a batch for `rows` examples of a data set, without values. Floating-point arrays have
/// dtype `dtype`. Labels stay whole numbers.
Dataset make_batch(const Dataset& data, Index rows, DType dtype);

/// Copies the given rows of the data set into a batch of `rows.size()` rows and converts them to
/// its dtypes. Allocates no memory.
void gather(const Dataset& data, std::span<const std::int32_t> rows, const Dataset& batch);

/// Returns a new batch with `count` consecutive rows, beginning with row `first`.
Dataset consecutive(const Dataset& data, Index first, Index count, DType dtype);

/// The order in which an epoch visits n images: a pure function of (seed, epoch, n).
std::vector<std::int32_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, Index n);

/// The names of the augmentations, beginning with "none". "warp" is for drawn characters. It
/// applies a random affine map to the image plane, with bilinear sampling: rotation up to 0.2
/// radians, scaling of each axis by up to 15 %, shear up to 0.2, and a shift of up to a tenth of
/// half the image. "crop-flip" is for photographs. It shifts an image by up to an eighth of the
/// side and mirrors it with probability 1/2.
std::vector<std::string> augmentation_names();

/// Determines the random numbers of `augment`. `rows` holds the images' indices in the data set, in
/// the order of the batch.
struct AugmentationKey {
  std::uint64_t seed, epoch;
  std::span<const std::int32_t> rows;
};

/// Writes the augmented images to `out`. `images` and `out` have shape (n, h, w, c) and the same
/// dtype, and do not share memory. Pixels from outside an image are `background`, one number per
/// channel.
void augment(const std::string& name, const AugmentationKey& key,
             std::span<const double> background, const Array& images, const Array& out);

/// The shuffled minibatches of a training run. Every batch is full: an epoch skips the last size()
/// mod `rows` images of its order. The order differs from epoch to epoch.
class Batches {
 public:
  /// Throws unless 1 <= rows <= data.size(). Also throws if the inputs are not images and the
  /// augmentation is not "none". `background` is the colour outside an image, one number per
  /// channel.
  Batches(const Dataset& data, Index rows, DType dtype, std::uint64_t seed,
          const std::string& augmentation = "none", std::vector<double> background = {});

  /// Steps in an epoch: floor(size / rows).
  Index per_epoch() const { return per_epoch_; }
  /// The batch of a step. Steps count from 0 over all epochs and may come in any order. The batch
  /// is valid until the next call. Each epoch has its own order.
  const Dataset& at(Index step);

 private:
  Dataset data_;  // shares memory with the caller's data set
  Dataset batch_;
  Dataset original_;  // images before augmentation; other arrays are the batch's
  Index rows_, per_epoch_;
  std::uint64_t seed_;
  std::string augmentation_;
  std::vector<double> background_;
  Index epoch_ = -1;
  std::vector<std::int32_t> order_;
};

}  // namespace twice::experiments
