// Flooding: two of its steps equal one step of finite-difference GR. Measures how the gradient's
// norm falls while the loss stays at the flood level, and where the identity fails.
#include <cmath>

#include "experiments/studies/problems.h"

namespace twice::experiments {

namespace {

constexpr double level = 0.3;
/// The number of windows over which a held run is averaged.
constexpr int windows = 50;
const Vector etas = {0.1, 0.2, 0.5};

/// A training by flooding. The identity holds for plain gradient descent on one batch; momentum and
/// changing batches depart from it.
struct Setup {
  std::string name;
  double eta, momentum = 0;
  bool changing_batches = false;
};

/// Successive steps of flooding, on the whole data or on its quarters in turn.
class FloodedRun {
 public:
  FloodedRun(const StudyContext& context, std::uint64_t seed, const Setup& setup)
      : data_(teacher_data(context.count("samples"), 20, 10, 0.2, seed, DType::f64)),
        rows_(data_.y.elements() / (setup.changing_batches ? 4 : 1)),
        step_(small_mlp(64), data_, rows_, small_mlp(64).initial_parameters(Rng(seed), DType::f64),
              "flooding", {.flood_level = level}),
        optimizer_({.lr = setup.eta, .momentum = setup.momentum}) {}

  /// Runs the next step's batch at the current parameters, which `descend` then updates.
  void look() {
    batch_ = data_.part(step_number_ % (data_.y.elements() / rows_), rows_);
    step_.run(batch_);
  }
  void descend() {
    optimizer_.update(step_.parameters(), step_.gradient());
    ++step_number_;
  }
  const PlannedMethod& step() const { return step_; }
  const SmallData& batch() const { return batch_; }

  /// Another method on the same batches, with its own parameters.
  PlannedMethod beside(const std::string& method_name, const MethodOptions& options) const {
    return {small_mlp(64), data_, rows_, clone(step_.parameters()), method_name, options};
  }

