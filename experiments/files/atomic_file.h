// Files: written as a whole or not at all, read with a limit, unzipped, checked by a digest, and
// temporary ones. A file that twice writes is either the complete new one or the untouched old one,
// whatever happens in between: kill -9, power loss, a full disk.
#pragma once

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace twice::experiments {

/// An open file, closed at the end; a negative number is none.
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

/// A new file or folder FOLDER/.PURPOSE.XXXXXXXXXXXXXXXX.tmp with the permissions that the umask
/// leaves to any other new one. Its 16 random digits cannot be guessed, so no other user can put a
/// link, a pipe or a file in its place beforehand. It is removed at the end. A process that is
/// killed leaves it behind; the next Temporary of the same folder and purpose then removes it. A
/// lock, which dies with its process, tells it from one that is in use.
class Temporary {
 public:
  enum class Kind { file, folder };

  /// Throws std::system_error when the folder is missing or cannot be written.
  Temporary(const std::filesystem::path& folder, const std::string& purpose, Kind kind);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Appends to the file. Throws std::system_error.
  void write(std::string_view bytes) const;
  /// Moves the file to `target`, which is replaced, once its bytes are on the disk. Throws
  /// std::system_error.
  void become(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;
  Descriptor opened_;
  bool kept_ = false;
};

/// Replaces `path` by a file that holds `bytes`, or throws `[write] cannot write PATH: reason` and
/// leaves what was there. The bytes go to a `Temporary` in the same folder, reach the disk, and are
/// renamed into place. A symbolic link is replaced and not followed; a folder, pipe, socket or
/// device is refused. The folder must exist.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Every file that this process wrote with `write_atomically`, or reported with `note_written`, and
/// that still exists, by its folder. A command names them in its last lines.
std::map<std::filesystem::path, std::set<std::string>> written_files();
void note_written(const std::filesystem::path& path);

/// Writes to a device or pipe as it is; it may block. Throws as `write_atomically`.
void write_directly(const std::filesystem::path& path, std::string_view bytes);

/// All bytes of a file; throws `[read] cannot read PATH: reason`. Only regular files are read,
/// since a pipe might block forever; a file of more than `most` bytes is refused.
std::string read_file(const std::filesystem::path& path,
                      std::uintmax_t most = std::numeric_limits<std::uintmax_t>::max());

/// The contents of gzip data. Throws when it is cut or corrupt, and as soon as more than `most`
/// bytes come out; `name` is for the error.
std::string gunzip(std::string_view bytes, const std::string& name, std::size_t most);
/// `gunzip` of a file.
std::string read_gzip(const std::filesystem::path& path, std::size_t most);

/// MD5 of the bytes, 32 lower-case hexadecimal digits: the checksum that MNIST mirrors publish.
std::string md5(std::string_view bytes);
/// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace twice::experiments
