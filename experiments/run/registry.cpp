// Implements the registry and adds its built-in entries.
#include "experiments/run/registry.h"

#include <cmath>

#include "autodiff/ops/loss.h"
#include "autodiff/ops/shape_ops.h"
#include "experiments/data/catalogue.h"
#include "experiments/run/problem.h"
#include "nn/losses.h"
#include "nn/models.h"

namespace twice::experiments {

namespace {

// ---- losses ----

Index class_count(const Dataset& train) { return train.classes; }

Index numbers_each(const Dataset& train) { return train.targets().elements() / train.size(); }

Metrics class_metrics(const Array& logits, const Dataset& examples) {
  const auto n = static_cast<double>(examples.size());
  return {{"loss", total_cross_entropy(logits, examples.targets()) / n},
          {"accuracy", static_cast<double>(count_correct(logits, examples.targets())) / n}};
}

/// The mean of `term(prediction, target)` over all numbers.
template <class Term>
double mean_of(const Array& predictions, const Array& targets, const Term& term) {
  double sum = 0;
  for (Index i = 0; i < predictions.elements(); ++i) sum += term(predictions.at(i), targets.at(i));
  return sum / static_cast<double>(predictions.elements());
}

/// "loss" is the mean square error. "rmse" is its root in the units of the file. "r2" is the
/// explained share of the targets' variance: 1 - squared error / squared distance from the mean of
/// each output. It is NaN if the targets do not vary.
Metrics number_metrics(const Array& predictions, const Dataset& examples) {
  const Array& targets = examples.targets();
  const Index n = targets.shape()[0], outputs = targets.elements() / n;
  double variance = 0;
  for (Index k = 0; k < outputs; ++k) {
    // The distances from the first target. They are exactly 0 if all targets are equal.
    const double first = targets.at(k);
    double mean = 0;
    for (Index i = 0; i < n; ++i)
      mean += (targets.at(i * outputs + k) - first) / static_cast<double>(n);
    for (Index i = 0; i < n; ++i)
      variance += std::pow(targets.at(i * outputs + k) - first - mean, 2);
  }
  const double squares =
      mean_of(predictions, targets, [](double p, double t) { return (p - t) * (p - t); });
  const double explained = variance > 0
                               ? 1 - squares * static_cast<double>(targets.elements()) / variance
                               : std::nan("");
  double square = 0;  // in the units of the file
  for (Index i = 0; i < targets.elements(); ++i)
    square += std::pow(examples.in_units(predictions.at(i), i % outputs) -
                           examples.in_units(targets.at(i), i % outputs),
                       2);
  return {{"loss", squares},
          {"rmse", std::sqrt(square / static_cast<double>(targets.elements()))},
          {"r2", explained}};
}

/// The targets in the shape of the predictions.
Tensor fitted(Tensor targets, Tensor predictions) { return reshape(targets, predictions.shape()); }

double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

void add_losses(Registry& to) {
  to.add(LossEntry{.name = "cross-entropy",
                   .purpose = "of classes",
                   .takes_classes = true,
                   .outputs = class_count,
                   .record = [](Tensor p, Tensor t) { return cross_entropy(p, t); },
                   .metrics = class_metrics});
  to.add(LossEntry{.name = "mse",
                   .purpose = "mean square error",
                   .takes_numbers = true,
                   .standardizes_targets = true,
                   .outputs = numbers_each,
                   .record = [](Tensor p, Tensor t) { return mse(p, fitted(t, p)); },
                   .metrics = number_metrics});
  to.add(LossEntry{.name = "huber",
                   .purpose = "square error, linear beyond 1",
                   .takes_numbers = true,
                   .standardizes_targets = true,
                   .outputs = numbers_each,
                   .record = [](Tensor p, Tensor t) { return huber(p, fitted(t, p)); },
                   .metrics =
                       [](const Array& p, const Dataset& examples) {
                         Metrics metrics = number_metrics(p, examples);
                         metrics["loss"] = mean_of(p, examples.targets(), [](double a, double b) {
                           const double d = std::abs(a - b);
                           return d <= 1 ? d * d / 2 : d - 0.5;
                         });
                         return metrics;
                       }});
  to.add(LossEntry{
      .name = "bce",
      .purpose = "binary cross-entropy, of two classes or of numbers from 0 to 1",
      .takes_classes = true,
      .takes_numbers = true,
      .outputs = numbers_each,
      .record = [](Tensor p, Tensor t) { return binary_cross_entropy(p, fitted(t, p)); },
      .metrics = [](const Array& p, const Dataset& examples) -> Metrics {
        const Array& t = examples.targets();
        return {{"loss", mean_of(p, t, [](double x, double y) { return softplus_of(x) - x * y; })},
                {"accuracy", mean_of(p, t, [](double x, double y) {
                   return static_cast<double>((x > 0) == (y > 0.5));
                 })}};
      }});
}

}  // namespace

Registry::Registry() {
  for (const std::string& name : model_names())
    if (name != "dln")  // takes none of the shared options
      add(ModelEntry{name, "", [name](const RunOptions& o, const Dataset& train, Index outputs) {
                       const Shape& shape = train.inputs().shape();
                       return make_model(
                           {.model = name,
                            .input = Shape(std::vector<Index>(shape.begin() + 1, shape.end())),
                            .classes = outputs,
                            .width = o.width,
                            .channels = o.channels,
                            .depth = o.depth,
                            .activation = o.activation});
                     }});
  for (const DataSource& source : data_sources())
    add(DataEntry{source.name, source.title, [name = source.name](const RunOptions& o) {
                    return load_data(name, synthetic_options(o.input, o.classes));
                  }});
  add_losses(*this);
}

void Registry::add_own(const std::string& name, OwnOptions own) {
  if (!own.declare) return;
  for (const auto& [known, options] : own_)
    if (known == name) fail("registry", "there is an entry {} with options already", name);
  own_.emplace_back(name, std::move(own));
}

void Registry::declare(OptionSet& set, std::map<std::string, std::any>& own) const {
  for (const auto& [name, options] : own_) {
    set.group("Options of " + name, true);
    const ErrorPlace place(std::make_shared<const std::string>("the options of " + name));
    options.declare(set, own[name]);
  }
}

std::string Registry::owner_of(const std::string& option) const {
  for (const auto& [name, options] : own_) {
    OptionSet set;
    std::any own;
    options.declare(set, own);
    if (set.find(option)) return name;
  }
  return {};
}

Registry& registry() {
  static Registry the_one;
  return the_one;
}

}  // namespace twice::experiments
