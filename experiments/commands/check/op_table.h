// The table of ops: a row for each public function that records ops, and for each op that has no
// function of its own. It drives `./twice check`, random graphs, the tests and docs/ops.md; a test
// fails when an op has no row, or a row lacks something.
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

/// Draws one input, within an op's domain and away from its kinks: a finite difference across a
/// kink of relu or max would say nothing.
using RandomArray = std::function<Array(const Rng&)>;

/// Standard normal numbers.
RandomArray normal(const Shape& shape);
/// Uniform in [low, high).
RandomArray uniform(const Shape& shape, double low, double high);
/// Uniform in [low, high), each with a random sign: away from 0.
RandomArray signed_uniform(const Shape& shape, double low, double high);
/// Numbers in random order, any two at least 0.1 apart, and each as far from 0: without ties.
RandomArray distinct(const Shape& shape);
/// -1, 0 and 1 in random order, with many repetitions.
RandomArray repeated(const Shape& shape);
/// Labels or indices: i32 in [0, count).
RandomArray indices(const Shape& shape, Index count);

/// The bounds of an elementwise op's errors, of value, slope and curvature, in units in the last
/// place (accuracy.h), for both dtypes.
using Units = std::array<double, 3>;

/// A function of ops that is checked on these inputs.
struct OpCase {
  /// `Op::name()` of the op that it is for.
  std::string op;
  /// The mode; empty when there is but one.
  std::string label;
  /// One entry for each input of the function.
  std::vector<RandomArray> inputs;
  Function function;
  /// Errors are measured where they are stated.
  std::optional<Units> units = {};
  /// Of a function of several ops: the whole of it, instead of the ops that it records.
  Definition exact = {};
  /// Where the derivative of this order by an input x is a choice, or lost on the way: not
  /// measured.
  bool (*unmeasured)(int order, double x) = nullptr;

  std::string name() const { return label.empty() ? op : op + ", " + label; }
  /// The inputs, in f64 and i32, always the same for one seed.
  std::vector<Array> draw(std::uint64_t seed = 1) const;
};

/// One way to make a value of others in a random graph.
struct GraphOp {
  std::string name;
  std::size_t arity;
  bool (*accepts)(const std::vector<Shape>& x);
  std::function<Tensor(const Tensors& x)> apply;
  /// For an op with kinks or jumps: numbers that are 0 exactly there, as relu's x or a - b of
  /// maximum. A finite difference across a kink says nothing, and engines differ at it.
  Tensor (*kinks)(const Tensors& x) = nullptr;
};

/// All that is known of a public function or an op; op_rows.h has what rows are written with.
struct OpRow {
  std::string op;
  /// As docs/ops.md shows it: `clamp(x, low, high)`; empty when there is no public function.
  std::string signature;
  std::string equation, derivative;
  /// Of a function that records several ops: which; otherwise empty.
  std::string built_from = {};
  /// The function, and inputs that fit.
  std::vector<RandomArray> inputs = {};
  std::function<Tensor(const Tensors& x)> call = {};
  /// Input 0 (of concat and stack: all) may be of any dtype.
  bool moves = false;
  /// Of an elementwise op.
  Definition definition = {};
  std::vector<OpCase> cases = {};
  /// Exactly at kinks and ties, where a finite difference says nothing: which of the slopes is
  /// taken is a choice, and ours are PyTorch's, with which `check --write` compares them.
  std::vector<OpCase> kinks = {};
  /// Each by itself, scaled or shifted where that keeps it in its domain and its value of size 1.
  /// No value has plateaus, where the kinks of the next op would lie.
  std::vector<GraphOp> graphs = {};

  /// The name of the function, or of its operator's op.
  std::string function() const;
};

struct OpSection {
  std::string title, introduction;
  std::vector<OpRow> rows;
};

/// In the order of docs/ops.md.
const std::vector<OpSection>& op_sections();
/// The cases of all rows.
const std::vector<OpCase>& op_table();
const std::vector<OpCase>& kink_cases();
const std::vector<GraphOp>& graph_ops();
/// Null when no row defines the op.
const Definition* definition_of(std::string_view op);

}  // namespace twice::experiments
