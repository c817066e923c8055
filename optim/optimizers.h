// Optimisers: the update of the parameters from a gradient. Each parameter is updated in place, in
// its dtype, in one pass over memory. The bits are the same for every number of threads. The state
// of an optimiser (momentum, moments, the step count) can be saved and restored exactly, for
// checkpoints.
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

/// The name of an optimiser, and its constants. In the equations g is the gradient, lambda is
/// weight_decay, and t = 1, 2, ... is the step. (d, v, u, m and s below are local to this comment.)
///
/// `sgd`: d = g + lambda w (coupled; otherwise d = g),
///        v <- momentum v + d,      initially v = 0,
///        u = d + momentum v (nesterov; otherwise u = v),
///        w <- w - lr u (decoupled: w <- (1 - lr lambda) w - lr u).
/// `adam` (Kingma, Ba, ICLR 2015; coupled), `adamw` (Loshchilov, Hutter, ICLR 2019; decoupled):
///        d = g + lambda w (adam; adamw: d = g),
///        m <- beta1 m + (1 - beta1) d,   s <- beta2 s + (1 - beta2) d^2,   initially m = s = 0,
///        w <- w - lr m^ / (sqrt(s^) + epsilon),   m^ = m / (1 - beta1^t), s^ = s / (1 - beta2^t)
///        (adamw: w <- (1 - lr lambda) w - ...).
/// In both cases only the optimiser applies the weight decay. No gradient that a method computes
/// contains the decay.
struct OptimizerOptions {
  std::string name = "sgd";
  double lr = 0.1;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
  /// For sgd only. By definition the decay of adam is coupled and that of adamw is decoupled.
  bool decoupled = true;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  /// The options of an added optimiser, for `own_options`.
  std::any own = {};

  /// The options of an added optimiser, of the type that its entry declares.
  template <class Own>
  const Own& own_options() const {
    return std::any_cast<const Own&>(own);
  }
};

/// The arguments of the update of one parameter.
struct ParameterUpdate {
  const OptimizerOptions& options;
  double lr;
  std::int64_t step;  ///< t = 1, 2, ...
  const Array& parameter;
  const Array& gradient;          ///< contiguous, with the parameter's shape and dtype
  std::span<const Array> memory;  ///< in the order of `OptimizerRule::memory`; initially zeros

  /// Updates every number in place. `make(T())` returns a function of (T& w, T g, T&... memory).
  /// The function is called once for each number, in parallel, with `slots` numbers of memory.
  /// Throws if the memory does not have `slots` arrays.
  template <std::size_t slots, class Make>
  void each(const Make& make) const;
};

/// An optimiser: its name, its memory, and the update of a parameter.
struct OptimizerRule {
  std::string name;
  std::string equation = {};
  /// The members of OptimizerOptions, besides lr and weight_decay, that the optimiser reads.
  std::string options = {};
  /// A learning rate to start with.
  double default_lr = 0.001;
  /// The names of the arrays that the optimiser keeps for each parameter.
  std::function<std::vector<std::string>(const OptimizerOptions& options)> memory = {};
  /// Updates one parameter and its memory.
  std::function<void(const ParameterUpdate& update)> update = {};
};

/// All optimisers.
const std::deque<OptimizerRule>& optimizers();
/// The optimiser with this name. If there is none, throws an error that lists the names.
const OptimizerRule& optimizer(std::string_view name);
/// Adds an optimiser. Throws if the name is taken or there is no `update`.
void add_optimizer(OptimizerRule rule);

/// An optimiser with its state.
class Optimizer {
 public:
  /// Throws for an unknown name, and for a constant that is out of range.
  explicit Optimizer(OptimizerOptions options = {});

  /// Makes one step in place. `lr`, if given, replaces the rate in the options. Every call must
  /// have the same parameters in the same order. Each parameter must be contiguous, f32 or f64,
  /// with a gradient of its shape and dtype. No two parameters may share memory, and no parameter
  /// may share memory with the gradient of another. Checks everything before it changes anything.
  void update(std::span<const Array> parameters, std::span<const Array> gradient,
              std::optional<double> lr = {});
  /// The same for parameters of a tape, whose arrays the plans read:
  /// `sgd.update(w, step.values(g))`.
  void update(const Tensors& parameters, std::span<const Array> gradient,
              std::optional<double> lr = {});

  /// The optimiser's memory by name (`momentum.0`, `first_moment.0`, ...), one array for each
  /// parameter. Empty before the first step, and for sgd without momentum. The arrays are shared
  /// with the optimiser; `clone` them to keep their values.
  std::vector<std::pair<std::string, Array>> state() const;
  /// Restores the results of `state` and `steps`; the arrays are copied. Throws, without a change,
  /// if the names are not those of this optimiser.
  void restore(std::span<const std::pair<std::string, Array>> state, std::int64_t steps);

  /// The number of updates so far.
  std::int64_t steps() const { return steps_; }
  /// The options that were given to the constructor.
  const OptimizerOptions& options() const { return options_; }

 private:
  void check_update(std::span<const Array> parameters, std::span<const Array> gradient,
                    double lr) const;

  OptimizerOptions options_;
  const OptimizerRule* rule_;
  /// The names of the arrays that the optimiser keeps for each parameter.
  std::vector<std::string> slot_names_;
  /// memory_[slot][parameter]
  std::vector<std::vector<Array>> memory_;
  std::int64_t steps_ = 0;
};

template <std::size_t slots, class Make>
void ParameterUpdate::each(const Make& make) const {
  if (memory.size() != slots)
    fail("optimizer", "{} has {} memory arrays for each parameter; its update takes {}",
         options.name, memory.size(), slots);
  visit_float(parameter.dtype(), [&]<class T>(T) {
    const auto constants = make(T());
    [&]<std::size_t... k>(std::index_sequence<k...>) {
      const auto in_tile = [&](Index first, Index last) {
        // A local copy. Otherwise the compiler must assume that w may alias the constants, and it
        // can neither keep the constants in registers nor use vectors.
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
