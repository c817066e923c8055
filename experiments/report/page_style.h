// The look and the little behaviour of report pages, kept inside the page.
#pragma once

#include <string>

namespace twice::experiments {

/// The style sheet, for light and dark mode.
std::string page_style();

/// Sorts tables by a click on a heading and hides series by a click on a legend.
std::string page_script();

}  // namespace twice::experiments
