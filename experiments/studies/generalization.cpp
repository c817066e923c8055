// Test accuracy over the grid gamma x eps x seed: does F-GR generalise better than B-GR and than
// the exact gradient of the same penalty? Validation images select the settings. The test set is
// used only at the end of a run.
#include <cmath>

#include "experiments/measure/steps.h"
#include "experiments/report/plots.h"
#include "experiments/studies/problems.h"
#include "optim/curvature.h"

namespace twice::experiments {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// ---- One training ----

/// A model on a data set.
struct Arena {
  std::string model, data;
  std::string name() const { return model + " on " + data; }
};

/// One method with its constants, which `sgd` does not use.
struct GridSetting {
  std::string method;
  double gamma = 0, epsilon = 0;
};

DataSplit load(const std::string& data) {
  try {
    return load_data(data);
  } catch (const Error& error) {
    throw Error(fmt::format("{}; --{} 0 leaves this data set out", error.what(), data));
  }
}

/// Random training images of the data set, and other training images as validation images in the
/// place of the test set. All methods of a seed get the same images.
DataSplit draw(const StudyContext& context, const DataSplit& all, std::uint64_t seed) {
  const Index train = context.count("train-images"),
              validation = context.count("validation-images");
  if (train + validation > all.train.size())
    throw UsageError(
        fmt::format("--train-images {} and --validation-images {} are more than the {} training "
                    "images of {}",
                    train, validation, all.train.size(), all.train.name));
  constexpr std::uint64_t draw_use = 0x9E4E;  // takes the place of an epoch's number
  const std::vector<std::int32_t> order = epoch_order(seed, draw_use, all.train.size());
  const auto subset = [&](Index first, Index count) {
    const auto rows =
        std::span(order).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    const Dataset part = make_batch(all.train, count, DType::f32);
    gather(all.train, rows, part);
    return part;
  };
  return {subset(0, train), subset(train, validation), all.mean, all.stddev};
}

/// Measures the Hessian of the loss on 256 training images, with batch normalisation by this batch:
/// the largest eigenvalue `top`, a bound `residual` on its distance from a true eigenvalue, and the
/// `trace`.
void measure_curvature(const Problem& problem, const ModelState& state, Measured& run) {
  Problem large = problem;
  large.options.batch = static_cast<int>(std::min<Index>(256, problem.data.train.size()));
  const RecordedStep step = record_step(large, method("sgd"), state);
  const MatVec hessian = hessian_matvec(step.estimate.loss, step.w, step.bind(fixed_batch(large)));
  const Rng rng(problem.options.seed);
  const LanczosResult ends =
      lanczos(hessian, state.parameters, rng, {.products = 25, .tolerance = 1e-3});
  run["top"] = {ends.top.value};
  run["residual"] = {ends.top.residual};
  run["trace"] = {hutchinson_trace(hessian, state.parameters, rng, 10).trace};
}

RunOptions run_options(const StudyContext& context, const Arena& arena, std::uint64_t seed) {
  RunOptions options;
  options.model = arena.model;
  options.data = arena.data;
  if (arena.model == "mlp")
    options.width = context.count("width"), options.depth = 3;
  else
    options.channels = context.count("channels");
  options.batch = context.count("batch");
  options.epochs = context.count("epochs");
  options.lr = context.number(arena.model + "-lr");
  options.weight_decay = 1e-4;
  options.seed = seed;
  if (!context.flag("augment"))
    options.augment = "none";
  else if (arena.data == "cifar10")
    options.augment = "crop-flip";
  complete(options, {"sgd"});
  return options;
}

/// After each epoch: `validation` (accuracy) and `seconds` (CPU time of the steps so far). At the
/// end: `test accuracy`, `test loss`, `train accuracy`, `gradient norm` and, if requested, the
/// curvature. NaN if the run diverged.
Measured train(StudyContext& context, const DataSplit& data, const Arena& arena,
               const GridSetting& setting, std::uint64_t seed, bool curvature) {
  RunOptions options = run_options(context, arena, seed);
  options.regularization.gamma = setting.gamma;
  if (setting.epsilon > 0) options.regularization.epsilon = setting.epsilon;
  const Problem problem = make_problem(options, draw(context, data, seed));
  Trainer trainer(problem, method(setting.method));
  Measured run;
  Vector &validation = run["validation"], &seconds = run["seconds"];
  for (const char* name : {"test accuracy", "test loss", "train accuracy", "gradient norm", "top",
                           "residual", "trace"})
    run[name] = {none};
  try {
    double passed = 0;
    while (!trainer.finished()) {
      const double start = thread_seconds();
      trainer.step();
      passed += thread_seconds() - start;
      context.advance();
      if (trainer.steps() % trainer.steps_per_epoch() != 0) continue;
      validation.push_back(trainer.evaluate(problem.data.test).at("accuracy"));
      seconds.push_back(passed);
    }
  } catch (const RunFailure&) {
    context.advance(static_cast<double>(trainer.total_steps() - trainer.steps()));
    validation.resize(static_cast<std::size_t>(options.epochs), none);
    seconds.resize(static_cast<std::size_t>(options.epochs), none);
    return run;
  }
  const Metrics test = trainer.evaluate(data.test);
  run["test accuracy"] = {test.at("accuracy")};
  run["test loss"] = {test.at("loss")};
  run["train accuracy"] = {trainer.evaluate(problem.data.train).at("accuracy")};
  run["gradient norm"] = {trainer.finish_epoch().gradient_norm};
  if (curvature) measure_curvature(problem, trainer.state(), run);
  return run;
}

// ---- The grid ----

struct Explored {
  Arena arena;
  Vector gammas, epsilons;
  /// SGD, which is gamma = 0; then exact over gamma; then F-GR and B-GR over gamma and eps.
  std::vector<GridSetting> grid;
  /// The runs of each setting.
  std::vector<Repeated> runs;
  /// The setting that validation selects, for SGD, exact, F-GR and B-GR.
  std::vector<std::size_t> chosen = {};
  /// The runs of each selected setting with other seeds, with curvature.
  std::vector<Repeated> ends = {};
  /// For the runs with gamma = 0: |test loss / SGD's - 1|.
  Vector zero_errors = {};

