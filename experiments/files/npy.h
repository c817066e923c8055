// Reads and writes NumPy's files: .npy files, which hold one array, and .npz files, which are zip
// archives of .npy files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/array/array.h"

namespace twice::experiments {

/// Decodes a .npy file (versions 1 to 3, both byte orders, C or Fortran order). f2, f4, i1, i2, u1,
/// u2 and bool become f32; i4 becomes i32; f8, u4, i8 and u8 become f64. All numbers stay exact,
/// except that i8 and u8 beyond 2^53 are rounded. Throws a one-line error with `name` for other
/// types and for damaged files.
Array decode_npy(std::string_view bytes, const std::string& name);

/// A number type in files, and the dtype that it becomes.
struct NumberFormat {
  /// The type's names. Empty: a file of this kind has no such type, or it becomes another dtype.
  std::string_view numpy, safetensors;
  std::size_t bytes;
  DType dtype;
  /// Converts little-endian numbers or, if `swapped`, big-endian ones.
  void (*convert)(std::string_view bytes, bool swapped, const Array& out);
};
/// All number types. The first one of a dtype has its numbers unchanged.
std::span<const NumberFormat> number_formats();

/// A column of numbers or, if `numbers` is empty, of words.
struct NamedColumn {
  std::string name;
  Array numbers;  ///< (n)
  std::vector<std::string> words = {};
};
/// Encodes the columns as an uncompressed .npz file. Words become NumPy's byte strings (S).
std::string encode_npz(const std::vector<NamedColumn>& columns);

/// The largest allowed size of compressed data after decompression: 100 times its size, and at
/// least 256 MiB. The limit refuses files that were made to fill the memory.
std::size_t most_unpacked(std::size_t packed);

/// A .npz file: named arrays, stored or deflated, with or without zip64. An array is decompressed
/// when it is read. If something is damaged, throws a one-line error that begins with the file's
/// name, `file`.
class NpzFile {
 public:
  NpzFile(std::string bytes, std::string file);
  /// The names of the arrays, in the order of the archive.
  std::vector<std::string> names() const;
  /// Reads the array `name`, which must be in `names`.
  Array read(const std::string& name) const;

 private:
  struct Member {
    std::string name;
    std::uint32_t flags, method, checksum;
    std::uint64_t packed, size, header;  // `header` is a position in the file
  };
  /// The little-endian number at a position.
  template <class T>
  T at(std::uint64_t position) const;
  [[noreturn]] void refuse(const std::string& why) const;

  std::string bytes_, file_;
  std::vector<Member> members_;
};

}  // namespace twice::experiments
