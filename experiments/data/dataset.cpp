// Turns the bytes of data files into 8-bit images, and these into standardised f32 images. Also
// draws the synthetic data set, which needs no file.
#include "experiments/data/dataset.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <regex>
#include <span>

#include "autodiff/kernels/random.h"
#include "autodiff/threads/parallel.h"
#include "experiments/data/catalogue.h"
#include "experiments/files/atomic_file.h"

namespace twice::experiments {

namespace {

// ---- digits ----

constexpr const char* embedded_sha256 =
    "46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a";
constexpr Index train_images = 1437;

RawImages rows(const RawImages& all, Index first, Index last) {
  const Index size = all.height * all.width * all.channels;
  RawImages result = all;
  result.pixels = {all.pixels.begin() + first * size, all.pixels.begin() + last * size};
  result.labels = {all.labels.begin() + first, all.labels.begin() + last};
  return result;
}

// ---- idx: a big-endian magic number, big-endian sizes, then bytes ----

Index big_endian(std::string_view bytes, std::size_t position) {
  Index value = 0;
  for (std::size_t i = position; i < position + 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// The sizes in the header of an idx file of bytes, and its data, which must be complete.
std::pair<std::vector<Index>, std::span<const unsigned char>> read_idx(std::string_view bytes,
                                                                       std::size_t axes,
                                                                       const std::string& name) {
  const std::size_t header = 4 + 4 * axes;
  const Index magic = 0x800 + static_cast<Index>(axes);  // 8: unsigned bytes
  if (bytes.size() < header || big_endian(bytes, 0) != magic)
    fail("data", "{} are not an idx file: expected a header of {} bytes that starts with {:#010x}",
         name, header, magic);
  std::vector<Index> sizes;
  double total = 1;  // in double: damaged sizes must not overflow
  for (std::size_t axis = 0; axis < axes; ++axis) {
    sizes.push_back(big_endian(bytes, 4 + 4 * axis));
    total *= static_cast<double>(sizes.back());
  }
  bytes.remove_prefix(header);
  if (static_cast<double>(bytes.size()) != total)
    fail("data", "{} are cut or damaged: {} bytes follow the header; expected {:.0f}", name,
         bytes.size(), total);
  return {sizes, {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}};
}

}  // namespace

RawSplit load_digits() {
  const std::string_view bytes = embedded_file("digits.csv.gz");
  if (const std::string actual = sha256(bytes); actual != embedded_sha256)
    fail("data", "digits: the embedded copy is wrong: sha256 {} instead of {}", actual,
         embedded_sha256);
  constexpr std::size_t most = 1 << 20;  // the text has 264,712 bytes
  const std::string csv = gunzip(bytes, "the embedded digits.csv.gz", most);
  RawImages all{8, 8, 1, {}, {}};
  // Each line has 64 pixels and a label. The checksum guarantees this format.
  constexpr int pixels = 64;
  const char* next = csv.data();
  for (int column = 0; next != csv.data() + csv.size(); column = (column + 1) % (pixels + 1)) {
    int value = 0;
    next = std::from_chars(next, csv.data() + csv.size(), value).ptr + 1;
    if (column < pixels)
      all.pixels.push_back(static_cast<std::uint8_t>(value));
    else
      all.labels.push_back(value);
  }
  return {rows(all, 0, train_images), rows(all, train_images, all.count()), 10, 16};
}

RawImages parse_idx(std::string_view images, std::string_view labels, const std::string& name) {
  const auto [sizes, pixels] = read_idx(images, 3, name + ": the images");
  const auto [counts, classes] = read_idx(labels, 1, name + ": the labels");
  if (counts[0] != sizes[0]) fail("data", "{}: {} labels for {} images", name, counts[0], sizes[0]);
  return {sizes[1], sizes[2], 1, {pixels.begin(), pixels.end()}, {classes.begin(), classes.end()}};
}

void append_cifar(std::string_view records, std::size_t label_bytes, const std::string& name,
                  RawImages& images) {
  constexpr std::size_t side = 32, plane = side * side, channels = 3, image = channels * plane;
  const std::size_t record = label_bytes + image;
  if (records.empty() || records.size() % record != 0)
    fail("data", "{} is cut: {} bytes are not a whole number of records of {}", name,
         records.size(), record);
  const std::size_t count = records.size() / record, before = images.labels.size();
  images.height = images.width = side;
  images.channels = channels;
  images.labels.resize(before + count);
  images.pixels.resize((before + count) * image);
  parallel_ranges(static_cast<Index>(count), 64, [&](Index first, Index last) {
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) {
      const auto* from = reinterpret_cast<const unsigned char*>(records.data()) + i * record;
      images.labels[before + i] = from[label_bytes - 1];
      from += label_bytes;
      std::uint8_t* to = images.pixels.data() + (before + i) * image;
      for (std::size_t position = 0; position < plane; ++position)
        for (std::size_t channel = 0; channel < channels; ++channel)
          *to++ = from[channel * plane + position];
    }
  });
}

namespace {

RawSplit load_idx(const DataSource& source) {
  const auto part = [&](std::size_t first) {
    const auto folder = data_folder(source);
    const std::string images = verified_file(source, source.files[first], folder);
    const std::string labels = verified_file(source, source.files[first + 1], folder);
    return parse_idx(images, labels, source.name);
  };
  return {part(0), part(2), 10, 255};
}

RawSplit load_cifar(const DataSource& source) {
  const bool fine = source.name == "cifar100";
  RawSplit split;
  split.classes = fine ? 100 : 10;
  for (const DataFile& file : source.files) {
    const bool is_test = &file == &source.files.back();
    append_cifar(verified_file(source, file, data_folder(source)), fine ? 2 : 1, file.name,
                 is_test ? split.test : split.train);
  }
  return split;
}

// ---- standardisation ----

/// Mean and standard deviation of each channel of the training images.
void measure_channels(const RawSplit& raw, DataSplit& split) {
  const auto channels = static_cast<std::size_t>(raw.train.channels);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    // Counts each pixel value first, so that the sums do not depend on the order of the pixels.
    std::array<std::int64_t, 256> histogram{};
    for (std::size_t i = channel; i < raw.train.pixels.size(); i += channels)
      ++histogram[raw.train.pixels[i]];
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
  const Array numbers({images.count(), images.height, images.width, images.channels}, DType::f32);
  const auto channels = static_cast<std::size_t>(images.channels);
  parallel_ranges(
      static_cast<Index>(images.pixels.size()), elements_per_tile, [&](Index first, Index last) {
        for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i)
          numbers.data<float>()[i] = static_cast<float>(
              (static_cast<double>(images.pixels[i]) / raw.full_scale - split.mean[i % channels]) /
              split.stddev[i % channels]);
      });
  return labelled(name, numbers, Array::from(images.labels, {images.count()}), raw.classes);
}

}  // namespace

Dataset labelled(const std::string& name, const Array& images, const Array& labels, int classes) {
  return {name, {{"images", images}, {"labels", labels}}, classes};
}

DataSplit load_data(const std::string& name, const SyntheticOptions& options) {
  if (name == "synthetic") return synthetic_data(options);
  const DataSource& source = data_source(name);
  const RawSplit raw = name == "digits"            ? load_digits()
                       : name.starts_with("cifar") ? load_cifar(source)
                                                   : load_idx(source);
  DataSplit split;
  split.scale = raw.full_scale;
  split.files = source.files;
  if (name == "digits")
    split.files = {{"digits.csv", embedded_sha256, embedded_file("digits.csv.gz").size()}};
  measure_channels(raw, split);
  split.train = standardized(name, raw, raw.train, split);
  split.test = standardized(name, raw, raw.test, split);
  return split;
}

namespace {

// ---- synthetic ----

/// The maximum number of values in all training images of a requested shape: 512 MiB in f32.
constexpr Index most_numbers = 1 << 27;

/// The `use` of a random stream, one for each purpose.
enum Use : std::uint64_t { centres_use, train_use, test_use };

/// x = (centre + noise - mean) / stddev per channel.
Dataset draw(const SyntheticOptions& options, const Array& centres, Index count, Use use,
             const DataSplit& split) {
  const Shape& image = options.image;
  const Index size = image.elements(), channels = image.back();
  const Rng rng(options.seed, 0, use);
  const Array images({count, image[0], image[1], image[2]}, DType::f32);
  const Array labels({count}, DType::i32);
  parallel_for(count, [&](Index i) {
    labels.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % options.classes);
    const double* const centre = centres.data<double>() + i % centres.shape()[0] * size;
    for (Index k = 0; k < size; ++k) {
      const auto channel = static_cast<std::size_t>(k % channels);
      const double x = centre[k] + rng.normal(static_cast<std::uint64_t>(i * size + k));
      images.data<float>()[i * size + k] =
          static_cast<float>((x - split.mean[channel]) / split.stddev[channel]);
    }
  });
  return labelled("synthetic", images, labels, options.classes);
}

}  // namespace

