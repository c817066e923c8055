// The command line: `twice COMMAND [OPTIONS]`. Each command is one CLI11 application, so
// that each has its own help and its own --config file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <system_error>

#include "autodiff/kernels/blas.h"
#include "experiments/commands/bench/against_command.h"
#include "experiments/commands/bench/bench.h"
#include "experiments/commands/check/check.h"
#include "experiments/commands/compare.h"
#include "experiments/commands/data_command.h"
#include "experiments/commands/explain.h"
#include "experiments/commands/export.h"
#include "experiments/commands/profile/profile.h"
#include "experiments/commands/study.h"
#include "experiments/commands/sweep/sweep.h"
#include "experiments/commands/train.h"
#include "experiments/data/catalogue.h"
#include "experiments/report/write_report.h"
#include "experiments/run/machine.h"
#include "experiments/run/stop.h"
#include "experiments/run/suggest.h"
#include "experiments/run/terminal.h"

namespace twice::experiments {

namespace {

/// What a command does once its options are declared: parse, then run.
using Parse = std::function<void(CLI::App&)>;

struct Command {
  const char* name;
  const char* purpose;
  int (*run)(CLI::App& app, const Parse& parse);
};

int run_compare(CLI::App& app, const Parse& parse) {
  RunOptions options;
  add_options(app, options);
  parse(app);
  watch_for_stop();
  return compare(options);
}

int run_train(CLI::App& app, const Parse& parse) {
  TrainOptions options;
  add_train_options(app, options);
  parse(app);
  watch_for_stop();
  return train(options);
}

int run_sweep(CLI::App& app, const Parse& parse) {
  SweepOptions options;
  add_sweep_options(app, options);
  parse(app);
  watch_for_stop();
  return sweep(options);
}

int run_check(CLI::App& app, const Parse& parse) {
  CheckCommandOptions options;
  add_check_options(app, options);
  parse(app);
  return check(options);
}

int run_bench(CLI::App& app, const Parse& parse) {
  BenchOptions options;
  add_bench_options(app, options);
  parse(app);
  watch_for_stop();
  return bench(options);
}

int run_profile(CLI::App& app, const Parse& parse) {
  ProfileOptions options;
  add_profile_options(app, options);
  parse(app);
  watch_for_stop();
  options.compare_programs = compare_programs;
  return profile(options);
}

int run_explain(CLI::App& app, const Parse& parse) {
  ExplainOptions options;
  add_explain_options(app, options);
  parse(app);
  return explain(options);
}

int run_export(CLI::App& app, const Parse& parse) {
  ExportOptions options;
  add_export_options(app, options);
  parse(app);
  return export_step(options);
}

int run_data(CLI::App& app, const Parse& parse) {
  std::string action = "list", name;
  app.add_option("ACTION", action, "list, fetch or verify")
      ->check(CLI::IsMember({"list", "fetch", "verify"}));
  std::vector<std::string> names;
  for (const DataSource& source : data_sources()) names.push_back(source.name);
  app.add_option("NAME", name, "Data set")->check(CLI::IsMember(names));
  parse(app);
  if ((action == "list") != name.empty())
    throw UsageError(action == "list"
                         ? "data list takes no name"
                         : fmt::format("data {} needs the name of a data set", action));
  watch_for_stop();  // Ctrl-C stops npm; what it left is then removed as after any failure
  if (action == "list") list_data();
  if (action == "fetch") fetch_data(name);
  if (action == "verify") verify_data(name);
  return 0;
}

int run_report(CLI::App& app, const Parse& parse) {
  std::string folder;
  app.add_option("DIR", folder, "Folder that holds runs")->required();
  parse(app);
  write_report(folder);
  return 0;
}

int run_study(CLI::App& app, const Parse& parse) {
  StudyOptions options;
  add_study_options(app, options);
  parse(app);
  watch_for_stop();
  return study(options);
}

constexpr Command commands[] = {
    {"compare", "train one model with each GR method: cost, gradient error, result", run_compare},
    {"train", "one run: checkpoints, resume", run_train},
    {"study", "take one claim to a verdict; --list names the studies", run_study},
    {"sweep", "a grid of runs over the cores; goes on where it stopped", run_sweep},
    {"bench", "time steps of models and methods, alone or beside PyTorch", run_bench},
    {"check", "check derivatives of every op, or of a model and method", run_check},
    {"profile", "what each derivative costs and where the time and memory go", run_profile},
    {"explain", "show the plan of a model and method, pass by pass", run_explain},
    {"export", "write parameters, batch, gradients and H g as safetensors", run_export},
    {"data", "list, fetch and verify data sets", run_data},
    {"report", "make the HTML report of the runs in a folder", run_report},
};

void print_help() {
  fmt::print("twice {}: exact Hessian-vector products and gradient regularization on CPUs\n\n",
             TWICE_VERSION);
  fmt::print("twice COMMAND [OPTIONS]; twice COMMAND --help lists a command's options\n\n");
  for (const Command& command : commands) fmt::print("  {:<10}{}\n", command.name, command.purpose);
  fmt::print("  {:<10}{}\n", "test", "run all tests (of the script ./twice)");
}

/// CLI11's message, on one line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

/// What CLI11 complains about a line of a --config file: it says "INI was not able to parse KEY",
/// where a section's KEY ends in ".++".
std::string config_complaint(const CLI::App& app, std::string text) {
  const std::string before = "parse ";
  text.erase(0, std::min(text.size(), text.find(before) + before.size()));
  return fmt::format("{}: '{}' is no option of this command or no TOML",
                     app.get_config_ptr()->as<std::string>(), text.substr(0, text.find(".++")));
}

/// About arguments that the command does not have: names the first that looks like an option.
std::string complaint(const CLI::App& app, const std::string& otherwise) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    if (!option->get_group().empty())  // those without one are for the program itself
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::vector<std::string> unexpected = app.remaining();
  const auto wrong = std::ranges::find_if(
      unexpected, [](const std::string& word) { return word.starts_with("--"); });
  if (wrong == unexpected.end()) return one_line(otherwise);
  const std::string name = wrong->substr(0, wrong->find('='));
  return fmt::format("there is no option {}{}", name, did_you_mean(name, names));
}

std::string reason(const std::exception& error) {
  // fmt does not say which file it could not write.
  const auto* failure = dynamic_cast<const std::system_error*>(&error);
  return failure && std::ferror(stdout) ? "cannot write the output: " + failure->code().message()
                                        : error.what();
}

int run(const Command& command, int argc, char** argv) {
  CLI::App app(command.purpose, fmt::format("twice {}", command.name));
  const Parse parse = [&](CLI::App& parsed) {
    read_decimals(parsed);
    try {
      parsed.parse(argc - 1, argv + 1);
    } catch (const CLI::CallForHelp&) {
      throw;
    } catch (const CLI::ConfigError& error) {
      throw UsageError(config_complaint(parsed, error.what()));
    } catch (const CLI::ExtrasError& error) {
      throw UsageError(complaint(parsed, error.what()));
    } catch (const CLI::ParseError& error) {
      throw UsageError(one_line(error.what()));
    }
  };
  try {
    return command.run(app, parse);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const UsageError& error) {
    print_error(fmt::format("twice {0}: {1} (twice {0} --help lists the options)", command.name,
                            error.what()));
    return 2;
  } catch (const std::bad_alloc&) {
    print_error(
        fmt::format("twice {}: the memory is not enough for this size; try a smaller --batch, "
                    "--width or --channels",
                    command.name));
    return 1;
  } catch (const std::exception& error) {
    print_error(fmt::format("twice {}: {}", command.name, reason(error)));
    return 1;
  }
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : commands) names.emplace_back(command.name);
  names.emplace_back("test");
  return names;
}

