// What the methods cost: products against their laws, where exact is cheaper than F-GR, and what
// the first layer and the activation do to it.
#include <cmath>

#include "experiments/report/table.h"
#include "experiments/studies/cost_run.h"

namespace twice::experiments {

namespace {

/// What is claimed of each method: per_layer L - saved products. Exact's is that of dense layers.
struct Law {
  const char* method;
  int per_layer, saved;
};
constexpr Law laws[] = {
    {"sgd", 3, 1}, {"f-gr", 6, 2}, {"b-gr", 6, 2}, {"exact-naive", 9, 5}, {"exact", 6, 4}};
constexpr const char* inks[] = {"exact", "f-gr", "b-gr", "sgd", "pgn"};
constexpr const char* activations[] = {"relu", "tanh", "gelu"};

const MethodCost& cost_of(const std::vector<MethodCost>& costs, const std::string& method) {
  for (const MethodCost& cost : costs)
    if (cost.method == method) return cost;
  fail("cost", "{} was not measured", method);
}

double flop_ratio(const std::vector<MethodCost>& costs, const char* a, const char* b) {
  return cost_of(costs, a).gflop / cost_of(costs, b).gflop;
}

void check_laws(StudyContext& context, StudyResult& result) {
  std::vector<CostCase> cases;
  for (const char* activation : activations)
    for (int depth = 2; depth <= context.count("max-depth"); depth += depth < 4 ? 1 : 2)
      for (const auto& [width, batch] : {std::pair(32, 8), std::pair(64, 16), std::pair(256, 64)})
        cases.push_back({"mlp", 100, width, depth, batch, activation});
  const std::size_t dense = cases.size();
  for (const char* activation : activations)
    for (const char* model : {"cnn", "resnet"})
      cases.push_back({model, 3072, context.count("channels"), 0, 16, activation});
  const auto found = context.jobs(
      "counting products", cases.size(), static_cast<double>(cases.size()), [&](std::size_t i) {
        context.advance();
        return count_costs(cases[i], cost_methods(), context.flag("rewrite"));
      });

  for (const Law& law : laws) {
    Vector mlps, convolutional;
    const bool exact = std::string(law.method) == "exact";
    const std::string claimed = fmt::format("{}L - {}", law.per_layer, law.saved);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const MethodCost& cost = cost_of(found[i], law.method);
      const bool backward = exact && i >= dense;
      const int lawful = (backward ? 9 : law.per_layer) * cost.layers - (backward ? 5 : law.saved);
      (i < dense ? mlps : convolutional).push_back(cost.products - lawful);
    }
    result.claims.push_back(on_all(fmt::format("mlp, batch a quarter of the width: full-size "
                                               "products of {} minus {}",
                                               law.method, claimed),
                                   mlps, {0, 0}));
    result.claims.push_back(on_all(fmt::format("cnn and resnet: full-size products of {} "
                                               "minus {}",
                                               law.method, exact ? "9L - 5" : claimed),
                                   convolutional, {exact ? -3.0 : 0.0, 0}));
  }
  StudyTable table{
      "Products of a step, counted (in brackets: smaller ones beside them)", {"network", "L"}, {}};
  for (const std::string& name : cost_methods()) table.headings.push_back(name);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].activation != "relu" || (i < dense && cases[i].size != 256)) continue;
    std::vector<std::string> row = {cases[i].name(), std::to_string(found[i][0].layers)};
    for (const MethodCost& cost : found[i])
      row.push_back(cost.small_products == 0
                        ? std::to_string(cost.products)
                        : fmt::format("{} ({})", cost.products, cost.small_products));
    table.rows.push_back(row);
  }
  result.tables.push_back(table);
}

void count_crossover(StudyContext& context, StudyResult& result) {
  const Index width = context.count("width");
  const Vector shares = batch_shares(4);
  const std::vector<std::pair<Index, int>> shapes = {
      {784, 3}, {784, 4}, {784, 8}, {3072, 4}, {width, 16}};
  const std::size_t count = shapes.size() * shares.size();
  const auto found = context.jobs(
      "counting over the batch", count, static_cast<double>(count), [&](std::size_t i) {
        const auto [inputs, depth] = shapes[i / shares.size()];
        context.advance();
        return count_costs(
            {"mlp", inputs, width, depth,
             static_cast<int>(std::lround(shares[i % shares.size()] * static_cast<double>(width)))},
            {"f-gr", "exact"}, context.flag("rewrite"));
      });
  StudyPlot plot{"crossover-flop",
                 fmt::format("Exact over F-GR in FLOPs, mlps of width {}", width),
                 "FLOPs of a step, exact / F-GR; below 1 exact is cheaper",
                 "batch / width",
                 true,
                 false,
                 {}};
  Vector crossings, eighth;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    StudyCurve curve{fmt::format("{} inputs, {} layers", shapes[k].first, shapes[k].second),
                     inks[k], shares};
    for (std::size_t i = 0; i < shares.size(); ++i)
      curve.y.push_back(flop_ratio(found[k * shares.size() + i], "exact", "f-gr"));
    crossings.push_back(crossing(curve.x, curve.y));
    if (shapes[k].second <= 8) eighth.push_back(curve.y[8]);  // shares[8] = 1/8
    plot.curves.push_back(curve);
  }
  result.plots.push_back(plot);
  result.claims.push_back(
      on_all("mlps of 3 to 8 layers, batch an eighth of the width: FLOPs, exact / F-GR", eighth,
             at_most(1)));
  result.claims.push_back(
      on_all("mlps of 3 to 16 layers: batch / width up to which exact takes fewer FLOPs than F-GR",
             crossings, at_least(0.25), Weight::limit));
}

