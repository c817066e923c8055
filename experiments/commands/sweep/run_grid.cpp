// Runs a grid: looks up earlier results, and starts and follows the runs.
#include "experiments/commands/sweep/run_grid.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <set>

#include "autodiff/kernels/cpu.h"
#include "autodiff/threads/threads.h"
#include "experiments/app/command_line.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/sweep/costs.h"
#include "experiments/commands/sweep/places.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/files/words.h"
#include "experiments/report/progress.h"
#include "experiments/report/table.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// The earlier runs in the folder, and our runs with names that contain the axes of both.
struct Merged {
  Grid grid;
  std::vector<RunResult> earlier = {};
  /// The recorded layout of the earlier runs.
  Json layout = Layout();
  /// The kinds of kernels of the earlier runs.
  std::set<std::string> kernels = {};
  Checksums checksums;  ///< of our runs' files
};

/// Runs on different files of one name would count as one setting, so they cannot share a folder.
void check_unchanged(const RunResult& run, const Checksums& checksums) {
  for (const auto& [name, trained_on] : checksums_of(run.data))
    if (const auto now = checksums.find(name); now != checksums.end() && now->second != trained_on)
      throw UsageError(fmt::format(
          "{} is not the file that {} was trained on: checksum {}; expected {}; use another --out",
          name, run.folder.string(), now->second, trained_on));
}

/// The folder of the record of a sweep, and those of the records of its shards.
std::set<fs::path> record_folders(const fs::path& out) {
  std::set<fs::path> folders = {out};
  std::error_code error;
  for (fs::directory_iterator entry(out, error), end; !error && entry != end;
       entry.increment(error))
    if (entry->path().filename().string().starts_with("shard-")) folders.insert(entry->path());
  return folders;
}

/// Removes the shards' records after the record of the whole sweep has their runs. No shard has its
/// lock, because a shard locks `out` first.
void remove_shard_records(const fs::path& out) {
  for (const fs::path& folder : record_folders(out))
    if (folder != out) {
      fs::remove(folder / "sweep.json");
      std::error_code not_empty;
      fs::remove(folder / lock_file, not_empty);
      fs::remove(folder, not_empty);
    }
}

Merged merge(Grid grid, const fs::path& out, const Checksums& checksums) {
  if (fs::exists(out / "checkpoint.safetensors"))
    throw UsageError(fmt::format("{} holds a run of train: use another --out", out.string()));
  std::vector<Json> records;
  for (const fs::path& folder : record_folders(out)) {
    const fs::path file = folder / "sweep.json";
    const std::optional<std::string> bytes = read_if_exists(file);
    if (!bytes) continue;
    records.push_back(Json::parse_or_null(*bytes));
    recorded_grid(records.back(), file);  // reports errors of this file
  }
  if (records.empty()) return {.grid = std::move(grid), .checksums = checksums};
  const Json record = join_sweeps(records);
  Grid before = recorded_grid(record, out);

  // One earlier run of each model, data set and method is enough for the comparison.
  std::map<std::string, const GridRun*> kinds;
  for (const GridRun& run : before.runs)
    kinds.emplace(run.config.at("model").dump() + run.config.at("data").dump() +
                      run.config.at("method").dump(),
                  &run);
  for (const GridRun& run : grid.runs)
    for (const auto& [kind, earlier] : kinds)
      if (const auto option = clash(earlier->config, run.config, before.axes))
        throw UsageError(fmt::format(
            "the runs in {} have --{} {}, not {}: only {} may differ there; use another --out",
            out.string(), *option, earlier->config.value(*option, Json()).dump(),
            run.config.value(*option, Json()).dump(), fmt::join(before.axes, ", ")));
  grid.axes.insert(grid.axes.end(), before.axes.begin(), before.axes.end());
  grid.axes = ordered_axes(grid.axes);
  name_runs(grid);

  std::set<std::string> ours;
  for (const GridRun& run : grid.runs) {
    ours.insert(run.name);
    check_unchanged(look_up(run, out / run.name), checksums);
  }
  Merged result{.grid = std::move(grid),
                .layout = record.value("layout", Json(Layout())),
                .checksums = checksums};
  for (std::size_t i = 0; i < before.runs.size(); ++i) {
    const GridRun& run = before.runs[i];
    const Json& entry = record.at("runs").at(i);
    if (const Json& kernels = member(entry, "kernels"); kernels.is_array())
      for (const Json& kernel : kernels) result.kernels.insert(show(kernel));
    if (ours.contains(run.name)) continue;
    RunResult found = look_up(run, out / run.name);
    check_unchanged(found, checksums);
    if (found.state == RunState::pending && entry.value("state", "") == "failed") {
      found.state = RunState::failed;
      found.error = entry.value("error", "");
    }
    result.earlier.push_back(std::move(found));
  }
  return result;
}

