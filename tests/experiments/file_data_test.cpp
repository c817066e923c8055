// Tests reading a user's own data files. The same data in every format gives the same arrays, the
// split and the statistics follow their description, and the error for a bad file is one line that
// names the place of the fault.
#include "experiments/data/file_data.h"

#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>

#include "experiments/data/csv.h"
#include "experiments/files/npy.h"
#include "experiments/files/process.h"
#include "experiments/files/safetensors.h"
#include "tests/experiments/scratch_folder.h"

using namespace twice;
using namespace twice::experiments;

namespace {

using Numbers = std::vector<double>;
using Words = std::vector<std::string>;

/// A scratch folder for files to read.
struct Files : ScratchFolder {
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return (path / name).string();
  }
};

/// Reads the text of a table as training data. The target is the column y. Inputs are not
/// standardised.
DataSplit table(const std::string& text, FileDataOptions options = {}) {
  const Files files;
  options.file = files.write("t.csv", text);
  options.standardize = false;
  return read_file_data(options);
}

/// The error message for a table. Checks that it is one line and names the file.
std::string refusal(const std::string& text, const FileDataOptions& options = {}) {
  const std::string error = error_of([&] { table(text, options); });
  BOOST_TEST((contains(error, "t.csv: ") && !contains(error, "\n")), error);
  return error;
}

/// The inputs of the training and test parts together, sorted.
Numbers sorted_inputs(const DataSplit& data) {
  Numbers numbers = data.train.inputs().to_vector(), others = data.test.inputs().to_vector();
  numbers.insert(numbers.end(), others.begin(), others.end());
  std::ranges::sort(numbers);
  return numbers;
}

template <class T>
std::string bytes_of(const std::vector<T>& numbers, bool big_endian = false) {
  std::string bytes;
  for (const T number : numbers) {
    std::string part(reinterpret_cast<const char*>(&number), sizeof(T));
    if (big_endian) std::ranges::reverse(part);
    bytes += part;
  }
  return bytes;
}

template <class T>
std::string little(std::uint64_t number) {
  return bytes_of<T>({static_cast<T>(number)});
}

std::string npy(const std::string& dtype, const std::string& shape, const std::string& data,
                bool fortran = false) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", dtype,
                                   fortran ? "True" : "False", shape);
  header.append(63 - (header.size() + 10) % 64, ' ');
  header += '\n';
  return "\x93NUMPY\x01" + std::string(1, '\0') + little<std::uint16_t>(header.size()) + header +
         data;
}

