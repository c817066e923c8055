// One writer for a folder: a lock that dies with its process, however that ends.
#pragma once

#include <filesystem>

namespace twice {

/// Holds DIR/sweep.lock from its making to its end. The descriptor may be handed to child
/// processes: the lock is then held until the last of them has ended, so that nobody takes over a
/// folder into which an orphan still writes.
class FolderLock {
 public:
  /// Throws UsageError, with the holder's process id, when another process has it. That of a sweep
  /// which was killed this very moment is waited for.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  int descriptor() const { return file_; }

 private:
  int file_ = -1;
};

}  // namespace twice
