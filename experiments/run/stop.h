// Handles Ctrl-C. After the first signal, the run stops cleanly at the next step. The second signal
// ends the process at once.
#pragma once

#include <chrono>
#include <csignal>
#include <thread>

#include "autodiff/array/error.h"

namespace twice::experiments {

/// The exit status of a run that was stopped by Ctrl-C, as shells expect.
inline constexpr int stopped_status = 130;

/// The signal that requested a stop; 0 if there was none.
inline volatile std::sig_atomic_t stop_signal = 0;

inline bool stop_requested() { return stop_signal != 0; }

/// Thrown by work that a stop interrupts.
struct Stopped : Error {
  Stopped() : Error("stopped") {}
};
inline void end_if_stopped() {
  if (stop_requested()) throw Stopped();
}

/// Whether a stop is requested now or within a second. A launcher signals all its processes, but
/// not at the same instant.
inline bool stop_follows() {
  constexpr std::chrono::milliseconds pause(10);
  for (int i = 0; i < 100 && !stop_requested(); ++i) std::this_thread::sleep_for(pause);
  return stop_requested();
}

/// From now on the first SIGINT or SIGTERM only sets `stop_signal`.
inline void watch_for_stop() {
  const auto note = [](int signal) {
    stop_signal = signal;
    std::signal(signal, SIG_DFL);
  };
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
}

}  // namespace twice::experiments
