// Collects the data of a record for the template compare.mustache.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/measure/statistics.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"

namespace twice::experiments {
namespace {

/// The number under `key` in a method's row; NaN if there is none.
double of(const std::vector<Json>& rows, const std::string& method, const std::string& key) {
  for (const Json& row : rows)
    if (text(row, "method") == method) return number(row, key);
  return std::nan("");
}

/// The time of a method's step over that of f-gr, with its interval. An older record has no
/// interval.
std::string ratio_to_f_gr(const std::vector<Json>& rows, const std::string& method) {
  for (const Json& row : rows)
    if (text(row, "method") == method && row.contains("ratio_to_f_gr"))
      return ratio_sentence(row, "ratio_to_f_gr");
  return format_ratio(of(rows, method, "ms") / of(rows, "f-gr", "ms"));
}

std::string headline_tiles(const std::vector<Json>& rows) {
  const double finite = of(rows, "f-gr", "gradient_error_start");
  std::vector<TextPair> pairs = {
      ratio_tile(ratio_to_f_gr(rows, "exact"), "time of a step of exact over one of f-gr"),
      {format_ratio(of(rows, "exact-naive", "ms") / of(rows, "f-gr", "ms")),
       "the same without planning (exact-naive)"},
      {format_error(of(rows, "exact", "gradient_error_start")), "gradient error of exact"},
      {error_text(finite), "gradient error of f-gr"}};
  std::erase_if(pairs, [](const TextPair& pair) { return pair.first == "-"; });
  return tiles(pairs);
}

std::string training_finding(const std::vector<Json>& rows) {
  std::vector<std::pair<double, std::string>> results;
  for (const Json& row : rows)
    if (std::isfinite(number(row, "test_accuracy")))
      results.emplace_back(number(row, "test_accuracy"), text(row, "method"));
  if (results.size() < 2) return "";
  std::ranges::stable_sort(results, std::greater(), &std::pair<double, std::string>::first);
  const double high = results.front().first, low = results.back().first;
  std::vector<std::string> best;
  for (const auto& [accuracy, method] : results)
    if (accuracy == high) best.push_back(method);
  const std::string accuracies =
      high == low
          ? fmt::format(
                "{} ends at a test accuracy of {}.",
                results.size() == rows.size() ? "Every method" : "Every method that finished",
                format_percent(high))
          : fmt::format("Test accuracy ends between {} ({}) and {} ({}).", format_percent(low),
                        results.back().second, format_percent(high), fmt::join(best, ", "));
  return accuracies + " These are single runs, so small differences may be chance.";
}

std::string law_finding(const std::vector<Json>& rows) {
  std::vector<std::string> differing;
  bool compared = false;
  for (const Json& row : rows) {
    const double products = number(row, "products"), law = number(row, "products_law");
    compared = compared || std::isfinite(products - law);
    if (std::isfinite(products - law) && products != law)
      differing.push_back(fmt::format("{} has {} products, the law {} says {}", text(row, "method"),
                                      products, text(row, "products_law_text"), law));
  }
  if (!compared) return "";
  return differing.empty()
             ? "Every method's count of products is the one its law predicts."
             : fmt::format("Counted products differ from the law: {}.", fmt::join(differing, "; "));
}

/// The findings. A sentence is left out if the record lacks a number for it.
std::vector<std::string> findings(const std::vector<Json>& rows,
                                  const std::vector<std::string>& slopes) {
  std::vector<std::string> lines;
  for (const Json& row : rows)
    if (row.contains("error"))
      lines.push_back(fmt::format("{} failed: {}.", text(row, "method"), text(row, "error")));
  const double exact = of(rows, "exact", "ms"), f_gr = of(rows, "f-gr", "ms"),
               naive = of(rows, "exact-naive", "ms"),
               gradient = of(rows, "exact", "ratio_to_gradient");
  if (std::isfinite(exact / f_gr))
    lines.push_back(fmt::format(
        "A step of exact takes {} ms, {} the time of f-gr ({} ms){}.", format_number(exact),
        ratio_to_f_gr(rows, "exact"), format_number(f_gr),
        std::isfinite(gradient) ? " and " + format_ratio(gradient) + " that of sgd" : ""));
  if (const double error = of(rows, "exact", "gradient_error_start"); std::isfinite(error)) {
    std::string line = "At the start of training the gradient of exact is off by ";
    line += error_text(error);
    const char* separator = "; ";
    for (const char* method : {"f-gr", "b-gr", "c-gr"})
      if (const double other = of(rows, method, "gradient_error_start"); std::isfinite(other)) {
        line += fmt::format("{}{}'s by {}", separator, method, error_text(other));
        separator = ", ";
      }
    lines.push_back(line + " (relative error against exact in float64).");
  }
  if (std::isfinite(exact / naive)) {
    const double before = of(rows, "exact-naive", "products"),
                 after = of(rows, "exact", "products");
    lines.push_back(fmt::format(
        "Planning changes the time of the exact method from {} ms (exact-naive) to {} ms, {}{}.",
        format_number(naive), format_number(exact), format_ratio(exact / naive),
        std::isfinite(before - after)
            ? fmt::format(", and its products from {} to {}", before, after)
            : ""));
  }
  lines.push_back(training_finding(rows));
  const double sgd_norm = of(rows, "sgd", "gradient_norm"),
               exact_norm = of(rows, "exact", "gradient_norm");
  if (std::isfinite(sgd_norm - exact_norm))
    lines.push_back(fmt::format("The gradient norm ends at {} with exact and at {} with sgd.",
                                format_number(exact_norm), format_number(sgd_norm)));
  lines.push_back(law_finding(rows));
  if (!slopes.empty())
    lines.push_back(fmt::format(
        "In float64 the error falls with ε until rounding dominates: {} (in theory, for smooth "
        "activations, 1 for one-sided and 2 for central differences).",
        fmt::join(slopes, ", ")));
  std::erase(lines, "");
  return lines;
}

std::string phase_bars(const std::vector<Json>& rows) {
  const auto gflop = [](const Json& row, const std::string& phase) {
    return number(member(member(row, "phases"), phase), "gflop");
  };
  // The phases in the order in which a step runs them.
  std::vector<std::string> phases = {"forward", "backward", "double backward", "update"};
  std::erase_if(phases, [&](const std::string& phase) {
    return std::ranges::none_of(rows, [&](const Json& row) { return gflop(row, phase) > 0; });
  });
  BarPlot plot{.label = "Floating-point operations by phase, one bar per method"};
  Legend entries;
  for (const Json& row : rows) {
    Bar bar{.name = text(row, "method")};
    double sum = 0;
    for (const std::string& phase : phases) {
      bar.parts.push_back(gflop(row, phase));
      bar.inks.push_back(ramp_ink(bar.inks.size()));
      sum += std::isfinite(bar.parts.back()) ? bar.parts.back() : 0;
    }
    bar.value = format_si(1e9 * sum, "FLOP");
    plot.bars.push_back(std::move(bar));
  }
  for (const std::string& phase : phases) entries.emplace_back(phase, ramp_ink(entries.size()));
  const std::string svg = bar_plot(plot);
  return svg.empty() ? "" : figure("Work of one step by phase", svg + legend(entries, false));
}

std::string cost_figures(const std::vector<Json>& rows) {
  const auto ms = [](const Json& row) {
    const double ratio = number(row, "ratio_to_gradient");
    return format_number(number(row, "ms")) + " ms" +
           (std::isfinite(ratio) ? " · " + format_ratio(ratio) : "");
  };
  const auto mib = [](const Json& row) { return format_number(number(row, "peak_mib")) + " MiB"; };
  return figures(bars_figure(rows, "ms", "Time of one step (× a gradient)", ms) + phase_bars(rows) +
                 bars_figure(rows, "peak_mib", "Peak memory of one step", mib));
}

/// One curve of `epsilon_sweep`: its points in order of eps.
struct EpsilonCurve {
  std::string method, dtype;
  std::vector<Json> points = {};

