// HTML from text.
#include "experiments/report/html.h"

#include <fmt/core.h>

#include <cctype>
#include <cmath>

#include "experiments/report/gnuplot.h"
#include "experiments/report/page_style.h"

namespace twice::experiments {
namespace {

std::string css_class_attribute(std::string_view name) {
  return name.empty() ? "" : fmt::format(" class=\"{}\"", escape(name));
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r')
          result += "\uFFFD";
        else
          result += c;
    }
  }
  return result;
}

std::string prose(std::string_view text) {
  std::string result;
  const auto letter = [&](std::size_t i) {
    return i < text.size() && std::isalpha(static_cast<unsigned char>(text[i]));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += escape(text.substr(i, 1));
    if (text[i] == '-' && i > 0 && letter(i - 1) && letter(i + 1)) result += "\u2060";
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
  const std::string name = escape(title), missing = missing_plots();
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>\n<title>" +
         name + "</title>\n<style>\n" + page_style() + "</style>\n</head>\n<body>\n<main>\n" +
         (missing.empty() ? "" : paragraph(missing + ".", "warning")) + html +
         "</main>\n<script>\n" + page_script() + "</script>\n</body>\n</html>\n";
}

std::string section(std::string_view title, const std::string& html, int level,
                    std::string_view id) {
  const std::string name = id.empty() ? "" : fmt::format(" id=\"{}\"", escape(id));
  return fmt::format("<section{}>\n<h{}>{}</h{}>\n{}</section>\n", name, level, escape(title),
                     level, html);
}

std::string paragraph(std::string_view text, std::string_view css_class) {
  return fmt::format("<p{}>{}</p>\n", css_class_attribute(css_class), prose(text));
}

std::string definitions(const std::vector<TextPair>& pairs, std::string_view css_class) {
  std::string html;
  for (const auto& [term, meaning] : pairs)
    html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(term), escape(meaning));
  return html.empty() ? "" : fmt::format("<dl{}>\n{}</dl>\n", css_class_attribute(css_class), html);
}

std::string details(std::string_view summary, const std::string& html) {
  return fmt::format("<details>\n<summary>{}</summary>\n{}</details>\n", escape(summary), html);
}

std::string figure(std::string_view title, const std::string& svg_html) {
  if (svg_html.empty()) return "";
  return fmt::format("<figure>\n<figcaption>{}</figcaption>\n{}\n</figure>\n", escape(title),
                     svg_html);
}

std::string figures(const std::string& html) {
  return html.empty() ? "" : "<div class=\"figures\">\n" + html + "</div>\n";
}

std::string legend(const std::vector<std::pair<std::string, Ink>>& entries, bool clickable) {
  std::string html;
  for (const auto& [name, ink] : entries) {
    const std::string swatch =
        fmt::format("<i class=\"swatch{}\" style=\"--ink: var(--{})\"></i>{}",
                    ink.dashed ? " dashed" : "", ink.name, escape(name));
    html += clickable ? fmt::format(
                            "<li><button type=\"button\" aria-pressed=\"true\" data-toggle=\"{}\""
                            " title=\"show or hide {} in the plots\">{}</button></li>\n",
                            escape(name), escape(name), swatch)
                      : fmt::format("<li>{}</li>\n", swatch);
  }
  return html.empty() ? "" : "<ul class=\"legend\">\n" + html + "</ul>\n";
}

std::string bullets(const std::vector<std::string>& lines) {
  std::string html;
  for (const std::string& line : lines) html += "<li>" + prose(line) + "</li>\n";
  return html.empty() ? "" : "<ul class=\"bullets\">\n" + html + "</ul>\n";
}

std::string tiles(const std::vector<TextPair>& pairs) {
  std::string html;
  for (const auto& [value, caption] : pairs)
    html += fmt::format("<div><strong>{}</strong><span>{}</span></div>\n", escape(value),
                        prose(caption));
  return html.empty() ? "" : "<div class=\"tiles\">\n" + html + "</div>\n";
}

std::string choice(std::string_view label, const std::vector<TextPair>& html_parts) {
  std::string options, html;
  for (const auto& [name, part] : html_parts) {
    options += fmt::format("<option>{}</option>", escape(name));
    html += fmt::format("<div>\n<h4>{}</h4>\n{}</div>\n", escape(name), part);
  }
  const std::string list =
      html_parts.size() < 2
          ? ""
          : fmt::format("<label>{} <select>{}</select></label>\n", escape(label), options);
  return html_parts.empty() ? "" : "<div class=\"choice\">\n" + list + html + "</div>\n";
}

std::string sortable_table(const std::vector<Heading>& headings,
                           const std::vector<std::vector<Cell>>& rows) {
  const auto attribute = [](const char* name, const std::string& value) {
    return value.empty() ? "" : fmt::format(" {}=\"{}\"", name, escape(value));
  };
  constexpr std::size_t many = 24;
  std::string html = fmt::format("<div class=\"wide{}\">\n", rows.size() > many ? " tall" : "") +
                     "<table>\n<thead>\n<tr>\n";
  for (std::size_t c = 0; c < headings.size(); ++c) {
    const bool numbers = !rows.empty() && c < rows[0].size() && rows[0][c].is_number;
    html += fmt::format("<th scope=\"col\"{}{}><button type=\"button\">{}</button></th>\n",
                        attribute("class", numbers ? "number" : ""),
                        attribute("title", headings[c].tooltip), escape(headings[c].name));
  }
  html += "</tr>\n</thead>\n<tbody>\n";
  for (const auto& row : rows) {
    html += "<tr>";
    for (const Cell& cell : row) {
      std::string text = escape(cell.text);
      if (!cell.link.empty()) text = fmt::format("<a href=\"#{}\">{}</a>", escape(cell.link), text);
      if (!cell.ink.empty())
        text = fmt::format("<i class=\"swatch\" style=\"--ink: var(--{})\"></i>{}", cell.ink, text);
      const char* tag = &cell == &row.front() ? "th scope=\"row\"" : "td";
      std::string order;
      // A number that is missing has no order; the script sorts it last.
      if (cell.is_number)
        order = std::isfinite(cell.order) ? fmt::format(" data-order=\"{:.9g}\"", cell.order)
                                          : " data-order=\"\"";
      html +=
          fmt::format("<{}{}{}{}>{}</{}>", tag, order, attribute("class", cell.css_class),
                      attribute("title", cell.tooltip), text, std::string_view(tag).substr(0, 2));
    }
    html += "</tr>\n";
  }
  return html + "</tbody>\n</table>\n</div>\n";
}

}  // namespace twice::experiments
