// `./twice study`: runs one study, prints its claims and verdict, writes record, page and plots.
#pragma once

#include "experiments/studies/study.h"

namespace twice::experiments {

struct StudyOptions {
  RunOptions run;
  std::string name;
  bool list = false, quick = false;
  /// A record to make the page from, instead of running.
  std::string document;
  /// Settings that were given, by name.
  std::map<std::string, std::optional<double>> settings;
};

void declare_study(OptionSet& set, StudyOptions& options);

/// Returns the exit status: 0 whatever the verdict, since a negative one is a result too.
int study(StudyOptions options);

}  // namespace twice::experiments
