// One training of a diagonal linear network, and what the theory says of where it ends.
#pragma once

#include "experiments/studies/planned.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

/// y = X beta*, X from N(0, I), beta* 1/sqrt(s) on s = `sparsity` inputs, zero on the others.
struct Regression {
  Index samples, inputs, sparsity;
  SmallData data;
  Vector truth;
};

Regression regression(Index samples, Index inputs, Index sparsity, std::uint64_t seed);

struct DiagonalRun {
  std::string method;
  double epsilon;
  double gamma, step, alpha;
  bool single;  ///< batch size 1, else the whole data
  int most_steps;
};

struct DiagonalOutcome {
  /// (beta - beta*)^2 summed: the expected squared error for an x from N(0, I).
  double test_error = 0, loss = 0;
  /// The largest |alpha measured / alpha_GR - 1|, alpha measured = sqrt(w+ o w-).
  double invariant_error = 0;
  /// |the part of asinh(beta / 2 a^2) outside the rows of X| / |asinh(beta / 2 a^2)|, with
  /// a = alpha_GR and with a = the alpha of the start.
  double kkt = 0, kkt_start = 0;
  /// -mean ln(alpha_GR / alpha).
  double shrinkage = 0;

  static void json_fields(auto& self, const auto& visit) {
    visit("test_error", self.test_error);
    visit("loss", self.loss);
    visit("invariant_error", self.invariant_error);
    visit("kkt", self.kkt);
    visit("kkt_start", self.kkt_start);
    visit("shrinkage", self.shrinkage);
  }
};

/// Trains and measures. `correction` is a factor on the exponent of alpha_GR: 1, but for those who
/// want to see the check fail.
DiagonalOutcome train(StudyContext& context, const Regression& problem, const DiagonalRun& run,
                      std::uint64_t seed, double correction);

}  // namespace twice::experiments
