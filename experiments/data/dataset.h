// Data sets ready to train on: standardised images, channels last, with class labels; and the
// formats of the files that they are read from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autodiff/array/array.h"
#include "experiments/data/catalogue.h"

namespace twice::experiments {

/// Examples, or a batch of them: arrays by name, each with one row for each example. The first
/// holds the inputs, the second, where there is one, the targets; a problem may have more.
struct Dataset {
  std::string name;
  std::vector<std::pair<std::string, Array>> arrays;
  /// How many classes the targets name; 0 when they are numbers.
  int classes = 0;
  /// Targets that are numbers are (x - mean) / stddev of the file's, with one of each for every
  /// number that an example has; empty: they are as in the file.
  std::vector<double> target_mean = {}, target_stddev = {};

  /// A target or its prediction, number k of an example, in the units of the file.
  double in_units(double value, Index k) const {
    const auto at = static_cast<std::size_t>(k);
    return target_mean.empty() ? value : value * target_stddev[at] + target_mean[at];
  }

  Index size() const { return inputs().shape()[0]; }
  /// The first array. Throws std::out_of_range if there is none.
  const Array& inputs() const { return arrays.at(0).second; }
  /// The second array. Throws std::out_of_range if there is none.
  const Array& targets() const { return arrays.at(1).second; }
  Array& inputs() { return arrays.at(0).second; }
  Array& targets() { return arrays.at(1).second; }
};

/// `images` f32 (n, height, width, channels) and `labels` i32 (n).
Dataset labelled(const std::string& name, const Array& images, const Array& labels, int classes);

/// Every pixel is x = (p / scale - mean) / stddev, where scale is the full intensity (16 for
/// digits, 255 for the others; 1 for synthetic) and mean and stddev are those of p / scale over
/// all training images, per channel:
///   digits         .3054            .3755
///   fashion-mnist  .2860            .3530
///   mnist          .1307            .3081
///   cifar10        .4914 .4822 .4465   .2470 .2435 .2616
struct DataSplit {
  Dataset train = {}, test = {};
  std::vector<double> mean = {}, stddev = {};
  /// Of data in files, where they have names.
  std::vector<std::string> input_names = {}, target_names = {}, class_names = {};
  /// Training examples that were set aside; no step sees them. Without arrays: none.
  Dataset validation = {};
  /// The files that it was read from.
  std::vector<DataFile> files = {};
  /// The position in its file of each test example that was split off; empty: in their order.
  std::vector<std::int32_t> test_rows = {};
  /// The unit of `mean` and `stddev`: the pixel value of full intensity.
  double scale = 1;
  /// False: the targets of the test examples are unknown, and zeros stand for them.
  bool has_targets = true;
};

/// A seeded problem of any shape. Each class is `clusters` Gaussian clouds of unit variance whose
/// centres are drawn from N(0, s^2 I), with s such that two centres are on average `separation`
/// apart (root mean square); with several clusters no linear model separates the classes.
struct SyntheticOptions {
  Index train = 4096, test = 1024;
  Shape image{8, 8, 1};  // height, width, channels
  int classes = 10, clusters = 4;
  double separation = 6;
  std::uint64_t seed = 0;
};

/// The sizes in a text such as "32x32x3" or "20"; empty when it is none.
std::vector<Index> parsed_shape(const std::string& text);

/// The options for images of a shape such as "32x32x3" (height, width, channels; "32x32" has one
/// channel, "20" one row of 20 pixels) in so many classes. Empty and 0: the default. Throws when
/// `input` is no shape of images.
SyntheticOptions synthetic_options(const std::string& input, int classes);

/// The mixture of Gaussians: image i is of class i mod classes; all is a function of the options.
DataSplit synthetic_data(const SyntheticOptions& options);

/// The data set of that name (see `data_sources`); the files of those that have any are checked
/// against their checksums first. Throws one line when the name is unknown or a file is missing,
/// cut or wrong. `options` are for "synthetic".
DataSplit load_data(const std::string& name, const SyntheticOptions& options = {});

/// 8-bit images as files hold them: `pixels` is (count, height, width, channels), row-major;
/// `labels` has `count` entries.
struct RawImages {
  Index count = 0, height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
};

/// Training and test images as the files of a data set hold them.
struct RawSplit {
  RawImages train, test;
  int classes = 10;
  /// The pixel value of full intensity.
  int full_scale = 255;
};

/// The embedded digits, split by rule: the first 1,437 train, the other 360 test.
RawSplit load_digits();

/// An idx file of images (magic 0x803) and one of labels (magic 0x801), unzipped. `name` is for
/// the error when they are cut, do not fit each other or are no idx files.
RawImages parse_idx(std::string_view images, std::string_view labels, const std::string& name);

/// Appends CIFAR records: `label_bytes` bytes, of which the last is the label, then the planes R,
/// G, B of 32x32 each.
void append_cifar(std::string_view records, std::size_t label_bytes, const std::string& name,
                  RawImages& images);

}  // namespace twice::experiments
