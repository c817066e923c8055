// Draws heat maps: a rectangle with words for each cell, and a key above.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "autodiff/array/error.h"
#include "experiments/report/plots.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

// Viridis (Smith and van der Walt 2015) at nine positions: red, green and blue. Linear
// interpolation between them is accurate enough for the eye.
constexpr int viridis[][3] = {{68, 1, 84},    {71, 45, 123},  {59, 82, 139},
                              {44, 114, 142}, {33, 145, 140}, {40, 174, 128},
                              {94, 201, 98},  {173, 220, 48}, {253, 231, 37}};

/// The colour at `place` in [0, 1], such as "#21918c".
std::string colour(double place) {
  const double at = std::clamp(place, 0.0, 1.0) * (std::size(viridis) - 1);
  const std::size_t i = std::min<std::size_t>(static_cast<std::size_t>(at), std::size(viridis) - 2);
  const double t = at - static_cast<double>(i);
  std::string text = "#";
  for (const int part : {0, 1, 2})
    text +=
        fmt::format("{:02x}", std::lround((1 - t) * viridis[i][part] + t * viridis[i + 1][part]));
  return text;
}

/// White or nearly black, whichever contrasts more with the colour at `place`: by WCAG's relative
/// luminance it is white below this place.
const char* letters_at(double place) { return place < 0.433468 ? "#ffffff" : "#0b0b0b"; }

/// Maps values to positions on the colour scale.
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
  // The middle value, or the worse of the two middle values.
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

/// The text of a cell for the key and the tooltip, such as "97.12 % ± 0.20 %".
std::string full_text(const HeatMap& map, const HeatCell& cell) {
  const std::string unit = map.percent ? " %" : "";
  std::string text = value_text(map, cell.value) + unit;
  if (std::isfinite(cell.spread)) text += " ± " + value_text(map, cell.spread) + unit;
  return cell.note.empty() ? text : text + " (" + cell.note + ")";
}

// The layout in units of the picture. One unit is about one pixel of the page.
constexpr int least_width = 420, least_cell = 54, key_height = 40, key_width = 132, right = 8;
constexpr std::size_t longest_name = 24;

struct Frame {
  int width, height, left, bottom;
  int cell_width, cell_height;
  bool turned;  ///< the names of columns are slanted
};

Frame frame_of(const HeatMap& map) {
  const auto widest = [](const std::vector<std::string>& names) {
    std::size_t length = 0;
    for (const std::string& name : names)
      length = std::max(length, std::min(width_of(name), longest_name));
    return static_cast<int>(letter_width * static_cast<double>(length));
  };
  const int columns = static_cast<int>(map.x.size()), rows = static_cast<int>(map.y.size());
  Frame frame{};
  frame.left = widest(map.y) + 40;
  frame.cell_width = std::max((least_width - frame.left - right) / columns, least_cell);
  const auto has_spread = [](const HeatCell& cell) { return std::isfinite(cell.spread); };
  frame.cell_height = std::ranges::any_of(map.cells, has_spread) ? 46 : 36;
  frame.turned = widest(map.x) + 6 > frame.cell_width;
  frame.bottom = 48 + (frame.turned ? widest(map.x) / 2 : 0);
  frame.width = frame.left + columns * frame.cell_width + right;
  frame.height = key_height + rows * frame.cell_height + frame.bottom;
  return frame;
}

std::string rectangle(double x, double y, double width, double height, std::string_view style) {
  return fmt::format("x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" {}", x, y, width,
                     height, style);
}

/// Draws the key: the low and the high end of the scale, and its colours between them.
void draw_key(Picture& picture, const HeatMap& map, const Scale& scale, const Frame& frame) {
  if (scale.best == scale.worst) return;
  const auto [low, high] = std::minmax(scale.best, scale.worst);
  const auto end_text = [&](double value, const char* beyond) {
    return (scale.cut && value == scale.worst ? beyond : "") + full_text(map, {.value = value});
  };
  constexpr int steps = 33;
  const double from = 0.5 * (frame.width + frame.left - key_width),
               step = key_width / (steps + 0.0);
  for (int i = 0; i < steps; ++i) {
    const double share = i / (steps - 1.0);
    const std::string fill = colour(scale.best == low ? 1 - share : share);
    // A small overlap avoids seams.
    picture.shape("rect", rectangle(from + i * step, 9, step + (i + 1 < steps ? 0.6 : 0), 12,
                                    fmt::format("fill=\"{}\"", fill)));
  }
  picture.text(from - 8, 20, end_text(low, "≤ "), "end");
  picture.text(from + key_width + 8, 20, end_text(high, "≥ "));
}

