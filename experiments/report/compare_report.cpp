// The sections of the head-to-head's report.
#include "experiments/report/compare_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/findings.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

/// The models of a record in order; nearly always one.
std::vector<std::string> models_of(const std::vector<Json>& rows) {
  std::vector<std::string> models;
  for (const Json& row : rows) {
    const std::string model = text(row, "model");
    if (std::ranges::find(models, model) == models.end()) models.push_back(model);
  }
  return models;
}

std::string introduction(const Json& record, const std::vector<Json>& rows) {
  const Json& config = member(record, "config");
  std::string settings;
  for (const auto& [key, name] : std::vector<TextPair>{{"batch", "batch"},
                                                       {"epochs", "epochs"},
                                                       {"lr", "learning rate"},
                                                       {"gamma", "γ"},
                                                       {"epsilon", "ε"},
                                                       {"seed", "seed"},
                                                       {"threads", "threads"}})
    if (!member(config, key).is_null())
      settings += (settings.empty() ? "" : ", ") + name + "\u00A0" + text(config, key);
  const std::string data = text(config, "data");
  return paragraph(fmt::format(
             "Gradient regularization (GR) trains on L + (γ/2) |\u2060∇L|², whose gradient is "
             "∇L + γ H∇L. Here {} train{} the same model{} from the same start. The methods of GR "
             "differ in how they find H∇L: exactly, by differentiating twice, or from finite "
             "differences of gradients at a distance ε.",
             rows.size() == 1 ? "one method" : fmt::format("{} methods", rows.size()),
             rows.size() == 1 ? "s" : "", data == "-" ? "" : " on " + data)) +
         (settings.empty() ? "" : paragraph("Settings: " + settings + ".", "note"));
}

std::string headline_tiles(const std::vector<Json>& rows) {
  std::vector<TextPair> pairs;
  const auto of = [&](const char* method, const char* key) {
    for (const Json& row : rows)
      if (text(row, "method") == method) return number(row, key);
    return std::nan("");
  };
  const double cost = of("exact", "ms") / of("f-gr", "ms");
  if (std::isfinite(cost))
    pairs.emplace_back(format_ratio(cost), "time of a step of exact over one of f-gr");
  const double naive = of("exact-naive", "ms") / of("f-gr", "ms");
  if (std::isfinite(naive))
    pairs.emplace_back(format_ratio(naive), "the same without planning (exact-naive)");
  const double exact = of("exact", "gradient_error_start");
  if (std::isfinite(exact)) pairs.emplace_back(format_error(exact), "gradient error of exact");
  const double finite = of("f-gr", "gradient_error_start");
  if (std::isfinite(finite))
    pairs.emplace_back(finite >= 1e-4 ? format_percent(finite) : format_error(finite),
                       "gradient error of f-gr");
  return tiles(pairs);
}

std::string bars(const std::vector<Json>& rows, const std::string& key, const std::string& title,
                 const auto& value_text) {
  BarPlot plot{.label = title + ", one bar per method"};
  for (const Json& row : rows)
    plot.bars.push_back({row_label(row, rows),
                         value_text(row),
                         {number(row, key)},
                         {method_ink(text(row, "method"))}});
  return figure(title, bar_plot(plot));
}

/// The phases in the order in which a step runs them; unknown ones last.
std::vector<std::string> phases_of(const std::vector<Json>& rows) {
  std::vector<std::string> phases;
  const auto add = [&](const std::string& phase) {
    if (std::ranges::find(phases, phase) == phases.end()) phases.push_back(phase);
  };
  const auto has = [&](const std::string& phase) {
    return std::ranges::any_of(rows, [&](const Json& row) {
      return number(member(member(row, "phases"), phase), "gflop") > 0;
    });
  };
  for (const char* phase : {"forward", "backward", "double backward", "update"})
    if (has(phase)) add(phase);
  for (const Json& row : rows)
    if (member(row, "phases").is_object())
      for (const auto& [phase, cost] : member(row, "phases").members())
        if (has(phase)) add(phase);
  return phases;
}

std::string phase_bars(const std::vector<Json>& rows) {
  const std::vector<std::string> phases = phases_of(rows);
  BarPlot plot{.label = "Floating-point operations by phase, one bar per method"};
  for (const Json& row : rows) {
    Bar bar{.name = row_label(row, rows)};
    for (std::size_t p = 0; p < phases.size(); ++p) {
      bar.parts.push_back(number(member(member(row, "phases"), phases[p]), "gflop"));
      bar.inks.push_back(ramp_ink(p));
    }
    double sum = 0;
    for (const double part : bar.parts) sum += std::isfinite(part) ? part : 0;
    bar.value = format_si(1e9 * sum, "FLOP");
    plot.bars.push_back(std::move(bar));
  }
  std::vector<std::pair<std::string, Ink>> entries;
  for (std::size_t p = 0; p < phases.size(); ++p)
    entries.emplace_back(replace_all(phases[p], "_", " "), ramp_ink(p));
  const std::string svg = bar_plot(plot);
  return svg.empty() ? "" : figure("Work of one step by phase", svg + legend(entries, false));
}

std::string cost_section(const std::vector<Json>& rows) {
  const std::string plots = bars(rows, "ms", "Time of one step (× a gradient)",
                                 [](const Json& row) {
                                   const double ratio = number(row, "ratio_to_gradient");
                                   return format_number(number(row, "ms")) + " ms" +
                                          (std::isfinite(ratio) ? " · " + format_ratio(ratio) : "");
                                 }) +
                            phase_bars(rows) +
                            bars(rows, "peak_mib", "Peak memory of one step", [](const Json& row) {
                              return format_number(number(row, "peak_mib")) + " MiB";
                            });
  return plots.empty() ? "" : section("Cost", figures(plots), 3);
}

