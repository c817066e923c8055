// Exclusive creation, and the removal of what killed processes left.
#include "experiments/files/temporary.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/random.h>

#include <cstdint>
#include <string_view>
#include <system_error>

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t digits = 16;
constexpr std::string_view ending = ".tmp";

[[noreturn]] void fail_with_errno() { throw std::system_error(errno, std::generic_category()); }

std::string prefix_of(const std::string& purpose) {
  // Names have at most 255 bytes.
  return "." + purpose.substr(0, 200) + ".";
}

std::string random_digits() {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof(number), 0) != sizeof(number))
    if (errno != EINTR) fail_with_errno();
  return fmt::format("{:0{}x}", number, digits);
}

bool is_ours(std::string_view name, std::string_view prefix) {
  return name.size() == prefix.size() + digits + ending.size() && name.starts_with(prefix) &&
         name.ends_with(ending) &&
         name.substr(prefix.size(), digits).find_first_not_of("0123456789abcdef") ==
             std::string_view::npos;
}

/// Waits for the lock of a file that has just been created; 0 or errno.
int lock(const Descriptor& file) {
  while (::flock(file.number(), LOCK_EX) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

/// Removes what a killed process left. What another process uses is locked; where files cannot be
/// locked at all, everything stays.
void remove_abandoned(const fs::path& folder, const std::string& prefix) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_ours(entry->path().filename().string(), prefix)) continue;
    std::error_code unknown;
    const fs::file_type type = entry->symlink_status(unknown).type();
    if (type != fs::file_type::regular && type != fs::file_type::directory) continue;
    const Descriptor found(
        ::open(entry->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status;
    if (::fstat(found.number(), &status) == 0 && status.st_uid == ::geteuid() &&
        ::flock(found.number(), LOCK_EX | LOCK_NB) == 0 && found.is_still(entry->path()))
      fs::remove_all(entry->path(), unknown);
  }
}

}  // namespace

Temporary::Temporary(const fs::path& folder, const std::string& purpose, Kind kind) {
  const std::string prefix = prefix_of(purpose);
  remove_abandoned(folder, prefix);
  for (;;) {
    path_ = folder / (prefix + random_digits() + std::string(ending));
    if (kind == Kind::file) {
      opened_ = Descriptor(
          ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    } else if (::mkdir(path_.c_str(), 0777) == 0) {
      opened_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (opened_.number() < 0 && errno == ENOENT) continue;  // as below
    }
    if (opened_.number() < 0) {
      if (errno == EEXIST) continue;
      fail_with_errno();
    }
    // Between its creation and its lock another process may have taken it for an abandoned one.
    if (lock(opened_) != 0 || opened_.is_still(path_)) return;
  }
}

Temporary::~Temporary() {
  std::error_code ignored;
  if (!kept_) fs::remove_all(path_, ignored);
}

}  // namespace twice::experiments
