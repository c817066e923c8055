// Shared by the tests of report pages: a sample record, and checks that a page is well-formed and
// loads nothing from outside.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "experiments/files/record.h"

namespace twice {
using namespace experiments;

const double nan_value = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

/// A record in the form of `compare`, with results that follow simple rules.
Json sample_record();

std::size_t count(const std::string& text, const std::string& part);

/// The first error in the markup: an element that is not closed in order, an attribute without
/// quotes, or a stray < or & in the text. Empty if there is none.
std::string markup_error(const std::string& html);

/// A page without the chart library.
std::string without_library(std::string html);

/// The first text that would make a browser load or run something from outside. Empty if none.
std::string outside_reference(const std::string& html);

/// The data of the charts on a page, in order.
std::vector<Json> chart_data(const std::string& html);

/// The number of curves with this name in the charts of a page.
std::size_t count_curves(const std::string& html, const std::string& name);

void check_page(const std::string& html);

}  // namespace twice
