// Finds or builds the two programs, and runs them alternately, in blocks of steps or as whole
// commands.
#include "experiments/commands/bench/turns.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "experiments/files/atomic_file.h"
#include "experiments/measure/peer.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace fs = std::filesystem;

namespace {

struct Finished {
  int status;
  std::string last_line, ending;
};

Finished run(const std::vector<std::string>& words) {
  Process process(words);
  const std::string output = process.read_all(stop_requested);
  end_if_stopped();
  const int status = process.wait();
  return {status, last_line(output), process.ending()};
}

bool is_program(const fs::path& path) {
  return fs::is_regular_file(path) && ::access(path.c_str(), X_OK) == 0;
}

/// The root of the repository with our sources. Empty if there is no such repository or no git.
fs::path repository() {
  for (const fs::path& start : {own_program().parent_path(), fs::current_path()}) try {
      const Finished top = run({"git", "-C", start.string(), "rev-parse", "--show-toplevel"});
      if (top.status == 0 && fs::exists(fs::path(top.last_line) / "autodiff/autodiff.h"))
        return top.last_line;
    } catch (const CannotStart&) {
      return {};
    }
  return {};
}

/// Builds a commit in its own directory and returns the program.
fs::path build_commit(const fs::path& top, const std::string& commit) {
  const fs::path folder = top / "build-revisions" / commit;
  const fs::path source = folder / "source", build = folder / "build",
                 program = build / "bin/twice", done = folder / "built";
  if (fs::exists(done) && is_program(program)) return program;
  fs::create_directories(source);
  const FolderLock lock(folder);
  if (fs::exists(done) && is_program(program)) return program;
  const std::string log = (folder / "build.log").string(),
                    archive = (folder / "source.tar").string();
  std::ofstream{log};
  fmt::print(stderr, "building {} in {} (only once; this takes minutes)\n", commit,
             folder.string());
  for (const std::vector<std::string>& step : std::vector<std::vector<std::string>>{
           {"git", "-C", top.string(), "archive", "--output", archive, commit},
           {"tar", "-xf", archive, "-C", source.string()},
           {"cmake", "-S", source.string(), "-B", build.string(), "-DBUILD_TESTING=OFF"},
           {"cmake", "--build", build.string(), "--target", "twice-program", "--parallel",
            std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))}}) {
    std::vector<std::string> logged = {"sh", "-c", "exec \"$@\" >>\"$0\" 2>&1", log};
    logged.insert(logged.end(), step.begin(), step.end());
    if (run(logged).status != 0)
      fail("bench", "building {} failed at '{}' ({}); its output is in {}", commit,
           fmt::join(step, " "), last_line(read_file(log)), log);
  }
  fs::remove(archive);
  std::ofstream{done};
  return program;
}

std::vector<std::string> command(const Contender& side, const std::vector<std::string>& more) {
  std::vector<std::string> words = {side.program.string(), "bench",
                                    fmt::format("--method={}", fmt::join(side.methods, ","))};
  for (const auto& [name, value] : side.words) words.push_back(fmt::format("{}={}", name, value));
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// A process that times its steps on request (serve.h).
std::unique_ptr<Answerer> start(const Contender& side) {
  return std::make_unique<Answerer>(command(side, {"--serve"}), "twice");
}

/// How a program describes itself. Null if it has no option `--serve`.
Json description(const Contender& side) {
  try {
    return start(side)->ask({{"do", "hello"}});
  } catch (const Error& error) {
    if (std::string(error.what()).find("--serve") == std::string::npos) throw;
    return {};
  }
}

/// Runs `bench` as a whole command. Returns the median step of each of its rounds, by method.
ProcessTimes whole_command(const Contender& side, double seconds) {
  const Temporary folder(fs::temp_directory_path(), "twice-bench", Temporary::Kind::folder);
  const fs::path file = folder.path() / "record.json";
  const Finished ended = run(command(side, {"--no-memory", fmt::format("--seconds={}", seconds),
                                            fmt::format("--json={}", file.string())}));
  if (ended.status != 0) fail("bench", "{} ended with {}", side.program.string(), ended.ending);
  const Json record = Json::parse(read_file(file));
  ProcessTimes times;
  for (const Json& row : record.at("rows")) times.push_back(row.at("rounds_ms"));
  return times;
}

/// Runs one repetition of about `seconds`.
Repetition repeat(const std::array<const Contender*, 4>& sides, bool whole_commands, double seconds,
                  std::mt19937& random) {
  constexpr double block_seconds = 0.03;
  Repetition result;
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  std::ranges::shuffle(order, random);
  if (whole_commands) {
    for (const std::size_t i : order)
      result[i] = whole_command(*sides[i], std::clamp(seconds / 8, 0.05, 2.0));
    return result;
  }
  Rounds rounds(
      seconds, [](double) {}, 1);
  std::array<std::unique_ptr<Answerer>, 4> processes;
  for (const std::size_t i : order) processes[i] = start(*sides[i]);
  for (const std::size_t i : order) processes[i]->ask({{"do", "hello"}});  // wait for start-up
  const std::size_t methods = sides[0]->methods.size();
  for (ProcessTimes& times : result) times.resize(methods);
  while (rounds.next())
    for (std::size_t m = 0; m < methods; ++m) {
      std::ranges::shuffle(order, random);
      for (const std::size_t i : order) {
        std::vector<double>& times = result[i][m];
        const BlockTiming block{.seconds = block_seconds};
        std::ranges::copy(processes[i]->timed_block({{"method", sides[i]->methods[m]}},
                                                    block.after(times.empty() ? 0 : times.back())),
                          std::back_inserter(times));
      }
    }
  return result;
}

}  // namespace

fs::path own_program() { return fs::read_symlink("/proc/self/exe"); }

Contender find_program(const std::string& word, const std::string& option) {
  for (const fs::path& path :
       {fs::path(word), word / fs::path("bin/twice"), word / fs::path("build/bin/twice")})
    if (is_program(path)) return {word, fs::canonical(path)};
  const auto refuse = [&](const char* is) {
    throw UsageError(fmt::format(
        "{}: '{}' is {}; expected a program, a build directory, a git revision, or options such as "
        "\"--without winograd\"",
        option, word, is));
  };
  if (fs::exists(word)) refuse("not a program and has no bin/twice");
  const fs::path top = repository();
  if (top.empty()) refuse("not a file, and there is no git or no repository of twice");
  const Finished commit =
      run({"git", "-C", top.string(), "rev-parse", "--verify", "--quiet", word + "^{commit}"});
  if (commit.status != 0) refuse("neither a file nor a revision");
  const std::string shortened = commit.last_line.substr(0, 12);
  return {word.starts_with(shortened) ? shortened : fmt::format("{} ({})", word, shortened),
          build_commit(top, shortened)};
}

Turns take_turns(const Contender& ours, const Contender& other, double seconds,
                 double repetition_seconds, const TimingProgress& progress) {
  Rounds rounds(seconds, progress, 1);
  Turns result{{}, description(ours), description(other)};
  const bool whole_commands = result.ours.is_null() || result.other.is_null();
  std::mt19937 random{std::random_device{}()};
  while (rounds.next())
    result.repetitions.push_back(
        repeat({&ours, &ours, &other, &other}, whole_commands, repetition_seconds, random));
  end_if_stopped();
  return result;
}

}  // namespace twice::experiments
