// Open loops, how tiles are claimed, and how long a helper stays awake.
#include "autodiff/array/team.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "autodiff/array/threads.h"

namespace twice {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// Who waits spins first, since to be woken takes tens of microseconds, and then sleeps. A core that
// other work wants is left sooner: of the caller, too, since an idle core attracts the thread that
// waits for another one. docs/decisions.md, "Threads that share the machine", has the measurements.
struct Patience {
  microseconds helper, caller;
};
constexpr Patience alone{microseconds(2000), microseconds(500)};
constexpr Patience crowded{microseconds(100), microseconds(50)};
// A helper offers its core to other work so often, between two tiles. Otherwise the system would
// take the core when a time slice ends, which is most likely within a tile.
constexpr microseconds turn{1500};
// Other work has taken an offer that lasts longer than this, and it is gone after so many that last
// less.
constexpr microseconds taken{100};
constexpr int offers_until_alone = 8;
// On a crowded core a helper wakes by itself, so often and so many times. Where the caller wakes
// it, the system likes to put it on the caller's core.
constexpr microseconds nap{250};
constexpr int most_naps = 40;
// A helper leaves the caller's core, but not more often than this.
constexpr microseconds between_moves{1000};

void pause() {
#if defined(__x86_64__)
  for (int i = 0; i < 8; ++i) __builtin_ia32_pause();
#endif
}

/// Sleeps until `wake`, but not when the word has another value; may return early.
void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value) {
#if defined(__linux__)
  // std::atomic::wait would spin and yield first.
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  word.wait(value);
#endif
}

void wake(std::atomic<std::uint32_t>& word) {
#if defined(__linux__)
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
#else
  word.notify_one();
#endif
}

/// The core that the calling thread runs on; -1: the system does not say.
int current_core() {
#if defined(__linux__)
  return ::sched_getcpu();
#else
  return -1;
#endif
}

/// Moves the calling thread to another core, where it may use one.
void leave_core([[maybe_unused]] int core) {
#if defined(__linux__)
  cpu_set_t allowed, others;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  others = allowed;
  CPU_CLR(core, &others);
  if (CPU_COUNT(&others) == 0) return;
  ::sched_setaffinity(0, sizeof others, &others);
  ::sched_setaffinity(0, sizeof allowed, &allowed);
#endif
}

/// Lets the calling thread use all cores of the process: where OpenMP binds threads
/// (OMP_PROC_BIND), a new thread inherits the one core of the thread that started it.
void use_all_cores() {
#if defined(__linux__)
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    for (const int id : ids) CPU_SET(id, &cores);
  }
  if (CPU_COUNT(&cores) > 0) ::sched_setaffinity(0, sizeof cores, &cores);
#endif
}

/// Tiles [first, end) that nobody has claimed, in one word. Whoever exchanges the word for one with
/// a tile less holds that tile. As long as a tile is unclaimed or held its loop does not change, so
/// a claim is valid even where the word was read in an earlier loop.
class alignas(64) Claims {
 public:
  void open(std::uint32_t first, std::uint32_t end) {
    word_.store(word(first, end), std::memory_order_release);
  }
  /// The first tile, or the last one; -1: there is none.
  Index take(bool from_front) {
    std::uint64_t before = word_.load(std::memory_order_relaxed);
    for (;;) {
      auto first = static_cast<std::uint32_t>(before);
      auto end = static_cast<std::uint32_t>(before >> 32);
      if (first >= end) return -1;
      const std::uint32_t tile = from_front ? first++ : --end;
      if (word_.compare_exchange_weak(before, word(first, end), std::memory_order_acquire,
                                      std::memory_order_relaxed))
        return tile;
    }
  }

 private:
  static std::uint64_t word(std::uint32_t first, std::uint32_t end) {
    return std::uint64_t{end} << 32 | first;
  }
  std::atomic<std::uint64_t> word_{0};
};

constexpr std::size_t most_helpers = 255;

/// A loop that is being computed, or room for one. Neighbouring tiles are a range, each range is
/// meant for one thread, which finds in its cache what it wrote there in the loop before; threads
/// that have finished their range take from the ends of the others.
class alignas(64) Loop {
 public:
  using Call = void (*)(const void*, Index);

  bool reserve() {
    return !reserved_.load(std::memory_order_relaxed) &&
           !reserved_.exchange(true, std::memory_order_acquire);
  }
  void release() { reserved_.store(false, std::memory_order_release); }
  bool is_reserved() const { return reserved_.load(std::memory_order_relaxed); }
  int callers_core() const { return core_.load(std::memory_order_relaxed); }

  void open(Index tiles, Call call, const void* body, std::size_t threads) {
    call_ = call;
    body_ = body;
    core_.store(current_core(), std::memory_order_relaxed);
    unfinished_.store(static_cast<std::uint32_t>(tiles), std::memory_order_relaxed);
    const Index ranges = std::min<Index>(static_cast<Index>(threads), tiles);
    ranges_.store(static_cast<std::size_t>(ranges), std::memory_order_relaxed);
    for (Index r = 0; r < ranges; ++r)
      claims_[static_cast<std::size_t>(r)].open(
          static_cast<std::uint32_t>(tiles * r / ranges),
          static_cast<std::uint32_t>(tiles * (r + 1) / ranges));
  }

