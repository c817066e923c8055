// The memory that a step really takes, measured in a process of its own.
#pragma once

#include "experiments/bench/our_step.h"

namespace twice {

/// MiB that two steps of the options' only method take, update included, beyond this process with
/// its batch of data made and one small product computed: the rise of the high-water mark of
/// resident memory, without pages of files (libraries' code). Parameters, batch and gradients
/// count. Meant for a fresh process: memory that was freed before would be used again, unseen.
/// `request` is what `step_memory` makes.
double step_memory_here(const std::string& request);

/// The same, measured by this program started anew. Throws when that fails.
double step_memory(const RunOptions& options, std::string_view method, const Examples& examples);

}  // namespace twice
