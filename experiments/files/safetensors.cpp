// Writes and reads safetensors files. Writing joins a header and the arrays. Most of the code for
// reading checks that the file is a valid safetensors file before it uses any byte.
#include "experiments/files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"
#include "experiments/files/npy.h"

namespace twice::experiments {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace {

constexpr const char* metadata_key = "__metadata__";
constexpr const char* checksum_key = "sha256";
const std::string blank_checksum(64, '0');
constexpr std::size_t prefix = sizeof(std::uint64_t);

/// An entry of the header: the type and shape of an array, and the position of its numbers.
struct Entry {
  std::string name;
  const NumberFormat* format;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

/// Reads a file. Its error messages begin with the name of the file.
struct Reader {
  const std::string& file;

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail("safetensors", "{}: {}", file, fmt::format(text, std::forward<Args>(args)...));
  }

  std::string_view header(std::string_view bytes) const {
    if (bytes.size() < prefix)
      refuse("is cut: {} bytes; expected at least the 8 of the header's length", bytes.size());
    std::uint64_t length;
    std::memcpy(&length, bytes.data(), prefix);
    if (length > bytes.size() - prefix)
      refuse("is cut or not a safetensors file: its header should have {} bytes, {} follow", length,
             bytes.size() - prefix);
    return bytes.substr(prefix, length);
  }

  Entry entry(const std::string& name, const Json& value, std::uint64_t data_bytes) const {
    const Json *const dtype = value.find("dtype"), *const sizes = value.find("shape"),
                      *const offsets = value.find("data_offsets");
    const auto are_counts = [](const Json* v) {
      return v && v->is_array() && std::ranges::all_of(*v, &Json::is_unsigned);
    };
    if (!dtype || !dtype->is_string() || !are_counts(sizes) || !are_counts(offsets) ||
        offsets->size() != 2)
      refuse("the header of '{}' is damaged; expected dtype, shape and two data_offsets", name);
    const auto format =
        std::ranges::find(number_formats(), dtype->string(), &NumberFormat::safetensors);
    if (format == number_formats().end() || format->safetensors.empty())
      refuse("'{}' has dtype {}; expected F16, BF16, F32, F64, BOOL, U8 to U32 or I8 to I64", name,
             dtype->string());
    if (sizes->size() > static_cast<std::size_t>(max_rank))
      refuse("'{}' has {} axes; expected at most {}", name, sizes->size(), max_rank);
    Entry result{name, &*format, {}, offsets->at(0), offsets->at(1)};
    if (result.begin > result.end || result.end > data_bytes)
      refuse("'{}' should lie at bytes {} to {} of the data, which has {}: cut or corrupt", name,
             result.begin, result.end, data_bytes);
    // An axis of size 0 must not hide an overflow of the other axes, so the product skips it.
    constexpr std::uint64_t most = std::uint64_t{1024} << 32;
    std::uint64_t elements = 1;
    for (const std::uint64_t axis : *sizes) {
      const std::uint64_t factor = std::max<std::uint64_t>(axis, 1);
      if (factor > most / elements) refuse("'{}' has an impossible shape {}", name, sizes->dump());
      elements *= factor;
      result.shape.push_back(static_cast<Index>(axis));
    }
    const std::uint64_t expected = result.shape.contains(0) ? 0 : elements * format->bytes;
    if (result.end - result.begin != expected)
      refuse("'{}' of dtype {} and shape {} needs {} bytes, its data_offsets hold {}", name,
             format->safetensors, str(result.shape), expected, result.end - result.begin);
    return result;
  }

  /// Sorts the entries by position. The arrays must cover the data once, without gaps.
  void check_layout(std::vector<Entry>& entries, std::uint64_t data_bytes) const {
    std::ranges::stable_sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
    std::uint64_t position = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != position)
        refuse(
            "'{}' begins at byte {} of the data; expected {} (arrays must not overlap or leave "
            "gaps)",
            entry.name, entry.begin, position);
      position = entry.end;
    }
    if (position != data_bytes)
      refuse("its arrays end at byte {} of the data, which has {}", position, data_bytes);
  }

  Array array(const Entry& entry, const char* data) const {
    const std::string_view bytes(data + entry.begin, entry.end - entry.begin);
    Array result(entry.shape, entry.format->dtype);
    entry.format->convert(bytes, false, result);
    for (std::size_t i = 0; entry.format->safetensors == "I64" && i < bytes.size(); i += 8) {
      std::int64_t value;
      std::memcpy(&value, bytes.data() + i, 8);
      if (value != static_cast<std::int32_t>(value))
        refuse("'{}' holds {} of dtype I64, which does not fit the i32 of twice", entry.name,
               value);
    }
    return result;
  }
};

