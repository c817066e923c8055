// Records the parts of a step one by one, and summed up by op, phase, layer and forward op. Also
// records the memory during the step, and the share of the time that the parts explain.
#include "experiments/commands/profile/step_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "autodiff/plan/passes/fused_op.h"
#include "autodiff/profile/attribution.h"
#include "autodiff/profile/memory_profile.h"
#include "experiments/commands/profile/rows.h"
#include "experiments/files/words.h"
#include "experiments/measure/counters.h"
#include "experiments/measure/statistics.h"

namespace twice::experiments {

namespace {

/// The name of the update in the place of an op's name.
constexpr const char* optimizer_op = "optimizer";

/// A step of the program, or, as the last part, the optimiser's update.
struct Part {
  std::size_t index;
  std::string op;
  Cost cost;
  Phase phase;
  std::string layer;
  /// The tape index of the forward node. For the update, a number above all nodes.
  int origin;
  /// Median over the timed runs.
  double ms = 0;
};
using Parts = std::vector<const Part*>;
constexpr int no_origin = std::numeric_limits<int>::max();

/// `fused(relu+add)`: the ops of the members, from the stored value backwards, each once.
std::string label_of(const Step& step) {
  const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get());
  if (!fused) return std::string(step.op->name());
  constexpr std::size_t most = 4;
  std::vector<std::string> names;
  for (auto m = fused->members().rbegin(); m != fused->members().rend(); ++m)
    if (const std::string name(m->op->name()); !holds(names, name)) names.push_back(name);
  const bool more = names.size() > most;
  if (more) names.resize(most);
  return fmt::format("fused({}{})", fmt::join(names, "+"), more ? "+..." : "");
}

/// The parts of the prediction in milliseconds, by the names of `limit_of`.
Json to_json(const Prediction& predicted) {
  Json parts = Json::object();
  for (const Limit& part : parts_of(predicted)) parts[part.name] = part.seconds * 1e3;
  return parts;
}

class StepRecord {
 public:
  StepRecord(const TimedProgram& timed, const StepMeasurement& measured,
             const std::vector<Prediction>& predicted)
      : step_(timed.step),
        measured_(measured),
        predicted_(predicted),
        program_(timed.program),
        tape_(timed.tape),
        memory_(memory_profile(program_)),
        step_of_node_(steps_of_forward_nodes(program_)),
        layers_(layers_of(tape_)) {
    if (!step_)
      for (const auto& [model, plan] :
           {std::pair{loss_layer, no_scope}, {whole_model_layer, several_scopes}})
        std::ranges::replace(layers_, std::string(model), std::string(plan));
    for (const Step& s : program_.steps)
      parts_.push_back({parts_.size(), std::string(s.op->name()), s.cost, s.phase,
                        layer_of(s.forward_origin), s.forward_origin});
    if (step_) add_update();
    for (Part& part : parts_) {
      part.ms = quantile(milliseconds_of(part.index), 0.5);
      whole_ms_ += part.ms;
    }
  }

  /// The times of a step in all runs, in ascending order. Every sum uses these numbers, so that no
  /// two sums differ by rounding.
  std::vector<double> milliseconds_of(std::size_t s) const {
    std::vector<double> ms = measured_.times.sorted(s);
    for (double& t : ms) t *= 1e3;
    return ms;
  }

  Json steps() const {
    Json rows = Json::array();
    double start_ms = 0;
    for (std::size_t s = 0; s < parts_.size(); ++s) {
      Json row = {{"index", s},
                  {"phase", str(parts_[s].phase)},
                  {"layer", parts_[s].layer},
                  {"calls", 1},
                  {"start_ms", start_ms},
                  {"inputs", Json::array()},
                  {"live_bytes", memory_.live_bytes[s]}};
      add_sums(row, {&parts_[s]});
      add_times(row, milliseconds_of(s));
      start_ms += parts_[s].ms;
      if (s == program_.steps.size()) {
        row.update({{"op", optimizer_op},
                    {"attributes", step_->optimizer().options().name},
                    {"label", optimizer_op},
                    {"members", Json::array()},
                    {"in_place", false}});
        for (const char* none :
             {"forward", "output", "offset", "output_bytes", "workspace_offset", "workspace_bytes"})
          row[none] = Json();
      } else {
        const Step& step = program_.steps[s];
        const Value& output = value(step.output);
        for (const int input : step.inputs) row["inputs"].push_back(str(value(input).spec));
        row.update({{"op", step.op->name()},
                    {"attributes", step.op->attributes()},
                    {"label", label_of(step)},
                    {"forward", forward(step.forward_origin)},
                    {"members", members_of(step)},
                    {"output", str(output.spec)},
                    {"offset", output.offset},
                    {"output_bytes", output.spec.bytes()},
                    {"workspace_offset", step.workspace_offset},
                    {"workspace_bytes", step.workspace_bytes},
                    {"in_place", memory_.in_place(static_cast<int>(s))}});
      }
      rows.push_back(std::move(row));
    }
    return rows;
  }

