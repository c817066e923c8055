// The command `bench`: its options, its models, its tables and its record.
#include "experiments/commands/bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autodiff/threads/threads.h"
#include "experiments/commands/bench/race.h"
#include "experiments/commands/bench/serve.h"
#include "experiments/commands/commands.h"
#include "experiments/measure/noise.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/progress.h"
#include "experiments/report/table.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

// ---- Models ----

/// The suite `paper`: small, wide and deep mlps on 784 inputs, and cnns on 32 x 32 x 3 images. The
/// batches lie far below, near and above the width, because the cost of exact GR relative to finite
/// differences depends on that ratio. `size` is the width of an mlp or the channels of a cnn. A cnn
/// has a fixed depth.
struct SuiteRow {
  const char* model;
  int size, depth, batch;
  const char* activation = "relu";
};
constexpr SuiteRow paper_suite[] = {
    {"mlp", 64, 3, 32},           {"mlp", 128, 3, 64},
    {"mlp", 512, 4, 32},          {"mlp", 512, 4, 128},
    {"mlp", 512, 4, 128, "tanh"}, {"mlp", 512, 4, 128, "gelu"},
    {"mlp", 512, 8, 128},         {"mlp", 1024, 4, 32},
    {"mlp", 1024, 4, 128},        {"mlp", 1024, 4, 256},
    {"mlp", 1024, 4, 512},        {"mlp", 2048, 4, 128},
    {"mlp", 2048, 8, 64},         {"cnn", 8, 0, 32},
    {"cnn", 8, 0, 32, "gelu"},    {"cnn", 16, 0, 64},
    {"cnn", 16, 0, 64, "gelu"},   {"cnn", 32, 0, 64},
    {"cnn", 32, 0, 64, "gelu"},
};

RunOptions with(const RunOptions& options, const Json& model) {
  Json all = to_json(options);
  all.update(model);
  return run_options(all);
}

// ---- Tables ----

/// Prints the threads, the BLAS and the peer.
void print_start(const Json& record) {
  const Json& machine = record["machine"];
  fmt::print("{} threads, {}\n", text(machine, "threads"), text(machine, "blas"));
  if (record.contains("peer")) {
    const Json& peer = record["peer"];
    fmt::print("peer: {} ({}), {} threads, {}\n", text(peer, "name"), text(peer, "python"),
               text(peer, "threads"),
               peer["same_blas"].get<bool>() ? "the same OpenBLAS"
                                             : "another BLAS: " + text(peer, "blas"));
  }
  std::fflush(stdout);
}

/// Prints the rows of one model.
void print_model(const Json& rows) {
  fmt::print("\n{}\n", text(rows[0], "model"));
  screen_table(columns_of("bench"), objects(rows)).print();
  std::string variants;
  for (const Json& row : rows)
    if (row.contains("peer_variant"))
      variants += fmt::format("{}{} {}", variants.empty() ? "" : "; ", text(row, "method"),
                              text(row, "peer_variant"));
  if (!variants.empty()) fmt::print("peer's fastest: {}\n", variants);
  for (const Json& row : rows)
    if (number(row, "put_aside") > number(row, "samples"))  // rarer preemption is normal
      fmt::print(
          "{}: other work took a core {:.0f} times; helpers computed {:.0f} % of the tiles\n",
          text(row, "method"), number(row, "put_aside"), 100 * number(row, "helper_share"));
  for (const Json& row : rows)
    if (row["method"] == "exact" && row.contains("ratio_to_f_gr"))
      fmt::print("exact / f-gr {}\n", ratio_sentence(row, "ratio_to_f_gr"));
  std::fflush(stdout);
}

/// For each method, in order of appearance: the geometric means of its ratios over `rows`.
Json means_of(const Json& rows) {
  Json means = Json::array();
  for (const Json& first : rows) {
    if (std::ranges::any_of(means, [&](const Json& m) { return m["method"] == first["method"]; }))
      continue;
    Json mean = {{"method", first["method"]}};
    for (const char* field : {"ratio", "ratio_to_gradient", "ratio_to_f_gr"}) {
      // These are intervals of logarithms. If the ratios are independent, the squares of the
      // half-widths add up.
      double sum = 0, squares = 0;
      int count = 0;
      std::optional<Interval> single;
      for (const Json& row : rows)
        if (row["method"] == first["method"] && row.contains(field)) {
          const double unknown = std::numeric_limits<double>::infinity();
          const Interval own = interval_of(row, field).value_or(Interval{0, unknown});
          sum += std::log(number(row, field)), ++count;
          squares += std::pow(std::log(own.high / own.low) / 2, 2);
          single = own;
        }
      if (count == 0) continue;
      const double center = sum / count, half = std::sqrt(squares) / count;
      add_ratio(
          mean, field,
          {std::exp(center),
           count == 1 ? *single : Interval{std::exp(center - half), std::exp(center + half)}});
    }
    means.push_back(mean);
  }
  return means;
}

