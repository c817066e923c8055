// The methods, each a few lines that read like its equation, and the table of methods.
#include "optim/gradient_regularization.h"

#include <cmath>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/cast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/tensors.h"

namespace twice {

namespace {

using Options = MethodOptions;

// ---- Parts of the equations ----

/// The loss at w and its gradient.
struct FirstPass {
  Tensor loss;
  Tensors g;
};

/// ℒ(w) and g.
FirstPass first_pass(const ScalarFunction& loss, const Tensors& w) {
  const Tensor value = loss(w);
  return {value, grad(value, w)};
}

/// ∇ℒ(point). The computation of the point from g is not differentiated. The sweep ends at `point`.
/// stop_gradient also cuts off derivatives that the loss itself takes with respect to its inputs,
/// on which g depends.
Tensors gradient_at(const ScalarFunction& loss, const Tensors& moved) {
  const RecordingScope scope(moved[0].tape(), Phase::forward);
  const Tensors point = stop_gradient(moved);
  return grad(loss(point), point);
}

/// 1 / |x|, but 1e15 instead of infinity at x = 0, so that x / |x| is 0 there and not NaN. For |x|
/// > 1e-7 (f64) or 1e-11 (f32) the added constant is lost in rounding.
Tensor inverse_norm(const Tensors& x) { return rsqrt(squared_norm(x) + 1e-30); }

Tensors elementwise_product(const Tensors& a, const Tensors& b) {
  Tensors result;
  for (std::size_t i = 0; i < a.size(); ++i) result.push_back(a[i] * b[i]);
  return result;
}

/// T = |w| + eta: the scale of each parameter.
Tensors adaptive_scale(const Tensors& w, double eta) {
  Tensors result;
  for (Tensor t : w) result.push_back(eta > 0 ? abs(t) + eta : abs(t));
  return result;
}

// g + gamma times an estimate of H g. The step eps is a number, or a scalar tensor if it depends on
// |g|.

/// H g ~ (∇ℒ(w + eps g) - g) / eps
template <class Step>
Tensors forward_difference(const ScalarFunction& loss, const Tensors& w, const Tensors& g,
                           double gamma, Step eps) {
  const Tensors ahead = gradient_at(loss, w + eps * g);
  return g + (gamma / eps) * (ahead - g);
}

/// H g ~ (g - ∇ℒ(w - eps g)) / eps
template <class Step>
Tensors backward_difference(const ScalarFunction& loss, const Tensors& w, const Tensors& g,
                            double gamma, Step eps) {
  const Tensors behind = gradient_at(loss, w - eps * g);
  return g + (gamma / eps) * (g - behind);
}

/// H g ~ (∇ℒ(w + eps g) - ∇ℒ(w - eps g)) / (2 eps)
template <class Step>
Tensors central_difference(const ScalarFunction& loss, const Tensors& w, const Tensors& g,
                           double gamma, Step eps) {
  const Tensors ahead = gradient_at(loss, w + eps * g), behind = gradient_at(loss, w - eps * g);
  return g + (gamma / (2 * eps)) * (ahead - behind);
}

/// g + H v, by one sweep from (ℒ, g) with the cotangents 1 and v. In each layer the contributions
/// of ℒ and g are added in the cotangent e = d + r, so no sum of two results is needed.
Tensors pullback(Tensor loss, const Tensors& g, const Tensors& w, const Tensors& v) {
  Tensors outputs = {loss}, cotangents = {full_like(loss, 1)};
  outputs.insert(outputs.end(), g.begin(), g.end());
  cotangents.insert(cotangents.end(), v.begin(), v.end());
  return grad(outputs, w, cotangents);
}

// ---- The methods ----

Estimate sgd(const ScalarFunction& loss, const Tensors& w, const Options&) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, g};
}

Estimate exact(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, pullback(value, g, w, o.gamma * stop_gradient(g))};
}

Estimate exact_naive(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, grad(value + cast((o.gamma / 2) * squared_norm(g), value.dtype()), w)};
}

Estimate f_gr(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, forward_difference(loss, w, g, o.gamma, o.epsilon)};
}

Estimate b_gr(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, backward_difference(loss, w, g, o.gamma, o.epsilon)};
}

Estimate c_gr(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, central_difference(loss, w, g, o.gamma, o.epsilon)};
}

Estimate f_gr_normalized(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, forward_difference(loss, w, g, o.gamma, o.epsilon * inverse_norm(g))};
}

