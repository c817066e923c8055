// Output folders and files, tried before the work.
#include "experiments/run/output.h"

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"

namespace twice {

namespace fs = std::filesystem;

fs::path prepare_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder))
    fail("out", "cannot write to {}: {}", folder.string(),
         error ? error.message() : "it is not a folder");
  try {
    const fs::path trial = folder / ".twice-trial";
    write_atomically(trial, "trial");
    fs::remove(trial);
  } catch (const Error& reason) {
    fail("out", "cannot write to {}: {}", folder.string(), reason.what());
  }
  return folder;
}

void prepare_file(const fs::path& file) {
  if (file.empty()) return;
  if (fs::is_directory(file)) fail("out", "{} is a folder, not a file", file.string());
  if (fs::exists(file) && !fs::is_regular_file(file)) return;  // a pipe or /dev/stdout
  prepare_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

void write_json(const fs::path& file, const Json& record) {
  write_atomically(file, record.dump(2) + "\n");
}

}  // namespace twice
