// Tests reading and writing files. An interrupted atomic write leaves the new file or the old one.
// The error for a file that cannot be read or written is one line that names the file.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <set>
#include <sstream>

#include "experiments/files/atomic_file.h"
#include "experiments/run/output.h"
#include "tests/experiments/scratch_folder.h"

using namespace twice;
using namespace twice::experiments;
namespace fs = std::filesystem;

namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Runs `body` in a child process. True if `body` returned true there.
bool in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

mode_t mode_of(const fs::path& path) {
  struct stat status;
  BOOST_REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(files)

BOOST_AUTO_TEST_CASE(writes_replace_and_leave_nothing_else) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "file";
  write_atomically(path, "one");
  BOOST_TEST(read_file(path) == "one");
  const std::string binary("\0two\n\xff", 6);
  write_atomically(path, binary);
  BOOST_TEST(read_file(path) == binary);
  write_atomically(path, "");
  BOOST_TEST(read_file(path) == "");
  BOOST_TEST(folder.entries().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_removed_is_no_error) {
  const ScratchFolder folder;
  BOOST_TEST(!read_if_exists(folder.path / "none").has_value());
  BOOST_TEST(!read_if_exists(folder.path / "none" / "none").has_value());
  write_atomically(folder.path / "file", "");
  BOOST_TEST(read_if_exists(folder.path / "file").value() == "");
  BOOST_TEST(names(error_of([&] { read_if_exists(folder.path); }), folder.path));
  BOOST_TEST(names(error_of([&] { read_if_exists("/dev/null"); }), "/dev/null"));
}

BOOST_AUTO_TEST_CASE(files_of_a_killed_process_are_removed) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "file";
  const std::set<std::string> others = {".file.backup.tmp", ".file.tmp",
                                        ".other.0123456789ab0123456789abcdef.tmp", "file.tmp"};
  for (const std::string& name : others) write_atomically(folder.path / name, "not ours");
  BOOST_TEST(in_child([&] {
    Temporary(folder.path, "work", Temporary::Kind::folder);
    const Temporary file(folder.path, "file", Temporary::Kind::file);
    file.write("a long half-written file of a killed process");
    ::_exit(0);  // without destructors
    return false;
  }));
  BOOST_TEST(folder.entries().size() == others.size() + 1);
  {
    const Temporary used(folder.path, "file", Temporary::Kind::file);
    write_atomically(path, "new");
    BOOST_TEST(fs::exists(used.path()));
  }
  BOOST_TEST(read_file(path) == "new");
  std::set<std::string> expected = others;
  expected.insert("file");
  const std::vector<std::string> entries = folder.entries();
  BOOST_TEST((std::set<std::string>(entries.begin(), entries.end()) == expected));
}

BOOST_AUTO_TEST_CASE(temporary_names_cannot_be_guessed_and_have_ordinary_permissions) {
  const ScratchFolder folder;
  std::set<fs::path> names;
  for (int i = 0; i < 20; ++i)
    names.insert(Temporary(folder.path, "file", Temporary::Kind::file).path());
  BOOST_TEST(names.size() == 20u);
  BOOST_TEST(folder.entries().empty());
  const mode_t before = ::umask(027);
  write_atomically(folder.path / "file", "x");
  {
    const Temporary below(folder.path, "work", Temporary::Kind::folder);
    BOOST_TEST(mode_of(below.path()) == 0750u);
    write_atomically(below.path() / "in it", "x");
  }
  ::umask(before);
  BOOST_TEST(mode_of(folder.path / "file") == 0640u);
  BOOST_TEST(folder.entries().size() == 1u);
  // The longest allowed name leaves no space for a suffix.
  write_atomically(folder.path / std::string(255, 'n'), "x");
}

