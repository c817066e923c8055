// fork and exec of this program. posix_spawn would be shorter, but only the child itself can ask to
// be killed with its parent.
//
// Until exec the child has our signal handlers, and what they note is lost at exec: a SIGTERM in
// that moment would stop nothing. So signals wait from before fork until the child has none but the
// default handlers.
#include "experiments/commands/sweep/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "autodiff/array/error.h"

extern char** environ;

namespace twice::experiments {

namespace {

/// Our variables without those that tie threads to cores: all workers would be tied to the same
/// ones.
std::vector<char*> unbound_environment() {
  std::vector<char*> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view variable = *entry;
    if (!variable.starts_with("OMP_PROC_BIND=") && !variable.starts_with("OMP_PLACES=") &&
        !variable.starts_with("GOMP_CPU_AFFINITY="))
      result.push_back(*entry);
  }
  result.push_back(nullptr);
  return result;
}

}  // namespace

Worker::Worker(std::vector<std::string> arguments, int inherited) {
  std::vector<char*> words;
  std::string program = "twice";
  words.push_back(program.data());
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const std::vector<char*> environment = unbound_environment();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t parent = ::getpid();
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  child_ = ::fork();
  if (child_ < 0) {
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::close(null);
    fail("start", "cannot start a run: {}", std::strerror(error));
  }
  if (child_ == 0) {
    // Between fork and exec of a program with threads only system calls are safe.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it died before we asked
    ::setpgid(0, 0);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(errors_.descriptor(), STDERR_FILENO);
    ::fcntl(inherited, F_SETFD, 0);
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::execve("/proc/self/exe", words.data(), environment.data());
    ::_exit(127);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(null);
}

Worker::~Worker() {
  if (!status_) {
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

std::optional<int> Worker::poll() {
  int status = 0;
  if (!status_ && ::waitpid(child_, &status, WNOHANG) == child_)
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return status_;
}

void Worker::stop() {
  if (!status_) ::kill(child_, SIGTERM);
}

}  // namespace twice::experiments
