// The table of studies; seeds, progress and jobs.
#include "experiments/study/study.h"

#include <omp.h>

#include <exception>

#include "experiments/run/stop.h"

namespace twice {

const std::vector<Study>& studies() {
  static const std::vector<Study> table = {flooding_study(),
                                           sam_study(),
                                           implicit_study(),
                                           gradient_error_study(),
                                           diagonal_linear_network_study(),
                                           curvature_term_study()};
  return table;
}

std::vector<std::uint64_t> StudyContext::seeds() const {
  std::vector<std::uint64_t> result;
  for (int i = 0; i < count("seeds"); ++i) result.push_back(seed_ + static_cast<std::uint64_t>(i));
  return result;
}

void StudyContext::begin(const std::string& task, double total) {
  progress_.reset();
  progress_.emplace(task, total);
}

void StudyContext::advance(double units) {
  if (stop_requested()) throw Stopped("stopped");
  const std::lock_guard lock(mutex_);
  if (progress_) progress_->advance(units);
}

void StudyContext::jobs(std::size_t count, const std::function<void(std::size_t)>& body) {
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic)
  for (std::size_t i = 0; i < count; ++i) {
    try {
      body(i);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace twice