/// Links and pipes at guessable temporary names must not be followed, opened or removed.
BOOST_AUTO_TEST_CASE(planted_files_are_not_touched) {
  const ScratchFolder folder;
  const fs::path victim = folder.path / "victim", out = folder.path / "out";
  write_atomically(victim, "precious");
  fs::create_directory(out);
  const std::set<std::string> planted = {
      "file.tmp", ".file.0123456789ab0123456789abcdef.tmp", ".twice-trial",
      ".twice-trial.0123456789ab0123456789abcdef.tmp", ".profile-files"};
  for (const std::string& name : planted) fs::create_symlink(victim, out / name);
  for (const std::string& name : planted)
    BOOST_REQUIRE(::mkfifo((out / (name + "2")).c_str(), 0666) == 0);
  BOOST_REQUIRE(::mkfifo((out / ".file.0123456789abfedcba9876543210.tmp").c_str(), 0666) == 0);
  prepare_folder(out);
  write_atomically(out / "file", "new");
  BOOST_TEST(read_file(victim) == "precious");
  for (const std::string& name : planted) {
    BOOST_TEST(fs::is_symlink(out / name));
    BOOST_TEST(fs::is_fifo(out / (name + "2")));
  }
  BOOST_TEST(read_file(out / "file") == "new");
}

BOOST_AUTO_TEST_CASE(in_a_folder_of_ours_a_link_is_replaced_and_nothing_else_but_files) {
  const ScratchFolder folder;
  const fs::path victim = folder.path / "victim", path = folder.path / "file";
  write_atomically(victim, "precious");
  fs::create_symlink(victim, path);
  write_atomically(path, "new");
  BOOST_TEST(fs::is_regular_file(fs::symlink_status(path)));
  BOOST_TEST(read_file(path) == "new");
  BOOST_TEST(read_file(victim) == "precious");
  fs::create_symlink("nowhere", folder.path / "dangling");
  write_atomically(folder.path / "dangling", "new");
  BOOST_TEST(!fs::exists(folder.path / "nowhere"));
  const fs::path pipe = folder.path / "pipe";
  BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0666) == 0);
  BOOST_TEST(error_of([&] { write_atomically(pipe, "new"); }) ==
             fmt::format("[write] cannot write {}: it is a pipe; expected a file", pipe.string()));
  BOOST_TEST(error_of([&] { write_atomically("/dev/null", "new"); }) ==
             "[write] cannot write /dev/null: it is a device; expected a file");
  BOOST_TEST(fs::is_character_file("/dev/null"));
  BOOST_TEST(folder.entries().size() == 4u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_keeps_the_old_file) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "file";
  write_atomically(path, "old");
  // With a limit on file sizes a write fails halfway, as on a full disk.
  BOOST_TEST(in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string error = error_of([&] { write_atomically(path, std::string(100000, 'x')); });
    return names(error, path) && contains(error, "[write] cannot write") &&
           contains(error, "File too large");
  }));
  BOOST_TEST(read_file(path) == "old");
  BOOST_TEST(folder.entries().size() == 1u);
}

BOOST_AUTO_TEST_CASE(devices_are_written_and_never_replaced) {
  write_output("/dev/null", "gone");
  BOOST_TEST(error_of([] { write_output("/dev/full", "text"); }) ==
             "[write] cannot write /dev/full: No space left on device");
  BOOST_TEST(fs::is_character_file("/dev/full"));
  BOOST_TEST(fs::is_character_file("/dev/null"));
}

BOOST_AUTO_TEST_CASE(symbolic_links_that_the_user_names_stay_links) {
  const ScratchFolder folder;
  write_atomically(folder.path / "target", "old");
  fs::create_symlink("target", folder.path / "link");
  write_output(folder.path / "link", "new");
  BOOST_TEST(fs::is_symlink(folder.path / "link"));
  BOOST_TEST(read_file(folder.path / "target") == "new");
}

BOOST_AUTO_TEST_CASE(a_failed_write_is_one_line) {
  const ScratchFolder folder;
  const fs::path missing = folder.path / "no" / "file";
  BOOST_TEST(error_of([&] { write_atomically(missing, "x"); }) ==
             fmt::format("[write] cannot write {}: No such file or directory", missing.string()));
  BOOST_TEST(contains(error_of([&] { write_atomically(folder.path, "x"); }), "Is a directory"));
  write_atomically(folder.path / "plain", "x");
  const fs::path under_file = folder.path / "plain" / "file";
  BOOST_TEST(contains(error_of([&] { write_atomically(under_file, "x"); }), "Not a directory"));
}

