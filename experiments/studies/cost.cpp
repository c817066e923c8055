// The cost of the methods: products compared with their laws, the sizes at which exact is cheaper
// than F-GR, and the effect of the first layer and of the activation.
#include <cmath>

#include "experiments/measure/steps.h"
#include "experiments/report/table.h"
#include "experiments/studies/problems.h"

namespace twice::experiments {

namespace {

using Names = std::vector<std::string>;
const Names all_methods = {"sgd", "f-gr", "b-gr", "c-gr", "exact-naive", "exact"};

/// The claim for each method: per_layer L - saved products. The claim for exact applies to dense
/// layers.
struct Law {
  std::string method;
  int per_layer, saved;
};
const Law laws[] = {
    {"sgd", 3, 1}, {"f-gr", 6, 2}, {"b-gr", 6, 2}, {"exact-naive", 9, 5}, {"exact", 6, 4}};
constexpr const char* inks[] = {"exact", "f-gr", "b-gr", "sgd", "pgn"};
constexpr const char* activations[] = {"relu", "tanh", "gelu"};

/// A model and a batch. An mlp has `size` units in each layer; a cnn or resnet has `size` channels.
struct CostCase {
  std::string model;
  Index inputs, size;
  int depth, batch;
  std::string activation = "relu";

  /// `mlp 784-512x4, batch 128, relu`
  std::string name() const {
    const std::string shape = model == "mlp" ? fmt::format("{}-{}x{}", inputs, size, depth)
                                             : fmt::format("{} channels", size);
    return fmt::format("{} {}, batch {}, {}", model, shape, batch, activation);
  }
};

/// Measures one case. The result holds `layers` and, for each method, the counts of its program,
/// such as `exact products`: `products`, `small products`, `gflop` and `mib`. If `seconds` is above
/// 0, the methods' steps are timed in turn on random images for this long in all, and the result
/// also holds `ms` (the median) and `spread`. If `rewrite` is false, the passes that rewrite
/// products do not run.
Measured costs(StudyContext& context, const CostCase& c, const Names& methods, bool rewrite,
               double seconds = 0) {
  RunOptions options;
  options.model = c.model;
  if (c.model == "mlp") {
    options.width = c.size;
    options.depth = c.depth;
  } else {
    options.channels = c.size;
  }
  options.activation = c.activation;
  options.batch = c.batch;
  if (!rewrite) options.without = {"accumulate", "gram", "reassociate"};
  complete(options, {"sgd"});
  const Shape image = c.model == "mlp" ? Shape{1, 1, c.inputs} : Shape{32, 32, 3};
  const Problem problem = random_problem(options, image_examples(image, 10));

  std::vector<StepCost> steps;
  if (seconds > 0) {
    std::vector<const Method*> list;
    for (const std::string& name : methods) list.push_back(&method(name));
    steps = step_costs(problem, list, seconds, [&](double passed) { context.advance(passed); });
    context.advance(0);  // a stop ends the timing early, and incomplete numbers must not be used
  } else {
    for (const std::string& name : methods) steps.push_back(planned_cost(problem, method(name)));
    context.advance();
  }
  Measured result = {{"layers", {static_cast<double>(problem.model.products())}}};
  for (const StepCost& step : steps) {
    const StepCounts& total = step.total;
    const Spread ms = step.ms();
    result[step.method + " products"] = {total.products};
    result[step.method + " small products"] = {total.small_products};
    result[step.method + " gflop"] = {total.flops / 1e9};
    result[step.method + " mib"] = {step.peak_mib};
    result[step.method + " ms"] = {ms.median};
    result[step.method + " spread"] = {ms.iqr};
  }
  return result;
}

/// A number of one method's step, divided by that of another.
double ratio(const Measured& m, const char* a, const char* b, const std::string& number) {
  return m.at(a + (" " + number))[0] / m.at(b + (" " + number))[0];
}

/// Batches as fractions of the width, from 1/32 to 2 in steps of a factor 2^(1/parts).
Vector batch_shares(int parts) {
  Vector shares;
  for (int i = -5 * parts; i <= parts; ++i) shares.push_back(std::pow(2, i / double(parts)));
  return shares;
}

/// Job numbers from 0, used in the place of seeds.
std::vector<std::uint64_t> numbers(std::size_t count) {
  std::vector<std::uint64_t> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = i;
  return result;
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
  const Repeated found = context.jobs(
      "counting products", 1, numbers(cases.size()), 1, [&](std::size_t, std::uint64_t i) {
        return costs(context, cases[i], all_methods, context.flag("rewrite"));
      })[0];

  for (const auto& [name, per_layer, saved] : laws) {
    Vector mlps, convolutional;
    const bool exact = name == "exact";
    const std::string claimed = fmt::format("{}L - {}", per_layer, saved);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const double products = found[i].at(name + " products")[0], layers = found[i].at("layers")[0];
      const double law = exact && i >= dense ? 9 * layers - 5 : per_layer * layers - saved;
      (i < dense ? mlps : convolutional).push_back(products - law);
    }
    result.claim(
        {on_all(fmt::format("mlp, batch a quarter of the width: full-size products of {} minus {}",
                            name, claimed),
                mlps, {0, 0}),
         on_all(fmt::format("cnn and resnet: full-size products of {} minus {}", name,
                            exact ? "9L - 5" : claimed),
                convolutional, {exact ? -3.0 : 0.0, 0})});
  }
  StudyTable table{"Products of a step (small products in brackets)", {"network", "L"}};
  for (const std::string& name : all_methods) table.headings.push_back(name);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].activation != "relu" || (i < dense && cases[i].size != 256)) continue;
    std::vector<std::string> row = {cases[i].name(), show(found[i].at("layers")[0])};
    for (const std::string& name : all_methods) {
      const double small = found[i].at(name + " small products")[0];
      row.push_back(show(found[i].at(name + " products")[0]) +
                    (small == 0 ? "" : fmt::format(" ({})", small)));
    }
    table.rows.push_back(row);
  }
  result.tables.push_back(table);
}

