// Writing is a header and a concatenation; most of reading is refusing what is not
// exactly a safetensors file, before any byte of it is used.
#include "experiments/files/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

#include "experiments/files/atomic_file.h"
#include "experiments/files/checksum.h"
#include "experiments/files/json.h"

namespace twice::experiments {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace {

constexpr const char* metadata_key = "__metadata__";
constexpr const char* checksum_key = "sha256";
const std::string blank_checksum(64, '0');
constexpr std::size_t prefix = sizeof(std::uint64_t);

const char* format_name(DType dtype) {
  return dtype == DType::f32 ? "F32" : dtype == DType::f64 ? "F64" : "I32";
}

/// Where an entry of the header says that its numbers lie.
struct Entry {
  std::string name, dtype;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

/// Collects the complaints about one file under its name.
struct Reader {
  const std::string& file;

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail("safetensors", "{}: {}", file, fmt::format(text, std::forward<Args>(args)...));
  }
  std::string_view header(std::string_view bytes) const;
  Entry entry(const std::string& name, const Json& value, std::uint64_t data_bytes) const;
  std::map<std::string, std::string> metadata(const Json& value) const;
  void check_layout(std::vector<Entry>& entries, std::uint64_t data_bytes) const;
  Array array(const Entry& entry, const char* data) const;
};

std::string_view Reader::header(std::string_view bytes) const {
  if (bytes.size() < prefix)
    refuse("is cut: {} bytes; expected at least the 8 of the header's length", bytes.size());
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), prefix);
  if (length > bytes.size() - prefix)
    refuse("is cut or no safetensors file: its header should have {} bytes, {} follow", length,
           bytes.size() - prefix);
  return bytes.substr(prefix, length);
}

std::uint64_t element_bytes(const std::string& dtype) {
  if (dtype == "F32" || dtype == "I32") return 4;
  return dtype == "F64" || dtype == "I64" ? 8 : 0;
}

Entry Reader::entry(const std::string& name, const Json& value, std::uint64_t data_bytes) const {
  const auto is_count = [](const Json& v) { return v.is_unsigned(); };
  const auto is_counts = [&](const Json& v) {
    return v.is_array() && std::all_of(v.begin(), v.end(), is_count);
  };
  if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string() ||
      !value.contains("shape") || !is_counts(value["shape"]) || !value.contains("data_offsets") ||
      !is_counts(value["data_offsets"]) || value["data_offsets"].size() != 2)
    refuse("the header of '{}' is damaged; expected dtype, shape and two data_offsets", name);
  Entry result{name, value["dtype"], {}, value["data_offsets"][0], value["data_offsets"][1]};
  const std::uint64_t size = element_bytes(result.dtype);
  if (size == 0) refuse("'{}' has dtype {}; expected F32, F64, I32 or I64", name, result.dtype);
  if (value["shape"].size() > static_cast<std::size_t>(max_rank))
    refuse("'{}' has {} axes; expected at most {}", name, value["shape"].size(), max_rank);
  if (result.begin > result.end || result.end > data_bytes)
    refuse("'{}' should lie at bytes {} to {} of the data, which has {}: cut or corrupt", name,
           result.begin, result.end, data_bytes);
  // Zero sizes must not hide an overflow of the others, so the product skips them.
  std::uint64_t elements = 1;
  bool none = false;
  for (const std::uint64_t axis : value["shape"]) {
    const std::uint64_t factor = std::max<std::uint64_t>(axis, 1);
    if (factor > std::numeric_limits<std::uint32_t>::max() * std::uint64_t{1024} / elements)
      refuse("'{}' has an impossible shape {}", name, value["shape"].dump());
    elements *= factor;
    none = none || axis == 0;
    result.shape.push_back(static_cast<Index>(axis));
  }
  const std::uint64_t expected = none ? 0 : elements * size;
  if (result.end - result.begin != expected)
    refuse("'{}' of dtype {} and shape {} needs {} bytes, its data_offsets hold {}", name,
           result.dtype, str(result.shape), expected, result.end - result.begin);
  return result;
}

