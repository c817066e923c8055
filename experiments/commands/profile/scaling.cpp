// Points around a model: which ones, what they cost, and what law they follow.
#include "experiments/commands/profile/scaling.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "autodiff/threads/threads.h"
#include "experiments/commands/profile/scaling_axes.h"
#include "experiments/measure/fit.h"
#include "experiments/measure/statistics.h"
#include "experiments/measure/steps.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

/// What is varied, on what numbers, and whose steps are timed.
struct Setup {
  RunOptions options;
  Examples examples;
  std::vector<const Method*> methods;
};

Setup setup_of(const Problem& problem, const std::string& chosen) {
  const Shape& images = problem.data.train.images.shape();
  Setup setup{problem.options,
              {{images[1], images[2], images[3]}, problem.data.train.classes},
              {&method("sgd"), &method("f-gr"), &method("exact")}};
  // Nothing is learnt here, and nothing may diverge.
  setup.options.lr = 1e-6;
  if (std::ranges::find(setup.methods, &method(chosen)) == setup.methods.end())
    setup.methods.push_back(&method(chosen));
  return setup;
}

/// What a step would cost, from its plan alone.
Cost counted(const Setup& setup, const RunOptions& options, const Method& m) {
  const Problem problem = random_problem(options, setup.examples);
  ModelState state{{}, problem.model.initial_buffers(options.number_type())};
  for (const ParameterInfo& parameter : problem.model.parameter_info())
    state.parameters.emplace_back(parameter.shape, options.number_type());
  const RecordedStep step = record_step(problem, m, state);
  return ledger(plan_step(step, options, m).program()).total();
}

double exact_over_f_gr(const Setup& setup, const std::string& axis, Index value) {
  const RunOptions options = varied(setup.options, axis, value);
  return counted(setup, options, method("exact")).flops /
         counted(setup, options, method("f-gr")).flops;
}

Json timed_point(const Setup& setup, const std::string& axis, Index value, double seconds,
                 const std::function<void(double)>& progress) {
  const RunOptions options = varied(setup.options, axis, value);
  const Problem problem = random_problem(options, setup.examples);
  Json rows = Json::array();
  for (const StepCost& cost : step_costs(problem, setup.methods, seconds, progress)) {
    const Cost total = cost.ledger.total();
    rows.push_back({{"method", cost.method},
                    {"ms", cost.ms},
                    {"ms_iqr", cost.ms_spread},
                    {"samples", cost.samples},
                    {"gflop", total.flops / 1e9},
                    {"products", total.products},
                    {"small_products", total.small_products},
                    {"peak_mib", cost.peak_mib}});
  }
  return {{"value", value},
          {"model", problem.label()},
          {"L", problem.model.products()},
          {"threads", threads()},
          {"methods", rows}};
}

/// A field of one method over points.
std::vector<double> over_points(const Json& points, std::string_view name, const char* field) {
  std::vector<double> values;
  for (const Json& point : points)
    for (const Json& row : point["methods"])
      if (row["method"] == name) values.push_back(number(row, field));
  return values;
}

std::vector<double> values_of(const Json& points) {
  std::vector<double> values;
  for (const Json& point : points) values.push_back(number(point, "value"));
  return values;
}

/// Without the last digits, which the fit of whole numbers rounds.
double rounded(double value) { return std::round(value * 1e9) / 1e9; }

/// The products of a step against L, counted at each depth: a straight line, whose slope and
/// intercept stand beside the law.
Json products_rows(const Setup& setup, const Axis& axis) {
  Json rows = Json::array();
  for (const Method* m : setup.methods) {
    std::vector<double> L, products;
    ProductLaw law{};
    bool follows = true;
    for (const Index depth : axis.counted) {
      const RunOptions options = varied(setup.options, axis.name, depth);
      const Problem problem = random_problem(options, setup.examples);
      law = expected_law(problem, *m);
      L.push_back(problem.model.products());
      products.push_back(counted(setup, options, *m).products);
      follows = follows && products.back() == law.products(problem.model.products());
    }
    const Line line = fit_line(L, products);
    rows.push_back({{"method", m->name},
                    {"L", L},
                    {"products", products},
                    {"slope", rounded(line.slope)},
                    {"intercept", rounded(line.intercept)},
                    {"straight", line.worst < 1e-9},
                    {"law", str(law)},
                    {"follows_law", follows}});
  }
  return rows;
}

/// Where exact and f-gr cost the same: by counts over a fine range, to the unit, and between the
/// measured points.
Json crossover(const Setup& setup, const Axis& axis, const Json& points) {
  std::vector<double> ratios;
  Json at;
  for (std::size_t i = 0; i < axis.counted.size(); ++i) {
    ratios.push_back(exact_over_f_gr(setup, axis.name, axis.counted[i]));
    if (i == 0 || !at.is_null() || (ratios[i - 1] < 1) == (ratios[i] < 1)) continue;
    Index before = axis.counted[i - 1], after = axis.counted[i];
    while (after - before > 1) {
      const Index middle = (before + after) / 2;
      ((exact_over_f_gr(setup, axis.name, middle) < 1) == (ratios[i - 1] < 1) ? before : after) =
          middle;
    }
    at = after;
  }
  std::vector<double> measured = over_points(points, "exact", "ms");
  const std::vector<double> f_gr = over_points(points, "f-gr", "ms");
  for (std::size_t i = 0; i < measured.size(); ++i) measured[i] /= f_gr[i];
  const std::vector<double> values = values_of(points);
  const double measured_at = first_crossing(values, measured);
  return {{"axis", axis.name},
          {"counted", {{"values", axis.counted}, {"ratio", ratios}, {"at", at}}},
          {"measured",
           {{"values", values},
            {"ratio", measured},
            {"at", std::isfinite(measured_at) ? Json(measured_at) : Json()}}}};
}

