// Optimisers: how a parameter moves along a gradient. One pass over memory a parameter, in place,
// in the parameters' dtype; the same bits at any thread count. An optimiser's memory (momentum,
// moments, the step count) can be read and put back exactly, for checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/array/array.h"
#include "autodiff/tape/tape.h"

namespace twice {

/// Which optimiser, and its constants. With gradient g, lambda = weight_decay, step t = 1, 2, ...
///
/// `sgd`: d = g + lambda w (coupled; else d = g),
///        v <- momentum v + d,      v = 0 at the start,
///        u = d + momentum v (nesterov; else u = v),
///        w <- w - lr u (decoupled: w <- (1 - lr lambda) w - lr u).
/// `adam` (Kingma, Ba, ICLR 2015; coupled), `adamw` (Loshchilov, Hutter, ICLR 2019; decoupled):
///        d = g + lambda w (adam; adamw: d = g),
///        m <- beta1 m + (1 - beta1) d,   s <- beta2 s + (1 - beta2) d^2,   m = s = 0 at the start,
///        w <- w - lr m^ / (sqrt(s^) + epsilon),   m^ = m / (1 - beta1^t), s^ = s / (1 - beta2^t)
///        (adamw: w <- (1 - lr lambda) w - ...).
/// Either way the decay is the optimiser's own: it is in no gradient that a method perturbs.
struct OptimizerOptions {
  std::string name = "sgd";
  double lr = 0.1;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
  /// For sgd only: adam's decay is coupled and adamw's decoupled, by definition.
  bool decoupled = true;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

std::vector<std::string> optimizer_names();

class Optimizer {
 public:
  /// Throws for an unknown name or a constant out of range, naming it and its value.
  explicit Optimizer(OptimizerOptions options = {});

  /// One step, in place; `lr` replaces the options' own when given. Needs the same parameters, in
  /// the same order, at every call; each contiguous, f32 or f64, with a gradient of its shape and
  /// dtype. No two parameters share memory, nor a parameter and another one's gradient. Checks
  /// everything before it changes anything.
  void update(std::span<const Array> parameters, std::span<const Array> gradient,
              std::optional<double> lr = {});
  /// The same for parameters of a tape, whose arrays the plans read:
  /// `sgd.update(w, step.values(g))`.
  void update(const Tensors& parameters, std::span<const Array> gradient,
              std::optional<double> lr = {});

  /// The optimiser's memory by name (`momentum.0`, `first_moment.0`, ...), one entry a parameter;
  /// empty before the first step and without momentum. Shared, not copied: clone to keep.
  std::vector<std::pair<std::string, Array>> state() const;
  /// Puts back what `state` and `steps` gave; the arrays are copied. Throws, changing nothing, when
  /// the names are not this optimiser's.
  void restore(std::span<const std::pair<std::string, Array>> state, std::int64_t steps);

  /// Updates made so far.
  std::int64_t steps() const { return steps_; }
  const OptimizerOptions& options() const { return options_; }

 private:
  void check_update(std::span<const Array> parameters, std::span<const Array> gradient,
                    double lr) const;

  OptimizerOptions options_;
  /// The names of what it remembers for each parameter: none, momentum, or two moments.
  std::vector<std::string> slot_names_;
  /// memory_[slot][parameter]
  std::vector<std::vector<Array>> memory_;
  std::int64_t steps_ = 0;
};

}  // namespace twice