Estimate b_gr_normalized(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, backward_difference(loss, w, g, o.gamma, o.epsilon * inverse_norm(g))};
}

Estimate c_gr_normalized(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, central_difference(loss, w, g, o.gamma, o.epsilon * inverse_norm(g))};
}

Estimate sam(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, gradient_at(loss, w + (o.rho * inverse_norm(g)) * g)};
}

Estimate asam(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  const Tensors T = adaptive_scale(w, o.asam_eta), Tg = elementwise_product(T, g);
  const Tensors e = (o.rho * inverse_norm(Tg)) * elementwise_product(T, Tg);
  return {value, g, gradient_at(loss, w + e)};
}

Estimate pgn(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  const Tensors ahead = gradient_at(loss, w + (o.rho * inverse_norm(g)) * g);
  const double a = o.gamma / o.rho;
  return {value, g, (1 - a) * g + a * ahead};
}

Estimate flooding(const ScalarFunction& loss, const Tensors& w, const Options& o) {
  const auto [value, g] = first_pass(loss, w);
  return {value, g, sign(value - o.flood_level) * g};
}

constexpr std::string_view karakida = "Karakida et al., ICML 2023, arXiv 2210.02720";
constexpr std::string_view after_karakida =
    "variant of Karakida et al., ICML 2023, with a step of fixed length";

constexpr ProductLaw one_gradient{3, 1}, two_gradients{6, 2}, three_gradients{9, 3},
    double_backward{9, 5}, planned_exact{6, 4}, planned_central{9, 4};

}  // namespace

namespace {

std::deque<Method>& method_table() {
  static std::deque<Method> table = {
      {"sgd", "G = g", "no penalty", "", "", one_gradient, one_gradient, sgd},
      {"exact", "G = g + gamma H g", "squared norm gamma/2 |g|^2; one reverse sweep over (loss, g)",
       karakida, "gamma", double_backward, planned_exact, exact},
      {"exact-naive",
       "G = grad(L + gamma/2 |g|^2)",
       "squared norm gamma/2 |g|^2; double backward through the penalty",
       karakida,
       "gamma",
       double_backward,
       double_backward,
       exact_naive,
       {.accumulate = false, .gram = false, .reassociate = false}},
      {"f-gr", "G = g + gamma/epsilon (grad loss(w + epsilon g) - g)",
       "squared norm gamma/2 |g|^2; step epsilon g, not normalised", karakida, "gamma, epsilon",
       two_gradients, two_gradients, f_gr},
      {"b-gr", "G = g + gamma/epsilon (g - grad loss(w - epsilon g))",
       "squared norm gamma/2 |g|^2; step -epsilon g, not normalised", karakida, "gamma, epsilon",
       two_gradients, two_gradients, b_gr},
      {"c-gr", "G = g + gamma/(2 epsilon) (grad loss(w + epsilon g) - grad loss(w - epsilon g))",
       "squared norm gamma/2 |g|^2; steps +-epsilon g, not normalised", karakida, "gamma, epsilon",
       three_gradients, planned_central, c_gr},
      {"f-gr-normalized", "G = g + gamma |g|/epsilon (grad loss(w + epsilon g/|g|) - g)",
       "squared norm gamma/2 |g|^2; step epsilon g/|g|, of length epsilon", after_karakida,
       "gamma, epsilon", two_gradients, two_gradients, f_gr_normalized},
      {"b-gr-normalized", "G = g + gamma |g|/epsilon (g - grad loss(w - epsilon g/|g|))",
       "squared norm gamma/2 |g|^2; step -epsilon g/|g|, of length epsilon", after_karakida,
       "gamma, epsilon", two_gradients, two_gradients, b_gr_normalized},
      {"c-gr-normalized",
       "G = g + gamma |g|/(2 epsilon) (grad loss(w + epsilon g/|g|) - grad loss(w - epsilon "
       "g/|g|))",
       "squared norm gamma/2 |g|^2; steps +-epsilon g/|g|, of length epsilon", after_karakida,
       "gamma, epsilon", three_gradients, planned_central, c_gr_normalized},
      {"sam", "G = grad loss(w + rho g/|g|)",
       "first-order worst case within |e| <= rho; step rho g/|g|, normalised",
       "Foret et al., ICLR 2021", "rho", two_gradients, two_gradients, sam},
      {"asam", "G = grad loss(w + rho T^2 g/|T g|), T = |w| + asam_eta elementwise",
       "first-order worst case within |e/T| <= rho; the same T for weights and biases",
       "Kwon et al., ICML 2021", "rho, asam_eta", two_gradients, two_gradients, asam},
      {"pgn", "G = (1 - a) g + a grad loss(w + rho g/|g|), a = gamma/rho",
       "plain norm gamma |g|; step rho g/|g|, normalised", "Zhao, Zhang, Hu, ICML 2022",
       "gamma, rho", two_gradients, two_gradients, pgn},
      {"flooding", "G = sign(loss - flood_level) g", "no penalty; ascent below the flood level",
       "Ishida et al., ICML 2020", "flood_level", one_gradient, one_gradient, flooding},
  };
  return table;
}

/// Throws unless a method returned a scalar loss, and gradients with the specs of the parameters.
void check_estimate(std::string_view method, const Estimate& estimate, const Tensors& w) {
  if (!estimate.loss || estimate.loss.shape().elements() != 1)
    fail("method", "{} returns {} as its loss; expected a scalar", method,
         estimate.loss ? str(estimate.loss.spec()) : "nothing");
  const auto check_list = [&](const char* what, const Tensors& list) {
    if (list.size() != w.size())
      fail("method", "{} returns {} tensors as its {}; expected {}, one for each parameter", method,
           list.size(), what, w.size());
    for (std::size_t i = 0; i < w.size(); ++i)
      if (!list[i] || !(list[i].spec() == w[i].spec()))
        fail("method", "{} returns {} as its {} for parameter {} ('{}'); expected {}", method,
             list[i] ? str(list[i].spec()) : "nothing", what, i,
             w[i].tape().name(w[i].tape().node(w[i].index())), str(w[i].spec()));
  };
  check_list("plain gradient", estimate.plain);
  check_list("gradient", estimate.gradient);
}

}  // namespace

