// The ledger: what one run of a plan costs, by phase, counted from the program. Counts
// do not drift with the machine's mood as times do.
#pragma once

#include <array>

#include "autodiff/plan/plan.h"

namespace twice {

Cost& operator+=(Cost& sum, const Cost& cost);

struct Ledger {
  /// Indexed by Phase.
  std::array<Cost, phase_count> phases;
  std::array<int, phase_count> steps{};

  const Cost& operator[](Phase phase) const { return phases[static_cast<std::size_t>(phase)]; }
  /// The sum over all phases.
  Cost total() const;
};

/// Products are matrix products and convolutions; a product of (m, k) and (k, n) is
/// 2 m n k FLOPs; bytes are those that each step must at least read and write.
Ledger ledger(const Program& program);

}  // namespace twice
