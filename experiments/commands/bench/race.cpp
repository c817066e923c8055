// Agreement, the peer's variants, rounds, memory; then the rows.
#include "experiments/commands/bench/race.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <thread>

#include "autodiff/profile/peak.h"
#include "autodiff/threads/threads.h"
#include "experiments/measure/agreement.h"
#include "experiments/measure/cost.h"
#include "experiments/measure/memory.h"
#include "experiments/measure/statistics.h"
#include "experiments/run/machine.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Processor time of this process, all threads.
double own_cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// One side of one method: what runs a block of its steps, and what the rounds gave.
struct Runner {
  std::function<std::vector<double>(const BlockTiming&)> block;
  /// The median step of each round, and the fastest of all steps, in milliseconds.
  std::vector<double> medians;
  double least = INFINITY;
  TeamUse team;  // ours only
};

struct Entry {
  std::unique_ptr<OurStep> step;
  Runner ours, peers;
  std::string variant;
  double peer_error = 0;
};

/// Where methods perturb by epsilon, rounding is enlarged by gamma / epsilon.
double enlargement(const Problem& problem, const Method& method) {
  const MethodOptions& o = problem.options.regularization;
  return method.options.find("epsilon") == std::string_view::npos ? 0 : o.gamma / o.epsilon;
}

/// Activations whose first or second derivative jumps.
bool kinked(const std::string& activation) {
  return activation.starts_with("relu") || activation.starts_with("leaky_relu") ||
         activation.starts_with("elu");
}

/// Compares G with that of each of the peer's variants; returns the largest difference.
double checked_agreement(const Problem& problem, OurStep& step, Peer& peer,
                         const std::vector<std::string>& variants) {
  std::vector<std::string> names;
  for (const ParameterInfo& p : problem.model.parameter_info()) names.push_back(p.name);
  const std::string method(step.method().name);
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

/// GFLOP/s of a large product at this moment, by the faster of our kernel and OpenBLAS.
double peak_now(DType dtype, BestProduct& best) {
  constexpr int repeats = 2;
  const double ours = measured_peak_gflops(dtype, repeats),
               blas = measured_blas_gflops(dtype, repeats);
  best = {std::max(best.ours, ours), std::max(best.blas, blas)};
  return std::max(ours, blas);
}

/// Rounds of one block a runner until `seconds` are over, at least `least_rounds`. Returns each
/// round's `peak_now`.
std::vector<double> take_turns(std::vector<Runner*>& runners, DType dtype, BestProduct& best,
                               double seconds, const std::function<void(double)>& progress) {
  constexpr int rounds = 12, least_rounds = 5;
  // A side that stops working spins for about a millisecond before its threads sleep.
  constexpr double settle = 0.003, lead = 0.008;
  // Long steps need no lead: what a cold cache costs them is too small to be seen.
  constexpr double long_ms = 30;
  const double share = seconds / rounds / static_cast<double>(runners.size());
  const BlockTiming timing{std::max(share - settle - lead, 1e-3), settle, lead};
  const auto start = Clock::now();
  double reported = 0;
  std::vector<double> peaks;
  for (int round = 0; round < least_rounds || seconds_since(start) < seconds; ++round) {
    std::this_thread::sleep_for(std::chrono::duration<double>(settle));
    peaks.push_back(peak_now(dtype, best));
    for (Runner* runner : runners) {
      BlockTiming block = timing;
      if (!runner->medians.empty() && runner->medians.back() > long_ms) block.lead = 0;
      const std::vector<double> times = runner->block(block);
      if (stop_requested()) throw Stopped{};
      runner->medians.push_back(median(times));
      runner->least = std::min(runner->least, *std::min_element(times.begin(), times.end()));
      const double now = seconds_since(start);
      progress(now - reported);
      reported = now;
    }
  }
  return peaks;
}

void add_times(Json& row, const std::string& prefix, const Runner& runner) {
  const std::vector<double>& medians = runner.medians;
  row[prefix + "ms"] = median(medians);
  row[prefix + "ms_min"] = runner.least;
  row[prefix + "ms_iqr"] = quantile(medians, 0.75) - quantile(medians, 0.25);
  row[prefix + "rounds_ms"] = runner.medians;
}

/// The median over the rounds of a's step over b's in the same round: when the machine's speed
/// drifts, both move.
double paired_ratio(const Runner& a, const Runner& b) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < a.medians.size(); ++round)
    ratios.push_back(a.medians[round] / b.medians[round]);
  return median(std::move(ratios));
}

/// The median over the rounds of the steps' speed over the peak in the same round.
double peak_share(double flops, const Runner& runner, const std::vector<double>& peaks) {
  std::vector<double> shares;
  for (std::size_t round = 0; round < peaks.size(); ++round)
    shares.push_back(flops / 1e6 / runner.medians[round] / peaks[round]);
  return median(std::move(shares));
}

