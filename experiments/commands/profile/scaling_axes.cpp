// The ranges of a model's numbers.
#include "experiments/commands/profile/scaling_axes.h"

#include <algorithm>
#include <cmath>

#include "autodiff/threads/threads.h"

namespace twice::experiments {

namespace {

/// base times these factors, whole numbers from 1 on, without repetition.
std::vector<Index> multiples(Index base, std::initializer_list<double> factors) {
  std::vector<Index> values;
  for (const double factor : factors) {
    const auto value = static_cast<Index>(std::llround(static_cast<double>(base) * factor));
    if (value >= 1 && (values.empty() || value > values.back())) values.push_back(value);
  }
  return values;
}

/// From base / 2^below to base * 2^above in steps of a fourth root of two.
std::vector<Index> fine_range(Index base, int below, int above) {
  std::vector<Index> values;
  for (int quarter = -4 * below; quarter <= 4 * above; ++quarter) {
    const auto value =
        static_cast<Index>(std::llround(static_cast<double>(base) * std::exp2(quarter / 4.)));
    if (value >= 1 && (values.empty() || value > values.back())) values.push_back(value);
  }
  return values;
}

}  // namespace

std::vector<Axis> axes_of(const RunOptions& o) {
  std::vector<Axis> axes;
  if (o.model == "mlp") {
    const Index depth = o.depth.value_or(4), width = o.width.value_or(512);
    Axis layers{"depth", depth, multiples(depth, {0.5, 1, 1.5, 2}), {}};
    for (Index L = 1; L <= std::max<Index>(8, depth); ++L) layers.counted.push_back(L);
    axes.push_back(std::move(layers));
    axes.push_back({"width", width, multiples(width, {0.25, 0.5, 1, 2}), fine_range(width, 4, 2)});
  } else {
    if (o.model == "resnet") {
      const Index depth = o.depth.value_or(8);
      Axis layers{"depth", depth, {8, 14}, {8, 14, 20}};
      for (std::vector<Index>* values : {&layers.timed, &layers.counted})
        if (depth > values->back()) values->push_back(depth);
      axes.push_back(std::move(layers));
    }
    const Index channels = o.channels.value_or(16);
    axes.push_back({"channels", channels, multiples(channels, {0.5, 1, 2}),
                    multiples(channels, {0.25, 0.5, 1, 2, 4})});
  }
  axes.push_back(
      {"batch", o.batch, multiples(o.batch, {0.25, 0.5, 1, 2, 4}), fine_range(o.batch, 6, 4)});
  Axis cores{threads_axis, threads(), {}, {}};
  for (int count = 1; count < processors(); count *= 2) cores.timed.push_back(count);
  for (const int count : {processors(), threads()})
    if (std::ranges::find(cores.timed, count) == cores.timed.end()) cores.timed.push_back(count);
  std::ranges::sort(cores.timed);
  axes.push_back(std::move(cores));
  return axes;
}

RunOptions varied(RunOptions options, const std::string& axis, Index value) {
  if (axis == "depth") options.depth = static_cast<int>(value);
  if (axis == "width") options.width = value;
  if (axis == "channels") options.channels = value;
  if (axis == "batch") options.batch = static_cast<int>(value);
  if (axis == threads_axis) options.threads = static_cast<int>(value);
  return options;
}

}  // namespace twice::experiments
