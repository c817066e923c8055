// One process writes into a folder: a lock that dies with its process, however that ends.
#pragma once

#include <filesystem>

#include "experiments/files/descriptor.h"

namespace twice {

/// Holds a folder from its making to its end, against every other command that holds it. The lock
/// is on the directory itself, so there is no file of it. The descriptor may be handed to child
/// processes: the lock is then held until the last of them has ended, so that nobody takes over a
/// folder into which an orphan still writes.
class FolderLock {
 public:
  /// Throws UsageError, with the holder's process id, when another process has the folder. That of
  /// one which was killed this very moment is waited for. A file system that has no locks leaves
  /// the folder unprotected.
  explicit FolderLock(const std::filesystem::path& folder);
  int descriptor() const { return directory_.number(); }

 private:
  Descriptor directory_;
};

}  // namespace twice
