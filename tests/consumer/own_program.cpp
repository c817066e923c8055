// A program with its own problem, model and three methods, for every command of twice.
#include <experiments/experiments.h>

using namespace twice;
using namespace twice::experiments;

namespace {

// ---- The problem u'' = -sin x on [0, pi], u(0) = u(pi) = 0, with u'' in the loss ----

struct Poisson {
  Index points = 256;
  double boundary = 10;
};

void declare_poisson(OptionSet& set, Poisson& o) {
  set.add("points", &o.points, "Points at which the equation is held", whole(1, 1 << 20));
  set.add("boundary", &o.boundary, "Weight of the boundary values", number_from(0));
}

Problem poisson(const RunOptions& options, const Poisson& o) {
  const Model net = mlp({.inputs = 1,
                         .width = options.width.value_or(16),
                         .depth = 3,
                         .outputs = 1,
                         .activation = "tanh"});
  Problem problem{.model = net};
  Array x({o.points, 1}, DType::f32);
  for (Index i = 0; i < o.points; ++i)
    x.set(i, 3.14159265 * static_cast<double>(i) / static_cast<double>(o.points - 1));
  problem.data.train = {"points", {{"x", x}}};
  const double weight = o.boundary;
  problem.own_loss = [net, weight](const Tensors& w, const BatchTensors& batch, ForwardPass& pass) {
    const Tensor at = batch["x"], u = net(w, at, pass);
    const Tensor slope = grad(sum(u), at)[0], bend = grad(sum(slope), at)[0];
    const Tensor ends = at.tape().constant(
        Array::from(std::vector<double>{0, 3.14159265358979}, {2, 1}).cast(at.dtype()));
    return mean(square(bend + sin(at))) + weight * mean(square(net(w, ends, pass)));
  };
  problem.own_predictions = [net](const Tensors& w, const BatchTensors& batch, ForwardPass& pass) {
    return net(w, batch["x"], pass);
  };
  problem.own_metrics = [](const Array& u, const Dataset& points) -> Metrics {
    double worst = 0;
    for (Index i = 0; i < u.elements(); ++i)
      worst = std::max(worst, std::abs(u.at(i) - std::sin(points.inputs().at(i))));
    return {{"loss", worst * worst}, {"largest_error", worst}};
  };
  return problem;
}

// ---- Methods ----

/// A penalty on the gradient with respect to the input: loss + strength/2 n |d loss / d x|^2.
struct InputPenalty {
  double strength = 0.1;
};

void declare_input_penalty(OptionSet& set, InputPenalty& o) {
  set.add("strength", &o.strength, "Weight of input-penalty", number_from(0));
}

Estimate input_penalty(const MethodContext& c, const InputPenalty& o) {
  ForwardPass pass;
  const Tensor loss = c.loss_on(c.w, c.batch, pass), x = c.batch.inputs();
  const double n = static_cast<double>(x.shape()[0]);
  const Tensor penalty = (o.strength / 2 * n) * squared_norm(grad(loss, Tensors{x}));
  return {loss, grad(loss, c.w), grad(loss + cast(penalty, loss.dtype()), c.w)};
}

/// LookSAM (Liu et al., CVPR 2022). One step in `every` takes SAM's gradient g_s. The other steps
/// take g + scale |g|/|v| v, where v is the part of the last g_s orthogonal to g at that step.
struct LookSam {
  int every = 4;
  double scale = 0.7;
};

void declare_look_sam(OptionSet& set, LookSam& o) {
  set.add("every", &o.every, "Steps from one step of SAM or exact to the next", whole(1, 1000));
  set.add("scale", &o.scale, "Weight of the stored gradient", number_from(0));
}

Estimate look_sam(const MethodContext& c, const LookSam& o) {
  const Tensor loss = c.loss(c.w);
  const Tensors g = grad(loss, c.w);
  const Tensor norm = safe_sqrt(squared_norm(g)) + 1e-12;
  Tensors v;
  for (std::size_t i = 0; i < c.w.size(); ++i)
    v.push_back(c.memory(fmt::format("v.{}", i), Array::zeros(g[i].shape(), g[i].dtype())));
  if (c.program == 1)
    return {loss, g, g + (o.scale * norm / (safe_sqrt(squared_norm(v)) + 1e-12)) * v};
  const Tensors ahead = stop_gradient(c.w + (c.options.rho / norm) * g);
  const Tensors sam = grad(c.loss(ahead), ahead);
  Tensor along = sum(sam[0] * g[0]);
  for (std::size_t i = 1; i < g.size(); ++i) along = along + sum(sam[i] * g[i]);
  const Tensors orthogonal = sam - (along / (norm * norm)) * g;
  for (std::size_t i = 0; i < g.size(); ++i) c.keep(fmt::format("v.{}", i), orthogonal[i]);
  return {loss, g, sam};
}

/// The method `exact` at every fourth step and the plain gradient at the other steps.
Estimate gr_every(const MethodContext& c) { return method(c.program == 0 ? "exact" : "sgd")(c); }

}  // namespace

int main(int argc, char** argv) {
  App app;
  app.add_problem("poisson", "u'' = -sin x by a network", declare_poisson, poisson);
  app.add_method({.name = "input-penalty", .equation = "G = grad(L + s/2 n |dL/dx|^2)"},
                 declare_input_penalty, input_penalty);
  app.add_method({.name = "look-sam",
                  .equation = "SAM at every k-th step",
                  .programs = 2,
                  .program =
                      [](std::int64_t step, const MethodOptions& o) {
                        return step % o.own_options<LookSam>().every == 0 ? 0 : 1;
                      }},
                 declare_look_sam, look_sam);
  app.add_method(
      {.name = "gr-every",
       .equation = "G = g + gamma H g at every fourth step, else g",
       .record_in = gr_every,
       .programs = 2,
       .program = [](std::int64_t step, const MethodOptions&) { return step % 4 != 0; }});
  return app.run(argc, argv);
}
