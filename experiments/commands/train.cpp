// `./twice train`: one run of one model with one method. A run writes checkpoints, so it can be
// killed at any moment and resumed to the same bits.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "autodiff/kernels/cpu.h"
#include "autodiff/threads/threads.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/commands.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"
#include "experiments/files/safetensors.h"
#include "experiments/files/words.h"
#include "experiments/measure/steps.h"
#include "experiments/report/progress.h"
#include "experiments/report/table.h"
#include "experiments/report/write_report.h"
#include "experiments/run/machine.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  RunOptions run;
  bool resume = false, fresh = false;
  /// Steps between checkpoints. 0 means checkpoints only after epochs.
  int checkpoint_every = 0;
};

/// The options of the resumed run. The number of threads may change, since results do not depend on
/// it.
RunOptions resumed_options(const TrainOptions& given, const fs::path& checkpoint) {
  const Json stored = checkpoint_history(checkpoint).config, asked = to_json(given.run);
  for (const auto& [name, value] : asked.members())
    if (name != "threads" && name != "epochs" && given.run.given.contains("--" + name) &&
        (!stored.contains(name) || stored[name] != value))
      throw UsageError(
          fmt::format("--{} is {} but the run in {} has {}: leave it out to resume, or "
                      "use another --out",
                      name, value.dump(), checkpoint.string(),
                      stored.contains(name) ? stored[name].dump() : "none"));
  RunOptions options;
  try {
    options = run_options(stored);
  } catch (const JsonError& error) {
    fail("checkpoint", "{}: the stored options are damaged: {}", checkpoint.string(), error.what());
  }
  if (given.run.given.contains("--threads")) options.threads = given.run.threads;
  if (given.run.given.contains("--epochs")) {
    if (given.run.epochs < options.epochs)
      throw UsageError(
          fmt::format("--epochs {} but the run in {} has {}: a run can be made longer, "
                      "not shorter",
                      given.run.epochs, checkpoint.string(), options.epochs));
    if (given.run.epochs > options.epochs && options.schedule != "constant")
      fmt::print("schedule {}: from here on, the learning rate is that of a run of {} epochs\n",
                 options.schedule, given.run.epochs);
    options.epochs = given.run.epochs;
  }
  options.out = given.run.out;
  options.json = given.run.json;
  return options;
}

/// A run goes on with the kernels of its last step, so that its bits do not depend on the
/// interruption. Other kernels, from --cpu or on a machine that lacks those, get a notice.
void continue_with_kernels(RunHistory& history) {
  if (!history.kernels.is_array() || history.kernels.empty())
    history.kernels = Json::array({str(cpu())});
  const Json before = history.kernels.back();
  const auto is_before = [&](Cpu kind) { return Json(str(kind)) == before; };
  const std::vector<Cpu> usable = usable_cpus();
  const auto found = std::ranges::find_if(usable, is_before);
  if (found != usable.end() && !is_cpu_given()) set_cpu(*found);
  if (is_before(cpu())) return;
  history.kernels.push_back(str(cpu()));
  print_error(
      fmt::format("the steps so far used the kernels {}, the next ones use {}: the run differs in "
                  "the last digits from one without a change",
                  show(before), str(cpu())));
}

/// Fills in defaults and checks that the run has one method.
void complete_run(RunOptions& run) {
  complete(run, {"exact"});
  if (run.methods.size() != 1)
    throw UsageError(fmt::format("train takes one --method, was given {}; compare takes several",
                                 fmt::join(run.methods, ",")));
}

