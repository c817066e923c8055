// Plans: the part of a tape that some outputs depend on, as a program that runs repeatedly on new
// inputs without allocating memory.
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

/// An input of the tape, and the array that it gets in a run.
struct Binding {
  Tensor input;
  Array value;
};

/// The first value of a run that is NaN or infinite: its origin, the name of its op and its shape.
struct NonFinite : Origin {
  std::string op;
  Shape shape;
};
/// `backward of matmul in linear1 (node 12): mul produced a NaN or infinite value, shape (128, 10)`
std::string str(const NonFinite& found);

/// A program for some outputs of a tape, with its memory. Not thread-safe.
class Plan {
 public:
  /// Each output is a tensor or a list of tensors; all must be on one tape. Afterwards the tape may
  /// be extended, cleared or destroyed. The plan reads parameters in place, so a run sees the
  /// changes that were made to them before.
  explicit Plan(std::initializer_list<Tensors> outputs, PlanOptions options = {});
  Plan(Plan&&) = default;
  Plan& operator=(Plan&&) = default;

  /// Executes the program. Each input must be bound, in this run or an earlier one, to an array of
  /// its shape and dtype. A contiguous array is read in place, at this run and at later ones until
  /// the input is bound again. Other arrays, and outputs of this plan, are copied at once. If the
  /// run throws because of its bindings, all bindings stay as they were.
  void run(std::initializer_list<Binding> inputs = {}) {
    run(std::span(inputs.begin(), inputs.size()));
  }
  void run(std::span<const Binding> inputs);

  /// Runs again on the same inputs. Reads the clock before the first step and after each step into
  /// `readings`, whose size must be the number of steps + 1. For the profiler (profile/clock.h).
  void run_timed(std::span<std::chrono::steady_clock::time_point> readings);

  /// The value of an output: a view of the arena, valid until the next run. The caller may
  /// overwrite the view: no parameter, input or constant shares its memory. Two outputs share
  /// memory if the passes found them to be equal. Throws if the tensor is not an output.
  const Array& value(Tensor output) const;
  /// The values of several outputs.
  std::vector<Array> values(const Tensors& outputs) const;

  /// Runs again on the same inputs and returns the first value that is NaN or infinite, if there is
  /// one. Costs one run and one read of every value.
  std::optional<NonFinite> first_non_finite();

  /// The steps, the values and their places in memory.
  const Program& program() const { return program_; }
  /// Bytes of the arena, the parameters, the inputs and the constants; known before the first run.
  std::size_t peak_bytes() const { return program_.peak_bytes(); }

 private:
  struct Bound {
    std::vector<const Array*> inputs;
    const Array* output;
    std::byte* workspace;
  };
  struct Input {
    /// The index of the input among the values.
    std::size_t value;
    /// The array that the current call of `bind` gives to the input.
    Array next;
    /// A copy of an output of this plan that was bound to the input; allocated at the first such
    /// binding.
    Array fed_back;
  };
  /// The position of an input in `inputs_`; `inputs_.size()` if no output depends on it.
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
  /// The tape indices of the output tensors, in order.
  std::vector<int> output_nodes_;
};

/// The values of tensors of one tape, each in a new array, computed once without any pass. For
/// learning and for tests; to compute repeatedly, use a Plan.
std::vector<Array> evaluate(const Tensors& tensors, const std::vector<Binding>& inputs = {});
/// The value of one tensor.
inline Array evaluate(Tensor tensor, const std::vector<Binding>& inputs = {}) {
  return evaluate(Tensors(tensor), inputs)[0];
}

}  // namespace twice
