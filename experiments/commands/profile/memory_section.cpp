// A curve, a map of the arena, a table.
#include "experiments/commands/profile/memory_section.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/commands/profile/drawing.h"
#include "experiments/commands/profile/profile_columns.h"
#include "experiments/commands/profile/profile_findings.h"
#include "experiments/commands/profile/roofline.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

constexpr double mib = 1 << 20;

std::string mib_text(const Json& memory, const char* field) {
  return format_number(number(memory, field) / mib) + " MiB";
}

/// Live bytes in each step against the time at which it runs.
std::string live_figure(const Json& record) {
  const Json& memory = member(record, "memory");
  const std::vector<Json> steps = objects(member(record, "steps"));
  Curve live{.name = "alive", .ink = method_ink("exact")},
      arena{.name = "arena", .ink = method_ink("sgd"), .faint = true};
  CurvePlot plot{.label = "MiB of the arena that are alive, over the time of one step",
                 .x_title = "ms",
                 .large = true};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double begin = number(steps[i], "start_ms"), end = begin + number(steps[i], "ms"),
                 bytes = number(steps[i], "live_bytes");
    for (const double x : {begin, end}) {
      live.x.push_back(x);
      live.y.push_back(bytes / mib);
      arena.x.push_back(x);
      arena.y.push_back(number(memory, "arena_bytes") / mib);
    }
    if (static_cast<double>(i) == number(memory, "peak_step")) {
      plot.mark = (begin + end) / 2;
      plot.mark_text = fmt::format("peak: step {}", i);
    }
  }
  plot.curves = {arena, live};
  return figure("Memory over time, MiB (dotted: the arena)", curve_plot(plot));
}

/// Every value of the arena: from the step that computes it to the last that reads it, at its
/// place.
std::string arena_figure(const Json& record) {
  const Json& memory = member(record, "memory");
  const std::vector<Json> values = objects(member(memory, "values"));
  const double steps = static_cast<double>(objects(member(record, "steps")).size()),
               bytes = number(memory, "arena_bytes"), peak = number(memory, "peak_step");
  if (values.empty() || !(bytes > 0 && steps > 0)) return "";
  constexpr int width = 560, height = 360;
  const DrawnAxis x{0, steps, 56, width - 14}, y{0, bytes / mib, height - 44, 12};
  Drawing drawing(width, height);
  for (const double tick : linear_ticks(steps)) {
    drawing.gridline(x(tick), y.begin, x(tick), y.end);
    drawing.text(x(tick), y.begin + 18, fmt::format("{:g}", tick), "middle");
  }
  for (const double tick : linear_ticks(bytes / mib)) {
    drawing.gridline(x.begin, y(tick), x.end, y(tick));
    drawing.text(x.begin - 8, y(tick) + 4, fmt::format("{:g}", tick), "end");
  }
  drawing.text((x.begin + x.end) / 2, height - 6, "step of the program", "middle");
  drawing.text(13, (y.begin + y.end) / 2, "place, MiB", "middle", -90);
  for (const Json& value : values) {
    const double from = number(value, "from_step"), last = number(value, "to_step"),
                 to = std::isfinite(last) ? last + 1 : steps, low = number(value, "offset") / mib,
                 size = number(value, "bytes") / mib;
    const std::string phase = text(value, "phase");
    drawing.box(x(from), y(low + size), x(to) - x(from), y(low) - y(low + size), phase_ink(phase),
                phase,
                fmt::format("{} {}, {}, {}: {} MiB, steps {} to {}", text(value, "op"),
                            text(value, "shape"), text(value, "layer"), phase, format_number(size),
                            from, to - 1),
                from <= peak && peak < to);
  }
  return figure("The arena: which value lies where, and how long (framed: alive at the peak)",
                drawing.str("Places of the values in the arena over the steps of the program"));
}

}  // namespace

std::string memory_section(const Json& record) {
  const Json& memory = member(record, "memory");
  if (!memory.is_object()) return "";
  std::vector<Json> peak = objects(member(memory, "at_peak"));
  for (Json& value : peak) {
    value["forward op"] = text(member(value, "forward"), "op");
    if (member(value, "workspace") == true) value["op"] = text(value, "op") + " (workspace)";
    if (member(value, "overwritten") == true)
      value["shape"] = text(value, "shape") + ", overwritten here";
  }
  return section(
      "Memory",
      tiles({{mib_text(memory, "arena_bytes"),
              fmt::format("the arena, in which all computed values share memory; at least {} are "
                          "alive at once",
                          mib_text(memory, "most_alive_bytes"))},
             {mib_text(memory, "without_reuse_bytes"), "with a place of its own for every value"},
             {mib_text(memory, "saved_bytes"), "saved by the planner"},
             {mib_text(memory, "leaf_bytes"),
              fmt::format("parameters ({}), inputs and constants; the optimiser keeps {} more",
                          mib_text(memory, "parameter_bytes"),
                          mib_text(memory, "optimizer_bytes"))}}) +
          legend(phase_legend(record)) + figures(live_figure(record) + arena_figure(record)) +
          section("Alive at the peak", rows_table(peak, value_columns()), 3),
      2, "memory");
}

}  // namespace twice::experiments
