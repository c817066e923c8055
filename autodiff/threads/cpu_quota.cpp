// Reads the files of Linux control groups.
#include "autodiff/threads/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace twice {

namespace {

namespace fs = std::filesystem;

constexpr double unlimited = std::numeric_limits<double>::infinity();

double ratio(double quota, double period) {
  return quota > 0 && period > 0 ? quota / period : unlimited;
}

/// The quota of one group. Version 2 has one file, with "150000 100000" or "max 100000". Version 1
/// has two files with one number each; a quota of -1 means no limit.
double quota_of(const fs::path& group) {
  double quota = 0, period = 0, least = unlimited;
  if (std::ifstream(group / "cpu.max") >> quota >> period) least = ratio(quota, period);
  if (std::ifstream(group / "cpu.cfs_quota_us") >> quota &&
      std::ifstream(group / "cpu.cfs_period_us") >> period)
    least = std::min(least, ratio(quota, period));
  return least;
}

/// The smallest quota of a group and its parents, up to `mount`. A container that cannot see the
/// path sees only the mount, which is its own group.
double least_quota(const fs::path& mount, fs::path group) {
  double least = quota_of(mount);
  for (group = group.relative_path(); !group.empty(); group = group.parent_path())
    least = std::min(least, quota_of(mount / group));
  return least;
}

}  // namespace

double cpu_quota(const fs::path& root) {
  double least = unlimited;
  // Lines look like 0::/user.slice or 4:cpu,cpuacct:/docker/1f2e
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path mounts = root / "sys/fs/cgroup", group = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min({least, least_quota(mounts, group), least_quota(mounts / "unified", group)});
      continue;
    }
    std::istringstream list(controllers);
    for (std::string controller; std::getline(list, controller, ',');)
      if (controller == "cpu")
        least = std::min(
            {least, least_quota(mounts / controllers, group), least_quota(mounts / "cpu", group)});
  }
  return least;
}

}  // namespace twice
