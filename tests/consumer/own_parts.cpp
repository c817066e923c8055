// A program that defines its own op, model with shared weights, data, optimiser, schedule and
// planner pass.
#include <autodiff/ops/elementwise.h>
#include <experiments/experiments.h>

using namespace twice;
using namespace twice::experiments;

namespace {

// ---- An op: snake(x) = x + sin(x)^2 (Ziyin, Hartwig, Ueda, NeurIPS 2020) ----

struct Snake final : Elementwise<Snake, 1> {
  std::string_view name() const override { return "snake"; }
  template <class V>
  V eval(V x) const {
    const V s = sin(x);
    return x + s * s;
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return 1 + sin(2.0 * x[0]); }
};

Tensor snake(Tensor x) { return record<Snake>({x}); }

// ---- A model: one hidden layer, applied several times ----

struct Loop {
  int times = 3;
};

void declare_loop(OptionSet& set, Loop& o) {
  set.add("times", &o.times, "Number of times the shared layer is applied", whole(1, 100));
}

Model loop(const RunOptions& options, const Dataset& train, Index outputs, const Loop& o) {
  const Shape& shape = train.inputs().shape();
  const Index inputs = train.inputs().elements() / shape[0], width = options.width.value_or(32);
  const Layer first = named("first", linear(inputs, width)),
              last = named("last", linear(width, outputs));
  if (o.times * width > 4096)
    fail("loop", "{} times {} units are too many; expected a product of at most 4096", o.times,
         width);
  Layer shared = named("shared", linear(width, width));
  shared.products = o.times;
  shared.forward = [layer = shared.forward, o](Share w, Share running, Tensor x,
                                               ForwardPass& pass) {
    for (int i = 0; i < o.times; ++i) x = snake(layer(w, running, x, pass));
    return x;
  };
  return Model(fmt::format("loop-{}x{}", width, o.times), "snake",
               Shape(std::vector<Index>(shape.begin() + 1, shape.end())),
               sequence({first, shared, last}));
}

// ---- Data: two spirals ----

DataSplit spirals(const RunOptions& options) {
  const auto part = [&](Index n, std::uint64_t use) {
    Array inputs({n, 2}, DType::f32), noise({n, 2}, DType::f32), labels({n}, DType::i32);
    fill_normal(Rng(options.seed_of_data(), 0, use), 0, 0.05, noise);
    for (Index i = 0; i < n; ++i) {
      const double t = 0.5 + 3 * static_cast<double>(i / 2) / static_cast<double>(n / 2),
                   sign = i % 2 == 0 ? 1 : -1;
      inputs.set(2 * i, sign * t * std::cos(t) + noise.at(2 * i));
      inputs.set(2 * i + 1, sign * t * std::sin(t) + noise.at(2 * i + 1));
      labels.set(i, static_cast<double>(i % 2));
    }
    return labelled("spirals", inputs, labels, 2);
  };
  return {part(400, 1), part(200, 2)};
}

// ---- An optimiser: Lion (Chen et al., NeurIPS 2023) ----

struct Lion {
  double beta1 = 0.9, beta2 = 0.99;
};

void declare_lion(OptionSet& set, Lion& o) {
  set.add("lion-beta1", &o.beta1, "Weight of the momentum in lion's step", number_from(0, 1));
  set.add("lion-beta2", &o.beta2, "Share of lion's momentum kept in each step", number_from(0, 1));
}

/// w <- (1 - lr lambda) w - lr sign(beta1 m + (1 - beta1) g), m <- beta2 m + (1 - beta2) g.
void lion_update(const ParameterUpdate& u) {
  const Lion o = u.options.own_options<Lion>();
  u.each<1>([&]<class T>(T) {
    return [lr = static_cast<T>(u.lr), keep = static_cast<T>(1 - u.lr * u.options.weight_decay),
            b1 = static_cast<T>(o.beta1), b2 = static_cast<T>(o.beta2)](T& w, T g, T& m) {
      const T c = b1 * m + (1 - b1) * g;
      w = keep * w - lr * static_cast<T>((c > 0) - (c < 0));
      m = b2 * m + (1 - b2) * g;
    };
  });
}

// ---- A schedule: one cycle up and down ----

struct Cycle {
  double peak = 0.3;
};

void declare_cycle(OptionSet& set, Cycle& o) {
  set.add("peak", &o.peak, "Fraction of the run at which one-cycle peaks", number_from(0.01, 0.99));
}

double one_cycle(const ScheduleOptions& o, double t, double T) {
  const double done = std::min(t / T, 1.0), peak = std::any_cast<const Cycle&>(o.own).peak;
  return o.lr * (done < peak ? done / peak : (1 - done) / (1 - peak));
}

// ---- A planner pass: a limit on the size of plans ----

struct Look {
  int most = 0;
};

void declare_look(OptionSet& set, Look& o) {
  set.add("most-nodes", &o.most, "Most nodes in a plan (0: no limit)", whole(0, 1 << 30));
}

Graph look(Graph graph, const PlanOptions& options) {
  const int most = options.own_options<Look>("look").most;
  if (most > 0 && graph.nodes.size() > static_cast<std::size_t>(most))
    fail("look", "the plan has {} nodes; expected at most {}", graph.nodes.size(), most);
  return graph;
}

}  // namespace

int main(int argc, char** argv) {
  App app;
  app.add_model("loop", "one layer taken several times", declare_loop, loop);
  app.add_data("spirals", "two spirals", spirals);
  app.add_optimizer(
      {.name = "lion",
       .equation = "w <- w - lr sign(beta1 m + (1 - beta1) g)",
       .default_lr = 0.003,
       .memory = [](const OptimizerOptions&) { return std::vector<std::string>{"m"}; },
       .update = lion_update},
      declare_lion);
  app.add_schedule({"one-cycle", one_cycle}, declare_cycle);
  app.add_pass({"look", "refuse large plans", look}, declare_look);
  return app.run(argc, argv);
}
