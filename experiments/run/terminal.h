// What goes to the terminal: safe to show, and safe when there is none.
#pragma once

#include <string>
#include <string_view>

namespace twice {

/// The text on one line that does nothing to a terminal: control characters become `\n`, `\t` or
/// `\x1b`, and so do bytes that are not UTF-8. Valid UTF-8 stays as it is.
std::string printable(std::string_view text);

/// Writes `printable(text)` as a line to stderr. Where that cannot be written, the line is lost.
void print_error(std::string_view text);

/// Hands the output so far on; throws `[output] cannot write the output: reason` when it is lost,
/// as on a full disk.
void flush_output();

/// Opens /dev/null as standard input, output or error where one is closed, before a file of ours
/// gets its number and what is printed.
void open_standard_files();

}  // namespace twice
