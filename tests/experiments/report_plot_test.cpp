// Tests plots: bars, curves, ticks and heat maps, with any text and any numbers.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "experiments/files/atomic_file.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

namespace fs = std::filesystem;

/// The x coordinates of the left and right ends of the bars in an SVG.
std::vector<std::pair<double, double>> bar_ends(const std::string& svg) {
  std::vector<std::pair<double, double>> ends;
  for (std::size_t at = 0; (at = svg.find("<rect x=", at)) != std::string::npos; ++at) {
    double left = 0, y = 0, width = 0;
    BOOST_REQUIRE(std::sscanf(svg.c_str() + at, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\"", &left,
                              &y, &width) == 3);
    ends.emplace_back(left, left + width);
  }
  return ends;
}

/// The colour of the cell whose title contains `part`.
std::string cell_colour(const std::string& svg, const std::string& part) {
  const std::size_t begin = svg.rfind("fill=\"", svg.find(part));
  BOOST_REQUIRE(begin != std::string::npos);
  return svg.substr(begin + 6, svg.find('"', begin + 6) - begin - 6);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(bars_are_as_long_as_their_values) {
  BarPlot plot{.label = "times"};
  plot.bars.push_back({"a", "1", {1}, {method_ink("sgd")}});
  plot.bars.push_back({"b", "1 + 2", {1, 2}, {ramp_ink(0), ramp_ink(1)}});
  plot.bars.push_back({"c", "missing", {nan_value}, {method_ink("sgd")}});
  const std::string svg = bar_plot(plot);
  const auto ends = bar_ends(svg);
  BOOST_REQUIRE(ends.size() == 3u);
  const double unit = ends[0].second - ends[0].first;
  BOOST_TEST(unit > 30);
  BOOST_TEST(std::abs(ends[1].second - ends[1].first - unit) < 0.1);
  BOOST_TEST(std::abs(ends[2].second - ends[2].first - 2 * unit) < 0.1);
  BOOST_TEST(std::abs(ends[2].first - ends[1].second) < 0.1);  // stacked
  BOOST_TEST(contains(svg, "var(--sgd)"));
  BOOST_TEST(contains(svg, "var(--ramp-2)"));
  BOOST_TEST(contains(svg, "missing"));
  BOOST_TEST(!contains(svg, "whisker"));
  BOOST_TEST(markup_error(svg) == "");

  plot.bars[0].whisker = {0.5, 6};
  plot.bars[1].whisker = {-infinity, infinity};
  const std::string with = bar_plot(plot);
  BOOST_TEST(count(with, "whisker") == 1u);
  // The largest value is now 6 instead of 3, so the bars are half as long. The whisker begins in
  // the middle of the first bar.
  const auto shorter = bar_ends(with);
  BOOST_TEST(std::abs(2 * (shorter[0].second - shorter[0].first) - unit) < 0.1);
  const std::string line = "class=\"whisker\" d=\"M";
  const double middle = (shorter[0].first + shorter[0].second) / 2,
               begin = std::stod(with.substr(with.find(line) + line.size()));
  BOOST_TEST(std::abs(begin - middle) < 0.1);
  BOOST_TEST(markup_error(with) == "");
}

BOOST_AUTO_TEST_CASE(a_chart_holds_the_numbers) {
  CurvePlot plot{.label = "loss", .x_title = "epoch"};
  plot.curves.push_back({"exact", {1, 2, 3}, {5, nan_value, 1. / 3}, method_ink("exact")});
  plot.curves.push_back({.name = "exact",
                         .x = {1, 2, 3},
                         .y = {1, 2, 3},
                         .note = "f32",
                         .low = {0, 1, 2},
                         .high = {2, 3, 4},
                         .thin = true});
  const std::string html = curve_plot(plot);
  BOOST_TEST(markup_error(html) == "");
  BOOST_TEST(contains(html, "<noscript>"));
  const Json chart = chart_data(html).at(0);
  BOOST_TEST(chart == Json::parse(R"({"x_title": "epoch", "curves": [
      {"name": "exact", "ink": "exact", "x": [1, 2, 3], "y": [5, null, 0.333333]},
      {"name": "exact", "ink": "", "note": "f32", "y": [1, 2, 3], "low": [0, 1, 2],
       "high": [2, 3, 4], "thin": true}]})"));
  for (const char* own : {"rgb(", "black", " id=", "font-family"}) BOOST_TEST(!contains(html, own));
  // Without data there is no plot and no error.
  plot.curves.resize(1);
  plot.curves[0].y.assign(3, nan_value);
  BOOST_TEST(curve_plot(plot) == "");
  plot.curves[0].y.assign(3, -1);
  BOOST_TEST(curve_plot(plot) != "");
  plot.log_y = true;
  BOOST_TEST(curve_plot(plot) == "");
  BOOST_TEST(bar_plot({}) == "");
  // A single point is drawn as a point.
  plot.curves[0] = {"exact", {1}, {0.5}, method_ink("exact")};
  BOOST_TEST(chart_data(curve_plot(plot)).at(0)["curves"][0]["points"] == true);
}

