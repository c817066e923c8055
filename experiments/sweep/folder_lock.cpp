// flock on a file that is never removed: removing it would let two processes lock two files of one
// name.
#include "experiments/sweep/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "experiments/files/atomic_file.h"
#include "experiments/run/options.h"

namespace twice {

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& holder) {
  const std::filesystem::path path = folder / (holder + ".lock");
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail("lock", "cannot open {}: {}", path.string(), std::strerror(errno));
  constexpr int tries = 20;
  constexpr auto pause = std::chrono::milliseconds(50);
  for (int i = 0; ::flock(file_, LOCK_EX | LOCK_NB) != 0; ++i) {
    const int error = errno;
    if (error == EWOULDBLOCK && i < tries) {
      std::this_thread::sleep_for(pause);
      continue;
    }
    ::close(file_);
    if (error != EWOULDBLOCK && error != EINTR)
      fail("lock", "cannot lock {}: {}", path.string(), std::strerror(error));
    std::string process = read_file(path);
    process.erase(process.find_last_not_of('\n') + 1);
    throw UsageError(
        fmt::format("{} is in use by another {} (process {}): two cannot write into "
                    "one folder; wait for it or use another --out",
                    folder.string(), holder, process));
  }
  const std::string id = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, id.data(), id.size(), 0) < 0) {
    // Only a message would have shown it.
  }
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace twice
