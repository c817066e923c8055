// Report pages: self-contained HTML that is also well-formed XML, from templates (*.mustache) that
// the build embeds. Parameters are plain text unless they are called html.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/picture.h"

namespace twice::experiments {

/// The text of a file that CMakeLists.txt embeds, by its name: "style.css".
std::string_view embedded_file(std::string_view name);

/// The template NAME.mustache filled with `data`, an object: {{key}} is `show` of a member,
/// escaped;
/// {{{key}}} is the same as HTML; {{#key}}...{{/key}} is repeated for each element of an array,
/// left out for null, false, "" and an empty array; {{^key}}...{{/key}} is shown only for those. A
/// key that an element lacks is looked up in what is around it.
std::string render(const std::string& name, const Json& data);

/// Text for use in an element or a quoted attribute: & < > " ' become entities; control characters
/// and bytes that are not UTF-8, which no page may hold, become U+FFFD.
std::string escape(std::string_view text);

/// `text` with each run of white space and control characters as one space.
std::string one_line(std::string_view text);

std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// A whole document: style and script inside, and a policy that forbids it to load anything.
std::string page(std::string_view title, const std::string& html);

// The parts of pages: parts.mustache. Those that show a list are "" without an element.

/// A heading of level 2 to 4 with what belongs under it; `id` may be empty.
std::string section(std::string_view title, const std::string& html, int level = 2,
                    std::string_view id = "");
std::string paragraph(std::string_view text, std::string_view css_class = "");
/// The command that makes what is shown again.
std::string command(std::string_view line);

using TextPair = std::pair<std::string, std::string>;
/// Terms and their meanings.
std::string definitions(const std::vector<TextPair>& pairs, std::string_view css_class);
std::string bullets(const std::vector<std::string>& lines);
/// Large numbers and what they are.
std::string tiles(const std::vector<TextPair>& pairs);
/// What a click on the heading shows.
std::string details(std::string_view summary, const std::string& html);
/// Parts by their names, of which a list shows one at a time; without the script, all.
std::string choice(std::string_view label, const std::vector<TextPair>& html_parts);

/// A plot under its title, "" without a plot.
std::string figure(std::string_view title, const std::string& svg_html);
/// Figures side by side, as many as fit.
std::string figures(const std::string& html);
/// Swatches with names; a click on one hides its series in all plots of the section.
std::string legend(const Legend& entries, bool clickable = true);

struct Heading {
  std::string name, tooltip;
};

struct Cell {
  std::string text;
  std::string tooltip = {};
  bool is_number = false;
  double order = 0;            ///< what a sort compares in a column of numbers; NaN is last
  std::string ink = {};        ///< name of a colour for a swatch before the text
  std::string link = {};       ///< the id on this page that the text leads to
  std::string css_class = {};  ///< "bad" for what went wrong
};

/// A table that a click on a heading sorts by that column. One of many rows scrolls within itself.
std::string sortable_table(const std::vector<Heading>& headings,
                           const std::vector<std::vector<Cell>>& rows);

}  // namespace twice::experiments
