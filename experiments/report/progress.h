// The progress bar: what is being done, how far it is, how long it will take.
#pragma once

#include <chrono>
#include <string>

namespace twice::experiments {

/// One line on the terminal behind stderr, redrawn in place at most ten times a second and erased
/// at the end. Silent when stderr is no terminal, or one that cannot erase (TERM=dumb); stdout is
/// never touched, so results can be piped away while the bar is shown.
class Progress {
 public:
  /// `total` units of work, such as steps; `terminal` is a file descriptor.
  Progress(std::string task, double total, int terminal = 2);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Adds finished work (0 to change the note alone); the note says what is being done now:
  /// "f-gr, epoch 3".
  void advance(double units = 1, const std::string& note = "");
  /// Erases the bar, before other output; the next `advance` draws it again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw();

  std::string task_, note_;
  double total_, done_ = 0;
  int terminal_;
  bool visible_ = false, silent_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace twice::experiments
