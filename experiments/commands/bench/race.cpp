// Times steps of all methods in rounds, after our gradients and the peer's have been compared.
#include "experiments/commands/bench/race.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <thread>

#include "autodiff/profile/peak.h"
#include "autodiff/threads/team.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/measure/noise.h"
#include "experiments/run/machine.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

/// CPU time of this process over all threads, in seconds.
double own_cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// One side (ours or the peer's) of one method.
struct Runner {
  std::function<std::vector<double>(const BlockTiming&)> block;
  /// The median step of each round and the fastest of all steps, in milliseconds. For a method
  /// with several programs, a round has one step, which is a mean over them.
  std::vector<double> medians = {};
  double least = INFINITY;

  void run(const BlockTiming& timing) {
    const std::vector<double> times = block(timing.after(medians.empty() ? 0 : medians.back()));
    end_if_stopped();
    medians.push_back(median(times));
    least = std::min(least, std::ranges::min(times));
  }
};

struct Entry {
  MethodSteps steps;
  double peer_error = 0;
  std::string variant = {};
  TeamUse team = {};
  double predicted_ms = 0;
  Runner ours = {}, peers = {};

  std::string_view name() const { return steps.method().name; }
};

/// Methods that perturb by epsilon amplify rounding by gamma / epsilon.
double enlargement(const Problem& problem, const Method& method) {
  const MethodOptions& o = problem.options.regularization;
  return method.options.find("epsilon") == std::string_view::npos ? 0 : o.gamma / o.epsilon;
}

/// True if the first or second derivative of the activation jumps.
bool kinked(const std::string& activation) {
  return activation.starts_with("relu") || activation.starts_with("leaky_relu") ||
         activation.starts_with("elu");
}

/// Compares our G with G from each variant of the peer and returns the largest difference.
double checked_agreement(const Problem& problem, OurStep& step, Peer& peer,
                         const std::vector<std::string>& variants) {
  const std::vector<std::string> names = names_of(problem.model.parameter_info());
  const std::string_view method = step.method().name;
  const std::vector<Array> ours = step.gradient();
  const double tolerance =
      agreement_tolerance(problem.options.number_type(), kinked(problem.options.activation),
                          enlargement(problem, step.method()));
  double worst = 0;
  for (const std::string& variant : variants) {
    const GradientDifference found =
        gradient_difference(names, ours, peer.gradient(method, variant));
    if (!(found.error <= tolerance))
      fail("bench",
           "{}, {}: our gradient and that of {} ({}) differ by {:.1e} of its norm at {}; at most "
           "{:.1e} is rounding",
           problem.label(), method, peer.name(), variant, found.error, found.parameter, tolerance);
    worst = std::max(worst, found.error);
  }
  return worst;
}

/// Prepares the steps of all methods. Fails if a peer's gradient differs from ours. If `seconds` is
/// above 0, also finds the peer's fastest variants.
std::vector<Entry> entries_of(const Problem& problem, Peer* peer, double seconds) {
  std::vector<Entry> entries;
  for (const std::string& name : problem.options.methods)
    entries.push_back({MethodSteps(problem, method(name))});
  if (!peer) return entries;
  auto variants = peer->load(problem, entries[0].steps.first().state());
  for (Entry& e : entries)
    e.peer_error =
        checked_agreement(problem, e.steps.first(), *peer, variants.at(std::string(e.name())));
  if (seconds == 0) return entries;
  for (Entry& e : entries)
    e.variant = peer->fastest(e.name(), variants.at(std::string(e.name())),
                              seconds / static_cast<double>(entries.size()));
  return entries;
}

/// GFLOP/s of a large product at this moment, by our kernel or by OpenBLAS, whichever is faster.
double peak_now(DType dtype, RaceTotals& totals) {
  constexpr int repeats = 2;
  const double ours = measured_peak_gflops(dtype, repeats),
               blas = measured_blas_gflops(dtype, repeats);
  totals.our_peak = std::max(totals.our_peak, ours);
  totals.blas_peak = std::max(totals.blas_peak, blas);
  return std::max(ours, blas);
}

void add_times(Json& row, const std::string& prefix, const Runner& runner) {
  const Spread spread = spread_of(runner.medians);
  row[prefix + "ms"] = spread.median;
  row[prefix + "ms_min"] = runner.least;
  row[prefix + "ms_iqr"] = spread.iqr;
  row[prefix + "ms_interval"] = to_json(median_interval(runner.medians));
  row[prefix + "rounds_ms"] = runner.medians;
}

