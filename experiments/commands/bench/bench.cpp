// Options, the models to run, tables and the record.
#include "experiments/commands/bench/bench.h"

#include "autodiff/threads/threads.h"
#include "experiments/commands/bench/against_command.h"
#include "experiments/commands/bench/race.h"
#include "experiments/commands/bench/suite.h"
#include "experiments/commands/bench/tables.h"
#include "experiments/measure/memory.h"
#include "experiments/measure/neighbours.h"
#include "experiments/measure/served_steps.h"
#include "experiments/report/progress.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

RunOptions with_row(RunOptions options, const SuiteRow& row) {
  options.model = row.model;
  options.batch = row.batch;
  options.activation = row.activation;
  if (row.model == "mlp") options.width = row.size, options.depth = row.depth;
  if (row.model == "cnn") options.channels = row.size;
  return options;
}

/// The options of each model that is to run.
std::vector<RunOptions> models_of(const BenchOptions& options) {
  if (options.suite.empty()) return {options.run};
  std::vector<RunOptions> result;
  for (const SuiteRow& row : suite_rows(options)) result.push_back(with_row(options.run, row));
  return result;
}

}  // namespace

/// The suite's rows that are asked for.
std::vector<SuiteRow> suite_rows(const BenchOptions& options) {
  std::vector<SuiteRow> result;
  std::string labels;
  for (const SuiteRow& row : paper_suite()) {
    const std::string label = random_problem(with_row(options.run, row)).label();
    labels += (labels.empty() ? "" : ", ") + label;
    if (label.find(options.rows) != std::string::npos) result.push_back(row);
  }
  if (result.empty())
    throw UsageError(fmt::format("--rows: no model of the suite has '{}' in its name; they are {}",
                                 options.rows, labels));
  return result;
}

Json config_of(const BenchOptions& options) {
  Json config = to_json(options.run);
  if (!options.suite.empty())
    for (const char* own : {"model", "width", "depth", "channels", "activation", "batch"})
      config.erase(own);
  config["suite"] = options.suite;
  config["rows"] = options.rows;
  config["seconds"] = *options.seconds;
  config["peer"] = options.peer;
  config["peer-python"] = options.peer_python;
  config["peer-malloc"] = options.peer_malloc;
  config["no-memory"] = options.no_memory;
  config["neighbours"] = options.neighbours;
  config["neighbour-kind"] = options.neighbour_kind;
  if (!options.against.empty()) {
    config["against"] = options.against;
    config["same-within"] = options.same_within;
    config["fail-if-slower"] = options.fail_if_slower;
  }
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
  if (!(*options.seconds >= 0.01 && *options.seconds <= 3600))  // NaN is neither
    throw UsageError(
        fmt::format("--seconds must be a number from 0.01 to 3600, was {}", *options.seconds));
  if (options.suite.empty() && !options.rows.empty())
    throw UsageError("--rows picks rows of a suite: it needs --suite");
  if (options.against.empty() && !options.fail_if_slower.empty())
    throw UsageError("--fail-if-slower needs --against");
}

void declare_bench(OptionSet& set, BenchOptions& options) {
  declare(set, options.run, {.training = false, .norm = true});
  // The numbers are random, and nothing is written but the record.
  set.remove({"data", "augment", "out"});
  set.group("Bench");
  set.add("suite", &options.suite, "A set of models instead of one: paper", one_of({"paper"}))
      .excludes = {"model", "width", "depth", "channels", "activation", "batch"};
  set.add("rows", &options.rows, "Only the suite's models whose names hold this");
  set.add("seconds", &options.seconds, "Measuring time for a model (10; 30 with --against)");
  set.add("against", &options.against,
          "Compare with another program: a build, a git revision, or this one with other options "
          "(\"--without winograd\")");
  set.add("same-within", &options.same_within, "With --against: smaller differences do not count");
  set.add("fail-if-slower", &options.fail_if_slower,
          "With --against: exit status 3 when this program is slower by more, such as 3%");
  set.add("peer", &options.peer, "Another engine beside ours: pytorch", one_of({"pytorch"}));
  set.add("peer-python", &options.peer_python, "The Python that has PyTorch");
  set.add("peer-malloc", &options.peer_malloc,
          "system: as it is; keep: freed memory stays in the peer's process",
          one_of({"system", "keep"}));
  set.add("neighbours", &options.neighbours,
          "Busy processes beside the measurement, to see what sharing the machine costs",
          whole(0, 1024));
  set.add("neighbour-kind", &options.neighbour_kind,
          "cpu: they compute; memory: they copy memory; bursts: they compute for 3 ms, then sleep "
          "for 3 ms",
          one_of(neighbour_kinds()));
  set.add("no-memory", &options.no_memory, "Do not measure memory");
  set.group("");
  set.add("measure-memory", &options.measure_memory);
  set.add("serve", &options.serve);
  set.add("handicap", &options.handicap, "", number_from(0, 10));
  set.keep_given(options.given);
}

int bench(BenchOptions options) {
  watch_for_stop();
  if (!options.measure_memory.empty()) {
    fmt::print("{}\n", step_memory_here(options.measure_memory));
    return 0;
  }
  complete(options);
  set_threads(options.run.threads);
  if (options.serve) return serve_steps(options.run, options.handicap);
  prepare_file(options.run.json);

  try {
    const Neighbours neighbours(options.neighbours, options.neighbour_kind);
    if (!options.against.empty())
      return compare_programs(options, "", options.against, "--against");
    const std::vector<RunOptions> models = models_of(options);
    std::optional<Peer> peer;
    if (!options.peer.empty()) {
      peer.emplace(Peer::Options{options.peer_python, options.peer_malloc, options.run.threads});
      for (const RunOptions& model : models) peer->check(model);
    }
    Json record = record_header("bench");
    record["config"] = config_of(options);
    const RaceOptions race_options{*options.seconds, !options.no_memory};
    if (peer) record["peer"] = peer->description();
    record["rows"] = Json::array();
    print_start(record);

    BestProduct best;
    Progress progress("timing", *options.seconds * static_cast<double>(models.size()));
    IdleUse idle;
    for (const RunOptions& model : models) {
      const Json rows = race(model, peer ? &*peer : nullptr, race_options, idle, best,
                             [&](double seconds) { progress.advance(seconds); });
      progress.clear();
      print_model(rows);
      for (const Json& row : rows) record["rows"].push_back(row);
    }
    record["machine"]["peak_gflops"] = best.ours;
    record["machine"]["blas_gflops"] = best.blas;
    record["means"] = means_of(record["rows"]);
    if (peer) {
      record["peer"]["idle_cpu"] = idle.peers / idle.peers_while;
      record["peer"]["our_idle_cpu"] = idle.ours / idle.ours_while;
    }
    if (models.size() > 1) print_summary(record);
    print_peaks(record);
    if (!options.run.json.empty()) write_json(options.run.json, record);
  } catch (const Stopped&) {
    fmt::print(stderr, "stopped; a bench that is not finished leaves no record\n");
    return stopped_status;
  }
  return 0;
}

}  // namespace twice::experiments
