// One process writes into a folder: a lock that dies with its process, however that ends.
#pragma once

#include <filesystem>

#include "experiments/files/descriptor.h"

namespace twice::experiments {

/// Holds a folder while it lives; another FolderLock on the same folder fails. The lock is on the
/// directory itself and needs no lock file. The descriptor may be passed on to child processes: the
/// lock is then held until the last of them has ended, so a folder into which an orphan still
/// writes is not taken over.
class FolderLock {
 public:
  /// Throws UsageError, with the holder's process id, when another process has the folder. Waits
  /// briefly for a holder that is being killed. On a file system without locks the folder is
  /// unprotected.
  explicit FolderLock(const std::filesystem::path& folder);
  int descriptor() const { return directory_.number(); }

 private:
  Descriptor directory_;
};

}  // namespace twice::experiments