void count_first_layer(StudyContext& context, StudyResult& result) {
  const std::vector<Index> inputs = {64, 784, 3072};
  const Vector depths = {2, 3, 4, 6, 8, 16};
  const int width = context.count("width");
  const std::size_t count = inputs.size() * depths.size();
  const auto found = context.jobs(
      "counting over the depth", count, static_cast<double>(count), [&](std::size_t i) {
        context.advance();
        return count_costs({"mlp", inputs[i / depths.size()], width,
                            static_cast<int>(depths[i % depths.size()]), width / 4},
                           {"f-gr", "exact-naive"}, true);
      });
  StudyPlot plot{"first-layer",
                 "Double backpropagation over F-GR in FLOPs",
                 fmt::format("exact-naive / F-GR; mlps of width {}, batch {}", width, width / 4),
                 "layers",
                 true,
                 false,
                 {}};
  Vector shallow, deep;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    StudyCurve curve{fmt::format("{} inputs", inputs[k]), inks[k], depths};
    for (std::size_t i = 0; i < depths.size(); ++i) {
      curve.y.push_back(flop_ratio(found[k * depths.size() + i], "exact-naive", "f-gr"));
      if (inputs[k] == 3072 && depths[i] <= 4) shallow.push_back(curve.y.back());
      if (inputs[k] == 64 && depths[i] == 16) deep.push_back(curve.y.back());
    }
    plot.curves.push_back(curve);
  }
  result.plots.push_back(plot);
  result.claims.push_back(on_all(
      fmt::format("width {}, 2 to 4 layers on 3072 inputs: FLOPs, exact-naive / F-GR", width),
      shallow, at_most(1.2)));
  result.claims.push_back(
      on_all(fmt::format("width {}, 16 layers on 64 inputs: FLOPs, exact-naive / F-GR", width),
             deep, {1.4, 1.5}));
}

void time_crossover(StudyContext& context, StudyResult& result) {
  const Index width = context.count("width");
  const int rounds = context.count("rounds");
  const double seconds = context.number("seconds");
  const Vector shares = batch_shares(1);
  const std::size_t count = static_cast<std::size_t>(rounds) * shares.size();
  const auto found = context.jobs_in_turn(
      "timing over the batch", count, static_cast<double>(count) * seconds, [&](std::size_t i) {
        const auto batch =
            static_cast<int>(std::max(1.0, shares[i % shares.size()] * static_cast<double>(width)));
        return time_costs(context, {"mlp", 784, width, 4, static_cast<int>(batch)},
                          {"f-gr", "exact"}, seconds, context.flag("rewrite"));
      });
  StudyCurve curve{"mean of the rounds", "exact", shares};
  std::vector<Vector> by_round(static_cast<std::size_t>(rounds));
  Vector crossings, eighth;
  for (std::size_t k = 0; k < shares.size(); ++k) {
    Vector ratios;
    for (std::size_t r = 0; r < by_round.size(); ++r) {
      const std::vector<MethodCost>& costs = found[r * shares.size() + k];
      ratios.push_back(costs[1].ms / costs[0].ms);
      by_round[r].push_back(ratios.back());
    }
    const Interval i = mean_interval(ratios);
    curve.y.push_back(mean(ratios));
    curve.low.push_back(i.low);
    curve.high.push_back(i.high);
    if (shares[k] == 0.125) eighth = ratios;
  }
  for (const Vector& ratios : by_round) crossings.push_back(crossing(shares, ratios));
  result.plots.push_back({"crossover-time",
                          fmt::format("Exact over F-GR in time, mlp 784-{}x4", width),
                          "time of a step, exact / F-GR; dotted: 95 % of the mean of the rounds",
                          "batch / width",
                          true,
                          false,
                          {curve}});
  result.claims.push_back(on_mean("mlp, batch an eighth of the width: time, exact / F-GR", eighth,
                                  at_most(1), Weight::limit));
  result.claims.back().uncertainty = fmt::format("95 % for the mean of {} rounds", rounds);
  result.claims.push_back(
      on_all("mlp: batch / width up to which exact is faster than F-GR, each round (at most 2)",
             crossings, at_least(0.125), Weight::limit));
}

