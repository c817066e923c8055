// Optimisers: how a parameter moves along a gradient. One pass over memory a parameter, in place,
// in the parameters' dtype; the same bits at any thread count. An optimiser's memory (momentum,
// moments, the step count) can be read and put back exactly, for checkpoints.
#pragma once

#include <any>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/array/array.h"
#include "autodiff/tape/tape.h"
#include "autodiff/threads/parallel.h"

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
  /// The options of an optimiser of your own, for `own_options`.
  std::any own = {};

  template <class Own>
  const Own& own_options() const {
    return std::any_cast<const Own&>(own);
  }
};

/// One step of one parameter.
struct ParameterUpdate {
  const OptimizerOptions& options;
  double lr;
  std::int64_t step;  ///< t = 1, 2, ...
  const Array& parameter;
  const Array& gradient;          ///< contiguous, of the parameter's shape and dtype
  std::span<const Array> memory;  ///< in the order of `OptimizerRule::memory`; zeros at first

  /// Changes every number in place: `make(T())` gives a function of (T& w, T g, T&... memory),
  /// called once for each number, in parallel, with as many numbers of memory as `slots`.
  template <std::size_t slots, class Make>
  void each(const Make& make) const;
};

/// An optimiser: what it remembers and how a parameter moves.
struct OptimizerRule {
  std::string name;
  std::string equation = {};
  /// The names of the members of OptimizerOptions that it reads beside lr and weight_decay.
  std::string options = {};
  /// A learning rate to begin with.
  double default_lr = 0.001;
  /// The names of what it remembers for each parameter.
  std::function<std::vector<std::string>(const OptimizerOptions& options)> memory = {};
  std::function<void(const ParameterUpdate& update)> update = {};
};

const std::deque<OptimizerRule>& optimizers();
/// The optimiser of that name; throws, listing the names, when there is none.
const OptimizerRule& optimizer(std::string_view name);
/// Adds an optimiser of your own. Throws when the name is taken.
void add_optimizer(OptimizerRule rule);

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
  const OptimizerRule* rule_;
  /// The names of what it remembers for each parameter.
  std::vector<std::string> slot_names_;
  /// memory_[slot][parameter]
  std::vector<std::vector<Array>> memory_;
  std::int64_t steps_ = 0;
};

template <std::size_t slots, class Make>
void ParameterUpdate::each(const Make& make) const {
  if (memory.size() != slots)
    fail("optimizer", "{} remembers {} arrays a parameter; its update takes {}", options.name,
         memory.size(), slots);
  visit_float(parameter.dtype(), [&]<class T>(T) {
    const auto constants = make(T());
    [&]<std::size_t... k>(std::index_sequence<k...>) {
      const auto in_tile = [&](Index first, Index last) {
        // Copies: as far as the compiler knows, w might be where the constants are, and then it
        // could neither keep them in registers nor use vectors.
        const auto move = constants;
        T* const w = parameter.data<T>();
        const T* const g = gradient.data<T>();
        const std::array<T*, slots> m = {memory[k].template data<T>()...};
        for (Index i = first; i < last; ++i) move(w[i], g[i], m[k][i]...);
      };
      parallel_ranges(parameter.elements(), elements_per_tile, in_tile);
    }
    (std::make_index_sequence<slots>());
  });
}

}  // namespace twice
