// Turns the arrays or the table of a file into training data: finds inputs and targets, numbers the
// classes, splits the examples, and standardises them.
#include "experiments/data/file_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "autodiff/kernels/random.h"
#include "autodiff/threads/parallel.h"
#include "experiments/data/csv.h"
#include "experiments/data/dataset.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/npy.h"
#include "experiments/files/safetensors.h"
#include "experiments/files/words.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

const Words usual_inputs = {"x", "inputs", "images", "data", "features", "arr_0"};
const Words usual_targets = {"y",     "targets", "target",  "labels",
                             "label", "class",   "classes", "arr_1"};

/// Reads files and records their names, sizes and checksums.
struct Source {
  std::vector<DataFile> files = {};

  std::string read(const fs::path& path) {
    std::string bytes = read_file(path);
    files.push_back({path.string(), sha256(bytes), bytes.size()});
    return bytes;
  }
  /// Reads a file and decompresses it if it is a gzip file.
  std::string unpacked(const fs::path& path) {
    std::string bytes = read(path);
    if (!bytes.starts_with("\x1f\x8b")) return bytes;
    return gunzip(bytes, path.string(), most_unpacked(bytes.size()));
  }
};

Dataset examples(const Array& inputs, const Array& targets) {
  return {"", {{"inputs", inputs}, {"targets", targets}}};
}

// ---- named arrays ----

/// The name of an array in lower case, without its part: "X_train" is "x" of the training part.
struct ArrayName {
  std::string base;
  bool test = false;
};

ArrayName array_name(const std::string& name) {
  const std::string lower = lower_case(name);
  for (const bool test : {false, true}) {
    const std::string part = test ? "test" : "train";
    if (lower.starts_with(part + "_")) return {lower.substr(part.size() + 1), test};
    if (lower.ends_with("_" + part)) return {lower.substr(0, lower.size() - part.size() - 1), test};
  }
  return {lower};
}

DataSplit read_arrays(const FileDataOptions& options, const Words& names,
                      const std::function<Array(const std::string&)>& read) {
  const std::string target = array_name(options.target).base;
  const auto is_target = [&](const std::string& base) {
    return target.empty() ? holds(usual_targets, base) : base == target;
  };
  std::string found[2][2];  // [test][target]
  Words others;             // candidates for inputs with an unusual name
  for (const std::string& name : names) {
    const auto [base, test] = array_name(name);
    if (!is_target(base)) others.push_back(name);
    if (!is_target(base) && !holds(usual_inputs, base)) continue;
    std::string& place = found[test][is_target(base)];
    if (!place.empty())
      fail("data", "{}: both '{}' and '{}' could be the {}; expected one", options.file,
           shown(place), shown(name), is_target(base) ? "targets" : "inputs");
    place = name;
  }
  const std::size_t test = options.like && !found[1][0].empty();  // the part to find
  if (!target.empty() && found[test][1].empty() && !options.like)
    fail("data", "{}: there is no array '{}' for training; it has {}{}", options.file,
         options.target, shown(names), did_you_mean(options.target, names));
  if ((!target.empty() || options.like) && found[test][0].empty() && others.size() == 1)
    found[test][0] = others[0];
  for (const bool of_targets : {false, true})
    if (found[test][of_targets].empty() && !(of_targets && options.like))
      fail("data", "{}: which array has the {}? It has {}; expected names such as {}", options.file,
           of_targets ? "targets" : "inputs", shown(names),
           of_targets ? "y or y_train" : "x or x_train");
  const auto part = [&](bool of_test) {
    const auto& [inputs, targets] = found[of_test];
    const Array x = read(inputs);
    return examples(x, targets.empty() ? Array() : read(targets));
  };
  if (options.like) return {.train = part(test)};
  if (found[1][0].empty() != found[1][1].empty())
    fail("data", "{}: has '{}', but no {} for the test", options.file,
         shown(found[1][0] + found[1][1]), found[1][0].empty() ? "inputs" : "targets");
  DataSplit data{.train = part(false)};
  if (!found[1][0].empty()) data.test = part(true);
  return data;
}

