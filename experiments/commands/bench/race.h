// One model's steps against the clock: methods, and a peer's, in turn.
#pragma once

#include "experiments/measure/noise.h"
#include "experiments/measure/peer.h"

namespace twice::experiments {

/// How much of a core one side used while the other one was timed; should be next to nothing.
struct IdleUse {
  double cpu = 0, seconds = 0;
  double share() const { return cpu / seconds; }
};

/// What is known after all models.
struct RaceTotals {
  /// For predictions; measured with the threads in effect. Without it, nothing is predicted.
  std::optional<Peak> peak;
  IdleUse ours = {}, peers = {};
  /// GFLOP/s of the best product of two 1024 x 1024 matrices so far, by our kernel and by OpenBLAS:
  /// other work on the machine can only lower them.
  double our_peak = 0, blas_peak = 0;
  /// Runs while our blocks do: the threads of OpenBLAS and of a peer are no noise.
  NoiseMeter& noise;
};

/// Times the methods of the options' model for `seconds`, in rounds of one block of steps a method
/// and side, and returns a row of the record for each method (docs/records.md). With a peer, every
/// variant of the peer's must first compute our gradient: throws when one does not. Throws Stopped
/// when a stop was requested.
Json race(const RunOptions& options, Peer* peer, double seconds, bool measure_memory,
          RaceTotals& totals, const TimingProgress& progress);

}  // namespace twice::experiments
