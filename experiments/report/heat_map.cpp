// gnuplot scripts for heat maps: a rectangle and its words for each cell, and a key above.
#include "experiments/report/heat_map.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "autodiff/array/error.h"
#include "experiments/report/gnuplot.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

struct Rgb {
  double red, green, blue;
};

// Viridis (Smith and van der Walt 2015) at nine places; between them it is straight to the eye.
constexpr std::array<Rgb, 9> viridis = {{{68, 1, 84},
                                         {71, 45, 123},
                                         {59, 82, 139},
                                         {44, 114, 142},
                                         {33, 145, 140},
                                         {40, 174, 128},
                                         {94, 201, 98},
                                         {173, 220, 48},
                                         {253, 231, 37}}};

/// The colour at `place` in [0, 1].
Rgb colour(double place) {
  const double at = std::clamp(place, 0.0, 1.0) * (viridis.size() - 1);
  const std::size_t i = std::min<std::size_t>(static_cast<std::size_t>(at), viridis.size() - 2);
  const double t = at - static_cast<double>(i);
  const auto mix = [&](double Rgb::*part) {
    return std::round((1 - t) * viridis[i].*part + t * viridis[i + 1].*part);
  };
  return {mix(&Rgb::red), mix(&Rgb::green), mix(&Rgb::blue)};
}

std::string hex(const Rgb& c) {
  return fmt::format("#{:02x}{:02x}{:02x}", static_cast<int>(c.red), static_cast<int>(c.green),
                     static_cast<int>(c.blue));
}

/// White or nearly black, whichever contrasts more (WCAG's relative luminance).
const char* letters_on(const Rgb& c) {
  const auto linear = [](double part) {
    part /= 255;
    return part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
  };
  const double luminance =
      0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
  return luminance < 0.18 ? "#ffffff" : "#0b0b0b";
}

/// From values to places on the scale of colours.
struct Scale {
  double best, worst;
  bool log = false, cut = false;

  double place(double value) const {
    if (best == worst) return 1;
    const auto f = [&](double v) { return log ? std::log(v) : v; };
    return (f(value) - f(worst)) / (f(best) - f(worst));
  }
};

Scale scale_of(const HeatMap& map) {
  std::vector<double> values = map.beside;
  if (values.empty())
    for (const HeatCell& cell : map.cells) values.push_back(cell.value);
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  std::ranges::sort(values);
  if (!map.lower_is_better) std::ranges::reverse(values);
  Scale scale{values.front(), values.back()};
  const auto [low, high] = std::minmax(scale.best, scale.worst);
  scale.log = !map.percent && low > 0 && high > 10 * low;
  // The middle value, or the worse of the two.
  const double median = values[values.size() / 2];
  const double farthest = scale.log ? scale.best * std::pow(median / scale.best, 3)
                                    : scale.best + 3 * (median - scale.best);
  scale.cut = farthest != scale.best &&
              std::abs(scale.worst - scale.best) > std::abs(farthest - scale.best) * (1 + 1e-9);
  if (scale.cut) scale.worst = farthest;
  return scale;
}

std::string value_text(const HeatMap& map, double value) {
  return map.percent ? fmt::format("{:.2f}", 100 * value) : format_number(value);
}

/// "97.12 % ± 0.20 %": for key and tooltip.
std::string full_text(const HeatMap& map, const HeatCell& cell) {
  const std::string unit = map.percent ? " %" : "";
  std::string text = value_text(map, cell.value) + unit;
  if (std::isfinite(cell.spread)) text += " ± " + value_text(map, cell.spread) + unit;
  return cell.note.empty() ? text : text + " (" + cell.note + ")";
}

// The layout in the plot's own units, which are the page's at about its own size.
constexpr int least_width = 420, least_cell = 54, key_height = 40, key_width = 132;
constexpr double letter = 0.6;  // width over font size, nearly the widest of sans-serif digits

std::size_t longest(const std::vector<std::string>& words) {
  std::size_t length = 0;
  for (const std::string& word : words) length = std::max(length, code_points(word));
  return length;
}

struct Frame {
  int width, height, left, bottom;
  int cell_width, cell_height;
  bool turned;  ///< the columns' names are written aslant
};

