// Markdown and SVG from a record.
#include "experiments/studies/page.h"

#include <fmt/core.h>

#include <cmath>

#include "experiments/report/html.h"
#include "experiments/report/plots.h"

namespace twice::experiments {

namespace {

/// A cell of a Markdown table.
std::string cell(std::string text) {
  text = replace_all(one_line(text), "|", "\\|");
  return text.empty() ? " " : text;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& text : cells) row += fmt::format(" {} |", cell(text));
  return row + "\n";
}

std::string markdown_table(const std::vector<std::string>& headings,
                           const std::vector<std::vector<std::string>>& rows) {
  std::string table = markdown_row(headings) + "|";
  for (std::size_t i = 0; i < headings.size(); ++i) table += "---|";
  table += "\n";
  for (const std::vector<std::string>& row : rows) table += markdown_row(row);
  return table + "\n";
}

std::string bullet_list(const Json& lines) {
  std::string list;
  for (const Json& line : lines) list += "- " + show(line) + "\n";
  return list + "\n";
}

/// The command that makes the record again, in `folder`.
std::string command_of(const Json& record, const std::filesystem::path& folder) {
  std::string command = "./twice study " + text(record, "study");
  if (text(record, "form") == "quick") command += " --quick";
  const Json& config = member(record, "config");
  for (const Json& name : member(record, "changed"))
    command += fmt::format(" --{} {}", show(name), text(config, show(name)));
  if (text(config, "seed") != "1") command += " --seed " + text(config, "seed");
  return command + " --out " + folder.string();
}

std::string claims_table(const Json& record) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& claim : objects(member(record, "claims")))
    rows.push_back({text(claim, "claim"), record_number(member(claim, "value")),
                    record_interval(member(claim, "interval")), text(claim, "uncertainty"),
                    record_range(member(claim, "expected")), text(claim, "weight"),
                    member(claim, "holds") == true ? "yes" : "**no**"});
  return markdown_table(
      {"claim", "value", "interval", "the interval is", "expected", "weight", "holds"}, rows);
}

std::string tables(const Json& record) {
  std::string all;
  for (const Json& table : objects(member(record, "tables")))
    all += "### " + text(table, "title") + "\n\n" +
           markdown_table(table.at("headings").get<std::vector<std::string>>(),
                          table.at("rows").get<std::vector<std::vector<std::string>>>());
  return all;
}

std::string plot_name(const Json& record, const Json& plot) {
  return text(record, "study") + "-" + text(plot, "name") + ".svg";
}

std::string page(const Json& record, const std::filesystem::path& folder) {
  const std::string name = text(record, "study"), form = text(record, "form");
  const Json& machine = member(record, "machine");
  std::string page = "# " + name + ": " + text(record, "verdict") + "\n\n";
  page += fmt::format(
      "This is the **{} form** of the study; made by\n\n    {}\n\nfrom the record "
      "[{}.json]({}.json), which holds every number of this page ({}).\n\n",
      form, command_of(record, folder), name, name,
      std::filesystem::exists(folder / "../records.md")
          ? "[its fields](../records.md#study)"
          : "its fields are in twice's docs/records.md");
  page += "## The claim\n\n" + text(record, "claimed") + "\n\nWhose it is: " + text(record, "by") +
          "\n\n## Set-up\n\n" + bullet_list(member(record, "setup"));
  page += "## Result\n\nVerdict: **" + text(record, "verdict") +
          "**. It follows from the claims alone: a claim holds when its whole interval is where it "
          "is expected; when one of weight *core* fails, the study is not reproduced, when one of "
          "weight *limit* fails, it is reproduced within limits.\n\n" +
          claims_table(record);
  if (!member(record, "remarks").empty()) page += bullet_list(member(record, "remarks"));
  for (const Json& plot : objects(member(record, "plots")))
    page += fmt::format("![{}]({})\n\n", text(plot, "title"), plot_name(record, plot));
  page += tables(record);
  page += fmt::format(
      "## Where and how long\n\ntwice {}, {} threads, {:.0f} s, {}, {}.\n\nA larger "
      "machine would add: {}\n",
      text(record, "version"), text(member(record, "config"), "threads"), number(record, "seconds"),
      text(machine, "cpu"), text(machine, "compiler"), text(record, "larger"));
  return page;
}

/// Numbers for a record: five digits tell all that a plot shows.
Json short_numbers(const std::vector<double>& values) {
  Json result = Json::array();
  for (const double value : values)
    result.push_back(std::isfinite(value) ? Json(std::stod(fmt::format("{:.5g}", value))) : Json());
  return result;
}

}  // namespace

Json to_json(const StudyPlot& plot) {
  Json curves = Json::array();
  for (const StudyCurve& curve : plot.curves) {
    Json entry = {{"name", curve.name},
                  {"ink", curve.ink},
                  {"dashed", curve.dashed},
                  {"x", short_numbers(curve.x)},
                  {"y", short_numbers(curve.y)}};
    if (!curve.low.empty()) entry["low"] = short_numbers(curve.low);
    if (!curve.high.empty()) entry["high"] = short_numbers(curve.high);
    curves.push_back(entry);
  }
  return {{"name", plot.name},       {"title", plot.title}, {"y_title", plot.y_title},
          {"x_title", plot.x_title}, {"log_x", plot.log_x}, {"log_y", plot.log_y},
          {"curves", curves}};
}

Json to_json(const StudyHeatMap& map) {
  Json record = to_json(map.map);
  record.update({{"name", map.name}, {"title", map.title}, {"value_title", map.value_title}});
  return record;
}

std::vector<std::pair<std::string, std::string>> study_files(const Json& record,
                                                             const std::filesystem::path& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const Json& plot : objects(member(record, "plots")))
    files.emplace_back(plot_name(record, plot), recorded_plot_file(plot));
  files.emplace_back(text(record, "study") + ".md", page(record, folder));
  return files;
}

}  // namespace twice::experiments
