// The command for report/write_report.h.
#include "experiments/commands/report.h"

#include "experiments/report/write_report.h"

namespace twice::experiments {

void declare_report(OptionSet& set, std::string& folder) {
  set.group("Arguments");
  set.add("DIR", &folder, "Folder that holds runs").required = true;
}

int report(std::string folder) {
  write_report(folder);
  return 0;
}

}  // namespace twice::experiments
