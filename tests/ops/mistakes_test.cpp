// What is wrong with a call is said in one line: each public function with each mistake that can be
// made in its ranks, shapes, axes and options. (Handles and dtypes: errors_test.cpp.)
#include "tests/ops/mistakes.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/ops/functions.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

std::vector<Mistake> all_mistakes() {
  std::vector<Mistake> all;
  for (const auto group :
       {elementwise_mistakes, moving_mistakes, reduction_mistakes, product_mistakes})
    for (const Mistake& mistake : group()) all.push_back(mistake);
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_mistakes)

BOOST_AUTO_TEST_CASE(every_mistake_has_its_answer) {
  for (const Mistake& mistake : all_mistakes()) {
    Tape tape;
    BOOST_TEST(error_of([&] { mistake.call({tape}); }) ==
               "[" + mistake.function + "] " + mistake.text);
    BOOST_TEST(mistake.text.find('\n') == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(every_function_has_every_kind_of_mistake) {
  std::set<std::string> made;
  for (const Mistake& mistake : all_mistakes()) made.insert(mistake.function + ": " + mistake.kind);
  for (const PublicFunction& f : public_functions())
    for (const std::string& kind : f.mistakes)
      BOOST_TEST(made.contains(f.name + ": " + kind), f.name << ": " << kind);
}

BOOST_AUTO_TEST_SUITE_END()
