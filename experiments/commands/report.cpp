// `./twice report DIR`: writes one page about all records in a folder.
#include "experiments/commands/commands.h"
#include "experiments/report/write_report.h"

namespace twice::experiments {

namespace {

void declare_report(OptionSet& set, std::string& folder) {
  set.group("Arguments");
  set.add("DIR", &folder, "Folder that holds runs").required = true;
}

int report(std::string folder) {
  write_report(folder);
  return 0;
}

}  // namespace

void add_report(CommandLine& app) {
  app.add("report", "make the HTML report of the runs in a folder", declare_report, report);
}

}  // namespace twice::experiments
