// The page of a study, made from its record alone: Markdown with plots beside it, as it is read in
// a repository's web view.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/report/record.h"
#include "experiments/study/study.h"

namespace twice {

Json to_json(const StudyPlot& plot);
Json to_json(const StudyHeatMap& map);

/// STUDY.md and an SVG file for each plot: names and contents.
std::vector<std::pair<std::string, std::string>> study_files(const Json& record);

// Numbers of records as text; null is a missing number or, in a range, an open end.
std::string show_number(const Json& value);
std::string show_interval(const Json& interval);  ///< `1.2 to 3.4`
std::string show_range(const Json& range);        ///< `at most 1e-10`

}  // namespace twice
