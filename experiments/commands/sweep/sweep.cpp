// `./twice sweep`: accepts a list for each option of `train`, runs every combination (run_grid.h)
// and prints the table.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "experiments/app/terminal.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/sweep/costs.h"
#include "experiments/commands/sweep/places.h"
#include "experiments/commands/sweep/run_grid.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/files/words.h"
#include "experiments/report/runs.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

struct SweepOptions {
  /// The given values of train's options, word by word.
  std::map<std::string, std::vector<std::string>> values;
  /// Number of seeds. 0: the value of --seed, or 1.
  int seeds = 0;
  RandomSearch search;
  GridOptions grid;
  /// The words of --shard, "" for the whole grid.
  std::string shard;
  SlurmOptions slurm;
  /// All given options, for the script.
  OptionWords given;
  std::string out, json;
  bool dry_run = false;
  /// Internal: the options of a run, as a request to time its steps.
  std::string measure;
};

std::vector<GridAxis> axes_of(const SweepOptions& options) {
  std::vector<GridAxis> axes;
  const Json defaults = to_json(RunOptions());
  for (auto [option, words] : options.values) {
    if (words.empty()) continue;
    // A switch without a value means true.
    if (defaults.value(option, Json()).is_boolean()) std::ranges::replace(words, "", "true");
    if (option == "without")
      axes.push_back({option, {fmt::format("{}", fmt::join(words, ","))}});
    else
      axes.push_back({option, words});
  }
  if (options.seeds > 0) {
    GridAxis seeds{"seed", {}};
    for (int seed = 1; seed <= options.seeds; ++seed) seeds.values.push_back(std::to_string(seed));
    axes.push_back(seeds);
  }
  return axes;
}

std::string state_text(const RunResult& result) {
  if (result.state == RunState::done) return "done";
  if (result.curve.empty()) return "to do";
  return fmt::format("{} of {} epochs", result.curve.size(), result.run.epochs());
}

void list_runs(const std::vector<RunResult>& results) {
  Table table({"run", "state"});
  for (const RunResult& result : results) table.add({result.run.name, state_text(result)});
  table.print();
  fmt::print("\n{}\n", counted(results.size(), "run"));
}

/// Formats a mean and its deviation: "96.39 ± 0.21 %". A single run has no deviation.
std::string with_deviation(const Json& row, const std::string& field) {
  const double mean = number(row, field), deviation = number(row, field + "_std");
  if (field.ends_with("accuracy") && std::isfinite(deviation))
    return fmt::format("{:.2f} ± {:.2f} %", 100 * mean, 100 * deviation);
  if (field.ends_with("accuracy")) return format_percent(mean);
  return format_number(mean) + (std::isfinite(deviation) ? " ± " + format_number(deviation) : "");
}

void print_rows(const Json& record) {
  std::vector<std::string> axes, headings = {"method"};
  for (const Json& axis : objects(record, "axes"))
    if (const std::string option = text(axis, "option"); option != "method" && !is_seed(option))
      axes.push_back(option);
  std::vector<std::string> fields = metric_names(objects(record, "runs"));
  fields.insert(fields.begin(), {"test_accuracy", "loss"});
  fields.insert(fields.end(), {"gradient_norm", "seconds"});
  const std::vector<Json> rows = objects(record, "rows");
  std::erase_if(axes, [&](const std::string& axis) {
    return std::ranges::all_of(
        rows, [&](const Json& row) { return member(member(row, "options"), axis).is_null(); });
  });
  headings.insert(headings.end(), axes.begin(), axes.end());
  headings.emplace_back("n");
  std::erase_if(fields, [&](const std::string& field) {
    return !is_used({field, field, "", format_number}, rows);
  });
  const auto heading = [](const std::string& field) {
    return field == "loss" ? "test loss" : field == "gradient_norm" ? "|grad|" : heading_of(field);
  };
  for (const std::string& field : fields) headings.push_back(heading(field));
  Table table(headings);
  std::set<std::string> rankings;
  for (const Json& row : rows) {
    if (member(row, "chosen") == true) rankings.insert(heading(text(row, "ranked_by")));
    std::vector<std::string> cells = {text(row, "method")};
    for (const std::string& axis : axes) cells.push_back(text(member(row, "options"), axis));
    cells.push_back(text(row, "n"));
    for (const std::string& field : fields) cells.push_back(with_deviation(row, field));
    table.add(cells);
  }
  fmt::print("\n");
  table.print();
  // Settings of different tasks are not compared, so each task has a best one.
  std::erase_if(axes, [](const std::string& axis) { return !is_task(axis); });
  if (!rankings.empty())
    fmt::print(
        "\nmean ± standard deviation over n seeds, after the last epoch; seconds: time of the "
        "training steps. The first row of a method{}{} is its best setting by {}\n",
        axes.empty() ? "" : " for each --", fmt::join(axes, " and --"),
        fmt::join(rankings, " or "));
  const auto chosen_on_test = [](const Json& row) {
    return member(row, "chosen") == false && !text(row, "ranked_by").starts_with("validation");
  };
  if (std::ranges::any_of(rows, chosen_on_test))
    fmt::print(
        "settings chosen on the test data give optimistic results; --validation-share 0.1 sets "
        "aside training examples for the choice\n");
}

