// Best-fit placement with merging free blocks.
#include "autodiff/plan/memory.h"

#include <algorithm>
#include <map>
#include <queue>

namespace twice {

namespace {

/// Rounded up to cache lines, so that no two values share one.
std::size_t padded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The free blocks of the arena, by offset; neighbours are always merged.
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

  /// A block of at least `bytes` at the end of a larger arena.
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

}  // namespace

Placement place(const std::vector<Lifetime>& lifetimes, bool reuse) {
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

}  // namespace twice
