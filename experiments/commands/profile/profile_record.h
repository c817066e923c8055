// The record of a profile, from which its tables, pages and files are all made.
#pragma once

#include "experiments/commands/profile/headline.h"
#include "experiments/commands/profile/profile.h"

namespace twice::experiments {

/// All that is measured but the scaling curves: docs/records.md has the fields. Shows progress on
/// the terminal. Nothing when a stop was requested meanwhile.
std::optional<Json> profile_record(const ProfileOptions& options, const Problem& problem);

}  // namespace twice::experiments