BOOST_AUTO_TEST_CASE(a_folder_without_permission_is_one_line) {
  const ScratchFolder folder;
  write_atomically(folder.path / "file", "old");
  fs::permissions(folder.path, fs::perms::owner_read | fs::perms::owner_exec |
                                   fs::perms::others_read | fs::perms::others_exec);
  BOOST_TEST(in_child([&] {
    // Root ignores permissions, so a child that runs as root becomes the user nobody.
    if (::geteuid() == 0 && ::setuid(65534) != 0) return false;
    const std::string error = error_of([&] { write_atomically(folder.path / "file", "new"); });
    return names(error, folder.path / "file") && contains(error, "Permission denied");
  }));
  fs::permissions(folder.path, fs::perms::owner_all);
  BOOST_TEST(read_file(folder.path / "file") == "old");
}

BOOST_AUTO_TEST_CASE(a_kill_at_any_moment_leaves_a_whole_file) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "file";
  const std::size_t size = 1 << 20;
  write_atomically(path, std::string(size, 'a'));
  for (int delay = 0; delay < 20; ++delay) {
    const pid_t child = ::fork();
    if (child == 0)
      for (char c = 'b';; c = c == 'z' ? 'b' : static_cast<char>(c + 1))
        write_atomically(path, std::string(size, c));
    ::usleep(static_cast<useconds_t>(2000 + 700 * delay));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string bytes = read_file(path);
    BOOST_TEST(bytes.size() == size);
    BOOST_TEST(bytes.find_first_not_of(bytes[0]) == std::string::npos);
  }
  BOOST_TEST(read_file(path)[0] != 'a');  // a child has written
}

BOOST_AUTO_TEST_CASE(two_writers_do_not_mix) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "file";
  const auto writer = [&](char letter) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    const bool failed = !error_of([&] {
                           for (int i = 0; i < 50; ++i)
                             write_atomically(path, std::string(300000, letter));
                         }).empty();
    ::_exit(failed ? 1 : 0);
  };
  const pid_t one = writer('1'), two = writer('2');
  int status_one = 0, status_two = 0;
  for (int i = 0; i < 100; ++i) {
    if (!fs::exists(path)) continue;
    const std::string bytes = read_file(path);
    BOOST_TEST((bytes == std::string(300000, bytes[0])));
  }
  ::waitpid(one, &status_one, 0);
  ::waitpid(two, &status_two, 0);
  BOOST_TEST(status_one == 0);
  BOOST_TEST(status_two == 0);
  BOOST_TEST(folder.entries().size() == 1u);
}

BOOST_AUTO_TEST_CASE(unreadable_files) {
  BOOST_TEST(error_of([] { read_file("/no/such/file"); }) ==
             "[read] cannot read /no/such/file: No such file or directory");
  BOOST_TEST(error_of([] { read_file("/"); }) == "[read] cannot read /: Is a directory");
  BOOST_TEST(error_of([] { read_file("/dev/zero"); }) ==
             "[read] cannot read /dev/zero: it is a device; expected a file");
  const ScratchFolder folder;
  const fs::path pipe = folder.path / "pipe";
  BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0666) == 0);
  BOOST_TEST(error_of([&] { read_file(pipe); }) ==
             fmt::format("[read] cannot read {}: it is a pipe; expected a file", pipe.string()));
  const fs::path large = folder.path / "large";
  write_atomically(large, "12345");
  BOOST_TEST(read_file(large, 5) == "12345");
  BOOST_TEST(
      error_of([&] { read_file(large, 4); }) ==
      fmt::format("[read] cannot read {}: it has 5 bytes; expected at most 4", large.string()));
  // Files in /proc report a size of 0.
  BOOST_TEST(contains(error_of([] { read_file("/proc/self/status", 4); }), "more than 4 bytes"));
}

