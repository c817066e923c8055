// Measures points around a model: sizes, costs, and the laws fitted to the points.
#include "experiments/commands/profile/scaling.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "autodiff/threads/threads.h"
#include "experiments/files/words.h"
#include "experiments/measure/noise.h"
#include "experiments/measure/statistics.h"
#include "experiments/measure/steps.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

/// `base` times these factors, as whole numbers of at least 1 without repetitions.
std::vector<Index> multiples(Index base, const std::vector<double>& factors) {
  std::vector<Index> values;
  for (const double factor : factors) {
    const auto value = static_cast<Index>(std::llround(static_cast<double>(base) * factor));
    if (value >= 1 && (values.empty() || value > values.back())) values.push_back(value);
  }
  return values;
}

/// From base / 2^below to base * 2^above in steps of the fourth root of two.
std::vector<Index> fine_range(Index base, int below, int above) {
  std::vector<double> factors;
  for (int quarter = -4 * below; quarter <= 4 * above; ++quarter)
    factors.push_back(std::exp2(quarter / 4.));
  return multiples(base, factors);
}

/// The options with one number changed. `option` is empty for the options as they are.
RunOptions varied(const RunOptions& options, const std::string& option, Index value) {
  Json changed = to_json(options);
  if (!option.empty()) changed[option] = value;
  return run_options(changed);
}

/// Drops the last digits, which contain rounding from the fit of whole numbers.
double rounded(double value) { return std::round(value * 1e9) / 1e9; }

/// A field of each row.
std::vector<double> values_in(const std::vector<Json>& rows, const char* field) {
  std::vector<double> values;
  for (const Json& row : rows) values.push_back(number(row, field));
  return values;
}

/// The row of one method at each point.
std::vector<Json> over_points(const std::vector<Json>& points, std::string_view method) {
  std::vector<Json> rows;
  for (const Json& point : points)
    for (const Json& row : point["methods"])
      if (row["method"] == method) rows.push_back(row);
  return rows;
}

/// The numbers that vary around a model, the examples, and the methods to time.
class Scaling {
 public:
  Scaling(const Problem& problem, const std::string& chosen)
      : options_(problem.options),
        examples_(problem.data.train),
        methods_({&method("sgd"), &method("f-gr"), &method("exact")}) {
    // The steps need not learn anything, and they must not diverge.
    options_.lr = 1e-6;
    if (!holds(methods_, &method(chosen))) methods_.push_back(&method(chosen));
  }

  Json timed_point(const std::string& axis, Index value, double seconds,
                   const std::function<void(double)>& progress) const {
    const Problem problem = problem_at(axis, value);
    Json rows = Json::array();
    for (const StepCost& cost : step_costs(problem, methods_, seconds, progress)) {
      const Spread ms = cost.ms();
      rows.push_back(count_fields(cost));
      rows.back().update({{"method", cost.method},
                          {"ms", ms.median},
                          {"ms_iqr", ms.iqr},
                          {"ms_interval", to_json(median_interval(cost.samples))},
                          {"samples", cost.samples.size()},
                          {"samples_ms", cost.samples}});
    }
    for (Json& row : rows)
      for (const Json& other : rows)
        if (other["method"] == "f-gr")
          add_ratio(row, "ratio_to_f_gr",
                    ratio_in_rounds(numbers(row["samples_ms"]), numbers(other["samples_ms"])));
    return {{"value", value},
            {"model", problem.label()},
            {"L", problem.model.products()},
            {"threads", threads()},
            {"methods", rows}};
  }

  /// Expected milliseconds of a round of steps at another point, extrapolated from the round at the
  /// chosen point.
  double expected_ms(const Json& base, const std::string& axis, Index value) const {
    double ms = 0;
    for (const Json& row : base["methods"])
      ms += number(row, "ms") * (axis == "threads"
                                     ? static_cast<double>(threads()) / static_cast<double>(value)
                                     : counted(problem_at(axis, value), text(row, "method")).flops /
                                           1e9 / number(row, "gflop"));
    return ms;
  }

