// Counts the test program's calls of operator new. Tests use the counts to show that running a plan
// allocates nothing and that no memory leaks.
#pragma once

#include <cstddef>

namespace twice::testing {

/// The number of calls of operator new so far, in all threads.
std::size_t allocations();
/// The number of bytes allocated and not yet freed.
std::size_t live_bytes();

}  // namespace twice::testing
