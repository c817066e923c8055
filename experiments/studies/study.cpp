// The table of studies; seeds, progress and jobs.
#include "experiments/studies/study.h"

#include <algorithm>
#include <exception>

#include "autodiff/threads/parallel.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

const std::vector<Study>& studies() {
  static const std::vector<Study> table = {
      cost_study(),           flooding_study(),       sam_study(),
      implicit_study(),       gradient_error_study(), diagonal_linear_network_study(),
      curvature_term_study(), generalization_study()};
  return table;
}

std::vector<std::uint64_t> StudyContext::seeds(int after, int count) const {
  std::vector<std::uint64_t> result;
  for (int i = 0; i < count; ++i) result.push_back(seed_ + static_cast<std::uint64_t>(after + i));
  return result;
}

void StudyContext::advance(double units) {
  if (stop_requested()) throw Stopped("stopped");
  const std::lock_guard lock(mutex_);
  if (progress_) progress_->advance(units);
}

std::vector<Json> StudyContext::run_jobs(const std::string& task, std::size_t count, double units,
                                         const std::function<Json(std::size_t)>& body,
                                         bool together) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < count; ++i)
    if (!journal_.find(task, i)) open.push_back(i);
  // The time left is that of the jobs which are left.
  const double share = static_cast<double>(open.size()) / static_cast<double>(count);
  progress_.emplace(task, std::max(units * share, 1.0));
  std::exception_ptr failure;
  const auto run = [&](Index k) {
    const std::size_t job = open[static_cast<std::size_t>(k)];
    try {
      {
        const std::lock_guard lock(mutex_);
        if (failure) return;
      }
      const Json result = body(job);
      const std::lock_guard lock(mutex_);
      journal_.add(task, job, result);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure) failure = std::current_exception();
    }
  };
  const auto jobs = static_cast<Index>(open.size());
  if (together)
    parallel_for(jobs, run);
  else
    for (Index k = 0; k < jobs; ++k) run(k);
  progress_.reset();
  if (failure) std::rethrow_exception(failure);
  std::vector<Json> results;
  for (std::size_t i = 0; i < count; ++i) results.push_back(*journal_.find(task, i));
  return results;
}

}  // namespace twice::experiments
