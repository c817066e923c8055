// Fills templates with the library mustache, and makes the parts of pages.
#include "experiments/report/html.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <kainjow/mustache.hpp>
#include <map>

#include "autodiff/array/error.h"
#include "experiments/app/terminal.h"

namespace twice::experiments {
namespace {

namespace mustache = kainjow::mustache;

mustache::data to_data(const Json& value) {
  if (value.is_array()) {
    mustache::list list;
    for (const Json& element : value) list.push_back(to_data(element));
    return list;
  }
  if (value.is_object()) {
    mustache::data object;
    for (const auto& [key, element] : value.members()) object[key] = to_data(element);
    return object;
  }
  if (value.is_boolean()) return value.get<bool>();
  const std::string text = value.is_null() ? "" : show(value);
  if (text.empty()) return false;
  return text;
}

std::string part(const std::string& name, const Json& data) {
  return render("parts", Json::Object{{name, data}});
}

Json to_json(const std::vector<TextPair>& pairs) {
  Json list = Json::array();
  for (const auto& [first, second] : pairs) list.push_back({{"first", first}, {"second", second}});
  return list;
}

}  // namespace

std::string render(const std::string& name, const Json& data) {
  static std::map<std::string, mustache::mustache> templates;
  auto found = templates.find(name);
  if (found == templates.end()) {
    found = templates.emplace(name, std::string(embedded_file(name + ".mustache"))).first;
    found->second.set_custom_escape([](const std::string& text) { return escape(text); });
  }
  const std::string text = found->second.render(to_data(data));
  if (!found->second.is_valid())
    fail("page", "{}.mustache: {}", name, found->second.error_message());
  return text;
}

std::string escape(std::string_view text) {
  std::string result;
  for (std::size_t begin = 0, end = 1; begin < text.size(); begin = end++) {
    while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
    const std::string_view letter = text.substr(begin, end - begin);
    constexpr std::string_view special = "&<>\"'", allowed = "\t\n\r";
    constexpr std::string_view entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    if (const std::size_t i = special.find(letter[0]); i != std::string_view::npos)
      result += entities[i];
    else
      result += allowed.find(letter[0]) != std::string_view::npos || printable(letter) == letter
                    ? letter
                    : "\uFFFD";
  }
  return result;
}

std::string one_line(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) > ' ')
      result += c;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string page(std::string_view title, const std::string& html) {
  std::string_view library;
  if (html.find("<div class=\"chart") != std::string::npos) {
    library = embedded_file("dygraph.min.js");
    library = library.substr(0, library.rfind("//# source"));  // that line names a file
  }
  return render("page", {{"title", title},
                         {"style", std::string(embedded_file("style.css")) +
                                       std::string(embedded_file("picture.css"))},
                         {"script", embedded_file("script.js")},
                         {"library", library},
                         {"charts", embedded_file("charts.js")},
                         {"html", html}});
}

std::string section(std::string_view title, const std::string& html, int level,
                    std::string_view id) {
  if (html.empty()) return "";
  return part("section", {{"title", title}, {"html", html}, {"level", level}, {"id", id}});
}

std::string unnamed_section(const std::string& html) {
  return html.empty() ? "" : "<section>\n" + html + "</section>\n";
}

std::string paragraph(std::string_view text, std::string_view css_class) {
  return part("paragraph", {{"text", text}, {"class", css_class}});
}

std::string command(std::string_view line) { return part("command", line); }

std::string definitions(const std::vector<TextPair>& pairs, std::string_view css_class) {
  if (pairs.empty()) return "";
  return part("definitions", {{"pairs", to_json(pairs)}, {"class", css_class}});
}

std::string bullets(const std::vector<std::string>& lines) {
  return lines.empty() ? "" : part("bullets", {{"lines", lines}});
}

std::string tiles(const std::vector<TextPair>& pairs) {
  return pairs.empty() ? "" : part("tiles", {{"pairs", to_json(pairs)}});
}

std::string details(std::string_view summary, const std::string& html) {
  return part("details", {{"title", summary}, {"html", html}});
}

std::string choice(const std::vector<TextPair>& html_parts) {
  if (html_parts.empty()) return "";
  return part("choice", {{"list", html_parts.size() > 1}, {"parts", to_json(html_parts)}});
}

std::string figure(std::string_view title, const std::string& svg_html) {
  return svg_html.empty() ? "" : part("figure", {{"title", title}, {"html", svg_html}});
}

std::string figures(const std::string& html) { return html.empty() ? "" : part("figures", html); }

std::string legend(const Legend& entries, bool clickable) {
  Json list = Json::array();
  for (const auto& [name, ink] : entries)
    list.push_back({{"name", name}, {"ink", ink.name}, {"dashed", ink.dashed}});
  return list.empty() ? "" : part("legend", {{"entries", list}, {"clickable", clickable}});
}

std::string sortable_table(const std::vector<TextPair>& headings,
                           const std::vector<std::vector<Cell>>& rows) {
  Json heads = Json::array(), body = Json::array();
  for (std::size_t c = 0; c < headings.size(); ++c) {
    const auto is_number = [c](const auto& row) { return c < row.size() && row[c].order; };
    heads.push_back({{"name", headings[c].first},
                     {"tooltip", headings[c].second},
                     {"number", !rows.empty() && std::ranges::all_of(rows, is_number)}});
  }
  constexpr std::size_t most_cells = 100000;
  const std::size_t most = std::min<std::size_t>(2000, most_cells / (headings.size() + 1) + 1);
  for (const std::vector<Cell>& row : rows) {
    if (body.size() == most) break;
    Json cells = Json::array();
    for (const Cell& cell : row) {
      const bool first = cells.empty();
      const double order = cell.order.value_or(std::nan(""));
      cells.push_back(
          {{"text", cell.text},
           {"tooltip", cell.tooltip},
           {"number", cells.size() < heads.size() && heads[cells.size()]["number"] == true},
           {"order", std::isfinite(order) ? fmt::format("{:.9g}", order) : ""},
           {"ink", cell.ink},
           {"link", cell.link},
           {"class", cell.css_class},
           {"tag", first ? "th scope=\"row\"" : "td"},
           {"end", first ? "th" : "td"}});
    }
    body.push_back({{"cells", cells}});
  }
  constexpr std::size_t many = 24;
  return part("table", {{"headings", heads}, {"rows", body}, {"tall", rows.size() > many}}) +
         (rows.size() > most
              ? paragraph(fmt::format("The first {} of {} rows.", most, rows.size()), "note")
              : "");
}

}  // namespace twice::experiments