Frame frame_of(const HeatMap& map, bool spreads) {
  const auto wide = [](std::size_t count) {
    return static_cast<int>(letter * plot_font * static_cast<double>(count));
  };
  const int columns = static_cast<int>(map.x.size()), rows = static_cast<int>(map.y.size());
  Frame frame{};
  frame.left = std::min(wide(longest(map.y)), 190) + 40;
  constexpr int right = 8;
  frame.cell_width = std::max((least_width - frame.left - right) / columns, least_cell);
  frame.cell_height = spreads ? 46 : 36;
  frame.turned = wide(longest(map.x)) + 6 > frame.cell_width;
  frame.bottom = 48 + (frame.turned ? std::min(wide(longest(map.x)) / 2, 110) : 0);
  frame.width = frame.left + columns * frame.cell_width + right;
  frame.height = key_height + rows * frame.cell_height + frame.bottom;
  return frame;
}

/// Low and high end of the scale, and its colours between them.
std::string key(const HeatMap& map, const Scale& scale, const Frame& frame) {
  if (scale.best == scale.worst) return "";
  const auto [low, high] = std::minmax(scale.best, scale.worst);
  const auto end_text = [&](double value, const char* beyond) {
    return (scale.cut && value == scale.worst ? beyond : "") + full_text(map, {.value = value});
  };
  constexpr int steps = 33;
  const double height = frame.height, width = frame.width;
  const double from = 0.5 * (width + frame.left - key_width), y = height - 15;
  std::string script;
  for (int i = 0; i < steps; ++i) {
    const double share = i / (steps - 1.0);
    script += fmt::format(
        "set object rectangle from screen {:.6g}, screen {:.6g} to screen {:.6g}, screen {:.6g} "
        "fs solid 1 noborder fc rgb '{}'\n",
        (from + key_width * (i / (steps + 0.0))) / width, (y - 6) / height,
        // A little overlap leaves no seams.
        (from + key_width * ((i + 1.0) / steps) + (i + 1 < steps ? 0.6 : 0)) / width,
        (y + 6) / height, hex(colour(scale.best == low ? 1 - share : share)));
  }
  const auto words = [&](const std::string& text, double x, const char* side) {
    return fmt::format("set label {} at screen {:.6g}, screen {:.6g} {}\n", gnuplot_quote(text),
                       x / width, y / height, side);
  };
  return script + words(end_text(low, "≤ "), from - 8, "right") +
         words(end_text(high, "≥ "), from + key_width + 8, "left");
}

/// The words in a cell, as large as fits, at most as the plot's.
std::string words_in(const std::vector<std::string>& lines, const std::string& colour_of_text,
                     std::size_t column, std::size_t row, const Frame& frame) {
  const double room = frame.cell_width - 8.0;
  const double size =
      std::min(static_cast<double>(plot_font - 1),
               room / (letter * static_cast<double>(std::max<std::size_t>(longest(lines), 1))));
  std::string script;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double up = 0.5 * (static_cast<double>(lines.size()) - 1) - static_cast<double>(i);
    script += fmt::format("set label {} at first {}, first {:.6g} center front font ',{:.3g}' {}\n",
                          gnuplot_quote(lines[i]), column,
                          static_cast<double>(row) + up * (size + 3) / frame.cell_height,
                          i == 0 ? size : size - 1.5, colour_of_text);
  }
  return script;
}

}  // namespace

