// A profile on the terminal: the same columns as on the page, as many as fit.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

void print_profile(const Json& record);

}  // namespace twice::experiments
