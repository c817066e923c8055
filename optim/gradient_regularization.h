// Gradient regularization (GR): training methods that penalise the gradient's norm, exactly or by
// finite differences, and their relatives. A method records one program on the tape: the loss, its
// gradient and the gradient that the optimiser gets. Nothing is written to the parameters: a
// perturbed point is a value of the tape, so there is nothing to restore afterwards.
#pragma once

#include <any>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/derive/hvp.h"
#include "autodiff/kernels/random.h"
#include "autodiff/plan/graph.h"
#include "nn/batch.h"
#include "nn/layer.h"

namespace twice {

/// What a method records. All three are of one tape and go into one `Plan`.
struct Estimate {
  /// L at w: the first pass's loss, the one that is logged.
  Tensor loss;
  /// g = grad L(w).
  Tensors plain;
  /// What the optimiser gets instead of g.
  Tensors gradient;
};

/// The numbers in the methods' equations; each method reads those that its `options` names.
struct MethodOptions {
  /// Strength of the penalty; >= 0. For `pgn` it is lambda, the strength of lambda |g|.
  double gamma = 0.02;
  /// Finite-difference step; > 0.
  double epsilon = 0.05;
  /// Radius of the perturbation of `sam`, `asam` and `pgn`; > 0.
  double rho = 0.05;
  /// eta in asam's T = |w| + eta; >= 0.
  double asam_eta = 0;
  /// The loss b that `flooding` holds.
  double flood_level = 0.05;
  /// The options of a method's own, for `own_options`.
  std::any own = {};

  /// The method's own options, as its entry declared them.
  template <class Own>
  const Own& own_options() const {
    return std::any_cast<const Own&>(own);
  }
};

/// Throws for a number that is not finite or out of range, naming the option and the value.
void check(const MethodOptions& options);

/// What a method may use that is more than a function of the weights. Built by what runs the step;
/// `Method::operator()` on a function alone has none of it, and a method that asks is refused.
struct MethodContext {
  const ScalarFunction& loss;
  const Tensors& w;
  const MethodOptions& options;
  /// The batch, and the loss on this or any other batch with the pass that it takes. After a call
  /// `pass.predictions` are those of a model; `output_of(tape, "linear2")` is a layer's output.
  BatchTensors batch = {};
  std::function<Tensor(const Tensors& w, const BatchTensors& batch, ForwardPass& pass)> loss_on =
      {};
  /// Which of the method's `programs` is recorded.
  int program = 0;
  /// A stream of random numbers of the run's seed. Numbers of a step are keyed by `step`.
  Rng rng = Rng(0);

  /// How many steps were taken before this one: an i32 scalar, another number at each run.
  Tensor step() const { return give(step_input, "number")(); }
  /// A value that the method carries from step to step, `initial` before the first. Checkpoints
  /// hold it. `keep` says what it is after this step.
  Tensor memory(const std::string& name, const Array& initial) const {
    return give(read_memory, "memory")(name, initial);
  }
  void keep(const std::string& name, Tensor value) const {
    give(write_memory, "memory")(name, value);
  }

  /// How what runs the step does these.
  std::function<Tensor()> step_input = {};
  std::function<Tensor(const std::string&, const Array&)> read_memory = {};
  std::function<void(const std::string&, Tensor)> write_memory = {};

 private:
  template <class F>
  static const F& give(const F& function, const char* what) {
    if (!function) fail("method", "there is no training step here, and so no {} of a step", what);
    return function;
  }
};

/// Matrix products in one step on an MLP of L linear layers whose input needs no gradient:
/// per_layer L - saved, for the program as recorded (dead code removed, nothing rewritten).
struct ProductLaw {
  int per_layer = 0;  ///< 0: no law is known
  int saved = 0;
  int products(int depth) const { return per_layer * depth - saved; }
};
/// `9L - 5`; "-" where no law is known.
std::string str(const ProductLaw& law);

struct Method {
  std::string_view name;
  /// The gradient that the optimiser gets, G, with g = grad L(w).
  std::string_view equation = "";
  /// What public code most often leaves unsaid: which norm is penalised, how long the step is.
  std::string_view convention = "";
  std::string_view source = "";
  /// The members of MethodOptions that it reads.
  std::string_view options = "";
  /// Products as recorded, and those of full size that the planner leaves when the batch is smaller
  /// than the layers are wide. (`c-gr` reads the gradients ahead and behind only as their
  /// difference, which in the first layer, where both have the factor x', is one product.)
  ProductLaw law = {}, planned_law = {};
  Estimate (*record)(const ScalarFunction& loss, const Tensors& w,
                     const MethodOptions& options) = nullptr;
  /// The passes that its step is planned with. `exact-naive` leaves out those that rewrite
  /// products, and so shows the worth of them.
  PlanOptions plan = {};

  /// Records instead of `record`, where a method needs more than a function of the weights.
  std::function<Estimate(const MethodContext&)> record_in = {};
  /// A method that does not do the same at each step has several programs: `program` says which
  /// one the step takes (steps are counted from 0). Costs of several steps are shown as their mean,
  /// and where a single step is shown, it is that of program 0.
  int programs = 1;
  std::function<int(std::int64_t step, const MethodOptions& options)> program = {};

  /// Checks the options and that no variable in w is listed twice or was computed from another one,
  /// then records. `loss` is called once for each point at which a gradient is
  /// taken, first at w itself: only that call may update a model's running statistics, and all
  /// calls must see the same batch and the same random masks.
  Estimate operator()(const ScalarFunction& loss, const Tensors& w,
                      const MethodOptions& options = {}) const;
  Estimate operator()(const MethodContext& context) const;
};

/// Every method, in the order in which reports show them.
const std::deque<Method>& methods();

/// Adds a method after the others. Throws when its name is taken.
void add_method(Method method);

/// The method of that name; throws, listing the names, when there is none.
const Method& method(std::string_view name);

}  // namespace twice
