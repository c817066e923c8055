// Reads and writes .npy and .npz files. The header of a .npy file is a Python dict with three
// entries. A zip archive ends with a directory of its members. With a header and a trailer, a
// deflated member becomes a gzip file.
#include "experiments/files/npy.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <regex>

#include "experiments/files/atomic_file.h"
#include "experiments/files/words.h"

namespace twice::experiments {

static_assert(std::endian::native == std::endian::little, "numbers are read as little-endian");

namespace {

struct Half {
  std::uint16_t bits;
  operator float() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                       : exponent == 31
                           ? (fraction ? NAN : INFINITY)
                           : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    return bits >> 15 ? -size : size;
  }
};

/// The upper half of a float.
struct BrainFloat {
  std::uint16_t bits;
  operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
};

template <class From, class To>
void convert(std::string_view bytes, bool swapped, const Array& out) {
  To* to = out.data<To>();
  for (std::size_t i = 0; i < bytes.size(); i += sizeof(From)) {
    char number[sizeof(From)];
    std::memcpy(number, bytes.data() + i, sizeof(From));
    if (swapped) std::reverse(number, number + sizeof(From));
    *to++ = static_cast<To>(std::bit_cast<From>(number));
  }
}

constexpr NumberFormat formats[] = {
    {"f4", "F32", 4, DType::f32, convert<float, float>},
    {"f8", "F64", 8, DType::f64, convert<double, double>},
    {"i4", "I32", 4, DType::i32, convert<std::int32_t, std::int32_t>},
    {"f2", "F16", 2, DType::f32, convert<Half, float>},
    {"", "BF16", 2, DType::f32, convert<BrainFloat, float>},
    {"b1", "BOOL", 1, DType::f32, convert<std::uint8_t, float>},
    {"i1", "I8", 1, DType::f32, convert<std::int8_t, float>},
    {"u1", "U8", 1, DType::f32, convert<std::uint8_t, float>},
    {"i2", "I16", 2, DType::f32, convert<std::int16_t, float>},
    {"u2", "U16", 2, DType::f32, convert<std::uint16_t, float>},
    {"u4", "U32", 4, DType::f64, convert<std::uint32_t, double>},
    {"i8", "", 8, DType::f64, convert<std::int64_t, double>},
    {"", "I64", 8, DType::i32, convert<std::int64_t, std::int32_t>},
    {"u8", "", 8, DType::f64, convert<std::uint64_t, double>}};

template <class T>
void append(std::string& bytes, T number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

std::span<const NumberFormat> number_formats() { return formats; }

std::string encode_npz(const std::vector<NamedColumn>& columns) {
  std::string bytes, directory;
  for (const auto& [name, numbers, words] : columns) {
    std::string type =
        numbers.empty() ? "|S" : "<" + std::string(numbers.dtype() == DType::i32 ? "i" : "f");
    std::size_t width = numbers.empty() ? 1 : size_of(numbers.dtype()), rows = words.size();
    std::string data;
    if (!numbers.empty()) {
      const Array whole = numbers.contiguous_copy();
      data.assign(static_cast<const char*>(whole.raw()), whole.bytes());
      rows = data.size() / width;
    }
    for (const std::string& word : words) width = std::max(width, word.size());
    for (const std::string& word : words) data += word + std::string(width - word.size(), '\0');
    std::string header = fmt::format(
        "{{'descr': '{}{}', 'fortran_order': False, 'shape': ({},), }}", type, width, rows);
    header.resize(header.size() + 63 - (header.size() + 10) % 64, ' ');
    std::string file("\x93NUMPY\1\0", 8);
    append(file, static_cast<std::uint16_t>(header.size() + 1));
    file += header + "\n" + data;
    if (bytes.size() + file.size() >= std::uint64_t{1} << 31)
      fail("npz", "'{}' would make a file of 2 GiB or more", name);

    // The fields of an entry: version 2.0, a name in UTF-8 (flag 11), stored, 1 January 1980; then
    // the checksum, the compressed and the uncompressed size, and the length of the name.
    std::string entry("\x14\0\0\x08\0\0\0\0\x21\0", 10);
    append(entry, static_cast<std::uint32_t>(
                      crc32_z(0, reinterpret_cast<const Bytef*>(file.data()), file.size())));
    for (int i = 0; i < 2; ++i) append(entry, static_cast<std::uint32_t>(file.size()));
    append(entry, static_cast<std::uint32_t>(name.size() + 4));
    directory += std::string("PK\1\2\x14\0", 6) + entry + std::string(10, '\0');
    append(directory, static_cast<std::uint32_t>(bytes.size()));
    directory += name + ".npy";
    bytes += "PK\3\4" + entry + name + ".npy" + file;
  }
  const auto start = static_cast<std::uint32_t>(bytes.size());
  bytes += directory + std::string("PK\5\6\0\0\0\0", 8);
  for (int i = 0; i < 2; ++i) append(bytes, static_cast<std::uint16_t>(columns.size()));
  append(bytes, static_cast<std::uint32_t>(directory.size()));
  append(bytes, start);
  return bytes + std::string(2, '\0');
}

Array decode_npy(std::string_view bytes, const std::string& name) {
  // The header holds a magic number, the version, its own length in 2 bytes (version 1) or 4 bytes,
  // and a dict as text.
  constexpr std::string_view magic = "\x93NUMPY";
  constexpr std::size_t longest = 4096;  // a plain array needs about 200
  if (!bytes.starts_with(magic) || bytes.size() < 12 || bytes[6] < 1 || bytes[6] > 3)
    fail("data", "{}: is cut or not an array in NumPy's format", name);
  const bool first_version = bytes[6] == 1;
  std::size_t length = 0;
  std::memcpy(&length, bytes.data() + 8, first_version ? 2 : 4);
  bytes.remove_prefix(first_version ? 10 : 12);
  if (length > std::min(bytes.size(), longest))
    fail("data", "{}: its header should have {} bytes, {} follow; expected at most {}", name,
         length, bytes.size(), longest);
  const std::string header(bytes.substr(0, length));
  bytes.remove_prefix(length);

  static const std::regex entries(
      "\\{'descr': *'([<>|=])([a-z][0-9]+)', *'fortran_order': *(True|False), *'shape': *"
      "\\(([0-9, ]*)\\)");
  std::smatch found;
  const bool matches = std::regex_search(header, found, entries);
  const auto format = std::ranges::find(formats, found.str(2), &NumberFormat::numpy);
  if (!matches || format == std::end(formats))
    fail("data",
         "{}: has the header {}; expected numbers f2, f4, f8, i1 to i8, u1 to u8 or bool (no "
         "objects, texts or records)",
         name, shown(header));
  Shape shape;
  // The limit of the product of all axes but those of size 0, which the bytes do not limit.
  Index most = std::max<Index>(std::ssize(bytes), 1 << 20);
  const std::string list = found[4];
  static const std::regex digits("[0-9]+");
  for (std::sregex_iterator size(list.begin(), list.end(), digits), end; size != end; ++size) {
    const std::optional<Index> axis = parsed<Index>(size->str());
    if (!axis || *axis > most || shape.rank() == max_rank)
      fail("data",
           "{}: is cut or damaged: {} bytes for shape ({}); expected all its numbers, on at most "
           "{} axes",
           name, bytes.size(), shown(list), max_rank);
    most /= std::max<Index>(*axis, 1);
    shape.push_back(*axis);
  }
  if (bytes.size() != static_cast<std::size_t>(shape.elements()) * format->bytes)
    fail("data", "{}: is cut or damaged: {} bytes for shape {}; expected {} for each number", name,
         bytes.size(), str(shape), format->bytes);

  // Fortran order is the row-major order of the reversed axes.
  const bool reversed = found[3] == "True";
  Shape stored = shape, axes = shape;
  if (reversed) std::reverse_copy(shape.begin(), shape.end(), &stored[0]);
  const Array array(stored, format->dtype);
  format->convert(bytes, found[1] == ">", array);
  if (!reversed) return array;
  for (int axis = 0; axis < axes.rank(); ++axis) axes[axis] = axes.rank() - 1 - axis;
  return array.permuted(axes).contiguous_copy();
}

std::size_t most_unpacked(std::size_t packed) {
  return std::max<std::size_t>(100 * packed, std::size_t{256} << 20);
}

// ---- zip ----

void NpzFile::refuse(const std::string& why) const { fail("data", "{}: {}", file_, why); }

template <class T>
T NpzFile::at(std::uint64_t position) const {
  if (position > bytes_.size() || bytes_.size() - position < sizeof(T))
    refuse(fmt::format("is cut or damaged: it ends before byte {}", position));
  T value;
  std::memcpy(&value, bytes_.data() + position, sizeof(T));
  return value;
}

NpzFile::NpzFile(std::string bytes, std::string file)
    : bytes_(std::move(bytes)), file_(std::move(file)) {
  using std::uint16_t, std::uint32_t, std::uint64_t;
  constexpr std::uint32_t in_zip64 = 0xffffffff;
  const std::size_t end = bytes_.rfind("PK\5\6");
  if (end == std::string::npos || bytes_.size() - end < 22)
    refuse("is cut or not a .npz file: it has no directory of arrays");
  std::uint64_t count = at<uint16_t>(end + 10), position = at<uint32_t>(end + 16);
  if (count == 0xffff || position == in_zip64) {
    const auto wide_end = at<uint64_t>(end - 12);  // in the 20 bytes of zip64 before the end
    count = at<uint64_t>(wide_end + 32);
    position = at<uint64_t>(wide_end + 48);
  }
  for (; count > 0; --count) {
    if (at<uint32_t>(position) != 0x02014b50)
      refuse(fmt::format("its directory of arrays is damaged at byte {}", position));
    Member member{.name = "",
                  .flags = at<uint16_t>(position + 8),
                  .method = at<uint16_t>(position + 10),
                  .checksum = at<uint32_t>(position + 16),
                  .packed = at<uint32_t>(position + 20),
                  .size = at<uint32_t>(position + 24),
                  .header = at<uint32_t>(position + 42)};
    std::uint64_t extra = position + 46 + at<uint16_t>(position + 28);
    const std::uint64_t extra_end = extra + at<uint16_t>(position + 30);
    const std::uint64_t next = extra_end + at<uint16_t>(position + 32);
    if (next > bytes_.size()) refuse("its directory of arrays is cut");
    member.name = bytes_.substr(position + 46, extra - position - 46);
    for (; extra < extra_end; extra += 4 + at<uint16_t>(extra + 2)) {
      if (at<uint16_t>(extra) != 1) continue;
      std::uint64_t field = extra + 4;
      for (std::uint64_t* number : {&member.size, &member.packed, &member.header})
        if (*number == in_zip64) {
          *number = at<uint64_t>(field);
          field += 8;
        }
    }
    position = next;
    constexpr std::string_view ending = ".npy";
    if (!member.name.ends_with(ending)) continue;
    member.name.resize(member.name.size() - ending.size());
    members_.push_back(std::move(member));
  }
}

std::vector<std::string> NpzFile::names() const { return names_of(members_); }

Array NpzFile::read(const std::string& name) const {
  const Member& member = row_named("array", members_, name);
  const std::string title = fmt::format("{}: '{}'", file_, shown(name));
  const std::uint64_t local = member.header;
  if (at<std::uint32_t>(local) != 0x04034b50)
    fail("data", "{} does not begin where it should", title);
  const std::uint64_t begin =
      local + 30 + at<std::uint16_t>(local + 26) + at<std::uint16_t>(local + 28);
  if (begin > bytes_.size() || member.packed > bytes_.size() - begin)
    fail("data", "{} is cut: {} bytes at byte {} of {}", title, member.packed, begin,
         bytes_.size());
  const bool stored = member.method == 0;
  if ((member.flags & 1) != 0 || (!stored && member.method != 8))
    fail("data", "{} is packed by method {}{}; expected 0 (stored) or 8 (deflated)", title,
         member.method, (member.flags & 1) != 0 ? " with a password" : "");
  if (member.size > most_unpacked(member.packed) || (stored && member.size != member.packed))
    fail("data", "{} should have {} bytes, packed {}; expected at most {}", title, member.size,
         member.packed, stored ? member.packed : most_unpacked(member.packed));
  const auto packed = std::string_view(bytes_).substr(begin, member.packed);
  if (stored) {
    const auto* const data = reinterpret_cast<const Bytef*>(packed.data());
    if (crc32_z(0, data, packed.size()) != member.checksum)
      fail("data", "{} is damaged: its checksum is wrong", title);
    return decode_npy(packed, title);
  }
  std::string gzip("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  gzip += packed;
  append(gzip, member.checksum);
  append(gzip, static_cast<std::uint32_t>(member.size));
  return decode_npy(gunzip(gzip, title, member.size), title);
}

}  // namespace twice::experiments
