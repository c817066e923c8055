// Tables, curves over eps, heat maps.
#include "experiments/studies/generalization_tables.h"

#include <cmath>
#include <functional>

namespace twice::experiments {

namespace {

const char* const names[] = {"SGD", "exact", "F-GR", "B-GR"};

std::string with_deviation(const Vector& values) {
  return fmt::format("{:.2f} ± {:.2f}", mean(values), standard_deviation(values));
}

Vector of_seeds(const std::vector<GeneralizationRun>& runs,
                const std::function<double(const GeneralizationRun&)>& f) {
  Vector result;
  for (const GeneralizationRun& run : runs) result.push_back(f(run));
  return result;
}

std::string with_interval(const Vector& values, const char* format) {
  const Interval i = mean_interval(values);
  return fmt::format(fmt::runtime(format), mean(values), i.low, i.high);
}

std::size_t setting(const Explored& e, const std::string& method, double gamma, double epsilon) {
  for (std::size_t k = 0; k < e.grid.size(); ++k)
    if (e.grid[k].method == method && e.grid[k].gamma == gamma && e.grid[k].epsilon == epsilon)
      return k;
  fail("generalization", "{} with gamma {} and eps {} is not in the grid", method, gamma, epsilon);
}

StudyTable accuracy_table(const Explored& e) {
  StudyTable table{
      e.arena.name() +
          ": chosen on validation, reported on test with other seeds (percent, mean ± standard "
          "deviation over seeds; differences paired, 95 % of this one alone)",
      {"method", "gamma", "eps", "validation", "train", "test", "minus SGD", "minus exact",
       "test loss"},
      {}};
  for (std::size_t m = 0; m < e.chosen.size(); ++m) {
    const std::size_t k = e.chosen[m];
    const Vector own = accuracies(e.ends[m]);
    const auto minus = [&](std::size_t other) {
      return m == other ? std::string()
                        : with_interval(differences(own, accuracies(e.ends[other])),
                                        "{:+.2f} ({:+.2f} to {:+.2f})");
    };
    table.rows.push_back(
        {names[m], m == 0 ? "0" : fmt::format("{:g}", e.grid[k].gamma),
         m < 2 ? "" : fmt::format("{:g}", e.grid[k].epsilon),
         with_deviation(of_seeds(
             e.runs[k], [](const GeneralizationRun& r) { return 100 * r.validation.back(); })),
         with_deviation(of_seeds(
             e.ends[m], [](const GeneralizationRun& r) { return 100 * r.train_accuracy; })),
         with_deviation(own), minus(0), minus(1),
         fmt::format("{:.3f}", mean(of_seeds(e.ends[m], [](const GeneralizationRun& r) {
                       return r.test_loss;
                     })))});
  }
  return table;
}

/// The epoch, counted from 0, at whose end the validation accuracy was first reached.
std::optional<std::size_t> reached(const GeneralizationRun& run, double accuracy) {
  for (std::size_t i = 0; i < run.validation.size(); ++i)
    if (run.validation[i] >= accuracy) return i;
  return std::nullopt;
}

StudyTable end_table(const Explored& e) {
  const double target =
      0.95 *
      mean(of_seeds(e.ends[0], [](const GeneralizationRun& r) { return r.validation.back(); }));
  StudyTable table{
      fmt::format("{}: where the chosen runs end, and how long they took to {:.1f} % on validation "
                  "(95 % of SGD's last; seconds of CPU time, one thread)",
                  e.arena.name(), 100 * target),
      {"method", "|grad L|", "top eigenvalue", "its residual", "trace", "epochs to accuracy",
       "seconds to accuracy"},
      {}};
  for (std::size_t m = 0; m < e.ends.size(); ++m) {
    const auto of = [&](double GeneralizationRun::*member) {
      return of_seeds(e.ends[m], [&](const GeneralizationRun& r) { return r.*member; });
    };
    Vector epochs, seconds;
    for (const GeneralizationRun& run : e.ends[m])
      if (const std::optional<std::size_t> epoch = reached(run, target)) {
        epochs.push_back(static_cast<double>(*epoch + 1));
        seconds.push_back(run.seconds[*epoch]);
      }
    const auto time = [&](const Vector& values) {
      if (values.empty()) return std::string("never");
      return fmt::format("{:.3g}{}", median(values),
                         values.size() < e.ends[m].size()
                             ? fmt::format(" ({} of {} seeds)", values.size(), e.ends[m].size())
                             : "");
    };
    table.rows.push_back(
        {names[m],
         with_interval(of(&GeneralizationRun::gradient_norm), "{:.3f} ({:.3f} to {:.3f})"),
         with_interval(of(&GeneralizationRun::top), "{:.3g} ({:.3g} to {:.3g})"),
         fmt::format("{:.1g}", median(of(&GeneralizationRun::top_residual))),
         with_interval(of(&GeneralizationRun::trace), "{:.3g} ({:.3g} to {:.3g})"), time(epochs),
         time(seconds)});
  }
  return table;
}

StudyTable exact_table(const Explored& e) {
  StudyTable table{e.arena.name() +
                       ": exact over gamma (test accuracy in percent, mean ± standard "
                       "deviation)",
                   {"gamma", "test"},
                   {}};
  table.rows.push_back({"0 (SGD)", with_deviation(accuracies(e.runs[0]))});
  for (const double gamma : e.axes.gammas)
    table.rows.push_back({fmt::format("{:g}", gamma),
                          with_deviation(accuracies(e.runs[setting(e, "exact", gamma, 0)]))});
  return table;
}

StudyPlot epsilon_plot(const Explored& e, const std::string& name) {
  StudyPlot plot{name + "-eps",
                 e.arena.name() + ": test accuracy over eps at gamma = 0.1",
                 "percent, mean over seeds; dotted: 95 % of the mean",
                 "eps",
                 true,
                 false,
                 {}};
  const Vector& x = e.axes.epsilons;
  const auto add = [&](StudyCurve& curve, std::size_t k, bool band) {
    const Vector values = accuracies(e.runs[k]);
    const Interval i = mean_interval(values);
    curve.y.push_back(mean(values));
    if (!band) return;
    curve.low.push_back(i.low);
    curve.high.push_back(i.high);
  };
  for (const auto& [method, shown] : {std::pair("f-gr", "F-GR"), std::pair("b-gr", "B-GR")}) {
    StudyCurve curve{shown, method, x};
    for (const double epsilon : x) add(curve, setting(e, method, 0.1, epsilon), true);
    plot.curves.push_back(curve);
  }
  const Vector ends = {x.front(), x.back()};
  const auto line = [&](const std::string& shown, const char* ink, std::size_t k, bool band) {
    StudyCurve curve{shown, ink, ends};
    for (int end = 0; end < 2; ++end) add(curve, k, band);
    curve.dashed = !band;
    plot.curves.push_back(curve);
  };
  line(fmt::format("exact, chosen gamma {:g}", e.grid[e.chosen[1]].gamma), "exact", e.chosen[1],
       true);
  if (e.grid[e.chosen[1]].gamma != 0.1)
    line("exact, gamma 0.1", "exact", setting(e, "exact", 0.1, 0), false);
  line("SGD", "sgd", 0, false);
  return plot;
}

StudyHeatMap accuracy_map(const Explored& e, const std::string& name, const std::string& method,
                          const std::string& shown) {
  StudyHeatMap map{name + "-" + method,
                   e.arena.name() + ": " + shown,
                   "test accuracy, mean ± standard deviation over seeds",
                   {}};
  map.map.label = map.title;
  map.map.x_title = "eps";
  map.map.y_title = "gamma";
  map.map.percent = true;
  for (const double epsilon : e.axes.epsilons) map.map.x.push_back(fmt::format("{:g}", epsilon));
  map.map.y = {"0 (SGD)"};
  const auto cell = [&](std::size_t k) {
    const Vector percent = accuracies(e.runs[k]);
    map.map.cells.push_back(
        {mean(percent) / 100, standard_deviation(percent) / 100, "diverged", ""});
  };
  for (std::size_t i = 0; i < e.axes.epsilons.size(); ++i) cell(0);
  for (const double gamma : e.axes.gammas) {
    map.map.y.push_back(fmt::format("{:g}", gamma));
    for (const double epsilon : e.axes.epsilons) cell(setting(e, method, gamma, epsilon));
  }
  return map;
}

}  // namespace

Vector accuracies(const std::vector<GeneralizationRun>& seeds) {
  return of_seeds(seeds, [](const GeneralizationRun& run) { return 100 * run.test_accuracy; });
}

void describe(const Explored& e, StudyResult& result) {
  const std::string name = e.arena.model + "-" + e.arena.data;
  result.plots.push_back(epsilon_plot(e, name));
  result.heat_maps.push_back(accuracy_map(e, name, "f-gr", "F-GR"));
  result.heat_maps.push_back(accuracy_map(e, name, "b-gr", "B-GR"));
  result.tables.push_back(accuracy_table(e));
  result.tables.push_back(end_table(e));
  result.tables.push_back(exact_table(e));
  std::size_t diverged = 0, runs = 0;
  for (const auto* trained : {&e.runs, &e.ends})
    for (const std::vector<GeneralizationRun>& seeds : *trained)
      for (const GeneralizationRun& run : seeds) {
        ++runs;
        diverged += std::isnan(run.test_accuracy) ? 1 : 0;
      }
  if (diverged > 0)
    result.remarks.push_back(
        fmt::format("{}: {} of {} runs diverged; a setting of which a seed of the grid diverges is "
                    "never chosen.",
                    e.arena.name(), diverged, runs));
}

}  // namespace twice::experiments