const std::deque<Method>& methods() { return method_table(); }

void add_method(Method added) {
  check_new("method", methods(), added.name);
  if (!added.record == !added.record_in || added.programs < 1 ||
      (added.programs > 1) != static_cast<bool>(added.program))
    fail("method",
         "{} needs either `record` or `record_in`, and `program` if it has several programs",
         added.name);
  method_table().push_back(std::move(added));
}

const Method& method(std::string_view name) { return row_named("method", methods(), name); }

void check(const MethodOptions& o) {
  demand("method", o.gamma >= 0, "gamma", o.gamma, "finite and >= 0");
  demand("method", o.epsilon > 0, "epsilon", o.epsilon, "finite and > 0");
  demand("method", o.rho > 0, "rho", o.rho, "finite and > 0");
  demand("method", o.asam_eta >= 0, "asam_eta", o.asam_eta, "finite and >= 0");
  demand("method", true, "flood_level", o.flood_level, "finite");
}

std::string str(const ProductLaw& law) {
  return law.per_layer == 0 ? "-" : fmt::format("{}L - {}", law.per_layer, law.saved);
}

Estimate Method::operator()(const ScalarFunction& loss, const Tensors& w,
                            const MethodOptions& o) const {
  return (*this)(MethodContext{.loss = loss, .w = w, .options = o});
}

Estimate Method::operator()(const MethodContext& context) const {
  const Tensors& w = context.w;
  if (w.empty()) fail("method", "{} was given no parameters", name);
  check_independent("method", w);
  check(context.options);
  Tape& tape = w[0].tape();
  // The ops of the loss belong to the forward phase at every point. The arithmetic around the loss
  // belongs to the update phase.
  const ScalarFunction loss = [&](const Tensors& at) {
    const RecordingScope scope(tape, Phase::forward);
    return context.loss(at);
  };
  MethodContext phased{.loss = loss, .w = w, .options = context.options, .batch = context.batch};
  if (context.loss_on)
    phased.loss_on = [&](const Tensors& at, const BatchTensors& batch, ForwardPass& pass) {
      const RecordingScope scope(tape, Phase::forward);
      return context.loss_on(at, batch, pass);
    };
  phased.program = context.program;
  phased.rng = context.rng;
  phased.step_input = context.step_input;
  phased.read_memory = context.read_memory;
  phased.write_memory = context.write_memory;
  const RecordingScope scope(tape, Phase::update);
  const Estimate estimate = [&] {
    const ErrorPlace place(std::make_shared<const std::string>(fmt::format("method {}", name)));
    return record_in ? record_in(phased) : record(loss, w, context.options);
  }();
  check_estimate(name, estimate, w);
  return estimate;
}

}  // namespace twice
