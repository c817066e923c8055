// The folders and files that a command writes to. They are created and tested before the work
// starts, so that a command does not fail after an hour because it cannot write. A folder is locked
// by one process at a time.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <iosfwd>
#include <string>
#include <string_view>

#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// Creates the folder (with its parents) and writes and removes a small file in it. Throws
/// `[out] cannot write to PATH: reason`.
std::filesystem::path prepare_folder(const std::filesystem::path& folder);

/// The same test for a file that is written at the end. "" means no file.
void prepare_file(const std::filesystem::path& file);

/// Writes to a path that the user gave. A symbolic link is followed, and its target is replaced
/// atomically. A pipe or device must not be replaced by a rename, so it is written directly. While
/// that write blocks, the first SIGINT or SIGTERM ends the process. (Names in the folders of twice
/// can be guessed, so `write_atomically` follows no links there.)
void write_output(const std::filesystem::path& path, std::string_view bytes);

/// A record as indented text. NaN and infinities become null.
std::string record_text(const Json& record);

/// `write_output` of a record.
void write_json(const std::filesystem::path& file, const Json& record);

/// Locks a folder until the object is destroyed. Another FolderLock on the same folder fails,
/// unless both are shared. The lock is on the hidden file `.twice-lock` in the folder, which stays
/// there. A network file system such as NFS passes it to the server, so it holds between machines,
/// the server included. The lock belongs to the open descriptor: child processes may inherit it,
/// and it then lasts until the last of them has ended, so no other process takes over a folder to
/// which an orphan still writes. The system releases the lock when these processes end.
///
/// If the lock cannot hold between machines (NFS mounted with `nolock`, no locks at all), one line
/// on stderr says so, and the process goes on. The processes that it starts do not repeat the line.
class FolderLock {
 public:
  /// If another process has locked the folder, throws UsageError with its process id, and its host
  /// if that is another one. Before that it waits briefly, because the other process may be about
  /// to end.
  enum class Kind { exclusive, shared };
  explicit FolderLock(const std::filesystem::path& folder, Kind kind = Kind::exclusive);
  int descriptor() const { return file_.number(); }
  const std::filesystem::path& folder() const { return folder_; }

  /// Throws if another process has taken the lock since. An NFS server gives the locks of a machine
  /// to others after it could not reach the machine for some time. If no other process has taken
  /// the lock, takes it again.
  void check() const;

 private:
  std::filesystem::path folder_;
  Descriptor file_;
  off_t start_ = 0, length_ = 0;  ///< the locked part of the file; length 0: to its end
  bool locked_ = false;           ///< false if the file system has no locks
};

/// The name of the lock's file.
inline constexpr const char* lock_file = ".twice-lock";

/// The reason why locks on the file system of this device (`st_dev` of its files) hold on this
/// machine only, such as "nfs with local_lock=all". Empty if locks reach the other machines, if no
/// other machine has this file system, and for file systems that the function does not list.
/// `mounts` has the format of /proc/self/mountinfo.
std::string reason_for_local_locks(std::istream& mounts, dev_t device);

}  // namespace twice::experiments
