// What tests of files share: a folder of the test's own, gone when it ends, and a look at the
// error that something throws.
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

  /// The names of what is in it.
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

/// A message for people: one line that names the file.
inline bool names(const std::string& message, const std::filesystem::path& path) {
  return contains(message, path.string()) && !contains(message, "\n");
}

}  // namespace twice