  std::size_t setting(const std::string& method, double gamma, double epsilon = 0) const {
    for (std::size_t k = 0; k < grid.size(); ++k)
      if (grid[k].method == method && grid[k].gamma == gamma && grid[k].epsilon == epsilon)
        return k;
    fail("generalization", "{} with gamma {} and eps {} is not in the grid", method, gamma,
         epsilon);
  }
};
constexpr const char* methods[] = {"sgd", "exact", "f-gr", "b-gr"};
constexpr const char* names[] = {"SGD", "exact", "F-GR", "B-GR"};

Vector gammas_of(const StudyContext& context) {
  return context.flag("full-grid") ? Vector{1e-3, 1e-2, 1e-1} : Vector{1e-2, 1e-1};
}
Vector epsilons_of(const StudyContext& context) {
  return context.flag("full-grid") ? Vector{0.01, 0.02, 0.05, 0.1, 0.2, 0.5}
                                   : Vector{0.02, 0.1, 0.5};
}

std::vector<Arena> arenas_of(const StudyContext& context) {
  std::vector<Arena> arenas;
  for (const char* data : {"digits", "fashion-mnist", "cifar10"})
    for (const char* model : {"mlp", "resnet"})
      if (context.flag(data) && context.flag(model)) arenas.push_back({model, data});
  if (arenas.empty())
    throw UsageError(
        "generalization needs a model and a data set: --mlp or --resnet, and --digits, "
        "--fashion-mnist or --cifar10, must be 1");
  return arenas;
}

Vector accuracies(const Repeated& seeds) { return scaled(each(seeds, "test accuracy"), 100); }

Explored explore(StudyContext& context, const DataSplit& data, const Arena& arena) {
  const std::vector<std::uint64_t> seeds = context.seeds();
  const double steps = std::floor(context.number("train-images") / context.number("batch")) *
                       context.number("epochs");
  Explored e{arena, gammas_of(context), epsilons_of(context), {{"sgd"}}, {}};
  for (const double gamma : e.gammas) e.grid.push_back({"exact", gamma});
  for (const char* method : {"f-gr", "b-gr"})
    for (const double gamma : e.gammas)
      for (const double epsilon : e.epsilons) e.grid.push_back({method, gamma, epsilon});
  const auto train_all = [&](const char* what, const std::vector<GridSetting>& settings,
                             const std::vector<std::uint64_t>& of, bool curvature) {
    return context.jobs(arena.name() + what, settings.size(), of, steps,
                        [&](std::size_t k, std::uint64_t seed) {
                          return train(context, data, arena, settings[k], seed, curvature);
                        });
  };
  e.runs = train_all("", e.grid, seeds, false);
  std::vector<GridSetting> chosen;
  for (const char* method : methods) {
    std::size_t best = e.grid.size();
    double most = -1;
    for (std::size_t k = 0; k < e.grid.size(); ++k)
      // The mean is NaN if a seed diverged.
      if (const double accuracy = mean(each(e.runs[k], "validation", last));
          e.grid[k].method == method && accuracy > most)
        best = k, most = accuracy;
    if (best == e.grid.size())
      throw RunFailure(fmt::format("{}: {} diverged at every setting; try a smaller learning rate",
                                   arena.name(), method));
    e.chosen.push_back(best);
    chosen.push_back(e.grid[best]);
  }
  // The final runs use seeds that the selection did not use. Only four settings are left, so there
  // can be more seeds.
  e.ends =
      train_all(", chosen", chosen,
                context.seeds(static_cast<int>(seeds.size()), context.count("fresh-seeds")), true);
  const double zero = context.number("zero-gamma");
  for (const Repeated& run :
       train_all(", gamma 0", {{"exact", zero, 0.1}, {"f-gr", zero, 0.1}, {"b-gr", zero, 0.1}},
                 {seeds[0]}, false))
    e.zero_errors.push_back(
        std::abs(run[0].at("test loss")[0] / e.runs[0][0].at("test loss")[0] - 1));
  return e;
}

// ---- Claims ----

/// F-GR at gamma = 0.1, by seed: mean test accuracy over eps >= 0.05 minus the mean over smaller
/// eps.
Vector large_minus_small(const Explored& e) {
  Vector result;
  for (std::size_t s = 0; s < e.runs[0].size(); ++s) {
    Vector large, small;
    for (const double epsilon : e.epsilons)
      (epsilon >= 0.05 ? large : small)
          .push_back(accuracies(e.runs[e.setting("f-gr", 0.1, epsilon)])[s]);
    result.push_back(mean(large) - mean(small));
  }
  return result;
}

/// If a claim of "at least 0" fails, the numbers show the opposite or are inconclusive.
void read_failures(StudyResult& result) {
  int failed = 0, undecided = 0;
  for (const Claim& claim : result.claims) {
    if (claim.holds()) continue;
    ++failed;
    if (claim.interval.high < 0)
      result.remarks.push_back("Here the opposite holds: " + claim.claim + ".");
    else if (claim.interval.low < 0 && claim.interval.high >= 0)
      ++undecided;
  }
  if (undecided > 0)
    result.remarks.push_back(
        fmt::format("Of the {} claims that do not hold, {} are undecided: their intervals contain "
                    "0, so these seeds show neither the claim nor its opposite.",
                    failed, undecided));
}

void judge(const Explored& e, int comparisons, StudyResult& result) {
  const auto compare = [&](const char* text, std::size_t a, std::size_t b, Weight weight) {
    return on_mean(fmt::format("{}: {} (test accuracy in percent at the chosen settings, paired)",
                               e.arena.name(), text),
                   differences(accuracies(e.ends[a]), accuracies(e.ends[b])), at_least(0), weight,
                   comparisons);
  };
  result.claim(
      {compare("F-GR minus exact", 2, 1, Weight::core),
       compare("F-GR minus B-GR", 2, 3, Weight::core),
       compare("F-GR minus SGD", 2, 0, Weight::limit),
       on_mean(e.arena.name() + ": F-GR at gamma = 0.1, eps of 0.05 and more minus smaller eps "
                                "(test accuracy in percent, paired)",
               large_minus_small(e), at_least(0), Weight::limit, comparisons),
       on_all(e.arena.name() + ": with gamma = 0 exact, F-GR and B-GR train as SGD does (relative "
                               "difference of test loss, first seed)",
              e.zero_errors, at_most(0.01))});
}

// ---- Tables and plots ----

std::string with_deviation(const Vector& values) {
  return fmt::format("{:.2f} ± {:.2f}", mean(values), standard_deviation(values));
}

StudyTable accuracy_table(const Explored& e) {
  StudyTable table{
      e.arena.name() +
          ": chosen on validation, reported on test with other seeds (percent, mean ± standard "
          "deviation over seeds; paired differences, each with its own 95 % interval)",
      {"method", "gamma", "eps", "validation", "train", "test", "minus SGD", "minus exact",
       "test loss"}};
  for (std::size_t m = 0; m < e.chosen.size(); ++m) {
    const std::size_t k = e.chosen[m];
    const Vector own = accuracies(e.ends[m]);
    const auto minus = [&](std::size_t other) {
      if (m == other) return std::string();
      return with_interval(differences(own, accuracies(e.ends[other])), "{:+.2f}");
    };
    table.rows.push_back({names[m], fmt::format("{:g}", e.grid[k].gamma),
                          m < 2 ? "" : fmt::format("{:g}", e.grid[k].epsilon),
                          with_deviation(scaled(each(e.runs[k], "validation", last), 100)),
                          with_deviation(scaled(each(e.ends[m], "train accuracy"), 100)),
                          with_deviation(own), minus(0), minus(1),
                          fmt::format("{:.3f}", mean(each(e.ends[m], "test loss")))});
  }
  return table;
}

StudyTable end_table(const Explored& e) {
  const double target = 0.95 * mean(each(e.ends[0], "validation", last));
  StudyTable table{
      fmt::format("{}: the end of the chosen runs, and their time to {:.1f} % on validation (95 % "
                  "of SGD's last accuracy; seconds of CPU time, one thread)",
                  e.arena.name(), 100 * target),
      {"method", "|g|", "top eigenvalue", "its residual", "trace", "epochs to accuracy",
       "seconds to accuracy"}};
  for (std::size_t m = 0; m < e.ends.size(); ++m) {
    Vector epochs, seconds;  // until the accuracy is first reached, for the runs that reach it
    for (const Measured& run : e.ends[m]) {
      const Vector& validation = run.at("validation");
      for (std::size_t i = 0; i < validation.size(); ++i)
        if (validation[i] >= target) {
          epochs.push_back(static_cast<double>(i + 1));
          seconds.push_back(run.at("seconds")[i]);
          break;
        }
    }
    const auto time = [&](const Vector& values) {
      if (values.empty()) return std::string("never");
      return fmt::format("{:.3g}{}", median(values),
                         values.size() < e.ends[m].size()
                             ? fmt::format(" ({} of {} seeds)", values.size(), e.ends[m].size())
                             : "");
    };
    table.rows.push_back({names[m], with_interval(each(e.ends[m], "gradient norm"), "{:.3f}"),
                          with_interval(each(e.ends[m], "top"), "{:.3g}"),
                          fmt::format("{:.1g}", median(each(e.ends[m], "residual"))),
                          with_interval(each(e.ends[m], "trace"), "{:.3g}"), time(epochs),
                          time(seconds)});
  }
  return table;
}

StudyTable exact_table(const Explored& e) {
  StudyTable table{
      e.arena.name() + ": exact over gamma (test accuracy in percent, mean ± standard deviation)",
      {"gamma", "test"},
      {{"0 (SGD)", with_deviation(accuracies(e.runs[0]))}}};
  for (const double gamma : e.gammas)
    table.rows.push_back({fmt::format("{:g}", gamma),
                          with_deviation(accuracies(e.runs[e.setting("exact", gamma)]))});
  return table;
}

StudyPlot epsilon_plot(const Explored& e, const std::string& name) {
  const Vector &x = e.epsilons, ends = {x.front(), x.back()};
  const auto level = [&](const std::string& shown, const char* ink, std::size_t k, Shown how) {
    return mean_curve(shown, ink, ends, how, [&](std::size_t) { return accuracies(e.runs[k]); });
  };
  StudyPlot plot{.name = name + "-eps",
                 .title = e.arena.name() + ": test accuracy over eps at gamma = 0.1",
                 .y_title = "percent, mean over seeds; shaded: 95 % interval",
                 .x_title = "eps",
                 .log_x = true};
  for (const std::size_t m : {2, 3})
    plot.curves.push_back(mean_curve(
        names[m], methods[m], x, Shown::mean_and_interval,
        [&](std::size_t k) { return accuracies(e.runs[e.setting(methods[m], 0.1, x[k])]); }));
  const double chosen = e.grid[e.chosen[1]].gamma;
  plot.curves.push_back(level(fmt::format("exact, chosen gamma {:g}", chosen), "exact", e.chosen[1],
                              Shown::mean_and_interval));
  if (chosen != 0.1)
    plot.curves.push_back(level("exact, gamma 0.1", "exact", e.setting("exact", 0.1), Shown::mean));
  plot.curves.push_back(level("SGD", "sgd", 0, Shown::mean));
  for (StudyCurve& curve : plot.curves) curve.dashed = curve.low.empty();
  return plot;
}

Json accuracy_map(const Explored& e, const std::string& name, std::size_t m) {
  HeatMap map{.label = "", .x_title = "eps", .y_title = "gamma", .x = {}, .y = {"0 (SGD)"}};
  map.percent = true;
  const auto cell = [&](std::size_t k) {
    const Vector values = accuracies(e.runs[k]);
    map.cells.push_back({mean(values) / 100, standard_deviation(values) / 100, "diverged", ""});
  };
  for (const double epsilon : e.epsilons) map.x.push_back(fmt::format("{:g}", epsilon)), cell(0);
  for (const double gamma : e.gammas) {
    map.y.push_back(fmt::format("{:g}", gamma));
    for (const double epsilon : e.epsilons) cell(e.setting(methods[m], gamma, epsilon));
  }
  Json record = to_json(map);
  record.update({{"name", name + "-" + methods[m]},
                 {"title", e.arena.name() + ": " + names[m]},
                 {"value_title", "test accuracy, mean ± standard deviation over seeds"}});
  return record;
}

void describe(const Explored& e, StudyResult& result) {
  const std::string name = e.arena.model + "-" + e.arena.data;
  result.plots.push_back(epsilon_plot(e, name));
  for (const std::size_t m : {2, 3}) result.heat_maps.push_back(accuracy_map(e, name, m));
  for (const StudyTable& table : {accuracy_table(e), end_table(e), exact_table(e)})
    result.tables.push_back(table);
  std::size_t diverged = 0, runs = 0;
  for (const std::vector<Repeated>* trained : {&e.runs, &e.ends})
    for (const Repeated& seeds : *trained)
      for (const double accuracy : accuracies(seeds)) {
        ++runs;
        diverged += std::isnan(accuracy) ? 1 : 0;
      }
  if (diverged > 0)
    result.remarks.push_back(
        fmt::format("{}: {} of {} runs diverged. A setting is not chosen if any of its seeds in "
                    "the grid diverged.",
                    e.arena.name(), diverged, runs));
}

// ---- The study ----

std::vector<std::string> setup(const StudyContext& context, const std::vector<Arena>& arenas) {
  std::vector<std::string> lines;
  for (const Arena& arena : arenas)
    lines.push_back(fmt::format(
        "{}: {}, relu; augmentation {}.", arena.name(),
        arena.model == "mlp" ? "width {width}, 3 layers"
                             : "8 layers, {channels} channels in the first stage, batch norm",
        run_options(context, arena, 1).augment));
  const std::string others[] = {
      "Each seed draws {train-images} training images at random, and {validation-images} other "
      "images for validation. The whole test set is used. The grid has {seeds} seeds. All methods "
      "of a seed have the same images, start and batches.",
      "{epochs} epochs, batch {batch}, momentum 0.9, cosine schedule from {mlp-lr} (mlp) and "
      "{resnet-lr} (resnet), weight decay 1e-4 outside the penalty, float32.",
      fmt::format(
          "Grid: gamma {}; eps {} (F-GR, B-GR). gamma = 0 is SGD. For each method the setting with "
          "the best mean validation accuracy is chosen. It is trained again with {{fresh-seeds}} "
          "other seeds. The study compares the test accuracies of these runs.",
          show(gammas_of(context)), show(epsilons_of(context))),
      fmt::format("The intervals of the comparisons are Student's intervals for paired differences "
                  "over seeds, with Bonferroni's correction for {} comparisons.",
                  4 * arenas.size()),
      "Compared with the reported WRN-28-10 protocol of the paper (all 50,000 images, batch 128, "
      "lr 0.1), the networks are far smaller, and there are fewer images, epochs and steps. The "
      "results say nothing about networks of that size."};
  lines.insert(lines.end(), std::begin(others), std::end(others));
  return lines;
}

void run(StudyContext& context, StudyResult& result) {
  const std::vector<Arena> arenas = arenas_of(context);
  result.setup = setup(context, arenas);
  if (context.flag("digits"))
    result.remarks.push_back(
        "The handwritten digits need no download, but they are too few for a decision: the test "
        "set has 360 images, so one image is 0.28 points.");
  DataSplit data;
  for (std::size_t i = 0; i < arenas.size(); ++i) {
    if (i == 0 || arenas[i].data != arenas[i - 1].data) data = load(arenas[i].data);
    const Explored explored = explore(context, data, arenas[i]);
    judge(explored, 4 * static_cast<int>(arenas.size()), result);
    describe(explored, result);
  }
  read_failures(result);
}

}  // namespace

