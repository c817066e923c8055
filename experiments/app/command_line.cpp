// Selects the command, runs it, and reports an error in one line.
#include "experiments/app/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <new>
#include <system_error>

#include "autodiff/kernels/cpu.h"
#include "experiments/app/terminal.h"
#include "experiments/files/atomic_file.h"
#include "experiments/mpi/ranks.h"

namespace twice::experiments {

namespace {

std::string reason(const std::exception& error) {
  // The exception of fmt does not name the file.
  const auto* failure = dynamic_cast<const std::system_error*>(&error);
  return failure && std::ferror(stdout) ? "cannot write the output: " + failure->code().message()
                                        : error.what();
}

/// Runs a function. An error is printed as one line that begins with `about`, and becomes an exit
/// status.
int guarded(const std::string& about, const std::function<int()>& function) {
  try {
    const int status = function();
    if (status == 0) flush_output();
    return status;
  } catch (const HelpAsked& help) {
    fmt::print("{}", help.what());
    return 0;
  } catch (const EndedElsewhere&) {
    return 0;
  } catch (const UsageError& error) {
    print_error(fmt::format("{0}: {1} ({0} --help lists the options)", about, error.what()));
    return 2;
  } catch (const std::bad_alloc&) {
    print_error(
        fmt::format("{}: not enough memory for this size; try a smaller --batch, --width or "
                    "--channels",
                    about));
    return 1;
  } catch (const std::exception& error) {
    print_error(fmt::format("{}: {}", about, reason(error)));
    return 1;
  }
}

std::string the_command;

/// Commands without options: the first is the program's own, the others are those of the script.
constexpr const char* other_commands[][2] = {
    {"completion", "print the completion for bash: source <(twice completion)"},
    {"test", "run all tests (of the script ./twice)"},
    {"docs", "build the documentation as a site (of the script ./twice)"}};

/// Refuses a command that several processes would do at once.
void refuse_ranks() {
  const Launch launched = launch();
  if (launched.size == 1) return;
  if (launched.rank > 0) throw EndedElsewhere{};
  throw UsageError(
      fmt::format("{} processes of this command were started ({}), and each would do the same; "
                  "only sweep and study share their work; for commands that differ, unset {}",
                  launched.size, launched.variable, launched.variable));
}

void name_written_files() {
  for (const auto& [folder, names] : written_files()) {
    constexpr std::size_t most = 12;
    auto end = names.begin();
    std::advance(end, std::min(most, names.size()));
    fmt::print("wrote {}{}{}\n", folder.empty() ? "" : (folder / "").string(),
               fmt::join(names.begin(), end, ", "),
               names.size() > most ? fmt::format(" and {} more", names.size() - most) : "");
  }
}

}  // namespace

const std::string& command_text() { return the_command; }

void give_cpu(const std::string& kind) {
  ::setenv("TWICE_CPU", kind.c_str(), 1);
  if (launch().size > 1) return;  // the ranks use kernels that all of them can run
  try {
    set_cpu(kind);
  } catch (const Error& error) {
    throw UsageError(fmt::format("--cpu: {}", error.what()));
  }
}

bool is_cpu_given() {
  const char* const given = std::getenv("TWICE_CPU");
  return given != nullptr && *given != '\0';
}

/// Of several processes with the same words, the first reports a mistake in them.
void CommandLine::parse(OptionSet& set, const std::vector<std::string>& words) {
  try {
    set.parse(words);
  } catch (const UsageError&) {
    if (launch().rank > 0) throw EndedElsewhere{};
    throw;
  }
  if (set.quiet()) print_nothing();
  if (!set.cpu().empty()) give_cpu(set.cpu());
}

std::vector<std::string> CommandLine::names() const {
  std::vector<std::string> names = names_of(commands_);
  for (const auto& [name, purpose] : other_commands) names.emplace_back(name);
  return names;
}

std::string CommandLine::help() const {
  std::string text = fmt::format(
      "twice {}: exact Hessian-vector products and gradient regularization on CPUs\n\n"
      "twice COMMAND [OPTIONS]; twice COMMAND --help lists a command's options\n\n",
      version_);
  for (const Command& command : commands_)
    text += fmt::format("  {:<12}{}\n", command.name, command.purpose);
  for (const auto& [name, purpose] : other_commands)
    text += fmt::format("  {:<12}{}\n", name, purpose);
  return text;
}

std::string CommandLine::completion() const {
  std::string cases;
  for (const Command& command : commands_) {
    std::string names = "--help", values;
    const OptionSet set = command.options();
    for (const Option& option : set.options()) {
      if (option.group.empty()) continue;
      const std::string words = fmt::format("{}", fmt::join(option.accepted.words, " "));
      if (option.is_argument())
        names += " " + words;
      else
        names += " --" + option.name;
      if (!words.empty() && !option.is_argument())
        values += fmt::format("        --{}) words='{}' ;;\n", option.name, words);
    }
    cases += fmt::format("    {})\n      words='{} --config --quiet --cpu'\n", command.name, names);
    cases += values.empty() ? "      ;;\n"
                            : fmt::format("      case $before in\n{}      esac ;;\n", values);
  }
  return fmt::format(R"(# Completion of twice for bash.
_twice() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} words=
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{} help --version' -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _twice twice ./twice
)",
                     fmt::join(names(), " "), cases);
}

int CommandLine::run(const std::string& program, const std::vector<std::string>& words) const {
  // The script ./twice starts a program named twice. A sweep starts its runs as /proc/self/exe.
  std::error_code unknown;
  std::filesystem::path file = program;
  if (program == "/proc/self/exe") file = std::filesystem::read_symlink(program, unknown);
  the_command = file.filename() == "twice" ? "./twice" : shell_word(file.string());
  for (const std::string& word : words) the_command += " " + shell_word(word);
  return guarded("twice", [&] {
    const std::string name = words.empty() ? "--help" : words[0];
    if (name == "--help" || name == "-h" || name == "help") {
      fmt::print("{}", help());
      return words.empty() ? 2 : 0;
    }
    if (name == "--version") {
      fmt::print("twice {}\n", version_);
      return 0;
    }
    if (name == "completion") {
      fmt::print("{}", completion());
      return 0;
    }
    for (const Command& command : commands_)
      if (name == command.name)
        return guarded("twice " + name, [&] {
          for (const std::string& word : words)
            if (!is_utf8(word))
              throw UsageError(fmt::format("'{}' is not valid UTF-8, which records require", word));
          if (!command.shares_work) refuse_ranks();
          const int status = guarded("twice " + name, [&] {
            return command.run({words.begin() + 1, words.end()});
          });
          name_written_files();
          return status;
        });
    const std::vector<std::string> known = names();
    const std::string meant = std::ranges::find(known, name) != known.end()
                                  ? " here; the script ./twice has it"
                                  : did_you_mean(name, known);
    print_error(fmt::format(
        "twice: there is no command '{}'{}", name,
        meant.empty() ? fmt::format("; the commands are {}", fmt::join(known, ", ")) : meant));
    return 2;
  });
}

}  // namespace twice::experiments
