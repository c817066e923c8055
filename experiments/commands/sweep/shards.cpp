// Deals runs to shards, and writes the job script.
#include "experiments/commands/sweep/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "experiments/files/words.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

/// The part and the number of parts; no value if the word is not a shard.
std::optional<Shard> read_shard(const std::string& word) {
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto part = parsed<int>(word.substr(0, slash)), parts = parsed<int>(word.substr(slash + 1));
  if (!part || !parts || *part < 1 || *part > *parts || *parts > most_shards) return std::nullopt;
  return Shard{*part, *parts};
}

}  // namespace

std::string Shard::folder() const { return fmt::format("shard-{}-of-{}", part, parts); }

Accepted shard_word() {
  return {[](const std::string& word) -> std::string {
    if (word.empty() || read_shard(word)) return "";
    return fmt::format("must be PART/PARTS with 1 <= PART <= PARTS <= {}, as in 3/16, was '{}'",
                       most_shards, word);
  }};
}

Shard shard_of(const std::string& word) { return read_shard(word).value_or(Shard{}); }

std::vector<int> deal(const std::vector<double>& costs, int parts) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t run) { return costs[run]; });
  std::vector<double> load(static_cast<std::size_t>(parts));
  std::vector<int> dealt(costs.size());
  for (const std::size_t run : order) {
    const auto least = std::ranges::min_element(load);
    *least += costs[run];
    dealt[run] = static_cast<int>(least - load.begin()) + 1;
  }
  return dealt;
}

std::vector<double> part_costs(const std::vector<double>& costs, const std::vector<int>& dealt,
                               int parts) {
  std::vector<double> sums(static_cast<std::size_t>(parts));
  for (std::size_t i = 0; i < costs.size(); ++i)
    sums[static_cast<std::size_t>(dealt[i] - 1)] += costs[i];
  return sums;
}

std::string job_script(const SlurmOptions& slurm, const OptionWords& given, const fs::path& out,
                       int threads, const Forecast& forecast) {
  const std::string program = shell_word(fs::read_symlink("/proc/self/exe").string()),
                    folder = shell_word(fs::current_path().string());
  std::string command = program + " sweep";
  for (const auto& [option, value] : given) {
    if (listed("config, slurm, shards, partition, threads", option.substr(2))) continue;
    command += " " + option + (value.empty() ? "" : "=" + shell_word(value));
  }
  command += fmt::format(" --threads={}", threads);
  return fmt::format(
      R"(#!/bin/bash
# An array job for Slurm: each task does one of {0} parts of a sweep.
#   start      sbatch {1}
#   continue   the same: finished runs stay, and the others go on from their checkpoints
#   see        {2} report {3}
#   at the end the last command of this file without --shard: it collects all parts in one record
# The training steps of the longest part would take {4:.0f} s on the machine that wrote this file.
# The time limit is three times that and 10 minutes. The memory is 1.5 times the planned memory and 256 MiB.
#SBATCH --job-name=twice-sweep
#SBATCH --array=1-{0}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={5}
#SBATCH --time={6}
#SBATCH --mem={7}M
{8}#SBATCH --output="{9}/slurm-%A_%a.out"
#SBATCH --open-mode=append
cd {10} || exit 1
exec {11} --shard="$SLURM_ARRAY_TASK_ID/{0}"
)",
      slurm.shards, shell_word(slurm.file), program, shell_word(fs::absolute(out).string()),
      std::ceil(forecast.seconds), threads, forecast.limit_minutes(), forecast.limit_mib(),
      slurm.partition.empty() ? "" : fmt::format("#SBATCH --partition={}\n", slurm.partition),
      fs::absolute(out).string(), folder, command);
}

}  // namespace twice::experiments