/// The record of the epochs so far. The results and the time of a step are those of the last one;
/// before the end of the first, there are none.
Json record_of(const Trainer& trainer, const RunHistory& history) {
  const Problem& problem = trainer.problem();
  const Method& method = trainer.method();
  Json row = cost_fields(problem,
                         mean_cost(method.name, program_shares(problem, method), trainer.plans()));
  for (const char* of_several : {"ms", "ms_min", "ms_iqr", "ms_interval", "samples"})
    row.erase(of_several);
  if (!history.curve.empty()) {
    const EpochRecord& last = history.curve.back();
    row["ms"] = last.seconds * 1e3 / static_cast<double>(trainer.steps_per_epoch());
    const Json results = last;
    for (const char* field : {"loss", "train_loss", "test_accuracy", "metrics", "gradient_norm"})
      row[field] = results[field];
  }
  row["equation"] = method.equation;
  row["convention"] = method.convention;
  row["curve"] = history.curve;
  if (const int best = best_epoch(history.curve)) row["best_epoch"] = best;
  Json record = record_header("train");
  record["config"] = history.config;
  record["data"] = history.data;
  record["kernels"] = history.kernels;
  record["team"] = team_record();
  record["rows"].push_back(row);
  return record;
}

/// Prints the run, the constants that it uses, and its length.
void print_head(const Trainer& trainer) {
  const RunOptions& run = trainer.problem().options;
  const Json config = to_json(run);
  std::string constants;
  for (const char* name : {"gamma", "epsilon", "rho", "asam-eta", "flood-level", "lr", "momentum",
                           "weight-decay", "clip", "warmup"}) {
    const double value = config.value(name, 0.0);
    if (value > 0 && uses(config, name)) constants += fmt::format("{} {:g}, ", name, value);
  }
  const Index examples = trainer.problem().data.train.size(),
              used = trainer.steps_per_epoch() * run.batch;
  fmt::print("{} on {}, {}: {}\n{}{}, {} schedule, {} of {}{}, seed {}\n\n",
             trainer.problem().label(), trainer.problem().data.train.name, trainer.method().name,
             trainer.method().equation, constants, run.optimizer, run.schedule,
             counted(run.epochs, "epoch"), counted(trainer.steps_per_epoch(), "step"),
             used == examples ? "" : fmt::format(" ({} of {} examples)", used, examples), run.seed);
}

/// Prints a line for each epoch, with a column for each metric. The heading appears above the first
/// line.
void print_epoch(const EpochRecord& r) {
  const auto number_cell = [](double x) {
    if (std::isnan(x)) return fmt::format("{:>10}", "nan");  // without a sign
    return std::abs(x) < 1e4 ? fmt::format("{:>10.5f}", x) : fmt::format("{:>10.3e}", x);
  };
  std::vector<std::pair<std::string, std::string>> cells = {
      {"epoch", fmt::format("{:>5}", r.epoch)},
      {"train loss", number_cell(r.train_loss)},
      {"test loss", number_cell(r.test_loss)}};
  if (!std::isnan(r.test_accuracy))
    cells.emplace_back("accuracy", fmt::format("{:>9}", format_percent(r.test_accuracy)));
  for (const auto& [name, value] : r.metrics) {
    const std::string heading = heading_of(name);
    cells.emplace_back(heading, fmt::format("{:>{}}", format_metric(name, value),
                                            std::max<std::size_t>(9, heading.size())));
  }
  cells.emplace_back("|grad|", number_cell(r.gradient_norm));
  cells.emplace_back("seconds", fmt::format("{:>8.2f}", r.seconds));
  std::string heading, line;
  for (const auto& [name, cell] : cells) {
    heading += fmt::format("{}{:>{}}", heading.empty() ? "" : "  ", name, cell.size());
    line += fmt::format("{}{}", line.empty() ? "" : "  ", cell);
  }
  if (r.epoch == 1) fmt::print("{}\n", heading);
  fmt::print("{}\n", line);
  flush_output();
}

/// Writes the checkpoint, the best weights and the record of a run.
class RunFiles {
 public:
  RunFiles(Trainer& trainer, const RunHistory& history, const FolderLock& lock)
      : trainer_(trainer), history_(history), lock_(lock) {
    // The last process may have been killed between two files.
    if (is_best()) write_safetensors(best_, checkpoint_of(trainer, history));
    if (trainer.finished()) write_record();
  }

  const fs::path& folder() const { return lock_.folder(); }

