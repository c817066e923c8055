// Opens a counter for each event and thread with perf_event_open.
#include "experiments/measure/counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace twice::experiments {

std::vector<Counters::Event> Counters::hardware() {
  return {{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
          {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
          {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES}};
}

Counters::Counters(const std::vector<Event>& events) {
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error))
    for (const Event& event : events) {
      perf_event_attr attributes{};
      attributes.size = sizeof attributes;
      attributes.type = event.type;
      attributes.config = event.config;
      attributes.exclude_kernel = attributes.exclude_hv = 1;
      attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
      const long file =
          ::syscall(SYS_perf_event_open, &attributes, std::stoi(thread.path().filename().string()),
                    -1, -1, PERF_FLAG_FD_CLOEXEC);
      if (file >= 0) open_.emplace_back(event.name, static_cast<int>(file));
    }
}

Counters::~Counters() {
  for (const auto& [name, file] : open_) ::close(file);
}

std::map<std::string, double> Counters::read() const {
  std::map<std::string, double> counts;
  for (const auto& [name, file] : open_) {
    std::array<std::uint64_t, 3> value{};  // the count, the time enabled, the time running
    if (::read(file, value.data(), sizeof value) != sizeof value || value[2] == 0) continue;
    counts[name] += static_cast<double>(value[0]) * static_cast<double>(value[1]) /
                    static_cast<double>(value[2]);
  }
  return counts;
}

}  // namespace twice::experiments
