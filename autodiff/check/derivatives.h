// Checks of derivatives, for ops, models and users' own functions. Derivatives up to the third
// order are compared with finite differences of the derivatives one order lower.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autodiff/array/array.h"
#include "autodiff/tape/tape.h"

namespace twice {

/// A function of tensors, which it records on their tape.
using Function = std::function<Tensors(const Tensors&)>;

/// The extent of a check.
struct CheckOptions {
  /// Highest order of derivative: 1, 2 or 3.
  int order = 3;
  /// How many entries of each input are perturbed one by one. If an input has more entries, this
  /// many are drawn at random, and random directions in all inputs test the rest.
  Index entries = 24;
  /// Seed of the cotangents, the directions and the drawn entries.
  std::uint64_t seed = 1;
};

/// One comparison of numbers that are computed in two ways, at the place with the largest error.
struct CheckResult {
  /// The name of the check: see `check_derivatives`.
  std::string check;
  /// The order of the derivative.
  int order = 1;
  /// The largest |engine - reference| / max(1, |reference|); NaN if a number is NaN.
  double error = 0;
  /// The largest error that passes.
  double tolerance = 0;
  /// The step of the finite difference; 0 if the check uses none.
  double step = 0;
  /// The place: entry `entry` of input `input`; -1 for a sum over all entries of all inputs.
  int input = -1;
  Index entry = -1;
  /// The two numbers at that place.
  double engine = 0, reference = 0;
  /// True if the error is within the tolerance.
  bool ok = false;
};

/// `order 2, finite difference: input 0, entry 3: engine 1.5, reference 1.2: error 0.25 > 1e-07`
std::string str(const CheckResult& result);

/// Checks the derivatives of f at `inputs`. The float inputs must have one dtype. i32 inputs
/// (labels, indices) are passed on without derivatives. Use f64 for checks; f32 needs wide
/// tolerances. Returns one result for each check and order.
///
/// With random u_0, u_1, ...: s_0 = <f(x), u_0>, g_k = grad s_(k-1), s_k = <g_k, u_k>. Recording
/// g_k takes k nested backward sweeps. The checks, by name and order k:
///   finite difference     g_k against differences of s_(k-1), which k - 1 sweeps compute: one
///                         difference at every order. Error O(step^4) and rounding/step.
///   adjoint               k = 1: <J v, u> by a forward sweep against <v, J'u> by a backward sweep
///   forward over reverse  k = 2: push(g_1) along u_1 against g_2
///   reverse over forward  k = 2: grad <J u_1, u_0> against g_2
///   planned               g_k with all planner passes against g_k with none
std::vector<CheckResult> check_derivatives(const Function& f, const std::vector<Array>& inputs,
                                           const CheckOptions& options = {});

}  // namespace twice