std::string heat_map(const HeatMap& map) {
  if (map.cells.size() != map.x.size() * map.y.size())
    fail("heat map", "{} cells for {} columns and {} rows", map.cells.size(), map.x.size(),
         map.y.size());
  const auto has_value = [](const HeatCell& cell) { return std::isfinite(cell.value); };
  if (std::ranges::none_of(map.cells, has_value)) return "";
  const Scale scale = scale_of(map);
  double best = std::nan("");
  for (const HeatCell& cell : map.cells)
    best = map.lower_is_better ? std::fmin(best, cell.value) : std::fmax(best, cell.value);
  const Frame frame = frame_of(map, std::ranges::any_of(map.cells, [](const HeatCell& cell) {
                                 return std::isfinite(cell.spread);
                               }));

  const auto ticks = [](const std::vector<std::string>& names) {
    std::string list;
    for (std::size_t i = 0; i < names.size(); ++i)
      list += fmt::format("{}{} {}", i ? ", " : "", gnuplot_quote(names[i]), i);
    return list;
  };
  const double width = frame.width, height = frame.height;
  std::string script =
      plot_header(frame.width, frame.height) +
      fmt::format(
          "set xrange [-0.5:{}.5]\nset yrange [-0.5:{}.5]\nset lmargin at screen {:.6g}\n"
          "set rmargin at screen {:.6g}\nset bmargin at screen {:.6g}\n"
          "set tmargin at screen {:.6g}\nset xtics ({}) {}\nset ytics ({})\n"
          "set label {} at screen {:.6g}, screen {:.6g} center\n"
          "set label {} at screen {:.6g}, screen {:.6g} center rotate by 90\n",
          map.x.size() - 1, map.y.size() - 1, frame.left / width, 1 - 8 / width,
          frame.bottom / height, 1 - key_height / height, ticks(map.x),
          frame.turned ? "rotate by 30 right" : "", ticks(map.y), gnuplot_quote(map.x_title),
          0.5 * (frame.left / width + 1 - 8 / width), 10 / height, gnuplot_quote(map.y_title),
          10 / width, 0.5 * (frame.bottom / height + 1 - key_height / height)) +
      key(map, scale, frame);

  std::string elements;
  std::vector<std::string> names;
  const auto box = [&](std::size_t x, std::size_t y, double inset, const std::string& style) {
    const auto left = static_cast<double>(x) - 0.5 + inset / frame.cell_width;
    const auto low = static_cast<double>(y) - 0.5 + inset / frame.cell_height;
    elements += fmt::format(
        "{}'+' every ::0::0 using ({}):({}):({:.6g}):({:.6g}):({:.6g}):({:.6g}) with boxxyerror {}",
        elements.empty() ? "" : ", ", x, y, left, left + 1 - 2 * inset / frame.cell_width, low,
        low + 1 - 2 * inset / frame.cell_height, style);
  };
  for (std::size_t y = 0; y < map.y.size(); ++y)
    for (std::size_t x = 0; x < map.x.size(); ++x) {
      const HeatCell& cell = map.cells[y * map.x.size() + x];
      const std::string where =
          fmt::format("{} {}{}: ", map.x_title, map.x[x],
                      map.y_title.empty() ? "" : fmt::format(", {} {}", map.y_title, map.y[y]));
      if (has_value(cell)) {
        const Rgb c = colour(scale.place(cell.value));
        box(x, y, 2, fmt::format("fs solid 1 noborder lc rgb '{}'", hex(c)));
        names.push_back(where + full_text(map, cell));
        std::vector<std::string> lines = {value_text(map, cell.value) +
                                          (cell.note.empty() ? "" : "*")};
        if (std::isfinite(cell.spread)) lines.push_back("± " + value_text(map, cell.spread));
        script += words_in(lines, fmt::format("textcolor rgb '{}'", letters_on(c)), x, y, frame);
        if (cell.value == best) {
          box(x, y, 0.5, "lc rgb 'black' lw 3 fs empty border rgb 'black'");
          names.push_back(where + full_text(map, cell) + ", the best");
        }
      } else {
        box(x, y, 3, "lc rgb 'black' lw 1 dt (3,4) fs empty border rgb 'black'");
        names.push_back(where + cell.missing);
        script += words_in({cell.missing}, "", x, y, frame);
      }
    }
  std::string svg = run_gnuplot(script + "set samples 2\nplot " + elements + "\n");
  for (std::size_t k = 0; k < names.size(); ++k)
    svg = name_element(std::move(svg), k + 1, names[k]);
  svg = adapt_svg(std::move(svg), map.label);
  // A map of many columns keeps its words legible; its figure scrolls.
  if (!svg.empty() && frame.width > least_width)
    svg.insert(4, fmt::format(" style=\"min-width: {}px; max-width: {}px\"", 4 * frame.width / 5,
                              5 * frame.width / 4));
  return svg;
}

}  // namespace twice::experiments
