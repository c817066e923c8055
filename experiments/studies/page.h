// The page of a study, made from its record alone: Markdown with plots beside it, as it is read in
// a repository's web view.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

Json to_json(const StudyPlot& plot);
Json to_json(const StudyHeatMap& map);

/// STUDY.md and an SVG file for each plot: names and contents, as they are to be in `folder`.
std::vector<std::pair<std::string, std::string>> study_files(const Json& record,
                                                             const std::filesystem::path& folder);

}  // namespace twice::experiments
