// The measurement behind `bench --against`: repetitions of four fresh processes, two of each of two
// programs, that take turns.
#pragma once

#include <array>
#include <filesystem>

#include "experiments/measure/steps.h"

namespace twice::experiments {

/// One side.
struct Contender {
  /// For tables and records: as the user wrote it, with the commit behind a revision.
  std::string name;
  std::filesystem::path program;
  /// Options of bench that a step depends on; methods are paired in order with the other side's.
  OptionWords words = {};
  std::vector<std::string> methods = {};
};

/// This program's file.
std::filesystem::path own_program();

/// The program that a word means, with its name:
///   - a program, or a build directory that has bin/twice or build/bin/twice in it;
///   - a revision of the git repository that this program was built in, else of the one that holds
///     the current directory. It is built, unless that was done before, in
///     build-revisions/COMMIT of the repository.
/// Throws UsageError, which starts with `option`, when it is none of them, Error when the build
/// fails, Stopped at a stop.
Contender find_program(const std::string& word, const std::string& option);

/// Milliseconds of the steps of one process, by method.
using ProcessTimes = std::vector<std::vector<double>>;
/// The processes of a repetition: two of ours, then two of the other program's.
using Repetition = std::array<ProcessTimes, 4>;

struct Turns {
  std::vector<Repetition> repetitions;
  /// What each program says of itself; null of one that is older than `--serve`. Then the programs
  /// run as whole commands.
  Json ours, other;
};

/// Measures for `seconds`, in repetitions of about `repetition_seconds`, and at least one. Throws
/// Stopped at a stop, and one line when a program fails.
Turns take_turns(const Contender& ours, const Contender& other, double seconds,
                 double repetition_seconds, const TimingProgress& progress);

}  // namespace twice::experiments
