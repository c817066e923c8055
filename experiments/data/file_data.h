// Reads training data from the user's own files: tables as text, arrays of NumPy and safetensors,
// and images in the formats of MNIST and CIFAR-10.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"

namespace twice::experiments {

struct FileDataOptions {
  std::string file = {};  ///< see `read_file_data`
  /// The column or array to predict. In a table without a header, the number of the column, from 1.
  /// Empty: the target is found by its name.
  std::string target = {};
  bool regression = false;  ///< targets are numbers, not classes
  /// Use regression if the targets cannot be classes, because one is not whole or an example has
  /// several.
  bool guess = false;
  double test_share = 0.2;          ///< in (0, 1); for files without a test part
  std::uint64_t seed = 1;           ///< of the split
  std::optional<Shape> input = {};  ///< the shape of one example, which must fit; e.g. 28x28x1
  DType dtype = DType::f32;         ///< of the inputs; numeric targets are f64
  bool standardize = true;
  bool standardize_targets = false;  ///< only of numeric targets
  double validation_share = 0;       ///< share of the training part to set aside; in [0, 1)
  /// If set, all examples are read as the test part, for a model that was trained on data like
  /// `*like`. Columns, shapes, classes, mean and stddev are those of `*like`. Its `train` may have
  /// no examples. The targets may be missing. If the file has a test part, only that part is read.
  const DataSplit* like = nullptr;
};

/// Whether the f32 nearest to x is finite.
inline bool fits(double x, DType dtype) {
  return std::isfinite(dtype == DType::f32 ? static_cast<float>(x) : x);
}

/// Positions of examples.
using Rows = std::vector<std::int32_t>;

/// The part of a data set for which examples are set aside.
enum class SetAside : std::uint64_t { test, validation };

/// Splits rows at random into those that stay and those that are set aside, both in ascending
/// order. The share of each class is rounded and set aside, but never the whole class. The result
/// is a function of seed, part and classes. `classes` has the class of every example, or is empty.
/// Throws an error that mentions `name` if the share is not in (0, 1) or is too small for one row,
/// also of classes with few examples each.
std::pair<Rows, Rows> set_aside(const std::string& name, SetAside part, const Rows& rows,
                                const Array& classes, double share, std::uint64_t seed);

/// Reads `options.file`, which is one of these (.csv, .tsv and idx files may be gzipped):
///   X.csv, X.tsv           A table in UTF-8, with quoted fields where needed. The first row is the
///                          header unless all its fields are numbers, or some are numbers and
///                          `target` is the number of a column. A row of numbers is a header, too,
///                          if it has the names of all inputs of `like`. Without `like`, it is one
///                          if it has the `target`, which is no column's number, or if it is 0, 1,
///                          2, 3, ..., four or more, as pandas names columns. If the first row
///                          contains `;`, then `;` is the separator and `,` the decimal point, as
///                          in spreadsheets. Inputs must be numbers.
///   X.npz, X.safetensors   Named arrays. Inputs are named x, inputs, images, data, features or
///                          arr_0. Targets are named y, targets, target, labels, label, class,
///                          classes or arr_1, or have the name `target`. If `target` is given and
///                          there is one other array, it holds the inputs. The prefix train_ or
///                          test_, or the suffix _train or _test, names a part. Upper and lower
///                          case are equal. Other arrays are not read.
///   x.npy                  The inputs, with the targets in y.npy beside it. Or "A.npy,B.npy".
///   images-idx3-ubyte      MNIST's format, with labels-idx1-ubyte beside it. If the name begins
///                          with train- and there are t10k- images, these are the test part.
///   X.bin                  CIFAR-10's format: records of a label and the 3072 bytes of an image
///                          32x32x3. Or a folder of such files. Those with "test" in their names
///                          are the test part.
///
/// Without `target`, the target of a table is the column with one of the names of target arrays
/// above. Inputs of shape (n) become (n, 1), and (n, h, w) becomes (n, h, w, 1). Pixels keep their
/// values, 0 to 255. Classes are the sorted distinct labels of both parts: whole numbers of 32 bits
/// or, in a table, words. If a class of `like` is a word, all labels are. Standardised inputs are
/// (x - mean) / stddev.
///
/// Without a test part, `set_aside` takes the share test_share of the examples for the test.
/// Validation examples are taken from the training part in the same way. All parts keep the order
/// of the file.
///
/// `inputs` have the dtype `dtype` and the shape (n, features) or (n, height, width, channels), or
/// the shape `input`. `labels` are i32 of shape (n), from 0. With regression, `targets` are f64 of
/// shape (n, k). Mean and stddev are computed over the training part for each entry of the inputs'
/// last axis, with n as the divisor. A constant entry has stddev 1.
///
/// Throws a one-line error with the file, the place and the expected content. A missing or
/// non-finite value is an error, and so are fewer than two classes. The file is read once. Reading
/// takes a few times the memory of the decompressed file.
DataSplit read_file_data(const FileDataOptions& options);

}  // namespace twice::experiments
