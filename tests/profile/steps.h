// Shared by the tests of the profiler: training steps of every method on small models of each kind.
#pragma once

#include <functional>

#include "experiments/measure/steps.h"

namespace twice::testing {
using namespace experiments;

/// The options of a small model.
inline RunOptions small(const std::string& model, const std::string& activation = "relu") {
  RunOptions o;
  o.model = model;
  o.activation = activation;
  o.batch = 4;
  o.threads = 1;
  if (model == "mlp") o.width = 24, o.depth = 3;
  if (model != "mlp") o.channels = 3;
  return o;
}

inline Problem small_problem(const RunOptions& options) {
  return random_problem(
      options, image_examples(options.model == "mlp" ? Shape{6, 6, 1} : Shape{8, 8, 2}, 10));
}

/// Calls `body` with a step of every method on an mlp, a cnn and a resnet.
inline void for_each_step(const std::function<void(const OurStep&)>& body) {
  for (const char* model : {"mlp", "cnn", "resnet"}) {
    const Problem problem = small_problem(small(model));
    for (const Method& m : methods()) body(OurStep(problem, m));
  }
}

}  // namespace twice::testing