/// Prints the differences between the methods and the baseline of their group.
void print_comparisons(const Json& record) {
  const std::vector<Json> rows = objects(record, "comparisons");
  std::string group, baseline;
  for (const Json& row : rows) {
    const bool begins = &row == rows.data() || text(row, "group") != group;
    if (begins) {
      group = text(row, "group"), baseline = text(row, "baseline");
      fmt::print("\ndifferences seed by seed, with 95 % intervals of their mean{}\n",
                 group.empty() ? "" : ": " + printable(group));
    }
    if (text(row, "baseline") == baseline) fmt::print("{}\n", in_charset(comparison_text(row)));
  }
}

/// Writes the script of an array job.
int write_job_script(SweepOptions& options, const Grid& grid) {
  constexpr std::size_t few = 16;
  SlurmOptions& slurm = options.slurm;
  if (slurm.shards == 0) slurm.shards = static_cast<int>(std::min(grid.runs.size(), few));
  int& threads = options.grid.threads;
  threads = std::max(threads, 1);
  const Forecast need = forecast(grid, options.grid, slurm.shards);
  if (stop_requested()) return stopped_status;
  prepare_folder(options.grid.out);  // Slurm writes the jobs' output there
  prepare_file(slurm.file);
  write_output(slurm.file, job_script(slurm, options.given, options.grid.out, threads, need));
  fmt::print(
      "{} runs in {} of at most {}: {} min and {} MiB for each part; sbatch {} starts "
      "them\n",
      grid.runs.size(), counted(slurm.shards, "part"), need.runs, need.limit_minutes(),
      need.limit_mib(), shell_word(slurm.file));
  return 0;
}

void declare_sweep(OptionSet& set, SweepOptions& options) {
  for (const Option& option : grid_options()) set.add_axis(option, options.values[option.name]);
  set.group("Run");
  set.add("seeds", &options.seeds, "Seeds 1 to N", whole(1, 100000)).excludes = {"seed"};
  set.add("samples", &options.search.settings,
          "Random search: draw this many settings from the lists and ranges (0: all combinations)",
          whole(0, 100000));
  set.add("sample-seed", &options.search.seed, "Seed of the draws",
          whole(0, std::numeric_limits<long long>::max()))
      .needs = "samples";
  set.add("minutes", &options.grid.minutes,
          "Start no more runs after this many minutes (0: no limit)", number_from(0));
  set.add("threads", &options.grid.threads,
          "Cores for all runs together (0: those that this process may use); under mpirun, cores "
          "of each rank (0: its share of its node)",
          whole(0, 1024));
  set.add(
      "jobs", &options.grid.jobs,
      "Runs at a time, which share the cores (0: one on each core or one on all cores, "
      "whichever is faster in a measurement); under mpirun, runs at a time of each rank (0: one)",
      whole(0, 1024));
  set.add("checkpoint-every", &options.grid.checkpoint_every,
          "Steps between checkpoints of a run (0: after each epoch, or after several short ones)",
          whole(0, 1 << 30));
  set.add("dry-run", &options.dry_run, "List the runs and do nothing");
  set.group("Cluster");
  set.add(
      "shard", &options.shard,
      "Only one part of the runs, as in 3/16; parts cost about the same and may run side by side",
      shard_word());
  set.add("slurm", &options.slurm.file,
          "Write a script for sbatch to this file instead: an array job of shards, each with "
          "--threads cores")
      .excludes = {"shard", "dry-run", "json"};
  set.add("shards", &options.slurm.shards,
          "Parts of that array job (0: one for each run, at most 16)", whole(0, most_shards))
      .needs = "slurm";
  set.add("partition", &options.slurm.partition, "Partition of that array job").needs = "slurm";
  set.group("Output");
  set.add("out", &options.out, "Folder of the runs; if it holds a sweep, that sweep is continued");
  set.add("json", &options.json, "File for the same result as JSON");
  set.group("");
  set.add("measure-steps", &options.measure);
  set.keep_given(options.given);
  set.footer(
      "Train's options take lists and ranges: --gamma 0.01,0.1 --lr 1e-3..1e-1:log:5 --seeds 5 "
      "makes every combination; --gamma 1e-4..1:log --samples 20 draws 20.");
}

