// Tests the geometry of augmentation. crop-flip only moves whole pixels. warp is an affine map
// within its documented bounds. Both depend on (seed, epoch, index) alone.
#include "experiments/data/batches.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>
#include <tuple>

#include "autodiff/threads/threads.h"

namespace twice {
using namespace experiments;
namespace {

using Rows = std::vector<std::int32_t>;

/// Augments a single image as image number `row` of this seed and epoch.
std::vector<double> augmented(const std::string& kind, const Array& image, std::int32_t row,
                              const std::vector<double>& background, std::uint64_t seed = 1,
                              std::uint64_t epoch = 1) {
  const Rows rows = {row};
  const Array out(image.shape(), image.dtype());
  augment(kind, {seed, epoch, rows}, background, image, out);
  return out.to_vector();
}

/// An image whose pixels differ from each other and from the background.
Array numbered(Index height, Index width, Index channels, DType dtype) {
  const Array image({1, height, width, channels}, dtype);
  for (Index i = 0; i < image.elements(); ++i) image.set(i, 1.0 + static_cast<double>(i));
  return image;
}

/// A move of an image: (pixels down, pixels right, mirrored).
using Move = std::tuple<Index, Index, bool>;

/// The image after a move. Pixels from outside the image have the colour of the background.
std::vector<double> moved(const Array& image, const Move& move,
                          const std::vector<double>& background) {
  const auto [down, right, mirrored] = move;
  const Index height = image.shape()[1], width = image.shape()[2], channels = image.shape()[3];
  std::vector<double> result;
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x)
      for (Index c = 0; c < channels; ++c) {
        const Index from_y = y + down, from_x = (mirrored ? width - 1 - x : x) + right;
        const bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
        result.push_back(inside ? image.at((from_y * width + from_x) * channels + c)
                                : background[static_cast<std::size_t>(c)]);
      }
  return result;
}

/// The moves by at most (most_y, most_x) pixels that turn the image into `result`.
std::vector<Move> explanations(const Array& image, const std::vector<double>& result,
                               const std::vector<double>& background, Index most_y, Index most_x) {
  std::vector<Move> found;
  for (Index down = -most_y; down <= most_y; ++down)
    for (Index right = -most_x; right <= most_x; ++right)
      for (const bool mirrored : {false, true})
        if (moved(image, {down, right, mirrored}, background) == result)
          found.emplace_back(down, right, mirrored);
  return found;
}

struct Map {
  double m[6];
};

/// The map that `warp` applies to image `row`, measured on images whose values are the coordinates
/// of the pixels. Bilinear sampling keeps these exactly. Also checks that the map is affine in the
/// middle of the image.
Map warp_of(std::int32_t row, Index size) {
  const Array images({2, size, size, 1}, DType::f64);
  const auto place = [&](Index i) {
    return (2 * static_cast<double>(i) + 1) / static_cast<double>(size) - 1;
  };
  for (Index y = 0; y < size; ++y)
    for (Index x = 0; x < size; ++x) {
      images.set(y * size + x, place(x));
      images.set((size + y) * size + x, place(y));
    }
  const Rows rows = {row, row};
  const std::vector<double> background = {100};
  const Array out(images.shape(), DType::f64);
  augment("warp", {1, 1, rows}, background, images, out);
  const auto value = [&](Index image, Index y, Index x) {
    return out.at((image * size + y) * size + x);
  };
  const Index a = size / 2 - 1, b = size / 2;
  const double step = 2 / static_cast<double>(size);
  Map map{};
  for (Index k = 0; k < 2; ++k) {
    map.m[3 * k] = (value(k, a, b) - value(k, a, a)) / step;
    map.m[3 * k + 1] = (value(k, b, a) - value(k, a, a)) / step;
    map.m[3 * k + 2] = 0.5 * (value(k, a, a) + value(k, b, b));
    double worst = 0;
    for (Index y = size / 4; y < 3 * size / 4; ++y)
      for (Index x = size / 4; x < 3 * size / 4; ++x)
        worst = std::max(worst, std::abs(value(k, y, x) - map.m[3 * k] * place(x) -
                                         map.m[3 * k + 1] * place(y) - map.m[3 * k + 2]));
    BOOST_TEST(worst < 1e-12);
  }
  return map;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(augmentation)

BOOST_AUTO_TEST_CASE(crop_flip_gives_exactly_the_moved_pixels) {
  const std::vector<double> background = {-1, -2};
  // The largest move is an eighth of the side: 2 pixels of 16, 1 of 8, 3 of 28, 2 of 20.
  for (const auto& [height, width, dtype, most_y, most_x] :
       {std::tuple<Index, Index, DType, Index, Index>{16, 8, DType::f64, 2, 1},
        {16, 8, DType::f32, 2, 1},
        {28, 20, DType::f32, 3, 2}}) {
    const Array image = numbered(height, width, 2, dtype);
    std::set<Move> moves;
    int mirrored = 0;
    for (std::int32_t row = 0; row < 400; ++row) {
      const std::vector<double> result = augmented("crop-flip", image, row, background);
      const std::vector<Move> found = explanations(image, result, background, most_y, most_x);
      BOOST_REQUIRE(found.size() == 1u);
      moves.insert(found[0]);
      mirrored += std::get<2>(found[0]);
    }
    BOOST_TEST(moves.size() == static_cast<std::size_t>(2 * (2 * most_y + 1) * (2 * most_x + 1)));
    BOOST_TEST((mirrored > 160 && mirrored < 240));  // a half, within four standard deviations
  }
}

BOOST_AUTO_TEST_CASE(an_image_by_hand) {
  // An image of 1 x 8 pixels moves by at most one pixel.
  const Array image = Array::from<float>({1, 2, 3, 4, 5, 6, 7, 8}, {1, 1, 8, 1});
  const std::set<std::vector<double>> expected = {
      {1, 2, 3, 4, 5, 6, 7, 8}, {0, 1, 2, 3, 4, 5, 6, 7}, {2, 3, 4, 5, 6, 7, 8, 0},
      {8, 7, 6, 5, 4, 3, 2, 1}, {7, 6, 5, 4, 3, 2, 1, 0}, {0, 8, 7, 6, 5, 4, 3, 2}};
  std::set<std::vector<double>> seen;
  for (std::int32_t row = 0; row < 200; ++row) seen.insert(augmented("crop-flip", image, row, {0}));
  BOOST_TEST((seen == expected));
}

BOOST_AUTO_TEST_CASE(keyed_by_seed_epoch_and_index_alone) {
  const Index size = 16;
  const Array one = numbered(size, size, 1, DType::f32);
  for (const char* kind : {"warp", "crop-flip"}) {
    const auto become = [&](std::int32_t row, std::uint64_t seed, std::uint64_t epoch) {
      return augmented(kind, one, row, {0}, seed, epoch);
    };
    // The result is the same in a batch, in any order and with any number of threads.
    const Rows rows = {7, 0, 49999, 7, 3};
    const auto count = static_cast<Index>(rows.size());
    const Array images({count, size, size, 1}, DType::f32), out(images.shape(), DType::f32);
    for (Index i = 0; i < images.elements(); ++i) images.set(i, one.at(i % one.elements()));
    const std::vector<double> background = {0};
    const int before = threads();
    for (const int number : {1, 2}) {
      set_threads(number);
      augment(kind, {5, 9, rows}, background, images, out);
      for (Index i = 0; i < count; ++i) {
        const std::vector<double> alone = become(rows[static_cast<std::size_t>(i)], 5, 9);
        for (Index k = 0; k < one.elements(); ++k)
          BOOST_REQUIRE(out.at(i * one.elements() + k) == alone[static_cast<std::size_t>(k)]);
      }
    }
    set_threads(before);
    // With another seed, epoch or index, nearly all of 64 images change.
    int by_seed = 0, by_epoch = 0, by_index = 0;
    for (std::int32_t row = 0; row < 64; ++row) {
      const std::vector<double> reference = become(row, 1, 1);
      by_seed += reference != become(row, 2, 1);
      by_epoch += reference != become(row, 1, 2);
      by_index += reference != become(row + 64, 1, 1);
    }
    BOOST_TEST(by_seed >= 56);
    BOOST_TEST(by_epoch >= 56);
    BOOST_TEST(by_index >= 56);
  }
}

BOOST_AUTO_TEST_CASE(warp_is_an_affine_map_within_its_bounds) {
  double least[6] = {9, 9, 9, 9, 9, 9}, most[6] = {-9, -9, -9, -9, -9, -9};
  for (std::int32_t row = 0; row < 500; ++row) {
    const Map map = warp_of(row, 32);
    const double angle = std::asin(map.m[3]);
    const double parts[6] = {angle,
                             map.m[0] / std::cos(angle) - 1,
                             map.m[4] / std::cos(angle) - 1,
                             map.m[1] + map.m[3],
                             map.m[2],
                             map.m[5]};
    for (int k = 0; k < 6; ++k)
      least[k] = std::min(least[k], parts[k]), most[k] = std::max(most[k], parts[k]);
  }
  const double bounds[6] = {0.2, 0.15, 0.15, 0.2, 0.1, 0.1};
  for (int k = 0; k < 6; ++k) {
    // The map stays within its bounds and uses nearly the whole range.
    BOOST_TEST(most[k] <= bounds[k] * (1 + 1e-9));
    BOOST_TEST(least[k] >= -bounds[k] * (1 + 1e-9));
    BOOST_TEST(most[k] > 0.95 * bounds[k]);
    BOOST_TEST(least[k] < -0.95 * bounds[k]);
  }
}

BOOST_AUTO_TEST_CASE(warp_moves_mass_as_its_map_says) {
  // The map takes each output pixel to its source. So the mass of a smooth blob is divided by the
  // map's determinant, and its centre moves to the pixel whose source is the middle.
  const Index size = 32;
  const Array blob({1, size, size, 1}, DType::f64);
  const auto place = [&](Index i) {
    return (2 * static_cast<double>(i) + 1) / static_cast<double>(size) - 1;
  };
  double mass = 0;
  for (Index y = 0; y < size; ++y)
    for (Index x = 0; x < size; ++x) {
      const double value = std::exp(-(place(x) * place(x) + place(y) * place(y)) / 0.08);
      blob.set(y * size + x, value);
      mass += value;
    }
  for (std::int32_t row = 0; row < 50; ++row) {
    const Map map = warp_of(row, size);
    const double determinant = map.m[0] * map.m[4] - map.m[1] * map.m[3];
    const double centre_x = -(map.m[4] * map.m[2] - map.m[1] * map.m[5]) / determinant;
    const double centre_y = -(map.m[0] * map.m[5] - map.m[3] * map.m[2]) / determinant;
    const std::vector<double> result = augmented("warp", blob, row, {0});
    double sum = 0, sum_x = 0, sum_y = 0;
    for (Index y = 0; y < size; ++y)
      for (Index x = 0; x < size; ++x) {
        const double value = result[static_cast<std::size_t>(y * size + x)];
        sum += value, sum_x += value * place(x), sum_y += value * place(y);
      }
    BOOST_TEST(std::abs(sum * determinant / mass - 1) < 0.02);
    BOOST_TEST(std::abs(sum_x / sum - centre_x) < 0.01);
    BOOST_TEST(std::abs(sum_y / sum - centre_y) < 0.01);
  }
}

BOOST_AUTO_TEST_CASE(augmentation_none_changes_nothing) {
  const Array image = numbered(8, 8, 3, DType::f32);
  BOOST_TEST((augmented("none", image, 3, {0, 0, 0}) == image.to_vector()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