Study generalization_study() {
  return {"generalization",
          "test accuracy over gamma x eps x seed: F-GR against B-GR, exact and SGD",
          "Gradient regularization generalises best when it is computed by a forward difference "
          "with a large step: F-GR with eps of at least about 0.05 is better than B-GR and better "
          "than the exact gradient (double backpropagation) of the same penalty.",
          "Karakida et al., ICML 2023. Other sources report the protocol (grid, schedule, seeds) "
          "of their WRN-28-10.",
          "1 min",
          "1 h",
          "The paper's protocol: --train-images 45000 --validation-images 5000 --epochs 200 "
          "--batch 128 --augment 1 --channels 16, and more seeds. Parts can be run separately: "
          "--mlp 0 or --resnet 0, --cifar10 0 or --fashion-mnist 0.",
          {{"seeds", "repetitions", 3, 5, 2, 1000, true},
           {"fresh-seeds", "repetitions of the chosen settings", 6, 20, 2, 1000, true},
           {"train-images", "training images of a seed", 1150, 1000, 1, 60000, true},
           {"validation-images", "images for choosing settings", 287, 1000, 1, 60000, true},
           {"epochs", "epochs of training", 20, 25, 1, 1e4, true},
           {"batch", "images in each step", 64, 32, 1, 60000, true},
           {"augment", "1: warp digits, crop and flip CIFAR-10; 0: images as they are", 1, 0, 0, 1,
            true},
           {"mlp-lr", "the mlp's learning rate at the start", 0.05, 0.01, 1e-9, 100, false},
           {"resnet-lr", "the resnet's learning rate at the start", 0.05, 0.1, 1e-9, 100, false},
           {"width", "of the mlp's hidden layers", 64, 512, 1, 8192, true},
           {"channels", "of the resnet's first stage", 4, 4, 1, 4096, true},
           {"full-grid", "1: 3 gammas and 6 eps; 0: 2 and 3", 0, 1, 0, 1, true},
           {"mlp", "1: train the mlp", 1, 1, 0, 1, true},
           {"resnet", "1: train the resnet", 1, 1, 0, 1, true},
           {"digits", "1: on the digits", 1, 0, 0, 1, true},
           {"fashion-mnist", "1: on Fashion-MNIST", 0, 1, 0, 1, true},
           {"cifar10", "1: on CIFAR-10", 0, 1, 0, 1, true},
           {"zero-gamma", "gamma of the runs that must equal SGD", 0, 0, 0, 100, false}},
          {},
          {},
          run};
}

}  // namespace twice::experiments
