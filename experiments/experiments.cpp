// Lists the program's commands and runs the one that the arguments name.
#include "experiments/experiments.h"

#include <csignal>

#include "autodiff/kernels/blas.h"
#include "experiments/app/command_line.h"
#include "experiments/app/terminal.h"
#include "experiments/commands/bench/bench.h"
#include "experiments/commands/check/check.h"
#include "experiments/commands/compare.h"
#include "experiments/commands/data_command.h"
#include "experiments/commands/explain.h"
#include "experiments/commands/export.h"
#include "experiments/commands/predict.h"
#include "experiments/commands/profile/profile.h"
#include "experiments/commands/report.h"
#include "experiments/commands/study.h"
#include "experiments/commands/sweep/sweep.h"
#include "experiments/commands/train.h"

namespace twice::experiments {
namespace {

int profile_or_compare(ProfileOptions options) {
  options.compare_programs = compare_programs;
  return run_profile(std::move(options));
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
  CommandLine app(TWICE_VERSION);
  app.add("compare", "train one model with each GR method: cost, gradient error, result",
          declare_compare, run_compare);
  app.add("train", "train one model; writes checkpoints and resumes from them", declare_train,
          train);
  app.add("evaluate", "evaluate a trained model on test examples, or on another file",
          declare_evaluate, evaluate_run);
  app.add("predict", "write a trained model's predictions for test examples, or for another file",
          declare_predict, predict);
  app.add("study", "test one claim by experiment; --list names the studies", declare_study, study);
  app.shares_work();
  app.add("sweep", "run a grid of settings on the cores; continues where it stopped", declare_sweep,
          sweep);
  app.shares_work();
  app.add("bench", "time steps of models and methods, alone or beside PyTorch", declare_bench,
          bench);
  app.add("check", "check derivatives of every op, or of a model and method", declare_check,
          run_check);
  app.add("profile", "show the cost of each derivative, and where time and memory go",
          declare_profile, profile_or_compare);
  app.add("explain", "show the plan of a model and method, pass by pass", declare_explain,
          run_explain);
  app.add("export", "write parameters, batch, gradients and H g as safetensors", declare_export,
          export_step);
  app.add("data", "list, fetch and verify data sets", declare_data, data);
  app.add("report", "make the HTML report of the runs in a folder", declare_report, report);
  return app.run(argv[0], {argv + 1, argv + argc});
}

}  // namespace twice::experiments
