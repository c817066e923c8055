// Random affine maps of images, sampled bilinearly.
#include "experiments/data/augment.h"

#include <array>
#include <cmath>

#include "autodiff/kernels/random.h"
#include "autodiff/threads/parallel.h"

namespace twice::experiments {

namespace {

constexpr std::uint64_t augment_use = 0x6175676d656e74;  // "augment" in ASCII

constexpr double most_rotation = 0.2, most_scaling = 0.15, most_shear = 0.2, most_shift = 0.1;

/// Where an output pixel comes from: source = m (column, row, 1), in coordinates that go from -1
/// to 1 across the image.
using AffineMap = std::array<double, 6>;

/// Draw k of image `row` in this epoch, uniform in [-1, 1).
double draw(const Rng& rng, std::int32_t row, std::uint64_t k) {
  constexpr std::uint64_t draws_per_image = 8;
  return 2 * rng.uniform(static_cast<std::uint64_t>(row) * draws_per_image + k) - 1;
}

AffineMap warp_map(const Rng& rng, std::int32_t row) {
  const double angle = most_rotation * draw(rng, row, 0);
  const double wide = 1 + most_scaling * draw(rng, row, 1);
  const double high = 1 + most_scaling * draw(rng, row, 2);
  const double shear = most_shear * draw(rng, row, 3);
  return {wide * std::cos(angle), shear - std::sin(angle), most_shift * draw(rng, row, 4),
          std::sin(angle),        high * std::cos(angle),  most_shift * draw(rng, row, 5)};
}

AffineMap crop_flip_map(const Rng& rng, std::int32_t row, Index height, Index width) {
  // Whole pixels, so that nothing is blurred: one pixel is 2/size of the coordinates.
  const auto shift = [&](std::uint64_t k, Index size) {
    const double most = std::floor(static_cast<double>(size) / 8);
    return 2 * std::round(most * draw(rng, row, k)) / static_cast<double>(size);
  };
  return {draw(rng, row, 2) < 0 ? -1.0 : 1.0, 0, shift(0, width), 0, 1, shift(1, height)};
}

/// One image through a map: bilinear interpolation between pixel centres.
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

const std::vector<std::string>& augmentation_names() {
  static const std::vector<std::string> names = {"none", "warp", "crop-flip"};
  return names;
}

Augmentation augmentation_named(const std::string& name) {
  const std::vector<std::string>& names = augmentation_names();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Augmentation>(i);
  fail("augment", "unknown augmentation '{}'; expected none, warp or crop-flip", name);
}

void augment(Augmentation kind, const AugmentationKey& key, std::span<const double> background,
             const Array& images, const Array& out) {
  if (kind == Augmentation::none) {
    copy(images, out);
    return;
  }
  const Shape& shape = images.shape();
  const Rng rng(key.seed, key.epoch, augment_use);
  const Index size = shape[1] * shape[2] * shape[3];
  visit_float(images.dtype(), [&]<class T>(T) {
    parallel_for(shape[0], [&](Index i) {
      const std::int32_t row = key.rows[static_cast<std::size_t>(i)];
      const AffineMap map = kind == Augmentation::warp
                                ? warp_map(rng, row)
                                : crop_flip_map(rng, row, shape[1], shape[2]);
      sample(map, shape, background, images.data<T>() + i * size, out.data<T>() + i * size);
    });
  });
}

}  // namespace twice::experiments
