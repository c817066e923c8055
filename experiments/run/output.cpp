// Tests, locks and writes output folders and files.
#include "experiments/run/output.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "experiments/app/terminal.h"
#include "experiments/run/options.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

/// The process that has locked the directory, as "process 1234", or "another process" if the system
/// does not report it.
std::string holder(const Descriptor& directory) {
  struct stat status;
  if (::fstat(directory.number(), &status) == 0) {
    const std::string place =
        fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
    // A line is "1: FLOCK ADVISORY WRITE 1234 fe:00:5678 0 EOF". If its second word is "->", it
    // stands for a process that waits.
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
      std::istringstream words(line);
      std::string number, type, strength, access, process, file;
      if (words >> number >> type >> strength >> access >> process >> file && type == "FLOCK" &&
          file == place)
        return "process " + process;
    }
  }
  return "another process";
}

/// Makes SIGINT and SIGTERM end the process at once, for calls that may block forever. A signal
/// that came earlier ends the process too. The destructor restores the handlers.
struct SignalsEndTheProcess {
  SignalsEndTheProcess() {
    if (stop_requested()) std::raise(stop_signal);
  }
  ~SignalsEndTheProcess() {
    std::signal(SIGINT, interrupt);
    std::signal(SIGTERM, terminate);
  }
  void (*interrupt)(int) = std::signal(SIGINT, SIG_DFL);
  void (*terminate)(int) = std::signal(SIGTERM, SIG_DFL);
};

}  // namespace

fs::path prepare_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder))
    fail("out", "cannot write to {}: {}", folder.string(),
         error ? error.message() : "it is not a folder");
  try {
    Temporary(folder, "twice-trial", Temporary::Kind::file).write("trial");
  } catch (const std::system_error& reason) {
    fail("out", "cannot write to {}: {}", folder.string(), reason.code().message());
  }
  return folder;
}

void prepare_file(const fs::path& file) {
  if (file.empty()) return;
  if (fs::is_directory(file)) fail("out", "{} is a folder, not a file", file.string());
  if (fs::exists(file) && !fs::is_regular_file(file)) return;  // a pipe or /dev/stdout
  prepare_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

void write_output(const fs::path& path, std::string_view bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status)) {
    const SignalsEndTheProcess while_it_blocks;
    write_directly(path, bytes);
  } else {
    const bool linked = fs::exists(status) && fs::is_symlink(fs::symlink_status(path, error));
    write_atomically(linked ? fs::canonical(path) : path, bytes);
  }
}

std::string record_text(const Json& record) { return record.dump(2) + "\n"; }

void write_json(const fs::path& file, const Json& record) {
  flush_output();  // the file may be the standard output
  write_output(file, record_text(record));
}

FolderLock::FolderLock(const fs::path& folder, Kind kind) {
  constexpr int tries = 20;
  constexpr auto pause = std::chrono::milliseconds(50);
  for (int i = 0;; ++i) {
    directory_ = Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory_.number() < 0)
      fail("lock", "cannot open {}: {}", folder.string(), std::strerror(errno));
    const int lock = kind == Kind::shared ? LOCK_SH : LOCK_EX;
    if (::flock(directory_.number(), lock | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    if (i == tries) break;
    std::this_thread::sleep_for(pause);
  }
  throw UsageError(
      fmt::format("{} is in use by {}: two runs cannot write to one folder; wait for it or use "
                  "another --out",
                  folder.string(), holder(directory_)));
}

}  // namespace twice::experiments
