// Writes the page of `twice report DIR` with all records of a folder, and the page of a run under
// way.
#pragma once

#include <chrono>
#include <filesystem>

namespace twice::experiments {

/// The state of the run that writes the folder. The page of a run under way shows when it was
/// written, and a browser reloads it automatically.
enum class PageState { finished, under_way, stopped };

/// Writes DIR/report.html. If `state` is `finished`, then writes runs.csv and curves.csv of its
/// runs. The page has an index. It has a section for each record of `compare`, `study`, `bench`,
/// `evaluate` and `profile` in DIR and its subfolders, for each group of comparable runs of a
/// `sweep` or of single runs, and for each single run if there are few. JSON files that no command
/// of twice wrote are left out. If a file cannot be read, is too large, or is not valid JSON, the
/// page names it with the reason. If `state` is `finished`, stderr does too. Throws `[report] ...`
/// if DIR is not a folder or holds no record that can be shown.
void write_report(const std::filesystem::path& folder, PageState state = PageState::finished);

/// The page of a run under way. If the page cannot be written, one line on stderr reports the
/// error, and the run goes on.
class LivePage {
 public:
  explicit LivePage(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// If `update` was called and `finish` was not, the page in the folder now says that the run was
  /// stopped.
  ~LivePage();
  LivePage(const LivePage&) = delete;
  LivePage& operator=(const LivePage&) = delete;

  /// Writes the page at most every 3 s, and takes at most 1 % of the time.
  void update();
  /// Writes the page, which then says that the run was stopped.
  void stop();
  /// Calls `write_report` and passes its errors on.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void write(PageState state);

  std::filesystem::path folder_;
  Clock::time_point next_ = Clock::now() + least_pause;
  bool begun_ = false, finished_ = false, failed_ = false;
  static constexpr Clock::duration least_pause = std::chrono::seconds(3);
};

}  // namespace twice::experiments