  std::vector<double> values(const char* field) const {
    std::vector<double> list;
    for (const Json& point : points) list.push_back(number(point, field));
    return list;
  }
};

/// The curves in the order of the record. Later curves lie on top of earlier ones.
std::vector<EpsilonCurve> epsilon_curves(const Json& record) {
  std::vector<EpsilonCurve> curves;
  const std::vector<Json> points = objects(record, "epsilon_sweep");
  const auto key_of = [](const Json& point) {
    return text(point, "method") + " in " + text(point, "dtype");
  };
  for (const auto& [key, own] : grouped(points, key_of)) {
    curves.push_back({text(*own[0], "method"), text(*own[0], "dtype")});
    for (const Json* point : own)
      if (std::isfinite(number(*point, "epsilon") - number(*point, "error")))
        curves.back().points.push_back(*point);
    std::ranges::stable_sort(curves.back().points, {},
                             [](const Json& point) { return number(point, "epsilon"); });
  }
  return curves;
}

/// A plot of the errors in a field over eps.
std::string epsilon_plot(const Json& record, const std::vector<EpsilonCurve>& curves,
                         const std::string& label, const char* field) {
  CurvePlot plot{.label = label + " against eps, both axes logarithmic",
                 .x_title = "step size ε",
                 .large = true,
                 .log_x = true,
                 .log_y = true,
                 .mark = number(member(record, "config"), "epsilon"),
                 .mark_text = "ε of this run"};
  for (const EpsilonCurve& curve : curves) {
    const std::vector<double> x = curve.values("epsilon"), y = curve.values(field);
    const bool faint = curve.dtype != curves.back().dtype;
    plot.curves.push_back({.name = curve.method,
                           .x = x,
                           .y = y,
                           .ink = method_ink(curve.method),
                           .note = faint ? curve.dtype : "",
                           .points = !faint,
                           .faint = faint});
    // Guides with the slopes that theory predicts, beside their curves: 1 above f-gr, 2 below c-gr.
    const double slope = curve.method == "f-gr" ? 1 : 2;
    if (faint || (curve.method != "f-gr" && curve.method != "c-gr")) continue;
    for (std::size_t i = y.size(); i-- > 0;)
      if (y[i] > 0 && y[i] < 0.3) {
        plot.guides.push_back({slope, x[i], y[i] * (slope == 1 ? 3 : 0.3), slope == 1});
        break;
      }
  }
  return figure(label, curve_plot(plot));
}

Json epsilon_errors(const Json& record, const std::vector<EpsilonCurve>& curves) {
  const std::string plots =
      figures(epsilon_plot(record, curves, "Relative error of the gradient", "error") +
              epsilon_plot(record, curves, "Relative error of H∇ℒ alone", "hvp_error"));
  if (plots.empty()) return {};
  Legend entries;
  std::string faint;
  for (const EpsilonCurve& curve : curves) {
    const auto known = [&](const auto& entry) { return entry.first == curve.method; };
    if (std::ranges::none_of(entries, known))
      entries.emplace_back(curve.method, method_ink(curve.method));
    if (faint.empty() && curve.dtype != curves.back().dtype) faint = curve.dtype;
  }
  return {{"plots", legend(entries) + plots}, {"solid", curves.back().dtype}, {"faint", faint}};
}

Json introduction(const Json& record, std::size_t methods) {
  const Json& config = member(record, "config");
  std::vector<std::string> settings;
  for (const auto& [key, name] : std::vector<TextPair>{{"batch", "batch"},
                                                       {"epochs", "epochs"},
                                                       {"lr", "learning rate"},
                                                       {"gamma", "γ"},
                                                       {"epsilon", "ε"},
                                                       {"seed", "seed"},
                                                       {"threads", "threads"}})
    if (!member(config, key).is_null()) settings.push_back(name + "\u00A0" + text(config, key));
  return {{"train", methods == 1 ? "one method trains" : fmt::format("{} methods train", methods)},
          {"data", data_name(record)},
          {"settings", fmt::format("{}", fmt::join(settings, ", "))}};
}

}  // namespace

double error_slope(const std::vector<double>& epsilons, const std::vector<double>& errors) {
  double smallest = std::numeric_limits<double>::infinity(), turn = 0;
  const std::size_t count = std::min(epsilons.size(), errors.size());
  for (std::size_t i = 0; i < count; ++i)
    if (errors[i] > 0 && errors[i] < smallest) smallest = errors[i], turn = epsilons[i];
  std::vector<double> slopes;
  const auto due_to_step = [&](std::size_t i) {
    return epsilons[i] > turn && errors[i] > 10 * smallest && errors[i] < 0.3;
  };
  for (std::size_t i = 1; i < count; ++i)
    if (due_to_step(i - 1) && due_to_step(i) && epsilons[i] != epsilons[i - 1])
      slopes.push_back(std::log(errors[i] / errors[i - 1]) /
                       std::log(epsilons[i] / epsilons[i - 1]));
  return median(slopes);
}

std::string data_name(const Json& record) {
  const Json& config = member(record, "config");
  const std::string problem = text(config, "problem"), data = text(config, "data");
  return data == "-" || (problem != "-" && !problem.empty()) ? "" : data;
}

std::string record_name(const Json& record) {
  const std::vector<std::string> models = distinct(objects(record, "rows"), "model");
  constexpr std::size_t few = 3;
  std::string name = models.size() > few ? fmt::format("{} models", models.size())
                                         : fmt::format("{}", fmt::join(models, ", "));
  const std::string data = data_name(record);
  for (const Json& place : {record, member(record, "config")})
    if (name.empty() || name == "-") name = text(place, "model");
  if (const std::string problem = text(member(record, "config"), "problem");
      problem != "-" && !problem.empty())
    name = problem + ", " + name;
  return data.empty() ? name : name + " on " + data;
}

std::string compare_section(const Json& record) {
  const std::vector<Json> rows = objects(record, "rows");
  if (rows.empty()) return paragraph("This record has no rows: nothing was compared.", "warning");
  const std::vector<EpsilonCurve> curves = epsilon_curves(record);
  std::vector<std::string> slopes;
  for (const EpsilonCurve& curve : curves)
    if (const double slope = error_slope(curve.values("epsilon"), curve.values("error"));
        curve.dtype == "f64" && std::isfinite(slope))
      slopes.push_back(fmt::format("{} at slope {:.2f}", curve.method, slope));
  Json data = introduction(record, rows.size());
  data["errors"] = epsilon_errors(record, curves);
  data["results"] = headline_tiles(rows) + bullets(findings(rows, slopes)) +
                    section("Head to head", explained_table(rows, run_columns(rows)), 3) +
                    section("Cost", cost_figures(rows), 3) +
                    section("Training", training_plots(rows), 3);
  return render("compare", data) + equations_section(rows);
}

std::string compare_html(const Json& record) {
  const std::string name = record_name(record), version = text(record, "version");
  const std::string head =
      "<header>\n<h1>Exact against finite-difference gradient regularization</h1>\n" +
      paragraph(name + (version == "-" ? "" : " · twice " + version), "subtitle") + "</header>\n";
  return page(
      record_title(record, name),
      head + record_section(record, "What was compared", "compare", compare_section(record)));
}

}  // namespace twice::experiments
