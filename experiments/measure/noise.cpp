// Measures the noise of other work. Linux reports in /proc how long threads wait for a core.
#include "experiments/measure/noise.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "autodiff/profile/peak.h"
#include "experiments/files/record.h"

namespace twice::experiments {

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

Json known(double value) { return std::isfinite(value) ? Json(value) : Json(); }

double speed_now(DType dtype) {
  constexpr int repeats = 8;
  return measured_peak_gflops(dtype, repeats);
}

double load_now() {
  double load = unknown;
  return ::getloadavg(&load, 1) == 1 ? load : unknown;
}

}  // namespace

RatioInRounds ratio_in_rounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < std::min(a.size(), b.size()); ++round)
    ratios.push_back(a[round] / b[round]);
  return {median(ratios), median_interval(ratios)};
}

Json to_json(const Interval& interval) {
  Json ends = Json::array();
  for (const double end : {interval.low, interval.high}) ends.push_back(known(end));
  return ends;
}

std::optional<Interval> interval_of(const Json& row, const std::string& name) {
  const Json& ends = member(row, name + "_interval");
  if (!ends.is_array() || ends.size() != 2) return std::nullopt;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto end = [](const Json& value, double unbounded) {
    return value.is_number() ? value.get<double>() : unbounded;
  };
  return Interval{end(ends[0], -infinity), end(ends[1], infinity)};
}

void add_ratio(Json& row, const std::string& name, const RatioInRounds& ratio) {
  row[name] = ratio.ratio;
  row[name + "_interval"] = to_json(ratio.interval);
}

NoiseMeter::NoiseMeter(DType dtype) : dtype_(dtype), speed_(speed_now(dtype)), load_(load_now()) {
  go_on();
}

void NoiseMeter::go_on() {
  start_ = read();
  runs_ = true;
}

void NoiseMeter::pause() {
  if (!runs_) return;
  const Reading now = read();
  sum_.ran += now.ran - start_.ran;
  sum_.waited += now.waited - start_.waited;
  sum_.stolen += now.stolen - start_.stolen;
  sum_.total += now.total - start_.total;
  runs_ = false;
}

NoiseMeter::Reading NoiseMeter::read() {
  Reading result{.stolen = unknown, .total = unknown};
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    // The nanoseconds on a core, and the nanoseconds in which the thread waited for a core.
    std::ifstream file(thread.path() / "schedstat");
    double ran = unknown, waited = unknown;
    if (!(file >> ran >> waited)) continue;  // the thread has ended
    result.ran += ran * 1e-9;
    result.waited += waited * 1e-9;
  }
  // The line holds "cpu" and the ticks of user, nice, system, idle, iowait, irq, softirq and steal.
  std::ifstream file("/proc/stat");
  std::string name;
  std::vector<double> ticks(8);
  file >> name;
  for (double& tick : ticks) file >> tick;
  if (file && name == "cpu") {
    result.stolen = ticks[7], result.total = 0;
    for (const double tick : ticks) result.total += tick;
  }
  return result;
}

Json NoiseMeter::record() {
  pause();
  return {{"waited", known(sum_.waited / (sum_.ran + sum_.waited))},
          {"stolen", known(sum_.stolen / sum_.total)},
          {"load", {known(load_), known(load_now())}},
          {"speed", {speed_, speed_now(dtype_)}}};
}

std::string noise_warning(const Json& record) {
  const Json& noise = member(record, "noise");
  // Smaller values are usual even on a machine without other work.
  constexpr double waited = 0.02, stolen = 0.02, drift = 0.2;
  std::vector<std::string> causes;
  if (const double share = number(noise, "waited"); share > waited)
    causes.push_back(fmt::format("other work had the cores {:.0f} % of the time", 100 * share));
  if (const double share = number(noise, "stolen"); share > stolen)
    causes.push_back(fmt::format("the hypervisor took {:.0f} % of the cores' time", 100 * share));
  if (const Json& speed = member(noise, "speed"); speed.is_array() && speed.size() == 2) {
    const double before = speed[0].get<double>(), after = speed[1].get<double>();
    if (std::abs(after / before - 1) > drift)
      causes.push_back(
          fmt::format("the machine's speed changed by {:+.0f} %", 100 * (after / before - 1)));
  }
  // The times of one step that was timed in several parts of the measurement.
  if (const std::vector<double> ms = numbers(noise, "same_step_ms"); ms.size() > 1)
    if (const auto [least, most] = std::ranges::minmax(ms); most > (1 + drift) * least)
      causes.push_back(fmt::format("the same step took {:.3g} ms and {:.3g} ms", least, most));
  if (causes.empty()) return "";
  const bool others = number(noise, "waited") > waited,
             several = number(member(record, "machine"), "threads") > 1,
             has_seconds = member(record, "config").contains("seconds");
  std::vector<std::string> remedies;
  if (others) remedies.push_back("close other programs");
  if (others && several) remedies.push_back("try --threads 1");
  if (has_seconds) remedies.push_back("give more --seconds");
  if (remedies.empty()) remedies.push_back("measure again");
  return fmt::format("noise: {}; {}", fmt::join(causes, ", "), fmt::join(remedies, ", or "));
}

}  // namespace twice::experiments
