// The section on the growth of the cost: curves and laws from the record's `scaling`.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "experiments/commands/profile/page.h"
#include "experiments/measure/noise.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

std::string axis_figure(const Json& axis, const std::vector<std::string>& methods) {
  const std::string name = text(axis, "axis");
  const std::vector<Json> points = objects(axis, "points");
  if (points.size() < 2) return "";
  CurvePlot plot{.label = "Milliseconds of a step against " + name + ", a line for each method",
                 .x_title = name};
  plot.log_x = plot.log_y = name != "depth";
  for (const std::string& method : methods) {
    Curve curve{.name = method, .ink = method_ink(method), .points = true};
    for (const Json& point : points) {
      curve.x.push_back(number(point, "value"));
      const Json row = with_text(member(point, "methods"), "method", method);
      curve.y.push_back(number(row, "ms"));
      const Interval bounds =
          interval_of(row, "ms").value_or(Interval{curve.y.back(), curve.y.back()});
      curve.low.push_back(bounds.low);
      curve.high.push_back(bounds.high);
    }
    plot.curves.push_back(std::move(curve));
  }
  return figure("ms of a step against " + name, curve_plot(plot));
}

std::string format_exponent(double value) {
  return std::isfinite(value) ? fmt::format("{:.2f}", value) : "-";
}

/// The limit for the residual of a law and for the uncertainty of its points. If one of them is
/// above this limit, the page leaves out the numbers of the law.
constexpr double worst_residual = 0.25;

double of_law(const Json& law, const char* name, double uncertainty) {
  return number(law, "residual") > worst_residual || uncertainty > worst_residual
             ? std::nan("")
             : number(law, name);
}

/// Half of the widest interval of a method's times along an axis, as a fraction of the time.
double uncertainty_of(const Json& axis, const std::string& method) {
  double widest = 0;
  for (const Json& point : objects(axis, "points")) {
    const Json row = with_text(member(point, "methods"), "method", method);
    if (const std::optional<Interval> own = interval_of(row, "ms"))
      widest = std::max(widest, (own->high - own->low) / 2 / number(row, "ms"));
  }
  return widest;
}

/// The relative change in the time of one identical step while the record was measured.
double drift_of(const Json& record) {
  const std::vector<double> ms = numbers(member(record, "noise"), "same_step_ms");
  return ms.empty() ? 0 : std::ranges::max(ms) / std::ranges::min(ms) - 1;
}

/// A table with a row for each method, which holds its laws along all axes.
std::string laws_table(const Json& scaling, double drift) {
  std::vector<Column> columns = columns_of("laws");
  std::vector<Json> rows = objects(scaling, "laws");
  const std::vector<Json> axes = objects(scaling, "axes");
  // Two points follow any law.
  const auto has_law = [](const Json& axis) { return objects(axis, "points").size() > 2; };
  for (Json& row : rows) {
    const std::string method = text(row, "method");
    double widest = drift;
    for (const Json& axis : axes) {
      const std::string name = text(axis, "axis");
      const double own = std::max(drift, uncertainty_of(axis, method));
      if (name != "threads") widest = std::max(widest, own);
      if (!has_law(axis)) continue;
      const Json fit = with_text(member(axis, "fits"), "method", method);
      row[name] = of_law(fit, name == "depth" ? "ms_per_layer" : "exponent", own);
      row[name + " residual"] = number(fit, "residual");
    }
    for (const char* name : {"ms_per_gflop", "ms_fixed"}) row[name] = of_law(row, name, widest);
    row["equation"] = "";
  }
  for (const Json& axis : axes) {
    if (!has_law(axis)) continue;
    const std::string name = text(axis, "axis");
    columns.push_back(
        name == "depth"
            ? Column{name, "ms a layer", "slope of the straight line of ms against depth",
                     format_number}
            : Column{name, "power of " + name, "p in ms = c " + name + "^p", format_exponent});
    columns.push_back({name + " residual", "residual", "of that law", format_percent});
  }
  return rows_table(rows, columns);
}

std::string products_table(const Json& scaling) {
  std::vector<Json> rows = objects(scaling, "products");
  if (rows.empty()) return "";
  for (Json& row : rows) {
    const std::vector<double> L = numbers(row, "L");
    const double intercept = number(row, "intercept");
    row.update({{"equation", ""},
                {"range", fmt::format("{:g} to {:g}", L.front(), L.back())},
                {"line", member(row, "straight") == true
                             ? fmt::format("{:g}L {} {:g}", number(row, "slope"),
                                           intercept < 0 ? "-" : "+", std::abs(intercept))
                             : "no straight line"},
                {"follows", member(row, "follows_law") == true ? "yes" : "no"}});
  }
  return section(
      "Products against layers",
      paragraph("Counted in the planned program of each depth, without running it.", "note") +
          rows_table(rows, columns_of("counts")),
      3);
}

std::string crossover_figure(const Json& crossover) {
  const std::string name = text(crossover, "axis");
  CurvePlot plot{.label = "Cost of exact over f-gr against " + name, .x_title = name};
  plot.log_x = true;
  const auto curve = [&](const char* part, const char* title, const char* ink) {
    return Curve{.name = title,
                 .x = numbers(member(crossover, part), "values"),
                 .y = numbers(member(crossover, part), "ratio"),
                 .ink = method_ink(ink)};
  };
  const Curve counted = curve("counted", "counted FLOPs", "sgd");
  if (counted.x.empty()) return "";
  Curve measured = curve("measured", "measured time", "exact");
  measured.points = true;
  const Curve equal{.name = "equal",
                    .x = {counted.x.front(), counted.x.back()},
                    .y = {1, 1},
                    .ink = method_ink("f-gr"),
                    .faint = true};
  plot.curves = {equal, counted, measured};
  return figure("exact over f-gr against " + name, curve_plot(plot));
}

