// What a child process writes to stderr, kept in memory for the one line that says why it ended.
#pragma once

#include <string>

namespace twice::experiments {

/// A file without a name, gone with its last descriptor. Ours is closed when another program is
/// started; the child gets it by dup2.
class ErrorFile {
 public:
  ErrorFile();
  ~ErrorFile();
  ErrorFile(const ErrorFile&) = delete;
  ErrorFile& operator=(const ErrorFile&) = delete;

  int descriptor() const { return file_; }
  /// The last line in it that is not blank, "" when there is none.
  std::string last_line() const;

 private:
  int file_;
};

}  // namespace twice::experiments
