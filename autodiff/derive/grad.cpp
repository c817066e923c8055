#include "autodiff/derive/grad.h"

#include <unordered_map>

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"

namespace twice {

namespace {

/// The phase of the derivatives of nodes of phase `phase`. A sweep stays in the latest phase that
/// it has reached. For example, in the gradient of |g|^2 the sweep starts from |g|^2, which the
/// user recorded, and becomes double backward at g.
Phase next_phase(Phase phase) {
  return phase == Phase::forward ? Phase::backward : Phase::double_backward;
}

void check_pairs(const char* who, const char* what, const Tensors& at, const Tensors& given) {
  if (at.size() != given.size())
    fail(who, "expected {} {}s, one for each tensor; {} were given", at.size(), what, given.size());
  for (std::size_t i = 0; i < at.size(); ++i)
    if (!(at[i].spec() == given[i].spec()))
      fail(who, "{} {} is {} but its tensor is {}", what, i, str(given[i].spec()),
           str(at[i].spec()));
}

Tape& common_tape(const char* who, const Tensors& a, const Tensors& b) {
  if (a.empty()) fail(who, "nothing to differentiate was given");
  Tape& tape = a[0].tape();
  for (const Tensors* list : {&a, &b})
    for (Tensor t : *list)
      if (&t.tape() != &tape) fail(who, "its tensors are on two different tapes");
  return tape;
}

/// Throws if a variable is listed twice. Each of the two would get the whole derivative.
void check_distinct(const char* who, const Tensors& wrt) {
  std::unordered_map<int, std::size_t> seen;
  for (std::size_t i = 0; i < wrt.size(); ++i)
    if (const auto [first, added] = seen.emplace(wrt[i].index(), i); !added)
      fail(who, "variables {} and {} are the same tensor ('{}', {}): list it once", first->second,
           i, wrt[i].tape().name(wrt[i].tape().node(wrt[i].index())), str(wrt[i].spec()));
}

/// Marks the nodes up to `last` that depend on `wrt`. Only these carry tangents.
std::vector<char> dependent_on(Tape& tape, const Tensors& wrt, int last) {
  std::vector<char> depends(static_cast<std::size_t>(last + 1), 0);
  int first = last + 1;
  for (Tensor w : wrt) {
    if (w.index() <= last) depends[static_cast<std::size_t>(w.index())] = 1;
    first = std::min(first, w.index());
  }
  for (int i = first; i <= last; ++i) {
    char& mark = depends[static_cast<std::size_t>(i)];
    for (int input : tape.inputs_of(tape.node(i)))
      mark = mark || depends[static_cast<std::size_t>(input)];
  }
  return depends;
}

/// Removes the mark of every node that `ys` does not depend on.
void keep_needed(Tape& tape, const Tensors& ys, std::vector<char>& marks) {
  std::vector<char> needed(marks.size(), 0);
  for (Tensor y : ys) needed[static_cast<std::size_t>(y.index())] = 1;
  for (std::size_t i = marks.size(); i-- > 0;) {
    marks[i] = marks[i] && needed[i];
    if (needed[i])
      for (int input : tape.inputs_of(tape.node(static_cast<int>(i))))
        needed[static_cast<std::size_t>(input)] = 1;
  }
}

/// The handles of a node's inputs, copied because recording may move the tape's storage.
void handles_of(Tape& tape, int index, std::vector<Tensor>& x) {
  x.clear();
  for (int input : tape.inputs_of(tape.node(index))) x.push_back(tape.handle(input));
}

/// The value of a node for its own derivative rule. If the node is a variable in `wrt`, its op is
/// recorded again. The rule's y = f(x) must depend on x only, not on the variable, when the
/// derivative is differentiated again. The planner computes the two nodes once.
Tensor value_for_rule(Tape& tape, int index, bool is_variable, std::span<const Tensor> x) {
  return is_variable ? tape.record(tape.node(index).op, x) : tape.handle(index);
}

/// Throws unless a rule's result has the spec of the value that it belongs to.
void check_rule(const Op& op, const char* rule, std::size_t input, Tensor result,
                const Spec& expected) {
  if (!(result.spec() == expected))
    fail(op.name(), "its {} for input {} is {}; expected {}", rule, input, str(result.spec()),
         str(expected));
}

void add_to(Tensor& sum, Tensor term) { sum = sum ? sum + term : term; }

int last_index(const Tensors& ys) {
  int last = 0;
  for (Tensor y : ys) last = std::max(last, y.index());
  return last;
}

Phase latest_phase(const Tensors& ys) {
  Phase phase = Phase::forward;
  for (Tensor y : ys) phase = std::max(phase, y.tape().node(y.index()).phase);
  return next_phase(phase);
}

Tensor zeros_like(Tensor x) { return full_like(x, 0); }

}  // namespace

Tensors grad(const Tensors& ys, const Tensors& wrt, const Tensors& cotangents, Unused unused) {
  Tape& tape = common_tape("grad", ys, wrt);
  check_pairs("grad", "cotangent", ys, cotangents);
  check_distinct("grad", wrt);
  const int last = last_index(ys);
  const std::vector<char> depends = dependent_on(tape, wrt, last);
  Phase phase = latest_phase(ys);
  Sweep sweep{.forward = false, .first = tape.size()};

  std::vector<Tensor> cotangent(static_cast<std::size_t>(last + 1));
  for (std::size_t k = 0; k < ys.size(); ++k)
    add_to(cotangent[static_cast<std::size_t>(ys[k].index())], cotangents[k]);

  std::vector<char> wanted(static_cast<std::size_t>(last + 1), 0);
  int first = last;
  for (Tensor w : wrt) {
    first = std::min(first, w.index());
    if (w.index() <= last) wanted[static_cast<std::size_t>(w.index())] = 1;
  }

  std::vector<Tensor> x;
  for (int i = last; i >= first; --i) {
    const auto at = static_cast<std::size_t>(i);
    if (!depends[at] || !cotangent[at]) continue;
    sweep.derivatives.emplace_back(cotangent[at].index(), i);
    const std::shared_ptr<const Op> op = tape.node(i).op;
    if (!op) continue;
    phase = std::max(phase, next_phase(tape.node(i).phase));
    const RecordingScope scope(tape, phase, i);
    handles_of(tape, i, x);
    Tensor y;
    for (std::size_t slot = 0; slot < x.size(); ++slot) {
      const auto input = static_cast<std::size_t>(x[slot].index());
      if (!depends[input]) continue;
      if (!y) y = value_for_rule(tape, i, wanted[at] != 0, x);
      const Tensor part = op->vjp(static_cast<int>(slot), x, y, cotangent[at]);
      if (!part) continue;
      check_rule(*op, "vjp", slot, part, x[slot].spec());
      add_to(cotangent[input], part);
    }
    if (!wanted[at]) cotangent[at] = {};
  }

  Tensors result;
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    const auto at = static_cast<std::size_t>(wrt[i].index());
    const Tensor found = wrt[i].index() <= last ? cotangent[at] : Tensor{};
    if (!found && unused == Unused::error)
      fail("grad", "the result does not depend on variable {} ('{}', {})", i,
           tape.name(tape.node(wrt[i].index())), str(wrt[i].spec()));
    const RecordingScope scope(tape, phase, wrt[i].index());
    result.push_back(found ? found : zeros_like(wrt[i]));
  }
  sweep.end = tape.size();
  tape.add_sweep(std::move(sweep));
  return result;
}

