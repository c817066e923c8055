// Draws the progress bar.
#include "experiments/report/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "experiments/app/terminal.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

constexpr auto redraw_interval = std::chrono::milliseconds(100);
constexpr std::size_t bar_width = 24;

/// Writes in one call, so that a line is never interleaved with another process's output. Ignores a
/// failed write.
void write_once(int terminal, const std::string& bytes) {
  [[maybe_unused]] const ssize_t written = ::write(terminal, bytes.data(), bytes.size());
}

}  // namespace

Progress::Progress(std::string task, double total, int terminal)
    : task_(std::move(task)),
      total_(total),
      terminal_(terminal),
      silent_(is_quiet() || !screen_of(terminal).erasable) {
  if (!silent_) draw();
}

void Progress::advance(double units, const std::string& note) {
  done_ = std::min(done_ + units, total_);
  if (!note.empty()) note_ = note;
  if (!silent_ && Clock::now() - drawn_ >= redraw_interval) draw();
}

void Progress::clear() {
  if (visible_) write_once(terminal_, "\r\033[K");
  visible_ = false;
}

void Progress::report() {
  constexpr auto interval = std::chrono::seconds(30);
  if (!silent_ || is_quiet() || Clock::now() - reported_ < interval) return;
  reported_ = Clock::now();
  print_error(fmt::format("{}: {}{}", task_, state(), note()));
}

/// The share that is done, and the time that is left.
std::string Progress::state() const {
  const double share = total_ > 0 ? done_ / total_ : 0;
  // Rounded down, so that 100 % appears only at the end.
  std::string text = fmt::format("{:3.0f} %", std::floor(100 * share + 1e-9));
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  // The first second says little about the speed.
  if (share > 0 && elapsed > 1)
    text += ", " + format_seconds(std::ceil(elapsed * (1 - share) / share)) + " left";
  return text;
}

void Progress::draw() {
  const double share = total_ > 0 ? done_ / total_ : 0;
  // A line that reaches the last column would wrap, and \r could no longer erase it.
  const std::size_t columns = screen_of(terminal_).width - 1;
  const std::string words = state();
  // On a narrow screen the bar is shorter, and then the note is cut.
  const std::size_t used = width_of(task_) + width_of(words) + 4,
                    bar = std::min(bar_width, std::max(columns, used) - used),
                    full = static_cast<std::size_t>(std::lround(share * static_cast<double>(bar)));
  const std::string line =
      task_ +
      (bar > 0 ? " [" + std::string(full, '#') + std::string(bar - full, '-') + "] " : " ") +
      words + note();
  write_once(terminal_, "\r" + shortened(in_charset(line), columns) + "\033[K");
  visible_ = true;
  drawn_ = Clock::now();
}

}  // namespace twice::experiments
