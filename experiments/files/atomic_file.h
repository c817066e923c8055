// Whole files in and out. A file that twice writes is either the complete new one or the
// untouched old one, whatever happens in between: kill -9, power loss, a full disk.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace twice {

/// Replaces `path` by a file that holds `bytes`, or throws `[write] cannot write PATH: reason` and
/// leaves what was there. The bytes go to `PATH.tmp`, reach the disk, and are renamed into place.
/// A symbolic link keeps pointing to its (replaced) target; a device or pipe, which no rename
/// may replace, is written directly. The folder must exist.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// All bytes of a file; throws `[read] cannot read PATH: reason`.
std::string read_file(const std::filesystem::path& path);

/// The contents of gzip data. Throws when it is cut or corrupt; `name` says what it is.
std::string gunzip(std::string_view bytes, const std::string& name);

/// `gunzip` of a file.
std::string read_gzip(const std::filesystem::path& path);

}  // namespace twice
