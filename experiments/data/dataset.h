// Data sets ready to train on: standardised images, channels last, with class labels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autodiff/array/array.h"

namespace twice::experiments {

struct Dataset {
  std::string name;
  Array images;  // f32, (n, height, width, channels)
  Array labels;  // i32, (n)
  int classes = 0;

  Index size() const { return labels.elements(); }
};

/// Every pixel is x = (p / scale - mean) / stddev, where scale is the full intensity (16 for
/// digits, 255 for the others; 1 for synthetic) and mean and stddev are those of p / scale over
/// all training images, per channel:
///   digits         .3054            .3755
///   fashion-mnist  .2860            .3530
///   mnist          .1307            .3081
///   cifar10        .4914 .4822 .4465   .2470 .2435 .2616
struct DataSplit {
  Dataset train, test;
  std::vector<double> mean, stddev;
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

/// The mixture of Gaussians: image i is of class i mod classes; all is a function of the options.
DataSplit synthetic_data(const SyntheticOptions& options);

/// The data set of that name (see `data_sources`); the files of those that have any are checked
/// against their checksums first. Throws one line when the name is unknown or a file is missing,
/// cut or wrong. `options` are for "synthetic".
DataSplit load_data(const std::string& name, const SyntheticOptions& options = {});

}  // namespace twice::experiments
