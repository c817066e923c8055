// One model's steps against the clock: methods, and a peer's, in turn.
#pragma once

#include <functional>

#include "experiments/measure/peer.h"

namespace twice::experiments {

struct RaceOptions {
  /// Measuring time for the model, all methods and both sides together.
  double seconds = 10;
  bool measure_memory = true;
};

/// How much of a core one side used while the other one was timed; should be next to nothing.
struct IdleUse {
  double ours = 0, peers = 0;              ///< processor seconds
  double ours_while = 0, peers_while = 0;  ///< of so many seconds
};

/// GFLOP/s of the best product of two 1024 x 1024 matrices so far, by our kernel and by OpenBLAS:
/// what else the machine does can only lower them.
struct BestProduct {
  double ours = 0, blas = 0;
};

/// Times the methods of the options' model, in rounds of one block of steps a method and side, and
/// returns a row of the record for each method (docs/records.md). With a peer, every variant of the
/// peer's must first compute our gradient: throws when one does not. `progress` hears the seconds
/// since its last call. Throws Stopped when a stop was requested.
Json race(const RunOptions& options, Peer* peer, const RaceOptions& race_options, IdleUse& idle,
          BestProduct& best, const std::function<void(double)>& progress);

}  // namespace twice::experiments
