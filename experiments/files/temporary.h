// Temporary files and folders with names that cannot be guessed, so that no other user can put a
// link, a pipe or a file in their place beforehand.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/files/descriptor.h"

namespace twice::experiments {

/// A new file or folder FOLDER/.PURPOSE.XXXXXXXXXXXXXXXX.tmp with 16 random digits and the
/// permissions that the umask leaves to any other new one. It is removed at the end. A process that
/// is killed leaves it behind; the next Temporary of the same folder and purpose then removes it. A
/// lock, which dies with its process, tells it from one that is in use.
class Temporary {
 public:
  enum class Kind { file, folder };

  /// Throws std::system_error when the folder is missing or cannot be written.
  Temporary(const std::filesystem::path& folder, const std::string& purpose, Kind kind);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// The open file; of a folder, its open directory.
  int descriptor() const { return opened_.number(); }
  /// It has been renamed and is no longer temporary.
  void keep() { kept_ = true; }

 private:
  std::filesystem::path path_;
  Descriptor opened_;
  bool kept_ = false;
};

}  // namespace twice::experiments
