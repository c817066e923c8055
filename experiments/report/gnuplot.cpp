// Running gnuplot, and adapting its SVG to a page.
#include "experiments/report/gnuplot.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "experiments/files/process.h"
#include "experiments/report/html.h"
#include "experiments/report/palette.h"
#include "experiments/run/terminal.h"

namespace twice::experiments {
namespace {

/// Erases every part of `text` from `begin` to the `end` after it, both included.
void erase_parts(std::string& text, std::string_view begin, std::string_view end) {
  for (std::size_t from = 0; (from = text.find(begin, from)) != std::string::npos;) {
    const std::size_t to = text.find(end, from + begin.size());
    if (to == std::string::npos) return;
    text.erase(from, to + end.size() - from);
  }
}

/// The line of gnuplot's complaint that says what is wrong: "line 3: unknown option".
std::string complaint(const std::string& errors) {
  const std::size_t begin = errors.find("line ");
  if (begin == std::string::npos) return one_line(errors);
  return one_line(errors.substr(begin, errors.find('\n', begin) - begin));
}

bool plot_left_out = false;

}  // namespace

std::string missing_plots() {
  return plot_left_out
             ? "Plots are left out because gnuplot is not installed (Debian package gnuplot-nox); "
               "with it, ./twice report DIR draws the plots of the records in DIR"
             : "";
}

std::string run_gnuplot(const std::string& script) {
  try {
    // -d: no start-up files, so that every user gets the same plots.
    Process gnuplot({"gnuplot", "-d"}, {.input = script});
    const std::string svg = gnuplot.read_all();
    if (gnuplot.wait() != 0 || svg.empty())
      fail("plot", "gnuplot (Debian package gnuplot-nox) failed: {}", complaint(gnuplot.errors()));
    return svg;
  } catch (const CannotStart& error) {
    // EACCES: not found either, but a folder of PATH cannot be read.
    if (error.reason != ENOENT && error.reason != EACCES) throw;
    if (!std::exchange(plot_left_out, true)) print_error("[plot] " + missing_plots());
    return "";
  }
}

std::string gnuplot_quote(std::string_view text) {
  return "'" + replace_all(one_line(text), "'", "’") + "'";
}

std::string plot_header(int width, int height) {
  return fmt::format(
      "set terminal svg size {},{} dynamic noenhanced rounded font 'sans-serif,{}'\n"
      "set encoding utf8\nunset key\nset border 0\nset tics scale 0 nomirror\n",
      width, height, plot_font);
}

std::string name_element(std::string svg, std::size_t k, const std::string& name) {
  if (svg.empty()) return svg;
  const std::string group = fmt::format("<g id=\"gnuplot_plot_{}\" ><title>", k);
  const std::size_t begin = svg.find(group);
  if (begin == std::string::npos) fail("plot", "gnuplot's output has no element {}", k);
  const std::size_t end = svg.find("</title>", begin);
  return svg.replace(begin, end - begin,
                     "<g data-series=\"" + escape(name) + "\"><title>" + escape(name));
}

std::size_t code_points(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string adapt_svg(std::string svg, std::string_view label) {
  if (svg.empty()) return svg;
  const std::size_t begin = svg.find("<g id=\"gnuplot_canvas\">");
  const std::size_t end = svg.rfind("</svg>");
  const std::size_t box = svg.find("viewBox=\"");
  if (begin == std::string::npos || end == std::string::npos || box == std::string::npos)
    fail("plot", "gnuplot's output is no SVG: {}", one_line(svg.substr(0, 60)));
  const std::string view = svg.substr(box, svg.find('"', box + 9) + 1 - box);
  svg = svg.substr(begin, end - begin);

  erase_parts(svg, "<defs>", "</defs>");
  erase_parts(svg, "<rect x=\"0\" y=\"0\"", "/>");
  erase_parts(svg, " id=\"", "\"");
  erase_parts(svg, " font-family=\"", "\"");
  // Points are drawn as they are, not as references to definitions with ids.
  svg = replace_all(std::move(svg), "<use xlink:href='#gpPt6'",
                    "<circle r='1' stroke='none' fill='currentColor'");
  svg = replace_all(std::move(svg), "<use xlink:href='#gpPt5'",
                    "<circle r='1' fill='none' stroke='currentColor' stroke-width='0.5'");
  // The groups' own `color` would stop currentColor from being the page's.
  for (const char* color : {"black", "white", "gray"})
    svg = replace_all(std::move(svg), std::string(" color=\"") + color + "\"", "");
  for (const char* quote : {"'", "\""})
    svg = replace_all(std::move(svg), std::string("=") + quote + "black" + quote,
                      std::string("=") + quote + "currentColor" + quote);
  svg = replace_all(std::move(svg), "rgb(  0,   0,   0)", "currentColor");
  svg = name_inks(std::move(svg));
  // Groups that draw nothing are two thirds of gnuplot's output.
  for (std::size_t from = 0; (from = svg.find("<g fill", from)) != std::string::npos;) {
    const std::size_t close = svg.find('>', from) + 1;
    if (svg.compare(close, 5, "\n</g>") == 0)
      svg.erase(from, close + 6 - from);
    else
      from = close;
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" " + view + " role=\"img\" aria-label=\"" +
         escape(label) + "\">" + svg + "</svg>";
}

}  // namespace twice::experiments
