// The messages of a sweep. From rank 0: `folder` (is it shared?), `file`, `run`, `stop`, `end`. To
// rank 0: `folder` (the answer), `file`, `ended`.
#include "experiments/commands/sweep/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "autodiff/kernels/cpu.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/sweep/runs.h"
#include "experiments/files/atomic_file.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// The reason for a bad end. Empty if the run ended well.
std::string ending(int status, const Process& process) {
  if (status == 0) return "";
  const std::string line = last_line(process.errors());
  if (status < 0)
    return fmt::format("ended by signal {}{}{}", -status,
                       status == -9 ? " (killed, perhaps out of memory)" : "",
                       line.empty() ? "" : ": " + line);
  return line.empty() ? fmt::format("ended with status {}", status) : line;
}

/// Whether an error says that the node cannot write, such as a full disk.
bool cannot_write(const std::string& error) {
  return error.find("[write] ") != error.npos || error.find("[out] ") != error.npos;
}

/// The order in which `train` writes its files. A copy of the folder is whole if each file is at
/// least as new as those that were written after it.
int order_of(const std::string& file) {
  constexpr const char* first[] = {"checkpoint.safetensors", "best.safetensors", "train.json"};
  const auto* const found = std::ranges::find(first, file);
  return static_cast<int>(found - first) + (file == "curves.csv");
}

/// The files of a run's folder, with a stamp that changes with the contents.
std::map<std::string, std::string> stamps_of(const fs::path& folder) {
  std::map<std::string, std::string> stamps;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    struct stat status;
    // Files that are being written have names that begin with a dot.
    if (!name.starts_with(".") && ::lstat(entry->path().c_str(), &status) == 0 &&
        S_ISREG(status.st_mode))
      stamps[name] = fmt::format("{} {} {}.{}", status.st_ino, status.st_size,
                                 status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
  return stamps;
}

/// Sends the files of a run that have changed since the last call, and notes them in `sent`.
void send_changes(Ranks& ranks, int to, const std::string& run, const fs::path& folder,
                  std::map<std::string, std::string>& sent) {
  const std::map<std::string, std::string> stamps = stamps_of(folder);
  std::vector<std::string> changed;
  for (const auto& [name, stamp] : stamps)
    if (sent[name] != stamp) changed.push_back(name);
  // Read in the reverse order of writing, so that no file is older than one that depends on it.
  std::ranges::stable_sort(changed, std::greater(), order_of);
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& name : changed) {
    try {
      files.emplace_back(name, read_file(folder / name));
    } catch (const Error&) {
      continue;  // it was removed, or it is read next time
    }
    sent[name] = stamps.at(name);
  }
  std::ranges::reverse(files);
  for (const auto& [name, bytes] : files)
    ranks.send(to, {{"kind", "file"}, {"run", run}, {"name", name}}, bytes);
}

/// Writes a file of a run that another rank has sent.
void write_received(const fs::path& out, const Message& message) {
  const fs::path run = message.head.at("run").string(), name = message.head.at("name").string();
  if (run.filename() != run || name.filename() != name)
    fail("mpi", "rank {} sent a file {}; expected a name without a folder", message.from,
         (run / name).string());
  std::error_code error;
  fs::create_directories(out / run, error);
  if (error) fail("out", "cannot write to {}: {}", (out / run).string(), error.message());
  write_copy(out / run / name, message.body);
}

}  // namespace

// ---- This machine ----

void LocalRuns::start(const GridRun& run, const fs::path& folder, const std::string& kernels) {
  std::vector<std::string> words = {"/proc/self/exe", "train"};
  // All options are passed again, and `train` compares them with those of the checkpoint.
  for (std::string& word : arguments(run.config)) words.push_back(std::move(word));
  words.push_back(fmt::format("--threads={}", threads_));
  words.push_back(fmt::format("--checkpoint-every={}", checkpoint_every_));
  words.push_back(fmt::format("--out={}", folder.string()));
  if (fs::exists(folder / "checkpoint.safetensors")) words.emplace_back("--resume");
  // Without the variables that bind threads to cores, which would bind all runs to the same cores.
  ProcessOptions how{
      .environment = {{"OMP_PROC_BIND", {}}, {"OMP_PLACES", {}}, {"GOMP_CPU_AFFINITY", {}}},
      .drop_output = true,
      .inherited = lock_};
  if (!kernels.empty()) how.environment["TWICE_CPU"] = kernels;
  try {
    running_.emplace(run.name, std::make_unique<Process>(std::move(words), how));
  } catch (const Error& error) {
    ended_.push_back({run.name, error.what()});  // no memory for a process; the others continue
  }
}

std::vector<RunEnd> LocalRuns::collect() {
  std::erase_if(running_, [&](const auto& run) {
    const auto& [name, process] = run;
    const std::optional<int> status = process->poll();
    if (status) ended_.push_back({name, ending(*status, *process)});
    return status.has_value();
  });
  return std::exchange(ended_, {});
}

