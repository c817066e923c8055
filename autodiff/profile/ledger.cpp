#include "autodiff/profile/ledger.h"

namespace twice {

Cost& operator+=(Cost& sum, const Cost& cost) {
  sum.flops += cost.flops;
  sum.bytes += cost.bytes;
  sum.products += cost.products;
  sum.small_products += cost.small_products;
  return sum;
}

Cost Ledger::total() const {
  Cost sum;
  for (const Cost& cost : phases) sum += cost;
  return sum;
}

Ledger ledger(const Program& program) {
  Ledger result;
  for (const Step& step : program.steps) {
    const auto phase = static_cast<std::size_t>(step.phase);
    result.phases[phase] += step.cost;
    ++result.steps[phase];
  }
  return result;
}

}  // namespace twice
