// Starting, talking to and ending another program.
#include "experiments/measure/subprocess.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "autodiff/array/error.h"
#include "experiments/run/stop.h"

extern char** environ;

namespace twice::experiments {

namespace {

/// Our variables with some replaced or added, as `NAME=value`.
std::vector<std::string> changed_environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string variable = *entry;
    if (!changes.contains(variable.substr(0, variable.find('=')))) result.push_back(variable);
  }
  for (const auto& [name, value] : changes) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Subprocess::Subprocess(std::vector<std::string> words,
                       const std::map<std::string, std::string>& environment) {
  // A socket rather than pipes: writing to one whose reader is gone need not raise SIGPIPE.
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    fail("start", "cannot start {}: {}", words[0], std::strerror(errno));
  socket_ = ends[0];

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors_.descriptor(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::vector<std::string> variables = changed_environment(environment);
  const int error = ::posix_spawnp(&child_, words[0].c_str(), &actions, &attributes,
                                   pointers(words).data(), pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) {
    ::close(socket_);
    fail("start", "cannot start {}: {}", words[0], std::strerror(error));
  }
}

Subprocess::~Subprocess() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);  // it keeps nothing that would have to be put in order
    wait();
  }
  ::close(socket_);
}

void Subprocess::write_line(std::string_view line) {
  std::string bytes(line);
  bytes += '\n';
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

std::optional<std::string> Subprocess::read_line() {
  constexpr int look_for_a_stop_ms = 100;
  for (;;) {
    if (const std::size_t end = received_.find('\n'); end != std::string::npos) {
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, look_for_a_stop_ms) <= 0) {
      if (stop_requested()) return std::nullopt;
      continue;
    }
    char part[1 << 14];
    const ssize_t count = ::read(socket_, part, sizeof(part));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    received_.append(part, static_cast<std::size_t>(count));
  }
}

int Subprocess::wait() {
  if (child_ <= 0) return 0;
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

double Subprocess::cpu_seconds() const {
  std::ifstream file(fmt::format("/proc/{}/stat", child_));
  std::string text;
  std::getline(file, text);
  // Fields 14 and 15 are user and system time; the second field, in brackets, may hold spaces.
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  double user = 0, system = 0;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace twice::experiments
