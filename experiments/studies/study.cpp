// Implements studies: their table, the journal of their jobs, claims and verdicts, and curves of
// means.
#include "experiments/studies/study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "experiments/files/atomic_file.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double none = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Measured measured(const Json& lists) {
  Measured result;
  for (const auto& [name, list] : lists.members()) result[name] = numbers(list);
  return result;
}

const std::vector<Study>& studies() {
  static const std::vector<Study> table = {
      cost_study(),           flooding_study(),       sam_study(),
      implicit_study(),       gradient_error_study(), diagonal_linear_network_study(),
      curvature_term_study(), generalization_study()};
  return table;
}

// ---- Measurements ----

Vector all(const std::vector<Repeated>& found, std::size_t from, std::size_t to,
           const std::string& name) {
  Vector result;
  for (std::size_t i = from; i <= to; ++i)
    for (const Measured& one : found[i])
      result.insert(result.end(), one.at(name).begin(), one.at(name).end());
  return result;
}

Vector each(const Repeated& seeds, const std::string& name, std::size_t k) {
  Vector result;
  for (const Measured& one : seeds) {
    const Vector& list = one.at(name);
    const std::size_t index = k == last ? list.size() - 1 : k;
    result.push_back(index < list.size() ? list[index] : none);
  }
  return result;
}

Interval range_of(const Vector& values) {
  if (std::ranges::any_of(values, [](double value) { return std::isnan(value); }))
    return {none, none};
  Interval range{infinity, -infinity};
  for (const double value : values)
    range = {std::min(range.low, value), std::max(range.high, value)};
  return range;
}

Vector scaled(Vector a, double factor) {
  for (double& value : a) value *= factor;
  return a;
}

Vector ratios(Vector a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] /= b[i];
  return a;
}

Vector powers_of_ten(Vector a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::log10(a[i] / b[i]);
  return a;
}

Journal::Journal(const FolderLock& lock, const std::string& name, const Json& identity)
    : lock_(&lock) {
  const std::string head = identity.dump();
  folder_ = lock.folder() / fmt::format(".study-{}-{}", name, sha256(head).substr(0, 12));
  if (fs::is_symlink(folder_))
    fail("study", "{} is a symbolic link; expected a folder", folder_.string());
  fs::create_directories(folder_);
  text_ = head + "\n";
  const std::optional<std::string> bytes = read_if_exists(file());
  if (!bytes) return;
  std::istringstream lines(*bytes);
  std::string line;
  if (!std::getline(lines, line) || line != head) return;
  while (std::getline(lines, line)) {
    const Json entry = Json::parse_or_null(line);
    if (!entry.contains("result")) break;
    results_[{entry.at("task"), entry.at("job")}] = measured(entry.at("result"));
    seconds_before_ = entry.at("seconds");
    text_ += line + "\n";
  }
}

Journal::~Journal() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove(folder_, ignored);  // keeps a folder with jobs
}

const Measured* Journal::find(const std::string& task, std::size_t job) const {
  const auto found = results_.find({task, job});
  return found == results_.end() ? nullptr : &found->second;
}

void Journal::add(const std::string& task, std::size_t job, const Measured& result) {
  const Json entry = {{"task", task}, {"job", job}, {"seconds", seconds()}, {"result", result}};
  const std::string line = entry.dump();
  // The returned numbers are those that a reader of the file would get. A resumed run therefore
  // cannot differ.
  results_[{task, job}] = measured(Json::parse(line).at("result"));
  // Each job replaces the whole file, so the file is never truncated.
  if (!lock_) return;
  lock_->check();
  text_ += line + "\n";
  write_atomically(file(), text_);
}

double Journal::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

void Journal::remove() {
  if (!lock_) return;
  std::error_code ignored;  // a folder that remains is harmless
  fs::remove_all(folder_, ignored);
}

// ---- Claims ----

Interval at_most(double high) { return {-infinity, high}; }
Interval at_least(double low) { return {low, infinity}; }

bool Claim::holds() const {
  // This form of the conditions fails for NaN.
  return interval.low <= value && value <= interval.high && interval.low >= expected.low &&
         interval.high <= expected.high;
}

Claim on_mean(std::string claim, const Vector& values, Interval expected, Weight weight,
              int comparisons) {
  std::string uncertainty = fmt::format("95 % for the mean of {} seeds", values.size());
  if (comparisons > 1) uncertainty += fmt::format(", jointly for {} comparisons", comparisons);
  return {std::move(claim),       mean(values), mean_interval(values, comparisons),
          std::move(uncertainty), expected,     weight};
}

Claim on_all(std::string claim, const Vector& values, Interval expected, Weight weight) {
  return {std::move(claim), median(values),
          range_of(values), fmt::format("smallest and largest of {}", values.size()),
          expected,         weight};
}

std::string verdict(const std::vector<Claim>& claims) {
  const auto hold = [&](Weight weight) {
    return std::ranges::all_of(
        claims, [&](const Claim& claim) { return claim.weight != weight || claim.holds(); });
  };
  const bool any = std::ranges::count(claims, Weight::core, &Claim::weight) > 0;
  if (!any || !hold(Weight::core)) return "not reproduced";
  return hold(Weight::limit) ? "reproduced" : "reproduced within limits";
}

// ---- Plots and tables ----

Vector five_digits(Vector values) {
  for (double& value : values) value = std::stod(fmt::format("{:.5g}", value));
  return values;
}

StudyCurve mean_curve(std::string name, std::string ink, Vector x, Shown shown,
                      const std::function<Vector(std::size_t)>& values) {
  StudyCurve curve{std::move(name), std::move(ink), std::move(x)};
  const bool geometric = shown == Shown::geometric_mean || shown == Shown::geometric_mean_and_range;
  for (std::size_t k = 0; k < curve.x.size(); ++k) {
    Vector at = values(k);
    const Interval band = shown == Shown::mean_and_interval ? mean_interval(at) : range_of(at);
    if (geometric)
      for (double& value : at) value = std::log(value);
    curve.y.push_back(geometric ? std::exp(mean(at)) : mean(at));
    if (shown == Shown::mean || shown == Shown::geometric_mean) continue;
    curve.low.push_back(band.low);
    curve.high.push_back(band.high);
  }
  return curve;
}

std::string with_interval(const Vector& values, const char* format, const char* unit) {
  const auto text = [&](double value) { return fmt::format(fmt::runtime(format), value); };
  const Interval interval = mean_interval(values);
  return fmt::format("{}{} ({} to {})", text(mean(values)), unit, text(interval.low),
                     text(interval.high));
}

}  // namespace twice::experiments