DataSplit read_npy_pair(const FileDataOptions& options, Source& source) {
  const std::size_t comma = options.file.find(".npy,");
  fs::path inputs = options.file, targets = inputs.parent_path() / "y.npy";
  if (comma != std::string::npos) {
    inputs = options.file.substr(0, comma + 4);
    targets = options.file.substr(comma + 5);
  } else if (std::error_code error; options.like && (lower_case(inputs.stem().string()) != "x" ||
                                                     !fs::exists(targets, error))) {
    targets.clear();
  } else if (lower_case(inputs.stem().string()) != "x") {
    fail("data",
         "{}: where are its targets? Expected x.npy with y.npy beside it, or {},TARGETS.npy",
         options.file, options.file);
  }
  const auto read = [&](const fs::path& path) {
    return decode_npy(source.read(path), path.string());
  };
  const Array x = read(inputs);
  return {.train = examples(x, targets.empty() ? Array() : read(targets))};
}

// ---- images ----

Dataset part_of(const RawImages& raw) {
  const Shape shape{raw.count(), raw.height, raw.width, raw.channels};
  const Array inputs(shape, DType::f32);
  std::ranges::copy(raw.pixels, inputs.data<float>());
  return examples(inputs, Array::from(raw.labels, {raw.count()}));
}

DataSplit read_idx(const FileDataOptions& options, Source& source) {
  const auto read = [&](const fs::path& images) {
    std::string name = images.filename().string();
    name.replace(name.find("images"), 6, "labels");
    name.replace(name.find("idx3"), 4, "idx1");
    const std::string pixels = source.unpacked(images);
    return part_of(
        parse_idx(pixels, source.unpacked(images.parent_path() / name), images.string()));
  };
  const fs::path path = options.file;
  const std::string name = path.filename().string(), train = "train-";
  DataSplit data{.train = read(path)};
  if (!name.starts_with(train)) return data;
  const fs::path test = path.parent_path() / ("t10k-" + name.substr(train.size()));
  if (std::error_code error; fs::exists(test, error)) data.test = read(test);
  return data;
}

/// Reads one file, or all files of a folder.
DataSplit read_cifar(const FileDataOptions& options, Source& source) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(options.file, error))
    if (lower_case(entry.path().extension().string()) == ".bin") paths.push_back(entry.path());
  if (error && options.file.find(".bin,") != std::string::npos)
    fail("data", "{}: expected one .bin file, or the directory of several", options.file);
  if (error) paths.emplace_back(options.file);
  std::ranges::sort(paths);
  RawImages parts[2];  // training, test
  for (const fs::path& path : paths) {
    const bool test = !error && path.filename().string().find("test") != std::string::npos;
    append_cifar(source.read(path), 1, path.string(), parts[test]);
  }
  if (parts[0].count() == 0)
    fail("data", "{}: has no .bin file to train on; expected images as CIFAR-10 stores them",
         options.file);
  DataSplit data{.train = part_of(parts[0])};
  if (parts[1].count() > 0) data.test = part_of(parts[1]);
  return data;
}

