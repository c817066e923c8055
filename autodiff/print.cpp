#include "autodiff/print.h"

#include <fmt/format.h>

#include "autodiff/profile/memory_profile.h"

namespace twice {

namespace {

/// The entries along the axes from `axis` on: at most `edge` at either end of each axis, in columns
/// of `width` characters. `position` is the row-major position given by the indices of the axes
/// before.
std::string numbers(const Array& a, Index edge, std::size_t width, int axis = 0,
                    Index position = 0) {
  if (axis == a.rank())
    return fmt::format("{:{}.{}g}", a.at(position), width, a.dtype() == DType::i32 ? 10 : 6);
  std::vector<std::string> entries;
  const Index size = a.shape()[axis];
  for (Index i = 0; i < size; ++i) {
    if (i == edge && size > 2 * edge) {
      entries.emplace_back("...");
      i = size - edge;
    }
    entries.push_back(numbers(a, edge, width, axis + 1, position * size + i));
  }
  const bool row = axis + 1 == a.rank();
  return fmt::format("[{}]", fmt::join(entries, row ? " " : fmt::format("\n{:{}}", "", axis + 1)));
}

std::string str(const Tape& tape, int index) {
  constexpr std::string_view kinds[] = {"", "input ", "parameter ", ""};
  const Node& node = tape.node(index);
  std::string what = fmt::format("{}{}", kinds[static_cast<int>(node.kind)], tape.name(node));
  if (node.op) {
    const std::string attributes = node.op->attributes();
    what += attributes.empty() ? "" : "[" + attributes + "]";
    what += fmt::format("(%{})", fmt::join(tape.inputs_of(node), ", %"));
  }
  return fmt::format("%{} = {}, {}, {}{}", index, what, str(node.spec), str(node.phase),
                     in_scope(node.scope));
}

}  // namespace

std::string str(const Array& array) {
  if (array.empty()) return "no array";
  const Index all = array.elements(), few = array.rank() <= 3 ? 3 : 1;
  const Index edge = all > 0 && all <= 100 ? all : few;
  const std::string spec = str(Spec{array.shape(), array.dtype()}), text = numbers(array, edge, 0);
  if (array.rank() < 2) return spec + " " + text;
  std::size_t width = 0, run = 0;
  for (char c : text)
    width = std::max(width, run = std::string_view("[] \n").find(c) < 4 ? 0 : run + 1);
  return spec + "\n" + numbers(array, edge, width);
}

std::string str(const Tensor& tensor) {
  if (!tensor) return "no tensor";
  if (tensor.stale()) return fmt::format("a stale handle to node {}", tensor.index());
  return str(tensor.tape(), tensor.index());
}

std::string str(const Tape& tape) {
  std::string text;
  for (int i = 0; i < tape.size(); ++i) text += (i > 0 ? "\n" : "") + str(tape, i);
  return text;
}

std::string reference(const Program& program, int value) {
  value = root(program, value);
  const Value& v = program.values[static_cast<std::size_t>(value)];
  if (v.place == Value::Place::arena) return fmt::format("%{}", value);
  if (v.kind != NodeKind::constant) return v.leaf->name;
  return v.spec.shape.elements() == 1 ? fmt::format("{}", v.leaf->stored.item()) : "constant";
}

std::string str(const Plan& plan) {
  const Program& program = plan.program();
  const MemoryProfile memory = memory_profile(program);
  std::string text;
  for (int s = 0; s < std::ssize(program.steps); ++s) {
    const Step& step = program.steps[static_cast<std::size_t>(s)];
    const Spec& spec = program.values[static_cast<std::size_t>(step.output)].spec;
    std::vector<std::string> inputs;
    for (int input : step.inputs) inputs.push_back(reference(program, input));
    text += fmt::format("%{} = {}({}), {}{}, {} bytes{}\n", step.output, step.op->name(),
                        fmt::join(inputs, ", "), str(spec), in_scope(step.scope), spec.bytes(),
                        memory.in_place(s) ? ", in place" : "");
  }
  return text + fmt::format("{} steps, {} bytes: arena {}, inputs, parameters and constants {}",
                            program.steps.size(), program.peak_bytes(), program.arena_bytes,
                            program.leaf_bytes);
}

}  // namespace twice
