// The flame graph by layer, phase and op, and the timeline. Uses flame.mustache, flame.css and
// flame.js.
#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "experiments/commands/profile/page.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

/// The parts of the steps by the first of `fields`, each with its own parts by the other fields.
/// `above` names the enclosing parts. All parts inside a phase have its colour, `ink`.
Json parts_of(const std::vector<Json>& steps, std::span<const std::string> fields, double whole_ms,
              const std::string& above = "", std::string ink = "") {
  Json parts = Json::array();
  for (const std::string& name : distinct(steps, fields[0])) {
    std::vector<Json> inside;
    double ms = 0;
    for (const Json& step : steps)
      if (text(step, fields[0]) == name) {
        inside.push_back(step);
        ms += number(step, "ms");
      }
    if (fields[0] == "phase") ink = phase_ink(name).name;
    parts.push_back(
        {{"name", name},
         {"weight", fmt::format("{:.0f}", 1e6 * ms / whole_ms + 1)},  // below 1, flex leaves a gap
         {"title", fmt::format("{}{}: {} ms, {} of the time, {} steps", above, name,
                               format_number(ms), format_percent(ms / whole_ms), inside.size())},
         {"ink", ink}});
    if (fields.size() > 1)
      parts.back()[fields[1] + "s"] =
          parts_of(inside, fields.subspan(1), whole_ms, above + name + ", ", ink);
  }
  return parts;
}

}  // namespace

std::string flame_figure(const Json& record) {
  const std::vector<Json> steps = objects(member(record, "steps"));
  double whole_ms = 0;
  for (const Json& step : steps) whole_ms += std::max(0., number(step, "ms"));
  if (!(whole_ms > 0)) return "";
  std::vector<Json> by_layer = steps;  // in the order of the model
  const std::vector<std::string> order = distinct(objects(member(record, "layers")), "layer");
  std::ranges::stable_sort(by_layer, {}, [&](const Json& step) {
    return std::ranges::find(order, text(step, "layer")) - order.begin();
  });
  const std::string fields[] = {"layer", "phase", "label"};
  Json lanes = Json::array();
  for (const std::string& phase : distinct(steps, "phase")) {
    Json bars = Json::array();
    for (const Json& step : steps)
      if (text(step, "phase") == phase)
        bars.push_back({{"layer", text(step, "layer")},
                        {"label", text(step, "label")},
                        {"left", fmt::format("{:.4f}", 100 * number(step, "start_ms") / whole_ms)},
                        {"width", fmt::format("{:.4f}", 100 * number(step, "ms") / whole_ms)},
                        {"title", fmt::format("step {}: {}, {}, {}: {}", text(step, "index"),
                                              text(step, "label"), text(step, "layer"), phase,
                                              ms_text(step))}});
    lanes.push_back({{"phase", phase}, {"ink", phase_ink(phase).name}, {"bars", bars}});
  }
  return render("flame", {{"name", profiled(record)},
                          {"title", fmt::format("{} ms", format_number(whole_ms))},
                          {"layers", parts_of(by_layer, fields, whole_ms)},
                          {"lanes", lanes},
                          {"end", format_number(whole_ms) + " ms"},
                          {"style", embedded_file("flame.css")},
                          {"script", embedded_file("flame.js")}});
}

}  // namespace twice::experiments
