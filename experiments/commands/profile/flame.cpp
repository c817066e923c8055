// The flame graph by layer, phase and op, and the timeline. Uses flame.mustache, flame.css and
// flame.js.
#include <fmt/core.h>

#include <algorithm>

#include "experiments/commands/profile/page.h"

namespace twice::experiments {

namespace {

/// The part with this name, added if it does not exist yet.
Json& part_named(Json& parts, const std::string& name) {
  for (Json& part : parts)
    if (text(part, "name") == name) return part;
  parts.push_back({{"name", name}, {"ms", 0.}, {"steps", 0}});
  return parts.back();
}

void add_step(Json& part, const Json& step) {
  part["ms"] = number(part, "ms") + number(step, "ms");
  part["steps"] = part["steps"].get<int>() + 1;
}

/// Adds `weight`, `title` and the colour of the phase to the parts and to all parts inside them.
/// `above` names the enclosing parts.
void finish(Json& parts, double whole_ms, const std::string& above, const std::string& phase) {
  for (Json& part : parts) {
    const double share = number(part, "ms") / whole_ms;
    const std::string name = text(part, "name"), path = above + name;
    // All parts inside a phase have the phase's colour.
    const std::string ink = part.contains("ops") ? phase_ink(name).name : phase;
    part["weight"] = fmt::format("{:.0f}", 1e6 * share + 1);  // with less than 1, flex leaves a gap
    part["title"] = fmt::format("{}: {}, {} of the time, {} steps", path, ms_text(part),
                                format_percent(share), text(part, "steps"));
    part["ink"] = ink;
    for (const char* below : {"phases", "ops"})
      if (part.contains(below)) finish(part[below], whole_ms, path + ", ", ink);
  }
}

}  // namespace

std::string flame_figure(const Json& record) {
  const std::vector<Json> steps = objects(member(record, "steps"));
  double whole_ms = 0;
  for (const Json& step : steps) whole_ms += std::max(0., number(step, "ms"));
  if (!(whole_ms > 0)) return "";
  Json layers = Json::array(), lanes = Json::array();
  // The layers appear in the order of the model.
  for (const Json& layer : objects(member(record, "layers")))
    part_named(layers, text(layer, "layer"));
  for (const Json& step : steps) {
    const std::string name = text(step, "layer"), phase = text(step, "phase"),
                      label = text(step, "label"), ink = phase_ink(phase).name;
    Json& layer = part_named(layers, name);
    add_step(layer, step);
    Json& in_phase = part_named(layer["phases"], phase);
    add_step(in_phase, step);
    add_step(part_named(in_phase["ops"], label), step);
    part_named(lanes, phase)["bars"].push_back(
        {{"layer", name},
         {"phase", phase},
         {"label", label},
         {"ink", ink},
         {"left", fmt::format("{:.4f}", 100 * number(step, "start_ms") / whole_ms)},
         {"width", fmt::format("{:.4f}", 100 * number(step, "ms") / whole_ms)},
         {"title", fmt::format("step {}: {}, {}, {}: {}", text(step, "index"), label, name, phase,
                               ms_text(step))}});
  }
  finish(layers, whole_ms, "", "");
  return render("flame", {{"name", profiled(record)},
                          {"title", fmt::format("{} ms", format_number(whole_ms))},
                          {"layers", layers},
                          {"lanes", lanes},
                          {"end", format_number(whole_ms) + " ms"},
                          {"style", embedded_file("flame.css")},
                          {"script", embedded_file("flame.js")}});
}

}  // namespace twice::experiments