  /// Computes tiles, those of range `own` first, until none is unclaimed; after each calls done().
  template <class Done>
  void take_tiles(std::size_t own, const Done& done) {
    const std::size_t ranges = ranges_.load(std::memory_order_relaxed);
    for (std::size_t k = 0; k < ranges; ++k) {
      const std::size_t range = (own + k) % ranges;
      for (Index tile; (tile = claims_[range].take(range == own)) >= 0; done()) call_(body_, tile);
    }
  }

  void finish(std::uint32_t tiles) {
    if (unfinished_.fetch_sub(tiles) == tiles && awaited_.load()) wake(unfinished_);
  }

  void wait(microseconds patience) {
    std::uint32_t left = unfinished_.load(std::memory_order_acquire);
    if (left == 0) return;
    const auto until = Clock::now() + patience;
    while ((left = unfinished_.load(std::memory_order_acquire)) != 0) {
      if (Clock::now() < until) {
        pause();
        continue;
      }
      awaited_.store(true);
      sleep_while(unfinished_, left);
      awaited_.store(false, std::memory_order_relaxed);
    }
  }

 private:
  std::atomic<bool> reserved_{false};
  std::atomic<int> core_{-1};
  std::atomic<std::size_t> ranges_{0};
  // To be read by those who hold a tile.
  Call call_ = nullptr;
  const void* body_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> unfinished_{0};
  std::atomic<bool> awaited_{false};
  std::array<Claims, most_helpers + 1> claims_;
};

thread_local bool inside_tile = false;

class Team;

/// A thread that looks for loops.
class alignas(64) Helper {
 public:
  void start(Team& team, std::size_t number) {
    std::thread([this, &team, number] {
      team_ = &team;
      number_ = number;
      serve();
    }).detach();
  }
  /// Wakes the thread if it sleeps.
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

  Team* team_ = nullptr;
  std::size_t number_ = 0;
  std::uint32_t seen_ = 0;  // loops
  Clock::time_point turn_ends_, may_move_;
  int naps_ = 0;
  int offers_left_ = 0;  // until the core counts as ours alone
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

  // For the helpers.
  std::uint32_t opened() const { return opened_.load(std::memory_order_acquire); }
  std::array<Loop, 8>& loops() { return loops_; }
  void becomes_crowded() { crowded_.fetch_add(1, std::memory_order_relaxed); }
  void is_alone_again() { crowded_.fetch_sub(1, std::memory_order_relaxed); }

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

  /// Sees to it that the first helpers are awake, but not more of them than there are cores for:
  /// those would only take each other's place.
  void call_helpers(std::size_t wanted) {
    wanted = std::min(wanted, cores_.load(std::memory_order_relaxed) - 1);
    for (std::size_t h = 0; h < wanted; ++h) helpers_[h].call();
  }

  /// How many of `wanted` helpers there are, after those that were missing have started.
  std::size_t ready(std::size_t wanted) {
    wanted = std::min(wanted, most_helpers);
    const std::size_t started = started_.load(std::memory_order_acquire);
    return started >= wanted ? wanted : start(wanted);
  }
  std::size_t start(std::size_t wanted) {
    const std::lock_guard lock(starting_);
    cores_.store(static_cast<std::size_t>(processors()), std::memory_order_relaxed);
    // Signals are for the threads of the program.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::size_t count = started_.load(std::memory_order_relaxed);
    try {
      for (; count < wanted; ++count) helpers_[count].start(*this, count);
    } catch (const std::system_error&) {
      set_threads(static_cast<int>(count) + 1);  // the system grants no more
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
  std::array<Loop, 8> loops_;
  std::array<Helper, most_helpers> helpers_;
};

void Helper::serve() {
  inside_tile = true;
  omp_set_num_threads(1);
  use_all_cores();
  seen_ = team_->opened() - 1;
  turn_ends_ = Clock::now() + turn;
  for (;;) {
    if (!find_loop()) {
      rest();
    } else if (number_ + 1 < static_cast<std::size_t>(threads())) {
      for (Loop& loop : team_->loops())
        if (loop.is_reserved()) take_tiles(loop);
    }
  }
}

/// Whether a loop was opened before patience ends.
bool Helper::find_loop() {
  const auto until = Clock::now() + (offers_left_ > 0 ? crowded : alone).helper;
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
  if (offers_left_ > 0 && naps_++ < most_naps) {
    std::this_thread::sleep_for(nap);
  } else {
    asleep_.store(1);
    if (team_->opened() == seen_) sleep_while(asleep_, 1);
    asleep_.store(0);
  }
  turn_ends_ = Clock::now() + turn;
}

/// Offers the core to other work when it is time.
void Helper::keep_to_turn() {
  const auto offered = Clock::now();
  if (offered < turn_ends_) return;
  sched_yield();
  const auto back = Clock::now();
  turn_ends_ = back + turn;
  if (back - offered > taken) {
    put_aside_.fetch_add(1, std::memory_order_relaxed);
    if (offers_left_ == 0) team_->becomes_crowded();
    offers_left_ = offers_until_alone;
  } else if (offers_left_ > 0 && --offers_left_ == 0) {
    team_->is_alone_again();
  }
}

// Never destroyed: helpers may look at it while the process ends.
Team* the_team = nullptr;

/// A forked child has one thread; it is not inside a tile, and OpenMP must not wait for the others.
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

void share_tiles(Index tiles, void (*call)(const void*, Index), const void* body) {
  team().run(tiles, call, body);
}

TeamUse team_use() { return team().use(); }

}  // namespace twice