BOOST_AUTO_TEST_CASE(logarithmic_ticks_are_round) {
  const std::vector<double> few = log_ticks(0.015, 0.6);
  const std::vector<double> expected = {0.02, 0.05, 0.1, 0.2, 0.5};
  BOOST_REQUIRE(few.size() == expected.size());
  for (std::size_t i = 0; i < few.size(); ++i)
    BOOST_TEST(std::abs(few[i] / expected[i] - 1) < 1e-9);
  BOOST_TEST(log_ticks(1e-16, 10).size() <= 9u);
  BOOST_TEST(tick_text(0.05) == "0.05");
  BOOST_TEST(tick_text(1e-12) == "10⁻¹²");
  BOOST_TEST(tick_text(0.01, true) == "10⁻²");
  BOOST_TEST(tick_text(1, true) == "1");
}

BOOST_AUTO_TEST_CASE(plots_take_any_number) {
  const std::vector<double> extremes = {4.9e-324, 1e-320, 1e-5, 1, 1e250, 1.7e308, -1.7e308, 0};
  for (const bool log : {false, true}) {
    CurvePlot plot{.label = "all", .x_title = "x", .log_x = log, .log_y = log};
    plot.curves.push_back({"all", extremes, extremes, method_ink("sgd")});
    const std::string html = curve_plot(plot);
    BOOST_TEST(markup_error(html) == "");
    // Larger values are left out, because the ranges of their axes would overflow.
    const Json curve = chart_data(html).at(0)["curves"][0];
    BOOST_TEST(curve["x"].size() == (log ? 3u : 6u));
    for (const Json& x : curve["x"]) BOOST_TEST(std::abs(x.get<double>()) <= 1e250);
    BOOST_TEST(markup_error(curve_file(plot, "y")) == "");
  }
  BOOST_TEST(bar_plot({.label = "",
                       .bars = {{"a", "", {1.7e308, 1.7e308}, {ramp_ink(0), ramp_ink(1)}}}}) == "");
}

BOOST_AUTO_TEST_CASE(plots_take_any_text_as_text) {
  const ScratchFolder folder;
  const std::string file = (folder.path / "made").string();
  for (const std::string& hostile : {
           "'; system('touch " + file + "')\n",
           "'' ; system \"touch " + file + "\"",
           "''''; system \"touch " + file + "\" #",
           "`touch " + file + "` $(touch " + file + ")",
           std::string("\\' ; touch <b> & %d %s {/:Bold x} \x01 \xff \\"),
       }) {
    BarPlot bars{.label = hostile};
    bars.bars.push_back({hostile, hostile, {1}, {method_ink(hostile)}});
    CurvePlot curves{.label = hostile, .x_title = hostile};
    curves.curves.push_back({hostile, {1, 2}, {1, 2}, method_ink(hostile)});
    curves.curves.push_back({hostile, {1, 2}, {1, 2}, method_ink(hostile)});
    for (const std::string& text :
         {bar_plot(bars), curve_plot(curves), curve_file(curves, hostile)}) {
      BOOST_TEST(markup_error(text) == "");
      BOOST_TEST(count(text, "touch") >= 2u);
    }
  }
  BOOST_TEST(!fs::exists(file));
}

