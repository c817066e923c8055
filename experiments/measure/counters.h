// Reads the hardware counters of this process, if the system has them: cycles, instructions and
// cache misses.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace twice::experiments {

class Counters {
 public:
  /// An event of Linux's perf_event_open.
  struct Event {
    std::string name;
    std::uint32_t type;
    std::uint64_t config;
  };
  /// `cycles`, `instructions` and `cache_misses` (of the last cache), without those in the kernel.
  static std::vector<Event> hardware();

  /// Starts to count in the threads that this process has now. An event that the system refuses is
  /// left out: a virtual machine has no counters, and a container may not read them.
  explicit Counters(const std::vector<Event>& events = hardware());
  ~Counters();
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  /// The counts so far, by name. A counter that had to share its hardware with others is scaled up:
  /// its count is divided by the share of the time in which it counted.
  std::map<std::string, double> read() const;

 private:
  /// The names and file descriptors of the open counters.
  std::vector<std::pair<std::string, int>> open_;
};

}  // namespace twice::experiments