void count_crossover(StudyContext& context, StudyResult& result) {
  const Index width = context.count("width");
  const Vector shares = batch_shares(4);
  const std::vector<std::pair<Index, int>> shapes = {
      {784, 3}, {784, 4}, {784, 8}, {3072, 4}, {width, 16}};
  const std::vector<Repeated> found = context.jobs(
      "counting over the batch", shapes.size(), numbers(shares.size()), 1,
      [&](std::size_t k, std::uint64_t i) {
        const auto batch = static_cast<int>(std::lround(shares[i] * static_cast<double>(width)));
        return costs(context, {"mlp", shapes[k].first, width, shapes[k].second, batch},
                     {"f-gr", "exact"}, context.flag("rewrite"));
      });
  StudyPlot plot{.name = "crossover-flop",
                 .title = "Exact over F-GR in FLOPs, mlps of width {width}",
                 .y_title = "FLOPs of a step, exact / F-GR; below 1 exact is cheaper",
                 .x_title = "batch / width",
                 .log_x = true};
  Vector crossings, eighth;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    StudyCurve curve{fmt::format("{} inputs, {} layers", shapes[k].first, shapes[k].second),
                     inks[k], shares};
    for (const Measured& m : found[k]) curve.y.push_back(ratio(m, "exact", "f-gr", "gflop"));
    crossings.push_back(crossing(curve.x, curve.y));
    if (shapes[k].second <= 8) eighth.push_back(curve.y[8]);  // shares[8] = 1/8
    plot.curves.push_back(curve);
  }
  result.plots.push_back(plot);
  result.claim(
      {on_all("mlps of 3 to 8 layers, batch an eighth of the width: FLOPs, exact / F-GR", eighth,
              at_most(1)),
       on_all("mlps of 3 to 16 layers: batch / width up to which exact takes fewer FLOPs than F-GR",
              crossings, at_least(0.25), Weight::limit)});
}

void count_first_layer(StudyContext& context, StudyResult& result) {
  const std::vector<Index> inputs = {64, 784, 3072};
  const Vector depths = {2, 3, 4, 6, 8, 16};
  const int width = context.count("width");
  const std::vector<Repeated> found = context.jobs(
      "counting over the depth", inputs.size(), numbers(depths.size()), 1,
      [&](std::size_t k, std::uint64_t i) {
        return costs(context, {"mlp", inputs[k], width, static_cast<int>(depths[i]), width / 4},
                     {"f-gr", "exact-naive"}, true);
      });
  StudyPlot plot{
      .name = "first-layer",
      .title = "Double backpropagation over F-GR in FLOPs",
      .y_title = fmt::format("exact-naive / F-GR; mlps of width {}, batch {}", width, width / 4),
      .x_title = "layers",
      .log_x = true};
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    plot.curves.push_back({fmt::format("{} inputs", inputs[k]), inks[k], depths});
    for (const Measured& m : found[k])
      plot.curves[k].y.push_back(ratio(m, "exact-naive", "f-gr", "gflop"));
  }
  const Vector &narrow = plot.curves[0].y, &wide = plot.curves[2].y;
  result.plots.push_back(plot);
  result.claim({on_all("width {width}, 2 to 4 layers on 3072 inputs: FLOPs, exact-naive / F-GR",
                       Vector(wide.begin(), wide.begin() + 3), at_most(1.2)),
                on_all("width {width}, 16 layers on 64 inputs: FLOPs, exact-naive / F-GR",
                       {narrow.back()}, {1.4, 1.5})});
}

