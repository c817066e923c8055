// "Did you mean ...?" for a mistyped word.
#pragma once

#include <string>
#include <vector>

namespace twice::experiments {

/// `; did you mean X?` for the candidate that the fewest changes make of `word`, where one change
/// inserts, drops or replaces a letter or swaps two neighbours; empty when even the nearest differs
/// in more than a third of its letters.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace twice::experiments
