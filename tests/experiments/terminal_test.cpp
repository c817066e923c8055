// Tests the escaping of text for terminals.
#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "experiments/app/terminal.h"
#include "experiments/report/table.h"

using namespace twice;
using namespace twice::experiments;

BOOST_AUTO_TEST_SUITE(terminal)

BOOST_AUTO_TEST_CASE(control_characters_are_shown_and_not_obeyed) {
  BOOST_TEST(printable("") == "");
  BOOST_TEST(printable("a\nb\tc\rd") == "a\\nb\\tc\\x0dd");
  BOOST_TEST(printable("\x1b[2J\x1b]0;title\x07") == "\\x1b[2J\\x1b]0;title\\x07");
  BOOST_TEST(printable(std::string_view("\0\x7f", 2)) == "\\x00\\x7f");
  // U+009B also begins an escape sequence.
  BOOST_TEST(printable("\xc2\x9b"
                       "31m") == "\\x9b31m");
  BOOST_TEST(printable("\xc2\xa0") == "\xc2\xa0");
}

BOOST_AUTO_TEST_CASE(valid_utf8_stays_and_other_bytes_are_shown) {
  const std::string text = "µ 5×10⁻³, ∇ℒ, 中文, \U0001F600, \U0010FFFF";
  BOOST_TEST(printable(text) == text);
  for (const char* bad : {"\xff", "\xc3", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe4\xb8"}) {
    std::string expected;
    for (const char* c = bad; *c; ++c)
      expected += fmt::format("\\x{:02x}", static_cast<unsigned char>(*c));
    BOOST_TEST(printable(bad) == expected);
    BOOST_TEST(printable("a" + std::string(bad) + "b") == "a" + expected + "b");
  }
}

BOOST_AUTO_TEST_CASE(tables_escape_their_cells) {
  Table table({"na\x1bme", "n"});
  table.add({"a\x1b[31m\nb", "1"});
  BOOST_TEST(table.str() == "na\\x1bme      n\na\\x1b[31m\\nb  1\n");
}

BOOST_AUTO_TEST_SUITE_END()