  /// The products of a step against L, counted at each depth. The counts lie on a straight line.
  /// Its slope and intercept are shown beside the law.
  Json products(const Axis& axis) const {
    Json rows = Json::array();
    for (const Method* m : methods_) {
      std::vector<double> L, products;
      ProductLaw law{};
      bool follows = true;
      for (const Index depth : axis.counted) {
        const Problem problem = problem_at(axis.name, depth);
        law = expected_law(problem, *m);
        L.push_back(problem.model.products());
        products.push_back(counted(problem, m->name).products);
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
                      {"follows_law", law.per_layer == 0 ? Json() : Json(follows)}});
    }
    return rows;
  }

  /// The size at which exact and f-gr cost the same: by counts over a fine range, to the unit, and
  /// by interpolation between the measured points.
  Json crossover(const Axis& axis, const std::vector<Json>& points) const {
    const auto ratio = [&](Index value) {
      const Problem problem = problem_at(axis.name, value);
      return counted(problem, "exact").flops / counted(problem, "f-gr").flops;
    };
    std::vector<double> ratios;
    Json at;
    for (std::size_t i = 0; i < axis.counted.size(); ++i) {
      ratios.push_back(ratio(axis.counted[i]));
      if (i == 0 || !at.is_null() || (ratios[i - 1] < 1) == (ratios[i] < 1)) continue;
      Index before = axis.counted[i - 1], after = axis.counted[i];
      while (after - before > 1) {
        const Index middle = (before + after) / 2;
        ((ratio(middle) < 1) == (ratios[i - 1] < 1) ? before : after) = middle;
      }
      at = after;
    }
    const std::vector<Json> exact = over_points(points, "exact");
    const std::vector<double> measured = values_in(exact, "ratio_to_f_gr"),
                              values = values_in(points, "value");
    Json intervals = Json::array();
    for (const Json& row : exact) intervals.push_back(row["ratio_to_f_gr_interval"]);
    return {{"axis", axis.name},
            {"counted", {{"values", axis.counted}, {"ratio", ratios}, {"at", at}}},
            {"measured",
             {{"values", values},
              {"ratio", measured},
              {"intervals", intervals},
              {"at", first_crossing(values, measured)}}}};
  }

  /// Fits ms = ms_per_gflop * GFLOP + ms_fixed for each method over the points of all axes except
  /// threads.
  Json time_laws(const Json& axes) const {
    std::vector<Json> points;
    Json laws = Json::array();
    for (const Json& axis : axes)
      for (const Json& point : axis["points"])
        // The chosen model is a point of each axis, but counts once.
        if (axis["axis"] != "threads" && (&axis == &axes[0] || point["value"] != axis["base"]))
          points.push_back(point);
    for (const Method* m : methods_) {
      const std::vector<Json> rows = over_points(points, m->name);
      const Line line = fit_line(values_in(rows, "gflop"), values_in(rows, "ms"));
      laws.push_back({{"method", m->name},
                      {"ms_per_gflop", line.slope},
                      {"ms_fixed", line.intercept},
                      {"residual", line.residual},
                      {"worst", line.worst},
                      {"points", rows.size()}});
    }
    return laws;
  }

  /// Fits the time along one axis. In the depth, the fit is a straight line, since every layer adds
  /// its own cost. On other axes, it is a power of the varied number.
  Json fits(const std::string& axis, const std::vector<Json>& points) const {
    Json all = Json::array();
    const std::vector<double> x = values_in(points, "value");
    for (const Method* m : methods_) {
      const std::vector<Json> rows = over_points(points, m->name);
      const std::vector<double> ms = values_in(rows, "ms");
      if (axis == "depth") {
        const Line line = fit_line(x, ms);
        all.push_back({{"method", m->name},
                       {"ms_per_layer", line.slope},
                       {"ms_fixed", line.intercept},
                       {"residual", line.residual}});
      } else {
        const Power power = fit_power(x, ms);
        all.push_back({{"method", m->name},
                       {"exponent", power.exponent},
                       {"gflop_exponent", log_slope(x, values_in(rows, "gflop"))},
                       {"residual", power.residual}});
      }
    }
    return all;
  }

 private:
  Problem problem_at(const std::string& axis, Index value) const {
    return random_problem(varied(options_, axis, value), examples_);
  }

  /// The cost of a step, from its plan alone.
  static StepCounts counted(const Problem& problem, std::string_view name) {
    return planned_cost(problem, method(name)).total;
  }

  RunOptions options_;
  Dataset examples_;
  std::vector<const Method*> methods_;
};

}  // namespace

