// Sharpness-aware minimisation and the gradient norm penalty as finite-difference GR: compared step
// by step, then trained side by side.
#include "experiments/studies/problems.h"

namespace twice::experiments {

namespace {

constexpr double step_size = 0.1, rho = 0.05, lambda = 0.02, epsilon = 0.05;

/// Relative distances of G along one trajectory: `unnormalised`, `sam`, `sam moved`, `pgn`.
Measured equalities(StudyContext& context, std::uint64_t seed, DType dtype) {
  const SmallData data = teacher_data(256, 20, 10, 0.2, seed, dtype);
  const Model model = small_mlp(64);
  constexpr Index rows = 64;
  const std::vector<Array> w = model.initial_parameters(Rng(seed), dtype), elsewhere = clone(w);
  const double ratio = context.number("gamma-ratio");
  PlannedMethod here(model, data, rows, w, "sgd"), there(model, data, rows, elsewhere, "sgd"),
      f_gr(model, data, rows, w, "f-gr", {.gamma = ratio * epsilon, .epsilon = epsilon}),
      sam(model, data, rows, w, "sam", {.rho = rho}),
      pgn(model, data, rows, w, "pgn", {.gamma = lambda, .rho = rho});
  Optimizer optimizer({.lr = step_size});
  Measured errors;
  for (int t = 0; t < context.count("identity-steps"); ++t) {
    context.advance();
    const SmallData batch = data.part(t % (data.y.elements() / rows), rows);
    for (PlannedMethod* each : {&here, &f_gr, &sam, &pgn}) each->run(batch);
    const Vector g = flat(here.plain()), start = flat(w), sam_gradient = flat(sam.gradient());
    const double length = norm(g);
    /// The gradient at parameters that were actually moved to w + scale g.
    const auto gradient_after = [&](double scale) {
      assign(elsewhere, moved(start, scale, g));
      there.run(batch);
      return flat(there.plain());
    };
    /// F-GR with an eps and gamma that depend on this |g|, planned for this step only.
    const auto f_gr_with = [&](double gamma, double eps) {
      PlannedMethod once(model, data, rows, w, "f-gr", {.gamma = gamma, .epsilon = eps});
      once.run(batch);
      return flat(once.gradient());
    };
    const auto compare = [&](const char* name, const Vector& a, const Vector& b) {
      errors[name].push_back(relative_error(a, b));
    };
    compare("unnormalised", flat(f_gr.gradient()), gradient_after(epsilon));
    compare("sam", f_gr_with(ratio * rho / length, rho / length), sam_gradient);
    compare("sam moved", sam_gradient, gradient_after(rho / length));
    compare("pgn", f_gr_with(ratio * lambda / length, rho / length), flat(pgn.gradient()));
    optimizer.update(w, sam.gradient());
  }
  return errors;
}

void check_equalities(StudyContext& context, StudyResult& result) {
  const DType dtypes[] = {DType::f64, DType::f32};
  const std::vector<Repeated> found = context.jobs(
      "step by step", 2, context.seeds(), context.number("identity-steps"),
      [&](std::size_t d, std::uint64_t seed) { return equalities(context, seed, dtypes[d]); });
  for (std::size_t d = 0; d < 2; ++d) {
    const Interval rounding = at_most(d == 0 ? 1e-12 : 1e-5);
    const std::string is =
        fmt::format(" (relative error of G at each step, {})", d == 0 ? "float64" : "float32");
    result.claim(
        {on_all("F-GR with gamma = eps is the gradient at w + eps g: unnormalised SAM" + is,
                all(found, d, d, "unnormalised"), rounding),
         on_all("SAM is F-GR with eps = gamma = rho / |g|" + is, all(found, d, d, "sam"), rounding),
         on_all("SAM is the gradient where the parameters were moved by rho g / |g|" + is,
                all(found, d, d, "sam moved"), rounding),
         on_all("PGN is F-GR with eps = rho / |g|, gamma = lambda / |g|" + is,
                all(found, d, d, "pgn"), rounding)});
  }
}

struct Entry {
  const char *name, *method, *ink;
  MethodOptions options = {};
};
const Entry entries[] = {
    {"SGD", "sgd", "sgd"},
    {"SAM, rho 0.05", "sam", "sam", {.rho = rho}},
    {"unnormalised SAM: F-GR, eps = gamma = 0.05",
     "f-gr",
     "f-gr",
     {.gamma = 0.05, .epsilon = 0.05}},
    {"unnormalised SAM: F-GR, eps = gamma = 0.5", "f-gr", "asam", {.gamma = 0.5, .epsilon = 0.5}},
    {"PGN, lambda 0.02, rho 0.05", "pgn", "pgn", {.gamma = lambda, .rho = rho}}};

void train_side_by_side(StudyContext& context, StudyResult& result) {
  const auto problem_of = [&](const Entry& entry, std::uint64_t seed) {
    RunOptions options = digits_run(context, "relu", seed);
    options.regularization = entry.options;
    return make_problem(options);
  };
  const std::vector<Repeated> runs =
      context.jobs("training", std::size(entries), context.seeds(),
                   steps_of(problem_of(entries[0], 1)), [&](std::size_t i, std::uint64_t seed) {
                     return train_run(context, problem_of(entries[i], seed), entries[i].method);
                   });

  StudyTable table{"Training side by side on the digits (mean over seeds and its 95 % interval)",
                   {"method", "test accuracy", "minus SGD, paired", "test loss", "|g|"}};
  StudyPlot plot{"training", "Training side by side on the digits",
                 "test accuracy, mean over seeds", "epoch"};
  Vector epochs;
  for (int epoch = 1; epoch <= context.count("epochs"); ++epoch) epochs.push_back(epoch);
  const auto gain = [&](std::size_t i) {
    return differences(each(runs[i], "test accuracy", last), each(runs[0], "test accuracy", last));
  };
  for (std::size_t i = 0; i < std::size(entries); ++i) {
    plot.curves.push_back(
        mean_curve(entries[i].name, entries[i].ink, epochs, Shown::mean,
                   [&](std::size_t k) { return each(runs[i], "test accuracy", k); }));
    table.rows.push_back(
        {entries[i].name,
         with_interval(scaled(each(runs[i], "test accuracy", last), 100), "{:.2f}", " %"),
         i == 0 ? "" : with_interval(scaled(gain(i), 100), "{:+.2f}"),
         with_interval(each(runs[i], "test loss", last), "{:.4f}"),
         with_interval(each(runs[i], "gradient norm", last), "{:.4f}")});
  }
  result.plots.push_back(plot);
  result.tables.push_back(table);
  result.claim({on_mean("SAM generalises better than SGD (test accuracy, paired difference)",
                        gain(1), at_least(0), Weight::limit)});
}

void run(StudyContext& context, StudyResult& result) {
  check_equalities(context, result);
  train_side_by_side(context, result);
}

}  // namespace

Study sam_study() {
  return {"sam",
          "F-GR with gamma = eps is unnormalised SAM; SAM and PGN as F-GR, step by step",
          "F-GR with gamma = eps is the gradient at w + eps g, which is SAM without its "
          "normalisation. SAM itself is F-GR with eps = gamma = rho / |g|, and the gradient norm "
          "penalty (PGN) is F-GR with eps = rho / |g| and gamma = lambda / |g|.",
          "Other sources report the relation from Karakida et al. (ICML 2023). The equations were "
          "derived for this project. SAM: Foret et al., ICLR 2021; PGN: Zhao et al., ICML 2022.",
          "10 s",
          "5 min",
          "Convolutional networks and CIFAR-10, where SAM was introduced, and a search over rho.",
          {{"identity-steps", "steps for checking the equalities", 50, 200, 1, 1e5, true},
           {"seeds", "repetitions", 5, 10, 2, 1000, true},
           {"width", "width of the trained network", 128, 256, 1, 8192, true},
           {"epochs", "epochs of training", 20, 40, 1, 1e4, true},
           {"gamma-ratio", "gamma, relative to the gamma of the claim", 1, 1, 0, 100, false}},
          {"Step by step: tanh mlp 20-64-64-10, batches of 64 of 256 samples (random linear map, "
           "20 % of the labels replaced), {identity-steps} steps of size 0.1 along SAM's G, for "
           "each of {seeds} seeds, in float64 and float32. rho 0.05, lambda 0.02, eps 0.05.",
           "Each equality compares two programs: the method, recorded on one tape, and either F-GR "
           "or a plain gradient at parameters that were actually moved.",
           "Side by side: relu mlp of width {width}, 3 layers, on the handwritten digits, {epochs} "
           "epochs, batch 64, momentum 0.9, cosine schedule from 0.05, float32. All methods of a "
           "seed have the same start and batches."},
          {"gamma = eps is one choice for F-GR among others. As an estimate of the penalty's "
           "gradient, it has a bias that grows with eps.",
           "The comparison of accuracies applies only to this data set and these settings."},
          run};
}

}  // namespace twice::experiments
