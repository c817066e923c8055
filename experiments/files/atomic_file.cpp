// Implements file access with POSIX calls, gzip with zlib, and digests with OpenSSL's libcrypto.
#include "experiments/files/atomic_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "autodiff/array/error.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t digits = 16;
constexpr std::string_view ending = ".tmp";

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void throw_errno(int error = errno) {
  throw std::system_error(error, std::generic_category());
}

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  fail("write", "cannot write {}: {}", path.string(), why);
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
  if (S_ISDIR(status.st_mode)) return reason(EISDIR);
  return fmt::format("it is a {}; expected a file", S_ISFIFO(status.st_mode)   ? "pipe"
                                                    : S_ISSOCK(status.st_mode) ? "socket"
                                                                               : "device");
}

std::string random_digits() {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof(number), 0) != sizeof(number))
    if (errno != EINTR) throw_errno();
  return fmt::format("{:0{}x}", number, digits);
}

bool is_temporary(std::string_view name, std::string_view prefix) {
  return name.size() == prefix.size() + digits + ending.size() && name.starts_with(prefix) &&
         name.ends_with(ending) &&
         name.substr(prefix.size(), digits).find_first_not_of("0123456789abcdef") == name.npos;
}

/// Whether `path` still names the open file. A symbolic link counts as another file.
bool is_still(const Descriptor& file, const fs::path& path) {
  struct stat opened, named;
  return ::fstat(file.number(), &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/// Removes temporary files of killed processes. A file in use is locked. On a file system without
/// locks, nothing is removed.
void remove_abandoned(const fs::path& folder, const std::string& prefix) {
  std::error_code error, unknown;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::file_type type = entry->symlink_status(unknown).type();
    if (!is_temporary(entry->path().filename().string(), prefix) ||
        (type != fs::file_type::regular && type != fs::file_type::directory))
      continue;
    const Descriptor found(
        ::open(entry->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status;
    if (::fstat(found.number(), &status) == 0 && status.st_uid == ::geteuid() &&
        ::flock(found.number(), LOCK_EX | LOCK_NB) == 0 && is_still(found, entry->path()))
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
  remove_abandoned(folder, prefix);
  for (;;) {
    path_ = folder / (prefix + random_digits() + std::string(ending));
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
    if (failed != 0 || is_still(opened_, path_)) return;
  }
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
    cannot_write(path, no_file(status));
  try {
    Temporary file(path.has_parent_path() ? path.parent_path() : fs::path("."),
                   path.filename().string(), Temporary::Kind::file);
    file.write(bytes);
    file.become(path);
  } catch (const std::system_error& error) {
    cannot_write(path, reason(error.code().value()));
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
  cannot_write(path, reason(error.code().value()));
}

std::string read_file(const fs::path& path, std::uintmax_t most) {
  const auto cannot_read = [&](const std::string& why) {
    fail("read", "cannot read {}: {}", path.string(), why);
  };
  // Without O_NONBLOCK, opening a pipe that has no writer would block.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status;
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) cannot_read(reason(errno));
  if (!S_ISREG(status.st_mode)) cannot_read(no_file(status));
  const auto size = static_cast<std::uintmax_t>(status.st_size);
  if (size > most) cannot_read(fmt::format("it has {} bytes; expected at most {}", size, most));
  std::string bytes;
  bytes.reserve(size);
  std::array<char, 1 << 16> part;
  // Reads to the end of the file, because files in /proc report no size.
  for (;;) {
    const ssize_t got = ::read(file.number(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(reason(errno));
    if (got == 0) return bytes;
    bytes.append(part.data(), static_cast<std::size_t>(got));
    if (bytes.size() > most) cannot_read(fmt::format("it has more than {} bytes", most));
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
