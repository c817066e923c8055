// The update formulas, one pass over memory each.
#include "optim/optimizers.h"

#include <cmath>
#include <functional>

#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

struct Kind {
  std::string_view name;
  /// Whether it keeps adam's two moments.
  bool adam, decoupled;
};
constexpr Kind kinds[] = {{"sgd", false, false}, {"adam", true, false}, {"adamw", true, true}};

const Kind& kind_of(const OptimizerOptions& o) { return row_named("optimizer", kinds, o.name); }

void check(const OptimizerOptions& o) {
  const bool adam = kind_of(o).adam;
  demand("optimizer", o.lr >= 0, "lr", o.lr, "finite and >= 0");
  demand("optimizer", o.momentum >= 0 && o.momentum < 1, "momentum", o.momentum, "in [0, 1)");
  demand("optimizer", o.weight_decay >= 0, "weight_decay", o.weight_decay, "finite and >= 0");
  demand("optimizer", o.beta1 >= 0 && o.beta1 < 1, "beta1", o.beta1, "in [0, 1)");
  demand("optimizer", o.beta2 >= 0 && o.beta2 < 1, "beta2", o.beta2, "in [0, 1)");
  demand("optimizer", o.epsilon > 0, "epsilon", o.epsilon, "finite and > 0");
  if (o.nesterov && (adam || o.momentum == 0))
    fail("optimizer", "nesterov needs sgd with momentum > 0, was given {} with momentum {}", o.name,
         o.momentum);
}

std::vector<std::string> slot_names(const OptimizerOptions& o) {
  if (kind_of(o).adam) return {"first_moment", "second_moment"};
  if (o.momentum > 0) return {"momentum"};
  return {};
}

/// `momentum.3`
std::string state_name(const std::string& slot, std::size_t parameter) {
  return fmt::format("{}.{}", slot, parameter);
}

/// The constants of one sgd step, in the dtype of the numbers.
template <class T>
struct Sgd {
  T lr, momentum, coupled_decay, keep;
  bool nesterov;

  Sgd(const OptimizerOptions& o, double rate)
      : lr(static_cast<T>(rate)),
        momentum(static_cast<T>(o.momentum)),
        coupled_decay(static_cast<T>(o.decoupled ? 0 : o.weight_decay)),
        keep(static_cast<T>(o.decoupled ? 1 - rate * o.weight_decay : 1)),
        nesterov(o.nesterov) {}

  // The loops read a copy of the constants: as far as the compiler knows, w might be where *this
  // is, and then it could neither keep them in registers nor use vectors.
  void plain(T* w, const T* g, Index first, Index last) const {
    const Sgd c = *this;
    for (Index i = first; i < last; ++i)
      w[i] = c.keep * w[i] - c.lr * (g[i] + c.coupled_decay * w[i]);
  }
  void with_momentum(T* w, const T* g, T* v, Index first, Index last) const {
    const Sgd c = *this;
    for (Index i = first; i < last; ++i) {
      const T d = g[i] + c.coupled_decay * w[i];
      const T moved = c.momentum * v[i] + d;
      const T u = c.nesterov ? d + c.momentum * moved : moved;
      v[i] = moved;
      w[i] = c.keep * w[i] - c.lr * u;
    }
  }
};

/// The constants of one adam step: the bias corrections depend on the step's number t.
template <class T>
struct Adam {
  T lr, beta1, beta2, rest1, rest2, epsilon, coupled_decay, keep, correction1, correction2;

  Adam(const OptimizerOptions& o, double rate, std::int64_t t)
      : lr(static_cast<T>(rate)),
        beta1(static_cast<T>(o.beta1)),
        beta2(static_cast<T>(o.beta2)),
        // In f64: 1 - 0.999 in f32 is off by 1e-5.
        rest1(static_cast<T>(1 - o.beta1)),
        rest2(static_cast<T>(1 - o.beta2)),
        epsilon(static_cast<T>(o.epsilon)),
        coupled_decay(static_cast<T>(kind_of(o).decoupled ? 0 : o.weight_decay)),
        keep(static_cast<T>(kind_of(o).decoupled ? 1 - rate * o.weight_decay : 1)),
        correction1(static_cast<T>(1 / (1 - std::pow(o.beta1, static_cast<double>(t))))),
        correction2(static_cast<T>(1 / (1 - std::pow(o.beta2, static_cast<double>(t))))) {}

