// Data sets that are ready for training, such as standardised images (channels last) with class
// labels, and the formats of their files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autodiff/array/array.h"
#include "experiments/data/catalogue.h"

namespace twice::experiments {

/// Examples, or a batch of examples: named arrays with one row per example. The first array holds
/// the inputs, the second the targets, if there are any. A problem may have more arrays.
struct Dataset {
  std::string name;
  std::vector<std::pair<std::string, Array>> arrays;
  /// The number of classes; 0 if the targets are numbers.
  int classes = 0;
  /// Numeric targets are (x - mean) / stddev, where x is the target in the file. There is one mean
  /// and one stddev for each number of a target. Empty: the targets are those in the file.
  std::vector<double> target_mean = {}, target_stddev = {};
  Array targets_in_file = {};  ///< standardised targets in the units of the file

  /// Converts number k of a target or prediction to the units of the file.
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
  /// The names of inputs, targets and classes, if the data comes from a file that has them.
  std::vector<std::string> input_names = {}, target_names = {}, class_names = {};
  /// Training examples that were set aside. No step uses them. Empty if there are no such examples.
  Dataset validation = {};
  /// The files from which the data was read.
  std::vector<DataFile> files = {};
  /// If the test examples were split off: the position of each in the file. Empty: the test
  /// examples have the order of their file.
  std::vector<std::int32_t> test_rows = {};
  /// The unit of `mean` and `stddev`: the pixel value of full intensity.
  double scale = 1;
  /// False if the targets of the test examples are unknown. They are then zeros.
  bool has_targets = true;
};

/// Synthetic data of any shape, drawn from a seed. Each class is `clusters` Gaussian clouds of unit
/// variance. Their centres are drawn from N(0, s^2 I), with s such that the root mean square
/// distance between two centres is `separation`. With several clusters, no linear model separates
/// the classes.
struct SyntheticOptions {
  Index train = 4096, test = 1024;
  Shape image{8, 8, 1};  // height, width, channels
  int classes = 10, clusters = 4;
  double separation = 6;
  std::uint64_t seed = 0;
};

/// The sizes in a text such as "32x32x3" or "20". Empty if the text is not a shape.
std::vector<Index> parsed_shape(const std::string& text);

/// The options for images of shape `input` in `classes` classes. "32x32x3" is height, width and
/// channels; "32x32" has one channel; "20" is one row of 20 pixels. Throws if `input` is not the
/// shape of an image.
SyntheticOptions synthetic_options(const std::optional<std::string>& input,
                                   std::optional<int> classes);

/// Draws the mixture of Gaussians. Image i is of class i mod `classes`. The result depends on the
/// options alone.
DataSplit synthetic_data(const SyntheticOptions& options);

/// Loads the data set of that name (see `data_sources`). Its files, if it has any, are first
/// checked against their checksums. Throws a one-line error if the name is unknown or if a file is
/// missing, cut or wrong. `options` are for "synthetic".
DataSplit load_data(const std::string& name, const SyntheticOptions& options = {});

/// 8-bit images as files hold them: `pixels` is (count, height, width, channels), row-major.
struct RawImages {
  Index height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;

  Index count() const { return std::ssize(labels); }
};

/// Training and test images as the files of a data set hold them.
struct RawSplit {
  RawImages train, test;
  int classes = 10;
  /// The pixel value of full intensity.
  int full_scale = 255;
};

/// The embedded digits: the first 1,437 for training, the other 360 for the test.
RawSplit load_digits();

/// Parses an idx file of images (magic 0x803) and one of labels (magic 0x801), both decompressed.
/// Throws an error with `name` if the files are cut, do not match each other or are not idx files.
RawImages parse_idx(std::string_view images, std::string_view labels, const std::string& name);

/// Appends CIFAR records to `images`. A record has `label_bytes` bytes, of which the last is the
/// label, and then the planes R, G and B of 32x32 bytes each.
void append_cifar(std::string_view records, std::size_t label_bytes, const std::string& name,
                  RawImages& images);

}  // namespace twice::experiments
