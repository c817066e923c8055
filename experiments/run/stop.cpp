// The flag that Ctrl-C sets.
#include "experiments/run/stop.h"

#include <csignal>

namespace twice::experiments {

namespace {

volatile std::sig_atomic_t requested = 0;  // the signal

void request(int signal) {
  requested = signal;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void watch_for_stop() {
  std::signal(SIGINT, request);
  std::signal(SIGTERM, request);
}

bool stop_requested() { return requested != 0; }

SignalsEndTheProcess::SignalsEndTheProcess()
    : interrupt_(std::signal(SIGINT, SIG_DFL)), terminate_(std::signal(SIGTERM, SIG_DFL)) {
  if (requested != 0) std::raise(requested);
}

SignalsEndTheProcess::~SignalsEndTheProcess() {
  std::signal(SIGINT, interrupt_);
  std::signal(SIGTERM, terminate_);
}

}  // namespace twice::experiments