BOOST_AUTO_TEST_CASE(gzip_files) {
  const ScratchFolder folder;
  const fs::path path = folder.path / "file.gz";
  std::string text;
  for (unsigned i = 0; i < 300000; ++i) text += std::to_string(i * i % 1009);  // several chunks
  const std::string packed = gzip(text);
  write_atomically(path, packed);
  BOOST_TEST((read_gzip(path, text.size()) == text));
  BOOST_TEST(gunzip(gzip("one ") + gzip("two"), "two members", 7) == "one two");
  BOOST_TEST(gunzip(gzip(""), "nothing", 0) == "");
  for (const std::size_t most : {std::size_t{0}, std::size_t{1}, text.size() - 1}) {
    const std::string error = error_of([&] { read_gzip(path, most); });
    BOOST_TEST(names(error, path));
    BOOST_TEST(contains(error, fmt::format("{} bytes", most)));
  }

  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, packed.size() / 2, packed.size() - 9, packed.size() - 1}) {
    write_atomically(path, packed.substr(0, size));
    const std::string error = error_of([&] { read_gzip(path, text.size()); });
    BOOST_TEST(names(error, path));
    BOOST_TEST(contains(error, "is cut"));
  }
  for (const std::size_t place : {std::size_t{0}, packed.size() / 2, packed.size() - 6}) {
    std::string corrupt = packed;
    corrupt[place] = static_cast<char>(corrupt[place] ^ 0x55);
    write_atomically(path, corrupt);
    const std::string error = error_of([&] { read_gzip(path, text.size()); });
    BOOST_TEST(names(error, path));
    BOOST_TEST(contains(error, "gzip"));
  }
  BOOST_TEST(
      contains(error_of([&] { gunzip(packed + "garbage", "g", text.size() + 1000); }), "corrupt"));
}

/// A gzip file that unpacks to a thousand times its size is refused without that much memory.
BOOST_AUTO_TEST_CASE(a_gzip_bomb_is_refused_as_soon_as_it_is_too_large) {
  const std::size_t mib = 1 << 20;
  const std::string packed = gzip(std::string(300 * mib, '\0'));
  BOOST_TEST(packed.size() < mib);
  BOOST_TEST(in_child([&] {
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    const std::string error = error_of([&] { gunzip(packed, "bomb", mib); });
    ::getrusage(RUSAGE_SELF, &after);
    return error == "[gzip] bomb holds more than 1048576 bytes; expected no more" &&
           static_cast<std::size_t>(after.ru_maxrss - before.ru_maxrss) * 1024 < 16 * mib;
  }));
}

BOOST_AUTO_TEST_CASE(a_folder_is_held_by_one) {
  const ScratchFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(folder.path);
    for (;;) ::pause();
  }
  std::string error;
  for (int i = 0; i < 1000 && error.empty(); ++i) {
    error = error_of([&] { const FolderLock lock(folder.path); });
    ::usleep(1000);
  }
  BOOST_TEST(error ==
             fmt::format("{} is in use by process {}: two runs cannot write to one folder; wait "
                         "for it or use another --out",
                         folder.path.string(), child));
  BOOST_TEST((folder.entries() == std::vector<std::string>{lock_file}));
  // A holder on another machine.
  const Descriptor file(::open((folder.path / lock_file).c_str(), O_WRONLY));
  const std::string other = "process 12 on node7 ";
  BOOST_REQUIRE(::pwrite(file.number(), other.data(), other.size(), 0) > 0);
  BOOST_TEST(contains(error_of([&] { const FolderLock lock(folder.path); }),
                      " is in use by process 12 on node7: "));
  ::kill(child, SIGKILL);
  // The lock waits for a process that is about to end.
  BOOST_TEST(error_of([&] { const FolderLock lock(folder.path); }) == "");
  ::waitpid(child, nullptr, 0);
  const FolderLock lock(folder.path);
  // This process holds the lock through another descriptor.
  BOOST_CHECK_THROW(FolderLock(folder.path), Error);
}