  /// Saves after an epoch, if asked or if saving then takes at most a tenth of the time. A short
  /// epoch takes less time than saving. If nothing is saved, keeps the arrays of a best epoch.
  void end_epoch(bool asked) {
    std::vector<EpochRecord> rivals = {history_.curve.back()};
    if (best_epoch_ > 0)
      rivals.insert(rivals.begin(), history_.curve[static_cast<std::size_t>(best_epoch_) - 1]);
    best_epoch_ = best_epoch(rivals);
    if (asked || trainer_.finished() || !recorded_ || Clock::now() >= next_) {
      save();
    } else if (is_best()) {
      kept_ = checkpoint_arrays(trainer_);
      for (auto& [name, array] : *kept_) array = array.clone();
    }
  }

  /// Writes the checkpoint and, after the first epoch, the record.
  void save() {
    const Clock::time_point start = Clock::now();
    lock_.check();
    // Files of another run do not belong to this checkpoint.
    std::error_code error;
    if (best_epoch_ == 0) fs::remove(best_, error);
    if (history_.curve.empty())
      for (const char* file : {"train.json", "report.html", "runs.csv", "curves.csv"})
        fs::remove(lock_.folder() / file, error);
    // The checkpoint of the best epoch comes first. A run that is killed before the next file
    // resumes there, and writes the best weights.
    if (kept_ && !is_best()) {
      RunHistory until = history_;
      until.curve.resize(static_cast<std::size_t>(best_epoch_));
      const TensorFile best{*kept_,
                            checkpoint_notes(best_epoch_ * trainer_.steps_per_epoch(), {}, until)};
      write_safetensors(checkpoint_, best);
      write_safetensors(best_, best);
    }
    kept_.reset();
    const TensorFile now = checkpoint_of(trainer_, history_);
    write_safetensors(checkpoint_, now);
    if (is_best()) write_safetensors(best_, now);
    if (!history_.curve.empty()) write_record();
    saved_epochs_ = std::ssize(history_.curve);
    constexpr int share = 10;
    next_ = Clock::now() + share * (Clock::now() - start);
  }

