// The error of H g in finite-difference GR over eps: slopes, the lower limit from rounding, the
// best eps, and the effect of kinks.
#include <algorithm>
#include <cmath>

#include "experiments/report/html.h"
#include "experiments/report/sections.h"
#include "experiments/studies/problems.h"

namespace twice::experiments {

namespace {

const std::vector<std::string> activations = {"tanh", "gelu", "relu"};  // the last has kinks
const std::vector<std::string> stages = {"at the start", "after training"};

/// Measures the network of one seed. The result holds `eps` and, for each stage, method and dtype,
/// the errors of H g over eps, such as `after training f-gr f32`.
Measured measure(StudyContext& context, const Problem& problem, double sweep_units) {
  Problem measured = problem;
  measured.options.batch = context.count("batch");
  const Dataset batch = fixed_batch(measured);
  Measured result;
  const auto sweep = [&](const std::string& stage, const ModelState& state) {
    result["eps"].clear();
    for (const EpsilonPoint& point : epsilon_sweep(measured, state, batch)) {
      result[stage + " " + point.method + " " + point.dtype].push_back(point.hvp_error);
      if (point.method == "f-gr" && point.dtype == "f64") result["eps"].push_back(point.epsilon);
    }
    context.advance(sweep_units);
  };
  ModelState state = initial_state(problem.model, problem.options.seed, DType::f32);
  sweep(stages[0], state);
  train_run(context, problem, "sgd", &state);
  sweep(stages[1], state);
  return result;
}

/// f(eps, errors) for each seed.
Vector of_seeds(const Repeated& seeds, const std::string& numbers,
                const std::function<double(const Vector&, const Vector&)>& f) {
  Vector result;
  for (const Measured& one : seeds) result.push_back(f(one.at("eps"), one.at(numbers)));
  return result;
}

double least(const Vector&, const Vector& errors) { return std::ranges::min(errors); }

/// The index of the smallest error. Two neighbouring indices are half a power of ten apart.
double best_index(const Vector&, const Vector& errors) {
  return static_cast<double>(std::ranges::min_element(errors) - errors.begin());
}

double best_epsilon(const Vector& epsilons, const Vector& errors) {
  return epsilons[static_cast<std::size_t>(best_index(epsilons, errors))];
}

/// Draws the line of slope 1 through the error at eps = 1e-6, and returns the largest distance of
/// the errors for eps from 1e-4 to 0.1 above this line, in powers of ten.
double departure(const Vector& epsilons, const Vector& errors) {
  double most = 0;
  for (std::size_t k = 8; k <= 14; ++k)
    most = std::max(most, std::log10(errors[k] / errors[4] * epsilons[4] / epsilons[k]));
  return most;
}

/// "median (smallest to largest)". A slope that could not be measured is NaN and prints as "-".
std::string with_range(const Vector& values, const char* format) {
  const auto text = [&](double value) {
    return std::isnan(value) ? "-" : fmt::format(fmt::runtime(format), value);
  };
  const Interval range = range_of(values);
  return fmt::format("{} ({} to {})", text(median(values)), text(range.low), text(range.high));
}

/// Adds a row for each network, stage, method and dtype, and a plot for each network and stage.
void describe(const std::vector<Repeated>& found, StudyResult& result) {
  StudyTable table{"Error of H g over eps: median, smallest and largest of the seeds",
                   {"network", "method", "dtype", "slope", "smallest error", "best eps",
                    "error at eps = 1e-4", "error at eps = 0.1"}};
  for (std::size_t a = 0; a < activations.size(); ++a)
    for (const std::string& stage : stages) {
      StudyPlot plot{
          .name = activations[a] + (stage == stages[0] ? "-start" : "-trained"),
          .title = "Error of H g: " + activations[a] + ", " + stage,
          .y_title = "relative error of the estimate of H g, geometric mean of the seeds",
          .x_title = "eps",
          .log_x = true,
          .log_y = true};
      for (const std::string name : {"f-gr", "b-gr", "c-gr"})
        for (const std::string dtype : {"f64", "f32"}) {
          const std::string numbers = stage + " " + name + " " + dtype;
          plot.curves.push_back(
              mean_curve(name + ", " + dtype, name, found[a][0].at("eps"), Shown::geometric_mean,
                         [&](std::size_t k) { return each(found[a], numbers, k); }));
          plot.curves.back().dashed = dtype == "f32";
          table.rows.push_back({activations[a] + " " + stage, name, dtype,
                                with_range(of_seeds(found[a], numbers, error_slope), "{:.2f}"),
                                with_range(of_seeds(found[a], numbers, least), "{:.1e}"),
                                with_range(of_seeds(found[a], numbers, best_epsilon), "{:.1e}"),
                                with_range(each(found[a], numbers, 8), "{:.1e}"),
                                with_range(each(found[a], numbers, 14), "{:.1e}")});
        }
      result.plots.push_back(plot);
    }
  result.tables.push_back(table);
}

void judge(const std::vector<Repeated>& found, double order, StudyResult& result) {
  for (std::size_t a = 0; a + 1 < activations.size(); ++a)
    for (const std::string& stage : stages) {
      const std::string where = activations[a] + " " + stage;
      for (const auto& [name, law] :
           {std::pair("f-gr", order), std::pair("b-gr", order), std::pair("c-gr", 2 * order)})
        result.claim({on_mean(fmt::format("{}: slope of {}, float64", where, name),
                              of_seeds(found[a], stage + " " + name + " f64", error_slope),
                              {0.9 * law, 1.1 * law})});
      const std::string single = stage + " f-gr f32", twice = stage + " f-gr f64";
      const Vector floors =
          powers_of_ten(of_seeds(found[a], single, least), of_seeds(found[a], twice, least));
      const Vector shifts = scaled(differences(of_seeds(found[a], single, best_index),
                                               of_seeds(found[a], twice, best_index)),
                                   0.5);
      result.claim(
          {on_mean(where + ": f-gr's smallest error in float32 over float64, powers of ten", floors,
                   at_least(1)),
           on_mean(where + ": f-gr's best eps in float32 over float64, powers of ten", shifts,
                   at_least(1))});
    }
  for (std::size_t a = 0; a < activations.size(); ++a)
    for (const std::string& stage : stages)
      // After training, few units are near their kinks, so the claim has the weight `limit` there.
      result.claim({on_mean(
          fmt::format("{} {}: f-gr's error at eps = 1e-4 to 0.1 over its law, powers of ten",
                      activations[a], stage),
          of_seeds(found[a], stage + " f-gr f64", departure),
          a + 1 == activations.size() ? at_least(0.5) : at_most(0.3),
          stage == stages[0] ? Weight::core : Weight::limit)});
}

void run(StudyContext& context, StudyResult& result) {
  const auto problem_of = [&](std::size_t a, std::uint64_t seed) {
    return make_problem(digits_run(context, activations[a], seed));
  };
  constexpr double sweep_units = 300;
  const std::vector<Repeated> found = context.jobs(
      "training and sweeping eps", activations.size(), context.seeds(),
      steps_of(problem_of(0, 1)) + 2 * sweep_units, [&](std::size_t a, std::uint64_t seed) {
        return measure(context, problem_of(a, seed), sweep_units);
      });
  describe(found, result);
  judge(found, context.number("order"), result);
}

}  // namespace

Study gradient_error_study() {
  return {"gradient-error",
          "error of F-, B- and C-GR's H g over eps: slopes, rounding, best eps, kinks",
          "On smooth networks, the one-sided differences F-GR and B-GR have an error of order eps, "
          "and the central difference C-GR has an error of order eps^2, until rounding dominates. "
          "With relu, a finite step crosses kinks, which do not affect the exact derivative. At "
          "the eps in common use, the error is then far above this law.",
          "The estimators are from Karakida et al. (ICML 2023). The statements about their error "
          "are from this project, not from the paper.",
          "5 s",
          "5 min",
          "Convolutional networks, and larger batches.",
          {{"seeds", "repetitions", 5, 10, 2, 1000, true},
           {"batch", "images for measuring the error", 256, 512, 1, 1437, true},
           {"width", "width of the hidden layers", 64, 256, 1, 8192, true},
           {"epochs", "epochs of training", 5, 40, 1, 1e4, true},
           {"order", "the claimed order of F-GR and B-GR, which is half that of C-GR", 1, 1, 0, 10,
            false}},
          {"Networks: mlps of width {width} with 3 layers and tanh, gelu (smooth) or relu (kinks), "
           "on a batch of {batch} handwritten digits, for {seeds} seeds. They are measured at the "
           "start and after {epochs} epochs of sgd with momentum 0.9.",
           "Error: |estimate - H g| / |H g| over all parameters, H g exact in float64 at the same "
           "parameters; eps from 1e-8 to 1 in half powers of ten, float32 and float64.",
           "Law: the error of a smooth function is proportional to eps. The effect of kinks is the "
           "distance of the error at eps = 1e-4 to 0.1, the values in common use, above the line "
           "of slope 1 through the error at eps = 1e-6.",
           "Slope: the median slope between neighbouring eps, over the part of a curve that the "
           "step dominates (errors above ten times the smallest error and below 0.3)."},
          {"With relu, the second derivative of the activation is 0 almost everywhere: kinks do "
           "not affect exact GR, while a finite step crosses some. The estimate agrees with the "
           "exact value only if eps is so small that almost no unit of the batch crosses its kink.",
           "The step is eps g. After training |g| is small, so the same eps gives a smaller step."},
          run};
}

}  // namespace twice::experiments
