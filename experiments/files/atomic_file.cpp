// The POSIX steps of an atomic write, each with its error check: create, write, fsync, rename,
// fsync of the folder.
#include "experiments/files/atomic_file.h"

#include <fcntl.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "autodiff/array/error.h"
#include "experiments/files/temporary.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

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

const char* kind_of(const struct stat& status) {
  if (S_ISDIR(status.st_mode)) return "folder";
  if (S_ISFIFO(status.st_mode)) return "pipe";
  return S_ISSOCK(status.st_mode) ? "socket" : "device";
}

/// Makes a rename in the folder survive a power loss; 0 or errno.
int sync_folder(const fs::path& folder) {
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number() < 0) return 0;  // a folder that may be written but not read
  // File systems without fsync of folders say EINVAL.
  return ::fsync(directory.number()) == 0 || errno == EINVAL ? 0 : errno;
}

}  // namespace

void write_atomically(const fs::path& path, std::string_view bytes) {
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
    if (S_ISDIR(status.st_mode)) cannot_write(path, EISDIR);
    fail("write", "cannot write {}: it is a {}; expected a file", path.string(), kind_of(status));
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  int error = 0;
  try {
    Temporary file(folder, path.filename().string(), Temporary::Kind::file);
    error = write_all(file.descriptor(), bytes);
    if (error == 0 && ::fsync(file.descriptor()) != 0) error = errno;
    if (error == 0 && ::rename(file.path().c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) {
      file.keep();
      error = sync_folder(folder);
    }
  } catch (const std::system_error& failure) {
    error = failure.code().value();
  }
  if (error != 0) cannot_write(path, error);
}

void write_directly(const fs::path& path, std::string_view bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
  const int error = file.number() < 0 ? errno : write_all(file.number(), bytes);
  if (error != 0) cannot_write(path, error);
}

void try_folder(const fs::path& folder) {
  const Temporary file(folder, "twice-trial", Temporary::Kind::file);
  if (const int error = write_all(file.descriptor(), "trial"); error != 0)
    throw std::system_error(error, std::generic_category());
}

std::string read_file(const fs::path& path, std::uintmax_t most) {
  const auto cannot_read = [&](const std::string& why) {
    fail("read", "cannot read {}: {}", path.string(), why);
  };
  // Without O_NONBLOCK, opening a pipe that has no writer would block.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status;
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) cannot_read(reason(errno));
  if (S_ISDIR(status.st_mode)) cannot_read(reason(EISDIR));
  if (!S_ISREG(status.st_mode))
    cannot_read(fmt::format("it is a {}; expected a file", kind_of(status)));
  if (static_cast<std::uintmax_t>(status.st_size) > most)
    cannot_read(fmt::format("it has {} bytes; expected at most {}", status.st_size, most));
  std::string bytes;
  std::size_t size = 0;
  // Read until the end and not until the size known beforehand: those of /proc have none.
  for (;;) {
    const auto known = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
    if (size == bytes.size()) bytes.resize(size == 0 ? known + 1 : 2 * size);
    const ssize_t got = ::read(file.number(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(reason(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > most) cannot_read(fmt::format("it has more than {} bytes", most));
  }
  bytes.resize(size);
  return bytes;
}

std::string gunzip(std::string_view bytes, const std::string& name, std::size_t most) {
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
    if (out.size() > most)
      fail("gzip", "{} holds more than {} bytes; expected no more", name, most);
    if (state == Z_BUF_ERROR || (state == Z_OK && stream.avail_in == 0 && stream.avail_out > 0))
      fail("gzip", "{} is cut: its gzip data ends after {} bytes", name, bytes.size());
    if (state != Z_OK && state != Z_STREAM_END)
      fail("gzip", "{} is corrupt or no gzip file ({} near byte {})", name,
           stream.msg ? stream.msg : "zlib error", stream.total_in);
  }
  return out;
}

std::string read_gzip(const fs::path& path, std::size_t most) {
  // What cannot be compressed at all grows by less than a thousandth.
  constexpr std::size_t header = 1 << 16;
  return gunzip(read_file(path, most + most / 1000 + header), path.string(), most);
}

}  // namespace twice::experiments