Tensors grad(Tensor y, const Tensors& wrt, Tensor cotangent, Unused unused) {
  if (!is_float(y.dtype()))
    fail("grad", "{} is not differentiable; expected f32 or f64", str(y.spec()));
  if (!cotangent) {
    const RecordingScope scope(y.tape(), latest_phase(y), y.index());
    if (y.shape().elements() != 1)
      fail("grad", "y is not a scalar and needs a cotangent: it has shape {}, from {}",
           str(y.shape()), y.tape().name(y.tape().node(y.index())));
    cotangent = full_like(y, 1);
  }
  return grad(Tensors(y), wrt, Tensors(cotangent), unused);
}

void check_independent(const char* who, const Tensors& variables) {
  if (variables.empty()) return;
  check_distinct(who, variables);
  Tape& tape = common_tape(who, variables, {});
  const int last = last_index(variables);
  std::vector<int> from(static_cast<std::size_t>(last + 1), -1);
  for (std::size_t i = 0; i < variables.size(); ++i)
    from[static_cast<std::size_t>(variables[i].index())] = static_cast<int>(i);
  std::vector<int> variable_at = from;
  for (int node = 0; node <= last; ++node)
    for (int input : tape.inputs_of(tape.node(node))) {
      const int source = from[static_cast<std::size_t>(input)];
      if (source < 0) continue;
      if (const int variable = variable_at[static_cast<std::size_t>(node)]; variable >= 0)
        fail(who, "variable {} was computed from variable {}: they must be independent", variable,
             source);
      from[static_cast<std::size_t>(node)] = source;
      break;
    }
}

Tensors push(const Tensors& ys, const Tensors& wrt, const Tensors& tangents) {
  Tape& tape = common_tape("push", ys, wrt);
  check_pairs("push", "tangent", wrt, tangents);
  check_distinct("push", wrt);
  const int last = last_index(ys);
  std::vector<char> depends = dependent_on(tape, wrt, last);
  keep_needed(tape, ys, depends);
  Phase phase = latest_phase(ys);
  Sweep sweep{.forward = true, .first = tape.size()};

  std::vector<Tensor> tangent(static_cast<std::size_t>(last + 1));
  std::vector<char> given(static_cast<std::size_t>(last + 1), 0);
  for (std::size_t i = 0; i < wrt.size(); ++i)
    if (wrt[i].index() <= last) {
      tangent[static_cast<std::size_t>(wrt[i].index())] = tangents[i];
      given[static_cast<std::size_t>(wrt[i].index())] = 1;
    }

  std::vector<Tensor> x;
  for (int i = 0; i <= last; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (!depends[at] || !tape.node(i).op) continue;
    const std::shared_ptr<const Op> op = tape.node(i).op;
    phase = std::max(phase, next_phase(tape.node(i).phase));
    const RecordingScope scope(tape, phase, i);
    handles_of(tape, i, x);
    Tensor y;
    for (std::size_t slot = 0; slot < x.size(); ++slot) {
      const Tensor moved = tangent[static_cast<std::size_t>(x[slot].index())];
      if (!moved) continue;
      if (!y) y = value_for_rule(tape, i, given[at] != 0, x);
      const Tensor part = op->jvp(static_cast<int>(slot), x, y, moved);
      if (!part) continue;
      check_rule(*op, "jvp", slot, part, tape.node(i).spec);
      add_to(tangent[at], part);
    }
    if (tangent[at]) sweep.derivatives.emplace_back(tangent[at].index(), i);
  }

  Tensors result;
  for (Tensor y : ys) {
    const Tensor found = tangent[static_cast<std::size_t>(y.index())];
    const RecordingScope scope(tape, phase, y.index());
    result.push_back(found ? found : zeros_like(y));
  }
  sweep.end = tape.size();
  tape.add_sweep(std::move(sweep));
  return result;
}

}  // namespace twice
