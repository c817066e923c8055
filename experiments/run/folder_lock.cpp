// flock on a directory, and who has it.
#include "experiments/run/folder_lock.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "experiments/run/options.h"

namespace twice::experiments {

namespace {

/// The process that has locked the directory, as "process 1234"; "another process" where the system
/// does not tell.
std::string holder(const Descriptor& directory) {
  struct stat status;
  if (::fstat(directory.number(), &status) == 0) {
    const std::string place =
        fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
    // "1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF"; a second word "->" is one who waits.
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

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
  constexpr int tries = 20;
  constexpr auto pause = std::chrono::milliseconds(50);
  for (int i = 0;; ++i) {
    directory_ = Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory_.number() < 0)
      fail("lock", "cannot open {}: {}", folder.string(), std::strerror(errno));
    if (::flock(directory_.number(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    if (i == tries) break;
    std::this_thread::sleep_for(pause);
  }
  throw UsageError(
      fmt::format("{} is in use by {}: two cannot write into one folder; wait for it or use "
                  "another --out",
                  folder.string(), holder(directory_)));
}

}  // namespace twice::experiments