/// Returns the header. The arrays keep their order, and the checksum is the last entry of the
/// metadata.
std::string header_of(const TensorFile& file) {
  std::string notes;
  for (const auto& [name, note] : file.metadata)
    notes += Json(name).dump() + ":" + Json(note).dump() + ",";
  std::string text = fmt::format("{{\"{}\":{{{}\"{}\":\"{}\"}}", metadata_key, notes, checksum_key,
                                 blank_checksum);
  std::set<std::string> names = {metadata_key};
  std::size_t begin = 0;
  for (const auto& [name, array] : file.tensors) {
    if (array.empty()) fail("safetensors", "the tensor '{}' is empty: it has no storage", name);
    if (!names.insert(name).second) fail("safetensors", "the tensor name '{}' is taken", name);
    const auto format = std::ranges::find(number_formats(), array.dtype(), &NumberFormat::dtype);
    text += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        Json(name).dump(), format->safetensors, fmt::join(array.shape(), ","),
                        begin, begin + array.bytes());
    begin += array.bytes();
  }
  text += "}";
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

bool TensorFile::contains(const std::string& name) const {
  return std::ranges::any_of(tensors, [&](const auto& t) { return t.first == name; });
}

const Array& TensorFile::at(const std::string& name) const {
  for (const auto& [key, array] : tensors)
    if (key == name) return array;
  fail("safetensors", "there is no tensor '{}' among the {} of the file", name, tensors.size());
}

std::string encode_safetensors(const TensorFile& file) {
  if (file.metadata.contains(checksum_key))
    fail("safetensors", "the metadata '{}' is reserved for the file's checksum", checksum_key);
  std::string text;
  try {
    text = header_of(file);
  } catch (const JsonError&) {
    fail("safetensors", "a tensor name or metadata entry is not UTF-8");
  }
  const std::uint64_t length = text.size();
  std::string bytes(prefix, '\0');
  std::memcpy(bytes.data(), &length, prefix);
  bytes += text;
  for (const auto& [name, array] : file.tensors) {
    const Array numbers = array.contiguous_copy();
    bytes.append(static_cast<const char*>(numbers.raw()), numbers.bytes());
  }
  const std::string entry = fmt::format("\"{}\":\"{}\"", checksum_key, blank_checksum);
  bytes.replace(bytes.find(entry) + entry.size() - 1 - blank_checksum.size(), blank_checksum.size(),
                sha256(bytes));
  return bytes;
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  write_atomically(path, encode_safetensors(file));
}

TensorFile decode_safetensors(std::string bytes, const std::string& name) {
  const Reader reader{name};
  const std::string_view text = reader.header(bytes);
  const Json header = Json::parse_or_null(text);
  if (!header.is_object())
    reader.refuse("is not a safetensors file: the {} bytes of its header are not a JSON object",
                  text.size());
  const std::uint64_t data_bytes = bytes.size() - prefix - text.size();
  std::vector<Entry> entries;
  TensorFile file;
  for (const auto& [key, value] : header.members()) {
    if (key != metadata_key) {
      entries.push_back(reader.entry(key, value, data_bytes));
      continue;
    }
    if (!value.is_object())
      reader.refuse("its {} is damaged; expected strings by name", metadata_key);
    for (const auto& [note, content] : value.members()) {
      if (!content.is_string()) reader.refuse("its metadata '{}' is not a string", note);
      file.metadata[note] = content.string();
    }
  }
  reader.check_layout(entries, data_bytes);
  if (const auto node = file.metadata.extract(checksum_key)) {
    const std::string& expected = node.mapped();
    const std::size_t place = bytes.find(expected, prefix);
    if (expected.size() != blank_checksum.size() || place == std::string::npos)
      reader.refuse("its checksum '{}' is damaged; expected 64 digits", expected);
    bytes.replace(place, blank_checksum.size(), blank_checksum);
    if (const std::string actual = sha256(bytes); actual != expected)
      reader.refuse("is corrupt: sha256 {}; expected {}", actual, expected);
  }
  const char* const data = bytes.data() + (bytes.size() - data_bytes);
  for (const Entry& entry : entries)
    file.tensors.emplace_back(entry.name, reader.array(entry, data));
  return file;
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  return decode_safetensors(read_file(path), path.string());
}

}  // namespace twice::experiments
