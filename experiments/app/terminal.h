// Output to the terminal: escaped so that it is safe to show, and safe where a stream is closed.
#pragma once

#include <string>
#include <string_view>

namespace twice::experiments {

/// The text as one line that cannot control a terminal: control characters, and bytes that are not
/// UTF-8, become escapes such as `\n`, `\t` and `\x1b`. Valid UTF-8 is unchanged.
std::string printable(std::string_view text);

/// Writes `printable(text)` as a line to stderr. Where that cannot be written, the line is lost.
void print_error(std::string_view text);

/// `--quiet`: no progress is shown from now on.
void be_quiet();
bool is_quiet();

/// Flushes standard output; throws `[output] cannot write the output: reason` when that fails, as
/// on a full disk.
void flush_output();

/// Opens /dev/null as standard input, output and error where they are closed. Otherwise a file that
/// is opened later would get their number, and the printed text with it.
void open_standard_files();

}  // namespace twice::experiments
