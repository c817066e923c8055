// The registry of models, data sets, losses, methods, optimisers, schedules, planner passes and
// problems. Each is an entry, and may have
// options of its own. The built-in ones are added as a user's are.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/app/option_set.h"
#include "experiments/data/dataset.h"
#include "nn/model.h"
#include "optim/gradient_regularization.h"
#include "optim/optimizers.h"
#include "optim/schedules.h"

namespace twice::experiments {

struct RunOptions;
struct Problem;

/// The options of an entry: a struct of its own kind, whose members `declare` names.
struct OwnOptions {
  /// Makes the struct with its defaults if `own` is empty, and declares its members.
  std::function<void(OptionSet& set, std::any& own)> declare = {};

  /// The options that `declare` declares; `Own` is a copyable struct with defaults.
  template <class Own>
  static OwnOptions of(void (*declare)(OptionSet&, Own&)) {
    return {[declare](OptionSet& set, std::any& own) {
      if (!own.has_value()) own = Own();
      declare(set, *std::any_cast<Own>(&own));
    }};
  }
};

/// Numbers by name that say how good predictions are. "accuracy" is a share of one.
using Metrics = std::map<std::string, double>;

/// A model for `--model NAME`.
struct ModelEntry {
  std::string name, purpose;
  /// A model for inputs like those of `train` with so many outputs.
  std::function<Model(const RunOptions& options, const Dataset& train, Index outputs,
                      const std::any& own)>
      make;
  OwnOptions own = {};
};

/// A data set for `--data NAME`.
struct DataEntry {
  std::string name, purpose;
  std::function<DataSplit(const RunOptions& options, const std::any& own)> load;
  OwnOptions own = {};
};

/// A loss for `--loss NAME`.
struct LossEntry {
  std::string name, purpose;
  /// What targets it takes: classes (i32), or numbers. One that takes both gets classes, of which
  /// there must be two, as the numbers 0 and 1.
  bool takes_classes = false, takes_numbers = false;
  /// Whether numbers in files are standardised. Not where they mean something to the loss, as
  /// shares do to `bce`.
  bool standardizes_targets = false;
  /// How many numbers a model predicts for each example.
  std::function<Index(const Dataset& train)> outputs;
  /// A scalar, from predictions (n, outputs) and the batch's targets.
  std::function<Tensor(Tensor predictions, Tensor targets)> record;
  /// Of predictions for all examples. "loss" is among them.
  std::function<Metrics(const Array& predictions, const Dataset& examples)> metrics;
};

/// A problem that is not a model with data and a loss of its predictions.
struct ProblemEntry {
  std::string name, purpose;
  std::function<Problem(const RunOptions& options, const std::any& own)> make;
  OwnOptions own = {};
};

// The library keeps these in its own tables; the registry adds their options.
struct MethodEntry {
  Method method;
  OwnOptions own = {};
};
/// An optimiser for `--optimizer NAME`.
struct OptimizerEntry {
  OptimizerRule rule;
  OwnOptions own = {};
};
/// A learning rate schedule for `--schedule NAME`.
struct ScheduleEntry {
  Schedule schedule;
  OwnOptions own = {};
};
/// A planner pass, which runs before the pass `before`.
struct PassEntry {
  Pass pass;
  std::string before = "fuse";
  OwnOptions own = {};
};

/// All models, data sets, losses, problems and further entries, by name.
class Registry {
 public:
  /// With the built-in models, data sets and losses.
  Registry();

  // Each throws when the name is taken.
  void add(ModelEntry entry);
  void add(DataEntry entry);
  void add(LossEntry entry);
  void add(ProblemEntry entry);
  void add(MethodEntry entry);
  void add(OptimizerEntry entry);
  void add(ScheduleEntry entry);
  void add(PassEntry entry);

  const std::vector<ModelEntry>& models() const { return models_; }
  const std::vector<DataEntry>& data() const { return data_; }
  const std::vector<LossEntry>& losses() const { return losses_; }
  const std::vector<ProblemEntry>& problems() const { return problems_; }

  /// Declares the options of all entries; the values go into `own`, by the names of the entries.
  void declare(OptionSet& set, std::map<std::string, std::any>& own) const;
  /// The entry whose own option that is; "" for options that are nobody's own.
  std::string owner_of(const std::string& option) const;

 private:
  void add_own(const std::string& name, const OwnOptions& own);

  std::vector<ModelEntry> models_;
  std::vector<DataEntry> data_;
  std::vector<LossEntry> losses_;
  std::vector<ProblemEntry> problems_;
  std::vector<std::pair<std::string, OwnOptions>> own_;
};

/// The one registry of the program.
Registry& registry();

}  // namespace twice::experiments
