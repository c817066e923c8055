// From the bytes of data files to raw images: 8-bit pixels, channels last, and labels.
// One file per format: digits.cpp, idx.cpp, cifar.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/array/shape.h"
#include "experiments/data/catalogue.h"

namespace twice::experiments {

/// `pixels` is (count, height, width, channels), row-major; `labels` has `count` entries.
struct RawImages {
  Index count = 0, height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
};

struct RawSplit {
  RawImages train, test;
  int classes = 10;
  /// The pixel value of full intensity.
  int full_scale = 255;
};

/// The embedded digits, split by rule: the first 1,437 train, the other 360 test.
RawSplit load_digits();

/// MNIST and Fashion-MNIST: four idx files.
RawSplit load_idx(const DataSource& source);

/// CIFAR-10 and CIFAR-100, binary version; of CIFAR-100's two labels the fine one (100 classes).
RawSplit load_cifar(const DataSource& source);

/// Lines of 64 pixels in 0..16 and a label in 0..9, separated by commas.
RawImages parse_digits(std::string_view csv);

/// An idx file of images (magic 0x803) and one of labels (magic 0x801), unzipped. `name` is for
/// the error when they are cut, do not fit each other or are no idx files.
RawImages parse_idx(std::string_view images, std::string_view labels, const std::string& name);

/// Appends CIFAR records: `label_bytes` bytes, of which the last is the label, then the planes R,
/// G, B of 32x32 each.
void append_cifar(std::string_view records, std::size_t label_bytes, const std::string& name,
                  RawImages& images);

}  // namespace twice::experiments
