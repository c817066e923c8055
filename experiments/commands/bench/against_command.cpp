// From options to two programs and their words.
#include "experiments/commands/bench/against_command.h"

#include <algorithm>

#include "experiments/commands/bench/against.h"
#include "experiments/run/machine.h"

namespace twice::experiments {

namespace {

/// A percentage such as "3%" as a share.
double share_of(const char* option, const std::string& text) {
  const std::size_t end = text.find_last_not_of(" %") + 1;
  const std::optional<double> percent = parse_number(text.substr(0, end));
  if (!text.ends_with('%') || !percent || !(*percent >= 0 && *percent <= 1000))
    throw UsageError(fmt::format("{} must be a percentage such as 3%, was '{}'", option, text));
  return *percent / 100;
}

/// Options that a process which takes turns must know. The others say where results go and how long
/// the whole takes.
bool is_of_a_step(const std::string& name) {
  const auto others = {
      "--seconds", "--against", "--same-within", "--fail-if-slower", "--json",          "--suite",
      "--rows",    "--peer",    "--peer-python", "--peer-malloc",    "--no-memory",     "--config",
      "--method",  "--serve",   "--quiet",       "--neighbours",     "--neighbour-kind"};
  return std::ranges::find(others, name) == others.end();
}

/// The options of bench from words; what is wrong with them is said of `option`.
BenchOptions parsed(BenchOptions options, const std::vector<std::string>& words,
                    const std::string& option) {
  options.given.clear();
  OptionSet set;
  declare_bench(set, options);
  try {
    set.parse(words);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", option, error.what()));
  }
  return options;
}

struct Side {
  OtherProgram program;
  OptionWords words;
  std::vector<std::string> methods;
};

/// A program with the words of a step; its own list of options, if it is one, replaces ours.
Side side_of(const BenchOptions& options, const OtherProgram& program, const std::string& option) {
  Side side{program, {}, options.run.methods};
  for (const auto& [name, value] : options.given)
    if (is_of_a_step(name)) side.words[name] = value;
  if (program.options.empty()) return side;

  BenchOptions changed = parsed(options, split_words(program.options), option);
  for (const auto& [name, value] : changed.given) {
    if (is_of_a_step(name))
      side.words[name] = value;
    else if (name != "--method")
      throw UsageError(fmt::format("{}: {} belongs to the whole comparison", option, name));
  }
  complete(changed);
  side.methods = changed.run.methods;
  return side;
}

/// The words that a row of the suite stands for.
OptionWords words_of(const SuiteRow& row) {
  OptionWords words = {{"--model", std::string(row.model)},
                       {"--batch", std::to_string(row.batch)},
                       {"--activation", std::string(row.activation)}};
  if (row.model == "mlp") {
    words["--width"] = std::to_string(row.size);
    words["--depth"] = std::to_string(row.depth);
  }
  if (row.model == "cnn") words["--channels"] = std::to_string(row.size);
  return words;
}

}  // namespace

int compare_programs(const BenchOptions& options, const std::string& ours, const std::string& other,
                     const std::string& option) {
  AgainstOptions how{*options.seconds,
                     share_of("--same-within", options.same_within),
                     {},
                     options.run.json,
                     options.neighbours == 0};
  if (!options.fail_if_slower.empty())
    how.fail_if_slower = share_of("--fail-if-slower", options.fail_if_slower);
  if (!options.peer.empty())
    throw UsageError(fmt::format("{} and --peer are two comparisons; expected one", option));

  const OtherProgram own{"this program", own_program(), ""};
  const Side a = side_of(options, ours.empty() ? own : other_program(ours, option), option),
             b = side_of(options, other_program(other, option), option);
  if (a.methods.size() != b.methods.size())
    throw UsageError(
        fmt::format("{}: {} methods against {}; they are paired in order, so expected as many",
                    option, a.methods.size(), b.methods.size()));
  const AgainstModel model{a.words, b.words, a.methods, b.methods};
  std::vector<AgainstModel> models;
  if (options.suite.empty()) {
    models = {model};
  } else {
    for (const SuiteRow& row : suite_rows(options)) {
      AgainstModel& one = models.emplace_back(model);
      one.ours.merge(words_of(row));
      one.others.merge(words_of(row));
    }
  }
  Json record = record_header("bench");
  record["config"] = config_of(options);
  return against(how, a.program, b.program, models, std::move(record));
}

int compare_programs(const OptionWords& words, double margin, const std::string& ours,
                     const std::string& other, const std::string& option) {
  std::vector<std::string> list;
  for (const auto& [name, value] : words) list.push_back(name + "=" + value);
  BenchOptions options = parsed({}, list, option + " of programs");
  options.against = other;
  options.same_within = fmt::format("{}%", 100 * margin);
  if (options.run.methods.empty()) options.run.methods = {"exact"};
  complete(options);
  return compare_programs(options, ours, other, option);
}

}  // namespace twice::experiments
