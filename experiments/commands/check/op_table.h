// The table of ops: a row for each public function that records ops, and for each op without a
// function of its own. `./twice check`, random graphs, the tests and docs/ops.md use the table. A
// test fails if an op has no row or if a row is incomplete.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "autodiff/check/derivatives.h"
#include "autodiff/kernels/random.h"
#include "experiments/commands/check/number.h"

namespace twice::experiments {

/// Draws one input inside an op's domain and away from its kinks, because a finite difference
/// across a kink of relu or max does not approximate a derivative.
using RandomArray = std::function<Array(const Rng&)>;

/// Standard normal numbers.
RandomArray normal(const Shape& shape);
/// Uniform in [low, high).
RandomArray uniform(const Shape& shape, double low, double high);
/// Uniform in [low, high), each with a random sign. With low > 0, no number is near 0.
RandomArray signed_uniform(const Shape& shape, double low, double high);
/// Numbers in random order without ties. Any two are at least 0.1 apart, and each is at least 0.1
/// away from 0.
RandomArray distinct(const Shape& shape);
/// -1, 0 and 1 in random order, each many times.
RandomArray repeated(const Shape& shape);
/// Labels or indices: i32 in [0, count).
RandomArray indices(const Shape& shape, Index count);

/// The bounds on the errors of an elementwise op's value, slope and curvature, in units in the last
/// place (accuracy.h), for both dtypes.
using Units = std::array<double, 3>;

/// A function of ops, with the inputs on which it is checked.
struct OpCase {
  /// `Op::name()` of the op under test.
  std::string op;
  /// The mode. Empty if there is only one.
  std::string label;
  /// One entry for each input of the function.
  std::vector<RandomArray> inputs;
  Function function;
  /// The bounds on the errors. Errors are measured only if bounds are given.
  std::optional<Units> units = {};
  /// For a function of several ops: the definition of the whole, used instead of the definitions of
  /// the recorded ops.
  Definition exact = {};
  /// True where the derivative of this order at an input x is a convention, or is lost in an
  /// intermediate step. It is not measured there.
  bool (*unmeasured)(int order, double x) = nullptr;

  std::string name() const { return label.empty() ? op : op + ", " + label; }
  /// The inputs, in f64 and i32. Equal seeds give equal inputs.
  std::vector<Array> draw(std::uint64_t seed = 1) const;
};

/// One way to compute a value from others in a random graph.
struct GraphOp {
  std::string name;
  std::size_t arity;
  bool (*accepts)(const std::vector<Shape>& x);
  std::function<Tensor(const Tensors& x)> apply;
  /// For an op with kinks or jumps: expressions that are 0 exactly at the kinks, such as relu's x
  /// or a - b of maximum. A finite difference across a kink is meaningless, and engines differ at
  /// kinks.
  Tensor (*kinks)(const Tensors& x) = nullptr;
};

/// All facts about a public function or an op. op_rows.h has helpers for writing rows.
struct OpRow {
  std::string op;
  /// As docs/ops.md shows it, such as `clamp(x, low, high)`. Empty if there is no public function.
  std::string signature;
  std::string equation, derivative;
  /// For a function that records several ops: the names of these ops. Otherwise empty.
  std::string built_from = {};
  /// The function, and suitable inputs.
  std::vector<RandomArray> inputs = {};
  std::function<Tensor(const Tensors& x)> call = {};
  /// If true, input 0 may be of any dtype. For concat and stack this holds for all inputs.
  bool moves = false;
  /// For an elementwise op only.
  Definition definition = {};
  std::vector<OpCase> cases = {};
  /// Cases exactly at kinks and ties, which finite differences cannot check. Each engine picks one
  /// of the slopes there. Ours are PyTorch's, and `check --write` exports these cases for a
  /// comparison with PyTorch.
  std::vector<OpCase> kinks = {};
  /// Each function by itself, scaled or shifted where this keeps its inputs in the domain and its
  /// value near size 1. No function has plateaus, since the kinks of the next op could lie on a
  /// plateau.
  std::vector<GraphOp> graphs = {};

  /// The name of the function, or of the op of an operator.
  std::string function() const;
};

struct OpSection {
  std::string title, introduction;
  std::vector<OpRow> rows;
};

/// The sections in the order of docs/ops.md.
const std::vector<OpSection>& op_sections();
/// The cases of all rows.
const std::vector<OpCase>& op_table();
const std::vector<OpCase>& kink_cases();
const std::vector<GraphOp>& graph_ops();
/// Null if no row defines the op.
const Definition* definition_of(std::string_view op);

}  // namespace twice::experiments
