// What the activation's second derivative does in gradient regularization: exact H g with and
// without its term, and F-GR, on networks from smooth to piecewise linear.
#include <cmath>

#include "autodiff/autodiff.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/studies/planned.h"
#include "experiments/studies/training.h"

namespace twice::experiments {

namespace {

const std::vector<std::string>& activations() {
  static const std::vector<std::string> names = {"beta_gelu:1", "beta_gelu:4", "beta_gelu:16",
                                                 "relu"};
  return names;
}

/// What is trained and measured: a method on the network with or without phi''.
struct Variant {
  std::string name, method, ink;
  double epsilon;
  bool second_derivative;
};

const std::vector<Variant>& variants() {
  static const std::vector<Variant> table = {{"SGD", "sgd", "sgd", 1, true},
                                             {"exact", "exact", "exact", 1, true},
                                             {"exact without phi''", "exact", "c-gr", 1, false},
                                             {"F-GR(0.01)", "f-gr", "f-gr", 0.01, true},
                                             {"F-GR(0.05)", "f-gr", "f-gr", 0.05, true},
                                             {"F-GR(0.2)", "f-gr", "f-gr", 0.2, true}};
  return table;
}

/// y = phi(x) with slope phi'(x) and second derivative 0: phi and phi' are computed at a copy of x
/// that is held fixed, and y = phi + phi' (x - copy).
Tensor without_second_derivative(const std::function<Tensor(Tensor)>& phi, Tensor x) {
  const Tensor fixed = stop_gradient(x), y = phi(fixed);
  const Tensor ones = x.tape().constant(Array::filled(x.shape(), x.dtype(), 1));
  return y + grad(y, fixed, ones)[0] * (x - fixed);
}

/// The mlp of nn/models.h with 3 layers, its activation with or without phi''.
Model network(const Problem& problem, const std::string& activation, Index width,
              bool second_derivative) {
  const std::function<Tensor(Tensor)> phi = activation_named(activation);
  const Layer act = function_layer([phi, second_derivative](Tensor x) {
    return second_derivative ? phi(x) : without_second_derivative(phi, x);
  });
  const Initializer init = initializer_for(activation);
  const Index inputs = problem.model.input().elements(), classes = problem.data.train.classes;
  return Model(fmt::format("mlp-{}x3", width), activation, {inputs},
               sequence({named("linear1", linear(inputs, width, true, init)), act,
                         named("linear2", linear(width, width, true, init)), act,
                         named("linear3", linear(width, classes, true, init))}));
}

Problem problem_of(const StudyContext& context, const std::string& activation,
                   const Variant& variant, std::uint64_t seed) {
  RunOptions options =
      digits_run(activation, context.count("width"), context.count("epochs"), seed);
  options.regularization.gamma = context.number("gamma");
  options.regularization.epsilon = variant.epsilon;
  Problem problem = make_problem(options);
  const bool keep = variant.second_derivative || context.count("drop") == 0;
  problem.model = network(problem, activation, context.count("width"), keep);
  return problem;
}

/// Distances from the exact H g over its length: for each variant, and each eps of a sweep.
struct Distances {
  Vector variants, sweep;

  static void json_fields(auto& self, const auto& visit) {
    visit("variants", self.variants);
    visit("sweep", self.sweep);
  }
};

const Vector& sweep_epsilons() {
  static const Vector epsilons = {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1};
  return epsilons;
}

Distances distances(const StudyContext& context, const std::string& activation, std::uint64_t seed,
                    const ModelState& state) {
  const ModelState f64 = cast(state, DType::f64);
  const auto hvp = [&](const Variant& variant) {
    Problem problem = problem_of(context, activation, variant, seed);
    problem.options.batch = context.count("batch");
    const GradientVectors v =
        gradient_vectors(problem, method(variant.method), f64, fixed_batch(problem));
    return differences(v.gradient, v.plain);
  };
  const Vector exact = hvp(variants()[1]);
  const auto distance = [&](const Variant& v) { return relative_distance(hvp(v), exact); };
  Distances result;
  for (const Variant& variant : variants()) result.variants.push_back(distance(variant));
  for (const double eps : sweep_epsilons())
    result.sweep.push_back(distance({"", "f-gr", "", eps, true}));
  return result;
}

/// Of one activation and seed.
struct Found {
  Distances start, trained;
  std::vector<TrainedRun> runs;  // of each variant

