// Output folders and files, tried before the work.
#include "experiments/run/output.h"

#include <system_error>

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace fs = std::filesystem;

fs::path prepare_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder))
    fail("out", "cannot write to {}: {}", folder.string(),
         error ? error.message() : "it is not a folder");
  try {
    try_folder(folder);
  } catch (const std::system_error& reason) {
    fail("out", "cannot write to {}: {}", folder.string(), reason.code().message());
  }
  return folder;
}

void prepare_file(const fs::path& file) {
  if (file.empty()) return;
  if (fs::is_directory(file)) fail("out", "{} is a folder, not a file", file.string());
  if (fs::exists(file) && !fs::is_regular_file(file)) return;  // a pipe or /dev/stdout
  prepare_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

void write_output(const fs::path& path, std::string_view bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status)) {
    const SignalsEndTheProcess while_it_blocks;
    write_directly(path, bytes);
  } else {
    const bool linked = fs::exists(status) && fs::is_symlink(fs::symlink_status(path, error));
    write_atomically(linked ? fs::canonical(path) : path, bytes);
  }
}

std::string record_text(const Json& record) { return record.dump(2) + "\n"; }

void write_json(const fs::path& file, const Json& record) {
  write_output(file, record_text(record));
}

}  // namespace twice::experiments
