#include "optim/optimizers.h"

#include <cmath>
#include <functional>

#include "optim/update_rules.h"

namespace twice {

namespace {

std::vector<std::string> sgd_memory(const OptimizerOptions& o) {
  if (o.momentum > 0) return {"momentum"};
  return {};
}

std::deque<OptimizerRule>& rules() {
  const auto moments = [](const OptimizerOptions&) {
    return std::vector<std::string>{"first_moment", "second_moment"};
  };
  static std::deque<OptimizerRule> list = {
      {"sgd", "v <- momentum v + g, w <- w - lr v", "momentum, nesterov, coupled_decay", 0.05,
       sgd_memory, sgd_update},
      {"adam", "Kingma, Ba, ICLR 2015", "beta1, beta2", 0.001, moments, adam_update},
      {"adamw", "Loshchilov, Hutter, ICLR 2019", "beta1, beta2", 0.001, moments, adamw_update},
  };
  return list;
}

void check(const OptimizerOptions& o) {
  demand("optimizer", o.lr >= 0, "lr", o.lr, "finite and >= 0");
  demand("optimizer", o.momentum >= 0 && o.momentum < 1, "momentum", o.momentum, "in [0, 1)");
  demand("optimizer", o.weight_decay >= 0, "weight_decay", o.weight_decay, "finite and >= 0");
  demand("optimizer", o.beta1 >= 0 && o.beta1 < 1, "beta1", o.beta1, "in [0, 1)");
  demand("optimizer", o.beta2 >= 0 && o.beta2 < 1, "beta2", o.beta2, "in [0, 1)");
  demand("optimizer", o.epsilon > 0, "epsilon", o.epsilon, "finite and > 0");
  const bool has_nesterov = optimizer(o.name).options.find("nesterov") != std::string::npos;
  if (o.nesterov && (!has_nesterov || o.momentum == 0))
    fail("optimizer", "nesterov needs sgd with momentum > 0, was given {} with momentum {}", o.name,
         o.momentum);
}

/// `momentum.3`
std::string state_name(const std::string& slot, std::size_t parameter) {
  return fmt::format("{}.{}", slot, parameter);
}

/// True if two contiguous arrays overlap.
bool share_memory(const Array& a, const Array& b) {
  const auto *first = static_cast<const std::byte*>(a.raw()),
             *second = static_cast<const std::byte*>(b.raw());
  return std::less<>()(first, second + b.bytes()) && std::less<>()(second, first + a.bytes());
}

}  // namespace

const std::deque<OptimizerRule>& optimizers() { return rules(); }

const OptimizerRule& optimizer(std::string_view name) {
  return row_named("optimizer", rules(), name);
}

void add_optimizer(OptimizerRule rule) {
  check_new("optimizer", rules(), rule.name);
  if (!rule.update) fail("optimizer", "{} has no `update`", rule.name);
  rules().push_back(std::move(rule));
}

Optimizer::Optimizer(OptimizerOptions options)
    : options_(std::move(options)), rule_(&optimizer(options_.name)) {
  check(options_);
  if (rule_->memory) slot_names_ = rule_->memory(options_);
  memory_.resize(slot_names_.size());
}

void Optimizer::check_update(std::span<const Array> parameters, std::span<const Array> gradient,
                             double lr) const {
  if (!(lr >= 0) || !std::isfinite(lr)) fail("optimizer", "lr must be finite and >= 0, was {}", lr);
  if (parameters.size() != gradient.size())
    fail("optimizer", "{} parameters need one gradient each; {} were given", parameters.size(),
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
  // A parameter that is listed twice would be updated twice. If the gradient of one parameter
  // shared memory with another parameter, the update of the latter would change the gradient.
  for (std::size_t p = 0; p < parameters.size(); ++p)
    for (std::size_t q = 0; q < p; ++q) {
      if (share_memory(parameters[p], parameters[q]))
        fail("optimizer", "parameters {} and {} share memory: list each once", q, p);
      if (share_memory(parameters[q], gradient[p]) || share_memory(parameters[p], gradient[q]))
        fail("optimizer",
             "of parameters {} and {}, the gradient of one shares memory with the other", q, p);
    }
  for (std::size_t slot = 0; slot < memory_.size(); ++slot) {
    const std::vector<Array>& arrays = memory_[slot];
    if (steps_ == 0 && arrays.empty()) continue;
    if (arrays.size() != parameters.size())
      fail("optimizer", "the state has {} parameters; {} were given", arrays.size(),
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

  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const Array contiguous = gradient[p].contiguous_copy();
    std::vector<Array> memory;
    for (const std::vector<Array>& arrays : memory_) memory.push_back(arrays[p]);
    rule_->update({options_, rate, steps_, parameters[p], contiguous, memory});
  }
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
    fail("optimizer", "{} with {} arrays for each parameter cannot be restored from {} arrays",
         options_.name, slots, state.size());
  if (slots > 0 && steps > 0 && count == 0)
    fail("optimizer", "{} has a state after {} steps, but none was given", options_.name, steps);
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
