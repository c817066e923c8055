// The progress bar. It shows the current work, the share that is done, and the time that is left.
#pragma once

#include <chrono>
#include <string>

namespace twice::experiments {

/// One line on the terminal of stderr. It is redrawn in place at most ten times a second and erased
/// at the end. Nothing is shown if stderr is not a terminal, or if the terminal cannot erase
/// (TERM=dumb). The bar never writes to stdout, so a pipe can take the results while the bar
/// is shown.
class Progress {
 public:
  /// `total` is the number of units of work, such as steps. `terminal` is a file descriptor.
  Progress(std::string task, double total, int terminal = 2);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Adds finished work; 0 changes the note alone. The note describes the current work, such as
  /// "f-gr, epoch 3".
  void advance(double units = 1, const std::string& note = "");
  /// Where there is no bar, writes the same line to stderr every half minute.
  void report();
  /// Erases the bar before other output. The next `advance` draws it again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw();
  std::string state() const;
  std::string note() const { return note_.empty() ? "" : ", " + note_; }

  std::string task_, note_;
  double total_, done_ = 0;
  int terminal_;
  bool visible_ = false, silent_;
  Clock::time_point start_ = Clock::now(), drawn_{}, reported_ = start_;
};

}  // namespace twice::experiments