/// Errors over eps. `errors` says which ones.
std::string epsilon_plot(const Json& record, const std::string& label,
                         std::vector<double> EpsilonCurve::*errors) {
  const std::vector<EpsilonCurve> curves = epsilon_curves(record);
  CurvePlot plot{.label = label + " against eps, both axes logarithmic",
                 .x_title = "step size ε",
                 .large = true,
                 .log_x = true,
                 .log_y = true,
                 .mark = number(member(record, "config"), "epsilon"),
                 .mark_text = "ε of this run"};
  for (const EpsilonCurve& curve : curves) {
    const std::vector<double>& y = curve.*errors;
    const bool faint = curve.dtype != curves.back().dtype;
    plot.curves.push_back({.name = curve.method,
                           .x = curve.epsilons,
                           .y = y,
                           .ink = method_ink(curve.method),
                           .points = !faint,
                           .faint = faint});
    // Guides beside the curves that theory says follow them: 1 above f-gr, 2 below c-gr.
    const double slope = curve.method == "f-gr" ? 1 : 2;
    if (faint || (curve.method != "f-gr" && curve.method != "c-gr")) continue;
    for (std::size_t i = y.size(); i-- > 0;)
      if (y[i] > 0 && y[i] < 0.3) {
        plot.guides.push_back(
            {slope, curve.epsilons[i], y[i] * (slope == 1 ? 3 : 0.3), slope == 1});
        break;
      }
  }
  return figure(label, curve_plot(plot));
}

std::string epsilon_section(const Json& record) {
  const std::string plots =
      epsilon_plot(record, "Relative error of the gradient", &EpsilonCurve::errors) +
      epsilon_plot(record, "Relative error of H∇L alone", &EpsilonCurve::hvp_errors);
  if (plots.empty()) return "";
  std::vector<std::pair<std::string, Ink>> entries;
  const std::vector<EpsilonCurve> curves = epsilon_curves(record);
  for (const EpsilonCurve& curve : curves)
    if (std::ranges::find(entries, curve.method, &std::pair<std::string, Ink>::first) ==
        entries.end())
      entries.emplace_back(curve.method, method_ink(curve.method));
  const auto other = [&](const EpsilonCurve& curve) { return curve.dtype != curves.back().dtype; };
  const auto faint = std::ranges::find_if(curves, other);
  return section(
      "Gradient error against ε",
      paragraph("How far the finite-difference methods are from the exact result, at the start of "
                "training on the same batch, for steps ε of many sizes. From the right the error "
                "falls with ε, at slope 1 for one-sided and 2 for central differences; then "
                "rounding takes over, and smaller steps make it worse. Activations with kinks, "
                "such as ReLU, do not follow the slopes: a finite step crosses kinks that the "
                "exact derivative does not see.") +
          (faint == curves.end() ? ""
                                 : paragraph("Solid with dots: " + curves.back().dtype +
                                                 ". Dotted: " + faint->dtype + ".",
                                             "note")) +
          legend(entries) + figures(plots),
      3);
}

std::string measurement_section() {
  return section(
      "How it was measured",
      paragraph("Times are of the planned program and the optimiser's update; loading a batch is "
                "left out. The methods take turns, step by step, so that a drift of the machine's "
                "speed meets them all alike; shown are medians. They still move with the "
                "machine's load: compare ratios within one report rather than times across "
                "reports.") +
          paragraph("Products, floating-point operations and peak memory are read from the "
                    "planned program: they are counts, the same in every run.") +
          paragraph("Gradient errors compare a method's gradient G with G*, the exact gradient of "
                    "L + (γ/2) |\u2060∇L|² in float64 at the same parameters on the same batch, "
                    "as |G - G*| / |G*|."),
      3);
}

}  // namespace

std::string record_name(const Json& record) {
  const std::vector<std::string> models = models_of(objects(member(record, "rows")));
  constexpr std::size_t few = 3;
  std::string name = models.size() > few ? fmt::format("{} models", models.size())
                                         : fmt::format("{}", fmt::join(models, ", "));
  const std::string data = text(member(record, "config"), "data");
  if (name.empty() || name == "-") name = text(member(record, "config"), "model");
  return data == "-" ? name : name + " on " + data;
}

std::string compare_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> rows = objects(member(record, "rows"));
  if (rows.empty())
    return section(title, paragraph("This record has no rows: nothing was compared.", "warning"), 2,
                   id);
  std::string html = introduction(record, rows);
  const std::vector<std::string> models = models_of(rows);
  for (const std::string& model : models) {
    std::vector<Json> own;
    for (const Json& row : rows)
      if (text(row, "model") == model) own.push_back(row);
    if (models.size() > 1) html += "<h3>" + escape(model) + "</h3>\n";
    const std::string training = learning_curves(own);
    html += headline_tiles(own) + bullets(findings(own, models.size() == 1 ? record : Json())) +
            section("Head to head", rows_table(own) + columns_legend(own), 3) + cost_section(own) +
            (training.empty() ? "" : section("Training", rows_legend(own) + training, 3));
  }
  return section(title,
                 html + epsilon_section(record) + methods_section(rows) + measurement_section() +
                     setup_section(record),
                 2, id);
}

std::string compare_html(const Json& record) {
  const std::string name = record_name(record), version = text(record, "version");
  const std::string head =
      "<header>\n<h1>Exact against finite-difference gradient "
      "regularization</h1>\n" +
      paragraph(name + (version == "-" ? "" : " · twice " + version), "subtitle") + "</header>\n";
  return page("twice compare: " + name,
              head + compare_section(record, "What was compared", "compare"));
}

}  // namespace twice::experiments
