// What the headline of a profile times: the loss, its gradient, H v in three ways, and training
// steps. The first five are programs without an update, recorded here; a step is bench's.
#pragma once

#include "experiments/measure/gradient_error.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

/// One row of the headline.
struct RowKind {
  /// Its name in records, such as `gradient` or `step of exact`.
  std::string name;
  /// `loss`, `gradient`, `hvp` or `step`.
  std::string kind;
  std::string equation;
  /// Of a step.
  const Method* method = nullptr;
  /// Of H v.
  HvpMode mode = HvpMode::reverse_over_reverse;
};

/// Loss, gradient, H v in three ways, then a step of each of the methods.
std::vector<RowKind> row_kinds(const std::vector<std::string>& methods);

/// The problem with its first training images, one batch of them, as all its data.
Problem one_batch(const Problem& problem);

/// Where the rows are evaluated.
struct Point {
  ModelState state;
  /// The v of H v, one array for each parameter.
  std::vector<Array> direction;
};
/// The numbers that the options' seed gives, in the options' dtype, and v = g there.
Point start_of(const Problem& problem);

/// A row's work on the tape, which reads the point's arrays in place.
struct RecordedRow {
  std::unique_ptr<Tape> tape;
  Tensor x, y;
  /// L; g; H v; of a step L, G and the running statistics.
  Tensors outputs;
};

RecordedRow record_row(const Problem& problem, const RowKind& kind, const Point& point);
/// With the passes that the options and, for a step, its method leave on.
Plan plan_row(const Problem& problem, const RowKind& kind, const RecordedRow& row);

/// A row's work, ready to run: a program and, for a step, the update.
class RowProgram {
 public:
  /// A step starts at the seed's numbers whatever `point` is, and leaves them with its first run.
  RowProgram(const Problem& problem, const RowKind& kind, const Point& point);

  void run();
  const Plan& plan() const { return step_ ? step_->plan() : *plan_; }
  /// The outputs of a row that is no step, as one long vector.
  std::vector<double> result() const;

 private:
  std::unique_ptr<OurStep> step_;
  RecordedRow recorded_;
  std::optional<Plan> plan_;
};

/// How many products the row's program should have.
ProductLaw law_of(const Problem& problem, const RowKind& kind);

}  // namespace twice::experiments
