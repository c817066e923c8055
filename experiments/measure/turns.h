// The measurement behind `bench --against`: repetitions of four fresh processes, two of each
// program, that take turns.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace twice::experiments {

/// One side: a program, its options as words, and its methods, in pairs with the other side's.
struct Contender {
  std::filesystem::path program;
  std::vector<std::string> words;
  std::vector<std::string> methods;
};

/// Milliseconds of the steps of one process, by method.
using ProcessTimes = std::vector<std::vector<double>>;
/// The processes of a repetition: two of ours, then two of the other program's.
using Repetition = std::array<ProcessTimes, 4>;

struct Turns {
  std::vector<Repetition> repetitions;
  /// What each program says of itself; null of a program that cannot take turns in blocks.
  std::string ours, others;
  /// The programs ran as whole commands, because one of them does not know `--serve`.
  bool whole_commands = false;
  /// The machine was busy, and the programs ran with one thread (against.cpp).
  bool one_thread = false;
};

/// Measures for `seconds`, in repetitions of about `repetition_seconds`, and at least one.
/// `progress` hears the seconds since its last call. Throws Stopped at a stop, and one line when a
/// program fails.
Turns take_turns(const Contender& ours, const Contender& other, double seconds,
                 double repetition_seconds, const std::function<void(double)>& progress);

}  // namespace twice::experiments
