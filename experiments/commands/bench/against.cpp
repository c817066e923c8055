// From times to verdicts.
#include "experiments/commands/bench/against.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/files/record.h"
#include "experiments/measure/paired.h"
#include "experiments/measure/turns.h"
#include "experiments/report/progress.h"
#include "experiments/report/table.h"
#include "experiments/run/output.h"

namespace twice::experiments {

namespace {

/// The chance that any verdict of a run is wrong: a half for that of all rows together, a half
/// shared by the rows.
constexpr double error_level = 0.005;

/// What a process's steps are summarised by: the median, or a lower quantile, which a busy
/// neighbour disturbs less.
constexpr std::array<double, 4> quantiles = {0.5, 0.25, 0.1, 0.02};

double quantile_of(std::vector<double> times, double q) {
  std::ranges::sort(times);
  return times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1) + 0.5)];
}

using Summaries = std::array<double, 4>;

/// The summaries of one method in each repetition.
std::vector<Summaries> summaries(const Turns& turns, std::size_t method, double q) {
  std::vector<Summaries> result;
  for (const Repetition& repetition : turns.repetitions) {
    Summaries& four = result.emplace_back();
    for (std::size_t i = 0; i < four.size(); ++i) four[i] = quantile_of(repetition[i][method], q);
  }
  return result;
}

std::vector<Contrasts> contrasts_of(const std::vector<Summaries>& times) {
  std::vector<Contrasts> result;
  for (const Summaries& four : times) result.push_back(contrasts(four));
  return result;
}

/// The means, repetition by repetition, of as many as all lists have.
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

double noise_of(const Turns& turns, std::size_t method, double q) {
  return control_noise(contrasts_of(summaries(turns, method, q)));
}

/// The quantile by which a method's times are summarised: the median, unless the controls of
/// another one scatter clearly less. The controls know nothing of the programs' difference, so that
/// the choice does not bend it.
double chosen_quantile(const Turns& turns, std::size_t method) {
  constexpr double clearly = 0.7;
  double best = quantiles[0], least = clearly * noise_of(turns, method, best);
  for (const double q : quantiles)
    if (const double found = noise_of(turns, method, q); found < least) best = q, least = found;
  return best;
}

std::string verdict_text(Verdict verdict, double margin) {
  switch (verdict) {
    case Verdict::faster:
      return "faster";
    case Verdict::slower:
      return "slower";
    case Verdict::same:
      return fmt::format("same within {:.3g} %", 100 * margin);
    case Verdict::inconclusive:
      break;
  }
  return "inconclusive";
}

/// Adds ratio, interval, control and verdict.
void decide(Json& row, const std::vector<Contrasts>& repetitions, double level, double margin) {
  const PairedRatio found = paired_ratio(repetitions, level);
  row["ratio"] = found.ratio;
  row["interval"] =
      std::isfinite(found.interval.high) ? Json{found.interval.low, found.interval.high} : Json();
  row["control"] = found.control;
  row["verdict"] = verdict_text(verdict_of(found.interval, margin), margin);
}

std::vector<std::string> cells_of(const Json& row) {
  // Of a few disturbed repetitions the interval may span hundreds of digits: the verdict says
  // enough.
  constexpr double most = 10;
  const Json& interval = row.at("interval");
  const double control = number(row, "control");
  return {
      fmt::format("{:.3f}", number(row, "ratio")),
      interval.is_null() || interval[1].get<double>() > most * interval[0].get<double>()
          ? "-"
          : fmt::format("{:.3f} to {:.3f}", interval[0].get<double>(), interval[1].get<double>()),
      std::isfinite(control) && control < most ? fmt::format("± {:.2g} %", 100 * control) : "-",
      text(row, "verdict")};
}

void print_rows(const std::vector<Json>& rows, const Json* overall) {
  Table table(
      {"model", "method", "ours ms", "other ms", "ours / other", "interval", "control", "ours is"});
  const auto add = [&](std::vector<std::string> cells, const Json& row) {
    for (std::string& cell : cells_of(row)) cells.push_back(std::move(cell));
    table.add(std::move(cells));
  };
  for (const Json& row : rows)
    add({text(row, "model"), text(row, "method"), format_number(number(row, "ms")),
         format_number(number(row, "other_ms"))},
        row);
  if (overall) add({"all", "", "", ""}, *overall);
  table.print();
}

/// How to read the table, and what can be done when it does not decide.
void print_legend(const Json& verdict, const AgainstOptions& options, const Json& row) {
  fmt::print(
      "\n{} times four fresh processes, two of each program, took turns. The intervals hold "
      "together in "
      "{:g} %;\ncontrol: what equal programs may seem to differ by in this run.\n",
      text(row, "repetitions"), 100 * (1 - error_level));
  if (text(verdict, "verdict") == "inconclusive")
    fmt::print(
        "To decide smaller differences: close other programs, or measure longer (--seconds "
        "{:.0f}).\n",
        4 * options.seconds);
}

double median_of_columns(const std::vector<Summaries>& times, std::size_t first) {
  std::vector<double> values;
  for (const Summaries& four : times) {
    values.push_back(four[first]);
    values.push_back(four[first + 1]);
  }
  return median(values);
}

std::vector<std::string> arguments_of(const OptionWords& words) {
  std::vector<std::string> result;
  for (const auto& [name, value] : words) result.push_back(fmt::format("{}={}", name, value));
  return result;
}

using Heard = std::function<void(double)>;

