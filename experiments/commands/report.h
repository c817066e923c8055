// `./twice report DIR`: writes one page about all records in a folder.
#pragma once

#include "experiments/app/option_set.h"

namespace twice::experiments {

struct ReportOptions {
  std::string folder;
};

void declare_report(OptionSet& set, ReportOptions& options);

/// Writes DIR/report.html (report/write_report.h). Returns the exit status.
int report(ReportOptions options);

}  // namespace twice::experiments
