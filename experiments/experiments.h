// The program `twice` for other programs: all its commands, with problems, models, data sets,
// losses, methods, optimisers, schedules and planner passes of your own beside the built-in ones.
//
//   int main(int argc, char** argv) {
//     twice::experiments::App app;
//     app.add_problem("heat", "a network that solves the heat equation", heat);
//     return app.run(argc, argv);
//   }
//
// `./program train --problem heat`, and `compare`, `sweep`, `profile`, `bench`, `check`, `explain`
// and `export` likewise.
//
// And without a command line: `profile`, `explain` and `check_derivatives` of any program,
// `profile`, `compare` and `check_derivatives` of a Problem. They return a Report
// (report/result.h).
#pragma once

#include "autodiff/autodiff.h"
#include "experiments/commands/check/check.h"
#include "experiments/commands/compare.h"
#include "experiments/commands/explain.h"
#include "experiments/commands/profile/profile.h"
#include "experiments/run/problem.h"
#include "experiments/run/registry.h"
#include "nn/nn.h"
#include "optim/optim.h"

namespace twice::experiments {

/// Each `add_...` throws when the name is taken. With a struct of options, `declare` names its
/// members (app/option_set.h): they are options of the command line, of TOML files and of sweeps,
/// and are stored in records and checkpoints. Names of options are unique in the whole program.
class App {
 public:
  /// Adds a problem for `--problem NAME`. `make` returns the problem. The help shows `purpose`.
  void add_problem(const std::string& name, const std::string& purpose,
                   Problem (*make)(const RunOptions&)) {
    registry().add(ProblemEntry{name, purpose,
                                [make](const RunOptions& o, const std::any&) { return make(o); }});
  }
  template <class Own>
  void add_problem(const std::string& name, const std::string& purpose,
                   void (*declare)(OptionSet&, Own&),
                   Problem (*make)(const RunOptions&, const Own&)) {
    registry().add(ProblemEntry{name, purpose,
                                [make](const RunOptions& o, const std::any& own) {
                                  return make(o, std::any_cast<const Own&>(own));
                                },
                                OwnOptions::of(declare)});
  }

  /// `make` gets the training examples, and how many numbers the loss wants for each.
  void add_model(const std::string& name, const std::string& purpose,
                 Model (*make)(const RunOptions&, const Dataset& train, Index outputs)) {
    registry().add(ModelEntry{name, purpose,
                              [make](const RunOptions& o, const Dataset& train, Index outputs,
                                     const std::any&) { return make(o, train, outputs); }});
  }
  template <class Own>
  void add_model(const std::string& name, const std::string& purpose,
                 void (*declare)(OptionSet&, Own&),
                 Model (*make)(const RunOptions&, const Dataset& train, Index outputs,
                               const Own&)) {
    registry().add(ModelEntry{
        name, purpose,
        [make](const RunOptions& o, const Dataset& train, Index outputs, const std::any& own) {
          return make(o, train, outputs, std::any_cast<const Own&>(own));
        },
        OwnOptions::of(declare)});
  }

  /// Adds a data set for `--data NAME`. `load` returns the training and test examples.
  void add_data(const std::string& name, const std::string& purpose,
                DataSplit (*load)(const RunOptions&)) {
    registry().add(
        DataEntry{name, purpose, [load](const RunOptions& o, const std::any&) { return load(o); }});
  }
  template <class Own>
  void add_data(const std::string& name, const std::string& purpose,
                void (*declare)(OptionSet&, Own&),
                DataSplit (*load)(const RunOptions&, const Own&)) {
    registry().add(DataEntry{name, purpose,
                             [load](const RunOptions& o, const std::any& own) {
                               return load(o, std::any_cast<const Own&>(own));
                             },
                             OwnOptions::of(declare)});
  }

  /// Adds a loss for `--loss NAME`.
  void add_loss(LossEntry loss) { registry().add(std::move(loss)); }

  /// A method, with `record` or `record_in` set.
  void add_method(Method method) { registry().add(MethodEntry{std::move(method)}); }
  /// A method with options of its own; `method` has neither.
  template <class Own>
  void add_method(Method method, void (*declare)(OptionSet&, Own&),
                  Estimate (*record)(const MethodContext&, const Own&)) {
    method.record_in = [record](const MethodContext& context) {
      return record(context, context.options.own_options<Own>());
    };
    registry().add(MethodEntry{std::move(method), OwnOptions::of(declare)});
  }

  void add_optimizer(OptimizerRule rule) { registry().add(OptimizerEntry{std::move(rule)}); }
  /// With options of its own, which `update` reads from `options.own_options<Own>()`.
  template <class Own>
  void add_optimizer(OptimizerRule rule, void (*declare)(OptionSet&, Own&)) {
    registry().add(OptimizerEntry{std::move(rule), OwnOptions::of(declare)});
  }

  /// Adds a learning rate schedule for `--schedule NAME`.
  void add_schedule(Schedule schedule) { registry().add(ScheduleEntry{std::move(schedule)}); }
  template <class Own>
  void add_schedule(Schedule schedule, void (*declare)(OptionSet&, Own&)) {
    registry().add(ScheduleEntry{std::move(schedule), OwnOptions::of(declare)});
  }

  /// A planner pass, to run before the one of that name; `--without` knows it.
  void add_pass(Pass pass, const std::string& before = "fuse") {
    registry().add(PassEntry{std::move(pass), before});
  }
  template <class Own>
  void add_pass(Pass pass, void (*declare)(OptionSet&, Own&), const std::string& before = "fuse") {
    registry().add(PassEntry{std::move(pass), before, OwnOptions::of(declare)});
  }

  /// Runs the command that the words name; errors are one line. Returns the exit status.
  int run(int argc, char** argv) const;
};

}  // namespace twice::experiments
