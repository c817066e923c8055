// Finding or building the other program.
#include "experiments/measure/other_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "experiments/measure/peer.h"
#include "experiments/measure/subprocess.h"
#include "experiments/run/options.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;

struct Finished {
  int status;
  std::string last_line, last_error;
};

/// Runs a program to its end. With a `log` its output and its errors go there, too.
Finished run(std::vector<std::string> words, std::ostream* log = nullptr) {
  if (log) words.insert(words.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2>&1"});
  Subprocess process(words);
  Finished result{};
  while (const std::optional<std::string> line = process.read_line()) {
    if (log) *log << *line << std::endl;
    result.last_line = *line;
  }
  if (stop_requested()) throw Stopped{};
  result.status = process.wait();
  result.last_error = process.last_error();
  return result;
}

bool is_program(const fs::path& path) {
  return fs::is_regular_file(path) && ::access(path.c_str(), X_OK) == 0;
}

/// The program that a path names; empty when it names none.
fs::path program_at(const fs::path& path) {
  for (const fs::path& candidate : {path, path / "bin/twice", path / "build/bin/twice"})
    if (is_program(candidate)) return fs::canonical(candidate);
  return {};
}

/// The top of the repository with our sources; empty when there is none, or no git.
fs::path repository() {
  for (const fs::path& start : {own_program().parent_path(), fs::current_path()}) try {
      const Finished top = run({"git", "-C", start.string(), "rev-parse", "--show-toplevel"});
      if (top.status == 0 && fs::exists(fs::path(top.last_line) / "autodiff/autodiff.h"))
        return top.last_line;
    } catch (const Error&) {
      return {};
    }
  return {};
}

/// Builds a commit in a directory of its own; returns its program.
fs::path build_commit(const fs::path& top, const std::string& commit) {
  const fs::path folder = top / "build-revisions" / commit.substr(0, 12);
  const fs::path source = folder / "source", build = folder / "build",
                 program = build / "bin/twice", done = folder / "built";
  if (fs::exists(done) && is_program(program)) return program;
  fs::create_directories(source);
  const FolderLock lock(folder);
  if (fs::exists(done) && is_program(program)) return program;
  std::ofstream log(folder / "build.log");
  fmt::print(stderr, "building {} in {} (once; it takes minutes)\n", commit.substr(0, 12),
             folder.string());
  const std::string archive = (folder / "source.tar").string();
  for (const std::vector<std::string>& step : std::vector<std::vector<std::string>>{
           {"git", "-C", top.string(), "archive", "--output", archive, commit},
           {"tar", "-xf", archive, "-C", source.string()},
           {"cmake", "-S", source.string(), "-B", build.string(), "-DBUILD_TESTING=OFF"},
           {"cmake", "--build", build.string(), "--target", "twice-program", "--parallel",
            std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))}}) {
    const Finished finished = run(step, &log);
    if (finished.status != 0)
      fail("bench", "building {} failed at '{}' ({}); its output is in {}", commit.substr(0, 12),
           fmt::join(step, " "),
           finished.last_error.empty() ? finished.last_line : finished.last_error,
           (folder / "build.log").string());
  }
  fs::remove(archive);
  std::ofstream{done};
  return program;
}

}  // namespace

fs::path own_program() { return fs::read_symlink("/proc/self/exe"); }

OtherProgram other_program(const std::string& other, const std::string& option) {
  if (other.starts_with("-")) return {other, own_program(), other};
  if (const fs::path program = program_at(other); !program.empty()) return {other, program, ""};
  const auto refuse = [&](const std::string& what) {
    throw UsageError(fmt::format(
        "{}: '{}' is {}; expected a program, a build directory, a git revision, or options such as "
        "\"--without winograd\"",
        option, other, what));
  };
  if (fs::exists(other)) refuse("no program, and has no bin/twice");
  const fs::path top = repository();
  if (top.empty()) refuse("no file, and no repository of twice is here, or no git");
  const Finished commit =
      run({"git", "-C", top.string(), "rev-parse", "--verify", "--quiet", other + "^{commit}"});
  if (commit.status != 0) refuse("no file and no revision");
  const fs::path program = build_commit(top, commit.last_line);
  const std::string shortened = commit.last_line.substr(0, 12);
  return {other.starts_with(shortened) ? shortened : fmt::format("{} ({})", other, shortened),
          program, ""};
}

}  // namespace twice::experiments
