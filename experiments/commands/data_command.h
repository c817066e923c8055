// `./twice data [list | fetch NAME | verify NAME]`: lists, fetches and verifies data sets.
#pragma once

#include "experiments/app/option_set.h"

namespace twice::experiments {

struct DataOptions {
  std::string action = "list", name;
};

void declare_data(OptionSet& set, DataOptions& options);

/// `list` prints every data set, whether it is present, how to get it, and whom to credit. `fetch`
/// gets one data set. `verify` checks every file of one data set and prints its checksum. Returns
/// the exit status.
int data(DataOptions options);

}  // namespace twice::experiments