BOOST_AUTO_TEST_CASE(heat_maps_show_every_cell) {
  HeatMap map{.label = "accuracy of <f-gr>",
              .x_title = "epsilon",
              .y_title = "gamma",
              .x = {"0.01", "0.1"},
              .y = {"0.5", "1"},
              .percent = true};
  map.cells = {{.value = 0.91, .spread = 0.004},
               {.value = 0.95},
               {.missing = "failed"},
               {.value = 0.93, .note = "2 of 3 runs done"}};
  const std::string svg = heat_map(map);
  BOOST_TEST(markup_error(svg) == "");
  for (const char* part :
       {"aria-label=\"accuracy of &lt;f-gr&gt;\"", "epsilon 0.01, gamma 0.5: 91.00 % ± 0.40 %<",
        "epsilon 0.1, gamma 0.5: 95.00 %<", "epsilon 0.1, gamma 0.5: 95.00 %, the best<",
        "epsilon 0.01, gamma 1: failed<", "epsilon 0.1, gamma 1: 93.00 % (2 of 3 runs done)<",
        ">91.00<", ">± 0.40<", ">95.00<", ">93.00*<", ">failed<"})
    BOOST_TEST(contains(svg, part), part);
  BOOST_TEST(count(svg, ", the best</title>") == 1u);
  // Brighter cells are better, and the text contrasts with its cell.
  const std::string worst = cell_colour(svg, "91.00 % ± 0.40 %"),
                    middle = cell_colour(svg, "93.00 % (2"), best = cell_colour(svg, ": 95.00 %");
  BOOST_TEST(worst == "#440154");
  BOOST_TEST(middle == "#21918c");
  BOOST_TEST(best == "#fde725");
  BOOST_TEST(count(svg, "fill=\"#ffffff\"") > 0u);  // the text on dark cells

  map.lower_is_better = true;
  const std::string reversed = heat_map(map);
  BOOST_TEST(cell_colour(reversed, "91.00 % ± 0.40 %") == best);
  BOOST_TEST(cell_colour(reversed, ": 95.00 %") == worst);
  BOOST_TEST(contains(reversed, "91.00 % ± 0.40 %, the best"));
}

BOOST_AUTO_TEST_CASE(heat_maps_of_wide_ranges) {
  HeatMap map{.label = "loss", .x_title = "width", .y_title = "", .x = {"a", "b", "c"}, .y = {""}};
  map.lower_is_better = true;
  // If values range over a factor of a hundred, the geometric mean gets the middle colour.
  map.cells = {{.value = 1}, {.value = 10}, {.value = 100}};
  std::string svg = heat_map(map);
  BOOST_TEST(cell_colour(svg, "width b: ") == "#21918c");
  BOOST_TEST(!contains(svg, "≥"));
  // A diverged setting does not change the colours of the others.
  map.x = {"a", "b", "c", "d"};
  map.cells = {{.value = 1}, {.value = 1.1}, {.value = 1.2}, {.value = 1e30}};
  svg = heat_map(map);
  BOOST_TEST(contains(svg, ">≥ "));
  BOOST_TEST(cell_colour(svg, "width d: ") == "#440154");
  BOOST_TEST(cell_colour(svg, "width b: ") != cell_colour(svg, "width a: "));
  BOOST_TEST(cell_colour(svg, "width b: ") != cell_colour(svg, "width c: "));
  // In maps that share a scale, equal values have the same colour.
  HeatMap other = map;
  map.beside = other.beside = {1, 2, 3, 4};
  map.cells = {{.value = 1}, {.value = 2}, {}, {}};
  other.cells = {{.value = 2}, {.value = 3}, {}, {.value = 4}};
  BOOST_TEST(cell_colour(heat_map(map), "width b: ") == cell_colour(heat_map(other), "width a: "));
}

BOOST_AUTO_TEST_CASE(heat_maps_without_values) {
  HeatMap map{.label = "", .x_title = "x", .y_title = "y", .x = {"1"}, .y = {"1"}, .cells = {{}}};
  BOOST_TEST(heat_map(map) == "");
  map.cells.clear();
  BOOST_TEST(contains(error_of([&] { heat_map(map); }), "0 cells for 1 columns and 1 rows"));
  // A single value has the colour of the best.
  map.cells = {{.value = 3}};
  BOOST_TEST(cell_colour(heat_map(map), ": 3") == "#fde725");
  // Special characters are escaped.
  map.x = {"'; system \"x\" & <b>"};
  BOOST_TEST(markup_error(heat_map(map)) == "");
}

