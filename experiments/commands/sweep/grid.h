// A grid of training runs: lists of values for any options of `train`, expanded to runs. An option
// that a run does not use (epsilon for `exact`, the width for a cnn) does not multiply the number
// of runs. The name of a run lists its varying options: `f-gr-gamma0.1-epsilon0.05-seed3`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/files/json.h"
#include "experiments/run/options.h"

namespace twice::experiments {

/// An option by its command-line name without dashes, and its values as written on a command line.
/// The option `without` takes a list, so it has a single value such as "fuse,in-place". A number
/// may be a range: "1e-4..1e-1:log:7" is seven numbers with equal ratios, "0..1:5" is five numbers
/// with equal differences, and "16..20" is all five whole numbers.
struct GridAxis {
  std::string option;
  std::vector<std::string> values;
};

/// The needs of a run, from the plan of its step.
struct RunCost {
  /// Floating-point operations of the steps of one epoch, in units of f32 operations. In f64 a
  /// vector register holds half as many numbers.
  double epoch = 1;
  /// The steps of an epoch.
  double steps = 1;
  /// The plan's memory, two more copies of the parameters for the optimiser, and the data.
  std::size_t bytes = 0;
};

/// One run: its name, and every option as `to_json` writes it, except `threads`, which does not
/// affect results. Options that the run's method does not read have their defaults.
struct GridRun {
  std::string name;
  Json config;
  /// Without counted costs, all epochs cost the same.
  RunCost cost = {};

  int epochs() const { return config.at("epochs"); }
};

struct Grid {
  /// The options that vary or may vary later. They have the order of the parts of a run's name,
  /// which goes from `method` to `seed`.
  std::vector<std::string> axes;
  std::vector<GridRun> runs;
};

/// A random search draws each setting from the lists and ranges, which then need no number of
/// values. Draws are uniform in the value, or in its logarithm if the range has `log`. All methods
/// and seeds run with each setting. A larger search with the same seed begins with the same
/// settings.
struct RandomSearch {
  int settings = 0;  ///< 0: no random search
  std::uint64_t seed = 1;
};

/// The grid's runs without repetitions, ordered by method first and by seed last. Options without
/// given values have `train`'s defaults. Throws UsageError with `train`'s message for a value that
/// `train` rejects.
Grid expand(const std::vector<GridAxis>& given, const RandomSearch& search = {});

/// The options of `train` that may be axes, in the order of `train`'s help.
const std::vector<Option>& grid_options();

/// Names the runs by the axes that they use. The caller may have added axes to `grid.axes`.
void name_runs(Grid& grid);
/// The same axes in the order of names, without repetitions.
std::vector<std::string> ordered_axes(const std::vector<std::string>& axes);
/// A run's name without its seeds.
std::string setting_name(const Json& config, const std::vector<std::string>& axes);

/// Returns an option, other than the axes, that both runs use with different values. Such runs
/// cannot be part of one sweep.
std::optional<std::string> clash(const Json& a, const Json& b,
                                 const std::vector<std::string>& axes);

/// The options of a run as a command line of `train`.
std::vector<std::string> arguments(const Json& config);

}  // namespace twice::experiments