  void step(T* w, const T* g, T* m, T* s, Index first, Index last) const {
    const Adam c = *this;
    for (Index i = first; i < last; ++i) {
      const T d = g[i] + c.coupled_decay * w[i];
      const T first_moment = c.beta1 * m[i] + c.rest1 * d;
      const T second_moment = c.beta2 * s[i] + c.rest2 * d * d;
      m[i] = first_moment;
      s[i] = second_moment;
      w[i] = c.keep * w[i] - c.lr * (first_moment * c.correction1) /
                                 (std::sqrt(second_moment * c.correction2) + c.epsilon);
    }
  }
};

/// Whether two contiguous arrays overlap.
bool share_memory(const Array& a, const Array& b) {
  const auto *first = static_cast<const std::byte*>(a.raw()),
             *second = static_cast<const std::byte*>(b.raw());
  return std::less<>()(first, second + b.bytes()) && std::less<>()(second, first + a.bytes());
}

}  // namespace

std::vector<std::string> optimizer_names() { return names_of(kinds); }

Optimizer::Optimizer(OptimizerOptions options) : options_(std::move(options)) {
  check(options_);
  slot_names_ = slot_names(options_);
  memory_.resize(slot_names_.size());
}

void Optimizer::check_update(std::span<const Array> parameters, std::span<const Array> gradient,
                             double lr) const {
  if (!(lr >= 0) || !std::isfinite(lr)) fail("optimizer", "lr must be finite and >= 0, was {}", lr);
  if (parameters.size() != gradient.size())
    fail("optimizer", "{} parameters need as many gradients, {} were given", parameters.size(),
         gradient.size());
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const Array &w = parameters[p], &g = gradient[p];
    if (w.empty() || g.empty()) fail("optimizer", "parameter {} or its gradient is empty", p);
    if (!is_float(w.dtype()) || !w.contiguous())
      fail("optimizer", "parameter {} must be a contiguous array of f32 or f64, was {} {}", p,
           str(w.dtype()), str(w.shape()));
    if (w.dtype() != g.dtype() || !(w.shape() == g.shape()))
      fail("optimizer", "the gradient of parameter {} must be {} {}, was {} {}", p, str(w.dtype()),
           str(w.shape()), str(g.dtype()), str(g.shape()));
  }
  // A parameter that is listed twice would move twice; one whose gradient is another parameter's
  // memory would follow what that has become.
  for (std::size_t p = 0; p < parameters.size(); ++p)
    for (std::size_t q = 0; q < p; ++q) {
      if (share_memory(parameters[p], parameters[q]))
        fail("optimizer", "parameters {} and {} share memory: list each once", q, p);
      if (share_memory(parameters[q], gradient[p]) || share_memory(parameters[p], gradient[q]))
        fail("optimizer", "the gradient of one of the parameters {} and {} is the other's memory",
             q, p);
    }
  for (std::size_t slot = 0; slot < memory_.size(); ++slot) {
    const std::vector<Array>& arrays = memory_[slot];
    if (steps_ == 0 && arrays.empty()) continue;
    if (arrays.size() != parameters.size())
      fail("optimizer", "its state is of {} parameters, {} were given", arrays.size(),
           parameters.size());
    for (std::size_t p = 0; p < arrays.size(); ++p)
      if (!(arrays[p].shape() == parameters[p].shape()) ||
          arrays[p].dtype() != parameters[p].dtype())
        fail("optimizer", "state {} is {} {}, but the parameter is {} {}",
             state_name(slot_names_[slot], p), str(arrays[p].dtype()), str(arrays[p].shape()),
             str(parameters[p].dtype()), str(parameters[p].shape()));
  }
}

