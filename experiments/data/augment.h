// Augmentation: training images changed a little, differently in each epoch. What an image
// becomes is a pure function of (seed, epoch, index), so a resumed run sees the same images.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"

namespace twice::experiments {

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

/// out = augmented images; both (n, h, w, c) of one dtype, not the same memory. What comes into
/// view from outside an image is `background`, one number a channel.
void augment(Augmentation kind, const AugmentationKey& key, std::span<const double> background,
             const Array& images, const Array& out);

}  // namespace twice::experiments
