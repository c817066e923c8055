// Training data in people's own files: tables as text, arrays of NumPy and safetensors, images as
// MNIST and CIFAR-10 store them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"

namespace twice::experiments {

struct FileDataOptions {
  std::string file = {};  ///< see `read_file_data`
  /// The column or array to predict. Of a table without a header: a number from 1. Empty: found by
  /// its name.
  std::string target = {};
  bool regression = false;  ///< targets are numbers, not classes
  /// Use regression where the targets cannot be classes: one is not whole, or an example has
  /// several.
  bool guess = false;
  double test_share = 0.2;          ///< in (0, 1); of files that bring no test part
  std::uint64_t seed = 1;           ///< of the split
  std::optional<Shape> input = {};  ///< the shape of one example, which must fit; e.g. 28x28x1
  bool standardize = true;
  bool standardize_targets = false;  ///< of targets that are numbers
  double validation_share = 0;       ///< of the training part, set aside from it; in [0, 1)
  /// Read examples for a model that was trained on data like this, all as the test part: with its
  /// columns, shapes, classes, mean and stddev. `train` may have no examples. The targets may
  /// be missing. Of a file that brings a test part, that is read.
  const DataSplit* like = nullptr;
};

/// Examples by their positions.
using Rows = std::vector<std::int32_t>;

/// The part of a data set that examples are set aside for.
enum class SetAside : std::uint64_t { test, validation };

/// The rows that stay and those that are set aside, each in ascending order: the share of each
/// class, rounded but never all of it, at random, as a function of seed, part and classes.
/// `classes` has the class of every example, or is empty. Throws when the share is not in (0, 1)
/// or too small for one row; `name` is for the error.
std::pair<Rows, Rows> set_aside(const std::string& name, SetAside part, const Rows& rows,
                                const Array& classes, double share, std::uint64_t seed);

/// Reads `options.file`, which is one of these (.csv, .tsv and idx files may be gzipped):
///   X.csv, X.tsv           A table in UTF-8, fields quoted where needed. The first row is the
///                          header unless it is all numbers, or has numbers and `target` is a
///                          column's number. A first row with `;` makes `;` the separator and `,`
///                          the decimal point, as spreadsheets do. Inputs must be numbers.
///   X.npz, X.safetensors   Named arrays. Inputs: x, inputs, images, data, features, arr_0;
///                          targets: y, targets, target, labels, label, class, classes, arr_1, or
///                          what `target` names; inputs of any name if there is one other array.
///                          A part is named by train_ or test_ in front or _train or _test behind.
///                          Upper and lower case are one. Other arrays are not read.
///   x.npy                  The inputs; the targets are y.npy beside it. Or "A.npy,B.npy".
///   images-idx3-ubyte      MNIST's format, with labels-idx1-ubyte beside it; if it begins with
///                          train- and t10k- images are there, these are the test part.
///   X.bin                  CIFAR-10's: records of a label and 3072 bytes of an image 32x32x3.
///                          Or a folder of such files, of which those with "test" in their names
///                          are the test part.
///
/// A table's target is the column with a name of an array of targets above, unless `target` names
/// it. Inputs of shape (n) become (n, 1), and (n, h, w) becomes (n, h, w, 1). Pixels keep their
/// values, 0 to 255. Classes are the sorted distinct labels of both parts: whole numbers of 32 bits
/// or, in a table, words. Standardised inputs are (x - mean) / stddev.
///
/// Without a test part, the share test_share of each class, rounded but never all of it, is taken
/// at random for the test, as a function of the seed and the targets. Validation examples are taken
/// from the training part in the same way. All parts keep the order of the file.
///
/// `inputs` are f32, (n, features), (n, height, width, channels) or as `input` says; `labels` i32,
/// (n), from 0; with regression `targets` f32, (n, k). Mean and stddev are those of each entry of
/// the inputs' last axis over the training part, divided by n; a constant entry has stddev 1.
///
/// Throws one line that names the file, the place and what was expected. A missing or non-finite
/// value is an error, as are fewer than two classes. The file is read once; memory is a few times
/// its unpacked size.
DataSplit read_file_data(const FileDataOptions& options);

}  // namespace twice::experiments