/// Runs of one folder use the same kernels, because runs with other kernels differ in the last
/// digits. --cpu takes precedence, with a notice.
void continue_with_kernels(const std::set<std::string>& earlier, const GridOptions& options) {
  const std::string out = options.out.string();
  std::vector<std::string> usable;
  for (const Cpu kind : usable_cpus()) usable.emplace_back(str(kind));
  if (options.ranks) usable = options.ranks->kernels();
  for (const std::string& kind : earlier) {
    if (kind == str(cpu())) continue;
    if (is_cpu_given())
      print_error(fmt::format(
          "the runs in {} used the kernels {}, these use {}: they differ in the last digits", out,
          kind, str(cpu())));
    else if (holds(usable, kind))
      give_cpu(kind);
    else
      throw UsageError(fmt::format(
          "the runs in {} used the kernels {}, which {} cannot run: --cpu {} continues with "
          "others, which differ in the last digits",
          out, kind, options.ranks ? "some rank" : "this CPU", usable.back()));
  }
}

/// The runs of the grid, or those of a shard.
std::vector<RunResult> look_up_all(const Grid& grid, const GridOptions& options) {
  const Shard& shard = options.shard;
  std::vector<int> dealt;
  if (shard) dealt = deal(costs_of(grid), shard.parts);
  std::vector<RunResult> results;
  for (std::size_t i = 0; i < grid.runs.size(); ++i)
    if (const GridRun& run = grid.runs[i]; !shard || dealt[i] == shard.part)
      results.push_back(look_up(run, options.out / run.name));
  return results;
}

std::string ranks_on_nodes(int ranks, int nodes) {
  return counted(ranks, "rank") + " on " + counted(nodes, "node");
}

/// Starts the runs of a grid and tracks their progress.
class Scheduler {
 public:
  Scheduler(std::vector<RunResult>& ours, const Merged& merged, const GridOptions& options,
            const FolderLock& lock, Places& places, LivePage& page)
      : ours_(ours),
        merged_(merged),
        options_(options),
        lock_(lock),
        places_(places),
        page_(page),
        progress_("sweep", work_left()) {
    for (RunResult& result : ours) {
      by_name_[result.run.name] = &result;
      if (result.state != RunState::done) queue_.push_back(&result);
    }
    if (options.ranks)
      std::ranges::stable_sort(queue_, std::greater(),
                               [](const RunResult* result) { return cost_left(*result); });
    write();
  }

  void run() {
    bool told = false;
    for (;;) {
      while (!stop_requested() && !time_is_up() && !queue_.empty() &&
             places_.start(queue_.front()->run, queue_.front()->folder)) {
        running_.insert(queue_.front());
        queue_.pop_front();
      }
      if (running_.empty()) break;
      if (stop_requested() && !told) {
        places_.stop();
        told = true;
      }
      constexpr auto pause = std::chrono::milliseconds(10);
      for (const RunEnd& end : places_.collect(pause)) finish(*by_name_.at(end.name), end);
      show();
    }
    progress_.clear();
    write();
  }

 private:
  bool time_is_up() const {
    return options_.minutes > 0 &&
           Clock::now() - begin_ > std::chrono::duration<double, std::ratio<60>>(options_.minutes);
  }

  static double cost_left(const RunResult& result) {
    return result.run.cost.epoch * (result.run.epochs() - static_cast<double>(result.curve.size()));
  }

