#include "autodiff/plan/passes/fused_op.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "autodiff/kernels/reduce.h"
#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

/// A block holds 1024 f32 numbers. A few buffers and the blocks of the inputs then fit in L1, and
/// the work of a block is long compared with the call.
constexpr std::size_t block_bytes = 4096;

/// out[j] = x[((first + j) / inner) % period] for j in [0, count).
template <class T>
void expand(const T* x, Reading reading, Index first, Index count, T* out) {
  if (reading.inner > 1) {
    Index row = first / reading.inner, done = first % reading.inner;
    for (Index j = 0; j < count; ++row, done = 0) {
      const Index repeats = std::min(reading.inner - done, count - j);
      std::fill_n(out + j, repeats, x[row % reading.period]);
      j += repeats;
    }
    return;
  }
  // One period, then copies of the part that is filled, which doubles each time.
  const Index begin = first % reading.period;
  const Index head = std::min(reading.period - begin, count);
  Index filled = std::min(reading.period, count);
  std::copy_n(x + begin, head, out);
  std::copy_n(x, filled - head, out + head);
  while (filled < count) {
    const Index more = std::min(filled, count - filled);
    std::copy_n(out, more, out + filled);
    filled += more;
  }
}

}  // namespace

std::optional<Reading> reading_of(const Shape& small, const Shape& large) {
  Reading reading;
  const int lead = large.rank() - small.rank();
  bool kept_begun = false, kept_over = false;
  for (int axis = large.rank() - 1; axis >= 0; --axis) {
    if (large[axis] == 1) continue;
    if (axis < lead || small[axis - lead] == 1) {
      if (kept_begun) kept_over = true;
      if (!kept_begun) reading.inner *= large[axis];
    } else {
      if (kept_over) return std::nullopt;
      kept_begun = true;
      reading.period *= large[axis];
    }
  }
  if (!kept_begun) reading.inner = 1;  // a scalar
  return reading;
}

FusedElementwise::FusedElementwise(const Spec& y, std::vector<Reading> inputs,
                                   std::vector<Member> members)
    : y_(y), inputs_(std::move(inputs)), members_(std::move(members)) {
  if (members_.empty() || inputs_.size() + members_.size() > most_values)
    fail(name(),
         "{} inputs and {} members were given; expected at least 1 member and at most {} of both",
         inputs_.size(), members_.size(), most_values);
  assign_buffers();
  choose_block();
}

void FusedElementwise::assign_buffers() {
  const std::size_t inputs = inputs_.size(), count = inputs + members_.size();
  buffer_of_.assign(count, -1);
  for (std::size_t k = 0; k < inputs; ++k)
    if (!whole(k)) buffer_of_[k] = buffers_++;
  std::vector<std::size_t> last_use(count, 0);
  for (std::size_t m = 0; m < members_.size(); ++m)
    for (int operand : members_[m].operands) last_use[static_cast<std::size_t>(operand)] = m;
  std::vector<int> free;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    // A member may overwrite its operands (see ElementwiseOp::block), so their buffers are free
    // now. Small inputs keep their buffers, which then need not be filled again for every block.
    for (std::size_t value = inputs; value < inputs + m; ++value)
      if (buffer_of_[value] >= 0 && last_use[value] == m) free.push_back(buffer_of_[value]);
    if (free.empty()) free.push_back(buffers_++);
    buffer_of_[inputs + m] = free.back();
    free.pop_back();
  }
}

void FusedElementwise::choose_block() {
  const auto most = static_cast<Index>(block_bytes / size_of(y_.dtype));
  // If a block is a whole number of rows, the expanded row serves every block.
  Index unit = 1;
  for (const Reading& input : inputs_)
    if (input.inner == 1 && input.period <= most && std::lcm(unit, input.period) <= most)
      unit = std::lcm(unit, input.period);
  block_ = most / unit * unit;
  tile_ = std::max<Index>(1, elements_per_tile / block_) * block_;
}

