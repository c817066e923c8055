// The pictures of a profile that report/plots.h does not provide: the roofline, the map of the
// arena, and the flame graph with its timeline (flame.mustache, flame.css and flame.js).
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <span>

#include "experiments/commands/profile/page.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"

namespace twice::experiments {

namespace {

constexpr double width = 560;

/// A picture with gridlines, ticks, and titles of both axes.
struct Plot {
  Plot(double height, const std::string& x_title, PlotAxis x_axis, const std::string& y_title,
       PlotAxis y_axis)
      : picture(width, height), x(x_axis), y(y_axis) {
    x.begin = 56, x.end = width - 14, y.begin = height - 44, y.end = 12;
    for (const double tick : x.ticks()) {
      picture.line(x(tick), y.begin, x(tick), y.end);
      picture.text(x(tick), y.begin + 18, x.tick(tick), "middle");
    }
    for (const double tick : y.ticks()) {
      picture.line(x.begin, y(tick), x.end, y(tick));
      picture.text(x.begin - 8, y(tick) + 4, y.tick(tick), "end");
    }
    picture.text((x.begin + x.end) / 2, height - 6, x_title, "middle");
    picture.text(13, (y.begin + y.end) / 2, y_title, "middle", -90);
  }
  /// Draws a shape in the colour of a phase, which a legend can hide.
  void shape(const char* element, const std::string& place, const std::string& phase,
             double opacity, double stroke, const std::string& tooltip) {
    picture.shape(element,
                  fmt::format("{} fill=\"var(--{})\" fill-opacity=\"{}\" stroke=\"currentColor\" "
                              "stroke-width=\"{}\"",
                              place, phase_ink(phase).name, opacity, stroke),
                  phase, tooltip);
  }

  Picture picture;
  PlotAxis x, y;
};

std::optional<Picture> roofline(const Json& record) {
  const Json& peak = member(record, "peak");
  const double gflops = number(peak, "gflops"), gbs = number(peak, "gbs"), ridge = gflops / gbs;
  std::vector<Json> steps = objects(record, "steps");
  std::erase_if(steps, [](const Json& step) {
    return !(number(step, "intensity") > 0 && number(step, "gflops") > 0);
  });
  if (steps.empty() || !(gflops > 0 && gbs > 0)) return {};
  // The longest steps first, so that small discs lie on large discs.
  const auto share = [](const Json& step) { return std::max(0., number(step, "share")); };
  std::ranges::stable_sort(steps, std::greater{}, share);
  PlotAxis x{ridge, ridge, 0, 0, true}, y{gflops, gflops, 0, 0, true};
  for (const Json& step : steps)
    for (const auto& [axis, field] : {std::pair{&x, "intensity"}, {&y, "gflops"}}) {
      axis->low = std::min(axis->low, number(step, field));
      axis->high = std::max(axis->high, number(step, field));
    }
  x.low /= 2, x.high *= 4, y.low /= 2, y.high *= 2;
  Plot plot(380, "arithmetic intensity, FLOP per byte", x, "GF/s", y);
  Picture& picture = plot.picture;
  x = plot.x, y = plot.y;
  constexpr const char* roof = "stroke=\"currentColor\" stroke-width=\"1.8\" fill=\"none\"";
  // A sloped roof for each cache level that is faster than the next level.
  std::vector<std::pair<std::string, double>> slopes = {{"memory", gbs}};
  for (auto level = data_levels().rbegin(); level != data_levels().rend(); ++level)
    if (const double rate = number(peak, level->second); rate > 1.15 * slopes.back().second)
      slopes.emplace_back(level->first, rate);
  for (const auto& [name, rate] : slopes) {
    const double from = std::max(x.low, y.low / rate);
    picture.line(x(from), y(from * rate), x(gflops / rate), y(gflops), roof);
  }
  picture.line(x(gflops / slopes.back().second), y(gflops), x.end, y(gflops), roof);
  for (const Json& step : steps) {
    const double intensity = number(step, "intensity"), speed = number(step, "gflops");
    plot.shape("circle",
               fmt::format("cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"", x(intensity), y(speed),
                           std::max(2., 34 * std::sqrt(share(step)))),
               text(step, "phase"), 0.8, 0.7,
               fmt::format("{}, {}, {}: {} GF/s at {} FLOP per byte, {} ms ({}), "
                           "predicted {} ms, most of it {}",
                           text(step, "label"), text(step, "layer"), text(step, "phase"),
                           format_number(speed), format_number(intensity),
                           format_number(number(step, "ms")), format_percent(share(step)),
                           format_number(number(step, "predicted_ms")), text(step, "bound")));
  }
  // The names of the roofs come last, so that no disc hides them.
  picture.text(x.end, y(gflops) - 7, fmt::format("product {} GF/s", format_number(gflops)), "end");
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    const auto& [name, rate] = slopes[i];
    const double from = std::max(x.low, y.low / rate), to = gflops / rate;
    if (!(from < to)) continue;
    // The name of the fastest roof stands above it. The other names stand below their roofs where
    // there is space.
    const bool above = i + 1 == slopes.size();
    if (!above && i > 0 && rate < 1.6 * slopes[i - 1].second) continue;
    const double at = std::sqrt(from * to), away = above ? 7 : -16,
                 slope = std::atan2(y(gflops) - y(from * rate), x(to) - x(from));
    picture.text(x(at) + away * std::sin(slope), y(at * rate) - away * std::cos(slope),
                 fmt::format("{} {} GB/s", name, format_number(rate)), "middle",
                 slope * 180 / std::numbers::pi);
  }
  return picture;
}

/// The parts of the steps by the first of `fields`, each with its own parts by the other fields.
/// `above` names the enclosing parts. All parts inside a phase have its colour, `ink`.
Json flame_parts(const std::vector<Json>& steps, std::span<const std::string> fields,
                 double whole_ms, const std::string& above = "", std::string ink = "") {
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
          flame_parts(inside, fields.subspan(1), whole_ms, above + name + ", ", ink);
  }
  return parts;
}

}  // namespace

