// Measures how much other work disturbed a measurement, and whether its ratios can be trusted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autodiff/array/dtype.h"
#include "experiments/files/json.h"
#include "experiments/measure/statistics.h"

namespace twice::experiments {

/// The median over the rounds of a / b in the same round, so that a drift of the machine's speed
/// moves both, and its interval (`median_interval`).
struct RatioInRounds {
  double ratio;
  Interval interval;
};
RatioInRounds ratio_in_rounds(const std::vector<double>& a, const std::vector<double>& b);
/// [low, high], with null for an end that is not finite.
Json to_json(const Interval& interval);
/// row[name + "_interval"], as `to_json` makes it; nothing without one.
std::optional<Interval> interval_of(const Json& row, const std::string& name);
/// Sets row[name] and row[name + "_interval"].
void add_ratio(Json& row, const std::string& name, const RatioInRounds& ratio);

/// Watches the machine while its object runs: from its construction on, but for pauses.
class NoiseMeter {
 public:
  /// Times a fixed piece of work: products of two 1024 x 1024 matrices of this dtype.
  explicit NoiseMeter(DType dtype);
  /// `waited`: of the time that this process's threads were ready to run, the share in which other
  /// work had their core. `stolen`: the share of the time of all cores that a hypervisor gave to
  /// other machines. `load`: the system's load average of a minute, before and after. `speed`: the
  /// fixed piece of work, before and after, in 10^9 FLOP/s. A number that the system does not tell
  /// is null.
  Json record();
  /// For work of ours that is not measured and whose threads take each other's cores.
  void pause();
  void go_on();

 private:
  struct Reading {
    double ran = 0, waited = 0;    ///< of all threads, in seconds
    double stolen = 0, total = 0;  ///< of all cores, in ticks
  };
  static Reading read();

  DType dtype_;
  double speed_, load_;
  bool runs_ = false;
  Reading start_ = {}, sum_ = {};
};

/// What disturbed the measurement of a record with `noise`, and what helps; empty when little did.
std::string noise_warning(const Json& record);

}  // namespace twice::experiments
