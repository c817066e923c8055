// Arrays that NumPy saved: .npy files, and .npz files, which are zip archives of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/array/array.h"

namespace twice::experiments {

/// The array in the bytes of a .npy file (versions 1 to 3, both byte orders, C or Fortran order).
/// f2, f4, i1, i2, u1, u2 and bool become f32, i4 becomes i32, f8, u4, i8 and u8 become f64: all
/// numbers stay exact, but those of i8 and u8 beyond 2^53 are rounded. Throws one line with `name`
/// for other types and for damaged files.
Array decode_npy(std::string_view bytes, const std::string& name);

/// Writes numbers of one of these types, little-endian, as those of an array of the type that they
/// become.
void convert_numbers(std::string_view type, std::string_view bytes, const Array& out);

/// A column of numbers or, where `numbers` is empty, of words.
struct NamedColumn {
  std::string name;
  Array numbers;  ///< (n)
  std::vector<std::string> words = {};
};
/// The bytes of a .npz file with these columns, not packed; words are NumPy's bytes (S).
std::string encode_npz(const std::vector<NamedColumn>& columns);

/// The most bytes that packed data may hold when they are unpacked: 100 times their size, and at
/// least 256 MiB. Files that were made to fill the memory hold more.
std::size_t most_unpacked(std::size_t packed);

/// A .npz file: named arrays, stored or deflated, with or without zip64. An array is unpacked when
/// it is read. Throws one line with `file`, the file's name, when something is damaged.
class NpzFile {
 public:
  NpzFile(std::string bytes, std::string file);
  /// The names of the arrays, in the order of the archive.
  std::vector<std::string> names() const;
  /// The array of that name, which `names` has.
  Array read(const std::string& name) const;

 private:
  struct Member {
    std::string name;
    std::uint32_t flags, method, checksum;
    std::uint64_t packed, size, header;  // the last is a position in the file
  };
  /// The little-endian number at a position.
  template <class T>
  T at(std::uint64_t position) const;
  [[noreturn]] void refuse(const std::string& why) const;

  std::string bytes_, file_;
  std::vector<Member> members_;
};

}  // namespace twice::experiments
