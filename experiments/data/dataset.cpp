// From raw 8-bit images to standardised f32 ones.
#include "experiments/data/dataset.h"

#include <array>
#include <cmath>

#include "autodiff/threads/parallel.h"
#include "experiments/data/loaders.h"

namespace twice::experiments {

namespace {

/// How often a channel takes each pixel value. Mean and variance follow exactly, in any order.
using Histogram = std::array<std::int64_t, 256>;

std::vector<Histogram> channel_histograms(const RawImages& images) {
  const auto channels = static_cast<std::size_t>(images.channels);
  std::vector<Histogram> histograms(channels, Histogram{});
  for (std::size_t i = 0; i < images.pixels.size();)
    for (std::size_t channel = 0; channel < channels; ++channel)
      ++histograms[channel][images.pixels[i++]];
  return histograms;
}

void standardize_by_train(const RawSplit& raw, DataSplit& split) {
  for (const Histogram& histogram : channel_histograms(raw.train)) {
    double count = 0, sum = 0, squares = 0;
    for (std::size_t value = 0; value < histogram.size(); ++value) {
      const auto times = static_cast<double>(histogram[value]);
      const double intensity = static_cast<double>(value) / raw.full_scale;
      count += times;
      sum += times * intensity;
      squares += times * intensity * intensity;
    }
    const double mean = sum / count, variance = squares / count - mean * mean;
    split.mean.push_back(mean);
    // A constant channel is only centred.
    split.stddev.push_back(variance > 1e-12 ? std::sqrt(variance) : 1.0);
  }
}

Dataset standardized(const std::string& name, const RawSplit& raw, const RawImages& images,
                     const DataSplit& split) {
  for (const std::int32_t label : images.labels)
    if (label < 0 || label >= raw.classes)
      fail("data", "{}: a label is {}; expected 0 to {}", name, label, raw.classes - 1);
  const auto channels = static_cast<std::size_t>(images.channels);
  std::vector<std::array<float, 256>> tables(channels);  // pixel value to number, per channel
  for (std::size_t channel = 0; channel < channels; ++channel)
    for (std::size_t value = 0; value < 256; ++value)
      tables[channel][value] =
          static_cast<float>((static_cast<double>(value) / raw.full_scale - split.mean[channel]) /
                             split.stddev[channel]);

  Dataset data{name,
               Array({images.count, images.height, images.width, images.channels}, DType::f32),
               Array::from(images.labels, {images.count}), raw.classes};
  const Index positions = images.height * images.width;
  parallel_ranges(images.count, 64, [&](Index first, Index last) {
    const Index begin = first * positions * images.channels;
    const std::uint8_t* from = images.pixels.data() + begin;
    float* to = data.images.data<float>() + begin;
    for (Index position = 0; position < (last - first) * positions; ++position)
      for (const auto& table : tables) *to++ = table[*from++];
  });
  return data;
}

RawSplit load_raw(const DataSource& source) {
  if (source.name == "digits") return load_digits();
  if (source.name == "mnist" || source.name == "fashion-mnist") return load_idx(source);
  return load_cifar(source);
}

}  // namespace

DataSplit load_data(const std::string& name, const SyntheticOptions& options) {
  if (name == "synthetic") return synthetic_data(options);
  const RawSplit raw = load_raw(data_source(name));
  DataSplit split;
  standardize_by_train(raw, split);
  split.train = standardized(name, raw, raw.train, split);
  split.test = standardized(name, raw, raw.test, split);
  return split;
}

}  // namespace twice::experiments
