// Shared by tests of files: a folder that is removed at the end of a test, and checks of error
// messages.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/ops/helpers.h"

namespace twice {

struct ScratchFolder {
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "twice-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) fail("test", "cannot make a folder like {}", name);
    path = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  /// The names of the folder's entries.
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      names.push_back(entry.path().filename());
    return names;
  }

  std::filesystem::path path;
};

using testing::error_of;

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// True if the message is one line and names the file.
inline bool names(const std::string& message, const std::filesystem::path& path) {
  return contains(message, path.string()) && !contains(message, "\n");
}

}  // namespace twice
