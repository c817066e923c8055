// Gathers rows, augments images by random affine maps with bilinear sampling, and shuffles the
// images of each epoch.
#include "experiments/data/batches.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "autodiff/kernels/random.h"
#include "autodiff/threads/parallel.h"

namespace twice::experiments {

namespace {

// The `use` of random streams: "shuffle" and "augment" in ASCII. No counter of layers or parameters
// reaches these numbers.
constexpr std::uint64_t shuffle_use = 0x73687566666c65, augment_use = 0x6175676d656e74;

constexpr double most_rotation = 0.2, most_scaling = 0.15, most_shear = 0.2, most_shift = 0.1;

/// Maps an output pixel to its source: source = m (column, row, 1), in coordinates from -1 to 1
/// across the image.
using AffineMap = std::array<double, 6>;

/// Random number k of image `row` in this epoch, uniform in [-1, 1).
double draw(const Rng& rng, std::int32_t row, std::uint64_t k) {
  constexpr std::uint64_t draws_per_image = 8;
  return 2 * rng.uniform(static_cast<std::uint64_t>(row) * draws_per_image + k) - 1;
}

AffineMap warp_map(const Rng& rng, std::int32_t row, Index, Index) {
  const double angle = most_rotation * draw(rng, row, 0);
  const double wide = 1 + most_scaling * draw(rng, row, 1);
  const double high = 1 + most_scaling * draw(rng, row, 2);
  const double shear = most_shear * draw(rng, row, 3);
  return {wide * std::cos(angle), shear - std::sin(angle), most_shift * draw(rng, row, 4),
          std::sin(angle),        high * std::cos(angle),  most_shift * draw(rng, row, 5)};
}

AffineMap crop_flip_map(const Rng& rng, std::int32_t row, Index height, Index width) {
  // Shifts by whole pixels, so that the image stays sharp. One pixel is 2/size in these
  // coordinates.
  const auto shift = [&](std::uint64_t k, Index size) {
    const double most = std::floor(static_cast<double>(size) / 8);
    return 2 * std::round(most * draw(rng, row, k)) / static_cast<double>(size);
  };
  return {draw(rng, row, 2) < 0 ? -1.0 : 1.0, 0, shift(0, width), 0, 1, shift(1, height)};
}

/// The augmentations, and the map of an image in each. A null `map` changes nothing.
struct Augmentation {
  std::string_view name;
  AffineMap (*map)(const Rng& rng, std::int32_t row, Index height, Index width);
};
constexpr Augmentation augmentations[] = {
    {"none", nullptr}, {"warp", warp_map}, {"crop-flip", crop_flip_map}};

/// Applies a map to one image, with bilinear interpolation between pixel centres.
template <class T>
void sample(const AffineMap& m, const Shape& shape, std::span<const double> background,
            const T* image, T* out) {
  const Index height = shape[1], width = shape[2], channels = shape[3];
  const auto pixel = [&](Index y, Index x, Index c) {
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    return inside ? static_cast<double>(image[(y * width + x) * channels + c])
                  : background[static_cast<std::size_t>(c)];
  };
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      const double u = (2 * static_cast<double>(x) + 1) / w - 1;
      const double v = (2 * static_cast<double>(y) + 1) / h - 1;
      const double from_x = ((m[0] * u + m[1] * v + m[2] + 1) * w - 1) / 2;
      const double from_y = ((m[3] * u + m[4] * v + m[5] + 1) * h - 1) / 2;
      const double left = std::floor(from_x), top = std::floor(from_y);
      const double right_share = from_x - left, lower_share = from_y - top;
      const auto x0 = static_cast<Index>(left), y0 = static_cast<Index>(top);
      for (Index c = 0; c < channels; ++c) {
        const double upper =
            (1 - right_share) * pixel(y0, x0, c) + right_share * pixel(y0, x0 + 1, c);
        const double lower =
            (1 - right_share) * pixel(y0 + 1, x0, c) + right_share * pixel(y0 + 1, x0 + 1, c);
        *out++ = static_cast<T>((1 - lower_share) * upper + lower_share * lower);
      }
    }
}

}  // namespace

std::vector<std::string> augmentation_names() { return names_of(augmentations); }

void augment(const std::string& name, const AugmentationKey& key,
             std::span<const double> background, const Array& images, const Array& out) {
  const auto map = row_named("augmentation", augmentations, name).map;
  if (!map) {
    copy(images, out);
    return;
  }
  const Shape& shape = images.shape();
  const Rng rng(key.seed, key.epoch, augment_use);
  const Index size = shape[1] * shape[2] * shape[3];
  visit_float(images.dtype(), [&]<class T>(T) {
    parallel_for(shape[0], [&](Index i) {
      const std::int32_t row = key.rows[static_cast<std::size_t>(i)];
      sample(map(rng, row, shape[1], shape[2]), shape, background, images.data<T>() + i * size,
             out.data<T>() + i * size);
    });
  });
}

