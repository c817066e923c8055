// Curves and laws from the record's `scaling`.
#include "experiments/commands/profile/scaling_section.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/table.h"

namespace twice::experiments {

namespace {

std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& value : list)
    values.push_back(value.is_number() ? value.get<double>() : std::nan(""));
  return values;
}

std::vector<std::string> methods_of(const Json& scaling) {
  std::vector<std::string> names;
  for (const Json& law : objects(member(scaling, "laws"))) names.push_back(text(law, "method"));
  return names;
}

std::string axis_figure(const Json& axis, const std::vector<std::string>& methods) {
  const std::string name = text(axis, "axis");
  CurvePlot plot{.label = "Milliseconds of a step against " + name + ", a line for each method",
                 .x_title = name};
  plot.log_x = plot.log_y = name != "depth";
  for (const std::string& method : methods) {
    Curve curve{.name = method, .ink = method_ink(method), .points = true};
    for (const Json& point : objects(member(axis, "points")))
      for (const Json& row : objects(member(point, "methods")))
        if (text(row, "method") == method) {
          curve.x.push_back(number(point, "value"));
          curve.y.push_back(number(row, "ms"));
        }
    plot.curves.push_back(std::move(curve));
  }
  if (objects(member(axis, "points")).size() < 2) return "";
  return figure("ms of a step against " + name, curve_plot(plot));
}

Cell number_cell(double value, const std::string& text) {
  return {.text = text, .is_number = true, .order = value};
}

/// The laws of one method along all axes, a row for each method.
std::string laws_table(const Json& scaling, const std::vector<std::string>& methods) {
  std::vector<Heading> headings = {
      {"method", ""},
      {"ms for a GFLOP", "a in ms = a GFLOP + b, over all points but those of threads"},
      {"fixed ms", "b in the same law"},
      {"residual", "root of the mean of the law's squared relative errors"}};
  std::vector<std::vector<Cell>> rows;
  for (const Json& law : objects(member(scaling, "laws"))) {
    const std::string method = text(law, "method");
    rows.push_back({{.text = method, .ink = method_ink(method).name}});
    for (const char* field : {"ms_per_gflop", "ms_fixed"})
      rows.back().push_back(number_cell(number(law, field), format_number(number(law, field))));
    rows.back().push_back(
        number_cell(number(law, "residual"), format_percent(number(law, "residual"))));
  }
  for (const Json& axis : objects(member(scaling, "axes"))) {
    const std::string name = text(axis, "axis");
    const bool linear = name == "depth";
    if (objects(member(axis, "points")).size() < 3) continue;  // two points follow any law
    headings.push_back(linear
                           ? Heading{"ms a layer", "slope of the straight line of ms against depth"}
                           : Heading{"power of " + name, "p in ms = c " + name + "^p"});
    headings.push_back({"residual", "of that law"});
    for (std::size_t i = 0; i < methods.size(); ++i)
      for (const Json& fit : objects(member(axis, "fits")))
        if (text(fit, "method") == methods[i]) {
          const double value = number(fit, linear ? "ms_per_layer" : "exponent"),
                       residual = number(fit, "residual");
          rows[i].push_back(
              number_cell(value, linear ? format_number(value) : fmt::format("{:.2f}", value)));
          rows[i].push_back(number_cell(residual, format_percent(residual)));
        }
  }
  return sortable_table(headings, rows);
}

/// "6L - 4" for 6, -4.
std::string line_text(double slope, double intercept) {
  return fmt::format("{:g}L {} {:g}", slope, intercept < 0 ? "-" : "+", std::abs(intercept));
}

std::string products_table(const Json& scaling) {
  std::vector<std::vector<Cell>> rows;
  for (const Json& row : objects(member(scaling, "products"))) {
    const std::vector<double> L = numbers(member(row, "L"));
    const std::string method = text(row, "method");
    rows.push_back({{.text = method, .ink = method_ink(method).name},
                    {.text = fmt::format("{:g} to {:g}", L.front(), L.back())},
                    {.text = member(row, "straight") == true
                                 ? line_text(number(row, "slope"), number(row, "intercept"))
                                 : "no straight line"},
                    {.text = text(row, "law")},
                    {.text = member(row, "follows_law") == true ? "yes" : "no"}});
  }
  if (rows.empty()) return "";
  return section("Products against layers",
                 paragraph("Counted in the planned program of each depth, nothing run.", "note") +
                     sortable_table({{"method", ""},
                                     {"L", "layers counted"},
                                     {"counted", "the straight line through all counts"},
                                     {"law", "what theory says, docs/planner.md"},
                                     {"every count as the law says", ""}},
                                    rows),
                 3);
}