void LocalRuns::stop() {
  for (const auto& [name, process] : running_) process->stop();
}

int jobs_of_ranks(const GridOptions& options) { return std::max(options.jobs, 1); }

int threads_of_runs(const Ranks& ranks, int rank, const GridOptions& options) {
  const int cores = options.threads > 0 ? options.threads : ranks.cores(rank);
  return std::max(cores / jobs_of_ranks(options), 1);
}

// ---- Rank 0 ----

Places::Places(LocalRuns local, Ranks* ranks, const GridOptions& options)
    : local_(std::move(local)), ranks_(ranks), out_(options.out), workers_({{local_.threads()}}) {
  if (!ranks) return;
  for (int rank = 1; rank < ranks->size(); ++rank)
    workers_.push_back({threads_of_runs(*ranks, rank, options)});
  find_folders();
}

/// Writes a file with a name that cannot be guessed. A rank that can read it shares the folder.
void Places::find_folders() {
  const Temporary trial(out_, "ranks", Temporary::Kind::file);
  const std::string name = trial.path().filename().string();
  trial.write(name);
  ranks_->send_to_others({{"kind", "folder"}, {"name", name}});
  for (const auto& [rank, answer] : ranks_->gather("folder", stop_requested)) {
    worker(rank).shares = answer.at("shares");
    const std::string error = answer.at("error");
    std::vector<RunEnd> unused;
    if (!error.empty()) give_up(rank, ranks_->name(rank) + ": " + error, unused);
  }
}

bool Places::start(const GridRun& run, const fs::path& folder) {
  std::optional<int> best;
  for (int rank = 0; rank < std::ssize(workers_); ++rank)
    if (const Worker& w = worker(rank); w.usable && std::ssize(w.running) < local_.jobs() &&
                                        !(rank > 0 && ranks_->lost(rank)) &&
                                        (!best || w.threads > worker(*best).threads))
      best = rank;
  if (!best) return false;
  worker(*best).running.insert(run.name);
  const std::string kernels(ranks_ ? str(cpu()) : "");
  if (*best == 0) {
    local_.start(run, folder, kernels);
    return true;
  }
  std::map<std::string, std::string> none;
  if (!worker(*best).shares) send_changes(*ranks_, *best, run.name, folder, none);
  ranks_->send(*best,
               {{"kind", "run"}, {"name", run.name}, {"config", run.config}, {"kernels", kernels}});
  return true;
}

/// A rank gets no more runs. Its runs go to others.
void Places::give_up(int rank, const std::string& why, std::vector<RunEnd>& ends) {
  Worker& from = worker(rank);
  if (!from.usable) return;
  from.usable = false;
  const std::string passed_on =
      from.running.empty() ? ""
                           : fmt::format(", and others get its {}", fmt::join(from.running, ", "));
  print_error(fmt::format("{}; it gets no more runs{}", why, passed_on));
  for (const std::string& name : std::exchange(from.running, {}))
    ends.push_back({name, why, "", true});
}

void Places::take(const Message& message, std::vector<RunEnd>& ends) {
  const std::string kind = message.head.at("kind");
  Worker& from = worker(message.from);
  const std::string run = message.head.value("run", "");
  // A message about a run that has gone to another rank comes too late.
  if (!from.running.contains(run)) return;
  if (kind == "file") write_received(out_, message);
  if (kind != "ended") return;
  const std::string error = message.head.at("error");
  const bool stopped = message.head.at("stopped");
  if (stopped ? !stop_follows() : !stop_requested() && cannot_write(error)) {
    const std::string name = ranks_->name(message.from);
    give_up(message.from, stopped ? name + " was stopped" : name + ": " + error, ends);
    return;
  }
  from.running.erase(run);
  ends.push_back({run, error, ranks_->host(message.from)});
}

std::vector<RunEnd> Places::collect(milliseconds wait) {
  std::vector<RunEnd> ends = local_.collect();
  for (const RunEnd& end : ends) worker(0).running.erase(end.name);
  if (!ends.empty()) wait = milliseconds(0);
  if (!ranks_) {
    std::this_thread::sleep_for(wait);
    return ends;
  }
  for (; const std::optional<Message> message = ranks_->receive(wait); wait = milliseconds(0))
    take(*message, ends);
  for (int rank = 1; rank < ranks_->size(); ++rank)
    if (ranks_->lost(rank)) give_up(rank, ranks_->describe_loss(rank), ends);
  return ends;
}

void Places::stop() {
  local_.stop();
  if (ranks_) ranks_->send_to_others({{"kind", "stop"}});
}

Json Places::layout() const {
  Json list = Json::array();
  for (int rank = 0; rank < ranks_->size(); ++rank)
    list.push_back({{"host", ranks_->host(rank)},
                    {"jobs", local_.jobs()},
                    {"threads", workers_[static_cast<std::size_t>(rank)].threads}});
  return list;
}

