// Runs the command that the arguments name.
#include "experiments/experiments.h"

#include <csignal>

#include "autodiff/kernels/blas.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/commands.h"

namespace twice::experiments {

namespace {

CommandLine commands() {
  CommandLine app(TWICE_VERSION);
  // In the order of the help.
  for (const auto add :
       {add_compare, add_train, add_evaluate, add_predict, add_study, add_sweep, add_bench,
        add_check, add_profile, add_explain, add_export, add_data, add_report})
    add(app);
  return app;
}

}  // namespace

int App::run(int argc, char** argv) const {
  open_standard_files();
  try {
    if (!mistake_.empty()) throw Error(mistake_);
    kernel::check_blas();
  } catch (const Error& error) {
    print_error(std::string("twice: ") + error.what());
    return 1;
  }
  // Makes a write beyond the limit on file sizes fail, as on a full disk. By default it would kill
  // the program.
  std::signal(SIGXFSZ, SIG_IGN);
  // Makes a write to a pipe without a reader fail too. A child process would inherit SIG_IGN, but
  // does not inherit a handler.
  std::signal(SIGPIPE, [](int) {});
  return commands().run(argv[0], {argv + 1, argv + argc});
}

}  // namespace twice::experiments
