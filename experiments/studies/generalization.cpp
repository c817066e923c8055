// Test accuracy over the grid gamma x eps x seed: whether F-GR generalises better than B-GR and
// than the exact gradient of the same penalty.
#include <fmt/format.h>

#include <cmath>

#include "experiments/run/trainer.h"
#include "experiments/studies/generalization_run.h"
#include "experiments/studies/generalization_tables.h"

namespace twice::experiments {

namespace {

/// SGD, which is gamma = 0, then exact over gamma, then F-GR and B-GR over gamma and eps.
std::vector<GridSetting> grid(const GridAxes& axes) {
  std::vector<GridSetting> result = {{"sgd"}};
  for (const double gamma : axes.gammas) result.push_back({"exact", gamma});
  for (const char* method : {"f-gr", "b-gr"})
    for (const double gamma : axes.gammas)
      for (const double epsilon : axes.epsilons) result.push_back({method, gamma, epsilon});
  return result;
}

GridAxes axes_of(const StudyContext& context) {
  if (context.flag("full-grid")) return {{1e-3, 1e-2, 1e-1}, {0.01, 0.02, 0.05, 0.1, 0.2, 0.5}};
  return {{1e-2, 1e-1}, {0.02, 0.1, 0.5}};
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

/// The mean over seeds of the last validation accuracy; NaN when a seed diverged.
double validation(const std::vector<GeneralizationRun>& seeds) {
  Vector all;
  for (const GeneralizationRun& run : seeds) all.push_back(run.validation.back());
  return mean(all);
}

Explored explore(StudyContext& context, const ImagePool& pool, const Arena& arena) {
  const std::vector<std::uint64_t> seeds = context.seeds();
  const double steps = generalization_steps(context);
  Explored e{arena, axes_of(context), {}, {}, {}, {}, {}};
  e.grid = grid(e.axes);
  const std::size_t count = e.grid.size() * seeds.size();
  const std::vector<GeneralizationRun> runs =
      context.jobs(arena.name(), count, static_cast<double>(count) * steps, [&](std::size_t i) {
        return generalization_run(context, pool, arena, e.grid[i / seeds.size()],
                                  seeds[i % seeds.size()], false);
      });
  e.runs.resize(e.grid.size());
  for (std::size_t i = 0; i < count; ++i) e.runs[i / seeds.size()].push_back(runs[i]);

  for (const char* method : {"sgd", "exact", "f-gr", "b-gr"}) {
    std::size_t best = e.grid.size();
    double accuracy = -1;
    for (std::size_t k = 0; k < e.grid.size(); ++k)
      if (e.grid[k].method == method && validation(e.runs[k]) > accuracy)
        best = k, accuracy = validation(e.runs[k]);
    if (best == e.grid.size())
      throw RunFailure(fmt::format("{}: {} diverged at every setting; try a smaller learning rate",
                                   arena.name(), method));
    e.chosen.push_back(best);
  }
  // Other seeds than those that chose: more of them decide where only four settings are left.
  const std::vector<std::uint64_t> fresh =
      context.seeds(static_cast<int>(seeds.size()), context.count("fresh-seeds"));
  const std::size_t chosen = e.chosen.size() * fresh.size();
  const std::vector<GeneralizationRun> ends = context.jobs(
      arena.name() + ", chosen", chosen, static_cast<double>(chosen) * steps, [&](std::size_t i) {
        return generalization_run(context, pool, arena, e.grid[e.chosen[i / fresh.size()]],
                                  fresh[i % fresh.size()], true);
      });
  e.ends.resize(e.chosen.size());
  for (std::size_t i = 0; i < chosen; ++i) e.ends[i / fresh.size()].push_back(ends[i]);

  const char* penalised[] = {"exact", "f-gr", "b-gr"};
  const std::vector<GeneralizationRun> zero =
      context.jobs(arena.name() + ", gamma 0", 3, 3 * steps, [&](std::size_t i) {
        return generalization_run(context, pool, arena,
                                  {penalised[i], context.number("zero-gamma"), 0.1}, seeds[0],
                                  false);
      });
  for (const GeneralizationRun& run : zero)
    e.zero_errors.push_back(std::abs(run.test_loss / e.runs[0][0].test_loss - 1));
  return e;
}

/// F-GR at gamma = 0.1: mean test accuracy over eps >= 0.05 minus that over smaller eps, by seed.
Vector large_minus_small(const Explored& e) {
  Vector result;
  for (std::size_t s = 0; s < e.runs[0].size(); ++s) {
    Vector large, small;
    for (std::size_t k = 0; k < e.grid.size(); ++k)
      if (e.grid[k].method == "f-gr" && e.grid[k].gamma == 0.1)
        (e.grid[k].epsilon >= 0.05 ? large : small).push_back(100 * e.runs[k][s].test_accuracy);
    result.push_back(mean(large) - mean(small));
  }
  return result;
}

/// What claims of "at least 0" say that do not hold: the opposite, or nothing.
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
    result.remarks.push_back(fmt::format(
        "Of the {} claims that do not hold {} are undecided: their intervals contain 0, and these "
        "seeds show neither the claim nor its opposite.",
        failed, undecided));
}

void judge(const Explored& e, int comparisons, StudyResult& result) {
  const auto compare = [&](const char* text, std::size_t a, std::size_t b, Weight weight) {
    result.claims.push_back(
        on_mean(fmt::format("{}: {} (test accuracy in percent at the chosen settings, paired)",
                            e.arena.name(), text),
                differences(accuracies(e.ends[a]), accuracies(e.ends[b])), at_least(0), weight,
                comparisons));
  };
  compare("F-GR minus exact", 2, 1, Weight::core);
  compare("F-GR minus B-GR", 2, 3, Weight::core);
  compare("F-GR minus SGD", 2, 0, Weight::limit);
  result.claims.push_back(
      on_mean(e.arena.name() + ": F-GR at gamma = 0.1, eps of 0.05 and more minus smaller eps "
                               "(test accuracy in percent, paired)",
              large_minus_small(e), at_least(0), Weight::limit, comparisons));
  result.claims.push_back(
      on_all(e.arena.name() + ": with gamma = 0 exact, F-GR and B-GR train as SGD does (relative "
                              "difference of test loss, first seed)",
             e.zero_errors, at_most(0.01)));
}

std::vector<std::string> setup(const StudyContext& context, const std::vector<Arena>& arenas) {
  const GridAxes axes = axes_of(context);
  std::vector<std::string> lines;
  for (const Arena& arena : arenas) {
    const RunOptions options = generalization_options(context, arena, 1);
    lines.push_back(fmt::format(
        "{}: {}, relu; augmentation {}.", arena.name(),
        arena.model == "mlp" ? fmt::format("width {}, 3 layers", context.count("width"))
                             : fmt::format("8 layers, {} channels in the first stage, batch norm",
                                           context.count("channels")),
        options.augment));
  }
  lines.push_back(fmt::format(
      "For each seed {} training images drawn at random, {} others for validation; the whole test "
      "set. {} seeds for the grid; of one seed all methods have the same images, start and "
      "batches.",
      context.count("train-images"), context.count("validation-images"), context.count("seeds")));
  lines.push_back(fmt::format(
      "{} epochs, batch {}, momentum 0.9, cosine schedule from {} (mlp) and {} (resnet), weight "
      "decay 1e-4 outside the penalty, float32.",
      context.count("epochs"), context.count("batch"), context.number("mlp-lr"),
      context.number("resnet-lr")));
  lines.push_back(fmt::format(
      "Grid: gamma {}; eps {} (F-GR, B-GR). gamma = 0 is SGD. For each method the setting with the "
      "best mean validation accuracy is chosen. It is trained again with {} other seeds, and what "
      "is compared is the test accuracy of these.",
      fmt::join(axes.gammas, ", "), fmt::join(axes.epsilons, ", "), context.count("fresh-seeds")));
  lines.push_back(fmt::format(
      "Intervals of the comparisons are Student's for paired differences over seeds, widened by "
      "Bonferroni for {} comparisons.",
      4 * arenas.size()));
  lines.push_back(
      "Cut against the WRN-28-10 protocol that is reported of the paper (all 50,000 images, batch "
      "128, lr 0.1): far smaller networks, fewer images, epochs and steps. Nothing here is a "
      "statement on networks of that size.");
  return lines;
}

StudyResult run(StudyContext& context) {
  const std::vector<Arena> arenas = arenas_of(context);
  const int comparisons = 4 * static_cast<int>(arenas.size());
  StudyResult result;
  result.setup = setup(context, arenas);
  if (context.flag("digits"))
    result.remarks.push_back(
        "The handwritten digits are there without a fetch, and too small to decide: their test set "
        "is 360 images, so one image is 0.28 points.");
  std::optional<ImagePool> pool;
  std::string loaded;
  for (const Arena& arena : arenas) {
    if (loaded != arena.data) pool.emplace(arena.data);
    loaded = arena.data;
    const Explored explored = explore(context, *pool, arena);
    judge(explored, comparisons, result);
    describe(explored, result);
  }
  read_failures(result);
  return result;
}

}  // namespace

Study generalization_study() {
  return {
      "generalization",
      "test accuracy over gamma x eps x seed: F-GR against B-GR, exact and SGD",
      "Gradient regularization generalises best when it is computed by a forward difference with a "
      "large step: F-GR at eps of about 0.05 and more is better than B-GR and than the exact "
      "gradient (double backpropagation) of the same penalty.",
      "Karakida et al., ICML 2023; the protocol (grid, schedule, seeds) as reported of their "
      "WRN-28-10 by other sources.",
      "1 min",
      "1 h",
      "The paper's protocol: --train-images 45000 --validation-images 5000 --epochs 200 --batch "
      "128 --augment 1 --channels 16, and more seeds. Parts can be run apart: --mlp 0 or --resnet "
      "0, --cifar10 0 or --fashion-mnist 0.",
      {{"seeds", "repetitions", 3, 5, 2, 1000, true},
       {"fresh-seeds", "repetitions of the chosen settings", 6, 20, 2, 1000, true},
       {"train-images", "training images of a seed", 1150, 1000, 1, 60000, true},
       {"validation-images", "images for choosing settings", 287, 1000, 1, 60000, true},
       {"epochs", "of training", 20, 25, 1, 1e4, true},
       {"batch", "images a step", 64, 32, 1, 60000, true},
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
      run};
}

}  // namespace twice::experiments
