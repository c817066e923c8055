// Times the steps of one model's methods, ours and a peer's alternately.
#pragma once

#include "experiments/measure/noise.h"
#include "experiments/measure/peer.h"

namespace twice::experiments {

/// The share of a core that one side used while the other side was timed. It should be close to 0.
struct IdleUse {
  double cpu = 0, seconds = 0;
  double share() const { return cpu / seconds; }
};

/// Results accumulated over all models.
struct RaceTotals {
  /// The peak for predictions, measured with the threads in effect. If it is empty, nothing is
  /// predicted.
  std::optional<Peak> peak = {};
  IdleUse ours = {}, peers = {};
  /// GFLOP/s of the best product of two 1024 x 1024 matrices so far, by our kernel and by OpenBLAS.
  /// Other work on the machine can only lower them.
  double our_peak = 0, blas_peak = 0;
  /// Runs during our blocks only, so that it does not count the threads of OpenBLAS or of a peer as
  /// noise.
  NoiseMeter& noise;
};

/// Times the methods of the options' model for `seconds`. Each round holds one block of steps for
/// each method and side. Returns a row of the record for each method (docs/records.md). If there is
/// a peer, each of its variants must first compute our gradient; the function throws if one does
/// not. Throws Stopped if a stop was requested.
Json race(const RunOptions& options, Peer* peer, double seconds, bool measure_memory,
          RaceTotals& totals, const TimingProgress& progress);

}  // namespace twice::experiments
