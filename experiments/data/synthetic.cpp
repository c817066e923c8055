// A classification problem that needs no data: a mixture of Gaussians in as many dimensions
// and classes as one likes, the same for everybody who uses the same seed.
#include <cmath>

#include "autodiff/kernels/random.h"
#include "experiments/data/dataset.h"

namespace twice::experiments {

namespace {

/// What the random numbers are for: the `use` of their stream.
enum Use : std::uint64_t { centres_use, train_use, test_use };

Array normal(const SyntheticOptions& options, Use use, const Shape& shape, double stddev) {
  Array numbers(shape, DType::f64);
  fill_normal(Rng(options.seed, 0, use), 0, stddev, numbers);
  return numbers;
}

/// x = (centre + noise - mean) / stddev per channel.
Dataset part(const SyntheticOptions& options, const Array& centres, Index count, Use use,
             const DataSplit& split) {
  const Shape& image = options.image;
  const Index size = image.elements(), channels = image.back();
  const Array noise = normal(options, use, {count, size}, 1);
  Dataset data{"synthetic", Array({count, image[0], image[1], image[2]}, DType::f32),
               Array({count}, DType::i32), options.classes};
  for (Index i = 0; i < count; ++i) {
    const Index cluster = i % centres.shape()[0];
    data.labels.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % options.classes);
    for (Index k = 0; k < size; ++k) {
      const auto channel = static_cast<std::size_t>(k % channels);
      const double x =
          centres.data<double>()[cluster * size + k] + noise.data<double>()[i * size + k];
      data.images.data<float>()[i * size + k] =
          static_cast<float>((x - split.mean[channel]) / split.stddev[channel]);
    }
  }
  return data;
}

}  // namespace

DataSplit synthetic_data(const SyntheticOptions& options) {
  if (options.image.rank() != 3 || options.image.elements() < 1)
    fail("data", "synthetic: images of shape {}; expected (height, width, channels)",
         str(options.image));
  if (options.classes < 2 || options.clusters < 1 || options.train < 1 || options.test < 1)
    fail("data",
         "synthetic: {} classes, {} clusters, {} train and {} test images; expected at "
         "least 2, 1, 1 and 1",
         options.classes, options.clusters, options.train, options.test);
  if (!(options.separation > 0) || !std::isfinite(options.separation))
    fail("data", "synthetic: separation {}; expected a positive number", options.separation);
  // Two points of N(0, s^2 I) in d dimensions are s sqrt(2d) apart, root mean square.
  const Index size = options.image.elements();
  const double s = options.separation / std::sqrt(2.0 * static_cast<double>(size));
  const Index clusters = Index{options.classes} * options.clusters;
  const Array centres = normal(options, centres_use, {clusters, size}, s);

  // The mean and variance of the mixture itself are known; none need be estimated.
  const Index channels = options.image.back();
  DataSplit split;
  for (Index channel = 0; channel < channels; ++channel) {
    const auto count = static_cast<double>(clusters * size / channels);
    double sum = 0, squares = 0;
    for (Index k = channel; k < clusters * size; k += channels) {
      const double x = centres.data<double>()[k];
      sum += x;
      squares += x * x;
    }
    const double mean = sum / count;
    split.mean.push_back(mean);
    split.stddev.push_back(std::sqrt(squares / count - mean * mean + 1));
  }
  split.train = part(options, centres, options.train, train_use, split);
  split.test = part(options, centres, options.test, test_use, split);
  return split;
}

}  // namespace twice::experiments
