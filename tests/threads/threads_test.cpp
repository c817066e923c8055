// Tests the number of threads, and the CPU quota of a container.
#include "autodiff/threads/threads.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "autodiff/threads/cpu_quota.h"
#include "tests/experiments/scratch_folder.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// The quota with these files in /proc and /sys.
double quota_with(const std::map<std::string, std::string>& files) {
  const ScratchFolder root;
  for (const auto& [name, text] : files) {
    const std::filesystem::path path = root.path / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  return cpu_quota(root.path);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(number_of_threads)

BOOST_AUTO_TEST_CASE(number_of_threads_is_at_least_one_and_can_be_set) {
  const int before = threads();
  for (const int count : {1, 3, 8}) {
    const Threads with(count);
    BOOST_TEST(threads() == count);
  }
  set_threads(0);
  BOOST_TEST(threads() == 1);
  set_threads(before);
  BOOST_TEST(threads() == before);
  BOOST_TEST(processors() >= 1);
  BOOST_TEST(allowed_threads() >= 1);
  BOOST_TEST(allowed_threads() <= processors());
}

BOOST_AUTO_TEST_CASE(quota_of_control_groups_version_2) {
  const std::string of = "proc/self/cgroup", mount = "sys/fs/cgroup";
  BOOST_TEST(std::isinf(quota_with({})));
  BOOST_TEST(std::isinf(quota_with({{of, "0::/a\n"}, {mount + "/a/cpu.max", "max 100000\n"}})));
  BOOST_TEST(quota_with({{of, "0::/a\n"}, {mount + "/a/cpu.max", "150000 100000\n"}}) == 1.5);
  // The quota is the smallest of a group and the groups around it.
  BOOST_TEST(quota_with({{of, "0::/a/b\n"},
                         {mount + "/a/cpu.max", "100000 100000\n"},
                         {mount + "/a/b/cpu.max", "400000 100000\n"}}) == 1);
  // Inside a container the path of the group may be the host's.
  BOOST_TEST(quota_with({{of, "0::/docker/1f\n"}, {mount + "/cpu.max", "50000 100000\n"}}) == 0.5);
}

BOOST_AUTO_TEST_CASE(quota_of_control_groups_version_1) {
  const std::string of = "proc/self/cgroup", cpu = "sys/fs/cgroup/cpu,cpuacct/";
  const std::string groups = "5:memory:/x\n4:cpu,cpuacct:/x\n1:cpuset:/\n0::/\n";
  const auto files = [&](const std::string& group, const std::string& quota) {
    return std::map<std::string, std::string>{{of, groups},
                                              {cpu + group + "cpu.cfs_quota_us", quota},
                                              {cpu + group + "cpu.cfs_period_us", "100000\n"}};
  };
  BOOST_TEST(std::isinf(quota_with(files("x/", "-1\n"))));
  BOOST_TEST(quota_with(files("x/", "250000\n")) == 2.5);
  BOOST_TEST(quota_with(files("", "250000\n")) == 2.5);
  // The group of the memory controller is not that of the CPU controller.
  BOOST_TEST(std::isinf(quota_with({{of, "5:memory:/x\n"},
                                    {"sys/fs/cgroup/memory/x/cpu.cfs_quota_us", "1\n"},
                                    {"sys/fs/cgroup/memory/x/cpu.cfs_period_us", "1\n"}})));
}

BOOST_AUTO_TEST_SUITE_END()