Json row_of(const Problem& problem, const Entry& entry, const std::vector<double>& peaks) {
  StepCost cost = entry.steps.cost();
  cost.samples = entry.ours.medians;
  Json row = cost_fields(problem, cost);
  add_times(row, "", entry.ours);
  row.update(team_record(entry.team));
  if (entry.predicted_ms > 0) {
    row["predicted_ms"] = entry.predicted_ms;
    row["residual"] = median(entry.ours.medians) / entry.predicted_ms - 1;
  }
  row["rounds_peak_gflops"] = peaks;
  std::vector<double> gflops;
  for (const double ms : entry.ours.medians) gflops.push_back(cost.total.flops / 1e6 / ms);
  row["peak_share"] = ratio_in_rounds(gflops, peaks).ratio;
  if (entry.peers.medians.empty()) return row;
  add_times(row, "peer_", entry.peers);
  row["peer_variant"] = entry.variant;
  row["peer_error"] = entry.peer_error;
  add_ratio(row, "ratio", ratio_in_rounds(entry.peers.medians, entry.ours.medians));
  return row;
}

}  // namespace

Json race(const RunOptions& options, Peer* peer, double seconds, bool measure_memory,
          RaceTotals& totals, const TimingProgress& progress) {
  // In f32, kinks require a loose tolerance (agreement_tolerance). The same network is therefore
  // checked in f64 first, with a tight tolerance.
  if (peer && kinked(options.activation) && options.number_type() == DType::f32) {
    RunOptions precise = options;
    precise.dtype = "f64";
    entries_of(random_problem(precise), peer, 0);
  }
  const Problem problem = random_problem(options);
  // The search for the peer's fastest variants takes an extra sixth of the measuring time.
  std::vector<Entry> entries = entries_of(problem, peer, seconds / 6);

  // The prediction is the mean of one made before the rounds and one made after them, since the
  // machine's speed may drift.
  const auto predict_half = [&] {
    if (!totals.peak) return;
    for (Entry& e : entries) e.predicted_ms += e.steps.predicted_seconds(*totals.peak) * 1e3 / 2;
  };
  predict_half();
  std::vector<Runner*> runners;
  for (Entry& e : entries) {
    e.ours.block = [&](const BlockTiming& timing) {
      const double before = peer ? peer->cpu_seconds() : 0;
      const TeamUse team_before = team_use();
      const ClockReading start = ClockReading::clock::now();
      totals.noise.go_on();
      std::vector<double> times = e.steps.timed_block(timing);
      totals.noise.pause();
      e.team += team_use() - team_before;
      totals.peers.cpu += peer ? peer->cpu_seconds() - before : 0;
      totals.peers.seconds += seconds_since(start);
      return times;
    };
    runners.push_back(&e.ours);
    if (!peer) continue;
    e.peers.block = [&](const BlockTiming& timing) {
      const double before = own_cpu_seconds();
      const ClockReading start = ClockReading::clock::now();
      std::vector<double> times = peer->timed_block(e.name(), e.variant, timing);
      totals.ours.cpu += own_cpu_seconds() - before;
      totals.ours.seconds += seconds_since(start);
      return times;
    };
    runners.push_back(&e.peers);
  }
  constexpr int rounds_wanted = 12;
  BlockTiming block;
  block.seconds = std::max(
      seconds / rounds_wanted / static_cast<double>(runners.size()) - block.settle - block.lead,
      1e-3);
  std::vector<double> peaks;
  for (Rounds rounds(seconds, progress); rounds.next();) {
    std::this_thread::sleep_for(std::chrono::duration<double>(block.settle));
    peaks.push_back(peak_now(options.number_type(), totals));
    // OpenBLAS computes on OpenMP's threads, which spin for about 4 ms before they sleep.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    for (Runner* runner : runners) {
      runner->run(block);
      rounds.report();
    }
  }
  end_if_stopped();
  predict_half();

  Json rows = Json::array();
  for (const Entry& e : entries) {
    Json row = row_of(problem, e, peaks);
    if (measure_memory) row["measured_mib"] = step_memory(problem, e.name());
    if (peer) row["peer"] = peer->name();
    if (peer && measure_memory) row["peer_mib"] = peer->step_memory(e.name(), e.variant);
    end_if_stopped();
    for (const Entry& other : entries) {
      const RatioInRounds ratio = ratio_in_rounds(e.ours.medians, other.ours.medians);
      if (other.name() == "sgd") add_ratio(row, "ratio_to_gradient", ratio);
      if (other.name() == "f-gr") add_ratio(row, "ratio_to_f_gr", ratio);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace twice::experiments
