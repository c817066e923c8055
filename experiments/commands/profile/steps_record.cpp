// `steps` of the record.
#include <fmt/format.h>

#include <algorithm>

#include "autodiff/plan/passes/fused_op.h"
#include "autodiff/profile/attribution.h"
#include "autodiff/profile/memory_profile.h"
#include "experiments/commands/profile/headline.h"
#include "experiments/commands/profile/step_record.h"

namespace twice::experiments {

namespace {

/// `fused(relu+add)`: the members' ops from the value that is stored inwards, each once.
std::string label_of(const Step& step) {
  const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get());
  if (!fused) return std::string(step.op->name());
  constexpr std::size_t most = 4;
  std::vector<std::string> names;
  for (auto m = fused->members().rbegin(); m != fused->members().rend(); ++m)
    if (const std::string name(m->op->name());
        std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  const bool more = names.size() > most;
  if (more) names.resize(most);
  return fmt::format("fused({}{})", fmt::join(names, "+"), more ? "+..." : "");
}

Json members_of(const Step& step, const std::vector<std::string>& layers) {
  Json members = Json::array();
  if (const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get()))
    for (const FusedElementwise::Member& m : fused->members())
      members.push_back({{"op", m.op->name()},
                         {"phase", str(m.phase)},
                         {"layer", layers[static_cast<std::size_t>(m.forward_origin)]},
                         {"forward_node", m.forward_origin},
                         {"forward_op", m.forward_op ? Json(m.forward_op->name()) : Json()}});
  return members;
}

}  // namespace

Json steps_record(const ProfiledStep& profiled, const std::vector<Part>& parts,
                  const std::vector<std::string>& layers, const Sums& sums) {
  const Program& program = profiled.program();
  const Tape& tape = profiled.tape();
  const std::vector<int> step_of_node = steps_of_forward_nodes(program);
  const MemoryProfile memory = memory_profile(program);
  Json rows = Json::array();
  double start_ms = 0;
  for (std::size_t s = 0; s < parts.size(); ++s) {
    const bool update = s == program.steps.size();
    const Step step = update ? Step{} : program.steps[s];
    Json row = {
        {"index", s},
        {"op", update ? optimizer_op : step.op->name()},
        {"attributes", update ? profiled.step.optimizer().options().name : step.op->attributes()},
        {"label", update ? optimizer_op : label_of(step)},
        {"phase", str(parts[s].phase)},
        {"layer", parts[s].layer},
        {"forward", update ? Json() : forward_record(tape, step.forward_origin, step_of_node)},
        {"members", update ? Json::array() : members_of(step, layers)},
        {"calls", 1},
        {"inputs", Json::array()},
        {"output", Json()}};
    for (int input : step.inputs)
      row["inputs"].push_back(str(program.values[static_cast<std::size_t>(input)].spec));
    sums.add(row, {static_cast<int>(s)});
    std::vector<double> ms = profiled.measured.times.sorted(s);
    for (double& t : ms) t *= 1e3;
    add_times(row, ms);
    row["start_ms"] = start_ms;
    start_ms += parts[s].ms;
    for (const char* place : {"offset", "output_bytes", "workspace_offset", "workspace_bytes"})
      row[place] = Json();
    row["in_place"] = false;
    row["live_bytes"] = Json();
    if (!update) {
      const Value& value = program.values[static_cast<std::size_t>(step.output)];
      row["output"] = str(value.spec);
      row["offset"] = value.offset;
      row["output_bytes"] = value.spec.bytes();
      row["workspace_offset"] = step.workspace_offset;
      row["workspace_bytes"] = step.workspace_bytes;
      row["in_place"] = memory.in_place(static_cast<int>(s));
      row["live_bytes"] = memory.live_bytes[s];
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Json forward_record(const Tape& tape, int node, const std::vector<int>& step_of_node) {
  const Node& origin = tape.node(node);
  const int step =
      node < std::ssize(step_of_node) ? step_of_node[static_cast<std::size_t>(node)] : -1;
  return {{"node", node},
          {"op", tape.name(origin)},
          {"shape", str(origin.spec.shape)},
          {"step", step >= 0 ? Json(step) : Json()}};
}

}  // namespace twice::experiments
