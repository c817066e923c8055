// The program's commands. CommandLine parses the options of a command and runs it. It also provides
// the help, one-line error messages, exit statuses and the shell completion.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/app/option_set.h"

namespace twice::experiments {

/// The running command as it would be typed in a shell, or "" if no command is running.
const std::string& command_text();

/// Uses the kernels of this kind, here and in the processes that this one starts. Throws UsageError
/// if the CPU cannot run them.
void give_cpu(const std::string& kind);
/// True if --cpu or the environment variable TWICE_CPU chose the kernels.
bool is_cpu_given();

struct Command {
  std::string name, purpose;
  /// Declares the command's options without running it.
  std::function<OptionSet()> options;
  /// Parses the words, runs the command and returns the exit status.
  std::function<int(const std::vector<std::string>&)> run;
  /// Whether processes that mpirun or srun starts together share the work of the command.
  bool shares_work = false;
};

class CommandLine {
 public:
  /// --version prints `version`.
  explicit CommandLine(std::string version) : version_(std::move(version)) {}

  /// Adds a command. `declare` declares its options. `body` does the work and returns the exit
  /// status.
  template <class Options>
  void add(const std::string& name, const std::string& purpose,
           void (*declare)(OptionSet&, Options&), int (*body)(Options)) {
    const auto options = [=] {
      Options unused;
      OptionSet set(name, purpose);
      declare(set, unused);
      return set;
    };
    const auto run = [=](const std::vector<std::string>& words) {
      Options read;
      OptionSet set(name, purpose);
      declare(set, read);
      parse(set, words);
      return body(std::move(read));
    };
    commands_.push_back({name, purpose, options, run});
  }
  /// The last added command shares its work among the processes of mpirun or srun. All others
  /// refuse to be started several times, since each process would do the same.
  void shares_work() { commands_.back().shares_work = true; }

  /// Runs the command that the words name. Returns the exit status: 2 for a mistake in the call, 1
  /// for any other failure.
  int run(const std::string& program, const std::vector<std::string>& words) const;

 private:
  static void parse(OptionSet& set, const std::vector<std::string>& words);
  std::vector<std::string> names() const;
  std::string help() const;
  std::string completion() const;

  std::string version_;
  std::vector<Command> commands_;
};

}  // namespace twice::experiments
