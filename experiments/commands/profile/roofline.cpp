// Discs under roofs.
#include "experiments/commands/profile/roofline.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "experiments/commands/profile/drawing.h"
#include "experiments/report/plots.h"
#include "experiments/report/table.h"

namespace twice::experiments {

namespace {

constexpr int width = 560, height = 380;
constexpr double left = 56, right = width - 14, top = 12, bottom = height - 44;
constexpr const char* label =
    "GFLOP per second over FLOP per byte, a disc for each step of the program under the machine's "
    "measured roofs";

struct Disc {
  double x, y, share;
  Json step;
};

/// The steps that have FLOPs, the longest first, so that small discs lie on large ones.
std::vector<Disc> discs_of(const Json& record) {
  std::vector<Disc> discs;
  for (const Json& step : objects(member(record, "steps"))) {
    const double x = number(step, "intensity"), y = number(step, "gflops");
    if (x > 0 && y > 0) discs.push_back({x, y, std::max(0., number(step, "share")), step});
  }
  std::ranges::stable_sort(discs, std::greater{}, &Disc::share);
  return discs;
}

void draw_axes(Drawing& drawing, const DrawnAxis& x, const DrawnAxis& y) {
  for (const double tick : log_ticks(x.low, x.high)) {
    drawing.gridline(x(tick), top, x(tick), bottom);
    drawing.text(x(tick), bottom + 18, tick_text(tick), "middle");
  }
  for (const double tick : log_ticks(y.low, y.high)) {
    drawing.gridline(left, y(tick), right, y(tick));
    drawing.text(left - 8, y(tick) + 4, tick_text(tick), "end");
  }
  drawing.text((left + right) / 2, height - 6, "arithmetic intensity, FLOP per byte", "middle");
  drawing.text(13, (top + bottom) / 2, "GF/s", "middle", -90);
}

/// Both roofs, or their names, which are drawn last so that no disc hides them.
struct Roofs {
  const DrawnAxis &x, &y;
  double gflops, gbs;
  double ridge = gflops / gbs, from = std::max(x.low, y.low / gbs);

  void draw(Drawing& drawing) const {
    drawing.line(x(from), y(from * gbs), x(ridge), y(gflops), 1.8);
    drawing.line(x(ridge), y(gflops), right, y(gflops), 1.8);
  }
  void name(Drawing& drawing) const {
    drawing.text(right, y(gflops) - 7, fmt::format("product {} GF/s", format_number(gflops)),
                 "end");
    const double slope = std::atan2(y(gflops) - y(from * gbs), x(ridge) - x(from)),
                 middle = std::sqrt(from * ridge);
    drawing.text(x(middle) + 7 * std::sin(slope), y(middle * gbs) - 7 * std::cos(slope),
                 fmt::format("memory {} GB/s", format_number(gbs)), "middle",
                 slope * 180 / std::numbers::pi);
  }
};

std::optional<Drawing> roofline(const Json& record) {
  const Json& peak = member(record, "peak");
  const double gflops = number(peak, "gflops"), gbs = number(peak, "gbs");
  const std::vector<Disc> discs = discs_of(record);
  if (discs.empty() || !(gflops > 0 && gbs > 0)) return {};
  DrawnAxis x{gflops / gbs, gflops / gbs, left, right, true}, y{gflops, gflops, bottom, top, true};
  for (const Disc& disc : discs) {
    x.low = std::min(x.low, disc.x);
    x.high = std::max(x.high, disc.x);
    y.low = std::min(y.low, disc.y);
    y.high = std::max(y.high, disc.y);
  }
  x.low /= 2, x.high *= 4, y.low /= 2, y.high *= 2;
  Drawing drawing(width, height);
  draw_axes(drawing, x, y);
  const Roofs roofs{x, y, gflops, gbs};
  roofs.draw(drawing);
  for (const Disc& disc : discs) {
    const std::string phase = text(disc.step, "phase");
    drawing.disc(
        x(disc.x), y(disc.y), std::max(2., 34 * std::sqrt(disc.share)), phase_ink(phase), phase,
        fmt::format("{}, {}, {}: {} GF/s at {} FLOP per byte, {} ms ({})", text(disc.step, "label"),
                    text(disc.step, "layer"), phase, format_number(disc.y), format_number(disc.x),
                    format_number(number(disc.step, "ms")), format_percent(disc.share)));
  }
  roofs.name(drawing);
  return drawing;
}

}  // namespace

Ink phase_ink(std::string_view phase) {
  constexpr std::string_view order[] = {"forward", "backward", "double backward", "update"};
  return ramp_ink(static_cast<std::size_t>(std::ranges::find(order, phase) - order));
}

std::vector<std::pair<std::string, Ink>> phase_legend(const Json& record) {
  std::vector<std::pair<std::string, Ink>> entries;
  for (const Json& step : objects(member(record, "steps"))) {
    const std::string phase = text(step, "phase");
    if (std::ranges::find(entries, phase, &std::pair<std::string, Ink>::first) == entries.end())
      entries.emplace_back(phase, phase_ink(phase));
  }
  return entries;
}

std::string roofline_plot(const Json& record) {
  const std::optional<Drawing> drawing = roofline(record);
  return drawing ? drawing->str(label) : "";
}

std::string roofline_file(const Json& record) {
  const std::optional<Drawing> drawing = roofline(record);
  return drawing.value_or(Drawing(width, height))
      .file("Roofline of " + text(record, "method") + " on " + text(record, "model"),
            fmt::format("a disc for each step of the program, its area its share of the time; {} "
                        "threads",
                        text(member(record, "peak"), "threads")),
            phase_legend(record));
}

}  // namespace twice::experiments
