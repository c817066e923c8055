// Whole files in and out. A file that twice writes is either the complete new one or the
// untouched old one, whatever happens in between: kill -9, power loss, a full disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

namespace twice::experiments {

/// Replaces `path` by a file that holds `bytes`, or throws `[write] cannot write PATH: reason` and
/// leaves what was there. The bytes go to a `Temporary` in the same folder, reach the disk, and are
/// renamed into place. A symbolic link is replaced and not followed; a folder, pipe, socket or
/// device is refused. The folder must exist.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Writes to a device or pipe as it is; it may block. Throws as `write_atomically`.
void write_directly(const std::filesystem::path& path, std::string_view bytes);

/// Throws std::system_error unless a file can be written into the folder, which is tried.
void try_folder(const std::filesystem::path& folder);

/// All bytes of a file; throws `[read] cannot read PATH: reason`. Only regular files are read,
/// since a pipe might block forever; a file of more than `most` bytes is refused.
std::string read_file(const std::filesystem::path& path,
                      std::uintmax_t most = std::numeric_limits<std::uintmax_t>::max());

/// The contents of gzip data. Throws when it is cut or corrupt, and as soon as more than `most`
/// bytes come out; `name` says what it is.
std::string gunzip(std::string_view bytes, const std::string& name, std::size_t most);

/// `gunzip` of a file.
std::string read_gzip(const std::filesystem::path& path, std::size_t most);

}  // namespace twice::experiments
