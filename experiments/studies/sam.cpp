// Sharpness-aware minimisation and the gradient norm penalty as finite-difference GR: equal step by
// step, then trained side by side.
#include <cmath>

#include "experiments/report/table.h"
#include "experiments/studies/planned.h"
#include "experiments/studies/training.h"

namespace twice::experiments {

namespace {

constexpr double step_size = 0.1, rho = 0.05, lambda = 0.02, epsilon = 0.05;

/// Relative distances of G along one trajectory.
struct Equalities {
  Vector unnormalised, sam, sam_moved, pgn;

  static void json_fields(auto& self, const auto& visit) {
    visit("unnormalised", self.unnormalised);
    visit("sam", self.sam);
    visit("sam_moved", self.sam_moved);
    visit("pgn", self.pgn);
  }
};

/// a + scale b
Vector moved(Vector a, double scale, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += scale * b[i];
  return a;
}

Equalities equalities(StudyContext& context, std::uint64_t seed, DType dtype) {
  const SmallData data = teacher_data(256, 20, 10, 0.2, seed, dtype);
  const Model model =
      mlp({.inputs = 20, .width = 64, .depth = 3, .outputs = 10, .activation = "tanh"});
  constexpr Index rows = 64;
  const std::vector<Array> w = model.initial_parameters(Rng(seed), dtype), elsewhere = clone(w);
  const double ratio = context.number("gamma-ratio");
  PlannedMethod here(model, data, rows, w, method("sgd")),
      there(model, data, rows, elsewhere, method("sgd")),
      f_gr(model, data, rows, w, method("f-gr"), {.gamma = ratio * epsilon, .epsilon = epsilon}),
      sam(model, data, rows, w, method("sam"), {.rho = rho}),
      pgn(model, data, rows, w, method("pgn"), {.gamma = lambda, .rho = rho});
  Optimizer optimizer({.lr = step_size});
  Equalities errors;
  for (int t = 0; t < context.count("identity-steps"); ++t) {
    context.advance();
    const Index part = t % (data.y.elements() / rows);
    const SmallData batch{data.x.sliced(0, part * rows, rows), data.y.sliced(0, part * rows, rows)};
    for (PlannedMethod* each : {&here, &f_gr, &sam, &pgn}) each->run(batch);
    const Vector g = flat(here.plain()), start = flat(w);
    const double length = norm(g);
    /// The gradient where the parameters were really moved to w + scale g.
    const auto gradient_after = [&](double scale) {
      assign(elsewhere, moved(start, scale, g));
      there.run(batch);
      return flat(there.plain());
    };
    /// F-GR with an eps and gamma that belong to this |g|, so planned for this step alone.
    const auto f_gr_with = [&](double gamma, double eps) {
      PlannedMethod once(model, data, rows, w, method("f-gr"), {.gamma = gamma, .epsilon = eps});
      once.run(batch);
      return flat(once.gradient());
    };
    errors.unnormalised.push_back(
        relative_distance(flat(f_gr.gradient()), gradient_after(epsilon)));
    errors.sam.push_back(
        relative_distance(f_gr_with(ratio * rho / length, rho / length), flat(sam.gradient())));
    errors.sam_moved.push_back(
        relative_distance(flat(sam.gradient()), gradient_after(rho / length)));
    errors.pgn.push_back(
        relative_distance(f_gr_with(ratio * lambda / length, rho / length), flat(pgn.gradient())));
    optimizer.update(w, sam.gradient());
  }
  return errors;
}

void append(Vector& all, const Vector& more) { all.insert(all.end(), more.begin(), more.end()); }

void check_equalities(StudyContext& context, StudyResult& result) {
  const std::vector<std::uint64_t> seeds = context.seeds();
  const DType dtypes[] = {DType::f64, DType::f32};
  const std::size_t count = 2 * seeds.size();
  const std::vector<Equalities> found = context.jobs(
      "step by step", count, static_cast<double>(count) * context.number("identity-steps"),
      [&](std::size_t i) {
        return equalities(context, seeds[i % seeds.size()], dtypes[i / seeds.size()]);
      });
  for (std::size_t d = 0; d < 2; ++d) {
    Equalities all;
    for (std::size_t s = 0; s < seeds.size(); ++s) {
      const Equalities& one = found[d * seeds.size() + s];
      append(all.unnormalised, one.unnormalised);
      append(all.sam, one.sam);
      append(all.sam_moved, one.sam_moved);
      append(all.pgn, one.pgn);
    }
    const Range rounding = at_most(d == 0 ? 1e-12 : 1e-5);
    const std::string in = d == 0 ? ", float64" : ", float32";
    const std::string is = " (relative error of G at each step" + in + ")";
    result.claims.push_back(
        on_all("F-GR with gamma = eps is the gradient at theta + eps g: unnormalised SAM" + is,
               all.unnormalised, rounding));
    result.claims.push_back(
        on_all("SAM is F-GR with eps = gamma = rho / |g|" + is, all.sam, rounding));
    result.claims.push_back(
        on_all("SAM is the gradient where the parameters were moved by rho g / |g|" + is,
               all.sam_moved, rounding));
    result.claims.push_back(
        on_all("PGN is F-GR with eps = rho / |g|, gamma = lambda / |g|" + is, all.pgn, rounding));
  }
}

struct Entry {
  std::string name, method, ink;
  MethodOptions options;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      {"SGD", "sgd", "sgd", {}},
      {"SAM, rho 0.05", "sam", "sam", {.rho = rho}},
      {"unnormalised SAM: F-GR, eps = gamma = 0.05",
       "f-gr",
       "f-gr",
       {.gamma = 0.05, .epsilon = 0.05}},
      {"unnormalised SAM: F-GR, eps = gamma = 0.5", "f-gr", "asam", {.gamma = 0.5, .epsilon = 0.5}},
      {"PGN, lambda 0.02, rho 0.05", "pgn", "pgn", {.gamma = lambda, .rho = rho}}};
  return table;
}

void train_side_by_side(StudyContext& context, StudyResult& result) {
  const std::vector<std::uint64_t> seeds = context.seeds();
  const auto problem_of = [&](const Entry& entry, std::uint64_t seed) {
    RunOptions options = digits_run("relu", context.count("width"), context.count("epochs"), seed);
    options.regularization = entry.options;
    return make_problem(options);
  };
  const std::size_t count = entries().size() * seeds.size();
  const std::vector<TrainedRun> runs = context.jobs(
      "training", count, static_cast<double>(count) * steps_of(problem_of(entries()[0], seeds[0])),
      [&](std::size_t i) {
        const Entry& entry = entries()[i / seeds.size()];
        const Problem problem = problem_of(entry, seeds[i % seeds.size()]);
        return train_run(context, problem, method(entry.method));
      });

  StudyTable table{"Training side by side on the digits (mean, and 95 % of the mean over seeds)",
                   {"method", "test accuracy", "minus SGD, paired", "test loss", "|grad L|"},
                   {}};
  StudyPlot plot{"training",
                 "Training side by side on the digits",
                 "test accuracy, mean over seeds",
                 "epoch",
                 false,
                 false,
                 {}};
  std::vector<Vector> accuracies;
  for (std::size_t e = 0; e < entries().size(); ++e) {
    StudyCurve curve{entries()[e].name, entries()[e].ink};
    for (int epoch = 0; epoch < context.count("epochs"); ++epoch) {
      double sum = 0;
      for (std::size_t s = 0; s < seeds.size(); ++s)
        sum += runs[e * seeds.size() + s].test_accuracies[static_cast<std::size_t>(epoch)];
      curve.x.push_back(epoch + 1);
      curve.y.push_back(sum / static_cast<double>(seeds.size()));
    }
    plot.curves.push_back(curve);
    Vector accuracy, loss, norms;
    for (std::size_t s = 0; s < seeds.size(); ++s) {
      const TrainedRun& run = runs[e * seeds.size() + s];
      accuracy.push_back(run.test_accuracy);
      loss.push_back(run.test_loss);
      norms.push_back(run.gradient_norm);
    }
    accuracies.push_back(accuracy);
    const Vector gain = differences(accuracy, accuracies[0]);
    const auto with_interval = [](const Vector& values, double scale, const char* format) {
      const Interval i = mean_interval(values);
      return fmt::format(fmt::runtime(format), scale * mean(values), scale * i.low, scale * i.high);
    };
    table.rows.push_back({entries()[e].name,
                          with_interval(accuracy, 100, "{:.2f} % ({:.2f} to {:.2f})"),
                          e == 0 ? "" : with_interval(gain, 100, "{:+.2f} ({:+.2f} to {:+.2f})"),
                          with_interval(loss, 1, "{:.4f} ({:.4f} to {:.4f})"),
                          with_interval(norms, 1, "{:.4f} ({:.4f} to {:.4f})")});
  }
  result.plots.push_back(plot);
  result.tables.push_back(table);
  result.claims.push_back(
      on_mean("here, too, SAM generalises better than SGD (test accuracy, paired difference)",
              differences(accuracies[1], accuracies[0]), at_least(0), Weight::limit));
}

StudyResult run(StudyContext& context) {
  StudyResult result;
  result.setup = {
      fmt::format("Step by step: tanh mlp 20-64-64-10, batches of 64 of 256 samples (random linear "
                  "map, 20 % of the labels replaced), {} steps of size {} along SAM's G, for each "
                  "of {} seeds, in float64 and float32. rho {}, lambda {}, eps {}.",
                  context.count("identity-steps"), step_size, context.count("seeds"), rho, lambda,
                  epsilon),
      "Each equality compares two programs: the method as recorded on one tape, against F-GR, or "
      "against a plain gradient at parameters that were really moved.",
      fmt::format("Side by side: relu mlp of width {}, 3 layers, on the handwritten digits, {} "
                  "epochs, batch 64, momentum 0.9, cosine schedule from 0.05, float32; the same "
                  "start and the same batches for every method of a seed.",
                  context.count("width"), context.count("epochs"))};
  check_equalities(context, result);
  train_side_by_side(context, result);
  result.remarks = {
      "gamma = eps is one choice of F-GR among others: as an estimate of the penalty's gradient it "
      "is biased by the size of eps.",
      "How the methods compare in accuracy is a statement on this data set and these numbers."};
  return result;
}

}  // namespace

Study sam_study() {
  return {"sam",
          "F-GR with gamma = eps is unnormalised SAM; SAM and PGN as F-GR, step by step",
          "F-GR with gamma = eps is the gradient at theta + eps g: SAM without its normalisation. "
          "SAM itself is F-GR with eps = gamma = rho / |g|, and the gradient norm penalty (PGN) is "
          "F-GR with eps = rho / |g| and gamma = lambda / |g|.",
          "The relation is reported of Karakida et al. (ICML 2023) by other sources; the equations "
          "were derived for this project. SAM: Foret et al., ICLR 2021; PGN: Zhao et al., ICML "
          "2022.",
          "10 s",
          "5 min",
          "Convolutional networks and CIFAR-10, where SAM was introduced, and a search over rho.",
          {{"identity-steps", "steps on which the equalities are checked", 50, 200, 1, 1e5, true},
           {"seeds", "repetitions", 5, 10, 2, 1000, true},
           {"width", "of the network that is trained", 128, 256, 1, 8192, true},
           {"epochs", "of training", 20, 40, 1, 1e4, true},
           {"gamma-ratio", "gamma over the one that the claim names", 1, 1, 0, 100, false}},
          run};
}

}  // namespace twice::experiments
