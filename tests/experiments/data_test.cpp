// Tests the data sets. Loaders read the published data and refuse damaged files. Batches visit
// every image in an order that depends on (seed, epoch) alone.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <set>

#include "autodiff/threads/threads.h"
#include "experiments/data/batches.h"
#include "experiments/data/catalogue.h"
#include "experiments/data/dataset.h"
#include "tests/experiments/scratch_folder.h"

using namespace twice;
using namespace twice::experiments;

namespace {

std::vector<int> class_counts(const std::vector<std::int32_t>& labels, int classes) {
  std::vector<int> counts(static_cast<std::size_t>(classes));
  for (std::int32_t label : labels) ++counts.at(static_cast<std::size_t>(label));
  return counts;
}

std::vector<double> first_labels(const Dataset& data) {
  return data.targets().sliced(0, 0, 10).to_vector();
}

/// An idx file: the magic number with the number of axes, the sizes in big-endian order, the data.
std::string idx(const std::vector<int>& sizes, const std::string& data) {
  std::string bytes{0, 0, 8, static_cast<char>(sizes.size())};
  for (int size : sizes)
    for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(size >> shift & 255);
  return bytes + data;
}

/// Ten images of 1x2 pixels. The pixels and the label of an image show its row.
Dataset ten_rows() {
  const Dataset data =
      labelled("ten", Array({10, 1, 2, 1}, DType::f32), Array({10}, DType::i32), 10);
  for (int i = 0; i < 10; ++i) {
    data.inputs().set(2 * i, i + 0.25);
    data.inputs().set(2 * i + 1, -i);
    data.targets().set(i, i);
  }
  return data;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(data_sets)

BOOST_AUTO_TEST_CASE(digits_are_the_published_ones) {
  const RawSplit raw = load_digits();
  BOOST_TEST(raw.train.count() == 1437);
  BOOST_TEST(raw.test.count() == 360);
  std::vector<std::int32_t> labels = raw.train.labels;
  labels.insert(labels.end(), raw.test.labels.begin(), raw.test.labels.end());
  BOOST_TEST((class_counts(labels, 10) ==
              std::vector<int>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}));
  // The first image in the file, a zero.
  BOOST_TEST((std::vector<int>(raw.train.pixels.begin(), raw.train.pixels.begin() + 16) ==
              std::vector<int>{0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0}));
}

BOOST_AUTO_TEST_CASE(training_images_are_standardized) {
  const DataSplit split = load_data("digits");
  BOOST_TEST((split.train.inputs().shape() == Shape{1437, 8, 8, 1}));
  BOOST_TEST((split.test.inputs().shape() == Shape{360, 8, 8, 1}));
  BOOST_TEST(split.train.classes == 10);
  BOOST_TEST(std::abs(split.mean.at(0) - 0.3054) < 5e-5);
  BOOST_TEST(std::abs(split.stddev.at(0) - 0.3755) < 5e-5);
  double sum = 0, squares = 0;
  const auto pixels = split.train.inputs().to_vector();
  for (double x : pixels) sum += x, squares += x * x;
  const auto n = static_cast<double>(pixels.size());
  BOOST_TEST(std::abs(sum / n) < 1e-6);
  BOOST_TEST(std::abs(squares / n - 1) < 1e-6);
  // Test images are standardised with the mean and deviation of the training images. Checks the
  // third pixel of the first one.
  const double pixel = load_digits().test.pixels[2] / 16.0;
  BOOST_TEST(std::abs(split.test.inputs().at(2) - (pixel - split.mean[0]) / split.stddev[0]) <
             1e-6);
}

BOOST_AUTO_TEST_CASE(idx_files) {
  const std::string images = idx({2, 1, 3}, "abcdef"), labels = idx({2}, "\1\2");
  const RawImages raw = parse_idx(images, labels, "set");
  BOOST_TEST(raw.count() == 2);
  BOOST_TEST(raw.height == 1);
  BOOST_TEST(raw.width == 3);
  BOOST_TEST(raw.pixels[5] == 'f');
  BOOST_TEST(raw.labels[1] == 2);
  const auto error = [](const std::string& i, const std::string& l) {
    return error_of([&] { parse_idx(i, l, "set"); });
  };
  BOOST_TEST(contains(error(images.substr(0, 20), labels), "set: the images are cut"));
  BOOST_TEST(contains(error(images, labels + "\3"), "set: the labels are cut or damaged"));
  BOOST_TEST(contains(error(images.substr(0, 5), labels), "not an idx file"));
  BOOST_TEST(contains(error(labels, labels), "not an idx file"));
  BOOST_TEST(contains(error(images, idx({3}, "\1\2\3")), "3 labels for 2 images"));
  const int huge = 0x7fffffff;
  BOOST_TEST(contains(error(idx({huge, huge, huge}, ""), labels), "cut or damaged"));
}

BOOST_AUTO_TEST_CASE(cifar_records) {
  // Two records in the format of CIFAR-100: coarse label, fine label, planes of constant colour.
  const auto plane = [](char value) { return std::string(1024, value); };
  std::string first = plane('R') + plane('G') + plane('B');
  first[1024 + 33] = '!';  // green of row 1, column 1
  const std::string records =
      "\x05\x63" + first + "\x06\x01" + plane('r') + plane('g') + plane('b');
  RawImages images;
  append_cifar(records, 2, "train.bin", images);
  append_cifar(records, 2, "train.bin", images);
  BOOST_TEST(images.count() == 4);
  BOOST_TEST((images.labels == std::vector<std::int32_t>{99, 1, 99, 1}));
  BOOST_TEST(images.pixels.size() == 4u * 3072);
  const auto pixel = [&](std::size_t image, std::size_t row, std::size_t column) {
    const auto from =
        images.pixels.begin() + static_cast<Index>(((image * 32 + row) * 32 + column) * 3);
    return std::string(from, from + 3);
  };
  BOOST_TEST(pixel(0, 0, 0) == "RGB");
  BOOST_TEST(pixel(0, 1, 1) == "R!B");
  BOOST_TEST(pixel(2, 1, 1) == "R!B");
  BOOST_TEST(pixel(3, 31, 31) == "rgb");
  const auto cut = records.substr(0, 5000);
  BOOST_TEST(
      contains(error_of([&] { append_cifar(cut, 2, "train.bin", images); }), "train.bin is cut"));
  BOOST_TEST(contains(error_of([&] { append_cifar("", 1, "x", images); }), "x is cut"));
}

BOOST_AUTO_TEST_CASE(fashion_mnist_is_the_published_one) {
  const DataSource& source = data_source("fashion-mnist");
  if (!is_installed(source)) {
    BOOST_TEST_MESSAGE("skipped: the Debian package " << source.package << " is not installed");
    return;
  }
  const DataSplit split = load_data("fashion-mnist");
  BOOST_TEST((split.train.inputs().shape() == Shape{60000, 28, 28, 1}));
  BOOST_TEST((split.test.inputs().shape() == Shape{10000, 28, 28, 1}));
  BOOST_TEST((first_labels(split.train) == std::vector<double>{9, 0, 0, 3, 0, 2, 7, 2, 5, 5}));
  BOOST_TEST((first_labels(split.test) == std::vector<double>{9, 2, 1, 1, 6, 1, 4, 6, 5, 7}));
  BOOST_TEST(std::abs(split.mean.at(0) - 0.2860) < 5e-5);
  BOOST_TEST(std::abs(split.stddev.at(0) - 0.3530) < 5e-5);
}

BOOST_AUTO_TEST_CASE(synthetic_data_are_a_function_of_their_options) {
  SyntheticOptions options;
  options.train = 600, options.test = 300, options.image = {4, 5, 3}, options.classes = 3;
  const DataSplit one = load_data("synthetic", options);
  const int before = threads();
  set_threads(before + 1);
  const DataSplit again = load_data("synthetic", options);
  set_threads(before);
  BOOST_TEST((one.train.inputs().to_vector() == again.train.inputs().to_vector()));
  BOOST_TEST((one.train.inputs().shape() == Shape{600, 4, 5, 3}));
  BOOST_TEST(one.mean.size() == 3u);
  BOOST_TEST(one.test.targets().at(4) == 1.0);
  options.seed = 1;
  BOOST_TEST(
      (load_data("synthetic", options).test.inputs().to_vector() != one.test.inputs().to_vector()));
  double squares = 0;
  for (double x : one.train.inputs().to_vector()) squares += x * x / (600 * 60);
  BOOST_TEST(std::abs(squares - 1) < 0.05);
}

BOOST_AUTO_TEST_CASE(synthetic_data_of_any_shape) {
  BOOST_TEST((synthetic_options({}, {}).image == SyntheticOptions().image));
  BOOST_TEST(synthetic_options({}, {}).classes == SyntheticOptions().classes);
  const SyntheticOptions options = synthetic_options("32x16x3", 7);
  BOOST_TEST((options.image == Shape{32, 16, 3}));
  BOOST_TEST(options.classes == 7);
  BOOST_TEST((synthetic_options("28x28", {}).image == Shape{28, 28, 1}));
  BOOST_TEST((synthetic_options("20", {}).image == Shape{1, 20, 1}));
  // The training images hold at most 2^27 numbers.
  BOOST_TEST(synthetic_options("224x224x3", {}).train == (1 << 27) / (224 * 224 * 3));
  for (const char* wrong : {"32x", "0x8x1", "8x8x8x8", "8 x 8", "-8x8", "99999x9", "x"})
    BOOST_TEST(contains(error_of([&] { synthetic_options(wrong, {}); }), wrong), wrong);
}

BOOST_AUTO_TEST_CASE(synthetic_classes_can_be_learned) {
  // The nearest training image has the right class far more often than by chance, but not always.
  SyntheticOptions options;
  options.train = 800, options.test = 200, options.image = {2, 2, 1}, options.classes = 4;
  const DataSplit split = load_data("synthetic", options);
  const auto train = split.train.inputs().to_vector(), test = split.test.inputs().to_vector();
  int right = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    double nearest = 1e9;
    std::size_t best = 0;
    for (std::size_t j = 0; j < 800; ++j) {
      double distance = 0;
      for (std::size_t k = 0; k < 4; ++k)
        distance += std::pow(train[j * 4 + k] - test[i * 4 + k], 2);
      if (distance < nearest) nearest = distance, best = j;
    }
    right += split.train.targets().at(static_cast<Index>(best)) ==
             split.test.targets().at(static_cast<Index>(i));
  }
  BOOST_TEST(right > 120);
  BOOST_TEST(right < 200);
}