/// The differences between the predicted and the measured times of all steps.
Json residuals_of(const Json& rows) {
  std::vector<double> errors;
  for (const Json& row : rows)
    if (const double residual = number(row, "residual"); std::isfinite(residual))
      errors.push_back(std::abs(residual));
  if (errors.empty()) return {};
  return {
      {"median", median(errors)}, {"largest", std::ranges::max(errors)}, {"steps", errors.size()}};
}

/// Prints one line of ratios for each model, and their means: exact relative to f-gr and to the
/// gradient, and the peer relative to each of our methods.
void print_summary(const Json& record) {
  std::vector<Column> shown = {{"model", "model", "", nullptr},
                               {"exact ratio_to_f_gr", "exact / f-gr", "", format_ratio},
                               {"exact ratio_to_gradient", "exact / gradient", "", format_ratio}};
  std::vector<Json> lines;
  const auto add = [&](const std::string& model, const Json& row) {
    if (lines.empty() || lines.back()["model"] != model) lines.push_back({{"model", model}});
    for (const auto& [field, value] : row.members())
      lines.back()[text(row, "method") + " " + field] = value;
  };
  for (const Json& row : record["rows"]) add(text(row, "model"), row);
  for (const Json& mean : record["means"]) {
    add("geometric mean", mean);
    shown.push_back({text(mean, "method") + " ratio", "peer / ours: " + text(mean, "method"), "",
                     format_ratio});
  }
  if (std::none_of(shown.begin() + 1, shown.end(),
                   [&](const Column& column) { return is_used(column, lines); }))
    return;
  fmt::print("\n");
  screen_table(shown, lines).print();
}

// ---- Options ----

/// Declares the options of bench alone.
void declare_measurement(OptionSet& set, BenchOptions& options) {
  set.group("Bench", true);
  set.add("suite", &options.suite, "A set of models instead of one: paper", one_of({"paper"}))
      .excludes = options_of_models;
  set.add("rows", &options.rows, "Only the suite's models whose names contain this").needs =
      "suite";
  set.add("seconds", &options.seconds,
          "Measuring time for each model, in seconds (10; 30 with --against)");
  set.add("against", &options.against,
          "Compare with another program: a build, a git revision, or this one with other options "
          "(\"--without winograd\")");
  set.add("same-within", &options.same_within, "With --against: smaller differences do not count")
      .needs = "against";
  set.add("fail-if-slower", &options.fail_if_slower,
          "With --against: exit status 3 if this program is slower by more than this, such as 3%")
      .needs = "against";
  set.add("peer", &options.peer, "Another engine to measure beside ours: pytorch",
          one_of({"pytorch"}));
  set.add("peer-python", &options.peer_python, "The Python interpreter that has PyTorch").needs =
      "peer";
  set.add("peer-malloc", &options.peer_malloc,
          "The peer's allocator: system, unchanged; keep, freed memory stays in the process",
          one_of({"system", "keep"}))
      .needs = "peer";
  set.add("neighbours", &options.neighbours,
          "Number of busy processes beside the measurement, to see the cost of sharing the machine",
          whole(0, 1024));
  set.add("neighbour-kind", &options.neighbour_kind,
          "cpu: they compute; memory: they copy memory; bursts: they compute for 3 ms, then sleep "
          "for 3 ms",
          one_of(neighbour_kinds))
      .needs = "neighbours";
  set.add("no-memory", &options.no_memory, "Do not measure memory");
  set.add("no-prediction", &options.no_prediction,
          "Do not predict times, which takes a few seconds for each model");
}

}  // namespace

std::vector<Json> models_of(const BenchOptions& options) {
  if (options.suite.empty()) return {Json::object()};
  std::vector<Json> result;
  std::vector<std::string> labels;
  for (const SuiteRow& row : paper_suite) {
    Json model = {{"model", row.model}, {"batch", row.batch}, {"activation", row.activation}};
    const bool mlp = model["model"] == "mlp";
    model[mlp ? "width" : "channels"] = row.size;
    if (mlp) model["depth"] = row.depth;
    labels.push_back(random_problem(with(options.run, model)).label());
    if (labels.back().find(options.rows) != std::string::npos) result.push_back(model);
  }
  if (result.empty())
    throw UsageError(
        fmt::format("--rows: no model of the suite has '{}' in its name; the names are {}",
                    options.rows, fmt::join(labels, ", ")));
  return result;
}