/// ms = ms_per_gflop * GFLOP + ms_fixed of each method over the points of all axes but threads.
Json time_laws(const Setup& setup, const Json& axes) {
  Json laws = Json::array();
  for (const Method* m : setup.methods) {
    std::vector<double> gflop, ms;
    for (const Json& axis : axes) {
      if (axis["axis"] == threads_axis) continue;
      Json points = axis["points"];
      // The chosen model is a point of each axis, and counts once.
      if (&axis != &axes[0])
        std::erase_if(points.elements(),
                      [&](const Json& point) { return point["value"] == axis["base"]; });
      for (const double value : over_points(points, m->name, "gflop")) gflop.push_back(value);
      for (const double value : over_points(points, m->name, "ms")) ms.push_back(value);
    }
    const Line line = fit_line(gflop, ms);
    laws.push_back({{"method", m->name},
                    {"ms_per_gflop", line.slope},
                    {"ms_fixed", line.intercept},
                    {"residual", line.residual},
                    {"worst", line.worst},
                    {"points", ms.size()}});
  }
  return laws;
}

/// Time along one axis: a straight line in the depth, since every layer adds its own cost, else a
/// power of the number that is varied.
Json fits(const Setup& setup, const std::string& axis, const Json& points) {
  Json rows = Json::array();
  for (const Method* m : setup.methods) {
    const std::vector<double> x = values_of(points), ms = over_points(points, m->name, "ms");
    if (axis == "depth") {
      const Line line = fit_line(x, ms);
      rows.push_back({{"method", m->name},
                      {"ms_per_layer", line.slope},
                      {"ms_fixed", line.intercept},
                      {"residual", line.residual}});
    } else {
      const Power power = fit_power(x, ms);
      rows.push_back({{"method", m->name},
                      {"exponent", power.exponent},
                      {"gflop_exponent", log_slope(x, over_points(points, m->name, "gflop"))},
                      {"residual", power.residual}});
    }
  }
  return rows;
}

/// A round of steps at another point, judged by the round at the chosen one.
double expected_ms(const Setup& setup, const Json& base, const std::string& axis, Index value) {
  double ms = 0;
  for (std::size_t i = 0; i < setup.methods.size(); ++i) {
    const Json& row = base["methods"][i];
    const RunOptions options = varied(setup.options, axis, value);
    ms += number(row, "ms") *
          (axis == threads_axis
               ? static_cast<double>(threads()) / static_cast<double>(value)
               : counted(setup, options, *setup.methods[i]).flops / 1e9 / number(row, "gflop"));
  }
  return ms;
}

}  // namespace

Json measure_scaling(const Problem& problem, const std::string& chosen, double seconds,
                     const std::function<void(double)>& progress) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const Setup setup = setup_of(problem, chosen);
  const int threads_before = threads();
  const std::vector<Axis> axes = axes_of(setup.options);
  std::size_t left = 1;
  for (const Axis& axis : axes) left += axis.timed.size() - 1;
  const auto share = [&] {
    const double spent = std::chrono::duration<double>(Clock::now() - start).count();
    return std::max(0.02, (seconds - spent) / static_cast<double>(left--));
  };
  Json base = timed_point(setup, "", 0, share(), progress);
  Json record = {
      {"axes", Json::array()}, {"products", Json::array()}, {"crossovers", Json::array()}};
  for (const Axis& axis : axes) {
    Json points = Json::array(), left_out = Json::array();
    for (const Index value : axis.timed) {
      if (stop_requested()) return record;
      if (value == axis.base) {
        base["value"] = value;
        points.push_back(base);
        continue;
      }
      const double own = share();
      // The first steps, which are not timed, and at least five rounds.
      if (6e-3 * expected_ms(setup, base, axis.name, value) > 3 * own) {
        left_out.push_back(value);
        continue;
      }
      if (axis.name == threads_axis) set_threads(static_cast<int>(value));
      points.push_back(timed_point(setup, axis.name, value, own, progress));
      set_threads(threads_before);
    }
    if (axis.name == "depth") record["products"] = products_rows(setup, axis);
    if (axis.name != "depth" && axis.name != threads_axis)
      record["crossovers"].push_back(crossover(setup, axis, points));
    record["axes"].push_back({{"axis", axis.name},
                              {"base", axis.base},
                              {"points", points},
                              {"left_out", left_out},
                              {"fits", fits(setup, axis.name, points)}});
  }
  record["laws"] = time_laws(setup, record["axes"]);
  return record;
}

}  // namespace twice::experiments
