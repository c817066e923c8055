// Makes report pages: self-contained HTML that is also well-formed XML. The build embeds the
// templates (*.mustache). Parameters are plain text unless their name contains html.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/report/picture.h"

namespace twice::experiments {

/// Fills the template NAME.mustache with `data`, an object. {{key}} is `show` of a member, escaped.
/// {{{key}}} is the same as HTML. {{#key}}...{{/key}} is repeated for each element of an array, and
/// left out for null, false, "" and an empty array. {{^key}}...{{/key}} is shown only for these
/// values. A key that an element lacks is looked up in the enclosing object.
std::string render(const std::string& name, const Json& data);

/// Escapes text for an element or a quoted attribute: & < > " ' become entities. Control characters
/// and bytes that are not UTF-8 are not allowed in a page and become U+FFFD.
std::string escape(std::string_view text);

/// `text` with each run of white space and control characters replaced by one space.
std::string one_line(std::string_view text);

std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// A whole document with its style and script, and with a policy that prevents it from loading
/// anything.
std::string page(std::string_view title, const std::string& html);

// The parts of pages, from parts.mustache. A part without content, such as an empty list, is "".

/// A heading of level 2 to 4 with its content. `id` may be empty.
std::string section(std::string_view title, const std::string& html, int level = 2,
                    std::string_view id = "");
/// A section without a heading. A legend in it hides series in its own plots only.
std::string unnamed_section(const std::string& html);
std::string paragraph(std::string_view text, std::string_view css_class = "");
/// A line with the command that makes the content again.
std::string command(std::string_view line);

using TextPair = std::pair<std::string, std::string>;
/// Terms and their meanings.
std::string definitions(const std::vector<TextPair>& pairs, std::string_view css_class);
std::string bullets(const std::vector<std::string>& lines);
/// Large numbers with their captions.
std::string tiles(const std::vector<TextPair>& pairs);
/// Content that a click on the heading shows.
std::string details(std::string_view summary, const std::string& html);
/// Named parts. A list selects the part that is shown. Without the script, all parts are shown.
std::string choice(const std::vector<TextPair>& html_parts);

/// A plot under its title; "" without a plot.
std::string figure(std::string_view title, const std::string& svg_html);
/// Figures side by side, as many as fit.
std::string figures(const std::string& html);
/// Swatches with names. A click on a swatch hides its series in all plots of the section.
std::string legend(const Legend& entries, bool clickable = true);

struct Cell {
  std::string text;
  std::string tooltip = {};
  std::optional<double> order = {};  ///< the sort key of a number; NaN is last
  std::string ink = {};              ///< the name of a colour, for a swatch before the text
  std::string link = {};             ///< an id on this page, to which the text links
  std::string css_class = {};        ///< "bad" for a failure
};

/// A table under headings with their tooltips. A click on a heading sorts the table by that column,
/// as numbers if all its cells have an order, else as words. A long table scrolls in its frame.
std::string sortable_table(const std::vector<TextPair>& headings,
                           const std::vector<std::vector<Cell>>& rows);

/// Makes a table with a row for each item, column by column.
template <class Item>
struct TableOf {
  const std::vector<Item>& items;
  std::vector<TextPair> headings = {};
  std::vector<std::vector<Cell>> rows = std::vector<std::vector<Cell>>(items.size());

  /// `cell_of` returns the Cell or the text of an item.
  void add(const std::string& heading, const std::string& tooltip, const auto& cell_of) {
    headings.push_back({heading, tooltip});
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back({cell_of(items[i])});
  }
  std::string html() const { return sortable_table(headings, rows); }
};

}  // namespace twice::experiments
