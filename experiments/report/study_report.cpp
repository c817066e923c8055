// Verdict, claims, plots and tables of a study.
#include "experiments/report/study_report.h"

#include <fmt/core.h>

#include <cmath>
#include <cstdlib>

#include "experiments/report/html.h"
#include "experiments/report/plot_record.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

std::string claims_table(const std::vector<Json>& claims) {
  std::vector<std::vector<Cell>> rows;
  for (const Json& claim : claims) {
    const bool holds = member(claim, "holds") == true;
    rows.push_back({{.text = text(claim, "claim"), .css_class = "words"},
                    {.text = holds ? "yes" : "no", .css_class = holds ? "" : "bad"},
                    {.text = record_number(member(claim, "value")),
                     .is_number = true,
                     .order = number(claim, "value")},
                    {.text = record_interval(member(claim, "interval"))},
                    {.text = text(claim, "uncertainty"), .css_class = "words"},
                    {.text = record_range(member(claim, "expected"))},
                    {.text = text(claim, "weight")}});
  }
  return sortable_table(
      {{"claim", ""},
       {"holds", "the whole interval lies where it is expected"},
       {"value", ""},
       {"interval", "the value's uncertainty"},
       {"the interval is", ""},
       {"expected", "where the interval must lie"},
       {"weight", "core: the study fails with it; limit: it does not hold everywhere"}},
      rows);
}

std::string plots(const Json& record) {
  std::string html;
  for (const Json& plot : objects(member(record, "plots"))) {
    const std::string svg = recorded_plot(plot);
    if (svg.empty()) continue;
    const std::string what = text(plot, plot.contains("cells") ? "value_title" : "y_title");
    // In a section of its own, so that its legend hides its lines alone.
    html += "<section>\n" +
            figure(text(plot, "title") + (what == "-" ? "" : ": " + what),
                   legend(recorded_legend(plot)) + svg) +
            "</section>\n";
  }
  return figures(html);
}

/// Makes cells of numbers where a column has them: its words ("never") have no digit.
void find_numbers(std::vector<std::vector<Cell>>& rows, std::size_t column) {
  const auto starts = [](const Cell& cell) {
    const std::size_t first = cell.text.find_first_of("0123456789");
    return first == 0 || (first == 1 && (cell.text[0] == '-' || cell.text[0] == '+'));
  };
  bool any = false;
  for (const auto& row : rows) {
    if (column >= row.size()) return;
    const Cell& cell = row[column];
    any = any || starts(cell);
    if (!starts(cell) && cell.text.find_first_of("0123456789") != std::string::npos) return;
  }
  if (!any) return;
  for (auto& row : rows) {
    Cell& cell = row[column];
    cell.is_number = true;
    cell.order = starts(cell) ? std::atof(cell.text.c_str()) : std::nan("");
  }
}

std::string tables(const Json& record) {
  std::string html;
  for (const Json& table : objects(member(record, "tables"))) {
    std::vector<Heading> headings;
    std::vector<std::vector<Cell>> rows;
    for (const Json& heading : member(table, "headings")) headings.push_back({show(heading), ""});
    for (const Json& row : member(table, "rows")) {
      std::vector<Cell> cells;
      for (const Json& cell : row) cells.push_back({.text = show(cell)});
      rows.push_back(std::move(cells));
    }
    for (std::size_t c = 0; c < headings.size(); ++c) find_numbers(rows, c);
    html += section(text(table, "title"), sortable_table(headings, rows), 4);
  }
  return html;
}

std::vector<std::string> lines(const Json& array) {
  std::vector<std::string> result;
  if (array.is_array())
    for (const Json& line : array) result.push_back(show(line));
  return result;
}

}  // namespace

std::string study_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> claims = objects(member(record, "claims"));
  std::size_t holding = 0;
  for (const Json& claim : claims) holding += member(claim, "holds") == true;
  const std::string larger = text(record, "larger");
  return section(
      title,
      tiles({{text(record, "verdict"), "verdict of the " + text(record, "form") + " form"},
             {fmt::format("{} of {}", holding, claims.size()), "claims that hold"},
             {format_seconds(number(record, "seconds")), "time that it took"}}) +
          paragraph(text(record, "claimed")) +
          paragraph("Whose claim: " + text(record, "by"), "note") +
          (claims.empty() ? paragraph("This record has no claims.", "warning")
                          : section("Claims", claims_table(claims), 3)) +
          bullets(lines(member(record, "remarks"))) + plots(record) + tables(record) +
          section("Set-up",
                  bullets(lines(member(record, "setup"))) +
                      (larger == "-" ? "" : paragraph("A larger machine would add: " + larger)),
                  3) +
          setup_section(record),
      2, id);
}

}  // namespace twice::experiments
