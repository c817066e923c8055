// Draws curves as an SVG file with gnuplot. Texts in the script are quoted, and quotes inside a
// text are replaced.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "experiments/app/terminal.h"
#include "experiments/files/process.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

constexpr std::size_t file_width = 560, most_letters = 60;

/// gnuplot expands nothing between single quotes. A doubled quote inside may still end the text, so
/// quotes are replaced.
std::string quoted(const std::string& text, std::size_t width) {
  return "'" + replace_all(shortened(printable(text), width), "'", "’") + "'";
}

/// The colour in light mode, such as "#0072b2".
std::string light_colour(const Ink& ink) {
  const std::string_view css = embedded_file("picture.css");
  const std::string name = "--" + ink.name + ": ";
  return std::string(css.substr(css.find(name) + name.size(), 7));
}

/// The script lines of an axis: a range with some space around the values and, on a logarithmic
/// axis, the ticks.
std::string axis_lines(const char* name, bool log, const std::vector<double>& values) {
  auto [low, high] = std::ranges::minmax(values);
  const bool wide = high > 1e4 * low || low < 1e-3;
  if (log) {
    const double room = std::max(std::pow(high / low, 0.04), 1.1);
    low /= room, high *= room;
  } else {
    const double room = low < high ? 0.04 * (high - low) : std::max(std::abs(low) / 10, 0.1);
    low -= room, high += room;
  }
  std::string lines = fmt::format("set {}range [{}:{}]\n", name, low, high), ticks;
  if (!log) return lines;
  for (const double tick : log_ticks(low, high))
    ticks += fmt::format("{}'{}' {}", ticks.empty() ? "" : ", ", tick_text(tick, wide), tick);
  return lines + fmt::format("set logscale {0}\nset {0}tics ({1})\n", name, ticks);
}

std::string script_of(const CurvePlot& plot, const std::string& y_title) {
  std::string blocks, bands, lines;
  std::vector<double> xs, ys;
  std::size_t longest = 1, count = 0;
  for (const Curve& curve : plot.curves) {
    // A line for each point, and a blank line for a gap.
    std::string points;
    for (std::size_t k = 0; k < std::min(curve.x.size(), curve.y.size()); ++k) {
      const double x = curve.x[k], y = curve.y[k];
      if (!drawable(x, plot.log_x)) continue;
      const auto bound = [&](const std::vector<double>& values) {
        return k < values.size() && drawable(values[k], plot.log_y) ? values[k] : y;
      };
      if (drawable(y, plot.log_y)) {
        xs.push_back(x);
        ys.insert(ys.end(), {y, bound(curve.low), bound(curve.high)});
        points += fmt::format("{} {} {} {}", x, y, bound(curve.low), bound(curve.high));
      }
      points += "\n";
    }
    if (points.find_first_not_of('\n') == points.npos) continue;
    const std::string data = fmt::format("$d{}", count++), ink = light_colour(curve.ink);
    blocks += fmt::format("{} << EOD\n{}EOD\n", data, points);
    if (!curve.low.empty())
      bands += fmt::format(
          "{} using 1:3:4 with filledcurves fs transparent solid 0.16 noborder lc rgb '{}' "
          "notitle, ",
          data, ink);
    lines += fmt::format("{} using 1:2 with {} lc rgb '{}' lw 2 dt {} pt 7 ps 0.4 title {}, ", data,
                         curve.points ? "linespoints" : "lines", ink, curve.ink.dashed ? 2 : 1,
                         quoted(curve.name, most_letters));
    longest = std::max(longest, std::min(width_of(curve.name), most_letters));
  }
  if (ys.empty()) return "";
  // The picture has the titles, the plot with its ticks, and as many columns of names as fit.
  const std::size_t columns = std::clamp<std::size_t>(file_width / (9 * longest + 70), 1, 4),
                    rows = (count + columns - 1) / columns, legend = 18 * rows + 12,
                    height = 384 + legend;
  const auto from_top = [&](std::size_t place) {
    return 1 - static_cast<double>(place) / static_cast<double>(height);
  };
  return fmt::format(
             "set terminal svg size {},{} font 'Helvetica,Arial,sans-serif,12' "
             "background '#ffffff' rounded\n",
             file_width, height) +
         blocks + axis_lines("x", plot.log_x, xs) + axis_lines("y", plot.log_y, ys) +
         fmt::format(
             "set format '%g'\nset border 3 lc rgb '#6b7280'\nset tics nomirror scale 0.6,0.3\n"
             "set grid ytics lt 1 lc rgb '#e0e4ea'\nset tmargin at screen {}\n"
             "set bmargin at screen {}\nset rmargin at screen 0.97\n"
             "set key at screen 0.02, screen {} left top Left reverse horizontal maxcols {} "
             "noenhanced\n"
             "set label {} at screen 0.03, screen {} noenhanced font ',14'\n"
             "set label {} at screen 0.03, screen {} noenhanced textcolor rgb '#5a6675'\n"
             "set xlabel {} noenhanced\nplot {}{}1/0 notitle\n",
             from_top(60), from_top(334), from_top(384), columns, quoted(plot.label, 66),
             from_top(20), quoted(y_title, 78), from_top(41), quoted(plot.x_title, 70), bands,
             lines);
}

}  // namespace

std::string curve_file(const CurvePlot& plot, const std::string& y_title,
                       std::chrono::milliseconds limit) {
  const std::string script = script_of(plot, y_title);
  if (script.empty()) return Picture(500, 330).file(plot.label, y_title, {});
  try {
    Process process({"gnuplot", "-d", "-"}, {.input = script});
    const auto latest = std::chrono::steady_clock::now() + limit;
    const auto late = [&] { return std::chrono::steady_clock::now() > latest; };
    std::string svg = process.read_all(late);
    if (late())
      fail("plot", "gnuplot took more than {} s", static_cast<double>(limit.count()) / 1e3);
    if (process.wait() != 0) fail("plot", "gnuplot failed: {}", process.ending());
    return svg;
  } catch (const CannotStart& error) {
    fail("plot", "{}; gnuplot draws the plots of studies, and `.ci/install study` installs it",
         error.what());
  }
}

}  // namespace twice::experiments