std::string crossover_figure(const Json& crossover) {
  const std::string name = text(crossover, "axis");
  CurvePlot plot{.label = "Cost of exact over f-gr against " + name, .x_title = name};
  plot.log_x = true;
  Curve counted{.name = "counted FLOPs",
                .x = numbers(member(member(crossover, "counted"), "values")),
                .y = numbers(member(member(crossover, "counted"), "ratio")),
                .ink = method_ink("sgd")};
  Curve measured{.name = "measured time",
                 .x = numbers(member(member(crossover, "measured"), "values")),
                 .y = numbers(member(member(crossover, "measured"), "ratio")),
                 .ink = method_ink("exact"),
                 .points = true};
  if (counted.x.empty()) return "";
  Curve equal{.name = "equal", .ink = method_ink("f-gr"), .faint = true};
  equal.x = {counted.x.front(), counted.x.back()};
  equal.y = {1, 1};
  plot.curves = {equal, counted, measured};
  return figure("exact over f-gr against " + name, curve_plot(plot));
}

/// Where one side of a crossover is cheaper, in words.
std::string side(const Json& part, const std::string& name, bool whole) {
  const std::vector<double> values = numbers(member(part, "values")),
                            ratios = numbers(member(part, "ratio"));
  if (values.empty()) return "nothing is known";
  int crossings = 0;
  for (std::size_t i = 1; i < ratios.size(); ++i)
    crossings += (ratios[i - 1] < 1) != (ratios[i] < 1);
  const std::string range = fmt::format("from {:g} to {:g}", values.front(), values.back());
  const char* first = ratios.front() < 1 ? "less than" : "at least as much as";
  if (crossings == 0) return fmt::format("exact costs {} f-gr at every {} {}", first, name, range);
  if (crossings > 1)
    return fmt::format("the two cross {} times over {} {}: too close to tell", crossings, name,
                       range);
  const double at = number(part, "at");
  return fmt::format("exact costs less than f-gr {} {} {} (looked at {})",
                     ratios.front() < 1 ? "below" : "from", name,
                     whole ? fmt::format("{:g}", at) : format_number(at), range);
}

std::string crossover_section(const Json& scaling) {
  std::string plots;
  std::vector<std::string> lines;
  for (const Json& crossover : objects(member(scaling, "crossovers"))) {
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

/// How much faster each method is with all its threads than with one.
std::string speed_up(const Json& scaling, const std::vector<std::string>& methods) {
  for (const Json& axis : objects(member(scaling, "axes"))) {
    const std::vector<Json> points = objects(member(axis, "points"));
    if (text(axis, "axis") != "threads" || points.size() < 2) continue;
    std::string line;
    for (const std::string& method : methods) {
      double first = std::nan(""), last = std::nan("");
      for (const Json* point : {&points.front(), &points.back()})
        for (const Json& row : objects(member(*point, "methods")))
          if (text(row, "method") == method)
            (point == &points.front() ? first : last) = number(row, "ms");
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", method, format_ratio(first / last));
    }
    return paragraph(fmt::format("Speed-up of {} threads over {}: {}.",
                                 text(points.back(), "value"), text(points.front(), "value"), line),
                     "note");
  }
  return "";
}

/// The points that were not timed, in a sentence.
std::string left_out(const Json& scaling) {
  std::string line;
  for (const Json& axis : objects(member(scaling, "axes")))
    if (!member(axis, "left_out").empty())
      line += (line.empty() ? "" : "; ") + text(axis, "axis") + " " + text(axis, "left_out");
  return line.empty() ? ""
                      : paragraph("Left out, as they would take too long: " + line + ".", "note");
}

}  // namespace

std::string scaling_section(const Json& record) {
  const Json& scaling = member(record, "scaling");
  const std::vector<std::string> methods = methods_of(scaling);
  if (methods.empty()) return "";
  std::vector<std::pair<std::string, Ink>> entries;
  for (const std::string& method : methods) entries.emplace_back(method, method_ink(method));
  std::string plots;
  for (const Json& axis : objects(member(scaling, "axes"))) plots += axis_figure(axis, methods);
  return section(
      "How the cost grows",
      paragraph("The model with one of its numbers changed at a time, on random numbers. The "
                "methods take turns within a point; the points follow one another, so a drift of "
                "the machine's speed shows in the laws and not in the ratios.") +
          section("Measured",
                  legend(entries) + figures(plots) + left_out(scaling) +
                      speed_up(scaling, methods) + laws_table(scaling, methods),
                  3) +
          products_table(scaling) + crossover_section(scaling),
      2, "growth");
}

}  // namespace twice::experiments
