// The digits data set, embedded in the program (CMake makes the bytes from digits.csv.gz).
// Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
// Repository, 1998, doi 10.24432/C50P49; licence CC BY 4.0 (its test part, as scikit-learn has it).
#include <charconv>

#include "autodiff/array/error.h"
#include "experiments/data/loaders.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/checksum.h"

namespace twice::experiments {

extern const unsigned char digits_csv_gz[];
extern const std::size_t digits_csv_gz_size;

namespace {

constexpr const char* embedded_sha256 =
    "46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a";
constexpr Index train_images = 1437;

RawImages part(const RawImages& all, Index first, Index last) {
  const Index size = all.height * all.width * all.channels;
  return {last - first,
          all.height,
          all.width,
          all.channels,
          {all.pixels.begin() + first * size, all.pixels.begin() + last * size},
          {all.labels.begin() + first, all.labels.begin() + last}};
}

}  // namespace

RawImages parse_digits(std::string_view csv) {
  constexpr int pixels = 64, largest_pixel = 16, largest_label = 9;
  RawImages images{0, 8, 8, 1, {}, {}};
  const char* next = csv.data();
  const char* const end = next + csv.size();
  while (next != end) {
    for (int column = 0; column <= pixels; ++column) {
      int value = -1;
      const auto [after, error] = std::from_chars(next, end, value);
      const int largest = column < pixels ? largest_pixel : largest_label;
      const bool separated = after != end && *after == (column < pixels ? ',' : '\n');
      if (error != std::errc() || value < 0 || value > largest || !separated)
        fail("data", "digits: line {}, column {} is damaged; expected a number from 0 to {}",
             images.count + 1, column + 1, largest);
      if (column < pixels)
        images.pixels.push_back(static_cast<std::uint8_t>(value));
      else
        images.labels.push_back(value);
      next = after + 1;
    }
    ++images.count;
  }
  return images;
}

RawSplit load_digits() {
  const std::string_view bytes(reinterpret_cast<const char*>(digits_csv_gz), digits_csv_gz_size);
  if (const std::string actual = sha256(bytes); actual != embedded_sha256)
    fail("data", "digits: the embedded copy is wrong: sha256 {} instead of {}", actual,
         embedded_sha256);
  constexpr std::size_t most = 1 << 20;  // it has 264,712 bytes
  const RawImages all = parse_digits(gunzip(bytes, "the embedded digits.csv.gz", most));
  return {part(all, 0, train_images), part(all, train_images, all.count), 10, 16};
}

}  // namespace twice::experiments
