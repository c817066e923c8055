// How much processor time a container may use.
#pragma once

#include <filesystem>

namespace twice {

/// Seconds of processor time for each second, by the control groups (version 1 or 2) that this
/// process is in; infinite when none limits it. `root`: where /proc and /sys are.
/// Source: Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst of Linux.
double cpu_quota(const std::filesystem::path& root = "/");

}  // namespace twice
