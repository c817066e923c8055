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
#include <exception>
#include <mutex>
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

// A waiting thread spins first, because waking takes tens of microseconds, and then sleeps. On a
// crowded core, which other work wants, both give up sooner; the caller too, because a core that
// becomes idle attracts the thread that the caller waits for. docs/decisions.md, "Threads that
// share the machine", has the measurements.
struct Patience {
  microseconds helper, caller;
};
constexpr Patience alone{microseconds(2000), microseconds(500)};
constexpr Patience crowded{microseconds(100), microseconds(50)};
// A helper offers its core to other work this often, between two tiles. Otherwise the system would
// take the core when a time slice ends, which is most likely within a tile.
constexpr microseconds turn{1500};
// An offer that takes longer than this was accepted. The core counts as crowded for a while; then
// the helper spins for a turn again, and so makes the next offer.
constexpr microseconds accepted{100};
constexpr microseconds crowded_for{100'000};
// On a crowded core a helper wakes by itself at this interval, at most this many times. Where the
// caller wakes it, the system likes to put it on the caller's core.
constexpr microseconds nap{250};
constexpr int most_naps = 40;
// A helper leaves the caller's core, but not more often than this.
constexpr microseconds between_moves{1000};
// A caller looks again after so long: whoever finished the last tile may be put aside before it
// wakes the caller.
constexpr timespec look_again{0, 1'000'000};

void pause() {
#if defined(__x86_64__)
  for (int i = 0; i < 8; ++i) __builtin_ia32_pause();
#elif defined(__aarch64__)
  for (int i = 0; i < 8; ++i) asm volatile("yield");
#endif
}

/// Sleeps until `wake` unless the word differs from `value`; may return early.
void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value,
                 [[maybe_unused]] const timespec* at_most = nullptr) {
#if defined(__linux__)
  // std::atomic::wait would spin and yield first.
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, at_most, nullptr, 0);
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

#if defined(__linux__)
/// The cores that the process may use. Where OpenMP binds threads (OMP_PROC_BIND), the first thread
/// may use one of them only.
cpu_set_t cores_of_process() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    for (const int id : ids) CPU_SET(id, &cores);
  }
  if (CPU_COUNT(&cores) == 0 && ::sched_getaffinity(0, sizeof cores, &cores) != 0) CPU_ZERO(&cores);
  return cores;
}
// Before the program starts: later, a thread that uses the team may be bound to some of them.
const cpu_set_t cores_at_start = cores_of_process();
#endif

/// Lets the calling thread use all cores of the process, whatever thread started it.
void use_all_cores() {
#if defined(__linux__)
  if (CPU_COUNT(&cores_at_start) > 0)
    ::sched_setaffinity(0, sizeof cores_at_start, &cores_at_start);
#endif
}

/// Tiles [first, end) that nobody has claimed, in one word. Whoever exchanges the word for one with
/// one tile fewer holds that tile. As long as a tile is unclaimed or held, its loop does not
/// change; so a claim is valid even where the word was read in an earlier loop.
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
  using Call = void (*)(const void*, Index) noexcept;

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
      sleep_while(unfinished_, left, &look_again);
      awaited_.store(false, std::memory_order_relaxed);
    }
  }

 private:
  std::atomic<bool> reserved_{false};
  std::atomic<int> core_{-1};
  std::atomic<std::size_t> ranges_{0};
  // Read only while holding a tile.
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
  std::uint32_t seen_ = 0;  // loops
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
  std::array<Loop, 8>& loops() { return loops_; }
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

  /// Sees to it that the first helpers are awake, but not more of them than there are cores for:
  /// more would only displace one another.
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
    // Signals are for the threads of the program, but those of a fault are for the thread at fault.
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
      sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    std::size_t count = started_.load(std::memory_order_relaxed);
    try {
      for (; count < wanted; ++count) helpers_[count].start(*this, count);
    } catch (const std::exception&) {
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
    if (!find_loop() || number_ + 1 >= static_cast<std::size_t>(threads())) {
      rest();
      continue;
    }
    for (Loop& loop : team_->loops())
      if (loop.is_reserved()) take_tiles(loop);
  }
}

/// Whether a loop opens before patience runs out.
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

/// Offers the core to other work when it is time.
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

// Never destroyed: helpers may look at it while the process ends.
Team* the_team = nullptr;

/// A forked child has one thread: OpenMP must not wait for the others.
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
