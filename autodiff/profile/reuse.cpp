// Reuse distances, from the blocks in the order of their last touch.
#include "autodiff/profile/reuse.h"

#include <algorithm>

namespace twice {

namespace {

/// The first address of each value; a view begins where its root does.
std::vector<std::uint64_t> addresses(const Program& program) {
  constexpr std::uint64_t line = 64;
  std::uint64_t end = program.arena_bytes;
  std::vector<std::uint64_t> begin(program.values.size());
  for (std::size_t v = 0; v < begin.size(); ++v) {
    const Value& value = program.values[v];
    if (value.place == Value::Place::arena) begin[v] = value.offset;
    if (value.place != Value::Place::leaf) continue;
    begin[v] = end;
    end += (value.spec.bytes() + line - 1) / line * line;
  }
  for (int v = 0; v < std::ssize(program.values); ++v)
    begin[static_cast<std::size_t>(v)] = begin[static_cast<std::size_t>(root(program, v))];
  return begin;
}

void add(std::vector<Region>& regions, const Region& more) {
  if (more.bytes == 0) return;
  const auto same = std::ranges::find(regions, more.begin, &Region::begin);
  if (same == regions.end())
    regions.push_back(more);
  else
    same->bytes = std::max(same->bytes, more.bytes);
}

/// Counts blocks by the time of their last touch. A binary indexed tree (Fenwick, 1994) finds the
/// number of blocks touched after a given time in logarithmic time.
class Touches {
 public:
  explicit Touches(std::size_t times) : tree_(times + 1) {}
  void change(std::size_t time, int by) {
    for (std::size_t i = time + 1; i < tree_.size(); i += i & -i) tree_[i] += by;
  }
  /// The number of blocks last touched at this time or before.
  int until(std::size_t time) const {
    int sum = 0;
    for (std::size_t i = time + 1; i > 0; i -= i & -i) sum += tree_[i];
    return sum;
  }

 private:
  std::vector<int> tree_;
};

}  // namespace

std::vector<std::vector<Region>> regions_of(const Program& program) {
  const std::vector<std::uint64_t> begin = addresses(program);
  const auto region = [&](int value) {
    const auto v = static_cast<std::size_t>(value);
    return Region{begin[v], program.values[v].spec.bytes()};
  };
  std::vector<std::vector<Region>> cycle;
  for (const Step& step : program.steps) {
    std::vector<Region>& regions = cycle.emplace_back();
    for (const int input : step.inputs) add(regions, region(input));
    add(regions, {step.workspace_offset, step.workspace_bytes});
    add(regions, region(step.output));
  }
  return cycle;
}

Region region_of(const Program& program, int value) {
  const auto v = static_cast<std::size_t>(value);
  return {addresses(program)[v], program.values[v].spec.bytes()};
}

std::vector<std::vector<Reuse>> reuse_of(const std::vector<std::vector<Region>>& cycle) {
  std::uint64_t end = 0, touched = 0;
  for (const std::vector<Region>& regions : cycle)
    for (const Region& r : regions) end = std::max(end, r.begin + r.bytes), touched += r.bytes;
  // Small enough to distinguish regions, and large enough to count in milliseconds.
  const std::uint64_t block = std::clamp<std::uint64_t>(touched / 65536 / 64 * 64, 256, 1 << 20);
  const auto first_of = [&](const Region& r) { return r.begin / block; };
  const auto blocks_of = [&](const Region& r) {
    return (r.begin + r.bytes - 1) / block - r.begin / block + 1;
  };
  std::size_t times = 0;
  for (const std::vector<Region>& regions : cycle)
    for (const Region& r : regions) times += blocks_of(r);

  constexpr std::size_t never = ~std::size_t{0};
  std::vector<std::size_t> last(end / block + 1, never);
  Touches touches(2 * times);
  std::vector<std::vector<Reuse>> result(cycle.size());
  std::size_t now = 0;
  // In the first cycle no byte was touched before. The second cycle is the same as all later ones.
  for (const bool counted : {false, true})
    for (std::size_t s = 0; s < cycle.size(); ++s) {
      const std::vector<Region>& regions = cycle[s];
      std::uint64_t most = 0;
      for (const Region& r : regions) most = std::max(most, blocks_of(r));
      std::vector<std::uint64_t> done(regions.size());
      for (std::uint64_t turn = 1; turn <= most; ++turn)
        for (std::size_t k = 0; k < regions.size(); ++k) {
          const Region& r = regions[k];
          for (const std::uint64_t all = blocks_of(r); done[k] * most < turn * all; ++done[k]) {
            const std::uint64_t at = first_of(r) + done[k];
            std::size_t& before = last[at];
            if (before != never) {
              if (counted) {
                const std::uint64_t from = std::max(at * block, r.begin),
                                    to = std::min((at + 1) * block, r.begin + r.bytes);
                const int between = touches.until(now) - touches.until(before);
                result[s].push_back(
                    {static_cast<double>(to - from),
                     static_cast<double>(between + 1) * static_cast<double>(block)});
              }
              touches.change(before, -1);
            }
            touches.change(before = now++, 1);
          }
        }
    }
  return result;
}

double footprint(const std::vector<std::vector<Region>>& cycle) {
  std::vector<Region> all;
  for (const std::vector<Region>& regions : cycle)
    all.insert(all.end(), regions.begin(), regions.end());
  std::ranges::sort(all, {}, &Region::begin);
  std::uint64_t sum = 0, end = 0;
  for (const Region& r : all) {
    const std::uint64_t from = std::max(r.begin, end), to = r.begin + r.bytes;
    if (to > from) sum += to - from;
    end = std::max(end, to);
  }
  return static_cast<double>(sum);
}

}  // namespace twice
