// Hardware counters of this process, where the system has them: cycles, instructions, cache misses.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace twice::experiments {

class Counters {
 public:
  /// As of Linux's perf_event_open.
  struct Event {
    std::string name;
    std::uint32_t type;
    std::uint64_t config;
  };
  /// `cycles`, `instructions` and `cache_misses` (of the last cache), outside of the kernel.
  static std::vector<Event> hardware();

  /// Counts in the threads that this process has now, from now on. An event that the system refuses
  /// (a virtual machine has none, a container may not read them) is left out.
  explicit Counters(const std::vector<Event>& events = hardware());
  ~Counters();
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  /// The counts so far, by name. A counter that shared its place with others is scaled by the share
  /// of the time in which it counted.
  std::map<std::string, double> read() const;

 private:
  struct Open {
    std::string name;
    int file;
  };
  std::vector<Open> open_;
};

}  // namespace twice::experiments
