// The state of one parallel loop: how threads claim tiles, and how the caller waits for the tiles
// that other threads hold.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "autodiff/array/shape.h"
#include "autodiff/threads/cores.h"

namespace twice {

/// The most threads, including the caller, that can share a loop.
inline constexpr std::size_t most_threads_of_a_loop = 256;

// A sleeping caller checks again after this time. The thread that finished the last tile may have
// been preempted before it could wake the caller.
inline constexpr timespec look_again{0, 1'000'000};

/// A short spin that leaves the core's resources to its other hardware thread.
inline void pause() {
#if defined(__x86_64__)
  for (int i = 0; i < 8; ++i) __builtin_ia32_pause();
#elif defined(__aarch64__)
  for (int i = 0; i < 8; ++i) asm volatile("yield");
#endif
}

/// Sleeps while the word equals `value`, for at most `at_most`. May return early.
inline void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value,
                        [[maybe_unused]] const timespec* at_most = nullptr) {
#if defined(__linux__)
  // std::atomic::wait would spin and yield before it sleeps.
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, at_most, nullptr, 0);
#else
  word.wait(value);
#endif
}

/// Wakes one thread that sleeps on the word.
inline void wake(std::atomic<std::uint32_t>& word) {
#if defined(__linux__)
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
#else
  word.notify_one();
#endif
}

/// The unclaimed tiles [first, end), packed into one word. A thread claims a tile by exchanging the
/// word for one with one tile fewer. A loop does not change while one of its tiles is unclaimed or
/// held, so a claim is valid even if the thread read the word during an earlier loop.
class alignas(64) Claims {
 public:
  void open(std::uint32_t first, std::uint32_t end) {
    word_.store(word(first, end), std::memory_order_release);
  }
  /// Claims the first or the last tile and returns it; -1 if there is none.
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

/// A loop that is being computed, or a slot for the next one. The tiles are cut into contiguous
/// ranges, one for each thread. The same thread gets the same range in successive loops, so its
/// cache holds the numbers that it wrote before. A thread that has finished its range takes tiles
/// from the ends of the other ranges.
class alignas(64) Loop {
 public:
  using Call = void (*)(const void*, Index) noexcept;

  /// Takes the slot for a new loop; false if it is in use.
  bool reserve() {
    return !reserved_.load(std::memory_order_relaxed) &&
           !reserved_.exchange(true, std::memory_order_acquire);
  }
  void release() { reserved_.store(false, std::memory_order_release); }
  bool is_reserved() const { return reserved_.load(std::memory_order_relaxed); }
  /// The core that the caller ran on when it opened the loop; -1 if unknown.
  int callers_core() const { return core_.load(std::memory_order_relaxed); }

  /// Starts a loop of `tiles` tiles, each computed by call(body, tile), on a reserved slot.
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

  /// Computes tiles until none is unclaimed, those of range `own` first. Calls done() after each.
  template <class Done>
  void take_tiles(std::size_t own, const Done& done) {
    const std::size_t ranges = ranges_.load(std::memory_order_relaxed);
    for (std::size_t k = 0; k < ranges; ++k) {
      const std::size_t range = (own + k) % ranges;
      for (Index tile; (tile = claims_[range].take(range == own)) >= 0; done()) call_(body_, tile);
    }
  }

  /// Counts tiles as computed. Wakes the caller after the last tile.
  void finish(std::uint32_t tiles) {
    if (unfinished_.fetch_sub(tiles) == tiles && awaited_.load()) wake(unfinished_);
  }

  /// Returns when all tiles are computed: spins for `patience`, then sleeps.
  void wait(std::chrono::microseconds patience) {
    std::uint32_t left = unfinished_.load(std::memory_order_acquire);
    if (left == 0) return;
    const auto until = std::chrono::steady_clock::now() + patience;
    while ((left = unfinished_.load(std::memory_order_acquire)) != 0) {
      if (std::chrono::steady_clock::now() < until) {
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
  // Read only by threads that hold a tile.
  Call call_ = nullptr;
  const void* body_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> unfinished_{0};
  std::atomic<bool> awaited_{false};
  std::array<Claims, most_threads_of_a_loop> claims_;
};

}  // namespace twice
