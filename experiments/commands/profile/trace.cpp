// Events from steps.
#include "experiments/commands/profile/trace.h"

#include <algorithm>
#include <map>
#include <set>

#include "experiments/commands/profile/step_times.h"

namespace twice::experiments {

namespace {

constexpr int process = 1, whole_step_lane = 1;

double microseconds(long long nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

Json metadata(const char* name, int lane, const Json& arguments) {
  return {{"ph", "M"}, {"name", name}, {"pid", process}, {"tid", lane}, {"args", arguments}};
}

/// Lanes by phase, in the order in which phases first run.
std::vector<std::string> lanes_of(const std::vector<StepTime>& times) {
  std::vector<std::string> lanes;
  for (const StepTime& time : times)
    if (const std::string phase = text(time.step, "phase");
        std::ranges::find(lanes, phase) == lanes.end())
      lanes.push_back(phase);
  return lanes;
}

Json arguments_of(const Json& step) {
  Json arguments = Json::object();
  for (const char* key : {"index", "op", "attributes", "layer", "inputs", "output", "share", "flop",
                          "bytes", "products", "gflops", "gbs", "intensity", "bound", "bound_share",
                          "live_bytes", "offset", "in_place"})
    if (const Json& value = member(step, key); !value.is_null() && value != "")
      arguments[key] = value;
  if (const Json& forward = member(step, "forward"); forward.is_object())
    arguments["forward op"] =
        text(forward, "op") + " " + text(forward, "shape") + ", node " + text(forward, "node");
  return arguments;
}

/// The step that runs each forward op, by its tape node.
std::map<Json, std::size_t> forward_steps(const std::vector<StepTime>& times) {
  std::map<Json, std::size_t> steps;
  for (const StepTime& time : times) {
    const Json& forward = member(time.step, "forward");
    if (const Json& step = member(forward, "step"); step.is_number())
      steps[member(forward, "node")] = step.get<std::size_t>();
    // A forward op that was fused with others runs in the step that holds it.
    if (text(time.step, "phase") == "forward")
      for (const Json& part : objects(member(time.step, "members")))
        if (text(part, "phase") == "forward")
          steps.emplace(member(part, "forward_node"), member(time.step, "index"));
  }
  return steps;
}

/// The steps from which a step comes: those of its own forward op and of its parts'.
std::set<std::size_t> sources(const Json& step, const std::map<Json, std::size_t>& forward) {
  std::set<std::size_t> found;
  const auto add = [&](const Json& node) {
    if (const auto at = forward.find(node); !node.is_null() && at != forward.end())
      found.insert(at->second);
  };
  add(member(member(step, "forward"), "node"));
  for (const Json& part : objects(member(step, "members"))) add(member(part, "forward_node"));
  found.erase(member(step, "index").get<std::size_t>());
  return found;
}

}  // namespace

Json chrome_trace(const Json& record) {
  const std::vector<StepTime> times = step_times(record);
  const std::vector<std::string> lanes = lanes_of(times);
  const auto lane_of = [&](const Json& step) {
    return whole_step_lane + 1 +
           static_cast<int>(std::ranges::find(lanes, text(step, "phase")) - lanes.begin());
  };
  Json events = Json::array();
  events.push_back(
      metadata("process_name", 0, {{"name", "twice profile: " + text(record, "model")}}));
  events.push_back(metadata("thread_name", whole_step_lane, {{"name", "step"}}));
  events.push_back(metadata("thread_sort_index", whole_step_lane, {{"sort_index", 0}}));
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const int lane = whole_step_lane + 1 + static_cast<int>(i);
    events.push_back(metadata("thread_name", lane, {{"name", lanes[i]}}));
    events.push_back(metadata("thread_sort_index", lane, {{"sort_index", i + 1}}));
  }
  const long long end = times.empty() ? 0 : times.back().end_ns;
  events.push_back({{"ph", "X"},
                    {"name", "step of " + text(record, "method")},
                    {"cat", "step"},
                    {"pid", process},
                    {"tid", whole_step_lane},
                    {"ts", 0.},
                    {"dur", microseconds(end)}});
  const auto counter = [&](long long at, const Json& bytes) {
    events.push_back({{"ph", "C"},
                      {"name", "live bytes"},
                      {"pid", process},
                      {"tid", whole_step_lane},
                      {"ts", microseconds(at)},
                      {"args", {{"arena", bytes}}}});
  };
  for (const StepTime& time : times) {
    events.push_back({{"ph", "X"},
                      {"name", text(time.step, "label")},
                      {"cat", text(time.step, "phase")},
                      {"pid", process},
                      {"tid", lane_of(time.step)},
                      {"ts", microseconds(time.begin_ns)},
                      {"dur", microseconds(time.end_ns - time.begin_ns)},
                      {"args", arguments_of(time.step)}});
    counter(time.begin_ns, member(time.step, "live_bytes"));
  }
  counter(end, 0);

  // An arrow begins and ends inside the slices that it joins: at their middles.
  const std::map<Json, std::size_t> forward = forward_steps(times);
  int arrow = 0;
  const auto end_of_arrow = [&](const char* kind, const StepTime& time) {
    Json event = {{"ph", kind},
                  {"name", "spawned"},
                  {"cat", "origin"},
                  {"id", arrow},
                  {"pid", process},
                  {"tid", lane_of(time.step)},
                  {"ts", microseconds((time.begin_ns + time.end_ns) / 2)}};
    if (*kind == 'f') event["bp"] = "e";
    events.push_back(std::move(event));
  };
  for (const StepTime& time : times)
    for (const std::size_t source : sources(time.step, forward)) {
      if (source >= times.size() || times[source].begin_ns >= time.begin_ns) continue;
      ++arrow;
      end_of_arrow("s", times[source]);
      end_of_arrow("f", time);
    }
  return {{"traceEvents", events},
          {"displayTimeUnit", "ns"},
          {"otherData",
           {{"model", text(record, "model")},
            {"method", text(record, "method")},
            {"version", "twice " + text(record, "version")},
            {"times", "median of each step of the program, one after another"}}}};
}

}  // namespace twice::experiments