  Json ops() const {
    const StepTimes& times = measured_.times;
    std::vector<Json> rows;
    for (const auto& [op, parts] : parts_by(&Part::op)) {
      Json row = {{"name", op}, {"calls", parts.size()}};
      add_sums(row, parts);
      const double self_ms = row["ms"];
      double total_ms = self_ms;
      for (std::size_t s = 0; s < program_.steps.size(); ++s)
        if (const Step& step = program_.steps[s];
            step.op->name() != op && step.forward_op && step.forward_op->name() == op)
          total_ms += parts_[s].ms;
      std::vector<double> samples(times.runs());
      for (std::size_t run = 0; run < times.runs(); ++run)
        for (const Part* part : parts) samples[run] += times.seconds(run, part->index) * 1e3;
      row.update({{"self_ms", self_ms},
                  {"self_share", row["share"]},
                  {"avg_ms", self_ms / static_cast<double>(parts.size())},
                  {"total_ms", total_ms},
                  {"total_share", total_ms / whole_ms_},
                  {"samples_ms", samples}});
      row.erase("ms");
      row.erase("share");
      rows.push_back(std::move(row));
    }
    std::ranges::stable_sort(rows, std::greater{},
                             [](const Json& row) { return number(row, "self_ms"); });
    return rows;
  }

  Json phases() const {
    Json rows = Json::array();
    for (const auto& [phase, parts] : parts_by(&Part::phase)) {
      rows.push_back({{"phase", str(phase)}, {"steps", parts.size()}});
      add_sums(rows.back(), parts);
    }
    return rows;
  }

  Json layers() const {
    // Layers appear in the order of the tape. Names in parentheses, which are not layers, come
    // last.
    std::vector<std::string> order = layers_;
    std::erase_if(order, [](const std::string& layer) { return layer.front() == '('; });
    order.insert(order.end(), {input_layer, loss_layer, whole_model_layer, optimizer_layer,
                               no_scope, several_scopes});
    auto groups = parts_by(&Part::layer);
    Json rows = Json::array();
    for (const std::string& layer : order)
      if (const auto group = groups.extract(layer)) {
        rows.push_back({{"layer", layer}});
        add_phases(rows.back(), group.mapped());
        add_sums(rows.back(), group.mapped());
      }
    return rows;
  }

  Json origins() const {
    Json rows = Json::array();
    for (const auto& [node, parts] : parts_by(&Part::origin)) {
      Json row =
          node == no_origin
              ? Json{{"node", Json()}, {"op", optimizer_op}, {"shape", Json()}, {"step", Json()}}
              : forward(node);
      row["layer"] = parts[0]->layer;
      add_phases(row, parts);
      add_sums(row, parts);
      rows.push_back(std::move(row));
    }
    return rows;
  }

  Json memory() const {
    std::vector<Json> values, at_peak;
    std::size_t optimizer = 0;
    for (const ArenaValue& v : memory_.values) {
      values.push_back(value_record(v));
      if (!v.alive_at(memory_.peak_step)) continue;
      at_peak.push_back(values.back());
      at_peak.back()["overwritten"] = v.overwritten && v.last == memory_.peak_step;
    }
    std::ranges::stable_sort(at_peak, std::greater{},
                             [](const Json& value) { return number(value, "bytes"); });
    if (step_)
      for (const auto& [name, array] : step_->optimizer().state()) optimizer += array.bytes();
    return {{"arena_bytes", program_.arena_bytes},
            {"most_alive_bytes", program_.most_alive_bytes},
            {"without_reuse_bytes", memory_.without_reuse},
            {"saved_bytes", memory_.without_reuse - program_.arena_bytes},
            {"leaf_bytes", program_.leaf_bytes},
            {"parameter_bytes", leaf_bytes(NodeKind::parameter)},
            {"input_bytes", leaf_bytes(NodeKind::input)},
            {"constant_bytes", leaf_bytes(NodeKind::constant)},
            {"optimizer_bytes", step_ ? Json(optimizer) : Json()},
            {"live_bytes", memory_.live_bytes},
            {"peak_step", memory_.peak_step},
            {"at_peak", at_peak},
            {"values", values}};
  }