std::vector<Index> parsed_shape(const std::string& text) {
  static const std::regex shape("[1-9][0-9]{0,3}(x[1-9][0-9]{0,3}){0,3}"), size("[0-9]+");
  if (!std::regex_match(text, shape)) return {};
  std::vector<Index> sizes;
  for (std::sregex_iterator at(text.begin(), text.end(), size), end; at != end; ++at)
    sizes.push_back(std::stol(at->str()));
  return sizes;
}

SyntheticOptions synthetic_options(const std::optional<std::string>& input,
                                   std::optional<int> classes) {
  SyntheticOptions options;
  options.classes = classes.value_or(options.classes);
  if (!input) return options;
  const std::vector<Index> sizes = parsed_shape(*input);
  if (sizes.empty() || sizes.size() > 3)
    fail("data", "images of {}; expected height x width x channels, such as 32x32x3", *input);
  options.image = sizes.size() == 1 ? Shape{1, sizes[0], 1}
                                    : Shape{sizes[0], sizes[1], sizes.size() == 3 ? sizes[2] : 1};
  options.train = std::clamp(most_numbers / options.image.elements(), Index{1}, options.train);
  return options;
}

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
  // The root mean square distance of two points of N(0, s^2 I) in d dimensions is s sqrt(2d).
  const Index size = options.image.elements();
  const double s = options.separation / std::sqrt(2.0 * static_cast<double>(size));
  const Index clusters = Index{options.classes} * options.clusters;
  const Array centres({clusters, size}, DType::f64);
  fill_normal(Rng(options.seed, 0, centres_use), 0, s, centres);

  // The mean and variance of the mixture follow from the centres, so no estimate is needed.
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
  split.train = draw(options, centres, options.train, train_use, split);
  split.test = draw(options, centres, options.test, test_use, split);
  return split;
}

}  // namespace twice::experiments