void Optimizer::update(std::span<const Array> parameters, std::span<const Array> gradient,
                       std::optional<double> lr) {
  const double rate = lr.value_or(options_.lr);
  check_update(parameters, gradient, rate);
  for (std::vector<Array>& arrays : memory_)
    for (std::size_t p = arrays.size(); p < parameters.size(); ++p)
      arrays.push_back(Array::zeros(parameters[p].shape(), parameters[p].dtype()));
  ++steps_;

  for (std::size_t p = 0; p < parameters.size(); ++p)
    visit_float(parameters[p].dtype(), [&]<class T>(T) {
      const Array contiguous = gradient[p].contiguous_copy();
      T* w = parameters[p].data<T>();
      const T* g = contiguous.data<T>();
      const auto in_tiles = [&](const auto& body) {
        parallel_ranges(parameters[p].elements(), elements_per_tile, body);
      };
      if (kind_of(options_).adam) {
        const Adam<T> adam(options_, rate, steps_);
        T *m = memory_[0][p].data<T>(), *s = memory_[1][p].data<T>();
        in_tiles([&](Index first, Index last) { adam.step(w, g, m, s, first, last); });
      } else if (options_.momentum > 0) {
        const Sgd<T> sgd(options_, rate);
        T* v = memory_[0][p].data<T>();
        in_tiles([&](Index first, Index last) { sgd.with_momentum(w, g, v, first, last); });
      } else {
        const Sgd<T> sgd(options_, rate);
        in_tiles([&](Index first, Index last) { sgd.plain(w, g, first, last); });
      }
    });
}

void Optimizer::update(const Tensors& parameters, std::span<const Array> gradient,
                       std::optional<double> lr) {
  std::vector<Array> arrays;
  for (Tensor t : parameters) {
    const Tape& tape = t.tape();
    const Node& node = tape.node(t.index());
    if (node.kind != NodeKind::parameter)
      fail("optimizer", "node {} ('{}', {}) is not a parameter of the tape: it cannot be updated",
           t.index(), tape.name(node), str(node.spec));
    arrays.push_back(tape.stored(node));
  }
  update(arrays, gradient, lr);
}

std::vector<std::pair<std::string, Array>> Optimizer::state() const {
  std::vector<std::pair<std::string, Array>> result;
  for (std::size_t slot = 0; slot < memory_.size(); ++slot)
    for (std::size_t p = 0; p < memory_[slot].size(); ++p)
      result.emplace_back(state_name(slot_names_[slot], p), memory_[slot][p]);
  return result;
}

void Optimizer::restore(std::span<const std::pair<std::string, Array>> state, std::int64_t steps) {
  if (steps < 0) fail("optimizer", "steps must be >= 0, was {}", steps);
  const std::size_t slots = slot_names_.size();
  const std::size_t count = slots == 0 ? 0 : state.size() / slots;
  if (count * slots != state.size())
    fail("optimizer", "{} of {} arrays a parameter cannot be restored from {} arrays",
         options_.name, slots, state.size());
  if (slots > 0 && steps > 0 && count == 0)
    fail("optimizer", "{} after {} steps has a state, but none was given", options_.name, steps);
  std::vector<std::vector<Array>> restored(slots);
  for (std::size_t i = 0; i < state.size(); ++i) {
    const auto& [name, array] = state[i];
    const std::string expected = state_name(slot_names_[i / count], i % count);
    if (name != expected)
      fail("optimizer", "state '{}' was given where {} expects '{}'", name, options_.name,
           expected);
    if (array.empty() || !is_float(array.dtype()))
      fail("optimizer", "state '{}' must be an array of f32 or f64", name);
    restored[i / count].push_back(array.clone());
  }
  memory_ = std::move(restored);
  steps_ = steps;
}

}  // namespace twice