  static void json_fields(auto& self, const auto& visit) {
    visit("start", self.start);
    visit("trained", self.trained);
    visit("runs", self.runs);
  }
};

Found measure(StudyContext& context, const std::string& activation, std::uint64_t seed) {
  Found found;
  const Problem plain = problem_of(context, activation, variants()[0], seed);
  found.start = distances(context, activation, seed, initial_state(plain.model, seed, DType::f32));
  for (const Variant& variant : variants()) {
    const Problem problem = problem_of(context, activation, variant, seed);
    found.runs.push_back(train_run(context, problem, method(variant.method)));
  }
  found.trained = distances(context, activation, seed, found.runs[0].state);
  return found;
}

/// found[activation][seed]
using All = std::vector<std::vector<Found>>;

/// One number of each seed.
Vector of_seeds(const std::vector<Found>& seeds, const std::function<double(const Found&)>& f) {
  Vector result;
  for (const Found& found : seeds) result.push_back(f(found));
  return result;
}

/// In percent.
Vector accuracies(const std::vector<Found>& seeds, std::size_t variant) {
  return of_seeds(seeds, [&](const Found& f) { return 100 * f.runs[variant].test_accuracy; });
}

std::string with_interval(const Vector& values, const char* format) {
  const Interval i = mean_interval(values);
  return fmt::format(fmt::runtime(format), mean(values), i.low, i.high);
}

void describe(const All& all, StudyResult& result) {
  StudyTable terms{
      "Distance from the exact H g, over its length: means over seeds",
      {"activation", "state", "without phi''", "F-GR(0.01)", "F-GR(0.05)", "F-GR(0.2)"},
      {}};
  StudyTable training{"Training: test accuracy in percent, mean over seeds (and 95 % of the mean)",
                      {"activation", "method", "test accuracy", "minus SGD, paired",
                       "minus exact, paired", "test loss", "|grad L|"},
                      {}};
  StudyPlot plot{"distance",
                 "How far F-GR is from the exact H g, after training",
                 "distance over |H g|, geometric mean of seeds; dashed: exact without phi''",
                 "eps",
                 true,
                 true,
                 {}};
  const char* inks[] = {"exact", "b-gr", "pgn", "f-gr"};
  for (std::size_t a = 0; a < all.size(); ++a) {
    for (const bool trained : {false, true}) {
      std::vector<std::string> row = {activations()[a], trained ? "trained by SGD" : "start"};
      for (std::size_t v = 2; v < variants().size(); ++v)
        row.push_back(with_interval(
            of_seeds(all[a],
                     [&](const Found& f) { return (trained ? f.trained : f.start).variants[v]; }),
            "{:.3g} ({:.3g} to {:.3g})"));
      terms.rows.push_back(row);
    }
    for (std::size_t v = 0; v < variants().size(); ++v) {
      const Vector own = accuracies(all[a], v);
      const auto minus = [&](std::size_t other) {
        return v == other ? std::string()
                          : with_interval(differences(own, accuracies(all[a], other)),
                                          "{:+.2f} ({:+.2f} to {:+.2f})");
      };
      training.rows.push_back(
          {activations()[a], variants()[v].name, with_interval(own, "{:.2f} ({:.2f} to {:.2f})"),
           minus(0), minus(1),
           fmt::format("{:.4f}",
                       mean(of_seeds(all[a], [&](const Found& f) { return f.runs[v].test_loss; }))),
           fmt::format("{:.4f}", mean(of_seeds(all[a], [&](const Found& f) {
                         return f.runs[v].gradient_norm;
                       })))});
    }
    StudyCurve curve{activations()[a], inks[a], sweep_epsilons()}, dropped = curve;
    const auto geometric = [&](const std::function<double(const Found&)>& f) {
      return std::exp(mean(of_seeds(all[a], [&](const Found& x) { return std::log(f(x)); })));
    };
    for (std::size_t k = 0; k < curve.x.size(); ++k) {
      curve.y.push_back(geometric([&](const Found& f) { return f.trained.sweep[k]; }));
      dropped.y.push_back(geometric([](const Found& f) { return f.trained.variants[2]; }));
    }
    dropped.name += " without phi''";
    dropped.dashed = true;
    plot.curves.push_back(curve);
    if (a + 1 < all.size()) plot.curves.push_back(dropped);
  }
  result.plots = {plot};
  result.tables = {terms, training};
}

void judge(const All& all, StudyResult& result) {
  const std::vector<Found>&smooth = all.front(), &relu = all.back();
  for (const bool trained : {false, true}) {
    const auto state = [&](const Found& f) -> const Distances& {
      return trained ? f.trained : f.start;
    };
    const std::string when = trained ? "after training: " : "at the start: ";
    result.claims.push_back(on_mean(
        when + "gelu: distance of F-GR(0.001) from the exact H g over that of exact without phi'', "
               "powers of ten",
        of_seeds(
            smooth,
            [&](const Found& f) { return std::log10(state(f).sweep[2] / state(f).variants[2]); }),
        at_most(-0.3)));
    Vector sharper;
    for (std::size_t s = 0; s < smooth.size(); ++s)
      sharper.push_back(std::log10(state(relu[s]).variants[3] / state(smooth[s]).variants[3]));
    result.claims.push_back(
        on_mean(when + "distance of F-GR(0.01) from the exact H g, relu over gelu, powers of ten",
                sharper, at_least(0), trained ? Weight::limit : Weight::core));
    result.claims.push_back(on_all(
        when + "relu: exact H g has no term of phi'' (distance of exact without phi'')",
        of_seeds(relu, [&](const Found& f) { return state(f).variants[2]; }), at_most(1e-12)));
  }
  result.claims.push_back(on_mean(
      "training, gelu: exact minus exact without phi'' (test accuracy in percent, paired)",
      differences(accuracies(smooth, 1), accuracies(smooth, 2)), at_least(0), Weight::limit));
  result.claims.push_back(
      on_mean("training: gain of exact over SGD with gelu minus the gain with relu (test accuracy "
              "in percent)",
              differences(differences(accuracies(smooth, 1), accuracies(smooth, 0)),
                          differences(accuracies(relu, 1), accuracies(relu, 0))),
              at_least(0), Weight::limit));
  result.claims.push_back(
      on_mean("training, relu: F-GR(0.2) minus exact (test accuracy in percent, paired)",
              differences(accuracies(relu, 5), accuracies(relu, 1)), at_least(0), Weight::limit));
}

StudyResult run(StudyContext& context) {
  const std::vector<std::uint64_t> seeds = context.seeds();
  const double steps = steps_of(problem_of(context, "relu", variants()[0], seeds[0]));
  const std::size_t count = activations().size() * seeds.size();
  const std::vector<Found> found = context.jobs(
      "training", count, static_cast<double>(count * variants().size()) * steps,
      [&](std::size_t i) {
        return measure(context, activations()[i / seeds.size()], seeds[i % seeds.size()]);
      });
  All all(activations().size());
  for (std::size_t i = 0; i < count; ++i) all[i / seeds.size()].push_back(found[i]);

  StudyResult result;
  result.setup = {
      fmt::format("Networks: mlp of width {}, 3 layers, activation x Phi(beta x), beta = 1 (gelu), "
                  "4, 16, and relu, its limit; handwritten digits, {} seeds.",
                  context.count("width"), seeds.size()),
      "Without phi'': the activation is recorded as phi(c) + phi'(c) (x - c), c = x held fixed, so "
      "values and gradients are the same and the second derivative is 0; then exact GR as usual.",
      fmt::format("Gradient: distances from the exact H g in float64 on {} training images, at the "
                  "start and after training by SGD.",
                  context.count("batch")),
      fmt::format("Training: gamma = {}, {} epochs, batch 64, momentum 0.9, cosine schedule from "
                  "0.05, float32; the same start and batches for each method of a seed.",
                  context.number("gamma"), context.count("epochs"))};
  describe(all, result);
  judge(all, result);
  result.remarks = {
      "Test accuracies on 360 images move by 0.3 points with one image: small differences need the "
      "full form's seeds, and are a statement on this data set and this gamma.",
      "The part without phi'' is not the Gauss-Newton product: it keeps the terms of H between "
      "layers, which exist for relu too."};
  return result;
}

}  // namespace

Study curvature_term_study() {
  return {
      "curvature-term",
      "exact H g with and without phi'', and F-GR, from smooth to relu-like networks",
      "The Hessian has a term with the activation's second derivative. F-GR feels it at any "
      "sharpness, through the finite step; exact GR loses it as the activation approaches relu. "
      "So F-GR and exact GR agree on smooth networks and differ on relu's, and a penalty by "
      "exact GR serves gelu networks better than relu networks.",
      "After Dauphin, Agarwala, Mobahi, \"Neglected Hessian component explains mysteries in "
      "sharpness regularization\", 2024; the comparison with F-GR is this project's.",
      "15 s",
      "20 min",
      "Residual networks on CIFAR-10, and a grid over gamma.",
      {{"seeds", "repetitions", 5, 10, 2, 1000, true},
       {"width", "of the hidden layers", 64, 256, 1, 8192, true},
       {"epochs", "of training", 15, 40, 1, 1e4, true},
       {"batch", "images on which gradients are compared", 256, 512, 1, 1437, true},
       {"gamma", "strength of the penalty", 0.05, 0.05, 1e-9, 100, false},
       {"drop", "1: the variant without phi'' is really without it; 0: it is not", 1, 1, 0, 1,
        true}},
      run};
}

}  // namespace twice::experiments
