// Six files, or none.
#include "experiments/commands/profile/profile_files.h"

#include <system_error>

#include "autodiff/array/error.h"
#include "experiments/commands/profile/ops_csv.h"
#include "experiments/commands/profile/profile_page.h"
#include "experiments/commands/profile/report_json.h"
#include "experiments/commands/profile/roofline.h"
#include "experiments/commands/profile/stacks.h"
#include "experiments/commands/profile/trace.h"
#include "experiments/files/atomic_file.h"

namespace twice::experiments {

namespace fs = std::filesystem;

void write_profile_files(const Json& record, const fs::path& folder) try {
  const std::pair<const char*, std::string> files[] = {
      {"report.html", profile_html(record)},
      {"report.json", report_json(record).dump(1) + "\n"},
      {"ops.csv", ops_csv(record)},
      {"trace.json", chrome_trace(record).dump() + "\n"},
      {"stacks.txt", collapsed_stacks(record)},
      {"roofline.svg", roofline_file(record)}};
  const Temporary trial(folder, "profile-files", Temporary::Kind::folder);
  for (const auto& [name, bytes] : files) {
    if (fs::is_directory(folder / name))
      fail("profile", "cannot write {}: it is a folder", (folder / name).string());
    write_atomically(trial.path() / name, bytes);
  }
  for (const auto& [name, bytes] : files) {
    std::error_code error;
    fs::rename(trial.path() / name, folder / name, error);
    if (error) fail("profile", "cannot write {}: {}", (folder / name).string(), error.message());
  }
} catch (const std::system_error& error) {
  fail("profile", "cannot write to {}: {}", folder.string(), error.code().message());
}

}  // namespace twice::experiments