std::vector<Axis> axes_of(const RunOptions& o) {
  std::vector<Axis> axes;
  if (!o.problem.empty()) return axes;  // its sizes are not options
  if (o.model == "mlp") {
    const Index depth = o.depth.value_or(4), width = o.width.value_or(512);
    axes.push_back({"depth", depth, multiples(depth, {0.5, 1, 1.5, 2}), {}});
    for (Index L = 1; L <= std::max<Index>(8, depth); ++L) axes[0].counted.push_back(L);
    axes.push_back({"width", width, multiples(width, {0.25, 0.5, 1, 2}), fine_range(width, 4, 2)});
  } else {
    if (o.model == "resnet") {
      const Index depth = o.depth.value_or(8);
      axes.push_back({"depth", depth, {8, 14}, {8, 14, 20}});
      for (std::vector<Index>* values : {&axes[0].timed, &axes[0].counted})
        if (depth > values->back()) values->push_back(depth);
    }
    const Index channels = o.channels.value_or(16);
    axes.push_back({"channels", channels, multiples(channels, {0.5, 1, 2}),
                    multiples(channels, {0.25, 0.5, 1, 2, 4})});
  }
  axes.push_back(
      {"batch", o.batch, multiples(o.batch, {0.25, 0.5, 1, 2, 4}), fine_range(o.batch, 6, 4)});
  std::set<Index> counts = {processors(), threads()};
  for (int count = 1; count < processors(); count *= 2) counts.insert(count);
  axes.push_back({"threads", threads(), {counts.begin(), counts.end()}, {}});
  return axes;
}

Json measure_scaling(const Problem& problem, const std::string& chosen, double seconds,
                     const std::function<void(double)>& progress) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const Scaling scaling(problem, chosen);
  const int threads_before = threads();
  const std::vector<Axis> axes = axes_of(problem.options);
  std::size_t left = 1;
  for (const Axis& axis : axes) left += axis.timed.size() - 1;
  const auto share = [&] {
    const double spent = std::chrono::duration<double>(Clock::now() - start).count();
    return std::max(0.02, (seconds - spent) / static_cast<double>(left--));
  };
  Json base = scaling.timed_point("", 0, share(), progress);
  Json record = {
      {"axes", Json::array()}, {"products", Json::array()}, {"crossovers", Json::array()}};
  for (const Axis& axis : axes) {
    std::vector<Json> points;
    std::vector<Index> left_out;
    for (const Index value : axis.timed) {
      if (stop_requested()) return record;
      if (value == axis.base) {
        base["value"] = value;
        points.push_back(base);
        continue;
      }
      const double own = share();
      // A point takes one untimed round and at least five timed rounds.
      if (6e-3 * scaling.expected_ms(base, axis.name, value) > 3 * own) {
        left_out.push_back(value);
        continue;
      }
      if (axis.name == "threads") set_threads(static_cast<int>(value));
      points.push_back(scaling.timed_point(axis.name, value, own, progress));
      set_threads(threads_before);
    }
    if (axis.name == "depth")
      record["products"] = scaling.products(axis);
    else if (axis.name != "threads")
      record["crossovers"].push_back(scaling.crossover(axis, points));
    record["axes"].push_back({{"axis", axis.name},
                              {"base", axis.base},
                              {"points", points},
                              {"left_out", left_out},
                              {"fits", scaling.fits(axis.name, points)}});
  }
  record["laws"] = scaling.time_laws(record["axes"]);
  return record;
}

}  // namespace twice::experiments