int Places::ranks() const {
  return static_cast<int>(std::ranges::count(workers_, true, &Worker::usable));
}

// ---- The other ranks ----

namespace {

class Server {
 public:
  Server(Ranks& ranks, const GridOptions& options)
      : ranks_(ranks),
        options_(options),
        runs_(jobs_of_ranks(options), threads_of_runs(ranks, ranks.rank(), options),
              options.checkpoint_every) {}

  int serve() {
    constexpr milliseconds pause(10);
    while (!ended_ && !ranks_.lost(0)) {
      for (milliseconds wait = pause; const std::optional<Message> message = ranks_.receive(wait);
           wait = milliseconds(0))
        take(*message);
      if (stop_requested() && !told_) stop();
      report();
    }
    if (!ended_)
      print_error(fmt::format("{}; {} stops its runs", ranks_.describe_loss(0),
                              ranks_.name(ranks_.rank())));
    runs_.stop();
    for (; runs_.size() > 0; std::this_thread::sleep_for(pause)) runs_.collect();
    return ended_ ? 0 : 1;
  }

 private:
  void take(const Message& message) {
    const std::string kind = message.head.at("kind");
    if (kind == "folder") prepare(message.head.at("name"));
    if (kind == "file") receive_file(message);
    if (kind == "run") start(message.head);
    if (kind == "stop") stop();
    if (kind == "end") ended_ = true;
  }

  /// Looks for the file of rank 0. Without it, works in a temporary folder on its own disk.
  void prepare(const std::string& name) {
    std::string error;
    try {
      shares_ = is_shared(name);
      if (!shares_) own_.emplace(prepare_folder(options_.out), "rank", Temporary::Kind::folder);
    } catch (const std::exception& reason) {
      error = printable(reason.what());
    }
    ranks_.send(0, {{"kind", "folder"}, {"shares", shares_}, {"error", error}});
  }

  bool is_shared(const std::string& name) const {
    // A network file system may show a new file after a while.
    constexpr milliseconds pause(50);
    for (int tries = 20; tries > 0 && !stop_requested(); --tries) {
      try {
        if (read_file(options_.out / name) == name) return true;
      } catch (const Error&) {
        if (!fs::exists(options_.out)) return false;
      }
      std::this_thread::sleep_for(pause);
    }
    return false;
  }

  fs::path folder_of(const std::string& run) const {
    return (own_ ? own_->path() : options_.out) / run;
  }

  void receive_file(const Message& message) {
    const std::string run = message.head.at("run");
    if (problems_.contains(run)) return;
    try {
      write_received(own_->path(), message);
      const std::string name = message.head.at("name");
      sent_[run][name] = stamps_of(folder_of(run))[name];
    } catch (const Error& error) {
      problems_[run] = error.what();
    }
  }

  void start(const Json& head) {
    const GridRun run{head.at("name"), head.at("config")};
    if (const auto found = problems_.extract(run.name); !found.empty()) {
      report_end({run.name, found.mapped()});
      return;
    }
    runs_.start(run, folder_of(run.name), head.at("kernels"));
    sent_.try_emplace(run.name);
  }

  void stop() {
    told_ = true;
    runs_.stop();
  }

  /// Sends the ends of runs, and twice a second the files that have changed.
  void report() {
    for (const RunEnd& end : runs_.collect()) report_end(end);
    constexpr auto interval = std::chrono::milliseconds(500);
    // A slow connection is not filled with versions of a file that are replaced before they arrive.
    if (shares_ || Clock::now() - looked_ < interval || ranks_.sending()) return;
    looked_ = Clock::now();
    for (auto& [run, stamps] : sent_) send_changes(ranks_, 0, run, folder_of(run), stamps);
  }

  void report_end(const RunEnd& end) {
    if (!shares_) {
      send_changes(ranks_, 0, end.name, folder_of(end.name), sent_[end.name]);
      std::error_code ignored;  // the whole folder is removed at the end
      fs::remove_all(folder_of(end.name), ignored);
      sent_.erase(end.name);
    }
    ranks_.send(0, {{"kind", "ended"},
                    {"run", end.name},
                    {"error", printable(end.error)},
                    {"stopped", told_ && !end.error.empty()}});
  }

  Ranks& ranks_;
  const GridOptions& options_;
  /// Without a shared folder.
  std::optional<Temporary> own_;
  LocalRuns runs_;
  /// The stamps of the files that rank 0 has, for each run that it has handed out.
  std::map<std::string, std::map<std::string, std::string>> sent_;
  /// The reasons for which runs cannot start.
  std::map<std::string, std::string> problems_;
  bool shares_ = false, told_ = false, ended_ = false;
  Clock::time_point looked_{};
};

}  // namespace

int serve_runs(Ranks& ranks, const GridOptions& options) { return Server(ranks, options).serve(); }

}  // namespace twice::experiments
