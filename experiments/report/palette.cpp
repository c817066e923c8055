// The colours, and their way from gnuplot's rgb(r, g, b) to CSS variables.
#include "experiments/report/palette.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "experiments/report/html.h"

namespace twice::experiments {
namespace {

const std::array method_inks = {
    Ink{"sgd", "#6b7280", "#9aa4b2"},
    Ink{"exact", "#0072b2", "#3fa0e6"},
    Ink{"exact-naive", "#56b4e9", "#a5dcfb", true},
    Ink{"f-gr", "#d55e00", "#ff8b3d"},
    Ink{"b-gr", "#009e73", "#2cc79b"},
    Ink{"c-gr", "#cc79a7", "#e79cc6"},
    Ink{"sam", "#e69f00", "#f7bf4a"},
    Ink{"asam", "#8a6d1d", "#cbb26a"},
    Ink{"pgn", "#7b4fb5", "#b392e6"},
    Ink{"flooding", "#a03030", "#e57373"},
    Ink{"other-1", "#4b6584", "#8fb3d9"},
    Ink{"other-2", "#6d8b12", "#a9cc4a"},
    Ink{"other-3", "#a0527a", "#d68fb4"},
};
constexpr std::size_t first_other = 10;

const std::array ramp_inks = {
    Ink{"ramp-1", "#b9c7d6", "#46566a"},
    Ink{"ramp-2", "#7f9bb8", "#6f8cab"},
    Ink{"ramp-3", "#42678f", "#a3c1e0"},
    Ink{"ramp-4", "#1b3a5c", "#dceaf8"},
};

/// A colour as gnuplot's SVG spells it: "rgb(  0, 114, 178)".
std::string as_rgb(const std::string& hex) {
  const long value = std::stol(hex.substr(1), nullptr, 16);
  return fmt::format("rgb({:3}, {:3}, {:3})", value >> 16, value >> 8 & 255, value & 255);
}

}  // namespace

Ink method_ink(std::string_view method) {
  const auto known = std::ranges::find(method_inks, method, &Ink::name);
  if (known != method_inks.end()) return *known;
  if (constexpr std::string_view variant = "-normalized"; method.ends_with(variant)) {
    Ink ink = method_ink(method.substr(0, method.size() - variant.size()));
    ink.dashed = true;
    return ink;
  }
  std::size_t sum = 0;
  for (const char c : method) sum += static_cast<unsigned char>(c);
  return method_inks[first_other + sum % (method_inks.size() - first_other)];
}

Ink ramp_ink(std::size_t step) { return ramp_inks[step % ramp_inks.size()]; }

std::string ink_definitions(bool dark) {
  std::string css;
  const auto define = [&](const Ink& ink) {
    css += "--" + ink.name + ": " + (dark ? ink.dark : ink.light) + "; ";
  };
  std::ranges::for_each(method_inks, define);
  std::ranges::for_each(ramp_inks, define);
  return css;
}

std::string name_inks(std::string svg) {
  const auto name = [&](const Ink& ink) {
    svg = replace_all(std::move(svg), as_rgb(ink.light), "var(--" + ink.name + ")");
  };
  std::ranges::for_each(method_inks, name);
  std::ranges::for_each(ramp_inks, name);
  return svg;
}

}  // namespace twice::experiments
