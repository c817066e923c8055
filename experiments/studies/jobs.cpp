// The jobs of a study, on the threads of this process or on several ranks of MPI. Rank 0 deals
// them, and each rank computes several at a time. Messages from rank 0: `job`, `results`, `end`. To
// rank 0: `identity`, `done`, `unable`.
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
  ~JobThreads() {
    finish();
    set_threads(threads_before_);
  }
  JobThreads(const JobThreads&) = delete;
  JobThreads& operator=(const JobThreads&) = delete;

  void add(std::size_t job) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(job);
    changed_.notify_all();
  }

  /// The jobs that have ended since the last call. Waits at most this long for the first one.
  std::vector<End> collect(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [&] { return !ended_.empty(); });
    return std::exchange(ended_, {});
  }

  /// Waits for the jobs that have started; no other job starts. Returns those that have ended since
  /// the last call of `collect`.
  std::vector<End> finish() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      waiting_.clear();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
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
      changed_.notify_all();
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

constexpr std::chrono::milliseconds no_wait(0), pause(10);

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

std::vector<std::uint64_t> StudyContext::seeds(int after, int count) const {
  std::vector<std::uint64_t> result;
  for (int i = 0; i < count; ++i) result.push_back(seed_ + static_cast<std::uint64_t>(after + i));
  return result;
}

void StudyContext::advance(double units) {
  end_if_stopped();
  const std::lock_guard lock(mutex_);
  if (progress_) progress_->advance(units);
}

std::vector<Repeated> StudyContext::jobs(
    const std::string& task, std::size_t count, const std::vector<std::uint64_t>& seeds,
    double units, const std::function<Measured(std::size_t, std::uint64_t)>& body, Order order) {
  const std::size_t total = count * seeds.size();
  const Job one = [&](std::size_t job) {
    return body(job / seeds.size(), seeds[job % seeds.size()]);
  };
  if (ranks_ && !ranks_->leads())
    follow(task, one);
  else
    lead(task, total, units, one, order);
  std::vector<Repeated> found(count);
  for (std::size_t job = 0; job < total; ++job)
    found[job / seeds.size()].push_back(*journal_.find(task, job));
  return found;
}

/// Computes the jobs that are not in the journal, and sends all results to the other ranks.
void StudyContext::lead(const std::string& task, std::size_t total, double units, const Job& job,
                        Order order) {
  std::deque<std::size_t> open;
  for (std::size_t next = 0; next < total; ++next)
    if (!journal_.find(task, next)) open.push_back(next);
  // The estimate of the time left covers the unfinished jobs only.
  progress_.emplace(task, std::max(units * static_cast<double>(open.size()), 1.0));
  try {
    if (order == Order::together)
      deal(task, open, units, job);
    else
      for (const std::size_t next : open) journal_.add(task, next, job(next));
  } catch (...) {
    progress_.reset();  // erases the bar before the error is printed
    throw;
  }
  progress_.reset();
  if (!ranks_) return;
  Json results = Json::array();
  for (std::size_t done = 0; done < total; ++done) results.push_back(*journal_.find(task, done));
  ranks_->send_to_others({{"kind", "results"}, {"task", task}, {"results", results}});
}

int StudyContext::capacity(int rank) const {
  if (!ranks_) return threads();
  return threads_of_rank_ > 0 ? threads_of_rank_ : ranks_->cores(rank);
}

void StudyContext::exclude(int rank, const std::string& why) {
  if (rank == 0 || !excluded_.insert(rank).second) return;
  print_error(why + "; it gets no more jobs");
}

/// Deals the waiting jobs to this process and to the other ranks, if there are any. Each rank has
/// as many at a time as it has cores. After a failed job, no other job starts.
void StudyContext::deal(const std::string& task, std::deque<std::size_t> waiting, double units,
                        const Job& job) {
  const std::size_t all = waiting.size();
  std::vector<std::set<std::size_t>> running(ranks_ ? static_cast<std::size_t>(ranks_->size())
                                                    : std::size_t{1});
  const auto runs_on = [&](int rank) -> auto& { return running[static_cast<std::size_t>(rank)]; };
  JobThreads own(capacity(0), job);
  std::exception_ptr failure;
  for (std::size_t left = all; left > 0 && !failure;) {
    for (int rank = 0; rank < std::ssize(running); ++rank) {
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
    for (const JobThreads::End& end : own.collect(ranks_ ? no_wait : pause)) {
      runs_on(0).erase(end.job);
      if (!failure) failure = end.failure;
      if (!end.failure) journal_.add(task, end.job, end.result), --left;
    }
    std::optional<Message> message;
    if (ranks_) {
      {
        const std::lock_guard lock(mutex_);
        progress_->advance(0, fmt::format("{} of {} jobs to do, {} ranks on {} nodes", left, all,
                                          ranks_->size() - excluded_.size(), ranks_->nodes()));
        progress_->report();
      }
      message = ranks_->receive(pause);
    }
    if (stop_requested() && !failure) failure = std::make_exception_ptr(Stopped());
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
    journal_.add(task, done, measured(message->head.at("result")));
    --left;
    const std::lock_guard lock(mutex_);
    progress_->advance(units);
  }
  if (!failure) return;
  for (const JobThreads::End& end : own.finish())
    if (!end.failure) journal_.add(task, end.job, end.result);
  std::rethrow_exception(failure);
}

/// Another rank computes the jobs that it gets, until rank 0 sends the results of all.
void StudyContext::follow(const std::string& task, const Job& job) {
  JobThreads own(capacity(ranks_->rank()), job);
  for (;;) {
    for (const JobThreads::End& end : own.collect(no_wait)) {
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
