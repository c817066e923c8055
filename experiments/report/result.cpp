// Writes all files of a report, or none.
#include "experiments/report/result.h"

#include <system_error>

#include "experiments/files/atomic_file.h"
#include "experiments/report/html.h"
#include "experiments/run/output.h"

namespace twice::experiments {

namespace fs = std::filesystem;

std::vector<fs::path> Report::write(const fs::path& folder) const try {
  prepare_folder(folder);
  const Temporary trial(folder, "report-files", Temporary::Kind::folder);
  for (const auto& [name, bytes] : files) try {
      if (fs::is_directory(folder / name))
        fail("write", "cannot write {}: it is a folder", (folder / name).string());
      write_atomically(trial.path() / name, bytes);
    } catch (const Error& error) {
      throw Error(replace_all(error.what(), trial.path().string(), folder.string()));
    }
  std::vector<fs::path> paths;
  for (const auto& [name, bytes] : files) {
    std::error_code error;
    paths.push_back(folder / name);
    fs::rename(trial.path() / name, paths.back(), error);
    if (error) fail("write", "cannot write {}: {}", paths.back().string(), error.message());
    note_written(paths.back());
  }
  return paths;
} catch (const std::system_error& error) {
  fail("write", "cannot write to {}: {}", folder.string(), error.code().message());
}

}  // namespace twice::experiments
