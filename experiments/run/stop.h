// Ctrl-C: the first one asks the run to stop at the next step, where it leaves everything in order;
// the second one ends the process at once.
#pragma once

#include <csignal>

#include "autodiff/array/error.h"

namespace twice::experiments {

/// Exit status of a run that was stopped by Ctrl-C, as shells expect it.
inline constexpr int stopped_status = 130;

/// The signal that asked for a stop; 0 when there was none.
inline volatile std::sig_atomic_t stop_signal = 0;

inline bool stop_requested() { return stop_signal != 0; }

/// Thrown by work that a stop ended.
struct Stopped : Error {
  Stopped() : Error("stopped") {}
};
inline void end_if_stopped() {
  if (stop_requested()) throw Stopped();
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
