// Named arrays in a file: the safetensors format, which Python's `safetensors.numpy` or ten
// lines with struct, json and numpy read. Layout, little-endian:
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

/// The content of a safetensors file: arrays (in the order of their data) and notes.
struct TensorFile {
  std::vector<std::pair<std::string, Array>> tensors;
  std::map<std::string, std::string> metadata;

  bool contains(const std::string& name) const;
  /// The array of that name; throws when there is none.
  const Array& at(const std::string& name) const;
};

/// The bytes of the file. To `__metadata__` the entry `sha256` is added: the SHA-256 of all
/// bytes of the file with this entry's own 64 digits written as zeros.
std::string encode_safetensors(const TensorFile& file);
/// Writes them atomically.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

/// The arrays in `bytes`; F32, F64 and I32 are kept, I64 becomes i32 where the values fit, U32 f64,
/// and F16, BF16, BOOL, U8, I8, U16 and I16 become f32. Throws one line with `name` and the
/// expectation when the bytes are no complete safetensors file or when they do not match their
/// `sha256` (which files of other writers need not have).
TensorFile decode_safetensors(std::string bytes, const std::string& name);
/// The same from a file.
TensorFile read_safetensors(const std::filesystem::path& path);

}  // namespace twice::experiments
