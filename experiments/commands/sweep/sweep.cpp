// Options in, table out; commands/sweep/run_grid.h does the work.
#include "experiments/commands/sweep/sweep.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/report/table.h"
#include "experiments/report/write_report.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"
#include "experiments/run/terminal.h"

namespace twice::experiments {

namespace {

/// A list in a TOML file is also a list where the command line has a switch: `nesterov = [true,
/// false]`.
struct ListConfig : CLI::ConfigTOML {
  std::string to_flag(const CLI::ConfigItem& item) const override {
    return fmt::format("{}", fmt::join(item.inputs, ","));
  }
};

std::vector<GridAxis> axes_of(const SweepOptions& options) {
  std::vector<GridAxis> axes;
  const Json defaults = to_json(RunOptions());
  for (auto [option, words] : options.values) {
    if (words.empty()) continue;
    // A switch without a value is on.
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
  return fmt::format("{} of {} epochs", result.curve.size(), result.epochs());
}

void list_runs(const std::vector<RunResult>& results) {
  Table table({"run", "state"});
  for (const RunResult& result : results) table.add({result.run.name, state_text(result)});
  table.print();
  fmt::print("\n{} run{}\n", results.size(), results.size() == 1 ? "" : "s");
}

/// "96.39 ± 0.21 %"; of one run there is no deviation.
std::string percent(const Json& row, const char* field) {
  const double mean = number(row, field), deviation = number(row, std::string(field) + "_std");
  if (!std::isfinite(mean)) return "-";
  return std::isfinite(deviation) ? fmt::format("{:.2f} ± {:.2f} %", 100 * mean, 100 * deviation)
                                  : format_percent(mean);
}

std::string with_deviation(const Json& row, const char* field) {
  const double mean = number(row, field), deviation = number(row, std::string(field) + "_std");
  return format_number(mean) + (std::isfinite(deviation) ? " ± " + format_number(deviation) : "");
}

void print_rows(const Json& record) {
  std::vector<std::string> axes, headings = {"method"};
  for (const Json& axis : objects(member(record, "axes")))
    if (const std::string option = text(axis, "option"); option != "method" && option != "seed")
      axes.push_back(option);
  headings.insert(headings.end(), axes.begin(), axes.end());
  for (const char* heading : {"n", "test accuracy", "test loss", "|grad|", "seconds"})
    headings.emplace_back(heading);
  Table table(headings);
  for (const Json& row : objects(member(record, "rows"))) {
    std::vector<std::string> cells = {text(row, "method")};
    for (const std::string& axis : axes) cells.push_back(text(member(row, "options"), axis));
    for (const std::string& cell :
         {text(row, "n"), percent(row, "test_accuracy"), with_deviation(row, "loss"),
          with_deviation(row, "gradient_norm"), with_deviation(row, "seconds")})
      cells.push_back(cell);
    table.add(cells);
  }
  fmt::print("\n");
  table.print();
  fmt::print(
      "\nmean ± standard deviation over n seeds, after the last epoch; seconds: of training "
      "steps\n");
}

}  // namespace

void add_sweep_options(CLI::App& app, SweepOptions& options) {
  RunOptions unused;
  CLI::App train;
  add_options(train, unused);
  for (const std::string& name : grid_options()) {
    const CLI::Option* model = train.get_option("--" + name);
    CLI::Option* option = app.add_option("--" + name, options.values[name]);
    option->group(model->get_group())->delimiter(',')->type_name(model->get_type_name());
    if (model->get_expected_max() == 0) {  // a switch
      option->expected(0, CLI::detail::expected_max_vector_size);
      option->type_name("[true,false]");
    }
    option->description(model->get_description());
  }
  CLI::Option* seeds =
      app.add_option("--seeds", options.seeds, "Seeds 1 to N")->check(CLI::Range(1, 100000));
  seeds->group("Run")->excludes(app.get_option("--seed"));
  app.add_option("--threads", options.grid.threads,
                 "Cores for all runs together (0: those that this process may use)")
      ->check(CLI::Range(0, 1024))
      ->group("Run");
  app.add_option("--jobs", options.grid.jobs,
                 "Runs at a time, which share the cores (0: one a core, or one on all cores, "
                 "whichever is measured to be faster)")
      ->check(CLI::Range(0, 1024))
      ->group("Run");
  app.add_option("--checkpoint-every", options.grid.checkpoint_every,
                 "Steps between checkpoints of a run (0: one after each epoch)")
      ->check(CLI::Range(0, 1 << 30))
      ->group("Run");
  app.add_flag("--dry-run", options.dry_run, "List the runs and do nothing")->group("Run");
  app.add_option("--out", options.grid.out,
                 "Folder of the runs; one that holds some is gone on with")
      ->group("Output");
  app.add_option("--json", options.json, "File for the same result as JSON")->group("Output");
  app.add_option("--measure-steps", options.measure)->group("");
  app.set_config("--config", "", "TOML file with any of these options; lists are axes")
      ->group("Output");
  app.config_formatter(std::make_shared<ListConfig>());
  app.allow_config_extras(false);
  app.footer("Train's options take lists: --gamma 0.01,0.1 --seeds 5 makes every combination.");
}

int sweep(SweepOptions options) {
  if (!options.measure.empty()) return measure_steps(options.measure);
  if (options.grid.out.empty()) options.grid.out = "runs/sweep";
  const Grid grid = expand(axes_of(options));
  const std::filesystem::path out = options.grid.out;
  if (options.dry_run) {
    list_runs(look_up_grid(grid, out));
    return 0;
  }
  prepare_file(options.json);
  const std::vector<RunResult> results = run_grid(grid, options.grid);
  std::size_t done = 0;
  std::vector<const RunResult*> failed;
  for (const RunResult& result : results) {
    done += result.state == RunState::done;
    if (result.state == RunState::failed) failed.push_back(&result);
  }
  if (stop_requested()) {
    print_error(fmt::format("stopped with {} of {} runs done; the same command goes on", done,
                            results.size()));
    return stopped_status;
  }
  const Json record = Json::parse(read_file(out / "sweep.json"));
  print_rows(record);
  if (!options.json.empty()) write_json(options.json, record);
  if (done > 0) write_report(out);
  fmt::print("\n{}\n", (out / "sweep.json").string());
  if (!failed.empty())
    throw RunFailure(fmt::format("{} of {} runs failed, {}{}: {}", failed.size(), results.size(),
                                 failed.size() > 1 ? "first " : "", failed[0]->run.name,
                                 failed[0]->error));
  return 0;
}

}  // namespace twice::experiments
