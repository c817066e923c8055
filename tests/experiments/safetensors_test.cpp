// Tests safetensors files. Written files read back unchanged, files of other programs can be read,
// and the error for a damaged file is one line that names the file.
#include "experiments/files/safetensors.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

#include "tests/experiments/scratch_folder.h"

using namespace twice;
using namespace twice::experiments;
namespace fs = std::filesystem;

namespace {

TensorFile example() {
  return {{{"weights", Array::from<float>({1, -2, 3.5f, 4, 5, 6}, {2, 3})},
           {"loss", Array::scalar(0.1, DType::f64)},
           {"labels", Array::from<std::int32_t>({7, -8, 9}, {3})},
           {"none", Array({0, 4}, DType::f32)},
           {"däta \"quoted\"", Array::from<double>({1e300, -0.0}, {2})}},
          {{"step", "12"}, {"seed", "18446744073709551615"}, {"note", "line\nbreak \"x\""}}};
}

/// A safetensors file with this header and data, which may be wrong.
std::string raw_file(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

std::string refusal(const std::string& header, std::size_t data_bytes) {
  return error_of(
      [&] { decode_safetensors(raw_file(header, std::string(data_bytes, '\0')), "x.st"); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(safetensors)

BOOST_AUTO_TEST_CASE(round_trip) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "x.safetensors";
  const TensorFile file = example();
  write_safetensors(path, file);
  const TensorFile back = read_safetensors(path);
  BOOST_TEST((back.metadata == file.metadata));
  BOOST_REQUIRE(back.tensors.size() == file.tensors.size());
  for (const auto& [name, array] : file.tensors) {
    const Array& read = back.at(name);
    BOOST_TEST((read.shape() == array.shape()));
    BOOST_TEST((read.dtype() == array.dtype()));
    BOOST_TEST(std::memcmp(read.raw(), array.raw(), array.bytes()) == 0);
  }
  BOOST_TEST(back.contains("loss"));
  BOOST_TEST(!back.contains("lost"));
  BOOST_TEST(contains(error_of([&] { back.at("lost"); }), "'lost'"));
  BOOST_TEST(decode_safetensors(encode_safetensors({}), "nothing").tensors.empty());
}

BOOST_AUTO_TEST_CASE(views_are_written_row_major) {
  const Array array = Array::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const TensorFile back =
      decode_safetensors(encode_safetensors({{{"t", array.permuted({1, 0})}}, {}}), "x");
  BOOST_TEST((back.at("t").to_vector() == std::vector<double>{1, 4, 2, 5, 3, 6}));
}

BOOST_AUTO_TEST_CASE(the_bytes_are_the_published_format) {
  const std::string bytes = encode_safetensors({{{"a", Array::from<float>({1, 2}, {2, 1})}}, {}});
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  BOOST_TEST(length % 8 == 0u);
  BOOST_TEST(bytes.size() == 8 + length + 8);
  const std::string header = bytes.substr(8, length);
  BOOST_TEST(header[0] == '{');
  BOOST_TEST(contains(header, R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]})"));
  float numbers[2];
  std::memcpy(numbers, bytes.data() + 8 + length, 8);
  BOOST_TEST(numbers[1] == 2.0f);
}

BOOST_AUTO_TEST_CASE(files_of_other_writers) {
  std::string data(16, '\0');
  const std::int64_t values[] = {-5, 2147483647};
  std::memcpy(data.data(), values, 16);
  const std::string header =
      R"({"y":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"__metadata__":{"format":"pt"}})";
  const TensorFile file = decode_safetensors(raw_file(header, data), "x");
  BOOST_TEST((file.at("y").dtype() == DType::i32));
  BOOST_TEST((file.at("y").to_vector() == std::vector<double>{-5, 2147483647}));
  BOOST_TEST(file.metadata.at("format") == "pt");

  const std::int64_t large = 2147483648;
  std::memcpy(data.data(), &large, 8);
  BOOST_TEST(
      contains(error_of([&] { decode_safetensors(raw_file(header, data), "x"); }), "2147483648"));
}

BOOST_AUTO_TEST_CASE(small_numbers_become_f32) {
  const auto read = [](const std::string& dtype, const std::string& data, int count) {
    const std::string header =
        fmt::format(R"({{"a":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})", dtype, count,
                    data.size());
    return decode_safetensors(raw_file(header, data), "x").at("a");
  };
  using Numbers = std::vector<double>;
  BOOST_TEST((read("F16", {"\x00\x3c\x00\xc0\x01\x00", 6}, 3).to_vector() ==
              Numbers{1, -2, std::ldexp(1.0, -24)}));
  BOOST_TEST((read("BF16", {"\x80\x3f\x40\xc0", 4}, 2).to_vector() == Numbers{1, -3}));
  BOOST_TEST((read("I8", "\xff\x02", 2).to_vector() == Numbers{-1, 2}));
  BOOST_TEST((read("U8", "\xff\x02", 2).to_vector() == Numbers{255, 2}));
  BOOST_TEST((read("BOOL", {"\1\0", 2}, 2).to_vector() == Numbers{1, 0}));
  BOOST_TEST((read("I16", "\xfe\xff", 1).to_vector() == Numbers{-2}));
  BOOST_TEST((read("U16", "\xfe\xff", 1).to_vector() == Numbers{65534}));
  BOOST_TEST((read("U32", "\xff\xff\xff\xff", 1).to_vector() == Numbers{4294967295}));
  BOOST_TEST((read("F16", "", 0).dtype() == DType::f32));
}

BOOST_AUTO_TEST_CASE(arrays_that_cannot_be_encoded) {
  const Array one = Array::scalar(1, DType::f32);
  BOOST_TEST(contains(error_of([&] {
                        encode_safetensors({{{"a", one}, {"a", one}}, {}});
                      }),
                      "'a'"));
  BOOST_TEST(contains(error_of([&] { encode_safetensors({{{"a", Array()}}, {}}); }), "'a'"));
  BOOST_CHECK_THROW(encode_safetensors({{{"__metadata__", one}}, {}}), Error);
  BOOST_CHECK_THROW(encode_safetensors({{{"\xff", one}}, {}}), Error);
  BOOST_CHECK_THROW(encode_safetensors({{}, {{"sha256", "mine"}}}), Error);
}

BOOST_AUTO_TEST_CASE(every_cut_is_refused) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "checkpoint.safetensors";
  const std::string bytes = encode_safetensors(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string error =
        error_of([&] { decode_safetensors(bytes.substr(0, size), path.string()); });
    BOOST_REQUIRE_MESSAGE(names(error, path), "cut to " << size << " bytes: " << error);
  }
  BOOST_TEST(names(error_of([&] { decode_safetensors(bytes + "x", path.string()); }), path));
  BOOST_TEST(contains(error_of([&] { read_safetensors(path); }), "No such file or directory"));
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_refused) {
  const std::string bytes = encode_safetensors(example());
  int accepted = 0;
  for (std::size_t place = 0; place < bytes.size(); ++place)
    for (int bit = 0; bit < 8; ++bit) {
      std::string corrupt = bytes;
      corrupt[place] = static_cast<char>(corrupt[place] ^ (1 << bit));
      const std::string error = error_of([&] { decode_safetensors(corrupt, "x.st"); });
      // If the name of the checksum's field is damaged, the file has no checksum to fail.
      if (error.empty())
        ++accepted;
      else
        BOOST_REQUIRE_MESSAGE(names(error, "x.st"), error);
    }
  BOOST_TEST(accepted < 8 * 20);
}

BOOST_AUTO_TEST_CASE(damaged_headers) {
  BOOST_TEST(contains(refusal("no json", 0), "not a JSON object"));
  BOOST_TEST(contains(refusal("[1]", 0), "not a JSON object"));
  BOOST_TEST(contains(refusal(R"({"a":1})", 0), "the header of 'a'"));
  const auto entry = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return fmt::format(R"("dtype":"{}","shape":{},"data_offsets":{})", dtype, shape, offsets);
  };
  const auto refused = [&](const std::string& a, std::size_t data_bytes) {
    return refusal("{\"a\":{" + a + "}}", data_bytes);
  };
  BOOST_TEST(refused(entry("F32", "[2]", "[0,8]"), 8) == "");
  BOOST_TEST(contains(refused(entry("F8_E5M2", "[2]", "[0,2]"), 2), "dtype F8_E5M2; expected F16"));
  BOOST_TEST(contains(refused(entry("F32", "[-2]", "[0,8]"), 8), "the header of 'a'"));
  BOOST_TEST(contains(refused(entry("F32", "[2.0]", "[0,8]"), 8), "the header of 'a'"));
  BOOST_TEST(contains(refused(entry("F32", "[2]", "[0]"), 8), "the header of 'a'"));
  BOOST_TEST(contains(refused(entry("F32", "[2]", "[8,0]"), 8), "bytes 8 to 0"));
  BOOST_TEST(contains(refused(entry("F32", "[2]", "[0,12]"), 8), "bytes 0 to 12"));
  BOOST_TEST(contains(refused(entry("F32", "[3]", "[0,8]"), 8), "needs 12 bytes"));
  BOOST_TEST(contains(refused(entry("F32", "[2]", "[4,12]"), 12), "begins at byte 4"));
  BOOST_TEST(contains(refused(entry("F32", "[2]", "[0,8]"), 12), "end at byte 8"));
  BOOST_TEST(contains(refused(entry("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4), "9 axes"));
  // The number of elements, 2^64, overflows to 0.
  BOOST_TEST(contains(refused(entry("F32", "[4294967296,4294967296]", "[0,0]"), 0), "impossible"));
  BOOST_TEST(contains(refusal("{\"a\":{" + entry("F32", "[2]", "[0,8]") + "},\"b\":{" +
                                  entry("F32", "[2]", "[4,12]") + "}}",
                              12),
                      "'b' begins at byte 4"));
  BOOST_TEST(contains(refusal(R"({"__metadata__":{"step":3}})", 0), "'step'"));
  const std::string huge = raw_file("{}", "");
  std::string length = huge;
  length[7] = 0x7f;
  BOOST_TEST(contains(error_of([&] { decode_safetensors(length, "x.st"); }), "x.st: is cut"));
}

BOOST_AUTO_TEST_SUITE_END()
