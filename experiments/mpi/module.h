// The interface between the program and the module twice-mpi.so, the only part of twice that uses
// MPI. The program loads the module if mpirun or srun has started several processes. Without them
// it needs no MPI.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace twice::experiments {

/// Messages between the processes that a launcher started together. All calls come from one thread.
/// No call waits for another process, except the start of the module and `finish`.
class MessagePassing {
 public:
  virtual ~MessagePassing() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Queues a message of any size. Messages to the same rank arrive in order.
  virtual void send(int rank, std::string bytes) = 0;
  /// Continues all transfers. Returns a complete message and the rank that sent it, if there is
  /// one.
  virtual std::optional<std::pair<int, std::string>> receive() = 0;
  /// Whether a part of a message to or from a rank is still on its way.
  virtual bool busy(int rank) const = 0;
  /// Whether anything has come from a rank since the last call with this rank.
  virtual bool heard(int rank) = 0;
  /// Whether MPI has reported an error for a message to or from this rank.
  virtual bool failed(int rank) const = 0;
  /// Ends MPI. Waits until all ranks have called `finish`.
  virtual void finish() = 0;
};

/// The version of the program and of this interface, which the module must share.
inline constexpr const char* module_version = TWICE_VERSION ", interface 2";

/// The function of the module `twice_mpi_start`. It starts MPI in the calling thread, which may
/// wait for other processes. `version` is the program's `module_version`. On failure, returns null
/// and sets `error`.
using StartMessagePassing = MessagePassing*(const char* version, std::string& error);

}  // namespace twice::experiments
