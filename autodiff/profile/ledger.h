// The ledger: the costs of one run of a plan by phase, counted from the program. Unlike times,
// counts do not depend on the machine.
#pragma once

#include <array>

#include "autodiff/plan/plan.h"

namespace twice {

/// Adds flops, bytes and products.
Cost& operator+=(Cost& sum, const Cost& cost);

/// Costs and numbers of steps by phase.
struct Ledger {
  /// Indexed by Phase.
  std::array<Cost, phase_count> phases;
  /// The number of steps in each phase.
  std::array<int, phase_count> steps{};

  /// The costs of one phase.
  const Cost& operator[](Phase phase) const { return phases[static_cast<std::size_t>(phase)]; }
  /// The sum over all phases.
  Cost total() const;
};

/// The costs of a program. A product of (m, k) and (k, n) is 2 m n k FLOPs. Bytes are those that
/// each step must read and write at least.
Ledger ledger(const Program& program);

}  // namespace twice
