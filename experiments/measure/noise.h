// Measures how much other work disturbed a measurement, and how far its ratios can be trusted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autodiff/array/dtype.h"
#include "experiments/files/json.h"
#include "experiments/measure/statistics.h"

namespace twice::experiments {

/// The median over the rounds of a / b in the same round, and its interval (`median_interval`). A
/// drift of the machine's speed changes a and b alike.
struct RatioInRounds {
  double ratio;
  Interval interval;
};
RatioInRounds ratio_in_rounds(const std::vector<double>& a, const std::vector<double>& b);
/// [low, high], with null for an end that is not finite.
Json to_json(const Interval& interval);
/// Reads row[name + "_interval"], which `to_json` wrote. Returns no value if it is missing.
std::optional<Interval> interval_of(const Json& row, const std::string& name);
/// Sets row[name] and row[name + "_interval"].
void add_ratio(Json& row, const std::string& name, const RatioInRounds& ratio);

/// Observes the machine from the construction of the object on, except during pauses.
class NoiseMeter {
 public:
  /// Also times a fixed piece of work: products of two 1024 x 1024 matrices of this dtype.
  explicit NoiseMeter(DType dtype);
  /// `waited`: the share of time in which other work had the cores, while threads of this process
  /// were ready to run. `stolen`: the share of the time of all cores that a hypervisor gave to
  /// other machines. `load`: the system's load average over a minute, before and after. `speed`:
  /// the speed of the fixed piece of work, before and after, in 10^9 FLOP/s. A number is null if
  /// the system does not report it.
  Json record();
  /// Excludes our own work that is not measured, because its threads take each other's cores.
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

/// A warning with the causes and remedies if other work disturbed the measurement of a record with
/// `noise`. Empty if the disturbance was small.
std::string noise_warning(const Json& record);

}  // namespace twice::experiments