/// Describes in words where one side of a crossover is cheaper.
std::string side(const Json& part, const std::string& name, bool whole) {
  const std::vector<double> values = numbers(part, "values"), all = numbers(part, "ratio");
  if (values.empty()) return "there are no data";
  // A measured ratio counts only if its interval lies on one side of 1.
  const Json& intervals = member(part, "intervals");
  std::vector<double> ratios;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (intervals.is_array()) {
      const Json row = {{"ratio_interval", i < intervals.size() ? intervals[i] : Json()}};
      const std::optional<Interval> own = interval_of(row, "ratio");
      if (!own || (own->low < 1 && own->high > 1)) continue;
    }
    ratios.push_back(all[i]);
  }
  int crossings = 0;
  for (std::size_t i = 1; i < ratios.size(); ++i)
    crossings += (ratios[i - 1] < 1) != (ratios[i] < 1);
  const std::string range = fmt::format("from {:g} to {:g}", values.front(), values.back());
  if (ratios.empty()) return fmt::format("it is inconclusive at every {} {}", name, range);
  const char* first = ratios.front() < 1 ? "less than" : "at least as much as";
  if (crossings == 0)
    return fmt::format(
        "exact costs {} f-gr at every {} {}{}", first, name, range,
        ratios.size() == all.size()
            ? ""
            : fmt::format(" except {}, where it is inconclusive", all.size() - ratios.size()));
  if (crossings > 1)
    return fmt::format("the two costs cross {} times over {} {}, so they are too close to decide",
                       crossings, name, range);
  const double at = number(part, "at");
  return fmt::format("exact costs less than f-gr {} {} {} (checked {})",
                     ratios.front() < 1 ? "below" : "from", name,
                     whole ? fmt::format("{:g}", at) : format_number(at), range);
}

std::string crossover_section(const Json& scaling) {
  std::string plots;
  std::vector<std::string> lines;
  for (const Json& crossover : objects(scaling, "crossovers")) {
    const std::string name = text(crossover, "axis");
    plots += crossover_figure(crossover);
    lines.push_back("By counted FLOPs " + side(member(crossover, "counted"), name, true) +
                    "; by measured time " + side(member(crossover, "measured"), name, false) + ".");
  }
  if (plots.empty()) return "";
  return section(
      "Exact or finite differences",
      bullets(lines) +
          legend({{"counted FLOPs", method_ink("sgd")}, {"measured time", method_ink("exact")}}) +
          figures(plots),
      3);
}

/// The speed-up of each method with all its threads over one thread.
std::string speed_up(const Json& scaling, const std::vector<std::string>& methods) {
  const Json axis = with_text(member(scaling, "axes"), "axis", "threads");
  const std::vector<Json> points = objects(axis, "points");
  if (points.size() < 2) return "";
  std::vector<std::string> ratios;
  for (const std::string& method : methods) {
    // The points are measured one after another, so the intervals come from independent times.
    const Json one = with_text(member(points.front(), "methods"), "method", method),
               all = with_text(member(points.back(), "methods"), "method", method);
    const std::optional<Interval> slow = interval_of(one, "ms"), fast = interval_of(all, "ms");
    Json row = {{"ratio", number(one, "ms") / number(all, "ms")}};
    if (slow && fast)
      row["ratio_interval"] = to_json({slow->low / fast->high, slow->high / fast->low});
    ratios.push_back(method + " " + ratio_sentence(row, "ratio"));
  }
  return paragraph(fmt::format("Speed-up of {} threads over {}: {}.", text(points.back(), "value"),
                               text(points.front(), "value"), fmt::join(ratios, ", ")),
                   "note");
}

/// Lists the points that were not timed, in a sentence.
std::string left_out(const Json& scaling) {
  std::string line;
  for (const Json& axis : objects(scaling, "axes"))
    if (!member(axis, "left_out").empty())
      line += (line.empty() ? "" : "; ") + text(axis, "axis") + " " + text(axis, "left_out");
  return line.empty()
             ? ""
             : paragraph("Left out because they would take too long: " + line + ".", "note");
}

}  // namespace

std::string scaling_section(const Json& record) {
  const Json& scaling = member(record, "scaling");
  const std::vector<std::string> methods = distinct(objects(scaling, "laws"), "method");
  if (methods.empty()) return "";
  Legend entries;
  for (const std::string& method : methods) entries.emplace_back(method, method_ink(method));
  std::string plots;
  for (const Json& axis : objects(scaling, "axes")) plots += axis_figure(axis, methods);
  return section(
      "How the cost grows",
      paragraph("The costs of the model with one size changed at a time, on random numbers. The "
                "methods are timed in turn within a point, but the points follow one another. A "
                "drift of the machine's speed therefore affects the laws, but not the ratios. A "
                "law is left out if it misses its points by more than 25 % (the residual), or if "
                "the times are uncertain by more than that.") +
          section("Measured",
                  legend(entries) + figures(plots) + left_out(scaling) +
                      speed_up(scaling, methods) + laws_table(scaling, drift_of(record)),
                  3) +
          products_table(scaling) + crossover_section(scaling),
      2, "growth");
}

}  // namespace twice::experiments
