// The Plan: runs the passes, lowers the graph, binds inputs and executes the steps.
#include "autodiff/plan/plan.h"

#include <functional>
#include <new>
#include <utility>

#include "autodiff/kernels/reduce.h"
#include "autodiff/plan/passes/fused_op.h"

namespace twice {

namespace {

Tensors joined(std::initializer_list<Tensors> lists) {
  Tensors all;
  for (const Tensors& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

Program program_of(const Tensors& outputs, const PlanOptions& options) {
  return lower(rewritten(graph_of(outputs), options), options.reuse_memory, options.in_place);
}

}  // namespace

Plan::Plan(std::initializer_list<Tensors> outputs, PlanOptions options) {
  const Tensors all = joined(outputs);
  program_ = program_of(all, options);
  generation_ = all[0].tape().generation();
  for (Tensor output : all) output_nodes_.push_back(output.index());

  try {
    arena_ = aligned_storage(program_.arena_bytes);
  } catch (const std::bad_alloc&) {
    fail("plan", "the values need {} bytes, which could not be allocated", program_.arena_bytes);
  }
  for (const Value& value : program_.values)
    values_.push_back(
        value.place == Value::Place::arena
            ? Array::over(arena_.get() + value.offset, value.spec.shape, value.spec.dtype)
        : value.leaf ? value.leaf->stored
                     : Array());
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (program_.values[i].kind == NodeKind::input) inputs_.push_back({i, {}, {}});
  refresh_views();
  for (const Step& step : program_.steps) {
    Bound bound{
        {}, &values_[static_cast<std::size_t>(step.output)], arena_.get() + step.workspace_offset};
    for (int input : step.inputs) bound.inputs.push_back(&values_[static_cast<std::size_t>(input)]);
    bound_.push_back(std::move(bound));
  }
}

void Plan::refresh_views() {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Value& value = program_.values[i];
    if (value.place != Value::Place::view) continue;
    const Array& parent = values_[static_cast<std::size_t>(value.of)];
    if (!parent.empty()) values_[i] = Array::over(parent.raw(), value.spec.shape, value.spec.dtype);
  }
}

std::size_t Plan::input_of(const Binding& binding) const {
  // The generation is compared because the tape itself may no longer exist.
  if (binding.input.generation() != generation_)
    fail("run", "a bound input is on another tape than the plan");
  for (std::size_t k = 0; k < inputs_.size(); ++k) {
    const Value& value = program_.values[inputs_[k].value];
    if (value.recorded != binding.input.index()) continue;
    const Spec given{binding.value.shape(), binding.value.dtype()};
    if (binding.value.empty() || !(given == value.spec))
      fail("run", "input '{}' is {}, but {} was bound to it", value.leaf->name, str(value.spec),
           binding.value.empty() ? "no array" : str(given));
    return k;
  }
  for (const Value& value : program_.values)
    if (value.recorded == binding.input.index())
      fail("run", "node {} is not an input of the tape: only inputs can be bound", value.recorded);
  return inputs_.size();
}

void Plan::check_bound() const {
  for (const Input& input : inputs_)
    if (values_[input.value].empty() && input.next.empty())
      fail("run", "input '{}', {}, was never bound", program_.values[input.value].leaf->name,
           str(program_.values[input.value].spec));
}

bool Plan::in_arena(const Array& array) const {
  const auto* begin = static_cast<const std::byte*>(array.raw());
  return std::less_equal<>()(arena_.get(), begin) &&
         std::less<>()(begin, arena_.get() + program_.arena_bytes);
}

/// Every check comes before the first change: a run that throws leaves the bindings as they were.
void Plan::bind(std::span<const Binding> bindings) {
  for (Input& input : inputs_) input.next = {};
  for (const Binding& binding : bindings) {
    // An input that no output depends on is not part of the program.
    const std::size_t k = input_of(binding);
    if (k == inputs_.size()) continue;
    Input& input = inputs_[k];
    // Without a copy, steps could overwrite an output of this plan before all steps have read it.
    if (in_arena(binding.value) && input.fed_back.empty())
      input.fed_back = Array(binding.value.shape(), binding.value.dtype());
    input.next = in_arena(binding.value) ? binding.value : binding.value.contiguous_copy();
  }
  check_bound();
  if (bindings.empty()) return;
  for (Input& input : inputs_) {
    if (input.next.empty()) continue;
    if (in_arena(input.next)) {
      copy(input.next, input.fed_back);
      input.next = input.fed_back;
    }
    values_[input.value] = std::exchange(input.next, {});
  }
  refresh_views();
}

void Plan::run(std::span<const Binding> inputs) {
  bind(inputs);
  for (std::size_t s = 0; s < bound_.size(); ++s) run_step(s);
}

void Plan::run_timed(std::span<std::chrono::steady_clock::time_point> readings) {
  if (readings.size() != bound_.size() + 1)
    fail("run", "{} clock readings were given; a program of {} steps needs {}", readings.size(),
         bound_.size(), bound_.size() + 1);
  check_bound();
  readings[0] = std::chrono::steady_clock::now();
  for (std::size_t s = 0; s < bound_.size(); ++s) {
    run_step(s);
    readings[s + 1] = std::chrono::steady_clock::now();
  }
}

std::optional<NonFinite> Plan::first_non_finite() {
  check_bound();
  for (std::size_t s = 0; s < bound_.size(); ++s) {
    const Step& step = program_.steps[s];
    const Inputs inputs(bound_[s].inputs);
    const Array& output = *bound_[s].output;
    if (const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get()))
      if (const auto* member = fused->first_non_finite(inputs))
        return NonFinite{*member, std::string(member->op->name()), output.shape()};
    step.op->run(inputs, output, bound_[s].workspace);
    if (!kernel::all_finite(output))
      return NonFinite{step, std::string(step.op->name()), output.shape()};
  }
  return std::nullopt;
}

std::string str(const NonFinite& found) {
  return fmt::format("{} of {}{} (node {}): {} produced a NaN or infinite value, shape {}",
                     str(found.phase), found.forward_op ? found.forward_op->name() : "a leaf",
                     in_scope(found.scope), found.forward_origin, found.op, str(found.shape));
}

const Array& Plan::value(Tensor output) const {
  if (output.generation() == generation_)
    for (std::size_t k = 0; k < output_nodes_.size(); ++k)
      if (output_nodes_[k] == output.index())
        return values_[static_cast<std::size_t>(program_.outputs[k])];
  fail("plan", "node {} is not an output of this plan", output.index());
}

std::vector<Array> Plan::values(const Tensors& outputs) const {
  std::vector<Array> result;
  for (Tensor output : outputs) result.push_back(value(output));
  return result;
}

std::vector<Array> evaluate(const Tensors& tensors, const std::vector<Binding>& inputs) {
  PlanOptions options = no_passes();
  options.dead_code = options.reuse_memory = options.in_place = true;
  Plan plan({tensors}, options);
  plan.run(inputs);
  std::vector<Array> values = plan.values(tensors);
  for (Array& value : values) value = value.clone();
  return values;
}

}  // namespace twice