BOOST_AUTO_TEST_CASE(shared_locks_exclude_an_exclusive_one_that_names_a_living_holder) {
  const ScratchFolder folder;
  std::vector<pid_t> holders;
  const auto in_use_by = [&](FolderLock::Kind kind) {
    const std::string error = error_of([&] { const FolderLock lock(folder.path, kind); });
    const std::size_t begin = error.find("process "), end = error.find(": ");
    return error.empty() ? "" : error.substr(begin, end - begin);
  };
  for (std::size_t i = 1; i <= 3; ++i) {
    holders.push_back(::fork());
    if (holders.back() == 0) {
      ::alarm(60);  // ends it if the test fails
      const FolderLock lock(folder.path, FolderLock::Kind::shared);
      for (;;) ::pause();
    }
    const auto is_named = [&] {
      return fs::exists(folder.path / lock_file) &&
             fs::file_size(folder.path / lock_file) >= 128 * i;
    };
    for (int tries = 0; !is_named() && tries < 10000; ++tries) ::usleep(1000);
    BOOST_REQUIRE(is_named());
  }
  for (const pid_t holder : holders) {
    BOOST_TEST(in_use_by(FolderLock::Kind::exclusive) == fmt::format("process {}", holder));
    ::kill(holder, SIGKILL);
    ::waitpid(holder, nullptr, 0);
    BOOST_TEST(in_use_by(FolderLock::Kind::shared) == "");
  }
  {
    const FolderLock lock(folder.path);
    BOOST_TEST(in_use_by(FolderLock::Kind::shared) == fmt::format("process {}", ::getpid()));
  }
  // A child that inherits the descriptor keeps the lock.
  auto lock = std::make_unique<FolderLock>(folder.path);
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  lock.reset();
  BOOST_TEST(in_use_by(FolderLock::Kind::exclusive) == fmt::format("process {}", ::getpid()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  BOOST_TEST(in_use_by(FolderLock::Kind::exclusive) == "");
}

BOOST_AUTO_TEST_CASE(a_lock_that_the_file_server_gave_to_another_process_is_noticed) {
  const ScratchFolder folder;
  const FolderLock lock(folder.path);
  const auto lose = [&] {
    struct flock none = {};
    none.l_type = F_UNLCK;
    BOOST_REQUIRE(::fcntl(lock.descriptor(), F_OFD_SETLK, &none) == 0);
  };
  BOOST_TEST(error_of([&] { lock.check(); }) == "");
  lose();
  BOOST_TEST(error_of([&] { lock.check(); }) == "");  // no other process has taken the lock
  BOOST_CHECK_THROW(FolderLock(folder.path), Error);
  lose();
  const FolderLock other(folder.path);
  BOOST_TEST(
      error_of([&] { lock.check(); }) ==
      fmt::format("[lock] {} was locked by process {} while this machine could not reach the "
                  "file server",
                  folder.path.string(), ::getpid()));
}

BOOST_AUTO_TEST_CASE(mounts_whose_locks_hold_on_one_machine_only) {
  const auto reason = [](const std::string& type, const std::string& options) {
    std::istringstream mounts(
        "22 1 254:0 / / rw - ext4 /dev/vda rw,localflock\n36 22 0:45 / /home "
        "rw,nolock shared:1 master:2 - " +
        type + " server:/home " + options + "\n37 22 0:46 / /b rw - nfs s rw\n");
    return reason_for_local_locks(mounts, makedev(0, 45));
  };
  BOOST_TEST(reason("nfs4", "rw,vers=4.2,local_lock=none,addr=10.0.0.1") == "");
  BOOST_TEST(reason("nfs4", "rw,local_lock=flock") == "");  // ours are not flock
  BOOST_TEST(reason("nfs4", "rw,local_lock=posix") == "nfs4 with local_lock=posix");
  BOOST_TEST(reason("nfs", "rw,vers=3,nolock,local_lock=all") == "nfs with nolock");
  BOOST_TEST(reason("cifs", "rw,nobrl") == "cifs with nobrl");
  BOOST_TEST(reason("lustre", "rw,flock") == "");
  BOOST_TEST(reason("lustre", "rw,localflock") == "lustre with localflock");
  BOOST_TEST(reason("fuse.sshfs", "rw,user_id=0") == "fuse.sshfs");
  BOOST_TEST(reason("ext4", "rw,nolock") == "");
  std::istringstream odd("36 22 0:45\n\n36 22 0:45 / /x rw - nfs\n - - \n");
  BOOST_TEST(reason_for_local_locks(odd, makedev(0, 45)) == "");
}

BOOST_AUTO_TEST_CASE(checksums_of_the_standards) {
  BOOST_TEST(md5("") == "d41d8cd98f00b204e9800998ecf8427e");  // RFC 1321
  BOOST_TEST(md5("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
  BOOST_TEST(sha256("abc") ==  // FIPS 180-4
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

BOOST_AUTO_TEST_SUITE_END()