Ink phase_ink(std::string_view phase) {
  constexpr std::string_view order[] = {"forward", "backward", "double backward", "update"};
  return ramp_ink(static_cast<std::size_t>(std::ranges::find(order, phase) - order));
}

Legend phase_legend(const Json& record) {
  Legend entries;
  for (const std::string& phase : distinct(objects(record, "steps"), "phase"))
    entries.emplace_back(phase, phase_ink(phase));
  return entries;
}

std::string roofline_plot(const Json& record) {
  const std::optional<Picture> picture = roofline(record);
  return picture ? picture->str(
                       "GFLOP per second over FLOP per byte: a disc for each step of the program, "
                       "and the machine's measured roofs")
                 : "";
}

std::string roofline_file(const Json& record) {
  return roofline(record)
      .value_or(Picture(width, 380))
      .file((is_plan(record) ? "Roofline of " : "Roofline of " + text(record, "method") + " on ") +
                text(record, "model"),
            fmt::format("a disc for each step of the program, its area its share of the time; {} "
                        "threads",
                        text(member(record, "peak"), "threads")),
            phase_legend(record));
}

std::string arena_plot(const Json& record) {
  const Json& memory = member(record, "memory");
  const std::vector<Json> values = objects(memory, "values");
  const double steps = static_cast<double>(objects(record, "steps").size()),
               bytes = number(memory, "arena_bytes"), peak = number(memory, "peak_step");
  if (values.empty() || !(bytes > 0 && steps > 0)) return "";
  Plot plot(360, "step of the program", {0, steps, 0, 0}, "place, MiB", {0, bytes / mib, 0, 0});
  const PlotAxis &x = plot.x, &y = plot.y;
  for (const Json& value : values) {
    const double from = number(value, "from_step"), last = number(value, "to_step"),
                 to = std::isfinite(last) ? last + 1 : steps, low = number(value, "offset") / mib,
                 size = number(value, "bytes") / mib;
    const bool at_peak = from <= peak && peak < to;
    plot.shape("rect",
               fmt::format("x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\"", x(from),
                           y(low + size), x(to) - x(from), y(low) - y(low + size)),
               text(value, "phase"), at_peak ? 0.9 : 0.5, at_peak ? 0.9 : 0.3,
               fmt::format("{} {}, {}, {}: {} MiB, steps {} to {}", text(value, "op"),
                           text(value, "shape"), text(value, "layer"), text(value, "phase"),
                           format_number(size), from, to - 1));
  }
  return plot.picture.str("Places of the values in the arena over the steps of the program");
}

std::string flame_figure(const Json& record) {
  const std::vector<Json> steps = objects(record, "steps");
  double whole_ms = 0;
  for (const Json& step : steps) whole_ms += std::max(0., number(step, "ms"));
  if (!(whole_ms > 0)) return "";
  std::vector<Json> by_layer = steps;  // in the order of the model
  const std::vector<std::string> order = distinct(objects(record, "layers"), "layer");
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
                          {"layers", flame_parts(by_layer, fields, whole_ms)},
                          {"lanes", lanes},
                          {"end", format_number(whole_ms) + " ms"},
                          {"style", embedded_file("flame.css")},
                          {"script", embedded_file("flame.js")}});
}

}  // namespace twice::experiments
