// The measurement behind `bench --against`: repetitions of four new processes, two for each of two
// programs, which run alternately.
#pragma once

#include <array>
#include <filesystem>

#include "experiments/measure/steps.h"

namespace twice::experiments {

/// One side of the comparison.
struct Contender {
  /// The name in tables and records: as the user wrote it, with the commit if it is a revision.
  std::string name;
  std::filesystem::path program;
  /// The options of bench that affect a step. Method i of one side is compared with method i of the
  /// other.
  OptionWords words = {};
  std::vector<std::string> methods = {};
};

/// The path of the running program.
std::filesystem::path own_program();

/// Finds the program that `word` means, and its name. `word` is
/// - a program, or a build directory that contains bin/twice or build/bin/twice; or
/// - a revision of the git repository that this program was built in, or else of the repository
///   that contains the current directory. A revision is built once, in build-revisions/COMMIT of
///   the repository.
/// Throws a UsageError that starts with `option` if `word` is none of these, Error if the build
/// fails, and Stopped at a stop.
Contender find_program(const std::string& word, const std::string& option);

/// Milliseconds of the steps of one process, by method.
using ProcessTimes = std::vector<std::vector<double>>;
/// The processes of a repetition: two of ours, then two of the other program's.
using Repetition = std::array<ProcessTimes, 4>;

struct Turns {
  std::vector<Repetition> repetitions;
  /// The description that each program gives of itself. Null for a program older than `--serve`, in
  /// which case whole commands run alternately.
  Json ours, other;
};

/// Measures for `seconds` in repetitions of about `repetition_seconds`, at least one. Throws
/// Stopped at a stop, and an Error of one line if a program fails.
Turns take_turns(const Contender& ours, const Contender& other, double seconds,
                 double repetition_seconds, const TimingProgress& progress);

}  // namespace twice::experiments
