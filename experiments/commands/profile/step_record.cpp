// Sums of steps: by op, phase, layer and forward op; how much of the time they explain.
#include "experiments/commands/profile/step_record.h"

#include <algorithm>

#include "autodiff/profile/attribution.h"
#include "experiments/commands/profile/layers.h"
#include "experiments/measure/statistics.h"

namespace twice::experiments {

namespace {

/// The groups of the program's steps, and the optimiser's update as a group of its own.
std::vector<StepGroup> with_update(std::vector<StepGroup> groups, const Program& program) {
  groups.push_back({optimizer_op, -1, {static_cast<int>(program.steps.size())}});
  return groups;
}

Json ops_of(const ProfiledStep& profiled, const Sums& sums) {
  const Program& program = profiled.program();
  const StepTimes& times = profiled.measured.times;
  const std::vector<double> step_ms = profiled.measured.median_ms();
  std::vector<Json> rows;
  for (const StepGroup& group : with_update(steps_by_op(program), program)) {
    Json row = {{"name", group.name}, {"calls", group.steps.size()}};
    sums.add(row, group.steps);
    row["self_ms"] = row["ms"];
    row["self_share"] = row["share"];
    row["avg_ms"] = row["ms"].get<double>() / static_cast<double>(group.steps.size());
    row.erase("ms");
    row.erase("share");
    double total = row["self_ms"];
    for (std::size_t s = 0; s < program.steps.size(); ++s)
      if (const Step& step = program.steps[s];
          step.op->name() != group.name && step.forward_op && step.forward_op->name() == group.name)
        total += step_ms[s];
    row["total_ms"] = total;
    row["total_share"] = total / sums.whole_ms();
    row["samples_ms"] = Json::array();
    for (std::size_t run = 0; run < times.runs(); ++run) {
      double ms = 0;
      for (int s : group.steps) ms += times.seconds(run, static_cast<std::size_t>(s)) * 1e3;
      row["samples_ms"].push_back(ms);
    }
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
    return a["self_ms"].get<double>() > b["self_ms"].get<double>();
  });
  return rows;
}

Json phases_of(const Program& program, const Sums& sums) {
  std::vector<StepGroup> groups = steps_by_phase(program);
  const std::string update(str(Phase::update));
  if (groups.empty() || groups.back().name != update) groups.push_back({update, -1, {}});
  groups.back().steps.push_back(static_cast<int>(program.steps.size()));
  Json rows = Json::array();
  for (const StepGroup& group : groups) {
    Json row = {{"phase", group.name}, {"steps", group.steps.size()}};
    sums.add(row, group.steps);
    rows.push_back(std::move(row));
  }
  return rows;
}

Json layers_record(const std::vector<Part>& parts, const std::vector<std::string>& layers,
                   const Sums& sums) {
  // In the order in which the tape meets them; what is no layer of the model comes last.
  std::vector<std::string> order;
  const auto add = [&](const std::string& layer) {
    if (std::find(order.begin(), order.end(), layer) == order.end()) order.push_back(layer);
  };
  for (const std::string& layer : layers)
    if (layer.front() != '(') add(layer);
  for (const char* other : {input_layer, loss_layer, whole_model_layer, optimizer_layer})
    add(other);
  Json rows = Json::array();
  for (const std::string& layer : order) {
    std::vector<int> steps;
    for (int s = 0; s < std::ssize(parts); ++s)
      if (parts[static_cast<std::size_t>(s)].layer == layer) steps.push_back(s);
    if (steps.empty()) continue;
    Json row = {{"layer", layer}};
    sums.add_phases(row, steps);
    sums.add(row, steps);
    rows.push_back(std::move(row));
  }
  return rows;
}

Json origins_of(const ProfiledStep& profiled, const std::vector<std::string>& layers,
                const Sums& sums) {
  const Program& program = profiled.program();
  const std::vector<int> step_of_node = steps_of_forward_nodes(program);
  Json rows = Json::array();
  for (const StepGroup& group : with_update(steps_by_forward_op(program), program)) {
    Json row = {{"node", Json()},
                {"op", optimizer_op},
                {"shape", Json()},
                {"step", Json()},
                {"layer", optimizer_layer}};
    if (group.forward_node >= 0) {
      row = forward_record(profiled.tape(), group.forward_node, step_of_node);
      row["layer"] = layers[static_cast<std::size_t>(group.forward_node)];
    }
    sums.add_phases(row, group.steps);
    sums.add(row, group.steps);
    rows.push_back(std::move(row));
  }
  return rows;
}

Json attribution_of(const ProfiledStep& profiled, const std::vector<Part>& parts) {
  const StepMeasurement& m = profiled.measured;
  const Program& program = profiled.program();
  std::vector<double> shares, sums;
  for (std::size_t run = 0; run < m.times.runs(); ++run) {
    sums.push_back(m.times.total(run) * 1e3);
    shares.push_back(m.times.total(run) / m.timed[run]);
  }
  const double step_ms = median(m.untimed) * 1e3, timed_ms = median(m.timed) * 1e3;
  // The fastest of each kind: what else the machine does disturbs either, and by more than a few
  // readings of the clock.
  const double fastest = *std::min_element(m.untimed.begin(), m.untimed.end()),
               fastest_timed = *std::min_element(m.timed.begin(), m.timed.end());
  const double clock = clock_reading_seconds(), readings = static_cast<double>(parts.size() + 1);
  double mixed_ms = 0, whole_ms = 0;
  for (std::size_t s = 0; s < parts.size(); ++s) {
    whole_ms += parts[s].ms;
    if (s < program.steps.size() && mixed(program.steps[s])) mixed_ms += parts[s].ms;
  }
  return {
      {"step_ms", step_ms},
      {"timed_step_ms", timed_ms},
      {"attributed_ms", median(sums)},
      {"sum_of_medians_ms", whole_ms},
      {"attributed_share", median(shares)},
      {"overhead_ms", (fastest_timed - fastest) * 1e3},
      {"overhead_share", fastest_timed / fastest - 1},
      {"clock_ns", clock * 1e9},
      {"clock_share", clock * readings * 1e3 / step_ms},
      {"readings", parts.size() + 1},
      {"mixed_ms", mixed_ms},
      {"mixed_share", mixed_ms / whole_ms},
      {"timed_runs", m.timed.size()},
      {"untimed_runs", m.untimed.size()},
      {"how",
       "whole steps in turn with clock readings between their parts and without; the parts' "
       "sum over the wall time of the same step; the fastest step with readings over the fastest "
       "one without"}};
}

}  // namespace

Json step_record(const ProfiledStep& profiled) {
  const Program& program = profiled.program();
  const std::vector<std::string> layers = layers_of(profiled.tape());
  const std::vector<Part> parts = parts_of(profiled, layers);
  const Sums sums(parts, profiled.peak);
  Json steps = steps_record(profiled, parts, layers, sums);
  const Json memory = memory_record(profiled, layers);
  steps.back()["live_bytes"] = memory["live_bytes"].back();
  return {{"steps", steps},
          {"ops", ops_of(profiled, sums)},
          {"phases", phases_of(program, sums)},
          {"layers", layers_record(parts, layers, sums)},
          {"origins", origins_of(profiled, layers, sums)},
          {"memory", memory},
          {"attribution", attribution_of(profiled, parts)}};
}

}  // namespace twice::experiments
