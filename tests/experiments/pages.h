// What the tests of report pages share: a record to show, and what every page must be: well-formed,
// with nothing loaded from outside.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "experiments/files/record.h"

namespace twice {
using namespace experiments;

const double nan_value = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

/// A record as `compare` writes it, with results that follow simple rules.
Json sample_record();

std::size_t count(const std::string& text, const std::string& part);

/// "" when every element is closed in order, every attribute quoted, and no stray < or & is in
/// the text; else what is wrong.
std::string markup_error(const std::string& html);

/// A page without the library for charts.
std::string without_library(std::string html);

/// What would make a browser load or run something from outside.
std::string outside_reference(const std::string& html);

/// The data of the charts of a page, in order.
std::vector<Json> chart_data(const std::string& html);

/// How many curves of that name the charts have.
std::size_t count_curves(const std::string& html, const std::string& name);

void check_page(const std::string& html);

}  // namespace twice