  double work_left() const {
    double left = 0;
    for (const RunResult& result : ours_) left += cost_left(result);
    return left;
  }

  void write() const {
    lock_.check();
    // All shards of a grid write the same axes and options, by which `report` joins their records.
    Grid whole = merged_.grid;
    std::vector<RunResult> all = ours_;
    if (!options_.shard) {
      all.insert(all.begin(), merged_.earlier.begin(), merged_.earlier.end());
      whole.runs.clear();
      for (const RunResult& result : all) whole.runs.push_back(result.run);
    }
    Json record = sweep_record(whole, all, merged_.layout);
    if (const Shard& shard = options_.shard)
      record["shard"] = {{"part", shard.part}, {"of", shard.parts}};
    write_atomically(options_.record_folder() / "sweep.json", record_text(record));
  }

  void finish(RunResult& result, const RunEnd& end) {
    running_.erase(&result);
    const std::size_t before = result.curve.size();
    result = look_up(result.run, result.folder);
    std::string error = end.error.empty() ? "ended before its last epoch" : end.error;
    try {
      check_unchanged(result, merged_.checksums);
    } catch (const UsageError& changed) {
      result.state = RunState::pending;
      error = changed.what();
      std::error_code ignored;
      for (const char* file : {"checkpoint.safetensors", "train.json"})
        fs::remove(result.folder / file, ignored);  // the run starts again
    }
    if (result.state != RunState::done && (stop_requested() || must_repeat(result, end))) {
      queue_.push_front(&result);  // a stopped run can be resumed, so it counts as pending
    } else if (result.state != RunState::done) {
      result.state = RunState::failed;
      result.error = error;
    }
    advance(result, before);
    write();
    if (result.state != RunState::pending) print(result, end.host);
  }

  /// Whether a run has ended for a reason that lies in the place where it was executed.
  bool must_repeat(const RunResult& result, const RunEnd& end) {
    if (end.again) {
      given_back_.emplace(&result, 0);
      return true;
    }
    // The process of a rank that was given up may still hold the folder for some time.
    constexpr int most_tries = 60;
    const auto found = given_back_.find(&result);
    return found != given_back_.end() && end.error.find("is in use by") != end.error.npos &&
           ++found->second < most_tries;
  }

  std::ptrdiff_t count(RunState state) const {
    return std::ranges::count(ours_, state, &RunResult::state);
  }

  void print(const RunResult& result, const std::string& host) {
    progress_.clear();
    const int width = static_cast<int>(fmt::formatted_size("{}", ours_.size()));
    fmt::print("{:>{}}/{}  {}  ", count(RunState::done) + count(RunState::failed), width,
               ours_.size(), result.run.name);
    const std::string place =
        nodes_ > 1 ? " on " + (host.empty() ? options_.ranks->host(0) : host) : "";
    if (result.state == RunState::failed)
      fmt::print("failed{}: {}\n", place, printable(result.error));
    else
      fmt::print("{}  loss {}  {}{}\n", format_percent(result.curve.back().test_accuracy),
                 format_number(result.curve.back().test_loss), format_seconds(result.seconds()),
                 place);
    flush_output();
  }

  /// Advances the progress bar by the epochs since `before`. For a failed run, the bar skips the
  /// remaining epochs.
  void advance(const RunResult& result, std::size_t before) {
    const std::size_t now = result.state == RunState::failed
                                ? static_cast<std::size_t>(result.run.epochs())
                                : std::max(before, result.curve.size());
    progress_.advance(result.run.cost.epoch * static_cast<double>(now - before), counts());
  }

  std::string counts() const {
    std::string text =
        fmt::format("{} done, {} running, {} failed, {} to do", count(RunState::done),
                    running_.size(), count(RunState::failed), queue_.size());
    if (options_.ranks) text += fmt::format(", {}", ranks_on_nodes(places_.ranks(), nodes_));
    return text;
  }