  /// Leaves the files of a run that failed. Skips files that cannot be written, so that the error
  /// of the run is the reported error.
  void leave_failed(LivePage& page, const std::string& error) try {
    error_ = error;
    lock_.check();
    write_record();
    page.stop();
    // After a failed evaluation, the curve lacks an epoch that the steps have completed.
    const Index epochs = std::ssize(history_.curve);
    if (epochs > saved_epochs_ && trainer_.steps() / trainer_.steps_per_epoch() == epochs) save();
  } catch (const std::exception&) {
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// Whether the state is that of the best epoch.
  bool is_best() const {
    return best_epoch_ > 0 && best_epoch_ * trainer_.steps_per_epoch() == trainer_.steps();
  }
  void write_record() {
    recorded_ = true;
    Json record = record_of(trainer_, history_);
    if (!error_.empty()) record["error"] = error_;
    write_atomically(lock_.folder() / "train.json", record_text(record));
  }

  Trainer& trainer_;
  const RunHistory& history_;
  const FolderLock& lock_;
  const fs::path checkpoint_ = lock_.folder() / "checkpoint.safetensors",
                 best_ = lock_.folder() / best_weights;
  Index saved_epochs_ = std::ssize(history_.curve), best_epoch_ = best_epoch(history_.curve);
  std::optional<NamedArrays> kept_;  ///< of the best epoch, if no file has them yet
  bool recorded_ = false;            ///< whether this process has written the record
  Clock::time_point next_ = {};
  std::string error_;
};

/// Trains until the end or a stop and writes checkpoints on the way. Returns the exit status.
int run_to_end(Trainer& trainer, RunHistory& history, RunFiles& files, int every, LivePage& page) {
  Progress progress(fmt::format("training {}", trainer.method().name),
                    static_cast<double>(trainer.total_steps() - trainer.steps()));
  for (const EpochRecord& epoch : history.curve) print_epoch(epoch);
  const auto asked = [&] { return every > 0 && trainer.steps() % every == 0; };
  while (!trainer.finished()) {
    const std::string note = fmt::format("epoch {}", history.curve.size() + 1);
    const std::optional<EpochRecord> epoch = run_epoch(trainer, [&] {
      progress.advance(1, note);
      if (asked() && trainer.steps() % trainer.steps_per_epoch() != 0) files.save();
      if (!history.curve.empty()) page.update();
    });
    progress.clear();
    if (!epoch) {
      files.save();
      print_error(
          fmt::format("stopped after step {} of {}; ./twice train --resume --out {} continues",
                      trainer.steps(), trainer.total_steps(), shell_word(files.folder().string())));
      return stopped_status;
    }
    history.curve.push_back(*epoch);
    files.end_epoch(asked());
    print_epoch(*epoch);
    if (!trainer.finished()) page.update();
  }
  return 0;
}

void declare_train(OptionSet& set, TrainOptions& options) {
  options.run.methods = {"exact"};
  declare(set, options.run);
  set.group("Checkpoints");
  set.add("resume", &options.resume, "Continue from the checkpoint in --out");
  set.add("fresh", &options.fresh, "Start again from scratch, even if --out holds a run");
  set.add("checkpoint-every", &options.checkpoint_every,
          "Steps between checkpoints (0: after each epoch, or after several short ones)",
          whole(0, 1 << 30));
}

/// Writes to --out: checkpoint.safetensors and train.json after each epoch, or after several short
/// ones, and report.html at the end. With --resume, the options come from the checkpoint. A given
/// option that differs is an error, except for --threads and for more --epochs, which lengthen the
/// run. Returns the exit status.
int train(TrainOptions options) {
  watch_for_stop();
  if (options.run.out.empty()) options.run.out = "runs/train";
  if (options.resume && options.fresh) throw UsageError("--resume and --fresh exclude each other");
  const fs::path checkpoint = fs::path(options.run.out) / "checkpoint.safetensors";
  refresh(options.run.out);
  if (options.resume && !fs::exists(checkpoint))
    fail("train", "nothing to resume: {} does not exist", checkpoint.string());
  if (!options.resume) complete_run(options.run);
  const fs::path folder = prepare_folder(options.run.out);
  const FolderLock lock(folder);
  if (options.resume) {
    options.run = resumed_options(options, checkpoint);
    complete_run(options.run);
    options.run.init.reset();
  } else if (fs::exists(checkpoint) && !options.fresh) {
    throw UsageError(fmt::format(
        "{} holds a run: --resume continues it, --fresh replaces it, another --out keeps it",
        options.run.out));
  }
  set_threads(options.run.threads);
  prepare_file(options.run.json);

  const Problem problem = make_problem(options.run);
  Trainer trainer(problem, method(options.run.methods[0]));
  RunHistory history{used_options(options.run), {}, data_record(problem), {str(cpu())}};
  if (options.resume) {
    const Json data = std::exchange(history, read_checkpoint(checkpoint, trainer)).data;
    check_same_files(history.data, data, checkpoint.string());
    if (history.data.is_null()) history.data = data;
    history.config["epochs"] = options.run.epochs;
    continue_with_kernels(history);
  }
  warn_of_unread(options.run);
  print_head(trainer);
  LivePage page(folder);
  int status = 0;
  RunFiles files(trainer, history, lock);
  try {
    status = run_to_end(trainer, history, files, options.checkpoint_every, page);
  } catch (const std::exception& error) {
    files.leave_failed(page, error.what());
    throw;
  }
  if (status != 0) return status;
  if (const int best = best_epoch(history.curve))
    fmt::print("\nbest on validation: epoch {}, in {}\n", best, (folder / best_weights).string());
  page.finish();
  if (!options.run.json.empty()) write_json(options.run.json, record_of(trainer, history));
  return 0;
}

}  // namespace

void add_train(CommandLine& app) {
  app.add("train", "train one model; writes checkpoints and resumes from them", declare_train,
          train);
}

}  // namespace twice::experiments
