// Gradient checks: is a derivative that the engine recorded the derivative of the values that it
// computes? For ops, models and users' own functions alike; the engine is asked for derivatives up
// to the third order and compared with finite differences of what it computes one order lower.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autodiff/array/array.h"
#include "autodiff/tape/tape.h"

namespace twice {

/// Any function of tensors, recorded on their tape when called.
using Function = std::function<Tensors(const Tensors&)>;

struct CheckOptions {
  /// Highest order of derivative: 1, 2 or 3.
  int order = 3;
  /// Entries of each input that are perturbed one by one; when an input has more, this many are
  /// drawn, and random directions through all inputs cover the rest.
  Index entries = 24;
  /// Seed of cotangents, directions and drawn entries.
  std::uint64_t seed = 1;
};

/// One comparison of two ways to the same numbers, and the place where they differ most.
struct CheckResult {
  /// What was compared with the engine's gradient: see `check_derivatives`.
  std::string check;
  int order = 1;
  /// The largest |engine - reference| / max(1, |reference|); NaN when a number is.
  double error = 0;
  double tolerance = 0;
  /// The step of the finite difference; 0 when the check has none.
  double step = 0;
  /// Where: entry `entry` of input `input`; -1 for a sum over all entries of all inputs.
  int input = -1;
  Index entry = -1;
  double engine = 0, reference = 0;
  bool ok = false;
};

/// `order 2, finite difference: input 0, entry 3: engine 1.5, reference 1.2: error 0.25 > 1e-07`
std::string str(const CheckResult& result);

/// Checks the derivatives of f at `inputs`, all floats of one dtype; i32 inputs (labels, indices)
/// are passed on. f64 is for checking; f32 works with wide tolerances.
///
/// With random u_0, u_1, ...: s_0 = <f(x), u_0>, g_k = grad s_(k-1), s_k = <g_k, u_k>. So g_k is
/// recorded by k backward sweeps over each other. The checks, by name and order k:
///   finite difference     g_k against differences of s_(k-1), which is computed by k - 1 sweeps:
///                         never differences of differences. Error O(step^4) and rounding/step.
///   adjoint               k = 1: <J v, u> of one forward sweep against <v, J'u> of one backward
///   forward over reverse  k = 2: push(g_1) along u_1 against g_2
///   reverse over forward  k = 2: grad <J u_1, u_0> against g_2
///   planned               g_k with every planner pass against g_k with none
std::vector<CheckResult> check_derivatives(const Function& f, const std::vector<Array>& inputs,
                                           const CheckOptions& options = {});

}  // namespace twice
