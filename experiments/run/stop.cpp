// The flag that Ctrl-C sets.
#include "experiments/run/stop.h"

#include <csignal>

namespace twice {

namespace {

volatile std::sig_atomic_t requested = 0;

void request(int signal) {
  requested = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void watch_for_stop() {
  std::signal(SIGINT, request);
  std::signal(SIGTERM, request);
}

bool stop_requested() { return requested != 0; }

}  // namespace twice
