// A grid of training runs: lists of values for any of train's options, and the runs that they make.
// What a run does not use (epsilon of `exact`, the width of a cnn) does not multiply it, and what
// varies is its name: `f-gr-gamma0.1-epsilon0.05-seed3`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/files/json.h"
#include "experiments/run/options.h"

namespace twice::experiments {

/// An option by its command-line name without dashes, and the values that it shall take, as one
/// would write them there. `without`, a list by nature, has one value: "fuse,in-place". A number
/// may be a range: "1e-4..1e-1:log:7" is seven numbers with equal ratios, "0..1:5" five with equal
/// differences, and "16..20" all five whole numbers.
struct GridAxis {
  std::string option;
  std::vector<std::string> values;
};

/// One run: its name, and every option as `to_json` writes it, but for `threads`, on which no
/// result depends. Method options that its method does not read have their defaults.
struct GridRun {
  std::string name;
  Json config;
};

struct Grid {
  /// What varies, or may later: in the order of names, from `method` to `seed`.
  std::vector<std::string> axes;
  std::vector<GridRun> runs;
};

/// A random search: each setting is drawn from the lists and ranges, which then need no number of
/// values. Draws are uniform (`log`: in the logarithm). All methods and seeds run with each
/// setting. A search for more settings with the same seed begins with the same ones.
struct RandomSearch {
  int settings = 0;  ///< 0: none
  std::uint64_t seed = 1;
};

/// The grid's runs, equal ones once: methods first, seeds last. What is not given has train's
/// default. Throws UsageError with train's own words for a value that train would refuse.
Grid expand(const std::vector<GridAxis>& given, const RandomSearch& search = {});

/// Train's options that may be axes, in the order of its help.
const std::vector<std::string>& grid_options();

/// Whether the method (or optimiser) of such a config reads the option.
bool uses(const Json& config, const std::string& option);

/// Names the runs by the axes that they use; `grid.axes` may have been added to.
void name_runs(Grid& grid);
/// The same axes in the order of names, without repeats.
std::vector<std::string> ordered_axes(const std::vector<std::string>& axes);
/// A run's name without its seeds.
std::string setting_name(const Json& config, const std::vector<std::string>& axes);

/// An option beside the axes in which two runs of one sweep differ although both use it: then they
/// do not belong together.
std::optional<std::string> clash(const Json& a, const Json& b,
                                 const std::vector<std::string>& axes);

/// The options of a run, for running it with that many threads.
RunOptions grid_run_options(const Json& config, int threads);
/// The same as train's command line.
std::vector<std::string> arguments(const Json& config);

}  // namespace twice::experiments