template <class After>
void FusedElementwise::run_range(const Inputs& x, std::byte* y, Index first, Index last,
                                 const After& after) const {
  alignas(64) std::byte buffers[most_buffers * block_bytes];
  const void* values[most_values];
  const auto size = static_cast<Index>(size_of(y_.dtype));
  const auto buffer = [&](std::size_t value) {
    return buffers + static_cast<std::size_t>(buffer_of_[value]) * block_bytes;
  };
  const std::size_t inputs = inputs_.size();
  for (Index at = first; at < last; at += block_) {
    const Index count = std::min(block_, last - at);
    for (std::size_t k = 0; k < inputs; ++k) {
      const Reading& input = inputs_[k];
      const auto* numbers = static_cast<const std::byte*>(x[k].raw());
      const Index column = at % input.period;
      if (input.inner == 1 && column + count <= input.period) {
        values[k] = numbers + column * size;
        continue;
      }
      values[k] = buffer(k);
      if (at != first && input.inner == 1 && block_ % input.period == 0) continue;
      visit_float(y_.dtype, [&]<class T>(T) {
        expand(reinterpret_cast<const T*>(numbers), input, at, count,
               reinterpret_cast<T*>(buffer(k)));
      });
    }
    for (std::size_t m = 0; m < members_.size(); ++m) {
      const Member& member = members_[m];
      const void* operands[3];
      for (std::size_t slot = 0; slot < member.operands.size(); ++slot)
        operands[slot] = values[member.operands[slot]];
      const bool is_last = m + 1 == members_.size();
      std::byte* out = is_last && y ? y + at * size : buffer(inputs + m);
      member.op->block(y_.dtype, operands, out, count);
      values[inputs + m] = out;
      after(m, out, count);
    }
  }
}

void FusedElementwise::run(const Inputs& x, const Array& y, std::byte*) const {
  parallel_ranges(y_.shape.elements(), tile_, [&](Index first, Index last) {
    run_range(x, static_cast<std::byte*>(y.raw()), first, last,
              [](std::size_t, std::byte*, Index) {});
  });
}

const FusedElementwise::Member* FusedElementwise::first_non_finite(const Inputs& x) const {
  std::size_t least = members_.size();
  run_range(x, nullptr, 0, y_.shape.elements(),
            [&](std::size_t m, std::byte* numbers, Index count) {
              if (m < least && !kernel::all_finite(Array::over(numbers, {count}, y_.dtype)))
                least = m;
            });
  return least < members_.size() ? &members_[least] : nullptr;
}

Spec FusedElementwise::infer(Specs x) const {
  if (x.size() != inputs_.size())
    fail(name(), "has {} inputs, was given {}", inputs_.size(), x.size());
  for (std::size_t k = 0; k < x.size(); ++k)
    if (x[k].dtype != y_.dtype || x[k].shape.elements() != inputs_[k].period)
      fail(name(), "input {} has {} numbers of {}, was given {}", k, inputs_[k].period,
           str(y_.dtype), str(x[k]));
  return y_;
}

Cost FusedElementwise::cost(Specs x, const Spec& y) const {
  Cost cost = Op::cost(x, y);
  cost.flops = 0;
  for (const Member& member : members_)
    cost.flops += member.op->flops_per_element() * static_cast<double>(y.shape.elements());
  return cost;
}

std::string FusedElementwise::formula_of(std::size_t value,
                                         const std::vector<std::string>& names) const {
  const Member& member = members_[value - inputs_.size()];
  const std::string attributes = member.op->attributes();
  std::string operands;
  for (int operand : member.operands)
    operands += (operands.empty() ? "" : ", ") + names[static_cast<std::size_t>(operand)];
  return fmt::format("{}{}({})", member.op->name(),
                     attributes.empty() ? "" : fmt::format("[{}]", attributes), operands);
}

std::string FusedElementwise::attributes() const {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < inputs_.size(); ++k) {
    const Reading& input = inputs_[k];
    std::string index;
    if (input.period == 1)
      index = "[0]";
    else if (input.inner > 1)
      index = input.inner * input.period == y_.shape.elements()
                  ? fmt::format("[i / {}]", input.inner)
                  : fmt::format("[i / {} % {}]", input.inner, input.period);
    else if (!whole(k))
      index = fmt::format("[i % {}]", input.period);
    names.push_back(fmt::format("x{}{}", k, index));
  }
  // A value that is used more than once gets a name. Otherwise the text could double each time.
  std::vector<int> uses(inputs_.size() + members_.size(), 0);
  for (const Member& member : members_)
    for (int operand : member.operands) ++uses[static_cast<std::size_t>(operand)];
  std::string text;
  for (std::size_t value = inputs_.size(); value < uses.size(); ++value) {
    names.push_back(formula_of(value, names));
    if (uses[value] < 2) continue;
    const std::string name = fmt::format("t{}", value - inputs_.size());
    text += fmt::format("{} = {}; ", name, names.back());
    names.back() = name;
  }
  return text + names.back();
}

Tensor FusedElementwise::vjp(int, std::span<const Tensor>, Tensor, Tensor) const {
  fail(name(), "is made by the planner and has no derivative rule: differentiate, then plan");
}

Tensor FusedElementwise::jvp(int, std::span<const Tensor>, Tensor, Tensor) const {
  fail(name(), "is made by the planner and has no derivative rule: differentiate, then plan");
}

}  // namespace twice