/// Writes the words of a cell around (x, y) in the largest size that fits, up to 12. Other
/// words of the picture are a little larger.
void draw_words(Picture& picture, const std::vector<std::string>& lines, double x, double y,
                double width, const char* letters) {
  std::size_t longest = 1;
  for (const std::string& line : lines) longest = std::max(longest, width_of(line));
  const double size =
      std::min(12., 13 * (width - 8) / (letter_width * static_cast<double>(longest)));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double down = static_cast<double>(i) - 0.5 * (static_cast<double>(lines.size()) - 1);
    picture.text(
        x, y + down * (size + 3) + 0.35 * size, lines[i], "middle", 0,
        fmt::format("font-size=\"{:.3g}\" fill=\"{}\"", i == 0 ? size : size - 1.5, letters));
  }
}

}  // namespace

std::optional<Picture> draw(const HeatMap& map) {
  const std::size_t columns = map.x.size(), rows = map.y.size();
  if (columns > most_heat_lines || rows > most_heat_lines) {
    Picture picture(least_width, 40);
    picture.text(10, 24, fmt::format("{} × {} cells are too many to draw", columns, rows));
    return picture;
  }
  if (map.cells.size() != columns * rows)
    fail("heat map", "{} cells for {} columns and {} rows", map.cells.size(), columns, rows);
  const auto has_value = [](const HeatCell& cell) { return std::isfinite(cell.value); };
  if (std::ranges::none_of(map.cells, has_value)) return {};
  const Scale scale = scale_of(map);
  double best = std::nan("");
  for (const HeatCell& cell : map.cells)
    best = map.lower_is_better ? std::fmin(best, cell.value) : std::fmax(best, cell.value);
  const Frame frame = frame_of(map);
  Picture picture(frame.width, frame.height);
  draw_key(picture, map, scale, frame);
  const double floor = frame.height - frame.bottom;
  const auto x_of = [&](std::size_t x) {
    return frame.left + (static_cast<double>(x) + 0.5) * frame.cell_width;
  };
  const auto y_of = [&](std::size_t y) {
    return floor - (static_cast<double>(y) + 0.5) * frame.cell_height;
  };
  for (std::size_t x = 0; x < columns; ++x)
    picture.text(x_of(x), floor + 17, shortened(map.x[x], longest_name),
                 frame.turned ? "end" : "middle", frame.turned ? -30 : 0);
  for (std::size_t y = 0; y < rows; ++y)
    picture.text(frame.left - 6, y_of(y) + 4, shortened(map.y[y], longest_name), "end");
  picture.text(0.5 * (frame.left + frame.width - right), frame.height - 8, map.x_title, "middle");
  picture.text(14, 0.5 * (key_height + floor), map.y_title, "middle", -90);

  for (std::size_t y = 0; y < rows; ++y)
    for (std::size_t x = 0; x < columns; ++x) {
      const HeatCell& cell = map.cells[y * columns + x];
      const std::string where =
          fmt::format("{} {}{}: ", map.x_title, map.x[x],
                      map.y_title.empty() ? "" : fmt::format(", {} {}", map.y_title, map.y[y]));
      const auto box = [&](double inset, std::string_view style, const std::string& tooltip) {
        picture.shape("rect",
                      rectangle(x_of(x) - 0.5 * frame.cell_width + inset,
                                y_of(y) - 0.5 * frame.cell_height + inset,
                                frame.cell_width - 2 * inset, frame.cell_height - 2 * inset, style),
                      "", tooltip);
      };
      if (has_value(cell)) {
        const double place = scale.place(cell.value);
        const std::string tooltip = where + full_text(map, cell);
        box(2, fmt::format("fill=\"{}\"", colour(place)), tooltip);
        std::vector<std::string> lines = {value_text(map, cell.value) +
                                          (cell.note.empty() ? "" : "*")};
        if (std::isfinite(cell.spread)) lines.push_back("± " + value_text(map, cell.spread));
        draw_words(picture, lines, x_of(x), y_of(y), frame.cell_width, letters_at(place));
        if (cell.value == best)
          box(0.5, "fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\"",
              tooltip + ", the best");
      } else {
        box(3, "fill=\"none\" stroke=\"currentColor\" stroke-dasharray=\"3 4\"",
            where + cell.missing);
        draw_words(picture, {shortened(cell.missing, longest_name)}, x_of(x), y_of(y),
                   frame.cell_width, "currentColor");
      }
    }
  return picture;
}

std::string heat_map(const HeatMap& map) {
  const std::optional<Picture> picture = draw(map);
  if (!picture) return "";
  // In a map of many columns the words stay legible, and the figure scrolls.
  const double width = picture->width();
  return picture->str(map.label,
                      width > least_width
                          ? fmt::format(" style=\"min-width: {:.0f}px; max-width: {:.0f}px\"",
                                        std::floor(0.8 * width), std::floor(1.25 * width))
                          : "");
}

}  // namespace twice::experiments