 private:
  SmallData data_;
  Index rows_, step_number_ = 0;
  PlannedMethod step_;
  SmallData batch_;
  Optimizer optimizer_;
};

/// Compares two steps of flooding with the predicted step of size eta^2 against an estimate of H g
/// with eps = eta. For two steps that begin below the level and go on above it (`forward`), the
/// estimate is F-GR's. For the reverse (`backward`), it is B-GR's. Returns |two steps - predicted
/// step| / |two steps| for each crossing.
Measured identity_errors(StudyContext& context, std::uint64_t seed, const Setup& setup) {
  FloodedRun run(context, seed, setup);
  const MethodOptions difference{.gamma = 1, .epsilon = setup.eta};
  PlannedMethod ahead = run.beside("f-gr", difference), behind = run.beside("b-gr", difference);
  struct Moment {
    Vector parameters;
    double loss;
    SmallData batch;
  };
  std::vector<Moment> last;  // at most two, the older first
  Measured errors;
  Vector &forward = errors["forward"], &backward = errors["backward"];
  const auto wanted = static_cast<std::size_t>(context.count("crossings"));
  const int steps = context.count("identity-steps");
  for (int t = 0; t < steps; ++t) {
    context.advance();
    run.look();
    const Vector now = flat(run.step().parameters());
    if (last.size() == 2) {
      const bool up = last[0].loss < level && last[1].loss > level;
      const bool down = last[0].loss > level && last[1].loss < level;
      Vector& found = up ? forward : backward;
      if ((up || down) && found.size() < wanted) {
        PlannedMethod& predicting = up ? ahead : behind;
        assign(predicting.parameters(), last[0].parameters);
        predicting.run(last[0].batch);
        const Vector predicted = scaled(predicting.hvp(), -setup.eta * setup.eta);
        found.push_back(relative_error(predicted, differences(now, last[0].parameters)));
      }
      last.erase(last.begin());
    }
    last.push_back({now, run.step().loss(), run.batch()});
    if (forward.size() == wanted && backward.size() == wanted) {
      context.advance(steps - t - 1);
      break;
    }
    run.descend();
  }
  return errors;
}

/// Means over windows of steps, starting at the first step at which the loss is below the level:
/// `squared norm` of the gradient, and `loss`.
Measured held_run(StudyContext& context, std::uint64_t seed, const Setup& setup) {
  FloodedRun run(context, seed, setup);
  const int steps = context.count("steps"), length = std::max(1, steps / windows);
  Measured result;
  Vector &norms = result["squared norm"], &losses = result["loss"];
  double norm_sum = 0, loss_sum = 0;
  int held = -1;  // steps since the loss reached the level
  // The loss may take up to `steps` steps to reach the level.
  for (int t = 0; t < 2 * steps && static_cast<int>(losses.size()) < windows; ++t) {
    run.look();
    if (held < 0 && run.step().loss() < level) held = 0;
    if (held >= 0) {
      context.advance();
      norm_sum += run.step().squared_norm();
      loss_sum += run.step().loss();
      if (++held % length == 0) {
        norms.push_back(norm_sum / length);
        losses.push_back(loss_sum / length);
        norm_sum = loss_sum = 0;
      }
    }
    run.descend();
  }
  return result;
}

void check_identity(StudyContext& context, StudyResult& result) {
  const double momentum = context.number("momentum");
  std::vector<Setup> setups;
  for (const double eta : etas) setups.push_back({"one batch, momentum {momentum}", eta, momentum});
  setups.push_back({"momentum 0.9", 0.1, 0.9});
  setups.push_back({"batches that change", 0.1, 0, true});
  const std::vector<Repeated> found = context.jobs(
      "two steps against one", setups.size(), context.seeds(), context.number("identity-steps"),
      [&](std::size_t i, std::uint64_t seed) { return identity_errors(context, seed, setups[i]); });
  StudyTable table{"Error of the identity: |two steps - predicted| / |two steps|",
                   {"steps", "eta", "direction", "crossings", "median", "largest"}};
  for (std::size_t i = 0; i < setups.size(); ++i) {
    for (const auto& [direction, name] :
         {std::pair("up, then down", "forward"), std::pair("down, then up", "backward")}) {
      const Vector errors = all(found, i, i, name);
      table.rows.push_back({setups[i].name, fmt::format("{:g}", setups[i].eta), direction,
                            std::to_string(errors.size()), fmt::format("{:.2g}", median(errors)),
                            fmt::format("{:.2g}", range_of(errors).high)});
    }
  }
  const auto both = [&](std::size_t i) {
    Vector errors = all(found, i, i, "forward");
    for (const double error : all(found, i, i, "backward")) errors.push_back(error);
    return errors;
  };
  result.tables.push_back(table);
  result.claim({on_all("up, then down: two steps of flooding equal one step of size eta^2 against "
                       "F-GR's estimate of H g with eps = eta (relative error)",
                       all(found, 0, etas.size() - 1, "forward"), at_most(1e-10)),
                on_all("down, then up: the same with B-GR (relative error)",
                       all(found, 0, etas.size() - 1, "backward"), at_most(1e-10)),
                on_all("the identity fails with momentum 0.9 (relative error)", both(etas.size()),
                       at_least(0.01), Weight::limit),
                on_all("the identity fails when the batch changes (relative error)",
                       both(etas.size() + 1), at_least(0.01), Weight::limit)});
}

void follow_norm(StudyContext& context, StudyResult& result) {
  std::vector<Setup> setups;
  for (const double eta : etas) setups.push_back({fmt::format("eta {:g}", eta), eta});
  setups.push_back({"eta 0.1, momentum 0.9", 0.1, 0.9});
  setups.push_back({"eta 0.5, batches that change", 0.5, 0, true});
  const std::vector<Repeated> found = context.jobs(
      "holding the loss", setups.size(), context.seeds(), context.number("steps"),
      [&](std::size_t i, std::uint64_t seed) { return held_run(context, seed, setups[i]); });

  Vector steps;
  for (int w = 0; w < windows; ++w)
    steps.push_back((w + 0.5) * std::floor(context.number("steps") / windows));
  StudyPlot norms{.name = "gradient-norm",
                  .title = "The gradient's norm while flooding holds the loss",
                  .y_title = "|g|^2, geometric mean of the seeds",
                  .x_title = "steps since the loss was first below the level",
                  .log_y = true};
  StudyPlot losses{"loss", "The loss at the flood level", "loss, mean of the seeds", norms.x_title};
  StudyTable table{"|g|^2 while the loss is held",
                   {"run", "first window", "last window", "last over first", "loss, last window"}};
  const char* inks[] = {"sgd", "exact", "f-gr", "pgn", "b-gr"};
  for (std::size_t i = 0; i < setups.size(); ++i) {
    const auto add = [&](StudyPlot& plot, Shown shown, const char* numbers) {
      plot.curves.push_back(mean_curve(setups[i].name, inks[i], steps, shown,
                                       [&](std::size_t w) { return each(found[i], numbers, w); }));
    };
    add(norms, Shown::geometric_mean, "squared norm");
    add(losses, Shown::mean, "loss");
    const Vector first = each(found[i], "squared norm"), end = each(found[i], "squared norm", last),
                 loss = each(found[i], "loss", last);
    const Vector falls = ratios(end, first);
    Vector distances;
    for (const double value : loss) distances.push_back(std::abs(value - level) / level);
    table.rows.push_back({setups[i].name, fmt::format("{:.3g}", mean(first)),
                          fmt::format("{:.3g}", mean(end)), with_interval(falls, "{:.2f}"),
                          fmt::format("{:.3f}", mean(loss))});
    if (i >= etas.size()) continue;
    result.claim(
        {on_mean(setups[i].name + ": |g|^2 falls while the loss is held (last window over first)",
                 falls, at_most(1)),
         on_all(setups[i].name + ": the loss stays at the level (|loss - b| / b, last window)",
                distances, at_most(0.1))});
  }
  result.plots = {norms, losses};
  result.tables.push_back(table);
}

void run(StudyContext& context, StudyResult& result) {
  check_identity(context, result);
  follow_norm(context, result);
}

}  // namespace

Study flooding_study() {
  return {
      "flooding",
      "two steps of flooding equal one step of finite-difference GR, and |g| falls at the flood "
      "level",
      "Two steps of flooding across its level, first up and then down, equal one step of size "
      "eta^2 against the F-GR estimate of H g with eps = eta. In the reverse order, they equal a "
      "step against the B-GR estimate. So the gradient's norm falls while the loss stays at the "
      "level.",
      "Karakida et al. (ICML 2023), as reported by other sources, for F-GR. The reverse order and "
      "the limits are results of this project. Flooding: Ishida et al., ICML 2020.",
      "20 s",
      "10 min",
      "More seeds and step sizes, networks of other shapes.",
      {{"steps", "steps at the level", 3000, 30000, 50, 1e7, true},
       {"identity-steps", "maximum number of steps in the search for crossings", 3000, 3000, 10,
        1e7, true},
       {"crossings", "crossings in each direction", 10, 50, 1, 1e6, true},
       {"seeds", "repetitions", 3, 5, 2, 1000, true},
       {"samples", "training examples", 256, 256, 8, 1e6, true},
       {"momentum", "momentum of the runs for the identity", 0, 0, 0, 0.999, false}},
      {"Network: tanh, 20-64-64-10, float64. Data: {samples} samples from N(0, I), labels of a "
       "random linear map, 20 % of them replaced at random.",
       "Flooding: w <- w - eta sign(loss - b) g with b = 0.3, as plain gradient descent on the "
       "whole data, for eta 0.1, 0.2 and 0.5.",
       "Identity: for each eta and each of {seeds} seeds, at up to {crossings} crossings of the "
       "level in each direction, the change by two steps is compared with the prediction from F-GR "
       "or B-GR at the first point. The engine computes both.",
       "Norm: {steps} steps in 50 windows, starting at the first step with loss < b. The claim is "
       "about the mean of |g|^2 in the last window, divided by the mean in the first window.",
       "Departures from the identity: momentum 0.9, and quarters of the data in turn."},
      {"The identity fails with momentum or changing batches. The table shows |g|^2 in these "
       "cases, without a claim."},
      run};
}

}  // namespace twice::experiments