/// Takes turns for `seconds`. On a busy machine the threads of a step wait for one that was put
/// aside, far longer than they compute, and equal programs seem to differ by a lot. Where the first
/// repetitions show that, and the number of threads is left to us, both sides go on with one
/// thread.
Turns measure(Contender ours, Contender others, double seconds, bool may_change_threads,
              const Heard& progress) {
  constexpr double wanted_repetitions = 16, trial = 3, busy_noise = 0.1;
  const double each = seconds / wanted_repetitions;
  Turns first = take_turns(ours, others, trial * each, each, progress);
  double noise = 0;
  for (std::size_t m = 0; m < ours.methods.size(); ++m)
    noise +=
        noise_of(first, m, chosen_quantile(first, m)) / static_cast<double>(ours.methods.size());
  const bool busy = may_change_threads && noise > busy_noise;
  if (busy)
    for (Contender* side : {&ours, &others}) side->words.push_back("--threads=1");
  Turns rest = take_turns(ours, others, (1 - trial / wanted_repetitions) * seconds, each, progress);
  rest.one_thread = busy;
  if (!busy)
    rest.repetitions.insert(rest.repetitions.begin(), first.repetitions.begin(),
                            first.repetitions.end());
  return rest;
}

/// What the programs differ in besides their code, a line each.
void print_differences(const Json& ours, const Json& others) {
  for (const char* key : {"compiler", "flags", "products", "blas", "threads"})
    if (member(ours, key) != member(others, key))
      fmt::print("{} differs: ours {}, other {}\n", key, text(ours, key), text(others, key));
}

/// What the two programs are, which a record and the first lines of the output say.
void introduce(const Turns& turns, Json& record) {
  record["ours"] = Json::parse_or_null(turns.ours);
  record["other"] = Json::parse_or_null(turns.others);
  if (turns.whole_commands)
    fmt::print("one program is older than --against: whole commands take turns\n");
  else
    print_differences(record["ours"], record["other"]);
}

/// The rows of one model, but for their verdicts, and the contrasts of each.
struct Measured {
  std::vector<Json> rows;
  std::vector<std::vector<Contrasts>> contrasts;
};

Measured measured(const AgainstModel& model, const Turns& turns) {
  const Json ours = Json::parse_or_null(turns.ours);
  const std::size_t methods = model.our_methods.size();
  Measured result;
  for (std::size_t m = 0; m < methods; ++m) {
    const double q = chosen_quantile(turns, m);
    const std::vector<Summaries> times = summaries(turns, m, q);
    Json raw = Json::array();
    for (const Summaries& four : times)
      raw.push_back(std::vector<double>(four.begin(), four.end()));
    const std::string &a = model.our_methods[m], &b = model.other_methods[m];
    result.rows.push_back({{"model", text(ours, "model")},
                           {"method", a == b ? a : a + " / " + b},
                           {"threads", turns.one_thread ? 1 : number(ours, "threads")},
                           {"ms", median_of_columns(times, 0)},
                           {"other_ms", median_of_columns(times, 2)},
                           {"quantile", q},
                           {"repetitions", times.size()},
                           {"repetitions_ms", raw}});
    result.contrasts.push_back(contrasts_of(times));
  }
  return result;
}

}  // namespace

int against(const AgainstOptions& options, const OtherProgram& ours, const OtherProgram& other,
            const std::vector<AgainstModel>& models, Json record) {
  fmt::print("ours:  {}\nother: {}\n", ours.name, other.name);
  std::size_t count = 0;
  for (const AgainstModel& model : models) count += model.our_methods.size();
  const double row_level = count == 1 ? error_level : error_level / 2 / static_cast<double>(count);

  std::vector<Json> rows;
  std::vector<std::vector<Contrasts>> of_models;
  Progress progress("timing", options.seconds * static_cast<double>(models.size()));
  for (const AgainstModel& model : models) {
    const bool may_change_threads = options.may_change_threads &&
                                    !model.ours.contains("--threads") &&
                                    !model.others.contains("--threads");
    const Turns turns =
        measure({ours.program, arguments_of(model.ours), model.our_methods},
                {other.program, arguments_of(model.others), model.other_methods}, options.seconds,
                may_change_threads, [&](double seconds) { progress.advance(seconds); });
    progress.clear();
    if (rows.empty()) introduce(turns, record);
    Measured found = measured(model, turns);
    if (turns.one_thread)
      fmt::print(
          "{}: the machine is busy; with all threads equal programs differ by more than 10 %, so "
          "both sides ran with one thread\n",
          text(found.rows[0], "model"));
    for (std::size_t m = 0; m < found.rows.size(); ++m) {
      decide(found.rows[m], found.contrasts[m], row_level, options.margin);
      rows.push_back(std::move(found.rows[m]));
    }
    of_models.push_back(averaged(found.contrasts));
  }

  Json overall;
  if (count > 1) decide(overall, averaged(of_models), error_level / 2, options.margin);
  print_rows(rows, count > 1 ? &overall : nullptr);
  print_legend(count > 1 ? overall : rows[0], options, rows[0]);
  record["level"] = error_level;
  record["rows"] = rows;
  record["overall"] = count > 1 ? overall : Json();
  if (!options.json.empty()) write_json(options.json, record);

  if (count > 1) rows.push_back(overall);
  const bool fails = std::ranges::any_of(rows, [&](const Json& row) {
    return options.fail_if_slower && text(row, "verdict") == "slower" &&
           number(row, "ratio") > 1 + *options.fail_if_slower;
  });
  return fails ? slower_status : 0;
}

}  // namespace twice::experiments
