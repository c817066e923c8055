// Lines in, lines out. The file is replaced whole at each job, so it is never cut.
#include "experiments/studies/journal.h"

#include <cmath>
#include <sstream>

#include "autodiff/array/error.h"
#include "experiments/files/atomic_file.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

/// JSON has no NaN; what was one is null.
Json with_nan(Json value) {
  if (value.is_null()) return std::nan("");
  if (value.is_array())
    for (Json& element : value) element = with_nan(std::move(element));
  if (value.is_object())
    for (auto& [key, member] : value.members()) member = with_nan(std::move(member));
  return value;
}

}  // namespace

Journal::Journal(const fs::path& out, const std::string& name, const Json& identity) {
  const std::string head = identity.dump();
  folder_ = out / fmt::format(".study-{}-{}", name, sha256(head).substr(0, 12));
  if (fs::is_symlink(folder_))
    fail("study", "{} is a symbolic link; expected a folder", folder_.string());
  fs::create_directories(folder_);
  text_ = head + "\n";
  if (!fs::exists(file())) return;
  std::istringstream lines(read_file(file()));
  std::string line;
  if (!std::getline(lines, line) || line != head) return;
  while (std::getline(lines, line)) {
    const Json entry = Json::parse_or_null(line);
    if (!entry.contains("result")) break;
    results_[{entry.at("task"), entry.at("job")}] = with_nan(entry.at("result"));
    seconds_before_ = entry.at("seconds");
    text_ += line + "\n";
  }
}

Journal::~Journal() {
  if (results_.empty()) remove();
}

std::optional<Json> Journal::find(const std::string& task, std::size_t job) const {
  const auto found = results_.find({task, job});
  if (found == results_.end()) return std::nullopt;
  return found->second;
}

void Journal::add(const std::string& task, std::size_t job, const Json& result) {
  const Json entry = {{"task", task}, {"job", job}, {"seconds", seconds()}, {"result", result}};
  const std::string line = entry.dump();
  // What is handed on is what would be read, so that a run which goes on cannot differ.
  results_[{task, job}] = with_nan(Json::parse(line).at("result"));
  if (folder_.empty()) return;
  text_ += line + "\n";
  write_atomically(file(), text_);
}

double Journal::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

void Journal::remove() {
  if (folder_.empty()) return;
  std::error_code ignored;  // it is only litter
  fs::remove_all(folder_, ignored);
}

}  // namespace twice::experiments
