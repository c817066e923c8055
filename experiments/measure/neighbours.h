// Other work beside a measurement, so that anyone can see what sharing the machine costs.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace twice::experiments {

/// What a neighbour does: "cpu" computes without a pause, "memory" reads and writes 64 MiB without
/// a pause, "bursts" computes for 3 ms and then sleeps for 3 ms.
const std::vector<std::string>& neighbour_kinds();

/// Processes of our own priority that are busy until this object ends; they end, too, when this
/// process does.
class Neighbours {
 public:
  /// Throws when a process cannot be started.
  Neighbours(int count, const std::string& kind);
  ~Neighbours();
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

 private:
  void end();

  std::vector<pid_t> processes_;
};

}  // namespace twice::experiments
