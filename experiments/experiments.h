// Include this header to build your own version of the program `twice`. It has all commands. Your
// problems, models, data sets, losses, methods, optimisers, schedules and planner passes work
// beside the built-in ones.
//
//   int main(int argc, char** argv) {
//     twice::experiments::App app;
//     app.add_problem("heat", "a network that solves the heat equation", heat);
//     return app.run(argc, argv);
//   }
//
// `./program train --problem heat` then trains the network. `compare`, `sweep`, `profile`, `bench`,
// `check`, `explain` and `export` take `--problem heat` too.
//
// Some functions need no command line. `profile`, `explain` and `check_derivatives` take any
// program; `profile`, `compare` and `check_derivatives` take a Problem. They return a Report
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

/// A mistake in an entry, such as a name that is taken, is an error of `run`. An entry may have its
/// own options: a struct whose members `declare` turns into options (app/option_set.h). They work
/// on the command line, in TOML files and in sweeps, and records and checkpoints store them. The
/// name of an option is unique in the whole program.
class App {
 public:
  /// Adds a problem for `--problem NAME`. `make` returns the problem. The help shows `purpose`.
  void add_problem(const std::string& name, const std::string& purpose,
                   Problem (*make)(const RunOptions&)) {
    attempt([&] { registry().add(ProblemEntry{name, purpose, make}); });
  }
  template <class Own>
  void add_problem(const std::string& name, const std::string& purpose,
                   void (*declare)(OptionSet&, Own&),
                   Problem (*make)(const RunOptions&, const Own&)) {
    add_with_own<ProblemEntry>(name, purpose, declare, make);
  }

  /// `make` receives the training examples and `outputs`, the number of values that the loss needs
  /// per example.
  void add_model(const std::string& name, const std::string& purpose,
                 Model (*make)(const RunOptions&, const Dataset& train, Index outputs)) {
    attempt([&] { registry().add(ModelEntry{name, purpose, make}); });
  }
  template <class Own>
  void add_model(const std::string& name, const std::string& purpose,
                 void (*declare)(OptionSet&, Own&),
                 Model (*make)(const RunOptions&, const Dataset& train, Index outputs,
                               const Own&)) {
    add_with_own<ModelEntry>(name, purpose, declare, make);
  }

  /// Adds a data set for `--data NAME`. `load` returns the training and test examples.
  void add_data(const std::string& name, const std::string& purpose,
                DataSplit (*load)(const RunOptions&)) {
    attempt([&] { registry().add(DataEntry{name, purpose, load}); });
  }
  template <class Own>
  void add_data(const std::string& name, const std::string& purpose,
                void (*declare)(OptionSet&, Own&),
                DataSplit (*load)(const RunOptions&, const Own&)) {
    add_with_own<DataEntry>(name, purpose, declare, load);
  }

  /// Adds a loss for `--loss NAME`.
  void add_loss(LossEntry loss) {
    attempt([&] { registry().add(std::move(loss)); });
  }

  /// Adds a method that has `record` or `record_in` set.
  void add_method(Method method) {
    attempt([&] { twice::add_method(std::move(method)); });
  }
  /// Adds a method with its own options. `method` must have neither `record` nor `record_in` set.
  template <class Own>
  void add_method(Method method, void (*declare)(OptionSet&, Own&),
                  Estimate (*record)(const MethodContext&, const Own&)) {
    attempt([&] { registry().add_own(std::string(method.name), declare); });
    method.record_in = [record](const MethodContext& context) {
      return record(context, context.options.own_options<Own>());
    };
    add_method(std::move(method));
  }

  /// Adds an optimiser. `update` reads its own options from `options.own_options<Own>()`.
  void add_optimizer(OptimizerRule rule, OwnOptions own = {}) {
    attempt([&] {
      registry().add_own(rule.name, std::move(own));
      twice::add_optimizer(std::move(rule));
    });
  }

  /// Adds a learning rate schedule for `--schedule NAME`.
  void add_schedule(Schedule schedule, OwnOptions own = {}) {
    attempt([&] {
      registry().add_own(schedule.name, std::move(own));
      twice::add_schedule(std::move(schedule));
    });
  }

  /// Adds a planner pass that runs before the pass `before`. `--without` can switch it off.
  void add_pass(Pass pass, const std::string& before = "fuse") {
    add_pass(std::move(pass), OwnOptions(), before);
  }
  void add_pass(Pass pass, OwnOptions own, const std::string& before = "fuse") {
    attempt([&] {
      registry().add_own(pass.name, std::move(own));
      twice::add_pass(std::move(pass), before);
    });
  }

  /// Runs the command that the arguments name and returns the exit status. An error is printed as
  /// one line.
  int run(int argc, char** argv) const;

 private:
  /// Adds an entry with its own options, which are the last argument of `make`.
  template <class Entry, class Own>
  void add_with_own(const std::string& name, const std::string& purpose,
                    void (*declare)(OptionSet&, Own&), auto make) {
    attempt([&] {
      registry().add_own(name, declare);
      registry().add(Entry{name, purpose, [=](const RunOptions& o, const auto&... more) {
                             return make(o, more..., o.own_options<Own>(name));
                           }});
    });
  }
  /// The first mistake is kept for `run`, because no `main` catches it here.
  void attempt(const std::function<void()>& add) {
    try {
      add();
    } catch (const Error& error) {
      if (mistake_.empty()) mistake_ = error.what();
    }
  }
  std::string mistake_;
};

}  // namespace twice::experiments