int dispatch(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  if (name == "--help" || name == "-h" || name == "help") {
    print_help();
    return argc > 1 ? 0 : 2;
  }
  if (name == "--version") {
    fmt::print("twice {}\n", TWICE_VERSION);
    return 0;
  }
  for (const Command& command : commands)
    if (name == command.name) return run(command, argc, argv);
  const std::string meant = did_you_mean(name, command_names());
  print_error(fmt::format(
      "twice: there is no command '{}'{}", name,
      meant.empty() ? fmt::format("; the commands are {}", fmt::join(command_names(), ", "))
                    : meant));
  return 2;
}

}  // namespace

int run_program(int argc, char** argv) {
  try {
    const int status = dispatch(argc, argv);
    if (status == 0) flush_output();
    return status;
  } catch (const std::exception& error) {
    print_error(fmt::format("twice: {}", reason(error)));
    return 1;
  }
}

}  // namespace twice::experiments

int main(int argc, char** argv) {
  twice::experiments::open_standard_files();
  try {
    twice::check_blas();
  } catch (const twice::Error& error) {
    twice::experiments::print_error(fmt::format("twice: {}", error.what()));
    return 1;
  }
  // Beyond a limit of file sizes a write shall fail, as on a full disk, rather than kill the
  // program.
  std::signal(SIGXFSZ, SIG_IGN);
  // The same for a pipe that nobody reads. Other than SIG_IGN, a handler is not inherited by the
  // programs that are started.
  std::signal(SIGPIPE, [](int) {});
  return twice::experiments::run_program(argc, argv);
}
