// `twice report DIR`: one page for all records that a folder holds; the page of a run under way.
#pragma once

#include <chrono>
#include <filesystem>

namespace twice::experiments {

/// Of the run that the folder is of. A page of one under way says when it was written, and a
/// browser loads it again by itself.
enum class PageState { finished, under_way, stopped };

/// Writes DIR/report.html and, last and only of what is finished, runs.csv and curves.csv of its
/// runs. The page is an index, and a section for each record of `compare`, `study`, `bench`,
/// `evaluate` and `profile` in DIR and the folders in it, for each group of comparable runs of a
/// `sweep` or of single runs, and for each single run where there are few. JSON files that no
/// command of twice wrote are left out. A file that cannot be read, is too large, or is no valid
/// JSON, is named with the reason in the page and, of what is finished, on stderr. Throws
/// `[report] ...` when DIR is no folder or holds no record that can be shown.
void write_report(const std::filesystem::path& folder, PageState state = PageState::finished);

/// The page of a run that is under way. An error of its writing is one line on stderr; the run
/// goes on.
class LivePage {
 public:
  explicit LivePage(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// After `update` without `finish`, a page that is in the folder says that the run was stopped.
  ~LivePage();
  LivePage(const LivePage&) = delete;
  LivePage& operator=(const LivePage&) = delete;

  /// Writes the page, at most every 3 s and in at most 1 % of the time.
  void update();
  /// `write_report`; its errors are the caller's.
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
