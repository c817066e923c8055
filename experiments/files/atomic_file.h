// Reads and writes files: atomic writes, reads with a size limit, gzip, digests and temporary
// files. After kill -9, after a power loss or on a full disk, a file that twice was writing is
// either the complete new file or the unchanged old one.
#pragma once

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace twice::experiments {

/// Closes an open file in its destructor. A negative number means that no file is open.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

/// A new file or folder FOLDER/.PURPOSE.HHHHHHHHHHHHXXXXXXXXXXXXXXXX.tmp, with the permissions that
/// the umask allows. Its 12 digits H stand for this machine since its last start. Its 16 random
/// digits X cannot be guessed, so no other user can put a link, a pipe or a file in its place
/// beforehand. The destructor removes the file. A killed process leaves its file behind, and the
/// next Temporary of the same folder and purpose removes it. A file in use is locked, and the
/// system releases the lock when the process ends. Such a lock may hold on one machine only, so
/// files of other machines are removed only a day after their last change, by the clock of the file
/// system.
class Temporary {
 public:
  enum class Kind { file, folder };

  /// Throws std::system_error if the folder is missing or cannot be written.
  Temporary(const std::filesystem::path& folder, const std::string& purpose, Kind kind);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Appends to the file. Throws std::system_error.
  void write(std::string_view bytes) const;
  /// Waits until the bytes are on the disk, then renames the file to `target`, replacing an old
  /// file. Throws std::system_error.
  void become(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;
  Descriptor opened_;
  bool kept_ = false;
};

/// Replaces `path` with a file that holds `bytes`. On failure, throws `[write] cannot write PATH:
/// reason` and leaves the old file unchanged. The bytes are written to a `Temporary` in the same
/// folder, flushed to the disk, and renamed into place. A symbolic link is replaced, not followed.
/// A folder, pipe, socket or device is refused. The folder must exist.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);
/// The same for a file that another process made. `written_files` does not list it.
void write_copy(const std::filesystem::path& path, std::string_view bytes);

/// The files that this process wrote with `write_atomically` or reported with `note_written`, by
/// folder. Only files that still exist are returned. A command lists them in its last lines.
std::map<std::filesystem::path, std::set<std::string>> written_files();
void note_written(const std::filesystem::path& path);

/// Writes directly to a device or pipe, which may block. Throws like `write_atomically`.
void write_directly(const std::filesystem::path& path, std::string_view bytes);

/// Opens and closes a folder. An NFS client then compares the names in it that it has in memory
/// with the server's, and finds files that other machines have created, replaced or removed.
/// Without this, it may not see them for a minute.
void refresh(const std::filesystem::path& folder);

/// Returns all bytes of a file, or no value if there is none: between two calls, another process
/// may remove a file. Refreshes its folder. Otherwise like `read_file`.
std::optional<std::string> read_if_exists(
    const std::filesystem::path& path,
    std::uintmax_t most = std::numeric_limits<std::uintmax_t>::max());

/// Returns all bytes of a file, or throws `[read] cannot read PATH: reason`. Only regular files are
/// read, because a pipe could block forever. A file of more than `most` bytes is refused. If
/// another machine replaces the file meanwhile, reads the new one.
std::string read_file(const std::filesystem::path& path,
                      std::uintmax_t most = std::numeric_limits<std::uintmax_t>::max());

/// The contents of a file that CMakeLists.txt embeds, by its name without folder, such as
/// "style.css".
std::string_view embedded_file(std::string_view name);

/// Decompresses gzip data. Throws if the data is cut or corrupt, or as soon as the result exceeds
/// `most` bytes. Messages call the data `name`.
std::string gunzip(std::string_view bytes, const std::string& name, std::size_t most);
/// Reads a file and decompresses it with `gunzip`.
std::string read_gzip(const std::filesystem::path& path, std::size_t most);

/// The MD5 of the bytes as 32 lower-case hexadecimal digits. Mirrors of MNIST publish this
/// checksum.
std::string md5(std::string_view bytes);
/// The SHA-256 of the bytes as 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace twice::experiments
