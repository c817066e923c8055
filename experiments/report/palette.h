// Colours of the report: one per method, the same in every plot and legend. They are the
// colour-blind-safe set of Okabe and Ito (2008), lightened for dark mode.
#pragma once

#include <string>
#include <string_view>

namespace twice::experiments {

/// A colour by its name in the style sheet (`--NAME`, which differs between light and dark mode)
/// and its value in light mode, which gnuplot draws with.
struct Ink {
  std::string name;
  std::string light;
  std::string dark;
  bool dashed = false;
};

/// The colour of a method. Dashed are `exact-naive`, which lies on top of `exact`, and variants
/// such as `f-gr-normalized`, which have the colour of `f-gr`.
Ink method_ink(std::string_view method);

/// A step of a ramp from light to strong, for the parts of a stacked bar.
Ink ramp_ink(std::size_t step);

/// The style sheet's definitions of all colours: "--NAME: VALUE; ...".
std::string ink_definitions(bool dark);

/// `svg` with every light value of an Ink replaced by its name in the style sheet.
std::string name_inks(std::string svg);

}  // namespace twice::experiments
