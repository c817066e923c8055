// The folders and files that a command writes to: made and tried before the work starts, so that an
// unwritable one is not found out after an hour, and held by one process.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// Creates the folder (with its parents) and writes and removes a small file in it. Throws
/// `[out] cannot write to PATH: reason`.
std::filesystem::path prepare_folder(const std::filesystem::path& folder);

/// The same test for a file that will be written at the end; "" is allowed and means none.
void prepare_file(const std::filesystem::path& file);

/// Writes to a path that the user gave. A symbolic link is followed: the file that it leads to is
/// replaced atomically. A pipe or device, which no rename may replace, is written directly; while
/// it blocks, the first SIGINT or SIGTERM ends the process. (In a folder of ours names can be
/// guessed, so there `write_atomically` follows nothing.)
void write_output(const std::filesystem::path& path, std::string_view bytes);

/// A record as the text of a file: indented; NaN and infinities are null.
std::string record_text(const Json& record);

/// `write_output` of a record.
void write_json(const std::filesystem::path& file, const Json& record);

/// Holds a folder while it lives; another FolderLock on the same folder fails. The lock dies with
/// its process, however that ends. It is on the directory itself and needs no lock file. The
/// descriptor may be passed on to child processes: the lock is then held until the last of them has
/// ended, so a folder into which an orphan still writes is not taken over.
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