/// Reads the parts that the file has.
DataSplit read_parts(const FileDataOptions& options, Source& source) {
  const std::string& file = options.file;
  std::string name = lower_case(fs::path(file).filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  for (const bool tabs : {false, true})
    if (name.ends_with(tabs ? ".tsv" : ".csv"))
      return read_csv(source.unpacked(file), tabs ? '\t' : ',', options, usual_targets);
  if (name.ends_with(".npz")) {
    const NpzFile npz(source.read(file), file);
    return read_arrays(options, npz.names(),
                       [&](const std::string& array) { return npz.read(array); });
  }
  if (name.ends_with(".safetensors")) {
    const TensorFile tensors = decode_safetensors(source.read(file), file);
    Words names;
    for (const auto& [key, array] : tensors.tensors) names.push_back(key);
    return read_arrays(options, names, [&](const std::string& array) { return tensors.at(array); });
  }
  const std::string original = fs::path(file).filename().string();
  const bool is_npy = name.ends_with(".npy"), is_idx = original.find("images") != original.npos &&
                                                       original.find("idx3") != original.npos;
  if (std::error_code error;
      !is_npy && !is_idx && !name.ends_with(".bin") && !fs::is_directory(file, error))
    fail("data",
         "{}: expected a file X.csv, X.tsv, X.npz, x.npy, X.safetensors, images-idx3-ubyte or "
         "X.bin",
         file);
  if (!options.target.empty() && !options.like)
    fail("data", "{}: has no named columns or arrays; expected no target '{}'", file,
         options.target);
  return is_npy   ? read_npy_pair(options, source)
         : is_idx ? read_idx(options, source)
                  : read_cifar(options, source);
}

// ---- checks and classes ----

/// Refuses numbers that the dtype of the run cannot hold.
void check_numbers(const FileDataOptions& options, const Array& array, const char* what) {
  const Index count = array.shape()[0], size = array.elements() / count;
  visit_any(array.dtype(), [&]<class T>(T) {
    for (Index i = 0; i < array.elements(); ++i)
      if (const auto x = static_cast<double>(array.data<T>()[i]); !fits(x, options.dtype))
        fail("data", "{}: the {} of example {} of {} have {}; expected finite numbers of {}",
             options.file, what, i / size + 1, count, x, str(options.dtype));
  });
}

/// Gives a part the shapes that `read_file_data` describes.
void check_part(const FileDataOptions& options, Dataset& part) {
  Shape inputs = part.inputs().shape(), targets = part.targets().shape();
  if (inputs.rank() == 0 || targets.rank() == 0 || inputs[0] != targets[0])
    fail("data", "{}: inputs of shape {} and targets of shape {}; expected as many of each",
         options.file, str(inputs), str(targets));
  if (inputs.contains(0) || targets.contains(0) || inputs[0] > std::numeric_limits<int>::max())
    fail("data", "{}: inputs of shape {}, targets of shape {}; expected 1 to 2^31 - 1 examples",
         options.file, str(inputs), str(targets));
  const Index count = inputs[0], size = part.inputs().elements() / count,
              numbers = part.targets().elements() / count;
  if (targets.rank() > 2 || (numbers > 1 && !options.regression))
    fail("data", "{}: targets of shape {}; expected {}", options.file, str(targets),
         options.regression ? "(n) or (n, k)"
                            : "(n), classes (for numbers, use --loss mse or huber)");
  if (options.input) {
    if (options.input->elements() != size || options.input->rank() == max_rank)
      fail("data", "{}: its examples, {} numbers each, do not fit the input shape {}", options.file,
           size, str(*options.input));
    inputs = {count};
    for (const Index axis : *options.input) inputs.push_back(axis);
  }
  if (inputs.rank() == 1 || inputs.rank() == 3) inputs.push_back(1);
  check_numbers(options, part.inputs(), "inputs");
  check_numbers(options, part.targets(), "targets");
  part.inputs() = part.inputs().reshaped(inputs);
  part.targets() =
      part.targets().reshaped(options.regression ? Shape{count, numbers} : Shape{count});
}

bool could_be_classes(const Array& targets) {
  const Shape& shape = targets.shape();
  if (shape.rank() == 0 || shape.contains(0)) return true;
  bool whole = targets.elements() == shape[0];
  for (Index i = 0; i < targets.elements() && whole; ++i)
    whole = !std::isfinite(targets.at(i)) || targets.at(i) == std::floor(targets.at(i));
  return whole;
}

/// Replaces labels, which are whole numbers, by their positions among the labels of all parts or,
/// with `like`, among its classes.
void number_classes(const FileDataOptions& options, const std::vector<Dataset*>& parts,
                    Words& names) {
  std::map<double, double> classes;
  for (Dataset* part : parts) {
    part->targets() = part->targets().cast(DType::f64);
    const Index count = part->targets().elements();
    for (Index i = 0; i < count; ++i) {
      const double label = part->targets().data<double>()[i];
      if (std::trunc(label) != label || std::abs(label) > std::numeric_limits<std::int32_t>::max())
        fail("data",
             "{}: the target of example {} of {} is {}; expected a class: a whole number of 32 "
             "bits (for other numbers, use --loss mse or huber)",
             options.file, i + 1, count, label);
      classes[label] = 0;
    }
  }
  Words found = names;  // words are numbered in their order
  for (const auto& [label, position] : classes)
    if (names.empty()) found.push_back(fmt::format("{}", static_cast<std::int64_t>(label)));
  names = options.like ? options.like->class_names : found;
  std::map<std::string, double> known;
  for (const std::string& name : names) known.emplace(name, static_cast<double>(known.size()));
  auto name = found.begin();
  for (auto& [label, position] : classes) {
    if (!known.contains(*name))
      fail("data", "{}: has the class '{}'; expected one of {}", options.file, shown(*name),
           shown(names));
    position = known.at(*name++);
  }
  if (names.size() < 2)
    fail("data", "{}: all examples are of the class '{}'; expected at least two classes",
         options.file, shown(names[0]));
  for (Dataset* part : parts)
    for (Index i = 0; i < part->targets().elements(); ++i)
      part->targets().data<double>()[i] = classes.at(part->targets().data<double>()[i]);
}

// ---- the split and the result ----

/// Mean and standard deviation (1 where it would be 0) over the given rows, for each entry of the
/// last axis.
std::pair<std::vector<double>, std::vector<double>> measured(const Array& inputs,
                                                             const Rows& rows) {
  const Index size = inputs.elements() / inputs.shape()[0], groups = inputs.shape().back();
  // Calls f(group, x) for each number.
  const auto visit = [&](const auto& f) {
    visit_any(inputs.dtype(), [&]<class T>(T) {
      for (const Index row : rows)
        for (Index k = 0, c = 0; k < size; ++k, c = c + 1 == groups ? 0 : c + 1)
          f(static_cast<std::size_t>(c), static_cast<double>(inputs.data<T>()[row * size + k]));
    });
  };
  const auto count = static_cast<double>(std::ssize(rows) * size / groups);
  // Sums the distances from the first numbers. If all numbers are equal, the sums are exactly 0.
  std::vector<double> first, sums(static_cast<std::size_t>(groups)), squares = sums, scaled = sums,
                                                                     mean, stddev;
  for (Index c = 0; c < groups; ++c) first.push_back(inputs.at(rows[0] * size + c));
  visit([&](std::size_t c, double x) { sums[c] += x - first[c]; });
  for (std::size_t c = 0; c < sums.size(); ++c) mean.push_back(first[c] + sums[c] / count);
  // The squares of tiny distances become 0. So they are also summed with distances times 2^600.
  visit([&](std::size_t c, double x) {
    squares[c] += (x - mean[c]) * (x - mean[c]);
    scaled[c] += (x - mean[c]) * 0x1p600 * ((x - mean[c]) * 0x1p600);
  });
  for (std::size_t c = 0; c < squares.size(); ++c) {
    const double spread = squares[c] > 0x1p-800 ? std::sqrt(squares[c] / count)
                                                : std::sqrt(scaled[c] / count) * 0x1p-600;
    stddev.push_back(spread > 0 ? spread : 1);
  }
  return {mean, stddev};
}

/// Returns the given rows as (x - mean) / stddev in another dtype. There is a mean and a stddev for
/// each entry of the last axis. If these are empty, returns x.
Array selected(const Array& from, const Rows& rows, DType dtype, const std::vector<double>& mean,
               const std::vector<double>& stddev) {
  Shape shape = from.shape();
  const auto size = static_cast<std::size_t>(from.elements() / shape[0]);
  const auto groups = static_cast<std::size_t>(shape.back());
  shape[0] = std::ssize(rows);
  const Array out(shape, dtype);
  visit_any(from.dtype(), [&]<class From>(From) {
    visit_any(dtype, [&]<class To>(To) {
      parallel_for(shape[0], [&](Index tile) {
        const auto i = static_cast<std::size_t>(tile);
        const From* const x = from.data<From>() + static_cast<std::size_t>(rows[i]) * size;
        To* const to = out.data<To>() + i * size;
        for (std::size_t k = 0, c = 0; k < size; ++k, c = c + 1 == groups ? 0 : c + 1)
          to[k] = static_cast<To>(mean.empty() ? static_cast<double>(x[k])
                                               : (static_cast<double>(x[k]) - mean[c]) / stddev[c]);
      });
    });
  });
  return out;
}

}  // namespace

