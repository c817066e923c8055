// The commands of the program. Each has a file or a directory with its options and with the
// function that runs it.
#pragma once

#include "experiments/app/command_line.h"

namespace twice::experiments {

// Each of these functions adds a command to the command line.
void add_bench(CommandLine& app);
void add_check(CommandLine& app);
void add_compare(CommandLine& app);
void add_data(CommandLine& app);
void add_evaluate(CommandLine& app);
void add_explain(CommandLine& app);
void add_export(CommandLine& app);
void add_predict(CommandLine& app);
void add_profile(CommandLine& app);
void add_report(CommandLine& app);
void add_study(CommandLine& app);
void add_sweep(CommandLine& app);
void add_train(CommandLine& app);

/// The comparison of `bench --against` (docs/records.md), for `profile --compare`. `words` are
/// options of bench. `ours` and `other` are each a program, a revision, or a list of options
/// (bench/bench.h). Differences below the fraction `margin` do not count. Error messages name
/// `option`. Returns the exit status. Throws Stopped if a stop was requested.
int compare_programs(const OptionWords& words, double margin, const std::string& ours,
                     const std::string& other, const std::string& option);

}  // namespace twice::experiments
