// Starts other programs as child processes, exchanges lines with them, and ends them. Names this
// machine, on which they run.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"

namespace twice::experiments {

struct ProcessOptions {
  /// Environment variables to set. A variable without a value is removed.
  std::map<std::string, std::optional<std::string>> environment = {};
  std::filesystem::path folder = ".";
  /// The whole stdin of the process. If it is not set, `write_line` writes to stdin.
  std::optional<std::string> input = {};
  bool drop_output = false;
  /// If false, the process stays in the terminal's process group, and Ctrl-C reaches it too.
  bool own_group = true;
  /// A descriptor that stays open in the process.
  int inherited = -1;
};

/// Thrown if a program cannot be started. `reason` is the error number, such as ENOENT.
struct CannotStart : Error {
  CannotStart(const std::string& program, int number);
  int reason;
};

/// A running program. The destructor kills the program and its process group. If the thread that
/// started the program ends, the system kills the program. The stderr of the program is kept in
/// memory.
class Process {
 public:
  /// Starts words[0]. A name without a slash is looked up in PATH. Throws CannotStart.
  explicit Process(std::vector<std::string> words, const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Sends a line, which must contain no line break. If the process has ended, the line is lost.
  void write_line(std::string_view line);

  /// A function that is called ten times a second while reading waits. If it returns true, reading
  /// ends.
  using GiveUp = std::function<bool()>;
  /// The next line of the output without the line break. No value at the end of the output.
  std::optional<std::string> read_line(const GiveUp& give_up = nullptr);
  /// The rest of the output.
  std::string read_all(const GiveUp& give_up = nullptr);

  /// The exit status, or minus the number of the signal that ended the process. No value while the
  /// process runs.
  std::optional<int> poll();
  /// Waits until the process has ended, and returns the result of `poll`.
  int wait();
  /// Sends SIGTERM.
  void stop();

  /// Everything that the process has written to stderr.
  std::string errors() const;
  /// Describes how a process ended: `status 2: LINE` or `signal 9: LINE`, where LINE is the last
  /// line of its stderr.
  std::string ending() const;
  /// The CPU time of the process so far, in seconds.
  double cpu_seconds() const;

 private:
  void signal(int number);
  bool receive(const GiveUp& give_up);

  pid_t child_ = -1;
  bool own_group_;
  std::optional<int> status_;
  Descriptor socket_, errors_;
  std::string received_;
};

/// The name of this machine.
std::string host_name();

/// The last line of a text that is not blank, or "" if there is none.
std::string last_line(const std::string& text);

}  // namespace twice::experiments