void time_models(StudyContext& context, StudyResult& result) {
  const Index width = context.count("width"), channels = context.count("channels");
  const int batch = static_cast<int>(width) / 4;
  const double seconds = 2 * context.number("seconds");
  std::vector<CostCase> cases;
  for (const char* activation : activations)
    cases.push_back({"mlp", 784, width, 4, batch, activation});
  cases.push_back({"mlp", 784, width, 8, batch});
  cases.push_back({"mlp", 784, width, 4, static_cast<int>(width)});
  cases.push_back({"mlp", 784, width / 2, 4, batch});
  cases.push_back({"mlp", 3072, width, 3, batch});
  for (const char* activation : {"relu", "gelu"})
    cases.push_back({"cnn", 3072, channels, 0, 32, activation});
  cases.push_back({"resnet", 3072, channels, 0, 32});
  const auto found = context.jobs_in_turn(
      "timing models", cases.size(), static_cast<double>(cases.size()) * seconds,
      [&](std::size_t i) {
        return time_costs(context, cases[i], cost_methods(), seconds, context.flag("rewrite"));
      });
  StudyTable table{
      "A step: time (median, and the width of the middle half of the steps, methods in turn), "
      "FLOPs, memory",
      {"network", "method", "ms", "spread", "over sgd", "over F-GR", "products", "GFLOP", "MiB"},
      {}};
  for (std::size_t i = 0; i < cases.size(); ++i)
    for (const MethodCost& cost : found[i])
      table.rows.push_back(
          {cases[i].name(), cost.method, format_number(cost.ms), format_number(cost.spread),
           format_ratio(cost.ms / cost_of(found[i], "sgd").ms),
           format_ratio(cost.ms / cost_of(found[i], "f-gr").ms), std::to_string(cost.products),
           format_number(cost.gflop), format_number(cost.mib)});
  result.tables.push_back(table);
  Vector convolutional;
  for (std::size_t i = 0; i < cases.size(); ++i)
    if (cases[i].model != "mlp") convolutional.push_back(flop_ratio(found[i], "exact", "f-gr"));
  result.claims.push_back(
      on_all("cnn and resnet: exact is not cheaper than F-GR, and at most 1.5 times (FLOPs)",
             convolutional, {1, 1.5}));
}

StudyResult run(StudyContext& context) {
  StudyResult result;
  result.setup = {
      "Products, FLOPs and memory are counted from the program: they have no uncertainty. L: "
      "linear "
      "layers and convolutions. Full-size: not put by the planner in the place of a larger "
      "product.",
      fmt::format("Laws: mlps of 2 to {} layers, widths 32, 64 and 256, relu, tanh and gelu, batch "
                  "width / 4; cnn and resnet of {} channels on 32x32x3.",
                  context.count("max-depth"), context.count("channels")),
      fmt::format("Crossover: width {}, batch from 1/32 to twice the width; in time from {} rounds "
                  "of {} s a batch size, float32, random images, methods in turn.",
                  context.count("width"), context.count("rounds"), context.number("seconds")),
      "exact-naive: double backpropagation, planned without the passes that rewrite products."};
  check_laws(context, result);
  count_crossover(context, result);
  count_first_layer(context, result);
  time_crossover(context, result);
  time_models(context, result);
  result.remarks = {
      "Claims on times are of one machine at one time; their intervals do not cover other "
      "machines.",
      "FLOPs are not time: small products and elementwise work run slower than large products."};
  return result;
}

}  // namespace

Study cost_study() {
  return {
      "cost",
      "products, FLOPs, time and memory of every method; where exact is cheaper than F-GR",
      "A step takes 3L - 1 products for the gradient, 6L - 2 for F-GR and B-GR, 9L - 5 for "
      "double backpropagation as it is written; planned, exact takes 6L - 4 of full size on "
      "mlps whose batch is well under their width, and is then cheaper than F-GR. On "
      "convolutional networks exact keeps 9L - 5.",
      "That double backpropagation takes 9L against 6L: Karakida et al., ICML 2023, as reported "
      "by other sources. The constants, and 6L - 4, are this project's.",
      "1 min",
      "10 min",
      "Larger --width and --channels, more --rounds and --seconds; more cores move the "
      "crossover in time.",
      {{"width", "of the mlps that are timed", 256, 512, 32, 8192, true},
       {"channels", "of cnn and resnet", 4, 8, 1, 4096, true},
       {"max-depth", "layers of the deepest mlp whose products are counted", 8, 16, 2, 1000, true},
       {"rounds", "repetitions of the timed crossover", 3, 10, 2, 1000, true},
       {"seconds", "of timing for a batch size; twice that for a model", 0.4, 6, 0.01, 1e4, false},
       {"rewrite", "1: the planner may rewrite products; 0: it may not", 1, 1, 0, 1, true}},
      run};
}

}  // namespace twice::experiments
