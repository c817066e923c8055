// `memory` of the record.
#include <algorithm>

#include "autodiff/profile/attribution.h"
#include "autodiff/profile/memory_profile.h"
#include "experiments/commands/profile/step_record.h"

namespace twice::experiments {

namespace {

/// Bytes of the leaves of one kind.
std::size_t leaf_bytes(const Program& program, NodeKind kind) {
  std::size_t bytes = 0;
  for (const Value& value : program.values)
    if (value.place == Value::Place::leaf && value.kind == kind) bytes += value.spec.bytes();
  return bytes;
}

Json value_record(const ProfiledStep& profiled, const ArenaValue& v,
                  const std::vector<std::string>& layers, const std::vector<int>& step_of_node) {
  const Program& program = profiled.program();
  const Step& step = program.steps[static_cast<std::size_t>(v.first)];
  const bool workspace = v.value < 0;
  return {{"value", workspace ? Json() : Json(v.value)},
          {"workspace", workspace},
          {"op", step.op->name()},
          {"shape",
           workspace ? Json() : Json(str(program.values[static_cast<std::size_t>(v.value)].spec))},
          {"bytes", v.bytes},
          {"offset", v.offset},
          {"phase", str(step.phase)},
          {"layer", layers[static_cast<std::size_t>(step.forward_origin)]},
          {"forward", forward_record(profiled.tape(), step.forward_origin, step_of_node)},
          {"from_step", v.first},
          {"to_step", v.last < std::ssize(program.steps) ? Json(v.last) : Json()}};
}

}  // namespace

Json memory_record(const ProfiledStep& profiled, const std::vector<std::string>& layers) {
  const Program& program = profiled.program();
  const MemoryProfile memory = memory_profile(program);
  const std::vector<int> step_of_node = steps_of_forward_nodes(program);
  std::vector<Json> values, at_peak;
  for (const ArenaValue& v : memory.values) {
    values.push_back(value_record(profiled, v, layers, step_of_node));
    if (!v.alive_at(memory.peak_step)) continue;
    at_peak.push_back(values.back());
    at_peak.back()["overwritten"] = v.overwritten && v.last == memory.peak_step;
  }
  std::stable_sort(at_peak.begin(), at_peak.end(), [](const Json& a, const Json& b) {
    return a["bytes"].get<std::size_t>() > b["bytes"].get<std::size_t>();
  });

  // While the optimiser works, the program's outputs are all that is alive.
  std::vector<std::size_t> live = memory.live_bytes;
  std::size_t outputs = 0, optimizer = 0;
  for (const ArenaValue& v : memory.values)
    if (v.last == std::ssize(program.steps)) outputs += v.padded();
  live.push_back(outputs);
  for (const auto& [name, array] : profiled.step.optimizer().state()) optimizer += array.bytes();

  return {{"arena_bytes", program.arena_bytes},
          {"most_alive_bytes", program.most_alive_bytes},
          {"without_reuse_bytes", memory.without_reuse},
          {"saved_bytes", memory.without_reuse - program.arena_bytes},
          {"leaf_bytes", program.leaf_bytes},
          {"parameter_bytes", leaf_bytes(program, NodeKind::parameter)},
          {"input_bytes", leaf_bytes(program, NodeKind::input)},
          {"constant_bytes", leaf_bytes(program, NodeKind::constant)},
          {"optimizer_bytes", optimizer},
          {"live_bytes", live},
          {"peak_step", memory.peak_step},
          {"at_peak", at_peak},
          {"values", values}};
}

}  // namespace twice::experiments
