// Ctrl-C: the first one asks the run to stop at the next step, where it leaves everything
// in order; the second one ends the process at once.
#pragma once

namespace twice::experiments {

/// Exit status of a run that was stopped by Ctrl-C, as shells expect it.
inline constexpr int stopped_status = 130;

/// From now on SIGINT and SIGTERM only set a flag.
void watch_for_stop();
bool stop_requested();

/// While it lives, SIGINT and SIGTERM end the process at once, for calls that may block for ever;
/// so does one that came before.
class SignalsEndTheProcess {
 public:
  SignalsEndTheProcess();
  ~SignalsEndTheProcess();
  SignalsEndTheProcess(const SignalsEndTheProcess&) = delete;
  SignalsEndTheProcess& operator=(const SignalsEndTheProcess&) = delete;

 private:
  void (*interrupt_)(int);
  void (*terminate_)(int);
};

}  // namespace twice::experiments
