// Implements file access with POSIX calls, gzip with zlib, and digests with OpenSSL's libcrypto.
#include "experiments/files/atomic_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <system_error>

#include "autodiff/array/error.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t host_digits = 12, random_digits = 16;
constexpr std::string_view ending = ".tmp";
// Writing a file takes seconds, and fetching data minutes.
constexpr std::time_t abandoned_seconds = 24 * 3600;

[[noreturn]] void throw_errno(int error = errno) {
  throw std::system_error(error, std::generic_category());
}

/// `verb` is "read" or "write".
[[noreturn]] void cannot(const char* verb, const fs::path& path, const std::string& why) {
  fail(verb, "cannot {} {}: {}", verb, path.string(), why);
}

void write_all(const Descriptor& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_errno(written < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// The reason for refusing a file of this kind.
std::string no_file(const struct stat& status) {
  if (S_ISDIR(status.st_mode)) return std::generic_category().message(EISDIR);
  return fmt::format("it is a {}; expected a file", S_ISFIFO(status.st_mode)   ? "pipe"
                                                    : S_ISSOCK(status.st_mode) ? "socket"
                                                                               : "device");
}

/// The first digits of the identifier that the kernel draws at its start. Processes with the same
/// digits see each other's locks, in containers too. Zeros if the system has no such identifier.
const std::string& host_number() {
  static const std::string number = [] {
    std::string id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
    std::erase(id, '-');
    return id.size() < host_digits ? std::string(host_digits, '0') : id.substr(0, host_digits);
  }();
  return number;
}

std::string random_number() {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof(number), 0) != sizeof(number))
    if (errno != EINTR) throw_errno();
  return fmt::format("{:0{}x}", number, random_digits);
}

/// Whether this is the name of a temporary file with the prefix ".PURPOSE.".
bool is_temporary(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(ending)) return false;
  name.remove_prefix(prefix.size());
  name.remove_suffix(std::min(ending.size(), name.size()));
  return name.size() == host_digits + random_digits &&
         name.find_first_not_of("0123456789abcdef") == name.npos;
}

