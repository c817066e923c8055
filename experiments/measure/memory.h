// The memory that a step really takes, measured in a process of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/measure/our_step.h"

namespace twice::experiments {

/// MiB by which `work` raises the high-water mark of this process's resident memory, without pages
/// of files (libraries' code). Meant for a fresh process: memory that was freed before would be
/// used again, unseen.
double memory_rise(const std::function<void()>& work);

/// MiB of this process's memory that are of no file and resident, page by page: slower to ask for
/// and more exact than the high-water mark, whose counters are kept in batches.
double anonymous_mib();

/// Numbers that this program, started anew with these arguments, prints on one line. Throws when
/// that fails; empty when a stop was requested meanwhile. `what` names what is measured.
std::vector<double> numbers_of_fresh_process(const std::vector<std::string>& arguments,
                                             const std::string& what);

/// MiB that two steps of the options' only method take, update included, beyond this process with
/// its batch of data made and one small product computed: their `memory_rise`. Parameters, batch
/// and gradients count. `request` is what `step_memory` makes.
double step_memory_here(const std::string& request);

/// The same, measured by this program started anew. Throws when that fails.
double step_memory(const RunOptions& options, std::string_view method, const Examples& examples);

}  // namespace twice::experiments