  Json attribution() const {
    const StepMeasurement& m = measured_;
    std::vector<double> shares, sums;
    for (std::size_t run = 0; run < m.times.runs(); ++run) {
      sums.push_back(m.times.total(run) * 1e3);
      shares.push_back(sums.back() / m.timed[run]);
    }
    // The comparison uses the fastest run of each kind, because other work on the machine disturbs
    // runs by more than a few readings of the clock.
    const double fastest = std::ranges::min(m.untimed), fastest_timed = std::ranges::min(m.timed);
    const double clock = clock_reading_seconds(), step_ms = median(m.untimed);
    const std::size_t readings = parts_.size() + 1;
    double mixed_ms = 0, predicted_ms = 0;
    int above = 0;
    for (std::size_t s = 0; s < parts_.size(); ++s)
      above += limit_of(predicted_[s]).seconds * 1e3 > 1.1 * parts_[s].ms;
    for (const Prediction& part : predicted_) predicted_ms += part.seconds() * 1e3;
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      if (mixed(program_.steps[s])) mixed_ms += parts_[s].ms;
    return {{"step_ms", step_ms},
            {"timed_step_ms", median(m.timed)},
            {"attributed_ms", median(sums)},
            {"sum_of_medians_ms", whole_ms_},
            {"attributed_share", median(shares)},
            {"overhead_ms", fastest_timed - fastest},
            {"overhead_share", fastest_timed / fastest - 1},
            {"clock_ns", clock * 1e9},
            {"clock_share", clock * static_cast<double>(readings) * 1e3 / step_ms},
            {"readings", readings},
            {"counts", m.counts.empty() ? Json() : Json(m.counts)},
            {"predicted_ms", predicted_ms},
            {"predicted_too_long", above},
            {"residual", step_ms / predicted_ms - 1},
            {"mixed_ms", mixed_ms},
            {"mixed_share", mixed_ms / whole_ms_},
            {"timed_runs", m.timed.size()},
            {"untimed_runs", m.untimed.size()},
            {"how",
             "whole steps, alternately with and without clock readings between their parts; "
             "attributed: the sum of the parts over the wall time of the same step; overhead: the "
             "fastest step with readings over the fastest step without"}};
  }

 private:
  /// The few FLOPs of the update are not counted. During the update, only the program's outputs are
  /// alive.
  void add_update() {
    Cost update;
    update.bytes = bytes_of_update(step_->optimizer(), step_->state().parameters);
    parts_.push_back(
        {parts_.size(), optimizer_op, update, Phase::update, optimizer_layer, no_origin});
    std::size_t outputs = 0;
    for (const ArenaValue& v : memory_.values)
      if (v.last == std::ssize(program_.steps)) outputs += v.padded();
    memory_.live_bytes.push_back(outputs);
  }
  const std::string& layer_of(int node) const { return layers_[static_cast<std::size_t>(node)]; }
  const Value& value(int index) const { return program_.values[static_cast<std::size_t>(index)]; }
  /// The parts in groups with equal values of a member, in the order of these values. Each part is
  /// in one group, so times and counts add up to the total.
  template <class Key>
  std::map<Key, Parts> parts_by(Key Part::*member) const {
    std::map<Key, Parts> groups;
    for (const Part& part : parts_) groups[part.*member].push_back(&part);
    return groups;
  }

  /// Adds the sums of these parts, under the names that all tables share.
  void add_sums(Json& row, const Parts& parts) const {
    double ms = 0;
    Cost cost;
    Prediction predicted;
    for (const Part* part : parts) {
      ms += part->ms;
      cost += part->cost;
      predicted += predicted_[part->index];
    }
    const Limit limit = limit_of(predicted);
    row.update({{"ms", ms},
                {"share", ms / whole_ms_},
                {"flop", cost.flops},
                {"bytes", cost.bytes},
                {"products", cost.products},
                {"small_products", cost.small_products},
                {"gflops", cost.flops / ms / 1e6},
                {"gbs", cost.bytes / ms / 1e6},
                {"intensity", cost.bytes > 0 ? Json(cost.flops / cost.bytes) : Json()},
                {"bound", limit.name},
                {"bound_ms", limit.seconds * 1e3},
                {"bound_share", limit.seconds * 1e3 / ms},
                {"predicted", to_json(predicted)},
                {"predicted_ms", predicted.seconds() * 1e3},
                {"residual", ms / (predicted.seconds() * 1e3) - 1}});
  }

