// SVG, shape by shape, in the page's text colour and the colours of palette.h as the other plots.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "experiments/commands/profile/page.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/table.h"

namespace twice::experiments {

namespace {

constexpr double mib = 1 << 20;
constexpr int width = 560;

/// From a number to its place in the picture.
struct Axis {
  const char* title;
  double low, high;  ///< the numbers at its ends
  bool log = false;
  double begin = 0, end = 0;  ///< their places

  double operator()(double value) const {
    const double share =
        log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return begin + share * (end - begin);
  }
  /// Round numbers; of a linear axis, which begins at 0, about five.
  std::vector<double> ticks() const {
    if (log) return log_ticks(low, high);
    const double power = std::pow(10., std::floor(std::log10(high / 4)));
    double step = power;
    for (const double digit : {2., 5., 10.})
      if (high / step > 6) step = digit * power;
    std::vector<double> ticks;
    for (int i = 0; i * step <= high * (1 + 1e-9); ++i) ticks.push_back(i * step);
    return ticks;
  }
  std::string tick(double value) const {
    return log ? tick_text(value) : fmt::format("{:g}", value);
  }
};

class Drawing {
 public:
  /// With gridlines, ticks and titles.
  Drawing(int height, const Axis& x_axis, const Axis& y_axis)
      : x(x_axis), y(y_axis), height_(height) {
    x.begin = 56, x.end = width - 14, y.begin = height - 44, y.end = 12;
    for (const double tick : x.ticks()) {
      gridline(x(tick), y.begin, x(tick), y.end);
      text(x(tick), y.begin + 18, x.tick(tick), "middle");
    }
    for (const double tick : y.ticks()) {
      gridline(x.begin, y(tick), x.end, y(tick));
      text(x.begin - 8, y(tick) + 4, y.tick(tick), "end");
    }
    text((x.begin + x.end) / 2, height - 6, x.title, "middle");
    text(13, (y.begin + y.end) / 2, y.title, "middle", -90);
  }

  void line(double x1, double y1, double x2, double y2) {
    shapes_ += fmt::format(
        "<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"currentColor\" stroke-width=\"1.8\" "
        "fill=\"none\"/>\n",
        x1, y1, x2, y2);
  }
  /// `place` is an element with its geometry; `tooltip` is shown when the mouse rests on it. The
  /// phase is its colour and what a legend hides.
  void shape(const std::string& place, const std::string& phase, double opacity, double stroke,
             const std::string& tooltip) {
    shapes_ += fmt::format(
        "<{} data-series=\"{}\" fill=\"var(--{})\" fill-opacity=\"{}\" stroke=\"currentColor\" "
        "stroke-width=\"{}\"><title>{}</title></{}>\n",
        place, escape(phase), phase_ink(phase).name, opacity, stroke, escape(tooltip),
        place.substr(0, place.find(' ')));
  }
  /// With a rim in the background's colour, so that it can be read over what was drawn before.
  /// `anchor` is start, middle or end; `degrees` turns the text about its place.
  void text(double at_x, double at_y, std::string_view words, const char* anchor,
            double degrees = 0) {
    const std::string turn =
        degrees == 0
            ? ""
            : fmt::format(" transform=\"rotate({:.1f} {:.1f} {:.1f})\"", degrees, at_x, at_y);
    shapes_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{} fill=\"currentColor\" "
        "font-size=\"13\" paint-order=\"stroke\" stroke=\"var(--card, var(--page))\" "
        "stroke-width=\"3\" stroke-linejoin=\"round\">{}</text>\n",
        at_x, at_y, anchor, turn, escape(words));
  }

  const std::string& shapes() const { return shapes_; }
  /// For a page; `label` says what is seen to those who cannot see it.
  std::string str(std::string_view label) const {
    return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>",
                       width, height_, escape(label), shapes_);
  }

  Axis x, y;

 private:
  void gridline(double x1, double y1, double x2, double y2) {
    shapes_ += fmt::format("<path class=\"gridline\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n", x1,
                           y1, x2, y2);
  }

  int height_;
  std::string shapes_;
};

constexpr int roofline_height = 380;

