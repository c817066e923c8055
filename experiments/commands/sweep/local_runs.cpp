// Starts the processes of runs and waits for their ends.
#include "experiments/commands/sweep/local_runs.h"

#include <fmt/format.h>

namespace twice::experiments {

namespace {

/// The reason for a bad end. Empty if the run ended well.
std::string ending(int status, const Process& process) {
  if (status == 0) return "";
  const std::string line = last_line(process.errors());
  if (status < 0)
    return fmt::format("ended by signal {}{}{}", -status,
                       status == -9 ? " (killed, perhaps out of memory)" : "",
                       line.empty() ? "" : ": " + line);
  return line.empty() ? fmt::format("ended with status {}", status) : line;
}

}  // namespace

void LocalRuns::start(const GridRun& run, const std::filesystem::path& folder) {
  std::vector<std::string> words = {"/proc/self/exe", "train"};
  // All options are passed again, and `train` compares them with those of the checkpoint.
  for (std::string& word : arguments(run.config)) words.push_back(std::move(word));
  words.push_back(fmt::format("--threads={}", threads_));
  words.push_back(fmt::format("--checkpoint-every={}", checkpoint_every_));
  words.push_back(fmt::format("--out={}", folder.string()));
  if (std::filesystem::exists(folder / "checkpoint.safetensors")) words.emplace_back("--resume");
  // Without the variables that bind threads to cores, which would bind all runs to the same cores.
  ProcessOptions how{
      .environment = {{"OMP_PROC_BIND", {}}, {"OMP_PLACES", {}}, {"GOMP_CPU_AFFINITY", {}}},
      .drop_output = true,
      .inherited = lock_};
  if (!kernels_.empty()) how.environment["TWICE_CPU"] = kernels_;
  Running& started = running_.emplace_back(Running{run.name, nullptr});
  try {
    started.process = std::make_unique<Process>(std::move(words), how);
  } catch (const Error& error) {
    started.error = error.what();  // no memory for a process; the others continue
  }
}

std::vector<RunEnd> LocalRuns::collect() {
  std::vector<RunEnd> ends;
  std::erase_if(running_, [&](const Running& run) {
    if (!run.process) {
      ends.push_back({run.name, run.error});
      return true;
    }
    const std::optional<int> status = run.process->poll();
    if (status) ends.push_back({run.name, ending(*status, *run.process)});
    return status.has_value();
  });
  return ends;
}

void LocalRuns::stop() {
  for (const Running& run : running_)
    if (run.process) run.process->stop();
}

}  // namespace twice::experiments
