// The command for report/write_report.h.
#include "experiments/commands/report.h"

#include "experiments/report/write_report.h"

namespace twice::experiments {

void declare_report(OptionSet& set, ReportOptions& options) {
  set.group("Arguments");
  set.add("DIR", &options.folder, "Folder that holds runs").required = true;
}

int report(ReportOptions options) {
  write_report(options.folder);
  return 0;
}

}  // namespace twice::experiments
