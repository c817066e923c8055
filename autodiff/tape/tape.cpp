#include "autodiff/tape/tape.h"

#include <atomic>
#include <limits>
#include <utility>

namespace twice {

namespace {

/// A new number for a tape, or for a tape that was just cleared. A handle that carries another
/// number is stale.
std::uint64_t next_generation() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

}  // namespace

std::string_view str(Phase phase) {
  constexpr std::string_view names[] = {"forward", "backward", "double backward", "update"};
  return names[static_cast<int>(phase)];
}

std::string in_scope(const ScopeName& scope) { return scope ? " in " + *scope : ""; }

std::string str(const Spec& spec) { return fmt::format("{} {}", str(spec.dtype), str(spec.shape)); }

bool Tensor::stale() const { return tape_ != nullptr && tape_->generation() != generation_; }

Tape& Tensor::tape() const {
  if (tape_ == nullptr) fail("tensor", "an empty handle was used; record a value first");
  if (stale())
    fail("tensor", "stale handle to node {}: its tape was cleared after it was recorded", index_);
  return *tape_;
}

Spec Tensor::spec() const { return tape().node(index_).spec; }

Index Tensor::size(int axis) const { return shape()[normalized_axis("tensor", axis, rank())]; }

Tape& tape_of(std::string_view who, std::span<const Tensor> x) {
  if (x.empty()) fail(who, "no tensor was given; an op uses the tape of its inputs");
  for (const Tensor& input : x) {
    if (!input) fail(who, "an input is an empty handle; record a value first");
    if (input.stale())
      fail(who, "stale handle to node {}: its tape was cleared after it was recorded",
           input.index());
    if (&input.tape() != &x[0].tape()) fail(who, "its inputs are on two different tapes");
  }
  return x[0].tape();
}

Cost Op::cost(Specs x, const Spec& y) const {
  Cost cost{static_cast<double>(y.shape.elements()), static_cast<double>(y.bytes()), 0};
  for (const Spec& input : x) cost.bytes += static_cast<double>(input.bytes());
  return cost;
}

Tensor Op::vjp(int slot, std::span<const Tensor>, Tensor, Tensor) const {
  fail(name(), "expected the op to override Op::vjp: it has no derivative rule for input {}", slot);
}

Tensor Op::jvp(int slot, std::span<const Tensor>, Tensor, Tensor) const {
  fail(name(),
       "expected the op to override Op::jvp: it has no forward derivative rule for input {}", slot);
}

Tape::Tape() : generation_(next_generation()) {}

Tensor Tape::append(Node node) {
  const int index = size();
  node.phase = phase_;
  node.origin = origin_ >= 0 ? origin_ : index;
  node.scope = scope();
  nodes_.push_back(std::move(node));
  return handle(index);
}

Tensor Tape::leaf(NodeKind kind, const Spec& spec, const Array& value, std::string name) {
  spec.shape.elements();  // throws if no array can have this shape
  Node node;
  node.kind = kind;
  node.spec = spec;
  node.stored = static_cast<int>(stored_.size());
  stored_.emplace_back(std::move(name), value);
  return append(std::move(node));
}

Tensor Tape::input(const Shape& shape, DType dtype, std::string name) {
  return leaf(NodeKind::input, {shape, dtype}, {}, std::move(name));
}

Tensor Tape::labels(const Shape& shape, std::string name) {
  return leaf(NodeKind::input, {shape, DType::i32}, {}, std::move(name));
}

Tensor Tape::parameter(const Array& value, std::string name) {
  if (!value.contiguous())
    fail("parameter", "the array of '{}' is not contiguous: an optimiser could not update it",
         name);
  return leaf(NodeKind::parameter, {value.shape(), value.dtype()}, value, std::move(name));
}

Tensor Tape::constant(const Array& value) {
  return leaf(NodeKind::constant, {value.shape(), value.dtype()}, value.clone(), "constant");
}

Tensor Tape::record(std::shared_ptr<const Op> op, std::span<const Tensor> inputs) {
  if (!op) fail("record", "was given no op");
  Node node;
  const int expected = op->input_count();
  if (expected == Op::any_number ? inputs.empty() : std::ssize(inputs) != expected)
    fail(op->name(), "takes {} input{}, was given {}",
         expected == Op::any_number ? "1 or more" : fmt::format("{}", expected),
         expected == 1 ? "" : "s", inputs.size());
  if (inputs.size() > std::numeric_limits<decltype(node.input_count)>::max())
    fail(op->name(), "{} inputs were given; at most {} are possible", inputs.size(),
         std::numeric_limits<decltype(node.input_count)>::max());
  node.first_input = static_cast<std::uint32_t>(input_pool_.size());
  node.input_count = static_cast<std::uint16_t>(inputs.size());
  spec_scratch_.clear();
  if (&tape_of(op->name(), inputs) != this) fail(op->name(), "its inputs are on another tape");
  for (const Tensor& input : inputs) spec_scratch_.push_back(input.spec());
  node.spec = op->infer(spec_scratch_);
  node.spec.shape.elements();  // throws if no array can have this shape
  for (const Tensor& input : inputs) input_pool_.push_back(input.index());
  node.op = std::move(op);
  return append(std::move(node));
}

void Tape::clear() {
  nodes_.clear();
  input_pool_.clear();
  stored_.clear();
  sweeps_.clear();
  generation_ = next_generation();
  phase_ = Phase::forward;
  origin_ = -1;
}

std::string_view Tape::name(const Node& node) const {
  return node.op ? node.op->name() : stored_[static_cast<std::size_t>(node.stored)].first;
}

namespace {

ScopeName inner_scope(const ScopeName& outer, std::string_view name) {
  if (name.empty()) fail("scope", "was given an empty name");
  return std::make_shared<const std::string>(outer ? fmt::format("{}.{}", *outer, name)
                                                   : std::string(name));
}

ScopeName scope_beside(const ScopeName& open, const ScopeName& own) {
  return own && (!open || own->starts_with(*open + ".")) ? own : open;
}

}  // namespace

Scope::Scope(Tape& tape, ScopeName name)
    : tape_(tape), before_(std::exchange(tape.scope_, name)), place_(std::move(name)) {}

Scope::Scope(Tape& tape, std::string_view name) : Scope(tape, inner_scope(tape.scope_, name)) {}

Scope::Scope(Tensor x)
    : Scope(x.tape(), scope_beside(x.tape().scope_, x.tape().node(x.index()).scope)) {}

Tensor output_of(Tape& tape, std::string_view scope) {
  for (int i = tape.size(); i-- > 0;) {
    const Node& node = tape.node(i);
    if (node.op && node.origin == i && node.scope && *node.scope == scope) return tape.handle(i);
  }
  fail("scope", "nothing was recorded in '{}'", scope);
}

int Tape::forward_origin(int index) const {
  while (node(index).origin != index) index = node(index).origin;
  return index;
}

}  // namespace twice
