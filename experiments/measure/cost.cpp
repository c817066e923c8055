// Timing in turns.
#include "experiments/measure/cost.h"

#include <algorithm>
#include <chrono>

#include "experiments/measure/statistics.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

std::vector<std::vector<double>> timed_in_turns(const std::vector<std::function<void()>>& work,
                                                double seconds, const TimingProgress& progress) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> samples(work.size());
  const auto start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  double reported = 0;
  for (int round = 0; round < most_rounds && !stop_requested(); ++round) {
    if (round >= least_rounds && elapsed() > seconds) break;
    for (std::size_t i = 0; i < work.size(); ++i) {
      const auto before = Clock::now();
      work[i]();
      samples[i].push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - before).count());
    }
    progress(elapsed() - reported);
    reported = elapsed();
  }
  return samples;
}

std::vector<StepCost> step_costs(const Problem& problem, const std::vector<const Method*>& methods,
                                 double seconds, const TimingProgress& progress) {
  std::vector<std::unique_ptr<Trainer>> trainers;
  std::vector<std::function<void()>> steps;
  for (const Method* m : methods) {
    Trainer& trainer = *trainers.emplace_back(std::make_unique<Trainer>(problem, *m));
    trainer.step();
    steps.push_back([&trainer] { trainer.run_and_update(); });
  }
  std::vector<std::vector<double>> samples = timed_in_turns(steps, seconds, progress);

  std::vector<StepCost> costs;
  for (std::size_t i = 0; i < methods.size(); ++i) {
    StepCost cost;
    cost.method = methods[i]->name;
    cost.ledger = ledger(trainers[i]->plan().program());
    cost.peak_mib = static_cast<double>(trainers[i]->plan().peak_bytes()) / (1 << 20);
    const std::vector<double>& times = samples[i];
    if (!times.empty()) {
      cost.ms = median(times);
      cost.ms_min = std::ranges::min(times);
      cost.ms_spread = quantile(times, 0.75) - quantile(times, 0.25);
      cost.samples = static_cast<int>(times.size());
    }
    costs.push_back(std::move(cost));
  }
  return costs;
}

}  // namespace twice::experiments