Json config_of(const BenchOptions& options) {
  BenchOptions copy = options;
  OptionSet own;
  declare_measurement(own, copy);
  Json config = to_json(options.run);
  config.update(own.to_json());
  if (!options.suite.empty())
    for (const std::string& option : options_of_models) config.erase(option);
  if (options.against.empty())
    for (const char* of_comparison : {"against", "same-within", "fail-if-slower"})
      config.erase(of_comparison);
  return config;
}

void complete(BenchOptions& options) {
  RunOptions& o = options.run;
  o.data = "random";
  o.momentum = 0;
  o.lr = 1e-4;
  o.schedule = "constant";
  complete(o, {"sgd", "f-gr", "exact"});
  if (!options.seconds) options.seconds = options.against.empty() ? 10 : 30;
  if (!(*options.seconds >= 0.01 && *options.seconds <= 3600))  // false for NaN
    throw UsageError(
        fmt::format("--seconds must be a number from 0.01 to 3600, was {}", *options.seconds));
}

void declare_bench(OptionSet& set, BenchOptions& options) {
  declare(set, options.run, {.training = false, .norm = true});
  // The inputs are random, and the record is the only output.
  set.remove({"data", "augment", "out"});
  declare_measurement(set, options);
  set.group("");
  set.add("measure-memory", &options.measure_memory);
  set.add("serve", &options.serve);
  set.add("handicap", &options.handicap, "", number_from(0, 10));
}

namespace {

/// Prints a table for each model and the means over all, and writes the record to `--json`. Returns
/// the exit status.
int bench(BenchOptions options) {
  watch_for_stop();
  if (!options.measure_memory.empty()) {
    fmt::print("{}\n", step_memory_here(options.measure_memory));
    return 0;
  }
  complete(options);
  set_threads(options.run.threads);
  if (options.serve) return serve(options.run, options.handicap);
  if (options.against.empty()) warn_of_unread(options.run);
  prepare_file(options.run.json);

  try {
    const auto neighbours = start_neighbours(options.neighbours, options.neighbour_kind);
    if (!options.against.empty())
      return compare_programs(options, "", options.against, "--against");
    std::vector<RunOptions> models;
    for (const Json& model : models_of(options)) models.push_back(with(options.run, model));
    Json record = record_header("bench");
    record["config"] = config_of(options);
    std::optional<Peer> peer;
    if (!options.peer.empty()) {
      peer.emplace(Peer::Options{options.peer_python, options.peer_malloc, options.run.threads});
      for (const RunOptions& model : models) peer->check(model);
      record["peer"] = peer->description();
    }
    record["rows"] = Json::array();
    print_start(record);

    NoiseMeter noise(options.run.number_type());
    noise.pause();
    RaceTotals totals{.noise = noise};
    if (!options.no_prediction) totals.peak = measured_peak(options.run.number_type());
    Progress progress("timing", *options.seconds * static_cast<double>(models.size()));
    for (const RunOptions& model : models) {
      const Json rows = race(model, peer ? &*peer : nullptr, *options.seconds, !options.no_memory,
                             totals, [&](double seconds) { progress.advance(seconds); });
      progress.clear();
      print_model(rows);
      for (const Json& row : rows) record["rows"].push_back(row);
    }
    record["noise"] = noise.record();
    Json& machine = record["machine"];
    machine["peak_gflops"] = totals.our_peak;
    machine["blas_gflops"] = totals.blas_peak;
    record["means"] = means_of(record["rows"]);
    record["residuals"] = residuals_of(record["rows"]);
    if (peer) {
      record["peer"]["idle_cpu"] = totals.peers.share();
      record["peer"]["our_idle_cpu"] = totals.ours.share();
    }
    if (models.size() > 1) print_summary(record);
    fmt::print(
        "\nbest product of two 1024 x 1024 matrices: {} GFLOP/s by our kernel ({}), {} by "
        "OpenBLAS\n",
        format_number(totals.our_peak), text(machine, "products"), format_number(totals.blas_peak));
    const std::string warning = noise_warning(record);
    if (const Json& off = record["residuals"]; off.is_object() && warning.empty())
      fmt::print(
          "predictions from single kernels and the places of their data: median error over {1} "
          "steps {0}, largest {2}\n",
          format_percent(number(off, "median")), text(off, "steps"),
          format_percent(number(off, "largest")));
    if (!warning.empty()) fmt::print("{}; predictions are not judged\n", warning);
    if (!options.run.json.empty()) write_json(options.run.json, record);
  } catch (const Stopped&) {
    fmt::print(stderr, "stopped; an unfinished bench leaves no record\n");
    return stopped_status;
  }
  return 0;
}

}  // namespace

void add_bench(CommandLine& app) {
  app.add("bench", "time steps of models and methods, alone or beside PyTorch", declare_bench,
          bench);
}

}  // namespace twice::experiments
