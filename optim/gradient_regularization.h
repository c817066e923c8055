// Gradient regularization (GR): training methods that penalise the norm of the gradient, exactly or
// by finite differences, and related methods. A method records one program on the tape: the loss,
// its gradient, and the gradient G for the optimiser. The parameters are not written: a perturbed
// point is a value of the tape, so nothing has to be restored.
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

/// The tensors that a method records. The three are on one tape, and one `Plan` computes them.
struct Estimate {
  /// The loss ℒ at w, from the first forward pass; this value is logged.
  Tensor loss;
  /// g = ∇ℒ(w).
  Tensors plain;
  /// G, the gradient for the optimiser.
  Tensors gradient;
};

/// The constants in the equations of the methods. Each method reads those that `Method::options`
/// names.
struct MethodOptions {
  /// The weight of the penalty gamma/2 |g|^2; >= 0. For `pgn`, the weight lambda of lambda |g|.
  double gamma = 0.02;
  /// The step eps of the finite differences; > 0.
  double epsilon = 0.05;
  /// The length of the perturbation in `sam`, `asam` and `pgn`; > 0.
  double rho = 0.05;
  /// eta in asam's T = |w| + eta; >= 0.
  double asam_eta = 0;
  /// The level b at which `flooding` holds the loss.
  double flood_level = 0.05;
  /// The options of a method that was added, for `own_options`.
  std::any own = {};

  /// The options of an added method, of the type that its entry declares.
  template <class Own>
  const Own& own_options() const {
    return std::any_cast<const Own&>(own);
  }
};

/// Throws if a number is not finite or out of range. The error names the option and its value.
void check(const MethodOptions& options);

/// The arguments of a method that needs more than a function of the parameters. The training loop
/// builds them. `Method::operator()` for a plain function supplies only the first three; the others
/// throw when they are used.
struct MethodContext {
  const ScalarFunction& loss;
  const Tensors& w;
  const MethodOptions& options;
  /// The batch, and a function that records the loss on this or another batch. After a call,
  /// `pass.predictions` has the predictions of the model. `output_of(tape, "linear2")` gives the
  /// output of a layer.
  BatchTensors batch = {};
  std::function<Tensor(const Tensors& w, const BatchTensors& batch, ForwardPass& pass)> loss_on =
      {};
  /// The index of the method's program that is being recorded.
  int program = 0;
  /// Random numbers of the run's seed. Numbers that must differ from step to step should be keyed
  /// by `step`.
  Rng rng = Rng(0);

  /// The number of steps before this one: an i32 scalar, which each run binds.
  Tensor step() const { return give(step_input, "number")(); }
  /// A value that the method carries from step to step, `initial` before the first step.
  /// Checkpoints contain it. `keep` sets its value for the next step.
  Tensor memory(const std::string& name, const Array& initial) const {
    return give(read_memory, "memory")(name, initial);
  }
  /// Sets the value that `memory(name)` has at the next step.
  void keep(const std::string& name, Tensor value) const {
    give(write_memory, "memory")(name, value);
  }

  /// The functions behind `step`, `memory` and `keep`; empty outside a training step.
  std::function<Tensor()> step_input = {};
  std::function<Tensor(const std::string&, const Array&)> read_memory = {};
  std::function<void(const std::string&, Tensor)> write_memory = {};

 private:
  template <class F>
  static const F& give(const F& function, const char* what) {
    if (!function) fail("method", "the {} of a step exists only in a training step", what);
    return function;
  }
};

/// The number of matrix products in one step for an MLP with L linear layers whose input needs no
/// gradient: per_layer L - saved. Counted for the recorded program after dead-code removal, without
/// rewriting.
struct ProductLaw {
  int per_layer = 0;  ///< 0 if no law is known
  int saved = 0;
  /// The number of products for L = `depth`.
  int products(int depth) const { return per_layer * depth - saved; }
};
/// `9L - 5`; "-" if no law is known.
std::string str(const ProductLaw& law);

/// A training method: its equation, its costs, and the function that records it.
struct Method {
  std::string_view name;
  /// The equation of G, the gradient for the optimiser.
  std::string_view equation = "";
  /// The conventions that published code often leaves open: the norm that is penalised, and the
  /// length of the step.
  std::string_view convention = "";
  std::string_view source = "";
  /// The members of MethodOptions that the method reads.
  std::string_view options = "";
  /// The number of products as recorded, and of full-size products after planning, for a batch
  /// smaller than the width of the layers. `c-gr` needs only the difference of the gradients ahead
  /// and behind. In the first layer both have the factor x', so this difference is one product.
  ProductLaw law = {}, planned_law = {};
  /// Records the method for a function of the parameters.
  Estimate (*record)(const ScalarFunction& loss, const Tensors& w,
                     const MethodOptions& options) = nullptr;
  /// The planner passes for the method's step. `exact-naive` leaves out the passes that rewrite
  /// products, which shows how much they save.
  PlanOptions plan = {};

  /// Used instead of `record` by a method that needs more than a function of the parameters.
  std::function<Estimate(const MethodContext&)> record_in = {};
  /// A method whose steps differ has several programs. `program` returns the index of the program
  /// for a step; steps count from 0. Reports show the mean cost of several steps, or name the
  /// program that they show.
  int programs = 1;
  std::function<int(std::int64_t step, const MethodOptions& options)> program = {};

  /// Checks the options, and that no variable in w is listed twice or was computed from another
  /// one; then records. `loss` is called once for each point at which a gradient is taken, first at
  /// w itself. Only this first call may update the running statistics of a model. All calls must
  /// use the same batch and the same random masks.
  Estimate operator()(const ScalarFunction& loss, const Tensors& w,
                      const MethodOptions& options = {}) const;
  Estimate operator()(const MethodContext& context) const;
};

/// All methods, in the order in which reports show them.
const std::deque<Method>& methods();

/// Adds a method after the others. Throws if its name is taken or its functions are incomplete.
void add_method(Method method);

/// The method with this name. Throws, with a list of the names, if there is none.
const Method& method(std::string_view name);

}  // namespace twice