std::string deflated(const std::string& bytes, int window) {
  z_stream stream{};
  BOOST_REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string gzipped(const std::string& bytes) { return deflated(bytes, 15 + 16); }

/// A zip archive of arrays (name, .npy bytes). `claimed` is the unpacked size in the zip headers.
std::string npz(const std::vector<std::pair<std::string, std::string>>& arrays, bool packed = false,
                bool zip64 = false, std::optional<std::uint64_t> claimed = {}) {
  using std::uint16_t, std::uint32_t, std::uint64_t;
  std::string bytes, directory;
  for (const auto& [name, array] : arrays) {
    const std::string data = packed ? deflated(array, -15) : array, file = name + ".npy";
    const auto* const first = reinterpret_cast<const Bytef*>(array.data());
    const uint64_t size = claimed.value_or(array.size());
    const std::string sizes =
        zip64 ? std::string(8, '\xff') : little<uint32_t>(data.size()) + little<uint32_t>(size);
    const std::string common =  // flags, method, time, checksum, sizes, length of the name
        little<uint16_t>(0) + little<uint16_t>(packed ? 8 : 0) + little<uint32_t>(0) +
        little<uint32_t>(crc32_z(0, first, array.size())) + sizes + little<uint16_t>(file.size());
    const std::string wide = little<uint64_t>(size) + little<uint64_t>(data.size());
    const std::string other = little<uint16_t>(7) + little<uint16_t>(2) + "??";
    const std::string extra = !zip64 ? ""
                                     : other + little<uint16_t>(1) + little<uint16_t>(24) + wide +
                                           little<uint64_t>(bytes.size());
    directory += "PK\1\2" + little<uint32_t>(45) + common + little<uint16_t>(extra.size()) +
                 little<uint16_t>(4) + little<uint64_t>(0) +
                 little<uint32_t>(zip64 ? 0xffffffff : bytes.size()) + file + extra + "note";
    bytes += "PK\3\4" + little<uint16_t>(45) + common + little<uint16_t>(20) + file +
             little<uint16_t>(1) + little<uint16_t>(16) + wide + data;
  }
  const std::size_t start = bytes.size();
  bytes += directory;
  if (zip64) {
    const std::size_t end = bytes.size();
    bytes += "PK\6\6" + little<uint64_t>(44) + little<uint32_t>(0) + little<uint64_t>(0) +
             little<uint64_t>(arrays.size()) + little<uint64_t>(arrays.size()) +
             little<uint64_t>(directory.size()) + little<uint64_t>(start);
    bytes += "PK\6\7" + little<uint32_t>(0) + little<uint64_t>(end) + little<uint32_t>(1);
  }
  return bytes + "PK\5\6" + little<uint32_t>(0) + little<uint16_t>(arrays.size()) +
         little<uint16_t>(zip64 ? 0xffff : arrays.size()) + little<uint32_t>(directory.size()) +
         little<uint32_t>(zip64 ? 0xffffffff : start) + little<uint16_t>(0);
}

/// Ten examples of three numbers, exact in f32, in classes 0 and 1.
const Numbers example_inputs = [] {
  Numbers numbers(30);
  std::iota(numbers.begin(), numbers.end(), -7);
  for (double& x : numbers) x = x * x / 4 - 3;
  return numbers;
}();
const Numbers example_labels = {0, 1, 1, 0, 1, 0, 0, 1, 1, 0};

std::string example_csv() {
  std::string text = "a,b,c,y\n";
  for (std::size_t i = 0; i < 10; ++i)
    text += fmt::format("{},{},{},{}\n", example_inputs[3 * i], example_inputs[3 * i + 1],
                        example_inputs[3 * i + 2], example_labels[i]);
  return text;
}

std::string example_x() { return npy("<f8", "(10, 3)", bytes_of(example_inputs)); }
std::string example_y() {
  return npy("<i8", "(10,)", bytes_of(std::vector<std::int64_t>{0, 1, 1, 0, 1, 0, 0, 1, 1, 0}));
}

void check_equal(const DataSplit& data, const DataSplit& expected, const std::string& of) {
  for (const auto part : {&DataSplit::train, &DataSplit::test})
    for (const std::size_t k : {0u, 1u}) {
      const Array &a = (data.*part).arrays.at(k).second, &b = (expected.*part).arrays.at(k).second;
      BOOST_REQUIRE_MESSAGE(a.shape() == b.shape(), of << ": " << str(a.shape()));
      BOOST_TEST((a.dtype() == b.dtype()), of);
      BOOST_TEST(std::memcmp(a.raw(), b.raw(), a.bytes()) == 0, of);
    }
  BOOST_TEST((data.mean == expected.mean), of);
  BOOST_TEST((data.stddev == expected.stddev), of);
  BOOST_TEST((data.class_names == expected.class_names), of);
}

DataSplit read(const std::string& file, const std::string& target = "") {
  return read_file_data({.file = file, .target = target});
}

std::string idx_file(const std::vector<std::uint32_t>& sizes, const std::string& data) {
  std::string bytes{0, 0, 8, static_cast<char>(sizes.size())};
  return bytes + bytes_of(sizes, true) + data;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_data)

BOOST_AUTO_TEST_CASE(the_same_data_in_every_format) {
  const Files files;
  const DataSplit expected = read(files.write("t.csv", example_csv()));
  BOOST_TEST((expected.train.inputs().shape() == Shape{8, 3}));
  BOOST_TEST((expected.test.targets().shape() == Shape{2}));
  BOOST_TEST((expected.input_names == Words{"a", "b", "c"}));
  BOOST_TEST((expected.target_names == Words{"y"}));
  BOOST_TEST((expected.class_names == Words{"0", "1"}));

  std::string tabs = example_csv(), semicolons = tabs;
  std::ranges::replace(tabs, ',', '\t');
  std::ranges::replace(semicolons, ',', ';');
  std::ranges::replace(semicolons, '.', ',');
  const std::vector<std::pair<std::string, std::string>> arrays{{"x", example_x()},
                                                                {"y", example_y()}};
  const auto x = Array::from(example_inputs, {10, 3}), y = Array::from(example_labels, {10});
  const std::string x_npy = files.write("x.npy", example_x());
  const std::string y_npy = files.write("y.npy", example_y());
  const std::string safetensors = encode_safetensors({{{"x", x}, {"y", y.cast(DType::i32)}}, {}});
  for (const std::string& file :
       {files.write("t.csv.gz", gzipped(example_csv())), files.write("t.tsv", tabs),
        files.write("s.csv", semicolons), files.write("stored.npz", npz(arrays)),
        files.write("packed.npz", npz(arrays, true)),
        files.write("wide.npz", npz(arrays, true, true)), files.write("t.safetensors", safetensors),
        x_npy, x_npy + "," + y_npy})
    check_equal(read(file), expected, file);
}

BOOST_AUTO_TEST_CASE(tables_as_programs_write_them) {
  const std::string text =
      "\xEF\xBB\xBF\"width, in \"\"mm\"\"\" ,\"two\nlines\",y\r\n"
      " 1.5 ,+2,\"big, red\"\r\n"
      "\r\n"
      "-1e3,\"4\",small\r\n"
      "5,6, \"big, red\" \r\n"
      "7,8,small";
  const DataSplit data = table(text, {.test_share = 0.5});
  BOOST_TEST((data.input_names == Words{"width, in \"mm\"", "two\nlines"}));
  BOOST_TEST((data.class_names == Words{"big, red", "small"}));
  BOOST_TEST((sorted_inputs(data) == Numbers{-1000, 1.5, 2, 4, 5, 6, 7, 8}));
  const Numbers first = data.train.inputs().to_vector();
  BOOST_TEST(data.train.targets().at(0) == (first[0] == 1.5 || first[0] == 5 ? 0.0 : 1.0));
}

BOOST_AUTO_TEST_CASE(headers_and_targets_of_tables) {
  const FileDataOptions half{.test_share = 0.5};
  const auto with_target = [&](const std::string& target) {
    FileDataOptions options = half;
    options.target = target;
    return options;
  };
  // A first row of numbers is no header. The columns are named by their positions.
  const DataSplit plain = table("7,1\n8,2\n7,3\n8,4\n", with_target("1"));
  BOOST_TEST((plain.input_names == Words{"2"}));
  BOOST_TEST((plain.class_names == Words{"7", "8"}));
  BOOST_TEST((sorted_inputs(plain) == Numbers{1, 2, 3, 4}));
  // If the first row has words and numbers, its entry in the target column decides whether the row
  // is the header.
  const std::string mixed = "400,402,kind\n1,2,a\n3,4,b\n5,6,a\n7,8,b\n";
  BOOST_TEST((table(mixed, with_target("kind")).input_names == Words{"400", "402"}));
  BOOST_TEST(
      (table("1,2,a\n3,4,b\n5,6,a\n7,8,b\n", with_target("3")).class_names == Words{"a", "b"}));
  // A row of numbers is a header if it counts from 0 or names the target.
  for (const auto& [header, target] : {std::pair("0,1,2,3", "3"), std::pair("9,8,7,30", "30")}) {
    const std::string rows = "5,6,7,0\n5,6,7,1\n5,6,7,0\n5,6,7,1\n";
    const DataSplit data = table(fmt::format("{}\n{}", header, rows), with_target(target));
    BOOST_TEST((data.target_names == Words{target}));
    BOOST_TEST((data.class_names == Words{"0", "1"}));
  }
  BOOST_TEST((table("0,1\n0,2\n2,3\n2,4\n", with_target("1")).input_names == Words{"2"}));
  // Common target names are found in upper or lower case. A name takes precedence over a position.
  BOOST_TEST((table("x,Label\n1,5\n2,6\n3,5\n4,6\n", half).target_names == Words{"Label"}));
  BOOST_TEST((table("2,a\n5,1\n6,2\n5,3\n6,4\n", with_target("2")).input_names == Words{"a"}));
  // Classes that are whole numbers are sorted by value. If one class is a word, all are words.
  BOOST_TEST((table("x,y\n1,10\n2,9\n3,10\n4,9\n", half).class_names == Words{"9", "10"}));
  BOOST_TEST((table("x,y\n1,10\n2,9\n3,10\n4,b\n", half).class_names == Words{"10", "9", "b"}));

  BOOST_TEST(
      contains(refusal("width,length,kind\n1,2,3\n", with_target("lenght")),
               "there is no column 'lenght'; it has width, length, kind; did you mean length?"));
  BOOST_TEST(contains(refusal("a,b\n1,2\n"), "which column is the target? It has a, b"));
  BOOST_TEST(contains(refusal("y,label\n1,2\n"), "which column is the target?"));
  BOOST_TEST(contains(refusal("1,2\n", with_target("3")), "there is no column '3'"));
}

BOOST_AUTO_TEST_CASE(bad_tables) {
  const auto place = [](const std::string& text, const std::string& expected) {
    BOOST_TEST(contains(refusal(text), expected), refusal(text));
  };
  place("a,y\n1,2\nred,3\n",
        "row 3, column 'a': found 'red'; expected a finite number of f32 (words are not enc");
  place("a,y\n1,2\n\n1e39,3\n", "row 4, column 'a': found '1e39'; expected a finite number of f32");
  place("a,y\ninf,2\n", "row 2, column 'a': found 'inf'; expected a finite number");
  for (const char* missing : {"", "NA", "nan", "N/A", "\"\""})
    place(fmt::format("a,y\n{},2\n", missing), "no value may be missing");
  place("a,y\n1,\n", "row 2, column 'y': found ''; expected a class (none may");
  BOOST_TEST(contains(refusal("a,y\n1,\n", {.guess = true}), "expected a class or a number (none"));
  place("a,y\n1,2\n3\n", "row 3 has 1 fields; expected 2");
  place("a,y\n1,2\n3,4,5\n", "row 3 has 3 fields; expected 2");
  place("a,y,a\n1,2,3\n", "row 1: columns 1 and 3 have the name 'a'");
  place(",a,y\n0,1,2\n", "row 1, column 1: has no name");
  place("a,y\n1,\"2\n3,4\n", "row 2, column 2: a quoted field does not end");
  place("a,y\n\"1\"2,3\n", "row 2, column 1: text follows a closing quote");
  place("a,y\n1,2.5\n2,2\n", "the target of example 1 of 2 is 2.5; expected a class");
  place("a,y\n1,2.5\n2,2\n", "use --loss mse or huber");
  place("a,y\n1,3000000000\n2,2\n", "is 3000000000; expected a class: a whole number of 32 bits");
  place("a,y\n1,2\n2,2\n", "all examples are of the class '2'; expected at least two classes");
  place("a,y\n1,2\n2,3\n", "a share of 0.2 of its 2 examples leaves none for the test");
  std::string prices = "a,y\n";
  for (int i = 0; i < 40; ++i) prices += fmt::format("{},{}\n", i, 100 + i);
  place(prices,
        "its 40 examples have 40 classes, so a share of 0.2 leaves none for the test; expected "
        "fewer classes (for numbers, use --loss mse or huber)");
  place("a,y\n", "expected 1 to 2^31 - 1 examples");
  place("", "is empty; expected a table");
  place("\n\r\n", "is empty; expected a table");
  place("y\n1\n", "row 1 has one column");
  place(std::string("\xFF\xFE"
                    "a\0,\0",
                    6),
        "is UTF-16; expected text in UTF-8");
  place(std::string("a,y\n\0,1\n", 8), "has zero bytes");
  place(
      "gr\xF6\xDF"
      "e,y\n1,2\n2,3\n",
      "expected text in UTF-8");
  place("a,y\n1,gr\xF6n\n2,3\n", "expected text in UTF-8");
  place(std::string(std::size_t{2} << 20, ','), "row 1 has too many fields");
  place("a\rb,c\x1b\n1,2\n", "It has a?b, c?");
  // Messages cut long texts short.
  BOOST_TEST(refusal("a,y\n" + std::string(5000, 'x') + ",1\n").size() < 300u);
  BOOST_TEST(contains(refusal("a,y\n1,2\n2,3\n", {.test_share = 1}), "a share of 1"));
}

BOOST_AUTO_TEST_CASE(numbers_at_the_limits_of_f32) {
  const DataSplit data = table("a,y\n1e-400,0\n3.4028235e38,1\n-3,0\n-0.1e-4000,1\n");
  const double largest = std::numeric_limits<float>::max();
  BOOST_TEST((sorted_inputs(data) == Numbers{-3, 0, 0, largest}));
  for (const char* number : {"3.4028236e38", "-1e39", "1e400"})
    BOOST_TEST(contains(refusal(fmt::format("a,y\n{},0\n1,1\n", number)), "expected a finite"));
}

BOOST_AUTO_TEST_CASE(regression) {
  const DataSplit data =
      table("y,a\n1.5,1\n2.5,2\n3.5,3\n4.5,4\n", {.regression = true, .test_share = 0.25});
  BOOST_TEST((data.train.targets().dtype() == DType::f64));
  BOOST_TEST((data.train.targets().shape() == Shape{3, 1}));
  BOOST_TEST(data.class_names.empty());
  for (const auto part : {&data.train, &data.test})
    for (Index i = 0; i < part->targets().elements(); ++i)
      BOOST_TEST(part->targets().at(i) == part->inputs().at(i) + 0.5);
  BOOST_TEST(contains(refusal("y,a\nhigh,1\n", {.regression = true}),
                      "row 2, column 'y': found 'high'; expected a finite number"));

  const Files files;
  const Numbers numbers{1, 2, 3, 4, 5, 6, 7, 8};
  const std::string pairs = npz({{"x", npy("<f8", "(4,)", bytes_of(Numbers{1, 2, 3, 4}))},
                                 {"y", npy("<f8", "(4, 2)", bytes_of(numbers))}});
  const std::string file = files.write("r.npz", pairs);
  const DataSplit two = read_file_data({.file = file, .regression = true, .test_share = 0.5});
  BOOST_TEST((two.train.inputs().shape() == Shape{2, 1}));
  BOOST_TEST((two.train.targets().shape() == Shape{2, 2}));
  BOOST_TEST(two.train.targets().at(3) == two.train.targets().at(2) + 1);
  BOOST_TEST(
      contains(error_of([&] { read(file); }), "targets of shape (4, 2); expected (n), classes"));
}

BOOST_AUTO_TEST_CASE(targets_that_can_be_no_classes_are_numbers) {
  const FileDataOptions guess{.guess = true, .test_share = 0.5};
  const auto kind = [&](const std::string& text) {
    return table(text, guess).train.arrays[1].first;
  };
  BOOST_TEST(kind("a,y\n1,2.5\n2,2\n3,1\n4,3\n") == "targets");
  BOOST_TEST(kind("a,y\n1,2\n2,2\n3,1\n4,1\n") == "labels");
  BOOST_TEST(kind("a,y\n1,b\n2,2.5\n3,b\n4,2.5\n") == "labels");  // words
}

BOOST_AUTO_TEST_CASE(the_split) {
  // 50 examples of class 0, 30 of class 1 and 1 of class 2. The input is the number of the row.
  std::string text = "a,y\n";
  const auto label = [](int row) { return row < 50 ? 0 : row < 80 ? 1 : 2; };
  for (int row = 0; row < 81; ++row) text += fmt::format("{},{}\n", row, label(row));
  const auto with_seed = [&](std::uint64_t seed) {
    return table(text, {.test_share = 0.2, .seed = seed});
  };
  const DataSplit data = with_seed(1);
  BOOST_TEST((data.test.inputs().shape() == Shape{16, 1}));
  BOOST_TEST((data.train.inputs().shape() == Shape{65, 1}));
  const Numbers test = data.test.targets().to_vector();
  BOOST_TEST(std::ranges::count(test, 0.0) == 10);
  BOOST_TEST(std::ranges::count(test, 1.0) == 6);
  Numbers all(81);
  std::iota(all.begin(), all.end(), 0);
  BOOST_TEST((sorted_inputs(data) == all));
  for (const auto part : {&data.train, &data.test}) {
    BOOST_TEST(std::ranges::is_sorted(part->inputs().to_vector()));
    for (Index i = 0; i < part->targets().elements(); ++i)
      BOOST_TEST(part->targets().at(i) == label(static_cast<int>(part->inputs().at(i))));
  }
  check_equal(with_seed(1), data, "the same seed");
  BOOST_TEST((with_seed(2).test.inputs().to_vector() != data.test.inputs().to_vector()));
  // Even with a large test share, every class keeps an example for training.
  const DataSplit most = table(text, {.test_share = 0.99});
  const Numbers train = most.train.targets().to_vector();
  BOOST_TEST((std::set<double>(train.begin(), train.end()).size() == 3u));
}

BOOST_AUTO_TEST_CASE(validation_examples_leave_the_training_part) {
  const Files files;
  std::string text = "a,y\n";
  for (int row = 0; row < 100; ++row) text += fmt::format("{},{}\n", row, row < 60 ? 0 : 1);
  FileDataOptions options{.file = files.write("t.csv", text), .standardize = false};
  const DataSplit without = read_file_data(options);
  options.validation_share = 0.25;
  const DataSplit data = read_file_data(options);
  BOOST_TEST((data.test.inputs().to_vector() == without.test.inputs().to_vector()));
  const Numbers rows(data.test_rows.begin(), data.test_rows.end());
  BOOST_TEST((rows == data.test.inputs().to_vector()));
  BOOST_TEST((data.validation.inputs().shape() == Shape{20, 1}));
  BOOST_TEST(std::ranges::count(data.validation.targets().to_vector(), 0.0) == 12);
  Numbers both = data.train.inputs().to_vector();
  for (const double x : data.validation.inputs().to_vector()) both.push_back(x);
  std::ranges::sort(both);
  BOOST_TEST((both == without.train.inputs().to_vector()));
  // The mean and the deviation are those of the training examples.
  options.standardize = true;
  const DataSplit scaled = read_file_data(options);
  double mean = 0;
  for (const double x : data.train.inputs().to_vector()) mean += x / 60;
  BOOST_TEST(std::abs(scaled.mean.at(0) - mean) < 1e-9);
  BOOST_TEST(std::abs(scaled.validation.inputs().at(0) -
                      (data.validation.inputs().at(0) - mean) / scaled.stddev[0]) < 1e-6);
  options.validation_share = 0.001;
  BOOST_TEST(contains(error_of([&] { read_file_data(options); }), "none for validation"));
}

BOOST_AUTO_TEST_CASE(examples_like_those_of_a_model) {
  const Files files;
  std::string text = "a,b,kind\n";
  for (int i = 0; i < 30; ++i) text += fmt::format("{},{},{}\n", i, 100 - i * i, "xyz"[i % 3]);
  const DataSplit model = read_file_data({.file = files.write("t.csv", text), .target = "kind"});
  const auto read_like = [&](const std::string& name, const std::string& bytes) {
    return read_file_data(
        {.file = files.write(name, bytes), .target = "kind", .input = Shape{2}, .like = &model});
  };
  const auto scaled = [&](std::size_t c, double x) {
    return (x - model.mean[c]) / model.stddev[c];
  };
  // The columns may come in any order. The classes are the model's.
  const DataSplit data = read_like("n.csv", "kind,b,a\nz,50,3\ny,60,4\n");
  BOOST_TEST(data.has_targets);
  BOOST_TEST((data.class_names == Words{"x", "y", "z"}));
  BOOST_TEST((data.test.targets().to_vector() == Numbers{2, 1}));
  BOOST_TEST(data.train.inputs().shape()[0] == 0);
  const Numbers expected = {scaled(0, 3), scaled(1, 50), scaled(0, 4), scaled(1, 60)};
  for (Index i = 0; i < 4; ++i)
    BOOST_TEST(std::abs(data.test.inputs().at(i) - expected[static_cast<std::size_t>(i)]) < 1e-6);
  const DataSplit without = read_like("n.csv", "a,b\n3,50\n4,60\n");
  BOOST_TEST(!without.has_targets);
  BOOST_TEST((without.test.inputs().to_vector() == data.test.inputs().to_vector()));
  const DataSplit arrays =
      read_like("n.npz", npz({{"x", npy("<f8", "(2, 2)", bytes_of(Numbers{3, 50, 4, 60}))}}));
  BOOST_TEST(
      (!arrays.has_targets && arrays.test.inputs().to_vector() == data.test.inputs().to_vector()));
  const auto error = [&](const std::string& table) {
    return error_of([&] { read_like("n.csv", table); });
  };
  BOOST_TEST(
      contains(error("a,kind\n1,x\n"), "no column 'b', which the model needs; it has a, kind"));
  BOOST_TEST(contains(error("a,b,knd\n1,2,x\n"), "the model has no input 'knd'; expected a, b"));
  BOOST_TEST(contains(error("a,b,kind\n1,2,w\n"), "has the class 'w'; expected one of x, y, z"));
  BOOST_TEST(contains(error("1,2\n3,4\n"), "no column 'a'"));
  BOOST_TEST(contains(error("a,b\n"), "expected 1 to"));
  BOOST_TEST(
      contains(error_of([&] {
                 read_like("n.npz", npz({{"x", npy("<f8", "(1, 3)", bytes_of(Numbers{3, 5, 4}))}}));
               }),
               "do not fit the input shape (2)"));
  // A header may consist of numbers.
  const DataSplit counted =
      read_file_data({.file = files.write("c.csv", "0,1,kind\n5,6,1\n7,8,2\n5,6,1\n7,8,2\n"),
                      .target = "kind",
                      .test_share = 0.5,
                      .standardize = false});
  const auto like_counted = [&](const std::string& rows) {
    return read_file_data({.file = files.write("q.csv", rows), .target = "kind", .like = &counted});
  };
  BOOST_TEST((like_counted("1,0\n6,5\n").test.inputs().to_vector() == Numbers{5, 6}));
  BOOST_TEST(contains(error_of([&] { like_counted("6,5\n7,8\n"); }), "there is no column '0'"));
  // Without a header, the order of the columns counts. The target may be missing.
  const DataSplit plain =
      read_file_data({.file = files.write("p.csv", "1,5,6\n2,7,8\n1,9,9\n2,1,3\n"),
                      .target = "1",
                      .test_share = 0.5,
                      .standardize = false});
  for (const char* rows : {"3,2\n", "2,3,2\n"})
    BOOST_TEST((read_file_data({.file = files.write("q.csv", rows), .target = "1", .like = &plain})
                    .test.inputs()
                    .to_vector() == Numbers{3, 2}));
}

BOOST_AUTO_TEST_CASE(labels_are_words_if_the_model_has_words) {
  const Files files;
  const std::string text = "a,code\n1,007\n2,12A\n3,1\n4,1.0\n5,007\n6,12A\n7,1\n8,1.0\n";
  const DataSplit model =
      read_file_data({.file = files.write("t.csv", text), .target = "code", .test_share = 0.5});
  BOOST_TEST((model.class_names == Words{"007", "1", "1.0", "12A"}));
  const auto labels = [&](const std::string& rows) {
    const std::string file = files.write("n.csv", "a,code\n" + rows);
    return read_file_data({.file = file, .target = "code", .like = &model})
        .test.targets()
        .to_vector();
  };
  BOOST_TEST((labels("1,1.0\n2,1\n3,007\n") == Numbers{2, 1, 0}));
  BOOST_TEST(
      contains(error_of([&] { labels("1,7\n"); }), "has the class '7'; expected one of 007"));
}

BOOST_AUTO_TEST_CASE(standardised_by_the_training_part) {
  const Files files;
  std::string text = "a,b,c,d,y\n";
  for (int i = 0; i < 20; ++i)
    text += fmt::format("{},0.1,{},{}e-200,{}\n", i, 1700000000 + i, i, i % 2);
  const FileDataOptions options{.file = files.write("t.csv", text)};
  FileDataOptions as_it_is = options;
  as_it_is.standardize = false;
  const DataSplit data = read_file_data(options), raw = read_file_data(as_it_is);
  BOOST_TEST(raw.mean.empty());
  BOOST_TEST(raw.stddev.empty());
  const Numbers inputs = raw.train.inputs().to_vector();
  double mean = 0, square = 0;
  for (std::size_t i = 0; i < inputs.size(); i += 4) mean += inputs[i] / 16;
  for (std::size_t i = 0; i < inputs.size(); i += 4) square += std::pow(inputs[i] - mean, 2) / 16;
  BOOST_TEST(std::abs(data.mean.at(0) - mean) < 1e-12);
  BOOST_TEST(std::abs(data.stddev.at(0) - std::sqrt(square)) < 1e-12);
  // A constant column is only centred. A column keeps its spread even if f32 rounds its values to
  // one number, or their squares are too small for f64.
  BOOST_TEST(data.mean.at(1) == 0.1);
  BOOST_TEST(data.stddev.at(1) == 1.0);
  BOOST_TEST(std::abs(data.stddev.at(2) - data.stddev.at(0)) < 1e-6);
  for (Index i = 0; i < 4; ++i) {
    const double expected = (raw.test.inputs().at(4 * i) - mean) / std::sqrt(square);
    BOOST_TEST(data.test.inputs().at(4 * i + 1) == 0.0);
    for (const Index column : {0, 2, 3})
      BOOST_TEST(std::abs(data.test.inputs().at(4 * i + column) - expected) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(shapes_of_examples) {
  const Files files;
  const Numbers pixels(10 * 12, 3);
  const auto read_shape = [&](const std::string& shape, std::optional<Shape> input) {
    const std::string bytes =
        npz({{"images", npy("<f8", shape, bytes_of(pixels))}, {"labels", example_y()}});
    return read_file_data({.file = files.write("i.npz", bytes), .input = input});
  };
  BOOST_TEST((read_shape("(10, 12)", {}).train.inputs().shape() == Shape{8, 12}));
  BOOST_TEST((read_shape("(10, 3, 4)", {}).train.inputs().shape() == Shape{8, 3, 4, 1}));
  BOOST_TEST((read_shape("(10, 12)", Shape{2, 2, 3}).train.inputs().shape() == Shape{8, 2, 2, 3}));
  BOOST_TEST(read_shape("(10, 12)", Shape{2, 2, 3}).mean.size() == 3u);
  BOOST_TEST((read_shape("(10, 12)", Shape{3, 4}).train.inputs().shape() == Shape{8, 3, 4, 1}));
  BOOST_TEST(contains(error_of([&] {
                        read_shape("(10, 12)", Shape{3, 5});
                      }),
                      "its examples, 12 numbers each, do not fit the input shape (3, 5)"));
  BOOST_TEST(contains(error_of([&] { read_shape("(12, 10)", {}); }),
                      "inputs of shape (12, 10) and targets of shape (10); expected as many"));
  BOOST_TEST(contains(error_of([&] { read_shape("(120, 0)", {}); }), "is cut or damaged"));
}

BOOST_AUTO_TEST_CASE(names_of_arrays) {
  const Files files;
  const std::string x = example_x(), y = example_y();
  const auto read_names = [&](const Words& inputs, const Words& targets,
                              const std::string& target = "") {
    std::vector<std::pair<std::string, std::string>> arrays;
    for (const std::string& name : inputs) arrays.emplace_back(name, x);
    for (const std::string& name : targets) arrays.emplace_back(name, y);
    return read(files.write("n.npz", npz(arrays)), target);
  };
  const DataSplit expected = read_names({"x"}, {"y"});
  check_equal(read_names({"inputs"}, {"targets"}), expected, "inputs");
  check_equal(read_names({"images"}, {"labels"}), expected, "images");
  check_equal(read_names({"arr_0"}, {"arr_1"}), expected, "arr");
  check_equal(read_names({"X_train"}, {"y_train"}), expected, "train alone");
  check_equal(read_names({"pixels"}, {"digit"}, "digit"), expected, "target");
  check_equal(read_names({"x", "weights"}, {"digit"}, "digit"), expected, "target and x");
  check_equal(read_names({"x", "val_images"}, {"y", "digit"}, "digit"), expected, "y aside");

  const DataSplit parts = read_names({"X_train", "X_test"}, {"y_train", "y_test"});
  BOOST_TEST((parts.train.inputs().shape() == Shape{10, 3}));
  BOOST_TEST((parts.test.inputs().shape() == Shape{10, 3}));
  check_equal(read_names({"train_images", "test_images"}, {"train_labels", "test_labels"}), parts,
              "in front");
  check_equal(read_names({"x_train", "x_test"}, {"fine_train", "fine_test"}, "fine"), parts,
              "fine");

  const auto error = [&](const Words& inputs, const Words& targets,
                         const std::string& target = "") {
    return error_of([&] { read_names(inputs, targets, target); });
  };
  BOOST_TEST(contains(error({"pixels"}, {"y"}), "which array has the inputs? It has pixels, y"));
  BOOST_TEST(contains(error({"x"}, {"digit"}), "which array has the targets? It has x, digit"));
  BOOST_TEST(contains(error({"x", "X"}, {"y"}), "both 'x' and 'X' could be the inputs"));
  BOOST_TEST(contains(error({"x"}, {"digit"}, "digits"), "did you mean digit?"));
  BOOST_TEST(contains(error({"x", "x_test"}, {"y"}), "has 'x_test', but no targets for the test"));
  BOOST_TEST(contains(error({}, {}), "which array has the inputs?"));
}

BOOST_AUTO_TEST_CASE(number_types_and_orders) {
  const auto numbers = [](const std::string& bytes) { return decode_npy(bytes, "a").to_vector(); };
  const auto check = [&]<class T>(const std::string& dtype, std::vector<T> values) {
    const Numbers expected(values.begin(), values.end());
    BOOST_TEST((numbers(npy("<" + dtype, "(2,)", bytes_of(values))) == expected), dtype);
    BOOST_TEST((numbers(npy(">" + dtype, "(2,)", bytes_of(values, true))) == expected), dtype);
  };
  check("f4", std::vector<float>{1.5f, -3e38f});
  check("f8", std::vector<double>{0.1, -1e300});
  check("i2", std::vector<std::int16_t>{-32768, 258});
  check("u2", std::vector<std::uint16_t>{65535, 258});
  check("i4", std::vector<std::int32_t>{-2147483647, 16909060});
  check("u4", std::vector<std::uint32_t>{4294967295, 16909060});
  check("i8", std::vector<std::int64_t>{-9007199254740991, 72623859});
  check("u8", std::vector<std::uint64_t>{9007199254740991, 72623859});
  BOOST_TEST((numbers(npy("|i1", "(2,)", "\xff\x02")) == Numbers{-1, 2}));
  BOOST_TEST((numbers(npy("|u1", "(2,)", "\xff\x02")) == Numbers{255, 2}));
  BOOST_TEST((numbers(npy("|b1", "(2,)", std::string("\x01\x00", 2))) == Numbers{1, 0}));
  // Half precision: 1, -2, the smallest and the largest number, -infinity, NaN.
  const Numbers halves =
      numbers(npy("<f2", "(6,)",
                  bytes_of(std::vector<std::uint16_t>{0x3c00, 0xc000, 1, 0x7bff, 0xfc00, 0x7e00})));
  BOOST_TEST(halves[0] == 1.0);
  BOOST_TEST(halves[1] == -2.0);
  BOOST_TEST(halves[2] == std::ldexp(1.0, -24));
  BOOST_TEST(halves[3] == 65504.0);
  BOOST_TEST(halves[4] == -INFINITY);
  BOOST_TEST(std::isnan(halves[5]));

  const Array fortran =
      decode_npy(npy("<f4", "(2, 3)", bytes_of(std::vector<float>{1, 4, 2, 5, 3, 6}), true), "a");
  BOOST_TEST((fortran.shape() == Shape{2, 3}));
  BOOST_TEST((fortran.to_vector() == Numbers{1, 2, 3, 4, 5, 6}));
  BOOST_TEST((decode_npy(npy("<f4", "()", bytes_of<float>({5})), "a").shape() == Shape{}));
}

BOOST_AUTO_TEST_CASE(bad_arrays) {
  const auto error = [](const std::string& bytes) {
    return error_of([&] { decode_npy(bytes, "a.npy"); });
  };
  const std::string eight(8, '\0');
  BOOST_TEST(contains(error(npy("|O", "(1,)", eight)), "'descr': '|O'"));
  BOOST_TEST(contains(error(npy("|O", "(1,)", eight)), "expected numbers f2, f4, f8"));
  BOOST_TEST(contains(error(npy("<U2", "(1,)", eight)), "a.npy: has the header"));
  BOOST_TEST(contains(error(npy("<c8", "(1,)", eight)), "a.npy: has the header"));
  BOOST_TEST(
      contains(error(npy("<f4", "(3,)", eight)), "8 bytes for shape (3); expected 4 for each"));
  BOOST_TEST(
      contains(error(npy("<f4", "(1,)", eight)), "8 bytes for shape (1); expected 4 for each"));
  BOOST_TEST(contains(error(npy("<f4", "[2]", eight)), "has the header"));
  for (const char* shape : {"(99999999999999999999999,)", "(4294967296, 4294967296)",
                            "(0, 4294967296, 4294967296)", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"})
    BOOST_TEST(contains(error(npy("<f4", shape, "")), "is cut or damaged"), shape);
  BOOST_TEST(contains(error("not an array at all"), "not an array in NumPy's format"));
  const std::string whole = npy("<f4", "(2,)", eight);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string message = error(whole.substr(0, size));
    BOOST_REQUIRE_MESSAGE(names(message, "a.npy"), size << ": " << message);
  }
  // A header with very long runs of spaces, a difficult case for regular expressions.
  BOOST_TEST(error(npy("<f4", "(" + std::string(60000, ' ') + ")", "")) != "");
  BOOST_TEST(
      contains(error(npy("<f4", "(" + std::string(3900, ' ') + "2,)", "")), "0 bytes for shape ("));
}

BOOST_AUTO_TEST_CASE(bad_archives) {
  const Files files;
  const std::vector<std::pair<std::string, std::string>> arrays{{"x", example_x()},
                                                                {"y", example_y()}};
  const auto error = [&](const std::string& bytes) {
    const std::string file = files.write("a.npz", bytes);
    const std::string message = error_of([&] { read(file); });
    if (!message.empty()) BOOST_TEST(names(message, file), message);
    return message;
  };
  for (const bool packed : {false, true}) {
    const std::string whole = npz(arrays, packed, packed);
    BOOST_TEST(error(whole) == "");
    for (std::size_t size = 0; size < whole.size(); size += 7)
      BOOST_REQUIRE_MESSAGE(error(whole.substr(0, size)) != "", size);
    int accepted = 0;
    for (std::size_t place = 0; place < whole.size(); ++place) {
      std::string corrupt = whole;
      corrupt[place] = static_cast<char>(corrupt[place] ^ 0x55);
      accepted += error(corrupt).empty();
    }
    // Dates, versions, notes and the sizes in local headers are not read, so damage there is
    // accepted.
    BOOST_TEST(accepted < 250);
  }
  // An offset beyond the end of the archive is an error.
  std::string far = npz(arrays);
  far.replace(far.rfind("PK\5\6") + 16, 4, little<std::uint32_t>(0x7fffffff));
  BOOST_TEST(contains(error(far), "is cut or damaged"));
  BOOST_TEST(contains(error("PK\5\6"), "is cut or not a .npz file"));
  BOOST_TEST(contains(error("no archive"), "not a .npz file"));
  // Zip bombs are refused by their stated size, and otherwise by the size of their contents.
  BOOST_TEST(contains(error(npz(arrays, true, true, std::uint64_t{1} << 40)), "expected at most"));
  BOOST_TEST(contains(error(npz(arrays, true, false, 100)), "holds more than 100 bytes"));
}

BOOST_AUTO_TEST_CASE(arrays_for_numpy_come_back) {
  const Array a = Array::from<double>({1, 2.5, -3}, {3}), b = Array::from<std::int32_t>({7}, {1}),
              c = Array::from<float>({0.5f, 1}, {2});
  const std::string bytes =
      encode_npz({{"\u00e4", a}, {"b", b}, {"c", c.sliced(0, 1, 1)}, {"t", {}, {"x", "yz"}}});
  const NpzFile file(bytes, "n.npz");
  BOOST_TEST((file.names() == Words{"\u00e4", "b", "c", "t"}));
  // The flag of names in UTF-8 is in both headers of an array.
  for (const std::size_t flags : {std::size_t{6}, bytes.find("PK\1\2") + 8})
    BOOST_TEST(bytes.substr(flags, 2) == little<std::uint16_t>(1 << 11));
  BOOST_TEST((file.read("\u00e4").to_vector() == a.to_vector()));
  BOOST_TEST((file.read("\u00e4").dtype() == DType::f64));
  BOOST_TEST((file.read("b").to_vector() == b.to_vector()));
  BOOST_TEST((file.read("c").to_vector() == Numbers{1}));
  BOOST_TEST(contains(error_of([&] { file.read("t"); }), "S2"));
}

BOOST_AUTO_TEST_CASE(a_bomb_of_gzip) {
  const Files files;
  const std::string bomb = gzipped(std::string(std::size_t{257} << 20, '0'));
  const std::string file = files.write("t.csv.gz", bomb);
  BOOST_TEST(contains(error_of([&] { read(file); }), "holds more than 268435456 bytes"));
}

BOOST_AUTO_TEST_CASE(images) {
  const Files files;
  std::string pixels, labels;
  for (int i = 0; i < 10 * 6; ++i) pixels += static_cast<char>(4 * i);
  for (const double label : example_labels) labels += static_cast<char>(label);
  const std::string file = files.write("images-idx3-ubyte", idx_file({10, 2, 3}, pixels));
  BOOST_TEST(contains(error_of([&] { read(file); }), "labels-idx1-ubyte: No such file"));
  files.write("labels-idx1-ubyte", idx_file({10}, labels));
  const DataSplit whole = read_file_data({.file = file, .standardize = false});
  BOOST_TEST((whole.train.inputs().shape() == Shape{8, 2, 3, 1}));
  BOOST_TEST((sorted_inputs(whole).back() == 236.0));

  const std::string train =
      files.write("train-images-idx3-ubyte.gz", gzipped(idx_file({10, 2, 3}, pixels)));
  files.write("train-labels-idx1-ubyte.gz", gzipped(idx_file({10}, labels)));
  files.write("t10k-images-idx3-ubyte.gz", gzipped(idx_file({1, 2, 3}, "abcdef")));
  files.write("t10k-labels-idx1-ubyte.gz", gzipped(idx_file({1}, "\1")));
  const DataSplit pair = read_file_data({.file = train, .standardize = false});
  BOOST_TEST((pair.train.inputs().shape() == Shape{10, 2, 3, 1}));
  BOOST_TEST((pair.train.targets().to_vector() == example_labels));
  BOOST_TEST((pair.test.inputs().to_vector() == Numbers{97, 98, 99, 100, 101, 102}));
  BOOST_TEST((pair.test.targets().to_vector() == Numbers{1}));

  std::string records;
  for (int i = 0; i < 4; ++i)
    records += std::string(1, static_cast<char>(3 + i % 2)) + std::string(3072, 'c');
  const std::string cifar = files.write("data_batch_1.bin", records);
  const DataSplit colours = read_file_data({.file = cifar, .test_share = 0.5});
  BOOST_TEST((colours.train.inputs().shape() == Shape{2, 32, 32, 3}));
  BOOST_TEST((colours.class_names == Words{"3", "4"}));
  BOOST_TEST((colours.mean == Numbers(3, 'c')));
  std::filesystem::create_directory(files.path / "cifar");
  files.write("cifar/b.bin", records);
  files.write("cifar/a.bin", records.substr(3073));
  files.write("cifar/test_batch.bin", records.substr(0, 3073));
  const DataSplit several = read_file_data({.file = (files.path / "cifar").string()});
  BOOST_TEST((several.train.targets().to_vector() == Numbers{1, 0, 1, 0, 1, 0, 1}));
  BOOST_TEST((several.test.targets().to_vector() == Numbers{0}));
  BOOST_TEST(several.files.size() == 3u);
  BOOST_TEST(contains(error_of([&] { read(cifar + "," + cifar); }), "or the directory of several"));
  BOOST_TEST(contains(error_of([&] { read(cifar, "y"); }), "expected no target 'y'"));
  BOOST_TEST(contains(error_of([&] { read(files.write("x.bin", "??")); }), "x.bin is cut"));
}

BOOST_AUTO_TEST_CASE(arrays_that_do_not_fit) {
  const Files files;
  const auto error = [&](const std::string& x, const std::string& y) {
    return error_of([&] { read(files.write("a.npz", npz({{"x", x}, {"y", y}}))); });
  };
  const std::string labels = npy("|u1", "(2,)", std::string("\0\1", 2));
  const auto inputs = [](double a, double b) {
    return npy("<f8", "(2, 1)", bytes_of(Numbers{a, b}));
  };
  BOOST_TEST(contains(error(inputs(1, NAN), labels), "the inputs of example 2 of 2 have nan"));
  BOOST_TEST(contains(error(inputs(1e39, 1), labels), "the inputs of example 1 of 2 have 1e+39"));
  BOOST_TEST(
      contains(error(npy("<f8", "()", bytes_of<double>({1})), labels), "inputs of shape ()"));
  BOOST_TEST(contains(error(npy("<f8", "(0, 3)", ""), npy("<f8", "(0,)", "")),
                      "inputs of shape (0, 3), targets of shape (0); expected 1 to"));
  const auto label_error = [&](double label) {
    return error(inputs(1, 2), npy("<f8", "(2,)", bytes_of(Numbers{0, label})));
  };
  BOOST_TEST(contains(label_error(0.5), "the target of example 2 of 2 is 0.5"));
  BOOST_TEST(contains(label_error(NAN), "the targets of example 2 of 2 have nan"));
  BOOST_TEST(contains(label_error(1e10), "expected a class"));
  const std::string parts = npz({{"x_train", inputs(1, 2)},
                                 {"y_train", labels},
                                 {"x_test", npy("<f8", "(2, 2)", bytes_of(Numbers{1, 2, 3, 4}))},
                                 {"y_test", labels}});
  BOOST_TEST(contains(error_of([&] { read(files.write("p.npz", parts)); }),
                      "shapes (2, 1) for training and (2, 2) for the test"));
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_read) {
  const Files files;
  const auto error = [&](const std::string& name, const std::string& target = "") {
    return error_of([&] { read((files.path / name).string(), target); });
  };
  for (const char* name : {"none.csv", "none.npz", "x.npy", "none.safetensors", "none.bin"})
    BOOST_TEST(contains(error(name), std::string(name) + ": No such file"), name);
  std::filesystem::create_directory(files.path / "folder.csv");
  BOOST_TEST(contains(error("folder.csv"), "folder.csv: Is a directory"));
  for (const char* name : {"photo.jpeg", "images.png", "IMAGES-IDX3", "table"})
    for (const char* target : {"", "y"})
      BOOST_TEST(contains(error(name, target), "expected a file X.csv"), name);
  BOOST_TEST(contains(error(""), "has no .bin file"));
  BOOST_TEST(contains(error("a.npy"), "where are its targets?"));
}

BOOST_AUTO_TEST_CASE(arrays_that_numpy_saved) {
  const Files files;
  constexpr const char* python = "/usr/bin/python3";
  constexpr const char* script = R"(
import numpy as np
rng = np.random.default_rng(1)
x = rng.integers(0, 100, (40, 3))
y = np.arange(40) % 3 + 1
np.savetxt('t.csv', np.column_stack([x, y]), delimiter=',', header='a,b,c,y', comments='')
for order in 'CF':
    for kind in ['f2', 'f4', '>f4', 'f8', '>f8', 'i1', 'u1', 'i2', '>i2', 'u2', 'i4', '>i4', 'u4', 'i8', '>u8']:
        name = kind.replace('>', 'big-') + order
        a, b = np.asarray(x, kind, order), y.astype(kind)
        np.savez(name + '-stored.npz', x=a, y=b, names=np.array(['a', 'b']))
        np.savez_compressed(name + '-packed.npz', X_train=a, y_train=b)
        np.savez(name + '-unnamed.npz', a, b)
np.save('x.npy', x)
np.save('y.npy', y)
)";
  try {
    Process process({python, "-c", script}, {.folder = files.path});
    process.read_all();
    if (process.wait() != 0) {
      BOOST_TEST(contains(process.errors(), "No module named"), process.errors());
      BOOST_TEST_MESSAGE("skipped: " << process.ending());
      return;
    }
  } catch (const CannotStart& error) {
    BOOST_TEST_MESSAGE("skipped: " << error.what());
    return;
  }
  const DataSplit expected = read((files.path / "t.csv").string());
  BOOST_TEST((expected.class_names == Words{"1", "2", "3"}));
  int compared = 0;
  for (const std::string& name : files.entries()) {
    if (name == "y.npy" || name == "t.csv") continue;
    check_equal(read((files.path / name).string()), expected, name);
    ++compared;
  }
  BOOST_TEST(compared == 91);
}

BOOST_AUTO_TEST_SUITE_END()
