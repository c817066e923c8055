// Reads the description of the machine from /proc, /sys and the build.
#include "experiments/run/machine.h"

#include <fmt/chrono.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <ctime>
#include <fstream>

#include "autodiff/kernels/blas.h"
#include "autodiff/kernels/cpu.h"
#include "autodiff/kernels/gemm.h"
#include "autodiff/threads/threads.h"
#include "experiments/app/command_line.h"
#include "experiments/app/terminal.h"
#include "experiments/files/json.h"
#include "experiments/files/process.h"
#include "twice_commit.h"

namespace twice::experiments {

namespace {

/// The text after `key :` or `KEY=` in a file of such lines.
std::string field(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t start = line.find_first_of(":=");
    if (start == std::string::npos) continue;
    const std::size_t first = line.find_first_not_of(" \"", start + 1);
    const std::size_t last = line.find_last_not_of(" \"");
    return first == std::string::npos ? "" : line.substr(first, last - first + 1);
  }
  return "unknown";
}

Json origin_record() {
  Json environment = Json::object();
  for (char** line = environ; line && *line; ++line) {
    const std::string_view entry = *line, name = entry.substr(0, entry.find('='));
    for (const char* first : {"OMP_", "GOMP_", "OPENBLAS_", "MKL_", "TWICE_"})
      if (name.starts_with(first) && name.size() < entry.size())
        environment[std::string(name)] = printable(entry.substr(name.size() + 1));
  }
  const std::string commit = TWICE_COMMIT;
  return {{"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
          {"host", host_name()},
          {"commit", commit.empty() ? Json() : Json(commit)},
          {"changed", commit.empty() ? Json() : Json(TWICE_CHANGED)},
          {"command_line", command_text()},
          {"environment", std::move(environment)}};
}

}  // namespace

double memory_bytes() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

Json machine_record() {
  utsname system{};
  uname(&system);
#if defined(__clang__)
  const std::string compiler = "clang " __clang_version__;
#else
  const std::string compiler = "g++ " __VERSION__;
#endif
  return {{"cpu", field("/proc/cpuinfo", "model name")},
          {"architecture", system.machine},
          {"cores", processors()},
          {"threads", threads()},
          {"memory_gib", std::round(memory_bytes() / (1 << 30) * 10) / 10},
          {"os", field("/etc/os-release", "PRETTY_NAME")},
          {"compiler", compiler},
          {"flags", TWICE_FLAGS},
          {"kernels", str(cpu())},
          {"products", kernel::gemm_kernel()},
          {"blas", kernel::blas_description()}};
}

Json caches_record() {
  Json caches = Json::array();
  for (int index = 0;; ++index) {
    const auto read = [&](const char* name) {
      std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/{}", index, name));
      std::string line;
      std::getline(file >> std::ws, line);
      return line;
    };
    const std::string level = read("level"), size = read("size");
    if (level.empty() || size.empty()) return caches;
    int sharing = 0;  // the bits of a hexadecimal mask
    for (char digit : read("shared_cpu_map"))
      if (std::isxdigit(static_cast<unsigned char>(digit)))
        sharing +=
            std::popcount(static_cast<unsigned>(std::stoi(std::string(1, digit), nullptr, 16)));
    const long unit = size.back() == 'K' ? 1 << 10 : size.back() == 'M' ? 1 << 20 : 1;
    caches.push_back({{"level", std::stoi(level)},
                      {"type", read("type")},
                      {"bytes", std::stol(size) * unit},
                      {"shared_by", sharing}});
  }
}

Json team_record(const TeamUse& use) {
  return {{"shared_tiles", use.tiles},
          {"helper_share", static_cast<double>(use.by_helpers) /
                               static_cast<double>(std::max<std::int64_t>(use.tiles, 1))},
          {"put_aside", use.put_aside}};
}

Json record_header(const std::string& command) {
  return {{"command", command},
          {"version", TWICE_VERSION},
          {"origin", origin_record()},
          {"machine", machine_record()}};
}

}  // namespace twice::experiments
