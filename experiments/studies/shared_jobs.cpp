// The jobs of a study on several ranks of MPI. Rank 0 deals them, and each rank computes several at
// a time. Messages from rank 0: `job`, `results`, `end`. To rank 0: `identity`, `done`, `unable`.
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <thread>

#include "autodiff/threads/parallel.h"
#include "experiments/app/terminal.h"
#include "experiments/run/stop.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

namespace {

/// Computes jobs on several threads, one thread for each job. The thread that owns this object is
/// free to exchange messages meanwhile.
class JobThreads {
 public:
  struct End {
    std::size_t job;
    Measured result = {};
    std::exception_ptr failure = {};
  };

  JobThreads(int count, const std::function<Measured(std::size_t)>& job)
      : threads_before_(threads()), job_(job) {
    set_threads(count);
    thread_ = std::thread([this, count] { parallel_for(count, [this](Index) { compute(); }); });
  }
  /// Waits for the jobs that have started.
  ~JobThreads() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      waiting_.clear();
    }
    changed_.notify_all();
    thread_.join();
    set_threads(threads_before_);
  }
  JobThreads(const JobThreads&) = delete;
  JobThreads& operator=(const JobThreads&) = delete;

  void add(std::size_t job) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(job);
    changed_.notify_one();
  }

  /// The jobs that have ended since the last call.
  std::vector<End> collect() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ended_, {});
  }

 private:
  void compute() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      End end{waiting_.front()};
      waiting_.pop_front();
      lock.unlock();
      try {
        end.result = job_(end.job);
      } catch (...) {
        end.failure = std::current_exception();
      }
      lock.lock();
      ended_.push_back(std::move(end));
    }
  }

  int threads_before_;
  const std::function<Measured(std::size_t)>& job_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::size_t> waiting_;
  std::vector<End> ended_;
  bool closed_ = false;
  std::thread thread_;
};

constexpr std::chrono::milliseconds pause(10);

std::string message_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

void StudyContext::use_ranks(Ranks& ranks, const Json& identity, int threads) {
  ranks_ = &ranks;
  identity_ = identity.dump();
  threads_of_rank_ = threads;
  if (!ranks.leads()) ranks.send(0, {{"kind", "identity"}, {"identity", identity_}});
}

int StudyContext::capacity(int rank) const {
  return threads_of_rank_ > 0 ? threads_of_rank_ : ranks_->cores(rank);
}

void StudyContext::exclude(int rank, const std::string& why) {
  if (rank == 0 || !excluded_.insert(rank).second) return;
  print_error(why + "; it gets no more jobs");
}

/// Rank 0 deals the open jobs. Each rank has as many at a time as it has cores. A failed job ends
/// the study, as without MPI.
void StudyContext::share(const std::string& task, const std::vector<std::size_t>& open,
                         double units, const Job& job) {
  std::deque<std::size_t> waiting(open.begin(), open.end());
  std::vector<std::set<std::size_t>> running(static_cast<std::size_t>(ranks_->size()));
  const auto runs_on = [&](int rank) -> auto& { return running[static_cast<std::size_t>(rank)]; };
  const auto add = [&](std::size_t done, const Measured& result) {
    const std::lock_guard lock(mutex_);
    if (!journal_.find(task, done)) journal_.add(task, done, result);
  };
  JobThreads own(capacity(0), job);
  std::exception_ptr failure;
  for (std::size_t left = open.size(); left > 0 && !failure;) {
    for (int rank = 0; rank < ranks_->size(); ++rank) {
      if (rank > 0 && ranks_->lost(rank)) exclude(rank, ranks_->describe_loss(rank));
      if (excluded_.contains(rank)) {
        for (const std::size_t lost : std::exchange(runs_on(rank), {})) waiting.push_front(lost);
        continue;
      }
      for (; !waiting.empty() && std::ssize(runs_on(rank)) < capacity(rank); waiting.pop_front()) {
        const std::size_t next = waiting.front();
        runs_on(rank).insert(next);
        if (rank == 0)
          own.add(next);
        else
          ranks_->send(rank, {{"kind", "job"}, {"task", task}, {"job", next}});
      }
    }
    for (JobThreads::End& end : own.collect()) {
      runs_on(0).erase(end.job);
      if (end.failure) failure = end.failure;
      if (!end.failure) add(end.job, end.result), --left;
    }
    {
      const std::lock_guard lock(mutex_);
      progress_->advance(0,
                         fmt::format("{} of {} jobs to do, {} ranks on {} nodes", left, open.size(),
                                     ranks_->size() - excluded_.size(), ranks_->nodes()));
      progress_->report();
    }
    const std::optional<Message> message = ranks_->receive(pause);
    if (stop_requested()) failure = failure ? failure : std::make_exception_ptr(Stopped());
    if (!message) continue;
    const std::string kind = message->head.at("kind");
    if (kind == "unable" && !(message->head.at("stopped") && stop_follows()))
      exclude(message->from, fmt::format("{}: {}", ranks_->name(message->from),
                                         message->head.at("error").string()));
    if (kind == "identity" && message->head.at("identity") != Json(identity_))
      exclude(
          message->from,
          ranks_->name(message->from) +
              " has another processor, library or build than rank 0, so its numbers would differ");
    if (kind != "done" || message->head.at("task") != Json(task)) continue;
    const std::size_t done = message->head.at("job");
    if (runs_on(message->from).erase(done) == 0) continue;
    add(done, measured(message->head.at("result")));
    --left;
    const std::lock_guard lock(mutex_);
    progress_->advance(units);
  }
  if (failure) std::rethrow_exception(failure);
}

/// Rank 0 sends all results of a task. They include those of an earlier process.
void StudyContext::send_results(const std::string& task, std::size_t count) {
  Json results = Json::array();
  for (std::size_t job = 0; job < count; ++job) results.push_back(*journal_.find(task, job));
  ranks_->send_to_others({{"kind", "results"}, {"task", task}, {"results", results}});
}

/// Another rank computes the jobs that it gets, until rank 0 sends the results of all.
void StudyContext::follow(const std::string& task, const Job& job) {
  JobThreads own(capacity(ranks_->rank()), job);
  for (;;) {
    for (const JobThreads::End& end : own.collect()) {
      if (end.failure) {
        ranks_->send(0, {{"kind", "unable"},
                         {"error", printable(message_of(end.failure))},
                         {"stopped", stop_requested()}});
      } else {
        ranks_->send(0,
                     {{"kind", "done"}, {"task", task}, {"job", end.job}, {"result", end.result}});
      }
    }
    if (ranks_->lost(0)) {
      stop_signal = SIGTERM;
      throw Error(ranks_->describe_loss(0));
    }
    const std::optional<Message> message = ranks_->receive(pause);
    if (!message) continue;
    const std::string kind = message->head.at("kind");
    if (kind == "end") {
      stop_signal = SIGTERM;  // ends the jobs that still run here
      throw EndedElsewhere{};
    }
    if (kind == "job") own.add(message->head.at("job"));
    if (kind != "results") continue;
    std::size_t number = 0;
    for (const Json& result : message->head.at("results"))
      journal_.add(task, number++, measured(result));
    return;
  }
}

}  // namespace twice::experiments
