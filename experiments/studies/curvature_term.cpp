// The activation's second derivative in gradient regularization: exact H g with and without its
// term, and F-GR, on networks from smooth to piecewise linear.
#include "autodiff/autodiff.h"
#include "experiments/studies/problems.h"

namespace twice::experiments {

namespace {

/// From smooth (gelu) to piecewise linear (relu).
const std::vector<std::string> activations = {"beta_gelu:1", "beta_gelu:4", "beta_gelu:16", "relu"};
constexpr std::size_t gelu = 0, relu = 3;

/// A method on the network with or without phi''. The study trains and measures each variant.
struct Variant {
  std::string name, method;
  double epsilon = 1;
  bool second_derivative = true;
};
const std::vector<Variant> variants = {{"SGD", "sgd"},
                                       {"exact", "exact"},
                                       {"exact without phi''", "exact", 1, false},
                                       {"F-GR(0.01)", "f-gr", 0.01},
                                       {"F-GR(0.05)", "f-gr", 0.05},
                                       {"F-GR(0.2)", "f-gr", 0.2}};
enum : std::size_t { sgd, exact, without, f_gr_small, f_gr_middle, f_gr_large };

const Vector sweep = {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1};  // eps

/// The mlp of nn/models.h with 3 layers and an activation with slope phi'(x) and second derivative
/// 0: phi and phi' are computed at a constant copy of x, and y = phi + phi' (x - copy).
Model without_second_derivative(const Problem& problem, const std::string& activation,
                                Index width) {
  const std::function<Tensor(Tensor)> phi = activation_named(activation);
  const Layer act = function_layer([phi](Tensor x) {
    const Tensor fixed = stop_gradient(x), y = phi(fixed);
    const Tensor ones = x.tape().constant(Array::filled(x.shape(), x.dtype(), 1));
    return y + grad(y, fixed, ones)[0] * (x - fixed);
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
  RunOptions options = digits_run(context, activation, seed);
  options.regularization.gamma = context.number("gamma");
  options.regularization.epsilon = variant.epsilon;
  Problem problem = make_problem(options);
  if (!variant.second_derivative && context.flag("drop"))
    problem.model = without_second_derivative(problem, activation, context.count("width"));
  return problem;
}

/// Adds the relative distance from the exact H g, for each variant and each eps of the sweep.
void add_distances(const StudyContext& context, const std::string& activation, std::uint64_t seed,
                   const ModelState& state, const std::string& when, Measured& result) {
  const ModelState f64 = cast(state, DType::f64);
  const auto hvp = [&](const Variant& variant) {
    Problem problem = problem_of(context, activation, variant, seed);
    problem.options.batch = context.count("batch");
    const GradientVectors v =
        gradient_vectors(problem, method(variant.method), f64, fixed_batch(problem));
    return differences(v.gradient, v.plain);
  };
  const Vector truth = hvp(variants[exact]);
  for (const Variant& variant : variants)
    result[when + " distance"].push_back(relative_error(hvp(variant), truth));
  for (const double eps : sweep)
    result[when + " sweep"].push_back(relative_error(hvp({"", "f-gr", eps}), truth));
}

/// Returns `start distance`, `start sweep`, `trained distance` and `trained sweep`. For the
/// training with each variant, also returns `accuracy` in percent, `test loss` and `gradient norm`.
Measured measure(StudyContext& context, const std::string& activation, std::uint64_t seed) {
  Measured result;
  const Problem plain = problem_of(context, activation, variants[sgd], seed);
  add_distances(context, activation, seed, initial_state(plain.model, seed, DType::f32), "start",
                result);
  ModelState trained;
  for (const Variant& variant : variants) {
    const Problem problem = problem_of(context, activation, variant, seed);
    const Measured run = train_run(context, problem, variant.method,
                                   &variant == &variants[sgd] ? &trained : nullptr);
    result["accuracy"].push_back(100 * run.at("test accuracy").back());
    for (const char* name : {"test loss", "gradient norm"})
      result[name].push_back(run.at(name).back());
  }
  add_distances(context, activation, seed, trained, "trained", result);
  return result;
}

void describe(const std::vector<Repeated>& found, StudyResult& result) {
  StudyTable terms{"Relative distance from the exact H g: means over seeds",
                   {"activation", "state"}};
  for (std::size_t v = without; v < variants.size(); ++v)
    terms.headings.push_back(v == without ? "without phi''" : variants[v].name);
  StudyTable training{"Training: test accuracy in percent, mean over seeds (and its 95 % interval)",
                      {"activation", "method", "test accuracy", "minus SGD, paired",
                       "minus exact, paired", "test loss", "|g|"}};
  StudyPlot plot{
      .name = "distance",
      .title = "How far F-GR is from the exact H g, after training",
      .y_title = "distance over |H g|, geometric mean of seeds; dashed: exact without phi''",
      .x_title = "eps",
      .log_x = true,
      .log_y = true};
  const char* inks[] = {"exact", "b-gr", "pgn", "f-gr"};
  for (std::size_t a = 0; a < found.size(); ++a) {
    const auto of = [&](const char* numbers, std::size_t k) { return each(found[a], numbers, k); };
    for (const char* when : {"start", "trained"}) {
      const std::string distance = std::string(when) + " distance";
      std::vector<std::string> row = {activations[a],
                                      when == std::string("start") ? "start" : "trained by SGD"};
      for (std::size_t v = without; v < variants.size(); ++v)
        row.push_back(with_interval(each(found[a], distance, v), "{:.3g}"));
      terms.rows.push_back(row);
    }
    for (std::size_t v = 0; v < variants.size(); ++v) {
      const auto minus = [&](std::size_t other) {
        if (v == other) return std::string();
        return with_interval(differences(of("accuracy", v), of("accuracy", other)), "{:+.2f}");
      };
      training.rows.push_back({activations[a], variants[v].name,
                               with_interval(of("accuracy", v), "{:.2f}"), minus(sgd), minus(exact),
                               fmt::format("{:.4f}", mean(of("test loss", v))),
                               fmt::format("{:.4f}", mean(of("gradient norm", v)))});
    }
    plot.curves.push_back(mean_curve(activations[a], inks[a], sweep, Shown::geometric_mean,
                                     [&](std::size_t k) { return of("trained sweep", k); }));
    if (a == relu) continue;
    plot.curves.push_back(mean_curve(activations[a] + " without phi''", inks[a], sweep,
                                     Shown::geometric_mean,
                                     [&](std::size_t) { return of("trained distance", without); }));
    plot.curves.back().dashed = true;
  }
  result.plots = {plot};
  result.tables = {terms, training};
}

void judge(const std::vector<Repeated>& found, StudyResult& result) {
  for (const std::string when : {"start", "trained"}) {
    const auto distance = [&](std::size_t activation, std::size_t variant) {
      return each(found[activation], when + " distance", variant);
    };
    const bool trained = when == "trained";
    const std::string at = trained ? "after training: " : "at the start: ";
    result.claim(
        {on_mean(at + "gelu: distance of F-GR(0.001) from the exact H g over that of exact without "
                      "phi'', powers of ten",
                 powers_of_ten(each(found[gelu], when + " sweep", 2), distance(gelu, without)),
                 at_most(-0.3)),
         on_mean(at + "distance of F-GR(0.01) from the exact H g, relu over gelu, powers of ten",
                 powers_of_ten(distance(relu, f_gr_small), distance(gelu, f_gr_small)), at_least(0),
                 trained ? Weight::limit : Weight::core),
         on_all(at + "relu: exact H g has no term of phi'' (distance of exact without phi'')",
                distance(relu, without), at_most(1e-12))});
  }
  /// Test accuracy of one variant minus that of another, by seed.
  const auto gain = [&](std::size_t activation, std::size_t variant, std::size_t over) {
    return differences(each(found[activation], "accuracy", variant),
                       each(found[activation], "accuracy", over));
  };
  result.claim(
      {on_mean("training, gelu: exact minus exact without phi'' (test accuracy in percent, paired)",
               gain(gelu, exact, without), at_least(0), Weight::limit),
       on_mean("training: gain of exact over SGD with gelu minus the gain with relu (test accuracy "
               "in percent)",
               differences(gain(gelu, exact, sgd), gain(relu, exact, sgd)), at_least(0),
               Weight::limit),
       on_mean("training, relu: F-GR(0.2) minus exact (test accuracy in percent, paired)",
               gain(relu, f_gr_large, exact), at_least(0), Weight::limit)});
}

void run(StudyContext& context, StudyResult& result) {
  const double steps = steps_of(problem_of(context, "relu", variants[sgd], 1));
  const std::vector<Repeated> found = context.jobs(
      "training", activations.size(), context.seeds(), static_cast<double>(variants.size()) * steps,
      [&](std::size_t a, std::uint64_t seed) { return measure(context, activations[a], seed); });
  describe(found, result);
  judge(found, result);
}

}  // namespace

Study curvature_term_study() {
  return {
      "curvature-term",
      "exact H g with and without phi'', and F-GR, from smooth to relu-like networks",
      "The Hessian has a term with the activation's second derivative. The finite step of F-GR "
      "includes this term for any sharpness of the activation, but exact GR loses it as the "
      "activation approaches relu. So F-GR and exact GR agree on smooth networks and differ on "
      "relu networks, and a penalty by exact GR helps gelu networks more than relu networks.",
      "After Dauphin, Agarwala, Mobahi, \"Neglected Hessian component explains mysteries in "
      "sharpness regularization\", 2024. The comparison with F-GR is by this project.",
      "15 s",
      "20 min",
      "Residual networks on CIFAR-10, and a grid over gamma.",
      {{"seeds", "repetitions", 5, 10, 2, 1000, true},
       {"width", "width of the hidden layers", 64, 256, 1, 8192, true},
       {"epochs", "epochs of training", 15, 40, 1, 1e4, true},
       {"batch", "images for comparing gradients", 256, 512, 1, 1437, true},
       {"gamma", "strength of the penalty", 0.05, 0.05, 1e-9, 100, false},
       {"drop", "1: remove phi'' from the variant without phi''; 0: keep it", 1, 1, 0, 1, true}},
      {"Networks: mlps of width {width} with 3 layers and activation x Phi(beta x) for beta = 1 "
       "(gelu), 4 and 16, and with the limit relu. Data: handwritten digits, {seeds} seeds.",
       "Without phi'': the activation is recorded as phi(c) + phi'(c) (x - c) with a constant copy "
       "c of x. Values and gradients are the same, and the second derivative is 0. Then exact GR "
       "is applied as usual.",
       "Gradient: distances from the exact H g in float64 on {batch} training images, at the start "
       "and after training by SGD.",
       "Training: gamma = {gamma}, {epochs} epochs, batch 64, momentum 0.9, cosine schedule from "
       "0.05, float32. All methods of a seed have the same start and batches."},
      {"With 360 test images, one image changes the accuracy by 0.3 points. Small differences need "
       "the seeds of the full form, and they apply only to this data set and this gamma.",
       "The part without phi'' is not the Gauss-Newton product: it keeps the terms of H between "
       "layers, which exist for relu too."},
      run};
}

}  // namespace twice::experiments
