// Counts what the test program allocates with operator new: to show that running a plan allocates
// nothing and that nothing leaks.
#pragma once

#include <cstddef>

namespace twice::testing {

/// Calls of operator new so far, in all threads.
std::size_t allocations();
/// Bytes allocated and not yet freed.
std::size_t live_bytes();

}  // namespace twice::testing
