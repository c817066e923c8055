#include "autodiff/profile/memory_profile.h"

#include <algorithm>

namespace twice {

bool MemoryProfile::in_place(int step) const {
  return std::any_of(values.begin(), values.end(),
                     [&](const ArenaValue& v) { return v.overwritten && v.last == step; });
}

MemoryProfile memory_profile(const Program& program) {
  MemoryProfile profile;
  const std::vector<int> last = last_uses(program);
  for (int s = 0; s < std::ssize(program.steps); ++s) {
    const Step& step = program.steps[static_cast<std::size_t>(s)];
    const auto output = static_cast<std::size_t>(step.output);
    const Value& value = program.values[output];
    const ArenaValue made[] = {
        {step.output, s, last[output], value.offset, value.spec.bytes(), false},
        {-1, s, s, step.workspace_offset, step.workspace_bytes, false}};
    for (const ArenaValue& v : made)
      if (v.bytes > 0) profile.values.push_back(v);
  }

  // Two values that live at the same time share bytes only if a step writes one over the other.
  for (ArenaValue& v : profile.values)
    if (v.value >= 0)
      v.overwritten = std::any_of(profile.values.begin(), profile.values.end(), [&](const auto& w) {
        return w.value >= 0 && w.first == v.last && w.first > v.first && w.offset == v.offset;
      });

  profile.live_bytes.resize(program.steps.size());
  for (const ArenaValue& v : profile.values) {
    profile.without_reuse += v.padded();
    const int end =
        std::min(v.last + (v.overwritten ? 0 : 1), static_cast<int>(program.steps.size()));
    for (int s = v.first; s < end; ++s)
      profile.live_bytes[static_cast<std::size_t>(s)] += v.padded();
  }
  const auto peak = std::max_element(profile.live_bytes.begin(), profile.live_bytes.end());
  profile.peak_step = static_cast<int>(peak - profile.live_bytes.begin());
  return profile;
}

}  // namespace twice