Json row_of(const Problem& problem, const Entry& entry, const std::vector<double>& peaks) {
  const Method& method = entry.step->method();
  const Cost total = ledger(entry.step->plan().program()).total();
  const ProductLaw law = expected_law(problem, method);
  Json row = {{"model", problem.label()},
              {"method", method.name},
              {"threads", threads()},
              {"samples", entry.ours.medians.size()},
              {"products", total.products},
              {"small_products", total.small_products},
              {"products_law", law.products(problem.model.products())},
              {"products_law_text", str(law)},
              {"gflop", total.flops / 1e9},
              {"peak_mib", static_cast<double>(entry.step->plan().peak_bytes()) / (1 << 20)}};
  add_times(row, "", entry.ours);
  row.update(team_record(entry.ours.team));
  row["rounds_peak_gflops"] = peaks;
  row["peak_share"] = peak_share(total.flops, entry.ours, peaks);
  if (entry.peers.medians.empty()) return row;
  add_times(row, "peer_", entry.peers);
  row["peer_variant"] = entry.variant;
  row["peer_error"] = entry.peer_error;
  row["ratio"] = paired_ratio(entry.peers, entry.ours);
  return row;
}

}  // namespace

Json race(const RunOptions& options, Peer* peer, const RaceOptions& race_options, IdleUse& idle,
          BestProduct& best, const std::function<void(double)>& progress) {
  const auto enter = [&](const Problem& problem) {
    std::vector<Entry> entries;
    for (const std::string& name : options.methods)
      entries.push_back({std::make_unique<OurStep>(problem, method(name)), {}, {}, "", 0});
    if (!peer) return entries;
    const auto variants = peer->load(problem, entries[0].step->state());
    for (Entry& e : entries)
      e.peer_error = checked_agreement(problem, *e.step, *peer,
                                       variants.at(std::string(e.step->method().name)));
    return entries;
  };
  // In f32 a kink leaves much room (agreement_tolerance); in f64 the same network leaves none.
  if (peer && kinked(options.activation) && options.number_type() == DType::f32) {
    RunOptions precise = options;
    precise.dtype = "f64";
    enter(random_problem(precise));
  }
  const Problem problem = random_problem(options);
  std::vector<Entry> entries = enter(problem);
  if (peer) {
    // In addition to the measuring time: a sixth of it for finding the peer's fastest variants.
    for (Entry& e : entries)
      e.variant = peer->choose(std::string(e.step->method().name),
                               race_options.seconds / 6 / static_cast<double>(entries.size()));
  }

  std::vector<Runner*> runners;
  for (Entry& e : entries) {
    e.ours.block = [&](const BlockTiming& timing) {
      const double before = peer ? peer->cpu_seconds() : 0;
      const TeamUse team_before = team_use();
      const auto start = Clock::now();
      std::vector<double> times = timed_block([&] { e.step->run(); }, timing);
      e.ours.team += team_use() - team_before;
      idle.peers += peer ? peer->cpu_seconds() - before : 0;
      idle.peers_while += seconds_since(start);
      return times;
    };
    runners.push_back(&e.ours);
    if (!peer) continue;
    e.peers.block = [&](const BlockTiming& timing) {
      const double before = own_cpu_seconds();
      const auto start = Clock::now();
      std::vector<double> times = peer->timed_block(std::string(e.step->method().name), timing);
      idle.ours += own_cpu_seconds() - before;
      idle.ours_while += seconds_since(start);
      return times;
    };
    runners.push_back(&e.peers);
  }
  const std::vector<double> peaks =
      take_turns(runners, options.number_type(), best, race_options.seconds, progress);

  Json rows = Json::array();
  for (const Entry& e : entries) {
    Json row = row_of(problem, e, peaks);
    const std::string name(e.step->method().name);
    if (race_options.measure_memory)
      row["measured_mib"] = step_memory(options, name, usual_examples(options));
    if (peer) row["peer"] = peer->name();
    if (peer && race_options.measure_memory)
      row["peer_mib"] = peer->step_memory(problem, name, e.variant);
    if (stop_requested()) throw Stopped{};
    rows.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < entries.size(); ++i)
    for (const Entry& other : entries) {
      const double ratio = paired_ratio(entries[i].ours, other.ours);
      if (other.step->method().name == "sgd") rows[i]["ratio_to_gradient"] = ratio;
      if (other.step->method().name == "f-gr") rows[i]["ratio_to_f_gr"] = ratio;
    }
  return rows;
}

}  // namespace twice::experiments