  /// Twice a second, reads the progress of the running processes.
  void show() {
    constexpr auto interval = std::chrono::milliseconds(500);
    if (Clock::now() - shown_ < interval) return;
    shown_ = Clock::now();
    for (RunResult* result : running_) {
      const std::size_t before = result->curve.size();
      result->curve = look_up(result->run, result->folder).curve;
      advance(*result, before);
    }
    progress_.advance(0, counts());
    if (options_.ranks) progress_.report();
    if (!options_.shard) page_.update();
  }

  std::vector<RunResult>& ours_;
  const Merged& merged_;
  const GridOptions& options_;
  const FolderLock& lock_;
  Places& places_;
  LivePage& page_;
  Progress progress_;
  std::map<std::string, RunResult*> by_name_;
  std::deque<RunResult*> queue_;
  std::set<RunResult*> running_;
  /// The runs of ranks that were given up, and how often their folders were in use since then.
  std::map<const RunResult*, int> given_back_;
  int nodes_ = options_.ranks ? options_.ranks->nodes() : 1;
  Clock::time_point shown_{}, begin_ = Clock::now();
};

}  // namespace

std::vector<RunResult> look_up_grid(Grid grid, const GridOptions& options) {
  const Checksums checksums = check_models(grid, options.shard.parts > 0);
  return look_up_all(merge(std::move(grid), options.out, checksums).grid, options);
}

Forecast forecast(Grid grid, const GridOptions& options, int parts) {
  const Checksums checksums = check_models(grid, true);
  merge(grid, options.out, checksums);  // reports errors
  return longest_part(grid, options.jobs, options.threads, parts);
}

std::vector<RunResult> run_grid(Grid grid, const GridOptions& options, LivePage& page) {
  // Shards and ranks get runs by cost. Otherwise only a terminal shows the time left.
  const bool shard = options.shard.parts > 0;
  const Checksums checksums =
      check_models(grid, shard || options.ranks || isatty(STDERR_FILENO) == 1);
  merge(grid, options.out, checksums);  // reports errors before anything is created
  prepare_folder(options.out);
  // Shards share the folder, and each has the folder of its record alone.
  const FolderLock whole(options.out,
                         shard ? FolderLock::Kind::shared : FolderLock::Kind::exclusive);
  std::optional<FolderLock> own;
  if (shard) own.emplace(prepare_folder(options.record_folder()));
  const FolderLock& lock = own ? *own : whole;
  Merged merged = merge(std::move(grid), options.out, checksums);
  std::vector<RunResult> results = look_up_all(merged.grid, options);

  std::vector<const GridRun*> left;
  for (const RunResult& result : results)
    if (result.state != RunState::done) left.push_back(&result.run);
  if (!left.empty()) continue_with_kernels(merged.kernels, options);
  Layout layout;
  Ranks* const ranks = left.empty() ? nullptr : options.ranks;
  if (ranks) {
    layout.jobs = jobs_of_ranks(options);
    layout.threads = threads_of_runs(*ranks, 0, options);
    layout.reason = ranks_on_nodes(ranks->size(), ranks->nodes());
    if (ranks->kernels_differ())
      layout.reason += fmt::format(", all with the kernels {}", str(cpu()));
  } else if (!left.empty()) {
    const int cores = options.threads > 0 ? options.threads : allowed_threads();
    layout = choose_layout(left, options.jobs, cores);
  }
  Places places({layout.jobs, layout.threads, options.checkpoint_every, lock.descriptor()}, ranks,
                options);
  layout.jobs *= places.ranks();
  if (!left.empty() && stop_requested()) return results;
  fmt::print("{}, {} done", counted(results.size(), "run"), results.size() - left.size());
  if (!left.empty()) {
    merged.layout = layout;
    if (ranks) merged.layout["ranks"] = places.layout();
    fmt::print("; {} at a time, {} each ({})", layout.jobs, counted(layout.threads, "thread"),
               layout.reason);
  }
  fmt::print("\n");
  flush_output();
  Scheduler scheduler(results, merged, options, lock, places, page);
  if (!shard) remove_shard_records(options.out);  // the scheduler has written their runs
  scheduler.run();
  return results;
}

}  // namespace twice::experiments
