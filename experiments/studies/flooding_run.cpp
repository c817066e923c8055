// Training by flooding, its crossings of the level and its averages.
#include "experiments/studies/flooding_run.h"

namespace twice::experiments {

namespace {

Model network() {
  return mlp({.inputs = 20, .width = 64, .depth = 3, .outputs = 10, .activation = "tanh"});
}

SmallData samples(const StudyContext& context, std::uint64_t seed) {
  return teacher_data(context.count("samples"), 20, 10, 0.2, seed, DType::f64);
}

/// Training by flooding: one step after the other, on the whole data or on quarters of it in turn.
class FloodedRun {
 public:
  FloodedRun(const SmallData& data, std::uint64_t seed, double eta, const Departure& departure)
      : data_(data),
        rows_(data.y.elements() / (departure.changing_batches ? 4 : 1)),
        step_(network(), data, rows_, network().initial_parameters(Rng(seed), DType::f64),
              method("flooding"), {.flood_level = flood_level}),
        optimizer_({.lr = eta, .momentum = departure.momentum}) {}

  /// Runs the next step's batch at the present parameters; `descend` then moves them.
  void look() {
    const Index parts = data_.y.elements() / rows_, part = step_number_ % parts;
    batch_ = {data_.x.sliced(0, part * rows_, rows_), data_.y.sliced(0, part * rows_, rows_)};
    step_.run(batch_);
  }
  void descend() {
    optimizer_.update(step_.parameters(), step_.gradient());
    ++step_number_;
  }
  const PlannedMethod& step() const { return step_; }
  const SmallData& batch() const { return batch_; }

 private:
  const SmallData& data_;
  Index rows_, step_number_ = 0;
  PlannedMethod step_;
  SmallData batch_;
  Optimizer optimizer_;
};

}  // namespace

IdentityErrors identity_errors(StudyContext& context, std::uint64_t seed, double eta,
                               const Departure& departure) {
  const SmallData data = samples(context, seed);
  FloodedRun run(data, seed, eta, departure);
  const std::vector<Array> point = clone(run.step().parameters());
  const Index rows = data.y.elements() / (departure.changing_batches ? 4 : 1);
  const MethodOptions difference{.gamma = 1, .epsilon = eta};
  PlannedMethod ahead(network(), data, rows, point, method("f-gr"), difference),
      behind(network(), data, rows, point, method("b-gr"), difference);

  struct Moment {
    Vector parameters;
    double loss;
    SmallData batch;
  };
  std::vector<Moment> last;  // at most two, the older first
  IdentityErrors errors;
  const auto wanted = static_cast<std::size_t>(context.count("crossings"));
  const int steps = context.count("identity-steps");
  for (int t = 0; t < steps; ++t) {
    context.advance();
    run.look();
    const Vector now = flat(run.step().parameters());
    if (last.size() == 2) {
      const bool up = last[0].loss < flood_level && last[1].loss > flood_level;
      const bool down = last[0].loss > flood_level && last[1].loss < flood_level;
      Vector& found = up ? errors.forward : errors.backward;
      if ((up || down) && found.size() < wanted) {
        PlannedMethod& predicting = up ? ahead : behind;
        assign(point, last[0].parameters);
        predicting.run(last[0].batch);
        Vector moved(now.size()), predicted = predicting.hvp();
        for (std::size_t i = 0; i < now.size(); ++i) {
          moved[i] = now[i] - last[0].parameters[i];
          predicted[i] *= -eta * eta;
        }
        found.push_back(relative_distance(predicted, moved));
      }
      last.erase(last.begin());
    }
    last.push_back({now, run.step().loss(), run.batch()});
    if (errors.forward.size() == wanted && errors.backward.size() == wanted) {
      context.advance(steps - t - 1);
      break;
    }
    run.descend();
  }
  return errors;
}

HeldRun held_run(StudyContext& context, std::uint64_t seed, double eta,
                 const Departure& departure) {
  const SmallData data = samples(context, seed);
  FloodedRun run(data, seed, eta, departure);
  const int steps = context.count("steps"), length = std::max(1, steps / flood_windows);
  HeldRun result;
  double norms = 0, losses = 0;
  int held = -1;  // steps since the level was reached
  // The way down to the level may take as long again.
  for (int t = 0; t < 2 * steps && static_cast<int>(result.loss.size()) < flood_windows; ++t) {
    run.look();
    if (held < 0 && run.step().loss() < flood_level) held = 0;
    if (held >= 0) {
      context.advance();
      norms += run.step().squared_norm();
      losses += run.step().loss();
      if (++held % length == 0) {
        result.squared_norm.push_back(norms / length);
        result.loss.push_back(losses / length);
        norms = losses = 0;
      }
    }
    run.descend();
  }
  return result;
}

}  // namespace twice::experiments
