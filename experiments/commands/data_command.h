// The bodies of `./twice data [list | fetch NAME | verify NAME]`. They print; errors are thrown.
#pragma once

#include <string>

namespace twice::experiments {

/// Prints every data set, whether it is here, how to get it, and whom to credit.
void list_data();

/// Gets a data set and says where it is.
void fetch_data(const std::string& name);

/// Checks every file of a data set and prints its checksum.
void verify_data(const std::string& name);

}  // namespace twice::experiments