void time_crossover(StudyContext& context, StudyResult& result) {
  const double width = context.number("width"), seconds = context.number("seconds");
  const Vector shares = batch_shares(1);
  const std::vector<Repeated> rounds = context.jobs(
      "timing over the batch", static_cast<std::size_t>(context.count("rounds")),
      numbers(shares.size()), seconds,
      [&](std::size_t, std::uint64_t i) {
        const auto batch = static_cast<int>(std::max(1.0, shares[i] * width));
        return costs(context, {"mlp", 784, context.count("width"), 4, batch}, {"f-gr", "exact"},
                     context.flag("rewrite"), seconds);
      },
      StudyContext::Order::in_turn);
  const auto of_rounds = [&](std::size_t share) {
    Vector found;
    for (const Repeated& round : rounds)
      found.push_back(ratio(round[share], "exact", "f-gr", "ms"));
    return found;
  };
  Vector crossings;
  for (const Repeated& round : rounds) {
    Vector along;
    for (const Measured& m : round) along.push_back(ratio(m, "exact", "f-gr", "ms"));
    crossings.push_back(crossing(shares, along));
  }
  result.plots.push_back(
      {.name = "crossover-time",
       .title = "Exact over F-GR in time, mlp 784-{width}x4",
       .y_title = "time of a step, exact / F-GR; shaded: 95 % interval of the mean over the rounds",
       .x_title = "batch / width",
       .log_x = true,
       .curves = {mean_curve("mean of the rounds", "exact", shares, Shown::mean_and_interval,
                             of_rounds)}});
  Claim eighth = on_mean("mlp, batch an eighth of the width: time, exact / F-GR", of_rounds(2),
                         at_most(1), Weight::limit);  // shares[2] = 1/8
  eighth.uncertainty = "95 % for the mean of {rounds} rounds";
  result.claim(
      {eighth,
       on_all("mlp: batch / width up to which exact is faster than F-GR, each round (at most 2)",
              crossings, at_least(0.125), Weight::limit)});
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
  const Repeated found = context.jobs(
      "timing models", 1, numbers(cases.size()), seconds,
      [&](std::size_t, std::uint64_t i) {
        return costs(context, cases[i], all_methods, context.flag("rewrite"), seconds);
      },
      StudyContext::Order::in_turn)[0];
  StudyTable table{
      "A step: time (median and interquartile range, methods in turn), FLOPs, memory",
      {"network", "method", "ms", "spread", "over sgd", "over F-GR", "products", "GFLOP", "MiB"}};
  Vector convolutional;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (const std::string& name : all_methods) {
      const auto of = [&](const char* number) { return found[i].at(name + " " + number)[0]; };
      table.rows.push_back(
          {cases[i].name(), name, format_number(of("ms")), format_number(of("spread")),
           format_ratio(ratio(found[i], name.c_str(), "sgd", "ms")),
           format_ratio(ratio(found[i], name.c_str(), "f-gr", "ms")), show(of("products")),
           format_number(of("gflop")), format_number(of("mib"))});
    }
    if (cases[i].model != "mlp") convolutional.push_back(ratio(found[i], "exact", "f-gr", "gflop"));
  }
  result.tables.push_back(table);
  result.claim({on_all("cnn and resnet: FLOPs, exact / F-GR", convolutional, {1, 1.5})});
}

void run(StudyContext& context, StudyResult& result) {
  check_laws(context, result);
  count_crossover(context, result);
  count_first_layer(context, result);
  time_crossover(context, result);
  time_models(context, result);
}

}  // namespace

Study cost_study() {
  return {
      "cost",
      "products, FLOPs, time and memory of every method; where exact is cheaper than F-GR",
      "A step takes 3L - 1 products for the gradient, 6L - 2 for F-GR and B-GR, and 9L - 5 for "
      "double backpropagation as written. On mlps whose batch is well below the width, the planner "
      "reduces exact to 6L - 4 products of full size, which makes exact cheaper than F-GR. On "
      "convolutional networks exact keeps 9L - 5.",
      "Karakida et al., ICML 2023, as reported by other sources, for the 9L products of double "
      "backpropagation against 6L. The constants, and 6L - 4, are results of this project.",
      "1 min",
      "10 min",
      "Larger --width and --channels, more --rounds and --seconds; more cores move the "
      "crossover in time.",
      {{"width", "width of the timed mlps", 256, 512, 32, 8192, true},
       {"channels", "channels of cnn and resnet", 4, 8, 1, 4096, true},
       {"max-depth", "layers of the deepest mlp whose products are counted", 8, 16, 2, 1000, true},
       {"rounds", "repetitions of the timed crossover", 3, 10, 2, 1000, true},
       {"seconds", "timing of each batch size; each model takes twice as long", 0.4, 6, 0.01, 1e4,
        false},
       {"rewrite", "1: the planner may rewrite products; 0: it may not", 1, 1, 0, 1, true}},
      {"Products, FLOPs and memory are counted from the program and have no uncertainty. L is the "
       "number of linear layers and convolutions. A product is of full size unless the planner put "
       "it in the place of a larger product.",
       "Laws: mlps of 2 to {max-depth} layers, widths 32, 64 and 256, relu, tanh and gelu, batch "
       "width / 4; cnn and resnet of {channels} channels on 32x32x3.",
       "Crossover: width {width}, batch from 1/32 to twice the width. Times are from {rounds} "
       "rounds of {seconds} s for each batch size, in float32 on random images, with the methods "
       "in turn.",
       "exact-naive: double backpropagation, planned without the passes that rewrite products."},
      {"Claims about times hold for one machine at one time. Their intervals do not cover other "
       "machines.",
       "FLOPs are not time: small products and elementwise work run slower than large products."},
      run};
}

}  // namespace twice::experiments
