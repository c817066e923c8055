// The POSIX steps of an atomic write, each with its error check: create, lock, write,
// fsync, rename, fsync of the folder.
#include "experiments/files/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "autodiff/array/error.h"

namespace twice {

namespace fs = std::filesystem;

namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void cannot_write(const fs::path& path, int error) {
  fail("write", "cannot write {}: {}", path.string(), reason(error));
}

/// 0, or the errno of the write that failed.
int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Opens and locks the temporary file. Its name is fixed, so that what a killed process left
/// behind is reused and not littered; the lock, which dies with its process, keeps two writers
/// apart.
int open_temporary(const fs::path& temporary) {
  for (;;) {
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) return -1;
    struct stat opened, named;
    if (::flock(file, LOCK_EX) == 0 && ::fstat(file, &opened) == 0) {
      // While we waited for the lock its last owner may have renamed this very file into place.
      const bool still_named = ::stat(temporary.c_str(), &named) == 0 &&
                               opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
      if (still_named) return file;
      ::close(file);
    } else {
      const int error = errno;
      ::close(file);
      errno = error;
      return -1;
    }
  }
}

int write_renamed(const fs::path& target, std::string_view bytes) {
  const fs::path temporary = target.string() + ".tmp";
  const Descriptor file(open_temporary(temporary));
  if (file.number() < 0) return errno;
  int error = ::ftruncate(file.number(), 0) == 0 ? 0 : errno;
  if (error == 0) error = write_all(file.number(), bytes);
  if (error == 0 && ::fsync(file.number()) != 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return error;
  }
  // The rename itself must survive a power loss; file systems without fsync of folders say EINVAL.
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number() < 0) return 0;  // a folder that may be written but not read
  return ::fsync(directory.number()) == 0 || errno == EINVAL ? 0 : errno;
}

int write_directly(const fs::path& target, std::string_view bytes) {
  const Descriptor file(::open(target.c_str(), O_WRONLY | O_CLOEXEC));
  return file.number() < 0 ? errno : write_all(file.number(), bytes);
}

}  // namespace

void write_atomically(const fs::path& path, std::string_view bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::directory) cannot_write(path, EISDIR);
  const bool special = fs::exists(status) && status.type() != fs::file_type::regular;
  fs::path target = path;
  if (!special && fs::exists(status) && fs::is_symlink(fs::symlink_status(path, error)))
    target = fs::canonical(path, error);
  const int failed = special ? write_directly(target, bytes) : write_renamed(target, bytes);
  if (failed != 0) cannot_write(path, failed);
}

std::string read_file(const fs::path& path) {
  const auto cannot_read = [&](int error) {
    fail("read", "cannot read {}: {}", path.string(), reason(error));
  };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) cannot_read(errno);
  std::string bytes;
  std::size_t size = 0;
  // Read until the end and not until the size known beforehand: pipes have none.
  for (;;) {
    const auto known = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
    if (size == bytes.size()) bytes.resize(size == 0 ? known + 1 : 2 * size);
    const ssize_t got = ::read(file.number(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

std::string gunzip(std::string_view bytes, const std::string& name) {
  z_stream stream{};
  constexpr int gzip_only = 15 + 16;  // the largest window; refuse anything but gzip
  if (inflateInit2(&stream, gzip_only) != Z_OK) fail("gzip", "cannot start zlib for {}", name);
  const struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } end{&stream};
  if (bytes.size() > std::numeric_limits<uInt>::max())
    fail("gzip", "{} has {} bytes; expected less than 4 GiB", name, bytes.size());
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  for (int state = Z_OK; state != Z_STREAM_END || stream.avail_in > 0;) {
    if (state == Z_STREAM_END) inflateReset(&stream);  // gzip files may be concatenated
    constexpr std::size_t chunk = 1 << 20;
    const std::size_t size = out.size();
    out.resize(size + chunk);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + size);
    stream.avail_out = static_cast<uInt>(chunk);
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(size + chunk - stream.avail_out);
    if (state == Z_BUF_ERROR || (state == Z_OK && stream.avail_in == 0 && stream.avail_out > 0))
      fail("gzip", "{} is cut: its gzip data ends after {} bytes", name, bytes.size());
    if (state != Z_OK && state != Z_STREAM_END)
      fail("gzip", "{} is corrupt or no gzip file ({} near byte {})", name,
           stream.msg ? stream.msg : "zlib error", stream.total_in);
  }
  return out;
}

std::string read_gzip(const fs::path& path) { return gunzip(read_file(path), path.string()); }

}  // namespace twice
