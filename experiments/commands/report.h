// `./twice report DIR`: writes one page about all records in a folder.
#pragma once

#include "experiments/app/option_set.h"

namespace twice::experiments {

void declare_report(OptionSet& set, std::string& folder);

/// Writes DIR/report.html (report/write_report.h). Returns the exit status.
int report(std::string folder);

}  // namespace twice::experiments
