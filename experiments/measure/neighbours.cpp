// Forked processes that compute nothing of use.
#include "experiments/measure/neighbours.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "autodiff/array/error.h"

namespace twice::experiments {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds burst{3};

void compute() {
  volatile double x = 1;
  for (const auto end = Clock::now() + burst; Clock::now() < end;)
    for (int i = 0; i < 1000; ++i) x = x * 0.999 + 0.001;
}

void stream(std::vector<char>& from, std::vector<char>& to) {
  std::copy(from.begin(), from.end(), to.begin());
  from.swap(to);
}

/// Until the process that started us is gone.
void be_busy(const std::string& kind, pid_t parent) {
  const std::size_t bytes = kind == "memory" ? std::size_t{32} << 20 : 0;
  std::vector<char> from(bytes, 1), to(bytes);
  while (::getppid() == parent) {
    if (kind == "memory")
      stream(from, to);
    else
      compute();
    if (kind == "bursts") std::this_thread::sleep_for(burst);
  }
}

}  // namespace

const std::vector<std::string>& neighbour_kinds() {
  static const std::vector<std::string> kinds = {"cpu", "memory", "bursts"};
  return kinds;
}

Neighbours::Neighbours(int count, const std::string& kind) {
  const pid_t parent = ::getpid();
  for (int i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      // Out of the terminal's process group: Ctrl-C is for the parent, which then ends us.
      ::setpgid(0, 0);
      be_busy(kind, parent);
      ::_exit(0);
    }
    if (child < 0) {
      const int error = errno;
      end();
      fail("bench", "--neighbours: cannot start process {} of {}: {}", i + 1, count,
           std::strerror(error));
    }
    processes_.push_back(child);
  }
}

Neighbours::~Neighbours() { end(); }

void Neighbours::end() {
  for (const pid_t child : processes_) ::kill(child, SIGKILL);
  for (const pid_t child : processes_)
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace twice::experiments