BOOST_AUTO_TEST_CASE(huge_heat_maps_are_bounded) {
  Json record = {{"title", "t"}, {"x", Json::array()}, {"y", Json::array()}, {"cells", {1, 2}}};
  for (int i = 0; i < 3000; ++i) {
    record["x"].push_back(std::string(1000, 'x'));
    record["y"].push_back(i);
  }
  const std::string svg = recorded_plot(record);
  BOOST_TEST(contains(svg, "3000 × 3000 cells are too many to draw"));
  BOOST_TEST(svg.size() < 1000u);
  BOOST_TEST(recorded_plot_file(record).size() < 10000u);
  // Long names are cut short.
  record["x"] = {std::string(1000, 'x')}, record["y"] = {"1", "2"};
  BOOST_TEST(contains(recorded_plot(record), ">" + std::string(23, 'x') + "…</text>"));
  BOOST_TEST(recorded_plot(record).size() < 10000u);
}

BOOST_AUTO_TEST_CASE(a_recorded_heat_map_is_the_same) {
  HeatMap map{.label = "Accuracy",
              .x_title = "epsilon",
              .y_title = "gamma",
              .x = {"0.01", "0.1"},
              .y = {"1"},
              .percent = true};
  map.cells = {{.value = 0.5, .spread = 0.25}, {.missing = "failed"}};
  Json record = to_json(map);
  record["title"] = map.label;
  record["value_title"] = "mean over <seeds>";
  BOOST_TEST(recorded_plot(Json::parse(record.dump())) == heat_map(map));
  const std::string file = recorded_plot_file(record);
  BOOST_TEST(markup_error(file) == "");
  BOOST_TEST(outside_reference(file) == "");
  for (const char* part : {"mean over &lt;seeds&gt;", "Accuracy", ">failed<", "color-scheme: dark"})
    BOOST_TEST(contains(file, part), part);
}

BOOST_AUTO_TEST_CASE(a_gnuplot_that_does_not_end_or_is_missing) {
  const ScratchFolder folder;
  CurvePlot plot{.label = "", .x_title = ""};
  plot.curves.push_back({"c", {1, 2}, {1, 2}, method_ink("sgd")});
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder.path.c_str(), 1);
  const auto draw = [&] { curve_file(plot, "", std::chrono::milliseconds(300)); };
  const std::string missing = error_of(draw);
  for (const auto& [script, error] : std::vector<TextPair>{
           {"exec /bin/sleep 100", "took more than 0.3 s"}, {"echo oh >&2; exit 3", "3: oh"}}) {
    const fs::path program = folder.path / "gnuplot";
    write_atomically(program, "#!/bin/sh\n" + script + "\n");
    fs::permissions(program, fs::perms::owner_all);
    BOOST_TEST(contains(error_of(draw), error), error);
  }
  ::setenv("PATH", path.c_str(), 1);
  BOOST_TEST(contains(missing, "cannot start gnuplot: No such file"));
  BOOST_TEST(contains(missing, "`.ci/install study`"));
}

BOOST_AUTO_TEST_CASE(a_recorded_plot_of_curves) {
  const Json record = {{"title", "Errors"},
                       {"y_title", "error"},
                       {"x_title", "eps"},
                       {"log_x", true},
                       {"log_y", true},
                       {"curves",
                        {{{"name", "f-gr"},
                          {"ink", "f-gr"},
                          {"dashed", true},
                          {"x", {0.1, 1, 10}},
                          {"y", {1, nullptr, 3}},
                          {"low", {0.5, nullptr, 2}},
                          {"high", {2, nullptr, 4}}}}}};
  const std::string file = recorded_plot_file(record);
  BOOST_TEST(markup_error(file) == "");
  for (const char* part : {">error<", ">Errors<", ">eps<", ">f-gr<", "stroke-dasharray"})
    BOOST_TEST(contains(file, part), part);
  // One point on either side of a gap, each with its band, in the colour of light mode.
  BOOST_TEST(count(file, "#d55e00") + count(file, "rgb(213,  94,   0)") > 2u);
  // A plot without data gives a file too.
  BOOST_TEST(markup_error(recorded_plot_file({{"title", "Empty"}})) == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
