// `./twice study`: runs one study, prints its claims and verdict, and writes its record, page and
// plots.
#pragma once

#include "experiments/studies/study.h"

namespace twice::experiments {

struct StudyOptions {
  RunOptions run;
  std::string name;
  bool list = false, quick = false;
  /// If not empty: a record to make the page from, instead of running the study.
  std::string document;
  /// The given settings, by name.
  std::map<std::string, std::optional<double>> settings;
};

void declare_study(OptionSet& set, StudyOptions& options);

/// Returns the exit status, which is 0 for every verdict, since a negative verdict is a result too.
int study(StudyOptions options);

}  // namespace twice::experiments
