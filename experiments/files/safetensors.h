// Reads and writes named arrays in the safetensors format. Python reads it with
// `safetensors.numpy`, or with ten lines that use struct, json and numpy. The layout is
// little-endian:
//   8 bytes   the header's length
//   header    JSON {"NAME": {"dtype", "shape", "data_offsets": [begin, end]}, ...,
//             "__metadata__": {string: string}}, padded with spaces to a multiple of 8
//   data      every array, row-major, one after the other without gaps
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/array/array.h"

namespace twice::experiments {

/// The content of a safetensors file: arrays, in the order of their data, and metadata.
struct TensorFile {
  std::vector<std::pair<std::string, Array>> tensors;
  std::map<std::string, std::string> metadata;

  bool contains(const std::string& name) const;
  /// The array of that name. Throws if there is none.
  const Array& at(const std::string& name) const;
};

/// Returns the bytes of the file. Adds an entry `sha256` to `__metadata__`: the SHA-256 of all
/// bytes of the file, computed with zeros in place of the entry's own 64 digits.
std::string encode_safetensors(const TensorFile& file);
/// Writes the bytes of `encode_safetensors` atomically.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

/// Decodes the bytes of a file. F32, F64 and I32 keep their types. I64 becomes i32 if the values
/// fit, U32 becomes f64, and F16, BF16, BOOL, U8, I8, U16 and I16 become f32. Throws a one-line
/// error with `name` if the bytes are not a complete safetensors file, or if they do not match
/// their `sha256`. Files of other writers need no `sha256`.
TensorFile decode_safetensors(std::string bytes, const std::string& name);
/// The same from a file.
TensorFile read_safetensors(const std::filesystem::path& path);

}  // namespace twice::experiments
