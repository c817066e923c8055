// gnuplot as a child process: a script in, an SVG out. No shell, no files.
#pragma once

#include <string>
#include <string_view>

namespace twice::experiments {

/// What gnuplot writes to its output for `script`; "" when gnuplot is not installed, after one line
/// on stderr for the first plot that this leaves out. Throws one line when gnuplot fails.
std::string run_gnuplot(const std::string& script);

/// The sentence for a page whose plots were left out because gnuplot is not installed; "" while no
/// plot was.
std::string missing_plots();

/// `text` as a gnuplot string. Within single quotes nothing is special but the quote itself, which
/// becomes an apostrophe (’), so no text can become a command.
std::string gnuplot_quote(std::string_view text);

/// The letters' size in a plot's own units, which are chosen so that its words stay about as large
/// as the page's.
constexpr int plot_font = 14;

/// The first lines of every plot's script: an SVG of that size, no key, no border.
std::string plot_header(int width, int height);

/// gnuplot titles the groups of a plot's elements with their text in the script; a page wants the
/// name of what element `k`, from 1, shows: as tooltip and as a handle for its script. To be called
/// before `adapt_svg`. "" of a plot that was left out.
std::string name_element(std::string svg, std::size_t k, const std::string& name);

/// Letters of a UTF-8 text: what its width is estimated by.
std::size_t code_points(const std::string& text);

/// gnuplot's SVG made part of a page: text and axes in the page's own font and colour
/// (currentColor), the colours of palette.h by their names, as wide as its place, without ids
/// (several plots share one page) and without references to other files. `label` says what the
/// plot shows to those who cannot see it. "" of a plot that was left out.
std::string adapt_svg(std::string svg, std::string_view label);

}  // namespace twice::experiments
