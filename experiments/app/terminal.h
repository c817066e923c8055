// Output to the terminal. Escapes make any text safe to show, and a closed standard stream does no
// harm.
#pragma once

#include <string>
#include <string_view>

namespace twice::experiments {

/// Returns the text as one line that cannot control a terminal. Control characters and bytes that
/// are not UTF-8 become escapes such as `\n`, `\t` and `\x1b`. Other text is unchanged.
std::string printable(std::string_view text);

/// Writes `printable(text)` as a line to stderr. If the write fails, the line is lost.
void print_error(std::string_view text);

/// Turns off progress output (`--quiet`), and discards what is written to stdout from now on.
void print_nothing();
/// Whether `print_nothing` was called.
bool is_quiet();

/// Flushes standard output. Throws `[output] cannot write the output: reason` if that fails, as on
/// a full disk.
void flush_output();

/// Opens /dev/null in place of each closed standard stream. Otherwise a file opened later would get
/// the number of that stream, and printed text would end up in the file.
void open_standard_files();

}  // namespace twice::experiments
