// `./twice bench --against OTHER`: tests whether this program is faster than another build, another
// revision, or itself with other options. Processes of both programs run alternately (turns.h).
// measure/paired.h has the equations behind the verdict.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/commands/bench/bench.h"
#include "experiments/commands/bench/turns.h"
#include "experiments/commands/commands.h"
#include "experiments/files/record.h"
#include "experiments/measure/paired.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/progress.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"

namespace twice::experiments {

namespace {

/// The probability that any verdict of a run is wrong. One half belongs to the verdict on all rows
/// together; the rows share the other half.
constexpr double error_level = 0.005;

// ---- The programs ----

/// Converts a percentage such as "3%" to a fraction.
double share_of(const char* option, const std::string& text) {
  const std::size_t end = text.find_last_not_of(" %") + 1;
  const std::optional<double> percent = parsed<double>(text.substr(0, end));
  if (!text.ends_with('%') || !percent || !(*percent >= 0 && *percent <= 1000))
    throw UsageError(fmt::format("{} must be a percentage such as 3%, was '{}'", option, text));
  return *percent / 100;
}

/// Parses options of bench. A UsageError begins with `option`.
BenchOptions parsed(BenchOptions options, const std::vector<std::string>& words,
                    const std::string& option) {
  options.run.given.clear();
  OptionSet set;
  declare_bench(set, options);
  try {
    set.parse(words);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", option, error.what()));
  }
  return options;
}

/// The given options that affect a single step. The removed options set the output files and the
/// length of the whole run.
OptionWords words_of_a_step(OptionWords given) {
  for (const char* other :
       {"--seconds", "--against", "--same-within", "--fail-if-slower", "--json", "--suite",
        "--rows", "--peer", "--peer-python", "--peer-malloc", "--no-memory", "--no-prediction",
        "--config", "--method", "--serve", "--quiet", "--neighbours", "--neighbour-kind"})
    given.erase(other);
  return given;
}

Contender side_of(const BenchOptions& options, const std::string& program,
                  const std::string& option) {
  const bool own = program.empty() || program.starts_with("-");
  Contender side = own ? Contender{program, own_program()} : find_program(program, option);
  side.words = words_of_a_step(options.run.given);
  side.methods = options.run.methods;
  if (program.empty()) side.name = "this program";
  if (!program.starts_with("-")) return side;
  BenchOptions changed = parsed(options, split_words(program), option);
  const OptionWords words = words_of_a_step(changed.run.given);
  for (const auto& [name, value] : changed.run.given)
    if (!words.contains(name) && name != "--method")
      throw UsageError(
          fmt::format("{}: {} applies to the whole comparison, not to one side", option, name));
  for (const auto& [name, value] : words) side.words[name] = value;
  complete(changed);
  side.methods = changed.run.methods;
  return side;
}

// ---- The times ----

/// Quantiles that may summarise the steps of a process: the median, and lower quantiles, which a
/// busy neighbour disturbs less.
constexpr std::array<double, 4> quantiles = {0.5, 0.25, 0.1, 0.02};

using Summaries = std::array<double, 4>;

/// The summaries of one method in each repetition.
std::vector<Summaries> summaries(const Turns& turns, std::size_t method, double q) {
  std::vector<Summaries> result;
  for (const Repetition& repetition : turns.repetitions) {
    Summaries& four = result.emplace_back();
    for (std::size_t i = 0; i < four.size(); ++i) {
      std::vector<double> times = repetition[i][method];
      std::ranges::sort(times);
      four[i] = quantile(times, q);
    }
  }
  return result;
}

std::vector<Contrasts> contrasts_of(const std::vector<Summaries>& times) {
  std::vector<Contrasts> result;
  for (const Summaries& four : times) result.push_back(contrasts(four));
  return result;
}

/// The means of repetition i over all lists, for as many repetitions as the shortest list has.
std::vector<Contrasts> averaged(const std::vector<std::vector<Contrasts>>& lists) {
  std::size_t count = lists.front().size();
  for (const auto& list : lists) count = std::min(count, list.size());
  std::vector<Contrasts> result(count, Contrasts{});
  const double share = 1 / static_cast<double>(lists.size());
  for (const auto& list : lists)
    for (std::size_t i = 0; i < count; ++i) {
      result[i].difference += share * list[i].difference;
      for (std::size_t k = 0; k < 2; ++k) result[i].controls[k] += share * list[i].controls[k];
    }
  return result;
}

/// The quantile that summarises a method's times, and the noise of its controls. This is the
/// median, unless the controls scatter clearly less at a lower quantile. The controls do not depend
/// on the difference between the programs, so this choice does not bias the ratio.
std::pair<double, double> chosen_quantile(const Turns& turns, std::size_t method) {
  constexpr double clearly = 0.7;
  double best = 0, least = INFINITY;
  for (const double q : quantiles)
    if (const double noise = control_noise(contrasts_of(summaries(turns, method, q)));
        best == 0 || noise < (best == quantiles[0] ? clearly : 1) * least)
      best = q, least = noise;
  return {best, least};
}

/// Measures both programs on one model. On a busy machine, the threads of a step wait for a
/// preempted thread far longer than they compute, and equal programs seem to differ by a lot. If
/// the first repetitions show such noise and the user has not set the number of threads, both sides
/// continue with one thread, and `one_thread` becomes true.
Turns measure(std::array<Contender, 2> sides, double seconds, bool& one_thread,
              const TimingProgress& progress) {
  constexpr double wanted_repetitions = 16, trial = 3, busy_noise = 0.1;
  const double each = seconds / wanted_repetitions;
  const Turns first = take_turns(sides[0], sides[1], trial * each, each, progress);
  const std::size_t methods = sides[0].methods.size();
  double noise = 0;
  for (std::size_t m = 0; m < methods; ++m)
    noise += chosen_quantile(first, m).second / static_cast<double>(methods);
  one_thread = noise > busy_noise && !sides[0].words.contains("--threads") &&
               !sides[1].words.contains("--threads");
  if (one_thread)
    for (Contender& side : sides) side.words["--threads"] = "1";
  Turns rest =
      take_turns(sides[0], sides[1], (1 - trial / wanted_repetitions) * seconds, each, progress);
  if (!one_thread)
    rest.repetitions.insert(rest.repetitions.begin(), first.repetitions.begin(),
                            first.repetitions.end());
  return rest;
}

// ---- The verdicts ----

void decide(Json& row, const std::vector<Contrasts>& repetitions, double level, double margin) {
  const PairedRatio found = paired_ratio(repetitions, level);
  const auto& [low, high] = found.interval;
  row["ratio"] = found.ratio;
  row["interval"] = std::isfinite(high) ? Json{low, high} : Json();
  row["control"] = found.control;
  // In the order of Verdict.
  constexpr const char* verdicts[] = {"faster", "slower", "same within {:.3g} %", "inconclusive"};
  const auto verdict = static_cast<std::size_t>(verdict_of(found.interval, margin));
  row["verdict"] = fmt::format(fmt::runtime(verdicts[verdict]), 100 * margin);
}

void add_to(Table& table, const Json& row, const std::string& model) {
  // The interval of a few disturbed repetitions may span many orders of magnitude. In that case the
  // table shows only the verdict.
  constexpr double most = 10;
  const std::vector<double> interval = row.at("interval");
  const double control = number(row, "control");
  const bool narrow = !interval.empty() && interval[1] <= most * interval[0];
  const auto shown = [&](const char* field) {
    return row.contains(field) ? format_number(number(row, field)) : "";
  };
  table.add(
      {model, row.value("method", ""), shown("ms"), shown("other_ms"),
       fmt::format("{:.3f}", number(row, "ratio")),
       narrow ? fmt::format("{:.3f} to {:.3f}", interval[0], interval[1]) : "-",
       std::isfinite(control) && control < most ? fmt::format("± {:.2g} %", 100 * control) : "-",
       text(row, "verdict")});
}

/// The rows of one model without their verdicts, and the contrasts of each row.
std::vector<std::pair<Json, std::vector<Contrasts>>> rows_of(const std::array<Contender, 2>& sides,
                                                             const Turns& turns, bool one_thread) {
  std::vector<std::pair<Json, std::vector<Contrasts>>> rows;
  for (std::size_t m = 0; m < sides[0].methods.size(); ++m) {
    const double q = chosen_quantile(turns, m).first;
    const std::vector<Summaries> times = summaries(turns, m, q);
    std::array<std::vector<double>, 2> of_side;
    Json raw = Json::array();
    for (const Summaries& four : times) {
      raw.push_back(std::vector<double>(four.begin(), four.end()));
      for (std::size_t i = 0; i < 4; ++i) of_side[i / 2].push_back(four[i]);
    }
    const std::string &a = sides[0].methods[m], &b = sides[1].methods[m];
    rows.push_back({{{"model", text(turns.ours, "model")},
                     {"method", a == b ? a : a + " / " + b},
                     {"threads", one_thread ? 1 : number(turns.ours, "threads")},
                     {"ms", median(of_side[0])},
                     {"other_ms", median(of_side[1])},
                     {"quantile", q},
                     {"repetitions", times.size()},
                     {"repetitions_ms", raw}},
                    contrasts_of(times)});
  }
  return rows;
}

/// Records how each program describes itself, and prints every difference besides the code.
void introduce(const Turns& turns, Json& record) {
  record["ours"] = turns.ours;
  record["other"] = turns.other;
  if (turns.ours.is_null() || turns.other.is_null()) {
    fmt::print("one program is older than --against, so whole commands run alternately\n");
    return;
  }
  for (const char* key : {"compiler", "flags", "products", "blas", "threads"})
    if (turns.ours[key] != turns.other[key])
      fmt::print("{} differs: ours {}, other {}\n", key, text(turns.ours, key),
                 text(turns.other, key));
}

}  // namespace

int compare_programs(const BenchOptions& options, const std::string& ours, const std::string& other,
                     const std::string& option) {
  const double seconds = *options.seconds, margin = share_of("--same-within", options.same_within),
               allowed = options.fail_if_slower.empty()
                             ? INFINITY
                             : share_of("--fail-if-slower", options.fail_if_slower);
  if (!options.peer.empty())
    throw UsageError(fmt::format("{} and --peer are two comparisons; expected only one", option));
  std::array<Contender, 2> sides = {side_of(options, ours, option),
                                    side_of(options, other, option)};
  const std::size_t methods = sides[0].methods.size();
  if (methods != sides[1].methods.size())
    throw UsageError(
        fmt::format("{}: {} methods against {}; methods are paired in order, so both sides need "
                    "the same number",
                    option, methods, sides[1].methods.size()));
  const std::vector<Json> models = models_of(options);
  fmt::print("ours:  {}\nother: {}\n", sides[0].name, sides[1].name);

  Json record = record_header("bench");
  record["config"] = config_of(options);
  record["level"] = error_level;
  record["rows"] = Json::array();
  Table table(
      {"model", "method", "ours ms", "other ms", "ours / other", "interval", "control", "ours is"});
  const std::size_t count = models.size() * methods;
  const double row_level = count == 1 ? error_level : error_level / 2 / static_cast<double>(count);
  std::vector<std::vector<Contrasts>> of_models;
  Progress progress("timing", seconds * static_cast<double>(models.size()));
  for (const Json& model : models) {
    std::array<Contender, 2> now = sides;
    for (const auto& [name, value] : model.members())
      for (Contender& side : now) side.words.emplace("--" + name, show(value));
    // With neighbours, the run measures the cost of several threads.
    if (options.neighbours > 0)
      for (Contender& side : now) side.words.emplace("--threads", "0");
    bool one_thread = false;
    const Turns turns =
        measure(now, seconds, one_thread, [&](double passed) { progress.advance(passed); });
    progress.clear();
    if (of_models.empty()) introduce(turns, record);
    std::vector<std::vector<Contrasts>> of_rows;
    for (auto& [row, repetitions] : rows_of(now, turns, one_thread)) {
      decide(row, repetitions, row_level, margin);
      add_to(table, row, text(row, "model"));
      record["rows"].push_back(row);
      of_rows.push_back(std::move(repetitions));
    }
    if (one_thread)
      fmt::print(
          "{}: the machine is busy; with all threads, equal programs differ by more than 10 %, so "
          "both sides ran with one thread\n",
          text(record["rows"].back(), "model"));
    of_models.push_back(averaged(of_rows));
  }

  std::vector<Json> verdicts = record["rows"].elements();
  Json& overall = record["overall"] = Json();
  if (count > 1) {
    decide(overall, averaged(of_models), error_level / 2, margin);
    add_to(table, overall, "all");
    verdicts.push_back(overall);
  }
  table.print();
  fmt::print(
      "\n{} repetitions of four new processes, two of each program, ran alternately. All intervals "
      "hold together with {:g} % confidence.\ncontrol: the difference that equal programs may seem "
      "to have in this run.\n",
      text(verdicts[0], "repetitions"), 100 * (1 - error_level));
  if (text(verdicts.back(), "verdict") == "inconclusive")
    fmt::print(
        "To resolve smaller differences, close other programs or measure longer (--seconds "
        "{:.0f}).\n",
        4 * seconds);
  if (!options.run.json.empty()) write_json(options.run.json, record);
  constexpr int slower_status = 3;
  const bool fails = std::ranges::any_of(verdicts, [&](const Json& row) {
    return text(row, "verdict") == "slower" && number(row, "ratio") > 1 + allowed;
  });
  return fails ? slower_status : 0;
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