BOOST_AUTO_TEST_CASE(bad_options_are_refused) {
  BOOST_TEST(
      (names_of(data_sources()) == std::vector<std::string>{"digits", "fashion-mnist", "mnist",
                                                            "cifar10", "cifar100", "synthetic"}));
  BOOST_TEST(contains(error_of([] { load_data("minst"); }), "there is no data set 'minst'"));
  SyntheticOptions flat;
  flat.image = {64};
  BOOST_TEST(contains(error_of([&] { load_data("synthetic", flat); }), "(64)"));
  SyntheticOptions classless;
  classless.classes = 1;
  BOOST_TEST(contains(error_of([&] { load_data("synthetic", classless); }), "1 classes"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(batches)

BOOST_AUTO_TEST_CASE(an_epoch_visits_every_image_once) {
  Batches batches(ten_rows(), 2, DType::f32, 1);
  BOOST_TEST(batches.per_epoch() == 5);
  std::vector<std::vector<double>> orders;
  for (Index epoch = 0; epoch < 3; ++epoch) {
    orders.emplace_back();
    for (Index step = 0; step < 5; ++step) {
      const Dataset& batch = batches.at(epoch * 5 + step);
      BOOST_TEST((batch.inputs().shape() == Shape{2, 1, 2, 1}));
      for (Index row = 0; row < 2; ++row) {
        const double label = batch.targets().at(row);
        orders.back().push_back(label);
        BOOST_TEST(batch.inputs().at(2 * row) == label + 0.25);
        BOOST_TEST(batch.inputs().at(2 * row + 1) == -label);
      }
    }
    BOOST_TEST(std::set<double>(orders.back().begin(), orders.back().end()).size() == 10u);
  }
  BOOST_TEST((orders[0] != orders[1]));
  BOOST_TEST((orders[1] != orders[2]));
}

BOOST_AUTO_TEST_CASE(a_batch_is_a_function_of_seed_and_step) {
  Batches forward(ten_rows(), 3, DType::f64, 7), resumed(ten_rows(), 3, DType::f64, 7);
  BOOST_TEST(forward.per_epoch() == 3);  // one image is left over
  for (Index step = 0; step < 11; ++step) forward.at(step);
  const std::vector<double> labels = forward.at(11).targets().to_vector();
  BOOST_TEST((resumed.at(11).targets().to_vector() == labels));
  BOOST_TEST((forward.at(0).targets().to_vector() == resumed.at(0).targets().to_vector()));
  BOOST_TEST((epoch_order(7, 0, 100) != epoch_order(8, 0, 100)));
  BOOST_TEST((epoch_order(7, 3, 100) == epoch_order(7, 3, 100)));
}

BOOST_AUTO_TEST_CASE(a_step_reuses_its_memory) {
  Batches batches(ten_rows(), 4, DType::f32, 1);
  const void* const memory = batches.at(0).inputs().raw();
  for (Index step = 1; step < 7; ++step) BOOST_TEST(batches.at(step).inputs().raw() == memory);
}

BOOST_AUTO_TEST_CASE(gathers_are_checked) {
  const Dataset data = ten_rows();
  const Dataset batch = make_batch(data, 2, DType::f32);
  const std::vector<std::int32_t> rows{9, 9};
  gather(data, rows, batch);
  BOOST_TEST((batch.targets().to_vector() == std::vector<double>{9, 9}));
  const std::vector<std::int32_t> outside{3, 10}, three{1, 2, 3};
  BOOST_TEST(contains(error_of([&] { gather(data, outside, batch); }), "row 10 of ten"));
  BOOST_TEST(contains(error_of([&] { gather(data, three, batch); }), "3 rows of ten"));
  BOOST_CHECK_THROW(make_batch(data, 2, DType::i32), Error);
  BOOST_TEST(
      (consecutive(data, 7, 3, DType::f64).targets().to_vector() == std::vector<double>{7, 8, 9}));
  BOOST_CHECK_THROW(consecutive(data, 8, 3, DType::f64), Error);
}

BOOST_AUTO_TEST_CASE(impossible_batch_sizes) {
  for (const Index rows : {-1, 0, 11})
    BOOST_TEST(
        error_of([&] { Batches(ten_rows(), rows, DType::f32, 1); }) ==
        fmt::format("[batch] a batch of {} examples; expected 1 to 10, the training examples of "
                    "ten",
                    rows));
}

BOOST_AUTO_TEST_SUITE_END()
