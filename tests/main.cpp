// The entry point of the test program. The other sources in tests/ add suites to it.
#define BOOST_TEST_MODULE twice
#include <boost/test/unit_test.hpp>