/// Whether `path` still names the open file. A symbolic link counts as another file.
bool is_still(const Descriptor& file, const fs::path& path) {
  struct stat opened, named;
  return ::fstat(file.number(), &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/// Removes temporary files of killed processes. `newest` is a new file in the folder. The times of
/// files on a network come from the clock of its server, so they are compared with each other, and
/// not with our clock.
void remove_abandoned(const fs::path& folder, const std::string& prefix, const Descriptor& newest) {
  struct stat now;
  if (::fstat(newest.number(), &now) != 0) return;
  const std::string of_this_host = prefix + host_number();
  std::error_code error, unknown;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::file_type type = entry->symlink_status(unknown).type();
    const std::string name = entry->path().filename().string();
    if (!is_temporary(name, prefix) ||
        (type != fs::file_type::regular && type != fs::file_type::directory))
      continue;
    // NFS locks only files that are open for writing.
    const int access = type == fs::file_type::regular ? O_RDWR : O_RDONLY;
    const Descriptor found(
        ::open(entry->path().c_str(), access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status;
    if (::fstat(found.number(), &status) != 0 || status.st_uid != ::geteuid()) continue;
    const bool locked = ::flock(found.number(), LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK) continue;  // in use
    const bool old = now.st_mtime - status.st_mtime > abandoned_seconds;
    if (((locked && name.starts_with(of_this_host)) || old) && is_still(found, entry->path()))
      fs::remove_all(entry->path(), unknown);
  }
}

std::string hex_digest(std::string_view bytes, const EVP_MD* algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (algorithm == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, algorithm, nullptr) != 1)
    fail("checksum", "libcrypto does not offer the digest (a FIPS policy forbids MD5)");
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

Temporary::Temporary(const fs::path& folder, const std::string& purpose, Kind kind) {
  const std::string prefix = "." + purpose.substr(0, 200) + ".";  // names have at most 255 bytes
  for (;;) {
    path_ = folder / (prefix + host_number() + random_number() + std::string(ending));
    opened_ = Descriptor();
    if (kind == Kind::file)
      opened_ = Descriptor(
          ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    else if (::mkdir(path_.c_str(), 0777) == 0)
      opened_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // Before we lock the new file, another process may take it for an abandoned one and remove it.
    // Therefore ENOENT and a false is_still lead to another attempt.
    if (opened_.number() < 0) {
      if (errno == EEXIST || (kind == Kind::folder && errno == ENOENT && fs::exists(folder)))
        continue;
      throw_errno();
    }
    int failed = 0;
    while ((failed = ::flock(opened_.number(), LOCK_EX)) != 0 && errno == EINTR) {
    }
    if (failed != 0 || is_still(opened_, path_)) break;
  }
  remove_abandoned(folder, prefix, opened_);
}

Temporary::~Temporary() {
  std::error_code ignored;
  if (!kept_) fs::remove_all(path_, ignored);
}

void Temporary::write(std::string_view bytes) const { write_all(opened_, bytes); }

void Temporary::become(const fs::path& target) {
  if (::fsync(opened_.number()) != 0 || ::rename(path_.c_str(), target.c_str()) != 0) throw_errno();
  kept_ = true;
  // The rename survives a power loss only if the folder is on the disk too.
  const fs::path folder = path_.parent_path();
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number() < 0) return;  // the folder is writable but not readable
  // A file system that cannot sync folders returns EINVAL.
  if (::fsync(directory.number()) != 0 && errno != EINVAL) throw_errno();
}

void write_copy(const fs::path& path, std::string_view bytes) {
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
    cannot("write", path, no_file(status));
  try {
    Temporary file(path.has_parent_path() ? path.parent_path() : fs::path("."),
                   path.filename().string(), Temporary::Kind::file);
    file.write(bytes);
    file.become(path);
  } catch (const std::system_error& error) {
    cannot("write", path, error.code().message());
  }
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  write_copy(path, bytes);
  note_written(path);
}

namespace {
std::set<fs::path> noted;
}  // namespace

void note_written(const fs::path& path) { noted.insert(path); }

std::map<fs::path, std::set<std::string>> written_files() {
  std::map<fs::path, std::set<std::string>> found;
  std::error_code error;
  for (const fs::path& path : noted)
    if (fs::exists(path, error)) found[path.parent_path()].insert(path.filename().string());
  return found;
}

void write_directly(const fs::path& path, std::string_view bytes) try {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
  if (file.number() < 0) throw_errno();
  write_all(file, bytes);
} catch (const std::system_error& error) {
  cannot("write", path, error.code().message());
}

void refresh(const fs::path& folder) {
  const fs::path path = folder.empty() ? fs::path(".") : folder;
  const auto open = [&] {
    return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)).number() >= 0;
  };
  // A folder that seems to be missing may be new too.
  if (!open() && errno == ENOENT && path.has_relative_path() && path != ".") {
    refresh(path.parent_path());
    open();
  }
}

namespace {

/// The bytes of a file. Throws std::system_error if the system cannot open or read it.
std::string bytes_of(const fs::path& path, std::uintmax_t most) {
  // Without O_NONBLOCK, opening a pipe that has no writer would block.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status;
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) throw_errno();
  if (!S_ISREG(status.st_mode)) cannot("read", path, no_file(status));
  const auto size = static_cast<std::uintmax_t>(status.st_size);
  if (size > most)
    cannot("read", path, fmt::format("it has {} bytes; expected at most {}", size, most));
  std::string bytes;
  bytes.reserve(size);
  std::array<char, 1 << 16> part;
  // Reads to the end of the file, because files in /proc report no size.
  for (;;) {
    const ssize_t got = ::read(file.number(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno();
    if (got == 0) return bytes;
    bytes.append(part.data(), static_cast<std::size_t>(got));
    if (bytes.size() > most) cannot("read", path, fmt::format("it has more than {} bytes", most));
  }
}

/// Reads again while an NFS server reports that another machine has replaced the open file.
std::string current_bytes(const fs::path& path, std::uintmax_t most) {
  constexpr int tries = 10;
  for (int i = 1;; ++i) {
    try {
      return bytes_of(path, most);
    } catch (const std::system_error& error) {
      if (error.code().value() != ESTALE || i == tries) throw;
    }
  }
}

}  // namespace

std::string read_file(const fs::path& path, std::uintmax_t most) try {
  return current_bytes(path, most);
} catch (const std::system_error& error) {
  cannot("read", path, error.code().message());
}

std::optional<std::string> read_if_exists(const fs::path& path, std::uintmax_t most) {
  refresh(path.parent_path());
  try {
    return current_bytes(path, most);
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOENT || error.code().value() == ENOTDIR) return {};
    cannot("read", path, error.code().message());
  }
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
      fail("gzip", "{} is corrupt or not a gzip file ({} near byte {})", name,
           stream.msg ? stream.msg : "zlib error", stream.total_in);
  }
  return out;
}

std::string read_gzip(const fs::path& path, std::size_t most) {
  // Data that cannot be compressed grows by less than a thousandth.
  constexpr std::size_t header = 1 << 16;
  return gunzip(read_file(path, most + most / 1000 + header), path.string(), most);
}

std::string md5(std::string_view bytes) { return hex_digest(bytes, EVP_md5()); }

std::string sha256(std::string_view bytes) { return hex_digest(bytes, EVP_sha256()); }

}  // namespace twice::experiments
