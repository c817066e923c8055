// Makes the page of a study from its record alone: Markdown, with plots beside it, for the web view
// of a repository.
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

namespace {

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& text : cells) {
    const std::string cell = replace_all(one_line(text), "|", "\\|");
    row += fmt::format(" {} |", cell.empty() ? " " : cell);
  }
  return row + "\n";
}

std::string markdown_table(const StudyTable& table) {
  std::string text = markdown_row(table.headings) + "|";
  for (std::size_t i = 0; i < table.headings.size(); ++i) text += "---|";
  text += "\n";
  for (const std::vector<std::string>& row : table.rows) text += markdown_row(row);
  return text + "\n";
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
  StudyTable table{
      "", {"claim", "value", "interval", "the interval is", "expected", "weight", "holds"}};
  for (const Json& claim : objects(record, "claims"))
    table.rows.push_back({text(claim, "claim"), record_number(member(claim, "value")),
                          record_interval(member(claim, "interval")), text(claim, "uncertainty"),
                          record_range(member(claim, "expected")), text(claim, "weight"),
                          member(claim, "holds") == true ? "yes" : "**no**"});
  return markdown_table(table);
}

std::string tables(const Json& record) {
  std::string all;
  for (const StudyTable table : objects(record, "tables"))
    all += "### " + table.title + "\n\n" + markdown_table(table);
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
      "This is the **{} form** of the study, made by\n\n    {}\n\nThe record [{}.json]({}.json) "
      "holds every number of this page ({}).\n\n",
      form, command_of(record, folder), name, name,
      std::filesystem::exists(folder / "../records.md")
          ? "[its fields](../records.md#study)"
          : "its fields are in twice's docs/records.md");
  page += "## The claim\n\n" + text(record, "claimed") + "\n\nSource: " + text(record, "by") +
          "\n\n## Set-up\n\n" + bullet_list(member(record, "setup"));
  page += "## Result\n\nVerdict: **" + text(record, "verdict") +
          "**. It depends only on the claims. A claim holds if its whole interval lies in the "
          "expected range. If a claim of weight *core* fails, the study is not reproduced. If only "
          "claims of weight *limit* fail, it is reproduced within limits.\n\n" +
          claims_table(record);
  if (!member(record, "remarks").empty()) page += bullet_list(member(record, "remarks"));
  for (const Json& plot : objects(record, "plots"))
    page += fmt::format("![{}]({})\n\n", text(plot, "title"), plot_name(record, plot));
  page += tables(record);
  page += fmt::format(
      "## Machine and time\n\ntwice {}, {} threads, {:.0f} s, {}, {}.\n\nA larger machine would "
      "add: {}\n",
      text(record, "version"), text(member(record, "config"), "threads"), number(record, "seconds"),
      text(machine, "cpu"), text(machine, "compiler"), text(record, "larger"));
  return page;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> study_files(const Json& record,
                                                             const std::filesystem::path& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const Json& plot : objects(record, "plots"))
    files.emplace_back(plot_name(record, plot), recorded_plot_file(plot));
  files.emplace_back(text(record, "study") + ".md", page(record, folder));
  return files;
}

}  // namespace twice::experiments
