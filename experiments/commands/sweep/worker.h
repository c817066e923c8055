// One run of a sweep, in a process of its own: what kills it (a crash, the system out of memory)
// does not reach the others.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "experiments/run/error_file.h"

namespace twice::experiments {

/// This program once more. It is not in the terminal's process group, so that Ctrl-C reaches only
/// us; it is killed when we die, however that happens; its output is dropped and its stderr kept.
class Worker {
 public:
  /// Starts `twice ARGUMENTS`; to be called on the main thread, whose death is the one that kills
  /// it. `inherited` is a descriptor that stays open in it.
  Worker(std::vector<std::string> arguments, int inherited);
  /// Kills it when it still runs.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Its exit status, or minus the number of the signal that ended it; nothing while it runs.
  std::optional<int> poll();
  /// Asks it to stop at the next step and leave a checkpoint.
  void stop();
  /// The last line on its stderr that is not blank.
  std::string last_error() const { return errors_.last_line(); }

 private:
  pid_t child_ = -1;
  std::optional<int> status_;
  ErrorFile errors_;
};

}  // namespace twice::experiments
