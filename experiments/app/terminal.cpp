// Escapes text for the terminal and reports failed writes.
#include "experiments/app/terminal.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "autodiff/array/error.h"

namespace twice::experiments {

namespace {

/// A UTF-8 character and its length in bytes. The length is 0 if the text does not begin with a
/// valid character.
struct Character {
  char32_t code;
  std::size_t length;
};

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC0 || lead > 0xF7 || text.size() < length) return {0, 0};
  char32_t code = lead & (0xFF >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  if (code < smallest[length] || code > 0x10FFFF || surrogate) return {0, 0};
  return {code, length};
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto [code, length] = first_character(text);
    // 0x80 to 0x9F are control characters too: 0x9B starts a sequence, as ESC [ does.
    const bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    if (length > 0 && !control)
      result += text.substr(0, length);
    else if (text[0] == '\n' || text[0] == '\t')
      result += text[0] == '\n' ? "\\n" : "\\t";
    else
      result += fmt::format("\\x{:02x}", length > 0 ? static_cast<unsigned>(code)
                                                    : static_cast<unsigned char>(text[0]));
    text.remove_prefix(length > 0 ? length : 1);
  }
  return result;
}

void print_error(std::string_view text) {
  const std::string line = printable(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

namespace {
bool quiet = false;
}

bool is_quiet() { return quiet; }

void print_nothing() {
  if (!std::freopen("/dev/null", "w", stdout)) fail("output", "cannot open /dev/null");
  quiet = true;
}

void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    fail("output", "cannot write the output: {}", std::generic_category().message(errno));
}

void open_standard_files() {
  for (int number = 0; number <= 2; ++number)
    // open takes the lowest free number, which is this one.
    if (::fcntl(number, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) == -1) return;
}

}  // namespace twice::experiments
