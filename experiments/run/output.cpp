// Tests, locks and writes output folders and files.
#include "experiments/run/output.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>

#include "experiments/app/terminal.h"
#include "experiments/files/process.h"
#include "experiments/run/options.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

/// The file of a lock consists of slots. An exclusive holder locks the whole file and writes its
/// name into the first slot. A shared holder locks the first free slot and writes its name there.
/// The system reports which slot is locked, so the name in it is that of a current holder.
constexpr off_t slot = 128;

struct flock range(short type, off_t start, off_t length) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;  // 0: to the end, however long the file becomes
  return lock;
}

/// Opens the file of the folder's lock. O_DSYNC, because an NFS client may otherwise keep the name
/// for itself, or write the whole page around it.
Descriptor open_lock(const fs::path& folder) {
  const fs::path path = folder / lock_file;
  Descriptor file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_DSYNC | O_CLOEXEC, 0666));
  struct stat status, around;
  const bool opened = file.number() >= 0 && ::fstat(file.number(), &status) == 0;
  if (opened ? !S_ISREG(status.st_mode) || status.st_nlink > 1 : errno == ELOOP)
    fail("lock", "{} is a link, a pipe or a device; expected a file", path.string());
  if (!opened) fail("lock", "cannot open {}: {}", path.string(), std::strerror(errno));
  // Everyone who may write to the folder may lock it.
  if (status.st_size == 0 && ::stat(folder.c_str(), &around) == 0) {
    [[maybe_unused]] const int unsupported = ::fchmod(file.number(), around.st_mode & 0666);
  }
  return file;
}

/// The holder whose name is in the slot at `start`, such as "process 1234" or "process 1234 on
/// node7"; "another process" if it has not written its name yet.
std::string holder(const Descriptor& file, off_t start) {
  std::array<char, slot> bytes{};
  std::string process, number, on, host;
  if (::pread(file.number(), bytes.data(), bytes.size(), start) > 0)
    std::istringstream(std::string(bytes.begin(), bytes.end())) >> process >> number >> on >> host;
  if (process != "process" || number.empty() ||
      number.find_first_not_of("0123456789") != number.npos)
    return "another process";
  return "process " + number + (host.empty() || host == host_name() ? "" : " on " + host);
}

enum class Attempt { locked, refused, impossible };

/// Locks a part of the file.
Attempt set_lock(const Descriptor& file, off_t start, off_t length) {
  for (;;) {
    struct flock lock = range(F_WRLCK, start, length);
    if (::fcntl(file.number(), F_OFD_SETLK, &lock) == 0) return Attempt::locked;
    if (errno != EINTR)
      return errno == EAGAIN || errno == EACCES ? Attempt::refused : Attempt::impossible;
  }
}

/// Tries to lock the file, a shared holder from `start` on. After `locked`, `start` is the locked
/// slot. After `refused`, `other` is a current holder. After `impossible`, errno has the reason.
Attempt try_lock(const Descriptor& file, off_t& start, off_t length, std::string& other) {
  for (;;) {
    const Attempt attempt = set_lock(file, start, length);
    if (attempt == Attempt::impossible) return attempt;
    if (attempt == Attempt::locked) break;
    struct flock lock = range(F_WRLCK, start, length);
    if (::fcntl(file.number(), F_OFD_GETLK, &lock) != 0) return Attempt::impossible;
    const bool released = lock.l_type == F_UNLCK;  // in between; the caller tries again
    if (released || length == 0 || lock.l_len == 0) {
      other = released ? "another process" : holder(file, lock.l_start);
      return Attempt::refused;
    }
    start = lock.l_start + lock.l_len;
  }
  const std::string name =
      fmt::format("{:<{width}.{width}}\n", fmt::format("process {} on {}", ::getpid(), host_name()),
                  fmt::arg("width", slot - 1));
  // Without the name, the lock holds all the same.
  [[maybe_unused]] const ssize_t written = ::pwrite(file.number(), name.data(), name.size(), start);
  return Attempt::locked;
}

/// An environment variable of the processes that start after the warning.
constexpr const char* warned = "LOCK_WARNING_OF_TWICE";

/// Warns once in a process, and not in the processes that it starts.
void warn_of_locks(const fs::path& folder, const char* others, const std::string& reason) {
  if (std::getenv(warned)) return;
  ::setenv(warned, "1", 1);
  print_error(fmt::format("[lock] {} is not protected against other {} ({}): start each run once",
                          folder.string(), others, reason));
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

std::string reason_for_local_locks(std::istream& mounts, dev_t device) {
  static const std::map<std::string, std::set<std::string>> local = {
      {"nfs", {"nolock", "local_lock=all", "local_lock=posix"}},
      {"nfs4", {"nolock", "local_lock=all", "local_lock=posix"}},
      {"cifs", {"nobrl"}},
      {"smb3", {"nobrl"}},
      {"lustre", {"localflock"}},
      {"fuse.sshfs", {""}}};  // always
  const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
  // A line is "36 35 0:45 / /home rw shared:1 - nfs4 server:/home rw,vers=4.2,local_lock=none".
  for (std::string line; std::getline(mounts, line);) {
    const std::size_t dash = line.find(" - ");
    std::istringstream before(line), after(dash == line.npos ? "" : line.substr(dash + 3));
    std::string id, parent, number, type, source, options;
    before >> id >> parent >> number;
    after >> type >> source >> options;
    const auto known = local.find(type);
    if (number != wanted || known == local.end()) continue;
    if (known->second.contains("")) return type;
    std::istringstream list(options);
    for (std::string option; std::getline(list, option, ',');)
      if (known->second.contains(option)) return type + " with " + option;
  }
  return "";
}

FolderLock::FolderLock(const fs::path& folder, Kind kind)
    : folder_(folder), length_(kind == Kind::shared ? slot : 0) {
  constexpr int tries = 20;
  constexpr auto pause = std::chrono::milliseconds(50);
  std::string other;
  for (int i = 0;; ++i) {
    file_ = open_lock(folder);  // each time, because NFS shows the current names only after open
    start_ = 0;
    const Attempt attempt = try_lock(file_, start_, length_, other);
    if (attempt == Attempt::impossible) {
      warn_of_locks(folder, "processes", std::strerror(errno));
      return;
    }
    if (attempt == Attempt::locked) break;
    if (i == tries)
      throw UsageError(
          fmt::format("{} is in use by {}: two runs cannot write to one folder; wait for it or use "
                      "another --out",
                      folder.string(), other));
    std::this_thread::sleep_for(pause);
  }
  locked_ = true;
  refresh(folder);  // shows what the holder before wrote on another machine
  struct stat status;
  std::ifstream mounts("/proc/self/mountinfo");
  if (::fstat(file_.number(), &status) != 0) return;
  if (const std::string reason = reason_for_local_locks(mounts, status.st_dev); !reason.empty())
    warn_of_locks(folder, "machines", reason);
}

void FolderLock::check() const {
  if (locked_ && set_lock(file_, start_, length_) == Attempt::refused)
    fail("lock", "{} was locked by {} while this machine could not reach the file server",
         folder_.string(), holder(open_lock(folder_), start_));
}

}  // namespace twice::experiments
