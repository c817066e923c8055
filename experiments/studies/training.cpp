// Runs of `Trainer`, with the study's progress.
#include "experiments/studies/training.h"

#include <cmath>

namespace twice::experiments {

RunOptions digits_run(const std::string& activation, Index width, int epochs, std::uint64_t seed) {
  RunOptions options;
  options.width = width;
  options.depth = 3;
  options.activation = activation;
  options.epochs = epochs;
  options.seed = seed;
  complete(options, {"sgd"});
  return options;
}

double steps_of(const Problem& problem) {
  return static_cast<double>(problem.data.train.size() / problem.options.batch *
                             problem.options.epochs);
}

TrainedRun train_run(StudyContext& context, const Problem& problem, const Method& method) {
  Trainer trainer(problem, method);
  EpochRecord last;
  const double none = std::nan("");
  std::vector<double> accuracies(static_cast<std::size_t>(problem.options.epochs), none);
  try {
    while (!trainer.finished()) {
      const std::optional<EpochRecord> epoch = run_epoch(trainer, [&] { context.advance(); });
      if (!epoch) throw Stopped("stopped");
      last = *epoch;
      accuracies[static_cast<std::size_t>(last.epoch - 1)] = last.test_accuracy;
    }
  } catch (const RunFailure&) {
    context.advance(static_cast<double>(trainer.total_steps() - trainer.steps()));
    return {none, none, none, none, accuracies, trainer.state()};
  }
  return {last.test_accuracy, last.test_loss, last.train_loss,
          last.gradient_norm, accuracies,     trainer.state()};
}

}  // namespace twice::experiments