std::pair<Rows, Rows> set_aside(const std::string& name, SetAside part, const Rows& rows,
                                const Array& classes, double share, std::uint64_t seed) {
  const char* const purpose = part == SetAside::test ? "the test" : "validation";
  if (!(share > 0 && share < 1))
    fail("data", "{}: a share of {} for {}; expected more than 0 and less than 1", name, share,
         purpose);
  constexpr std::uint64_t split_use = 0x73706c6974;  // "split" in ASCII
  std::map<double, Rows> members;
  for (const std::int32_t i :
       permutation(Rng(seed, static_cast<std::uint64_t>(part), split_use), std::ssize(rows))) {
    const std::int32_t row = rows[static_cast<std::size_t>(i)];
    members[classes.empty() ? 0 : classes.at(row)].push_back(row);
  }
  // The running total over the classes is rounded, so that rounding errors do not add up.
  Rows stay, aside;
  Index seen = 0;
  const auto rounded = [&](Index count) {
    return std::llround(static_cast<double>(count) * share);
  };
  for (const auto& [label, own] : members) {
    const Index size = std::ssize(own), first = seen;
    seen += size;
    const Index take = std::min<Index>(rounded(seen) - rounded(first), size - 1);
    aside.insert(aside.end(), own.begin(), own.begin() + take);
    stay.insert(stay.end(), own.begin() + take, own.end());
  }
  if (aside.empty() && rounded(seen) > 0 && members.size() > 1)
    fail("data",
         "{}: its {} examples have {} classes, so a share of {} leaves none for {}; expected fewer "
         "classes (for numbers, use --loss mse or huber)",
         name, rows.size(), members.size(), share, purpose);
  if (aside.empty())
    fail("data", "{}: a share of {} of its {} examples leaves none for {}; expected more", name,
         share, rows.size(), purpose);
  std::ranges::sort(stay);
  std::ranges::sort(aside);
  return {stay, aside};
}

