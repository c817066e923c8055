// Child processes: other programs that we start, talk to and end.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"

namespace twice::experiments {

struct ProcessOptions {
  /// Variables that replace or join ours; the process does not get those without a value.
  std::map<std::string, std::optional<std::string>> environment = {};
  std::filesystem::path folder = ".";
  /// All that the process finds on its stdin. Without it, stdin is what `write_line` writes.
  std::optional<std::string> input = {};
  bool drop_output = false;
  /// False: the process stays in the terminal's process group, so that Ctrl-C reaches it, too.
  bool own_group = true;
  /// A descriptor that stays open in the process.
  int inherited = -1;
};

/// The reason why a program could not be started, such as ENOENT.
struct CannotStart : Error {
  CannotStart(const std::string& program, int number);
  int reason;
};

/// A program that runs until it ends or this object does, which kills it together with its process
/// group. The system kills it when the thread that started it ends, however that happens. What it
/// writes to stderr is kept in memory.
class Process {
 public:
  /// Starts words[0], found in PATH unless it holds a slash. Throws CannotStart.
  explicit Process(std::vector<std::string> words, const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Sends a line without a line break in it. When the process has ended, the line is lost.
  void write_line(std::string_view line);

  /// Reading ends early when this function, which is called ten times a second, says so.
  using GiveUp = bool (*)();
  /// The next line of its output, without the line break; nothing at the end of the output.
  std::optional<std::string> read_line(GiveUp give_up = nullptr);
  /// The rest of its output.
  std::string read_all(GiveUp give_up = nullptr);

  /// The exit status, or minus the number of the signal that ended it; nothing while it runs.
  std::optional<int> poll();
  /// Waits for its end.
  int wait();
  /// Asks it to stop (SIGTERM).
  void stop();

  /// All that it has written to stderr.
  std::string errors() const;
  /// `status 2: LINE` or `signal 9: LINE` of a process that has ended, with the last line of its
  /// stderr.
  std::string ending() const;
  /// Processor time that it has used, in seconds.
  double cpu_seconds() const;

 private:
  void signal(int number);
  bool receive(GiveUp give_up);

  pid_t child_ = -1;
  bool own_group_;
  std::optional<int> status_;
  Descriptor socket_, errors_;
  std::string received_;
};

/// The last line that is not blank; "" when there is none.
std::string last_line(const std::string& text);

}  // namespace twice::experiments
