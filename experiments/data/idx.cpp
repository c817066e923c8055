// The idx format of MNIST: a big-endian magic number, big-endian sizes, then bytes.
#include "autodiff/array/error.h"
#include "experiments/data/loaders.h"

namespace twice::experiments {

namespace {

Index big_endian(std::string_view bytes, std::size_t position) {
  Index value = 0;
  for (std::size_t i = position; i < position + 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// The sizes in the header of an idx file of bytes, whose data must follow completely.
std::vector<Index> idx_sizes(std::string_view bytes, std::size_t axes, const std::string& what) {
  const std::size_t header = 4 + 4 * axes;
  const Index magic = 0x800 + static_cast<Index>(axes);  // 8: unsigned bytes
  if (bytes.size() < header || big_endian(bytes, 0) != magic)
    fail("data", "{} are no idx file: expected a header of {} bytes that starts with {:#010x}",
         what, header, magic);
  std::vector<Index> sizes;
  double total = 1;  // in double: damaged sizes must not overflow
  for (std::size_t axis = 0; axis < axes; ++axis) {
    sizes.push_back(big_endian(bytes, 4 + 4 * axis));
    total *= static_cast<double>(sizes.back());
  }
  if (static_cast<double>(bytes.size() - header) != total)
    fail("data", "{} are cut or damaged: {} bytes follow the header; expected {:.0f}", what,
         bytes.size() - header, total);
  return sizes;
}

}  // namespace

RawImages parse_idx(std::string_view images, std::string_view labels, const std::string& name) {
  const std::vector<Index> sizes = idx_sizes(images, 3, name + ": the images");
  const Index count = idx_sizes(labels, 1, name + ": the labels")[0];
  if (count != sizes[0]) fail("data", "{}: {} labels for {} images", name, count, sizes[0]);
  const auto data = [](std::string_view bytes, std::size_t axes) {
    const auto* first = reinterpret_cast<const unsigned char*>(bytes.data());
    return std::pair(first + 4 + 4 * axes, first + bytes.size());
  };
  const auto [pixels, pixels_end] = data(images, 3);
  const auto [label, labels_end] = data(labels, 1);
  return {count, sizes[1], sizes[2], 1, {pixels, pixels_end}, {label, labels_end}};
}

RawSplit load_idx(const DataSource& source) {
  const auto part = [&](std::size_t first) {
    const auto folder = data_folder(source);
    const std::string images = verified_file(source, source.files[first], folder);
    const std::string labels = verified_file(source, source.files[first + 1], folder);
    return parse_idx(images, labels, source.name);
  };
  return {part(0), part(2), 10, 255};
}

}  // namespace twice::experiments
