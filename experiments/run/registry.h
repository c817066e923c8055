// The registry of models, data sets, losses and problems. The library keeps methods, optimisers,
// schedules and planner passes in its own tables. An entry of any of these kinds may have its own
// options, which the registry keeps. The built-in entries are added in the same way as a user's
// entries.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/app/option_set.h"
#include "experiments/data/dataset.h"
#include "nn/model.h"

namespace twice::experiments {

struct RunOptions;
struct Problem;

/// An entry's own options: a struct whose members a function turns into options. By default there
/// are none.
struct OwnOptions {
  OwnOptions() = default;
  /// `Own` is a copyable struct with defaults.
  template <class Own>
  OwnOptions(void (*declare_members)(OptionSet&, Own&))
      : declare([declare_members](OptionSet& set, std::any& own) {
          if (!own.has_value()) own = Own();
          declare_members(set, *std::any_cast<Own>(&own));
        }) {}

  /// Makes the struct with its defaults if `own` is empty, and declares its members.
  std::function<void(OptionSet& set, std::any& own)> declare = {};
};

/// Numbers that measure the quality of predictions, by name. "accuracy" is a share, from 0 to 1.
using Metrics = std::map<std::string, double>;

/// A model for `--model NAME`.
struct ModelEntry {
  std::string name, purpose;
  /// Makes a model with `outputs` outputs for inputs like those of `train`.
  std::function<Model(const RunOptions& options, const Dataset& train, Index outputs)> make;
};

/// A data set for `--data NAME`.
struct DataEntry {
  std::string name, purpose;
  std::function<DataSplit(const RunOptions& options)> load;
};

/// A loss for `--loss NAME`.
struct LossEntry {
  std::string name, purpose;
  /// Whether the loss takes classes (i32), and whether it takes numbers. A loss that takes both
  /// gets classes as the numbers 0 and 1, and there must be two classes.
  bool takes_classes = false, takes_numbers = false;
  /// Whether numeric targets in files are standardised. False for a loss that needs the values
  /// themselves, as `bce` needs shares.
  bool standardizes_targets = false;
  /// The number of values that a model predicts per example.
  std::function<Index(const Dataset& train)> outputs;
  /// Records the loss, a scalar, from predictions (n, outputs) and the batch's targets.
  std::function<Tensor(Tensor predictions, Tensor targets)> record;
  /// The metrics of the predictions for all examples. "loss" is among them.
  std::function<Metrics(const Array& predictions, const Dataset& examples)> metrics;
};

/// A problem that is not a model with data and a loss of its predictions.
struct ProblemEntry {
  std::string name, purpose;
  std::function<Problem(const RunOptions& options)> make;
};

/// All models, data sets, losses and problems by name, and the own options of all entries.
class Registry {
 public:
  /// A registry with the built-in models, data sets and losses.
  Registry();

  // Each throws if the name is taken.
  void add(ModelEntry entry) { add_to(models_, "model", std::move(entry)); }
  void add(DataEntry entry) { add_to(data_, "data set", std::move(entry)); }
  void add(LossEntry entry) { add_to(losses_, "loss", std::move(entry)); }
  void add(ProblemEntry entry) { add_to(problems_, "problem", std::move(entry)); }
  /// Adds the own options of the entry `name`, of any kind. Throws if an entry of that name has
  /// options already.
  void add_own(const std::string& name, OwnOptions own);

  const std::vector<ModelEntry>& models() const { return models_; }
  const std::vector<DataEntry>& data() const { return data_; }
  const std::vector<LossEntry>& losses() const { return losses_; }
  const std::vector<ProblemEntry>& problems() const { return problems_; }

  /// Declares every entry's own options. The values are stored in `own`, by the entries' names.
  void declare(OptionSet& set, std::map<std::string, std::any>& own) const;
  /// The entry that has this option as its own; "" if there is none.
  std::string owner_of(const std::string& option) const;

 private:
  template <class Entry>
  static void add_to(std::vector<Entry>& entries, const char* kind, Entry entry) {
    check_new(kind, entries, entry.name);
    entries.push_back(std::move(entry));
  }

  std::vector<ModelEntry> models_;
  std::vector<DataEntry> data_;
  std::vector<LossEntry> losses_;
  std::vector<ProblemEntry> problems_;
  std::vector<std::pair<std::string, OwnOptions>> own_;
};

/// The program's only registry.
Registry& registry();

}  // namespace twice::experiments
