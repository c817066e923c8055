// Gradient regularization (GR): training methods that penalise the gradient's norm, exactly or by
// finite differences, and their relatives. A method records one program on the tape: the loss, its
// gradient and the gradient that the optimiser gets. Nothing is written to the parameters: a
// perturbed point is a value of the tape, so there is nothing to restore afterwards.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autodiff/derive/hvp.h"
#include "autodiff/plan/graph.h"

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
};

/// Throws for a number that is not finite or out of range, naming the option and the value.
void check(const MethodOptions& options);

/// Matrix products in one step on an MLP of L linear layers whose input needs no gradient:
/// per_layer L - saved, for the program as recorded (dead code removed, nothing rewritten).
struct ProductLaw {
  int per_layer;
  int saved;
  int products(int depth) const { return per_layer * depth - saved; }
};
/// `9L - 5`
std::string str(const ProductLaw& law);

struct Method {
  std::string_view name;
  /// The gradient that the optimiser gets, G, with g = grad L(w).
  std::string_view equation;
  /// What public code most often leaves unsaid: which norm is penalised, how long the step is.
  std::string_view convention;
  std::string_view source;
  /// The members of MethodOptions that it reads.
  std::string_view options;
  /// Products as recorded, and those of full size that the planner leaves when the batch is smaller
  /// than the layers are wide. (`c-gr` reads the gradients ahead and behind only as their
  /// difference, which in the first layer, where both have the factor x', is one product.)
  ProductLaw law, planned_law;
  Estimate (*record)(const ScalarFunction& loss, const Tensors& w, const MethodOptions& options);
  /// The passes that its step is planned with. `exact-naive` leaves out those that rewrite
  /// products, and so shows the worth of them.
  PlanOptions plan = {};

  /// Checks the options and that no variable in w is listed twice or was computed from another one,
  /// then records. `loss` is called once for each point at which a gradient is
  /// taken, first at w itself: only that call may update a model's running statistics, and all
  /// calls must see the same batch and the same random masks.
  Estimate operator()(const ScalarFunction& loss, const Tensors& w,
                      const MethodOptions& options = {}) const;
};

/// Every method, in the order in which reports show them.
const std::vector<Method>& methods();

/// The method of that name; throws, listing the names, when there is none.
const Method& method(std::string_view name);

}  // namespace twice