std::optional<Drawing> roofline(const Json& record) {
  const Json& peak = member(record, "peak");
  const double gflops = number(peak, "gflops"), gbs = number(peak, "gbs"), ridge = gflops / gbs;
  std::vector<Json> steps = objects(member(record, "steps"));
  std::erase_if(steps, [](const Json& step) {
    return !(number(step, "intensity") > 0 && number(step, "gflops") > 0);
  });
  if (steps.empty() || !(gflops > 0 && gbs > 0)) return {};
  // The longest first, so that small discs lie on large ones.
  const auto share = [](const Json& step) { return std::max(0., number(step, "share")); };
  std::ranges::stable_sort(steps, std::greater{}, share);
  Axis x{"arithmetic intensity, FLOP per byte", ridge, ridge, true},
      y{"GF/s", gflops, gflops, true};
  for (const Json& step : steps)
    for (const auto& [axis, field] : {std::pair{&x, "intensity"}, {&y, "gflops"}}) {
      axis->low = std::min(axis->low, number(step, field));
      axis->high = std::max(axis->high, number(step, field));
    }
  x.low /= 2, x.high *= 4, y.low /= 2, y.high *= 2;
  Drawing drawing(roofline_height, x, y);
  x = drawing.x, y = drawing.y;
  const double from = std::max(x.low, y.low / gbs);
  drawing.line(x(from), y(from * gbs), x(ridge), y(gflops));
  drawing.line(x(ridge), y(gflops), x.end, y(gflops));
  for (const Json& step : steps) {
    const double intensity = number(step, "intensity"), speed = number(step, "gflops");
    drawing.shape(fmt::format("circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"", x(intensity),
                              y(speed), std::max(2., 34 * std::sqrt(share(step)))),
                  text(step, "phase"), 0.8, 0.7,
                  fmt::format("{}, {}, {}: {} GF/s at {} FLOP per byte, {} ms ({})",
                              text(step, "label"), text(step, "layer"), text(step, "phase"),
                              format_number(speed), format_number(intensity),
                              format_number(number(step, "ms")), format_percent(share(step))));
  }
  // The roofs' names come last so that no disc hides them.
  drawing.text(x.end, y(gflops) - 7, fmt::format("product {} GF/s", format_number(gflops)), "end");
  const double slope = std::atan2(y(gflops) - y(from * gbs), x(ridge) - x(from)),
               middle = std::sqrt(from * ridge);
  drawing.text(x(middle) + 7 * std::sin(slope), y(middle * gbs) - 7 * std::cos(slope),
               fmt::format("memory {} GB/s", format_number(gbs)), "middle",
               slope * 180 / std::numbers::pi);
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
  return drawing ? drawing->str(
                       "GFLOP per second over FLOP per byte, a disc for each step of the "
                       "program under the machine's measured roofs")
                 : "";
}

std::string roofline_file(const Json& record) {
  constexpr int letter = 7, top = 74;
  const std::optional<Drawing> drawing = roofline(record);
  std::string legend;
  int x = 16;
  for (const auto& [name, ink] : phase_legend(record)) {
    legend += fmt::format(
        "<rect x=\"{}\" y=\"53\" width=\"11\" height=\"11\" fill=\"var(--{})\" "
        "stroke=\"currentColor\" stroke-width=\"0.7\"/><text x=\"{}\" y=\"63\" "
        "font-size=\"12\">{}</text>\n",
        x, ink.name, x + 17, escape(name));
    x += 34 + letter * static_cast<int>(name.size());
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"Helvetica, Arial, sans-serif\" role=\"img\" aria-label=\"{2}\">\n"
      "<style>svg {{ {3} --page: #ffffff; color: #1f2328; }}\n"
      "@media (prefers-color-scheme: dark) {{ svg {{ {4} --page: #0d1117; color: #e6edf3; }} }}\n"
      "text {{ fill: currentColor; }} .gridline {{ stroke: currentColor; stroke-opacity: 0.15; }}"
      "</style>\n<rect width=\"{0}\" height=\"{1}\" fill=\"var(--page)\"/>\n"
      "<text x=\"16\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{2}</text>\n"
      "<text x=\"16\" y=\"41\" font-size=\"12\">a disc for each step of the program, its area its "
      "share of the time; {5} threads</text>\n{6}<g transform=\"translate(0 {7})\">\n{8}</g>\n"
      "</svg>\n",
      width, roofline_height + top,
      escape("Roofline of " + text(record, "method") + " on " + text(record, "model")),
      ink_definitions(false), ink_definitions(true),
      escape(text(member(record, "peak"), "threads")), legend, top,
      drawing ? drawing->shapes() : "");
}

std::string arena_plot(const Json& record) {
  const Json& memory = member(record, "memory");
  const std::vector<Json> values = objects(member(memory, "values"));
  const double steps = static_cast<double>(objects(member(record, "steps")).size()),
               bytes = number(memory, "arena_bytes"), peak = number(memory, "peak_step");
  if (values.empty() || !(bytes > 0 && steps > 0)) return "";
  Drawing drawing(360, {"step of the program", 0, steps}, {"place, MiB", 0, bytes / mib});
  const Axis &x = drawing.x, &y = drawing.y;
  for (const Json& value : values) {
    const double from = number(value, "from_step"), last = number(value, "to_step"),
                 to = std::isfinite(last) ? last + 1 : steps, low = number(value, "offset") / mib,
                 size = number(value, "bytes") / mib;
    const bool at_peak = from <= peak && peak < to;
    drawing.shape(fmt::format("rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\"",
                              x(from), y(low + size), x(to) - x(from), y(low) - y(low + size)),
                  text(value, "phase"), at_peak ? 0.9 : 0.5, at_peak ? 0.9 : 0.3,
                  fmt::format("{} {}, {}, {}: {} MiB, steps {} to {}", text(value, "op"),
                              text(value, "shape"), text(value, "layer"), text(value, "phase"),
                              format_number(size), from, to - 1));
  }
  return drawing.str("Places of the values in the arena over the steps of the program");
}

}  // namespace twice::experiments