/// Starts or continues the sweep and prints a row for each setting. Returns the exit status, which
/// is 1 if a run failed.
int sweep(SweepOptions options) {
  watch_for_stop();
  if (!options.measure.empty()) return measure_steps(options.measure);
  options.grid.out = options.out.empty() ? "runs/sweep" : options.out;
  std::unique_ptr<Ranks> ranks;
  // A shard is a process of its own, even if srun starts several.
  if (options.shard.empty()) ranks = Ranks::join(command_text(), stop_requested);
  forget_launch();
  if (ranks && !ranks->leads()) {
    print_nothing();
    return serve_runs(*ranks, options.grid);
  }
  options.grid.ranks = ranks.get();
  const Grid grid = expand(axes_of(options), options.search);
  const std::filesystem::path out = options.grid.out;
  options.grid.shard = shard_of(options.shard);
  if (!options.slurm.file.empty()) return write_job_script(options, grid);
  if (options.dry_run) {
    list_runs(look_up_grid(grid, options.grid));
    return 0;
  }
  prepare_file(options.json);
  LivePage page(out);
  const std::vector<RunResult> results = run_grid(grid, options.grid, page);
  const auto done = std::ranges::count(results, RunState::done, &RunResult::state),
             failed = std::ranges::count(results, RunState::failed, &RunResult::state);
  if (stop_requested()) {
    print_error(fmt::format("stopped with {} of {} runs done; the same command continues", done,
                            results.size()));
    return stopped_status;
  }
  // Another process may already have taken over the record of a shard.
  Json record;
  if (!options.grid.shard || !options.json.empty())
    record = Json::parse(read_file(options.grid.record_folder() / "sweep.json"));
  if (!options.json.empty()) write_json(options.json, record);
  if (options.grid.shard) {
    fmt::print(
        "\npart {} of {}: {} of {} runs done; ./twice report {} shows all parts, and the same "
        "command without --shard does the rest\n",
        options.grid.shard.part, options.grid.shard.parts, done, results.size(),
        shell_word(out.string()));
  } else {
    print_rows(record);
    print_comparisons(record);
    if (done > 0) page.finish();
  }
  if (done + failed < std::ssize(results))
    fmt::print("\nthe time limit was reached with {} of {} runs done; the same command continues\n",
               done, results.size());
  const auto first = std::ranges::find(results, RunState::failed, &RunResult::state);
  if (first != results.end())
    throw RunFailure(fmt::format("{} of {} runs failed, {}{}: {}", failed, results.size(),
                                 failed > 1 ? "first " : "", first->run.name, first->error));
  return 0;
}

}  // namespace

void add_sweep(CommandLine& app) {
  app.add("sweep", "run a grid of settings on the cores; continues where it stopped", declare_sweep,
          sweep);
  app.shares_work();
}

}  // namespace twice::experiments
