// What the study on cost measures: the programs of a step, counted, and steps, timed.
#pragma once

#include "experiments/measure/steps.h"
#include "experiments/studies/planned.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

/// A model and a batch. An mlp has `size` units a layer, a cnn or resnet `size` channels.
struct CostCase {
  std::string model;
  Index inputs, size;
  int depth, batch;
  std::string activation = "relu";

  /// `mlp 784-512x4, batch 128, relu`
  std::string name() const;
};

/// The numbers of a method's step: of the program, exact; of the clock, medians (0: not timed).
struct MethodCost {
  std::string method;
  int layers = 0, products = 0, small_products = 0;
  double gflop = 0, mib = 0, ms = 0, spread = 0;

  static void json_fields(auto& self, const auto& visit) {
    visit("method", self.method);
    visit("layers", self.layers);
    visit("products", self.products);
    visit("small_products", self.small_products);
    visit("gflop", self.gflop);
    visit("mib", self.mib);
    visit("ms", self.ms);
    visit("spread", self.spread);
  }
};

/// The methods of the study: sgd, f-gr, b-gr, c-gr, exact-naive, exact.
const std::vector<std::string>& cost_methods();

/// Counted from the programs that would run, without running them. `rewrite` false: without the
/// passes that rewrite products.
std::vector<MethodCost> count_costs(const CostCase& c, const std::vector<std::string>& methods,
                                    bool rewrite);

/// Steps of the methods timed in turn on random images, for `seconds` in all.
std::vector<MethodCost> time_costs(StudyContext& context, const CostCase& c,
                                   const std::vector<std::string>& methods, double seconds,
                                   bool rewrite);

/// Batches over the width, from 1/32 to 2 in steps of a factor 2^(1/parts).
Vector batch_shares(int parts);

/// Where a ratio that grows with x passes 1 (`first_crossing`); the end of the range where it does
/// not.
double crossing(const Vector& x, const Vector& ratios);

}  // namespace twice::experiments
