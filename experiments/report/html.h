// Building blocks of report pages: semantic, self-contained HTML that is also well-formed XML.
// Every function takes plain text unless its parameter is called html, and returns HTML.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/report/palette.h"

namespace twice::experiments {

using TextPair = std::pair<std::string, std::string>;

/// Text for use in an element or a quoted attribute: & < > " ' become entities, and control
/// characters, which no page may hold, U+FFFD.
std::string escape(std::string_view text);

/// `escape` for running text: lines do not break inside words such as c-gr.
std::string prose(std::string_view text);

/// `text` with each run of white space and control characters as one space.
std::string one_line(std::string_view text);

std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// A whole document: style and script inside, and a policy that forbids it to load anything. It
/// says when plots were left out.
std::string page(std::string_view title, const std::string& html);

/// A heading of level 2 to 4 with what belongs under it; `id` may be empty.
std::string section(std::string_view title, const std::string& html, int level = 2,
                    std::string_view id = "");

std::string paragraph(std::string_view text, std::string_view css_class = "");

/// Terms and their meanings.
std::string definitions(const std::vector<TextPair>& pairs, std::string_view css_class);

/// What a click on the heading shows.
std::string details(std::string_view summary, const std::string& html);

/// A plot under its title, "" without a plot.
std::string figure(std::string_view title, const std::string& svg_html);

/// Figures side by side, as many as fit.
std::string figures(const std::string& html);

/// Swatches with names; a click on one hides its series in all plots of the section.
std::string legend(const std::vector<std::pair<std::string, Ink>>& entries, bool clickable = true);

std::string bullets(const std::vector<std::string>& lines);

/// Large numbers and what they are.
std::string tiles(const std::vector<TextPair>& pairs);

struct Heading {
  std::string name, tooltip;
};

struct Cell {
  std::string text;
  std::string tooltip = {};
  bool is_number = false;
  double order = 0;            ///< what a sort compares in a column of numbers
  std::string ink = {};        ///< name of a colour for a swatch before the text
  std::string link = {};       ///< the id on this page that the text leads to
  std::string css_class = {};  ///< "bad" for what went wrong
};

/// Parts by their names, of which a list shows one at a time; without the script, all.
std::string choice(std::string_view label, const std::vector<TextPair>& html_parts);

/// A table that a click on a heading sorts by that column. One of many rows scrolls within itself.
std::string sortable_table(const std::vector<Heading>& headings,
                           const std::vector<std::vector<Cell>>& rows);

}  // namespace twice::experiments
