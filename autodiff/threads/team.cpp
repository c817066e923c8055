// Helpers: how they find open loops, how long they stay awake, and when they offer their core to
// other processes.
#include "autodiff/threads/team.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

#include "autodiff/threads/cores.h"
#include "autodiff/threads/loop.h"
#include "autodiff/threads/threads.h"

namespace twice {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// A waiting thread first spins, because waking takes tens of microseconds, and then sleeps. A core
// is crowded when other processes compete for it. On a crowded core the helper stops spinning
// sooner. The caller does so too, because the system tends to move the awaited thread to a core
// that becomes idle. docs/decisions.md, "Threads that share the machine", has the measurements.
struct Patience {
  microseconds helper, caller;
};
constexpr Patience alone{microseconds(2000), microseconds(500)};
constexpr Patience crowded{microseconds(100), microseconds(50)};
// A helper offers its core to other processes at this interval, between two tiles. Otherwise the
// system would preempt the helper at the end of a time slice, most likely within a tile.
constexpr microseconds turn{1500};
// If an offer takes longer than this, another process took the core. The core then counts as
// crowded for a while. Afterwards the helper spins for another turn and then offers the core again.
constexpr microseconds accepted{100};
constexpr microseconds crowded_for{100'000};
// On a crowded core a helper wakes at this interval, at most this many times. If the caller woke
// the helper instead, the system would often place it on the caller's core.
constexpr microseconds nap{250};
constexpr int most_naps = 40;
// A helper that runs on the caller's core moves to another core. This is the shortest time between
// two moves.
constexpr microseconds between_moves{1000};

/// The loops that helpers can share at one time. Callers beyond these compute alone.
constexpr std::size_t loops_at_a_time = 8;
constexpr std::size_t most_helpers = most_threads_of_a_loop - 1;

thread_local bool inside_tile = false;

class Team;

/// A thread that looks for loops and computes their tiles.
class alignas(64) Helper {
 public:
  void start(Team& team, std::size_t number) {
    std::thread([this, &team, number] {
      team_ = &team;
      number_ = number;
      serve();
    }).detach();
  }
  void call() {
    if (asleep_.load() != 0 && asleep_.exchange(0) != 0) wake(asleep_);
  }
  std::int64_t tiles() const { return tiles_.load(std::memory_order_relaxed); }
  std::int64_t put_aside() const { return put_aside_.load(std::memory_order_relaxed); }

 private:
  void serve();
  bool find_loop();
  void take_tiles(Loop& loop);
  void rest();
  void keep_to_turn();
  void set_crowded(bool is);

  Team* team_ = nullptr;
  std::size_t number_ = 0;
  std::uint32_t seen_ = 0;  // loops opened so far, when last read
  Clock::time_point turn_ends_, may_move_;
  int naps_ = 0;
  bool crowded_ = false;
  Clock::time_point crowded_until_;
  std::atomic<std::uint32_t> asleep_{0};
  std::atomic<std::int64_t> tiles_{0}, put_aside_{0};
};

class Team {
 public:
  void run(Index tiles, Loop::Call call, const void* body) {
    const std::size_t helpers = ready(static_cast<std::size_t>(threads() - 1));
    Loop* loop = helpers == 0 || tiles > most_tiles ? nullptr : free_loop();
    inside_tile = true;
    if (loop) {
      loop->open(tiles, call, body, helpers + 1);
      opened_.fetch_add(1);
      call_helpers(std::min(helpers, static_cast<std::size_t>(tiles - 1)));
      std::uint32_t mine = 0;
      loop->take_tiles(0, [&] { ++mine; });
      loop->finish(mine);
      loop->wait(patience().caller);
      loop->release();
    } else {
      for (Index tile = 0; tile < tiles; ++tile) call(body, tile);
    }
    inside_tile = false;
    tiles_.fetch_add(tiles, std::memory_order_relaxed);
  }

  TeamUse use() const {
    TeamUse use{.tiles = tiles_.load(std::memory_order_relaxed)};
    for (const Helper& helper : helpers_) {
      use.by_helpers += helper.tiles();
      use.put_aside += helper.put_aside();
    }
    return use;
  }

  std::uint32_t opened() const { return opened_.load(); }
  std::array<Loop, loops_at_a_time>& loops() { return loops_; }
  void count_crowded(int change) { crowded_.fetch_add(change, std::memory_order_relaxed); }

 private:
  static constexpr Index most_tiles = 0xffffffff;

  Patience patience() const {
    return crowded_.load(std::memory_order_relaxed) > 0 ? crowded : alone;
  }

  Loop* free_loop() {
    for (Loop& loop : loops_)
      if (loop.reserve()) return &loop;
    return nullptr;
  }

  /// Wakes the first `wanted` helpers, at most one for each core besides the caller's. More helpers
  /// would only preempt one another.
  void call_helpers(std::size_t wanted) {
    wanted = std::min(wanted, cores_.load(std::memory_order_relaxed) - 1);
    for (std::size_t h = 0; h < wanted; ++h) helpers_[h].call();
  }

  /// Starts missing helpers and returns how many of `wanted` there are.
  std::size_t ready(std::size_t wanted) {
    wanted = std::min(wanted, most_helpers);
    const std::size_t started = started_.load(std::memory_order_acquire);
    return started >= wanted ? wanted : start(wanted);
  }
  std::size_t start(std::size_t wanted) {
    const std::lock_guard lock(starting_);
    cores_.store(static_cast<std::size_t>(processors()), std::memory_order_relaxed);
    // Helpers block all signals except those of faults, which must reach the thread that caused
    // them.
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
      sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    std::size_t count = started_.load(std::memory_order_relaxed);
    try {
      for (; count < wanted; ++count) helpers_[count].start(*this, count);
    } catch (const std::exception&) {
      set_threads(static_cast<int>(count) + 1);  // the system refuses to start more threads
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    started_.store(count, std::memory_order_release);
    return std::min(count, wanted);
  }

  alignas(64) std::atomic<std::uint32_t> opened_{0};
  alignas(64) std::atomic<int> crowded_{0};
  std::atomic<std::size_t> started_{0}, cores_{1};
  std::atomic<std::int64_t> tiles_{0};
  std::mutex starting_;
  std::array<Loop, loops_at_a_time> loops_;
  std::array<Helper, most_helpers> helpers_;
};

void Helper::serve() {
  inside_tile = true;
  omp_set_num_threads(1);
  use_all_cores();
  seen_ = team_->opened() - 1;
  turn_ends_ = Clock::now() + turn;
  for (;;) {
    if (!find_loop() || number_ + 1 >= static_cast<std::size_t>(threads())) {
      rest();
      continue;
    }
    for (Loop& loop : team_->loops())
      if (loop.is_reserved()) take_tiles(loop);
  }
}

/// Waits for a loop to open. False if none opens before the helper stops waiting.
bool Helper::find_loop() {
  const auto now = Clock::now();
  if (crowded_ && now > crowded_until_) set_crowded(false);
  const auto until = now + (crowded_ ? crowded : alone).helper;
  std::uint32_t opened;
  while ((opened = team_->opened()) == seen_) {
    if (Clock::now() > until) return false;
    pause();
    keep_to_turn();
  }
  seen_ = opened;
  return true;
}

void Helper::take_tiles(Loop& loop) {
  const int core = current_core();
  if (core >= 0 && core == loop.callers_core() && Clock::now() > may_move_) {
    leave_core(core);
    may_move_ = Clock::now() + between_moves;
    turn_ends_ = Clock::now() + turn;
  }
  loop.take_tiles(number_ + 1, [&] {
    naps_ = 0;
    tiles_.fetch_add(1, std::memory_order_relaxed);
    loop.finish(1);
    keep_to_turn();
  });
}

void Helper::rest() {
  if (crowded_ && naps_++ < most_naps) {
    std::this_thread::sleep_for(nap);
  } else {
    set_crowded(false);
    asleep_.store(1);
    if (team_->opened() == seen_) sleep_while(asleep_, 1);
    asleep_.store(0);
  }
  turn_ends_ = Clock::now() + turn;
}

/// Offers the core to other processes when the turn is over.
void Helper::keep_to_turn() {
  const auto offered = Clock::now();
  if (offered < turn_ends_) return;
  sched_yield();
  const auto back = Clock::now();
  turn_ends_ = back + turn;
  if (back - offered < accepted) return;
  put_aside_.fetch_add(1, std::memory_order_relaxed);
  crowded_until_ = back + crowded_for;
  set_crowded(true);
}

void Helper::set_crowded(bool is) {
  if (is != crowded_) team_->count_crowded(is ? 1 : -1);
  crowded_ = is;
  if (!is) naps_ = 0;
}

// Never destroyed: helpers may still read it while the process exits.
Team* the_team = nullptr;

/// A forked child has only one thread, so OpenMP must not wait for the others.
void after_fork_in_child() {
  the_team = new Team;
  inside_tile = false;
  keep_blas_to_one_thread();
}

Team& team() {
  static std::once_flag once;
  std::call_once(once, [] {
    the_team = new Team;
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
  });
  return *the_team;
}

}  // namespace

bool shares_tiles() { return threads() > 1 && !inside_tile && !omp_in_parallel(); }

void share_tiles(Index tiles, void (*call)(const void*, Index) noexcept, const void* body) {
  team().run(tiles, call, body);
}

TeamUse team_use() { return team().use(); }

}  // namespace twice
