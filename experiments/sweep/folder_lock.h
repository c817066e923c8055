// One writer for a folder: a lock that dies with its process, however that ends.
#pragma once

#include <filesystem>
#include <string>

namespace twice {

/// Holds DIR/HOLDER.lock from its making to its end. The descriptor may be handed to child
/// processes: the lock is then held until the last of them has ended, so that nobody takes over a
/// folder into which an orphan still writes.
class FolderLock {
 public:
  /// Throws UsageError, with the holder's process id, when another process has it. That of one
  /// which was killed this very moment is waited for.
  /// `holder` is what the process does: `sweep`, `study`.
  explicit FolderLock(const std::filesystem::path& folder, const std::string& holder = "sweep");
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  int descriptor() const { return file_; }

 private:
  int file_ = -1;
};

}  // namespace twice
