// Six files, or none.
#include "experiments/profile/profile_files.h"

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"
#include "experiments/profile/ops_csv.h"
#include "experiments/profile/profile_page.h"
#include "experiments/profile/report_json.h"
#include "experiments/profile/roofline.h"
#include "experiments/profile/stacks.h"
#include "experiments/profile/trace.h"

namespace twice {

namespace fs = std::filesystem;

namespace {

/// A folder that is gone at the end, whatever happens.
class TrialFolder {
 public:
  explicit TrialFolder(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    fs::remove_all(path_, error);
    fs::create_directories(path_, error);
    if (error) fail("profile", "cannot write to {}: {}", path_.string(), error.message());
  }
  ~TrialFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TrialFolder(const TrialFolder&) = delete;
  TrialFolder& operator=(const TrialFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

void write_profile_files(const Json& record, const fs::path& folder) {
  const std::pair<const char*, std::string> files[] = {
      {"report.html", profile_html(record)},
      {"report.json", report_json(record).dump(1) + "\n"},
      {"ops.csv", ops_csv(record)},
      {"trace.json", chrome_trace(record).dump() + "\n"},
      {"stacks.txt", collapsed_stacks(record)},
      {"roofline.svg", roofline_file(record)}};
  const TrialFolder trial(folder / ".profile-files");
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
}

}  // namespace twice
