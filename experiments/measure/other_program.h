// The other side of `bench --against OTHER`: which program OTHER means, and how it is called.
#pragma once

#include <filesystem>
#include <string>

namespace twice::experiments {

struct OtherProgram {
  /// For tables and records: as the user wrote it, with the commit behind a revision.
  std::string name;
  std::filesystem::path program;
  /// Options as the user wrote them, when OTHER is a list of options; they replace ours.
  std::string options;
};

/// OTHER is one of:
///   - options, beginning with "-": this program with these options in place of its own;
///   - a program, or a build directory that has bin/twice or build/bin/twice in it;
///   - a revision of the git repository that this program was built in, else of the one that holds
///     the current directory. It is built, unless that was done before, in
///     build-revisions/COMMIT of the repository.
/// Throws UsageError, which starts with `option`, when it is none of them, Error when the build
/// fails, Stopped at a stop.
OtherProgram other_program(const std::string& other, const std::string& option);

/// This program's file.
std::filesystem::path own_program();

}  // namespace twice::experiments
