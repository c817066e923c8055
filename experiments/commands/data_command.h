// `./twice data [list | fetch NAME | verify NAME]`.
#pragma once

#include "experiments/app/option_set.h"

namespace twice::experiments {

struct DataOptions {
  std::string action = "list", name;
};

void declare_data(OptionSet& set, DataOptions& options);

/// Lists every data set, whether it is here, how to get it and whom to credit; or gets one; or
/// checks every file of one and prints its checksum. Returns the exit status.
int data(DataOptions options);

}  // namespace twice::experiments