namespace {

/// The shape of `rows` rows of an array.
Shape rows_of(const Array& array, Index rows) {
  Shape shape = array.shape();
  shape[0] = rows;
  return shape;
}

/// to[i] = from[rows[i]], converted to the type of `to`.
template <class From, class To>
void copy_rows(const Array& from, std::span<const std::int32_t> rows, const Array& to) {
  const Index count = static_cast<Index>(rows.size());
  const Index size = from.elements() / std::max<Index>(from.shape()[0], 1);
  const Index grain = std::max<Index>(1, elements_per_tile / std::max<Index>(size, 1));
  const From* const source = from.data<From>();
  To* const target = to.data<To>();
  parallel_ranges(count, grain, [&](Index first, Index last) {
    for (Index i = first; i < last; ++i)
      std::copy_n(source + rows[static_cast<std::size_t>(i)] * size, size, target + i * size);
  });
}

}  // namespace

Dataset make_batch(const Dataset& data, Index rows, DType dtype) {
  if (!is_float(dtype)) fail("batch", "numbers of dtype {}; expected f32 or f64", str(dtype));
  Dataset batch{data.name, {}, data.classes, data.target_mean, data.target_stddev};
  for (const auto& [name, array] : data.arrays)
    batch.arrays.emplace_back(
        name, Array(rows_of(array, rows), is_float(array.dtype()) ? dtype : array.dtype()));
  return batch;
}

void gather(const Dataset& data, std::span<const std::int32_t> rows, const Dataset& batch) {
  const Index count = static_cast<Index>(rows.size());
  for (const std::int32_t row : rows)
    if (row < 0 || row >= data.size())
      fail("batch", "row {} of {}; expected 0 to {}", row, data.name, data.size() - 1);
  for (std::size_t k = 0; k < data.arrays.size(); ++k) {
    const std::string& name = data.arrays[k].first;
    const Array& from = data.arrays[k].second;
    const Array& to = batch.arrays.at(k).second;
    if (to.shape() != rows_of(from, count) || !to.contiguous() ||
        is_float(to.dtype()) != is_float(from.dtype()))
      fail("batch", "{} rows of {} do not fit '{}' {} {}", count, data.name, name, str(to.dtype()),
           str(to.shape()));
    visit_any(from.dtype(), [&]<class From>(From) {
      visit_any(to.dtype(), [&]<class To>(To) { copy_rows<From, To>(from, rows, to); });
    });
  }
}

Dataset consecutive(const Dataset& data, Index first, Index count, DType dtype) {
  if (first < 0 || count < 0 || first + count > data.size())
    fail("batch", "rows {} to {} of {}; it has {}", first, first + count - 1, data.name,
         data.size());
  Dataset batch = make_batch(data, count, dtype);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(first));
  gather(data, rows, batch);
  return batch;
}

std::vector<std::int32_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, Index n) {
  return permutation(Rng(seed, epoch, shuffle_use), n);
}

Batches::Batches(const Dataset& data, Index rows, DType dtype, std::uint64_t seed,
                 const std::string& augmentation, std::vector<double> background)
    : data_(data),
      rows_(rows),
      seed_(seed),
      augmentation_(augmentation),
      background_(std::move(background)) {
  if (rows < 1 || rows > data.size())
    fail("batch", "a batch of {} examples; expected 1 to {}, the training examples of {}", rows,
         data.size(), data.name);
  const Shape& shape = data.inputs().shape();
  const bool augmented = row_named("augmentation", augmentations, augmentation).map != nullptr;
  if (augmented && shape.rank() != 4)
    fail("augment", "the inputs of {} are {}; expected images (n, height, width, channels)",
         data.name, str(shape));
  per_epoch_ = data.size() / rows;
  batch_ = make_batch(data, rows, dtype);
  original_ = batch_;
  if (augmented) original_.arrays[0].second = batch_.inputs().clone();
  background_.resize(static_cast<std::size_t>(shape.back()));
}

const Dataset& Batches::at(Index step) {
  if (step < 0) fail("batch", "step {}; expected at least 0", step);
  const Index epoch = step / per_epoch_, first = step % per_epoch_ * rows_;
  if (epoch != epoch_) {
    order_ = epoch_order(seed_, static_cast<std::uint64_t>(epoch), data_.size());
    epoch_ = epoch;
  }
  const auto rows = std::span<const std::int32_t>(order_).subspan(static_cast<std::size_t>(first),
                                                                  static_cast<std::size_t>(rows_));
  gather(data_, rows, original_);
  if (augmentation_ != "none")
    augment(augmentation_, {seed_, static_cast<std::uint64_t>(epoch), rows}, background_,
            original_.inputs(), batch_.inputs());
  return batch_;
}

}  // namespace twice::experiments
