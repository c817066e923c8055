// A plan: the part of a tape that some outputs need, turned into a program that runs
// again and again on new inputs without allocating.
//
//   Plan step{loss, gradient};
//   step.run({{x, images}, {y, labels}});
//   step.value(loss).item();
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "autodiff/plan/program.h"

namespace twice {

/// An input of the tape and the numbers it has in one run.
struct Binding {
  Tensor input;
  Array value;
};

/// The first value of a run that is NaN or infinite.
struct NonFinite : Origin {
  std::string op;
  Shape shape;
};
/// `backward of matmul in linear1 (node 12): mul produced a NaN or infinite value, shape (128, 10)`
std::string str(const NonFinite& found);

class Plan {
 public:
  /// Outputs are tensors or lists of tensors of one tape. Afterwards the tape may be
  /// extended, cleared or destroyed; parameters stay shared, so that the next run sees a change.
  explicit Plan(std::initializer_list<Tensors> outputs, PlanOptions options = {});
  Plan(Plan&&) = default;
  Plan& operator=(Plan&&) = default;

  /// Executes the program. Each input must be bound, now or in an earlier run, to an array of its
  /// shape and dtype. A contiguous array is read in place at this run and at later ones that do not
  /// bind the input again; other arrays, and outputs of this plan, are copied now. A run that is
  /// refused leaves the bindings as they were.
  void run(std::initializer_list<Binding> inputs = {}) {
    run(std::span(inputs.begin(), inputs.size()));
  }
  void run(std::span<const Binding> inputs);

  /// Runs again on the same inputs and reads the clock before the first step and after each:
  /// `readings` has room for one more than there are steps. For the profiler (profile/clock.h).
  void run_timed(std::span<std::chrono::steady_clock::time_point> readings);

  /// The numbers of an output: a view of the arena, valid until the next run. The caller may change
  /// them: no parameter, input or constant shares their memory. Outputs with equal values that were
  /// computed once do share it.
  const Array& value(Tensor output) const;
  std::vector<Array> values(const Tensors& outputs) const;

  /// Runs again on the same inputs, looking at each value. Costs a run and a read of every value.
  std::optional<NonFinite> first_non_finite();

  const Program& program() const { return program_; }
  /// Arena, parameters, inputs and constants; known before anything runs.
  std::size_t peak_bytes() const { return program_.peak_bytes(); }

 private:
  struct Bound {
    std::vector<const Array*> inputs;
    const Array* output;
    std::byte* workspace;
  };
  struct Input {
    /// Its place among the values.
    std::size_t value;
    /// The array that is being bound.
    Array next;
    /// A copy of an output of this plan that was bound; allocated at the first such bind.
    Array fed_back;
  };
  /// The position in `inputs_`; their number when no output needs the input.
  std::size_t input_of(const Binding& binding) const;
  bool in_arena(const Array& array) const;
  void bind(std::span<const Binding> bindings);
  void refresh_views();
  void check_bound() const;
  void run_step(std::size_t s) const {
    const Bound& b = bound_[s];
    program_.steps[s].op->run(Inputs(b.inputs), *b.output, b.workspace);
  }

  Program program_;
  std::shared_ptr<std::byte> arena_;
  std::vector<Array> values_;
  std::vector<Input> inputs_;
  std::vector<Bound> bound_;
  std::uint64_t generation_;
  /// The output tensors' tape nodes, in order.
  std::vector<int> output_nodes_;
};

/// The numbers of tensors of one tape, in arrays of their own, computed once as recorded: no pass
/// rewrites them. For learning and tests; a Plan runs again and again.
std::vector<Array> evaluate(const Tensors& tensors, const std::vector<Binding>& inputs = {});
inline Array evaluate(Tensor tensor, const std::vector<Binding>& inputs = {}) {
  return evaluate(Tensors(tensor), inputs)[0];
}

}  // namespace twice
