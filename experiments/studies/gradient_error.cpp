// The error of finite-difference GR's H g over eps: slopes, the floor of rounding, the best eps,
// and what kinks do.
#include <cmath>

#include "experiments/measure/gradient_error.h"
#include "experiments/report/sections.h"
#include "experiments/report/html.h"
#include "experiments/studies/planned.h"
#include "experiments/studies/training.h"

namespace twice::experiments {

namespace {

const std::vector<std::string>& activations() {
  static const std::vector<std::string> names = {"tanh", "gelu", "relu"};
  return names;
}
constexpr const char* stages[] = {"at the start", "after training"};

/// A network of one seed, at one stage.
struct Sweep {
  std::vector<EpsilonPoint> points;

  /// The errors of H g over eps.
  Vector errors(const std::string& method, const std::string& dtype) const {
    Vector result;
    for (const EpsilonPoint& p : points)
      if (p.method == method && p.dtype == dtype) result.push_back(p.hvp_error);
    return result;
  }
  Vector epsilons() const {
    Vector result;
    for (const EpsilonPoint& p : points)
      if (p.method == "f-gr" && p.dtype == "f64") result.push_back(p.epsilon);
    return result;
  }

  static void json_fields(auto& self, const auto& visit) { visit("points", self.points); }
};

/// sweeps[activation][stage][seed]
using Sweeps = std::vector<std::vector<std::vector<Sweep>>>;

Sweeps measure(StudyContext& context) {
  const std::vector<std::uint64_t> seeds = context.seeds();
  const auto problem_of = [&](std::size_t a, std::uint64_t seed) {
    return make_problem(
        digits_run(activations()[a], context.count("width"), context.count("epochs"), seed));
  };
  const double training = steps_of(problem_of(0, seeds[0])), sweep_units = 300;
  const std::size_t count = activations().size() * seeds.size();
  using Stages = std::vector<Sweep>;  // at the start, trained
  const double units = static_cast<double>(count) * (training + 2 * sweep_units);
  const std::vector<Stages> found =
      context.jobs("training and sweeping eps", count, units, [&](std::size_t i) {
        const std::size_t a = i / seeds.size(), s = i % seeds.size();
        const Problem problem = problem_of(a, seeds[s]);
        Problem measured = problem;
        measured.options.batch = context.count("batch");
        const FixedBatch batch = fixed_batch(measured);
        const ModelState start = initial_state(problem.model, seeds[s], DType::f32);
        Stages stage(2);
        stage[0].points = epsilon_sweep(measured, start, batch);
        context.advance(sweep_units);
        const ModelState trained = train_run(context, problem, method("sgd")).state;
        stage[1].points = epsilon_sweep(measured, trained, batch);
        context.advance(sweep_units);
        return stage;
      });
  Sweeps sweeps(activations().size(), std::vector<std::vector<Sweep>>(2));
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t stage = 0; stage < 2; ++stage)
      sweeps[i / seeds.size()][stage].push_back(found[i][stage]);
  return sweeps;
}

std::string with_range(const Vector& values, const char* format) {
  const Claim all = on_all("", values, at_most(0));
  // A slope that no part of a curve shows is not a number.
  return replace_all(
      fmt::format(fmt::runtime(format), all.value, all.interval.low, all.interval.high), "nan",
      "-");
}

/// One line for each network, stage, method and dtype; one plot for each network and stage.
void describe(const Sweeps& sweeps, StudyResult& result) {
  StudyTable table{"Error of H g over eps: median, smallest and largest of the seeds",
                   {"network", "method", "dtype", "slope", "smallest error", "best eps",
                    "error at eps = 1e-4", "error at eps = 0.1"},
                   {}};
  for (std::size_t a = 0; a < sweeps.size(); ++a)
    for (std::size_t stage = 0; stage < 2; ++stage) {
      StudyPlot plot{activations()[a] + (stage == 0 ? "-start" : "-trained"),
                     "Error of H g: " + activations()[a] + ", " + stages[stage],
                     "relative error of the estimate of H g, geometric mean of the seeds",
                     "eps",
                     true,
                     true,
                     {}};
      for (const char* method_name : {"f-gr", "b-gr", "c-gr"})
        for (const char* dtype : {"f64", "f32"}) {
          Vector slopes, floors, best, small, large;
          const Vector epsilons = sweeps[a][stage][0].epsilons();
          StudyCurve curve{std::string(method_name) + ", " + dtype, method_name, epsilons};
          curve.dashed = std::string(dtype) == "f32";
          curve.y.assign(epsilons.size(), 0);
          for (const Sweep& sweep : sweeps[a][stage]) {
            const Vector errors = sweep.errors(method_name, dtype);
            const auto least = std::min_element(errors.begin(), errors.end());
            slopes.push_back(error_slope(epsilons, errors));
            floors.push_back(*least);
            best.push_back(epsilons[static_cast<std::size_t>(least - errors.begin())]);
            small.push_back(errors[8]);
            large.push_back(errors[14]);
            for (std::size_t k = 0; k < errors.size(); ++k)
              curve.y[k] += std::log(errors[k]) / static_cast<double>(sweeps[a][stage].size());
          }
          for (double& y : curve.y) y = std::exp(y);
          plot.curves.push_back(curve);
          table.rows.push_back({activations()[a] + " " + stages[stage], method_name, dtype,
                                with_range(slopes, "{:.2f} ({:.2f} to {:.2f})"),
                                with_range(floors, "{:.1e} ({:.1e} to {:.1e})"),
                                with_range(best, "{:.1e} ({:.1e} to {:.1e})"),
                                with_range(small, "{:.1e} ({:.1e} to {:.1e})"),
                                with_range(large, "{:.1e} ({:.1e} to {:.1e})")});
        }
      result.plots.push_back(plot);
    }
  result.tables.push_back(table);
}

/// By how many powers of ten F-GR's error, for some eps from 1e-4 to 0.1, is above the straight
/// line of slope 1 through the error at eps = 1e-6.
double departure(const Sweep& sweep) {
  const Vector errors = sweep.errors("f-gr", "f64"), epsilons = sweep.epsilons();
  double most = 0;
  for (std::size_t k = 8; k <= 14; ++k)
    most = std::max(most, std::log10(errors[k] / errors[4] * epsilons[4] / epsilons[k]));
  return most;
}

void judge(const Sweeps& sweeps, double order, StudyResult& result) {
  for (std::size_t a = 0; a + 1 < sweeps.size(); ++a)
    for (std::size_t stage = 0; stage < 2; ++stage) {
      const std::string where = activations()[a] + " " + stages[stage] + ": ";
      for (const auto& [name, law] :
           {std::pair("f-gr", order), std::pair("b-gr", order), std::pair("c-gr", 2 * order)}) {
        Vector slopes;
        for (const Sweep& sweep : sweeps[a][stage])
          slopes.push_back(error_slope(sweep.epsilons(), sweep.errors(name, "f64")));
        result.claims.push_back(on_mean(fmt::format("{}slope of {}, float64", where, name), slopes,
                                        {0.9 * law, 1.1 * law}));
      }
      Vector floors, shifts;
      for (const Sweep& sweep : sweeps[a][stage]) {
        const Vector single = sweep.errors("f-gr", "f32"), twice = sweep.errors("f-gr", "f64");
        const auto least = [](const Vector& v) { return std::min_element(v.begin(), v.end()); };
        floors.push_back(std::log10(*least(single) / *least(twice)));
        shifts.push_back(
            static_cast<double>((least(single) - single.begin()) - (least(twice) - twice.begin())) /
            2);
      }
      result.claims.push_back(
          on_mean(where + "f-gr's smallest error in float32 over float64, powers of ten", floors,
                  at_least(1)));
      result.claims.push_back(on_mean(
          where + "f-gr's best eps in float32 over float64, powers of ten", shifts, at_least(1)));
    }
  for (std::size_t a = 0; a < sweeps.size(); ++a)
    for (std::size_t stage = 0; stage < 2; ++stage) {
      Vector departures;
      for (const Sweep& sweep : sweeps[a][stage]) departures.push_back(departure(sweep));
      const bool kinks = a + 1 == sweeps.size();
      // After training few units are near their kinks, so that limits the claim only.
      result.claims.push_back(on_mean(
          fmt::format("{} {}: f-gr's error at eps = 1e-4 to 0.1 over its law, powers of ten",
                      activations()[a], stages[stage]),
          departures, kinks ? at_least(0.5) : at_most(0.3),
          stage == 0 ? Weight::core : Weight::limit));
    }
}

StudyResult run(StudyContext& context) {
  StudyResult result;
  result.setup = {
      fmt::format("Networks: mlp of width {}, 3 layers, tanh, gelu (smooth) and relu (kinks), on a "
                  "batch of {} handwritten digits; {} seeds; at the start, and after {} epochs of "
                  "sgd with momentum 0.9.",
                  context.count("width"), context.count("batch"), context.count("seeds"),
                  context.count("epochs")),
      "Error: |estimate - H g| / |H g| over all parameters, H g exact in float64 at the same "
      "parameters; eps from 1e-8 to 1 in half powers of ten, float32 and float64.",
      "Law: a smooth function's error is proportional to eps. How far the error at eps = 1e-4 to "
      "0.1, "
      "those that people use, is above the line of slope 1 through the error at eps = 1e-6 says "
      "what kinks do.",
      "Slope: of the part of a curve that is due to the step, the median between neighbouring eps "
      "(errors over ten times the smallest and under 0.3)."};
  const Sweeps sweeps = measure(context);
  describe(sweeps, result);
  judge(sweeps, context.number("order"), result);
  result.remarks = {
      "With relu the second derivative of the activation is 0 almost everywhere: exact GR sees no "
      "kinks, while a finite step crosses some. The estimate meets the exact value only where eps "
      "is so small that next to no unit of the batch changes sides.",
      "The step is eps g: after training g is short, so the same eps is a smaller step."};
  return result;
}

}  // namespace

Study gradient_error_study() {
  return {
      "gradient-error",
      "error of F-, B- and C-GR's H g over eps: slopes, rounding, best eps, kinks",
      "On smooth networks the one-sided differences F-GR and B-GR have an error of order eps, "
      "the central C-GR of order eps^2, until rounding takes over; with relu a finite step "
      "crosses kinks that the exact derivative does not see, and at the eps that people use the "
      "error is far above what its law says.",
      "The estimators are Karakida et al.'s (ICML 2023); these statements on their error are "
      "this project's, not the paper's.",
      "5 s",
      "5 min",
      "Convolutional networks, and larger batches.",
      {{"seeds", "repetitions", 5, 10, 2, 1000, true},
       {"batch", "images on which the error is measured", 256, 512, 1, 1437, true},
       {"width", "of the hidden layers", 64, 256, 1, 8192, true},
       {"epochs", "of training", 5, 40, 1, 1e4, true},
       {"order", "the order that is claimed of F-GR and B-GR; C-GR has twice that", 1, 1, 0, 10,
        false}},
      run};
}

}  // namespace twice::experiments