DataSplit read_file_data(const FileDataOptions& asked) {
  Source source;
  DataSplit data = read_parts(asked, source);
  FileDataOptions options = asked;
  if (options.guess && data.class_names.empty())
    options.regression = !could_be_classes(data.train.targets());
  data.files = std::move(source.files);
  std::vector<Dataset*> parts{&data.train};
  if (!data.test.arrays.empty()) parts.push_back(&data.test);
  const DataSplit& pattern = options.like ? *options.like : data;
  if (options.like) {
    if (parts.size() == 2) data.train = data.test;
    parts = {&data.train};
    data.has_targets = !data.train.targets().empty();
    if (const Shape& inputs = data.train.inputs().shape(); !data.has_targets && inputs.rank() > 0) {
      Shape shape = pattern.train.targets().shape();
      shape[0] = inputs[0];
      data.train.targets() = Array::zeros(shape, DType::f64);
    }
  }
  for (Dataset* part : parts) check_part(options, *part);
  for (const Dataset* part : parts)
    for (std::size_t k = 0; k < 2; ++k) {
      const Shape &train = pattern.train.arrays[k].second.shape(),
                  &other = part->arrays[k].second.shape();
      if (!std::equal(train.begin() + 1, train.end(), other.begin() + 1, other.end()))
        fail("data",
             "{}: shapes {} for training and {} for the test; expected equal shapes of examples",
             options.file, str(train), str(other));
    }
  if (!data.has_targets)
    data.class_names = pattern.class_names;
  else if (!options.regression)
    number_classes(options, parts, data.class_names);

  const auto all = [](const Dataset& part) {
    Rows rows(static_cast<std::size_t>(part.inputs().shape()[0]));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  };
  const Array classes = options.regression ? Array() : data.train.targets();
  Rows train = all(data.train), test, validation;
  if (options.like) {
    test = std::exchange(train, {});
  } else if (parts.size() == 2) {
    test = all(data.test);
  } else {
    std::tie(train, test) =
        set_aside(options.file, SetAside::test, train, classes, options.test_share, options.seed);
    data.test_rows = test;
  }
  if (options.validation_share > 0)
    std::tie(train, validation) = set_aside(options.file, SetAside::validation, train, classes,
                                            options.validation_share, options.seed);
  if (parts.size() == 1) data.test = data.train;
  if (!validation.empty()) data.validation = data.train;
  data.mean = pattern.mean;
  data.stddev = pattern.stddev;
  std::vector<double> target_mean = pattern.train.target_mean,
                      target_stddev = pattern.train.target_stddev;
  if (options.standardize && !options.like)
    std::tie(data.mean, data.stddev) = measured(data.train.inputs(), train);
  if (options.standardize_targets && options.regression && !options.like)
    std::tie(target_mean, target_stddev) = measured(data.train.targets(), train);
  const std::pair<Dataset*, const Rows*> taken[] = {
      {&data.train, &train}, {&data.test, &test}, {&data.validation, &validation}};
  for (const auto& [part, rows] : taken) {
    if (part->arrays.empty()) continue;
    part->name = fs::path(options.file).filename().string();
    part->classes = static_cast<int>(data.class_names.size());
    part->inputs() = selected(part->inputs(), *rows, options.dtype, data.mean, data.stddev);
    if (!target_mean.empty())
      part->targets_in_file = selected(part->targets(), *rows, DType::f64, {}, {});
    part->targets() = selected(part->targets(), *rows, options.regression ? DType::f64 : DType::i32,
                               target_mean, target_stddev);
    part->target_mean = target_mean;
    part->target_stddev = target_stddev;
    part->arrays[1].first = options.regression ? "targets" : "labels";
  }
  return data;
}

}  // namespace twice::experiments