  /// Adds the number of these parts, and their times by phase.
  void add_phases(Json& row, const Parts& parts) const {
    row["steps"] = parts.size();
    for (int phase = 0; phase < phase_count; ++phase) {
      double ms = 0;
      for (const Part* part : parts)
        if (part->phase == static_cast<Phase>(phase)) ms += part->ms;
      std::string name(str(static_cast<Phase>(phase)));
      std::ranges::replace(name, ' ', '_');
      row[name + "_ms"] = ms;
    }
  }

  /// A forward op in the format that steps and values use, with the step that computes it.
  Json forward(int node) const {
    const Node& origin = tape_.node(node);
    const int step =
        node < std::ssize(step_of_node_) ? step_of_node_[static_cast<std::size_t>(node)] : -1;
    return {{"node", node},
            {"op", tape_.name(origin)},
            {"shape", str(origin.spec.shape)},
            {"step", step >= 0 ? Json(step) : Json()}};
  }

  Json members_of(const Step& step) const {
    Json members = Json::array();
    if (const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get()))
      for (const FusedElementwise::Member& m : fused->members())
        members.push_back({{"op", m.op->name()},
                           {"phase", str(m.phase)},
                           {"layer", layer_of(m.forward_origin)},
                           {"forward_node", m.forward_origin},
                           {"forward_op", m.forward_op ? Json(m.forward_op->name()) : Json()}});
    return members;
  }

  Json value_record(const ArenaValue& v) const {
    const Step& step = program_.steps[static_cast<std::size_t>(v.first)];
    const bool workspace = v.value < 0;
    return {{"value", workspace ? Json() : Json(v.value)},
            {"workspace", workspace},
            {"op", step.op->name()},
            {"shape", workspace ? Json() : Json(str(value(v.value).spec))},
            {"bytes", v.bytes},
            {"offset", v.offset},
            {"phase", str(step.phase)},
            {"layer", layer_of(step.forward_origin)},
            {"forward", forward(step.forward_origin)},
            {"from_step", v.first},
            {"to_step", v.last < std::ssize(program_.steps) ? Json(v.last) : Json()}};
  }

  /// Bytes of the leaves of one kind.
  std::size_t leaf_bytes(NodeKind kind) const {
    std::size_t bytes = 0;
    for (const Value& value : program_.values)
      if (value.place == Value::Place::leaf && value.kind == kind) bytes += value.spec.bytes();
    return bytes;
  }

  /// Null for a plan without an update.
  const OurStep* step_;
  const StepMeasurement& measured_;
  const std::vector<Prediction>& predicted_;
  const Program& program_;
  const Tape& tape_;
  /// With the live bytes of each part, also of the update.
  MemoryProfile memory_;
  const std::vector<int> step_of_node_;
  /// The layer of each node of the tape.
  std::vector<std::string> layers_;
  std::vector<Part> parts_;
  double whole_ms_ = 0;
};

}  // namespace

StepMeasurement measure_steps(const TimedProgram& timed, double seconds,
                              const TimingProgress& progress) {
  StepMeasurement result{StepTimes(timed.parts(), most_rounds), {}, {}, {}};
  timed.run();
  // The kind that goes first alternates between rounds, so that each kind equally often finds the
  // other's caches: timed, untimed; untimed, timed; ...
  const auto is_timed = [](std::size_t call) { return (call + 1) / 2 % 2 == 0; };
  std::size_t calls = 0;
  const auto run = [&] {
    is_timed(calls++) ? timed.run_timed(result.times.next_run()) : timed.run();
  };
  const Counters counters;
  const std::map<std::string, double> before = counters.read();
  const std::vector<std::vector<double>> ms = timed_in_turns({run, run}, seconds, progress);
  result.counts = counters.read();
  for (auto& [name, count] : result.counts) {
    const auto first = before.find(name);
    count -= first == before.end() ? 0 : first->second;
    count /= static_cast<double>(calls);
  }
  for (std::size_t call = 0; call < 2 * ms[0].size(); ++call)
    (is_timed(call) ? result.timed : result.untimed).push_back(ms[call % 2][call / 2]);
  return result;
}

Json step_record(const TimedProgram& timed, const StepMeasurement& measured,
                 const std::vector<Prediction>& predicted) {
  const StepRecord record(timed, measured, predicted);
  return {{"steps", record.steps()},
          {"ops", record.ops()},
          {"phases", record.phases()},
          {"layers", record.layers()},
          {"origins", record.origins()},
          {"memory", record.memory()},
          {"attribution", record.attribution()}};
}

}  // namespace twice::experiments