std::map<std::string, std::string> Reader::metadata(const Json& value) const {
  std::map<std::string, std::string> result;
  if (!value.is_object()) refuse("its {} is damaged; expected strings by name", metadata_key);
  for (const auto& [key, text] : value.members()) {
    if (!text.is_string()) refuse("its metadata '{}' is no string", key);
    result[key] = text;
  }
  return result;
}

/// Sorts by position; the arrays must cover the data once, without gaps.
void Reader::check_layout(std::vector<Entry>& entries, std::uint64_t data_bytes) const {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t position = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != position)
      refuse(
          "'{}' begins at byte {} of the data; expected {} (arrays must not overlap or leave gaps)",
          entry.name, entry.begin, position);
    position = entry.end;
  }
  if (position != data_bytes)
    refuse("its arrays end at byte {} of the data, which has {}", position, data_bytes);
}

Array Reader::array(const Entry& entry, const char* data) const {
  const char* const from = data + entry.begin;
  if (entry.dtype != "I64") {
    const DType dtype = entry.dtype == "F32"   ? DType::f32
                        : entry.dtype == "F64" ? DType::f64
                                               : DType::i32;
    Array result(entry.shape, dtype);
    if (result.bytes() > 0) std::memcpy(result.raw(), from, result.bytes());
    return result;
  }
  Array result(entry.shape, DType::i32);
  for (Index i = 0; i < result.elements(); ++i) {
    std::int64_t value;
    std::memcpy(&value, from + i * 8, 8);
    if (value != static_cast<std::int32_t>(value))
      refuse("'{}' holds {} of dtype I64, which does not fit the i32 of twice", entry.name, value);
    result.data<std::int32_t>()[i] = static_cast<std::int32_t>(value);
  }
  return result;
}

/// The text of an object whose members stay in the order in which they are added.
class Members {
 public:
  /// False if there is a member of this name. `text` is JSON.
  bool add(const std::string& name, const std::string& text) {
    text_ += (names_.empty() ? "" : ",") + Json(name).dump() + ":" + text;
    return names_.insert(name).second;
  }
  std::string text() const { return "{" + text_ + "}"; }

 private:
  std::set<std::string> names_;
  std::string text_;
};

}  // namespace

bool TensorFile::contains(const std::string& name) const {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& t) { return t.first == name; });
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
  std::size_t size = 0;
  try {
    // The checksum is the last of the metadata, and the arrays keep their order.
    Members notes, header;
    for (const auto& [name, note] : file.metadata) notes.add(name, Json(note).dump());
    notes.add(checksum_key, Json(blank_checksum).dump());
    header.add(metadata_key, notes.text());
    for (const auto& [name, array] : file.tensors) {
      if (array.empty()) fail("safetensors", "the tensor '{}' is empty: it has no storage", name);
      Members entry;
      entry.add("dtype", Json(format_name(array.dtype())).dump());
      entry.add("shape",
                Json(std::vector<Index>(array.shape().begin(), array.shape().end())).dump());
      entry.add("data_offsets", Json({size, size + array.bytes()}).dump());
      if (!header.add(name, entry.text()))
        fail("safetensors", "the tensor name '{}' is taken", name);
      size += array.bytes();
    }
    text = header.text();
  } catch (const JsonError&) {
    fail("safetensors", "a tensor name or metadata entry is not UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');

  const std::uint64_t length = text.size();
  std::string bytes(prefix, '\0');
  std::memcpy(bytes.data(), &length, prefix);
  bytes.reserve(prefix + text.size() + size);
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
    reader.refuse("is no safetensors file: the {} bytes of its header are not a JSON object",
                  text.size());
  const std::uint64_t data_bytes = bytes.size() - prefix - text.size();
  std::vector<Entry> entries;
  TensorFile file;
  for (const auto& [key, value] : header.members()) {
    if (key == metadata_key)
      file.metadata = reader.metadata(value);
    else
      entries.push_back(reader.entry(key, value, data_bytes));
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
