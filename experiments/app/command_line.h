// The program: its commands, each with its options, and what happens around them: help, mistakes in
// one line, exit statuses, the shell's completion.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/app/option_set.h"

namespace twice::experiments {

/// The command that runs, as one would write it in a shell; "" outside of any.
const std::string& command_text();

struct Command {
  std::string name, purpose;
  /// Declares the command's options without running it.
  std::function<OptionSet()> options;
  /// Parses the words and runs; returns the exit status.
  std::function<int(const std::vector<std::string>&)> run;
};

class CommandLine {
 public:
  /// `version` is what --version prints.
  explicit CommandLine(std::string version) : version_(std::move(version)) {}

  /// Adds a command: `declare` its options, then `body`, which returns the exit status.
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
      set.parse(words);
      if (set.quiet()) print_nothing();
      return body(std::move(read));
    };
    commands_.push_back({name, purpose, options, run});
  }

  /// Runs the command that the words name. Returns the exit status: 2 for a mistake in the call, 1
  /// for any other failure.
  int run(const std::string& program, const std::vector<std::string>& words) const;

 private:
  static void print_nothing();
  std::vector<std::string> names() const;
  std::string help() const;
  std::string completion() const;

  std::string version_;
  std::vector<Command> commands_;
};

}  // namespace twice::experiments
