// Another program that answers lines with lines: the peer of a race, or this program once more,
// where a measurement wants a process of its own.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/run/error_file.h"

namespace twice::experiments {

/// A program that runs until it ends or this handle does. Its stdin and stdout are connected to us;
/// what it writes to stderr is kept. It is not in the terminal's process group, so that Ctrl-C
/// reaches only us, who then stop it.
class Subprocess {
 public:
  /// Starts words[0], found in PATH unless it holds a slash, with `environment` in addition to (or
  /// in place of) our own variables. Throws when it cannot be started.
  explicit Subprocess(std::vector<std::string> words,
                      const std::map<std::string, std::string>& environment = {});
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  /// Sends a line, to which no line break may belong. That nobody reads it any more is found out by
  /// the next read_line.
  void write_line(std::string_view line);
  /// The next line, without its end; nothing when the program has ended, or when a stop was
  /// requested (run/stop.h).
  std::optional<std::string> read_line();
  /// Waits for the end of a program whose stdout has ended: its exit status, or minus the number of
  /// the signal that ended it.
  int wait();
  /// The last line on its stderr that is not blank.
  std::string last_error() const { return errors_.last_line(); }
  /// Processor time that it has used, in seconds.
  double cpu_seconds() const;

 private:
  pid_t child_ = -1;
  int socket_ = -1;  ///< our end
  ErrorFile errors_;
  std::string received_;
};

}  // namespace twice::experiments
