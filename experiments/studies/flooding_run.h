// Runs of flooding: what the study measures along one of them.
#pragma once

#include "experiments/studies/planned.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

inline constexpr double flood_level = 0.3;
/// Windows over which a held run is averaged.
inline constexpr int flood_windows = 50;

/// How a run departs from plain gradient descent on one batch, for which the identity is stated.
struct Departure {
  double momentum = 0;
  bool changing_batches = false;
};

/// |two steps - the predicted one| / |two steps|, for each crossing of the level in each direction.
struct IdentityErrors {
  Vector forward, backward;

  static void json_fields(auto& self, const auto& visit) {
    visit("forward", self.forward);
    visit("backward", self.backward);
  }
};

/// Two steps of flooding that begin below the level and go on above it, or the reverse, against one
/// step of size eta^2 against F-GR's estimate of H g, or B-GR's, with eps = eta.
IdentityErrors identity_errors(StudyContext& context, std::uint64_t seed, double eta,
                               const Departure& departure);

/// Means over windows of steps, from the first step at which the loss is below the level.
struct HeldRun {
  Vector squared_norm, loss;

  static void json_fields(auto& self, const auto& visit) {
    visit("squared_norm", self.squared_norm);
    visit("loss", self.loss);
  }
};

HeldRun held_run(StudyContext& context, std::uint64_t seed, double eta, const Departure& departure);

}  // namespace twice::experiments
