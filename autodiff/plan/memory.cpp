// Two placements: best fit in order of birth, and largest first. `place` returns the smaller one.
#include "autodiff/plan/memory.h"

#include <algorithm>
#include <map>
#include <queue>

namespace twice {

namespace {

/// Rounded up to whole cache lines, so that no two values share one.
std::size_t padded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The free blocks of the arena, by offset. Adjacent free blocks are always merged.
class FreeBlocks {
 public:
  std::size_t arena() const { return end_; }

  std::size_t take(std::size_t bytes) {
    auto best = blocks_.end();
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block)
      if (block->second >= bytes && (best == blocks_.end() || block->second < best->second))
        best = block;
    if (best == blocks_.end()) best = grown(bytes);
    const auto [offset, size] = *best;
    blocks_.erase(best);
    if (size > bytes) blocks_[offset + bytes] = size - bytes;
    return offset;
  }

  void give_back(std::size_t offset, std::size_t bytes) {
    auto block = blocks_.emplace(offset, bytes).first;
    if (const auto next = std::next(block);
        next != blocks_.end() && next->first == offset + bytes) {
      block->second += next->second;
      blocks_.erase(next);
    }
    if (block != blocks_.begin())
      if (const auto previous = std::prev(block);
          previous->first + previous->second == block->first) {
        previous->second += block->second;
        blocks_.erase(block);
      }
  }

 private:
  using Blocks = std::map<std::size_t, std::size_t>;

  /// A block of at least `bytes` at the end of the arena, which grows by the missing bytes.
  Blocks::iterator grown(std::size_t bytes) {
    if (!blocks_.empty()) {
      const auto last = std::prev(blocks_.end());
      if (last->first + last->second == end_) {
        end_ = last->first + bytes;
        last->second = bytes;
        return last;
      }
    }
    const auto block = blocks_.emplace(end_, bytes).first;
    end_ += bytes;
    return block;
  }

  Blocks blocks_;
  std::size_t end_ = 0;
};

/// Each value, in order of birth, gets the smallest free block that is large enough.
Placement best_fit(const std::vector<Lifetime>& lifetimes, bool reuse) {
  Placement result;
  FreeBlocks free;
  using Death = std::pair<int, std::size_t>;
  std::priority_queue<Death, std::vector<Death>, std::greater<>> deaths;
  std::size_t alive = 0;
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    while (!deaths.empty() && deaths.top().first < lifetimes[i].first) {
      const std::size_t dead = deaths.top().second, bytes = padded(lifetimes[dead].bytes);
      deaths.pop();
      alive -= bytes;
      if (reuse && bytes > 0) free.give_back(result.offsets[dead], bytes);
    }
    const std::size_t bytes = padded(lifetimes[i].bytes);
    result.offsets.push_back(bytes == 0 ? 0 : free.take(bytes));
    deaths.emplace(lifetimes[i].last, i);
    alive += bytes;
    result.most_alive = std::max(result.most_alive, alive);
  }
  result.arena = free.arena();
  return result;
}

/// Each value, in order of size, gets the lowest gap between the placed values that live at the
/// same time. Large values are placed before small ones can fragment the arena.
void largest_first(const std::vector<Lifetime>& lifetimes, Placement& best) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < lifetimes.size(); ++i)
    if (lifetimes[i].bytes > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return lifetimes[a].bytes > lifetimes[b].bytes;
  });
  Placement result{std::vector<std::size_t>(lifetimes.size(), 0), 0, best.most_alive};
  std::vector<std::size_t> placed;  // by offset
  for (std::size_t i : order) {
    const std::size_t bytes = padded(lifetimes[i].bytes);
    std::size_t offset = 0;
    for (std::size_t other : placed) {
      if (lifetimes[other].last < lifetimes[i].first || lifetimes[i].last < lifetimes[other].first)
        continue;
      if (result.offsets[other] >= offset + bytes) break;
      offset = std::max(offset, result.offsets[other] + padded(lifetimes[other].bytes));
    }
    result.offsets[i] = offset;
    result.arena = std::max(result.arena, offset + bytes);
    if (result.arena >= best.arena) return;
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), offset,
                         [&](std::size_t o, std::size_t p) { return o < result.offsets[p]; }),
        i);
  }
  best = std::move(result);
}

/// The maximum number of values for which `largest_first` runs, because its time is quadratic.
constexpr std::size_t most_to_sort = 4000;

}  // namespace

Placement place(const std::vector<Lifetime>& lifetimes, bool reuse) {
  Placement result = best_fit(lifetimes, reuse);
  if (reuse && lifetimes.size() <= most_to_sort) largest_first(lifetimes, result);
  return result;
}

}  // namespace twice
