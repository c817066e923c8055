// The entry of the test program; every other file under tests/ adds a suite to it.
#define BOOST_TEST_MODULE twice
#include <boost/test/unit_test.hpp>
