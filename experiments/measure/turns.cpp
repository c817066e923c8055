// Processes that take turns, in blocks of steps or as whole commands.
#include "experiments/measure/turns.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>

#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/measure/our_step.h"
#include "experiments/measure/peer.h"
#include "experiments/measure/statistics.h"
#include "experiments/measure/subprocess.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A process that stops working spins for about a millisecond before its threads sleep.
constexpr double settle = 0.003, lead = 0.008, block_seconds = 0.03;
// Longer steps need no lead: what a cold cache costs them is too small to be seen.
constexpr double long_ms = 30;

std::vector<std::string> command(const Contender& side, std::vector<std::string> more) {
  std::vector<std::string> words = {side.program.string(), "bench"};
  words.insert(words.end(), side.words.begin(), side.words.end());
  words.push_back(fmt::format("--method={}", fmt::join(side.methods, ",")));
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

[[noreturn]] void fail_ended(const Contender& side, Subprocess& process) {
  if (stop_requested()) throw Stopped{};
  const int status = process.wait();
  const std::string last = process.last_error();
  if (status == 0) fail("bench", "{} ended without an answer: is it twice?", side.program.string());
  fail("bench", "{} ended with {} {}: {}", side.program.string(), status < 0 ? "signal" : "status",
       std::abs(status), last.empty() ? "no reason given" : last);
}

/// A process that times its steps on request (served_steps.h).
class Served {
 public:
  explicit Served(const Contender& side) : side_(side), process_(command(side, {"--serve"})) {}

  Json ask(const Json& request) {
    process_.write_line(request.dump());
    const std::optional<std::string> line = process_.read_line();
    if (stop_requested()) throw Stopped{};
    const Json answer = line ? Json::parse_or_null(*line) : Json();
    if (!answer.is_object()) fail_ended(side_, process_);
    return answer;
  }

  std::vector<double> time(const std::string& method, bool long_steps) {
    return ask({{"do", "time"},
                {"method", method},
                {"seconds", block_seconds},
                {"settle", settle},
                {"lead", long_steps ? 0 : lead}})
        .at("ms");
  }

 private:
  const Contender& side_;
  Subprocess process_;
};

/// Runs `bench` as a whole: the median step of each of its rounds, by method.
ProcessTimes whole_command(const Contender& side, double seconds) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / fmt::format("twice-against-{}.json", ::getpid());
  struct Removed {
    const std::filesystem::path& file;
    ~Removed() {
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
    }
  } removed{file};
  Subprocess process(command(side, {"--no-memory", fmt::format("--seconds={}", seconds),
                                    fmt::format("--json={}", file.string())}));
  while (process.read_line()) {
  }
  if (stop_requested()) throw Stopped{};
  if (!std::filesystem::exists(file)) fail_ended(side, process);
  const Json record = Json::parse_or_null(read_file(file));
  ProcessTimes times;
  for (const Json& row : record.at("rows"))
    times.push_back(row.at("rounds_ms").get<std::vector<double>>());
  return times;
}

/// Can the program take turns in blocks? An older one does not know the option.
bool serves(const Contender& side, std::string& description) {
  Served process(side);
  try {
    description = process.ask({{"do", "hello"}}).dump();
    return true;
  } catch (const Error& error) {
    if (std::string(error.what()).find("--serve") == std::string::npos) throw;
    return false;
  }
}

class Measurement {
 public:
  Measurement(const Contender& ours, const Contender& other, bool whole)
      : sides_{&ours, &ours, &other, &other}, whole_(whole) {}

  /// One repetition that should end after `seconds`.
  Repetition repeat(double seconds) {
    const auto start = Clock::now();
    Repetition result;
    std::vector<int> order = {0, 1, 2, 3};
    std::ranges::shuffle(order, random_);
    if (whole_) {
      const double share = std::clamp(seconds / 8, 0.05, 2.0);
      for (const int i : order) result[i] = whole_command(*sides_[i], share);
      return result;
    }
    std::array<std::unique_ptr<Served>, 4> processes;
    for (const int i : order) processes[i] = std::make_unique<Served>(*sides_[i]);
    for (const int i : order) processes[i]->ask({{"do", "hello"}});  // waits until it is ready
    for (ProcessTimes& times : result) times.resize(methods());
    for (double round = 0; round == 0 || seconds_since(start) + round <= seconds;) {
      const auto began = Clock::now();
      for (std::size_t m = 0; m < methods(); ++m) {
        std::ranges::shuffle(order, random_);
        for (const int i : order) {
          std::vector<double>& times = result[i][m];
          const bool long_steps = !times.empty() && times.back() > long_ms;
          const std::vector<double> block = processes[i]->time(sides_[i]->methods[m], long_steps);
          times.insert(times.end(), block.begin(), block.end());
        }
      }
      round = seconds_since(began);
    }
    return result;
  }

  std::size_t methods() const { return sides_[0]->methods.size(); }

 private:
  std::array<const Contender*, 4> sides_;
  bool whole_;
  std::mt19937 random_{std::random_device{}()};
};

}  // namespace

Turns take_turns(const Contender& ours, const Contender& other, double seconds,
                 double repetition_seconds, const std::function<void(double)>& progress) {
  const auto start = Clock::now();
  Turns result;
  result.whole_commands = !serves(ours, result.ours) || !serves(other, result.others);
  Measurement measurement(ours, other, result.whole_commands);
  double reported = 0, longest = 0;
  while (result.repetitions.empty() || seconds_since(start) + longest <= seconds) {
    const auto began = Clock::now();
    result.repetitions.push_back(measurement.repeat(repetition_seconds));
    longest = std::max(longest, seconds_since(began));
    const double now = seconds_since(start);
    progress(now - reported);
    reported = now;
  }
  return result;
}

}  // namespace twice::experiments
