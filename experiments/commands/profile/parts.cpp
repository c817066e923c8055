// Parts and sums.
#include "experiments/commands/profile/parts.h"

#include <algorithm>

#include "experiments/commands/profile/layers.h"

namespace twice::experiments {

namespace {

/// Reads w and G, writes w; reads and writes what it remembers. Its few FLOPs are not counted.
Cost update_cost(const OurStep& step) {
  Cost cost;
  for (const Array& w : step.state().parameters) cost.bytes += 3.0 * static_cast<double>(w.bytes());
  for (const auto& [name, memory] : step.optimizer().state())
    cost.bytes += 2.0 * static_cast<double>(memory.bytes());
  return cost;
}

}  // namespace

std::vector<Part> parts_of(const ProfiledStep& profiled, const std::vector<std::string>& layers) {
  const std::vector<double> ms = profiled.measured.median_ms();
  std::vector<Part> parts;
  for (const Step& step : profiled.program().steps)
    parts.push_back({ms[parts.size()], step.cost, step.phase,
                     layers[static_cast<std::size_t>(step.forward_origin)]});
  parts.push_back({ms.back(), update_cost(profiled.step), Phase::update, optimizer_layer});
  return parts;
}

Sums::Sums(const std::vector<Part>& parts, const Peak& peak) : parts_(parts), peak_(peak) {
  for (const Part& part : parts) whole_ms_ += part.ms;
}

void Sums::add(Json& row, const std::vector<int>& parts) const {
  double ms = 0;
  Cost cost;
  for (int s : parts) {
    ms += at(s).ms;
    cost += at(s).cost;
  }
  row["ms"] = ms;
  row["share"] = ms / whole_ms_;
  row["flop"] = cost.flops;
  row["bytes"] = cost.bytes;
  row["products"] = cost.products;
  row["small_products"] = cost.small_products;
  const Bound bound = bound_of(cost, ms / 1e3, peak_);
  row["gflops"] = cost.flops / ms / 1e6;
  row["gbs"] = cost.bytes / ms / 1e6;
  row["intensity"] = cost.bytes > 0 ? Json(cost.flops / cost.bytes) : Json();
  row["bound"] = str(bound.limit);
  row["bound_ms"] = bound.seconds * 1e3;
  row["bound_share"] = bound.share;
}

void Sums::add_phases(Json& row, const std::vector<int>& parts) const {
  row["steps"] = parts.size();
  for (int phase = 0; phase < phase_count; ++phase) {
    double ms = 0;
    for (int s : parts)
      if (at(s).phase == static_cast<Phase>(phase)) ms += at(s).ms;
    std::string name(str(static_cast<Phase>(phase)));
    std::replace(name.begin(), name.end(), ' ', '_');
    row[name + "_ms"] = ms;
  }
}

}  // namespace twice::experiments
