// Starts a program in a child process and handles failures.
#include "experiments/files/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <cstring>
#include <ctime>
#include <sstream>

extern char** environ;

namespace twice::experiments {

namespace {

std::vector<std::string> changed_environment(
    const std::map<std::string, std::optional<std::string>>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string variable = *entry;
    if (!changes.contains(variable.substr(0, variable.find('=')))) result.push_back(variable);
  }
  for (const auto& [name, value] : changes)
    if (value) result.push_back(name + "=" + *value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

/// A file in memory, which is deleted when it is closed. Unlike a pipe, a file blocks no writer.
Descriptor memory_file(std::string_view bytes = "") {
  Descriptor file(::memfd_create("twice", MFD_CLOEXEC));
  const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size()))
    fail("start", "no memory for a program's input: {}", std::strerror(errno));
  ::lseek(file.number(), 0, SEEK_SET);
  return file;
}

/// The code that the child process runs before it becomes another program. Until then the child
/// shares our memory, so it only makes system calls.
struct Start {
  char *const *arguments, *const *environment;
  const char* folder;
  int input, output, errors, inherited;
  bool own_group;
  pid_t parent;
  sigset_t signals;
  volatile int error = 0;

  [[noreturn]] void run() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // the parent ended before prctl
    if (own_group) ::setpgid(0, 0);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    if (inherited >= 0) ::fcntl(inherited, F_SETFD, 0);
    ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
    if (::chdir(folder) == 0) ::execvpe(arguments[0], arguments, environment);
    error = errno;
    ::_exit(127);
  }
};

/// Starts the child without a copy of our memory, as posix_spawn does. Signals are blocked until
/// the child has none of our handlers.
pid_t start_child(Start& start) {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &start.signals);
  const pid_t child = ::vfork();
  if (child == 0) start.run();
  if (child < 0) start.error = errno;
  ::pthread_sigmask(SIG_SETMASK, &start.signals, nullptr);
  return child;
}

}  // namespace

CannotStart::CannotStart(const std::string& program, int number)
    : Error(fmt::format("[start] cannot start {}: {}", program, std::strerror(number))),
      reason(number) {}

Process::Process(std::vector<std::string> words, const ProcessOptions& options)
    : own_group_(options.own_group), errors_(memory_file()) {
  // A socket, not pipes: with MSG_NOSIGNAL, a write without a reader does not raise SIGPIPE.
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw CannotStart(words[0], errno);
  socket_ = Descriptor(ends[0]);
  const Descriptor theirs(ends[1]),
      input = options.input ? memory_file(*options.input) : Descriptor(),
      null(options.drop_output ? ::open("/dev/null", O_RDWR | O_CLOEXEC) : -1);
  const int output = options.drop_output ? null.number() : theirs.number();
  std::vector<std::string> variables = changed_environment(options.environment);
  const std::vector<char*> arguments = pointers(words), environment = pointers(variables);
  Start start{arguments.data(),
              environment.data(),
              options.folder.c_str(),
              options.input ? input.number() : output,
              output,
              errors_.number(),
              options.inherited,
              own_group_,
              ::getpid(),
              {}};
  child_ = start_child(start);
  if (start.error == 0) return;
  if (child_ > 0) wait();
  throw CannotStart(words[0], start.error);
}

Process::~Process() {
  signal(SIGKILL);
  wait();
}

void Process::signal(int number) {
  if (!status_) ::kill(own_group_ ? -child_ : child_, number);
}

void Process::stop() { signal(SIGTERM); }

void Process::write_line(std::string_view line) {
  const std::string bytes = std::string(line) + '\n';
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count =
        ::send(socket_.number(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) return;
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
}

/// Waits for more output. Returns false at the end of the output, or if `give_up` returns true.
bool Process::receive(const GiveUp& give_up) {
  constexpr int look_ms = 100;
  for (;;) {
    pollfd ready{socket_.number(), POLLIN, 0};
    if (::poll(&ready, 1, look_ms) <= 0) {
      if (give_up && give_up()) return false;
      continue;
    }
    char part[1 << 14];
    const ssize_t count = ::read(socket_.number(), part, sizeof(part));
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) received_.append(part, static_cast<std::size_t>(count));
    return count > 0;
  }
}

std::optional<std::string> Process::read_line(const GiveUp& give_up) {
  std::size_t end;
  while ((end = received_.find('\n')) == std::string::npos)
    if (!receive(give_up)) return std::nullopt;
  const std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return line;
}

std::string Process::read_all(const GiveUp& give_up) {
  while (receive(give_up)) {
  }
  return std::exchange(received_, "");
}

std::optional<int> Process::poll() {
  if (status_) return status_;
  int status = 0;
  const pid_t ended = ::waitpid(child_, &status, WNOHANG);
  // If the program that started twice ignores SIGCHLD, the system keeps no status.
  if (ended == child_ || (ended < 0 && errno == ECHILD))
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return status_;
}

int Process::wait() {
  siginfo_t unused;
  while (!poll()) ::waitid(P_PID, static_cast<id_t>(child_), &unused, WEXITED | WNOWAIT);
  return *status_;
}

std::string Process::errors() const {
  const off_t size = ::lseek(errors_.number(), 0, SEEK_END);
  std::string text(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  if (::pread(errors_.number(), text.data(), text.size(), 0) < 0) text.clear();
  return text;
}

std::string Process::ending() const {
  const int status = status_.value_or(0);
  const std::string reason = last_line(errors());
  return fmt::format("{} {}: {}", status < 0 ? "signal" : "status", std::abs(status),
                     reason.empty() ? "no reason given" : reason);
}

double Process::cpu_seconds() const {
  clockid_t clock;
  timespec used{};
  if (::clock_getcpuclockid(child_, &clock) == 0) ::clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

std::string host_name() {
  utsname system{};
  ::uname(&system);
  return system.nodename;
}

std::string last_line(const std::string& text) {
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  return last;
}

}  // namespace twice::experiments
