// The processor time that a container may use.
#pragma once

#include <filesystem>

namespace twice {

/// Seconds of processor time per second that the control groups (version 1 or 2) of this process
/// allow; infinite if there is no limit. `root` is the directory that contains /proc and /sys.
/// Source: Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst of Linux.
double cpu_quota(const std::filesystem::path& root = "/");

}  // namespace twice
