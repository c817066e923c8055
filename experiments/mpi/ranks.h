// The processes of one command that mpirun or srun started together. Rank 0 directs the work: it
// exchanges messages with each other rank and detects ranks that have ended or cannot be reached.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "experiments/files/json.h"
#include "experiments/mpi/module.h"

namespace twice::experiments {

/// A launcher's description of this process, from its environment variables.
struct Launch {
  int rank = 0, size = 1;
  /// The number of this process among those of its node, from 0.
  int place_on_node = 0;
  /// The variable that gives the number of processes. Empty without a launcher.
  std::string variable;
};
Launch launch();
/// Removes the variables that `launch` reads. Otherwise child processes would join the ranks.
void forget_launch();

/// Thrown by a process that ends because of an error that rank 0 reports. Its own exit status is 0:
/// at any other one, mpirun kills rank 0, perhaps before the report.
struct EndedElsewhere {};

/// A message. The head describes it, and the body may hold a file.
struct Message {
  int from = 0;
  Json head;
  std::string body = {};
};

class Ranks {
 public:
  /// A function that returns true after Ctrl-C.
  using Stop = bool (*)();

  /// Loads the module, starts MPI, and divides the cores of each node. Null if no launcher
  /// started several processes. `command` is the command line, which must be the same for all
  /// ranks. Throws on rank 0 if the module is missing or cannot connect the ranks, and
  /// EndedElsewhere on others.
  static std::unique_ptr<Ranks> join(const std::string& command, Stop stop);
  /// On rank 0: ends the other ranks. Then ends MPI.
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool leads() const { return rank_ == 0; }
  /// The node of a rank, and its share of the node's cores. A rank other than 0 has only its own.
  const std::string& host(int rank) const { return members_[index(rank)].host; }
  int cores(int rank) const { return members_[index(rank)].cores; }
  /// "rank 3 on node2".
  std::string name(int rank) const;
  /// The number of nodes.
  int nodes() const;
  /// The kinds of kernels (kernels/cpu.h) that all ranks can run, the widest last; on rank 0 only.
  /// TWICE_CPU limits a rank to one kind. From the start all ranks use the last one.
  const std::vector<std::string>& kernels() const { return kernels_; }
  /// Whether some rank could run wider kernels than all ranks can.
  bool kernels_differ() const { return kernels_differ_; }

  /// Queues a message. `head["kind"]` names its kind.
  void send(int to, const Json& head, std::string_view body = "");
  /// Sends to all ranks but this one that are not lost.
  void send_to_others(const Json& head);
  /// The next message. Waits at most this long. Messages of lost ranks are dropped.
  std::optional<Message> receive(std::chrono::milliseconds wait);
  /// Waits for a message of this kind from each other rank, and drops those of other kinds. Returns
  /// the heads by rank, without lost ranks, and after a stop without all that are missing.
  std::map<int, Json> gather(const std::string& kind, Stop stop);
  /// Whether a message is not yet sent.
  bool sending();
  /// Whether a rank has been silent for too long (TWICE_MPI_SILENCE seconds, 30 by default), or MPI
  /// reported an error for it. A lost rank stays lost. If a message of it arrives later, rank 0
  /// sends it the message `end`.
  bool lost(int rank);
  /// The same as a sentence: "rank 3 on node2 has been silent for 30 s or cannot be reached".
  std::string describe_loss(int rank) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Member {
    std::string host = {};
    int cores = 1;
    Clock::time_point heard{};
    bool lost = false;
  };

  Ranks() = default;
  static std::size_t index(int rank) { return static_cast<std::size_t>(rank); }
  void meet(const std::string& command, Stop stop);
  void agree_on_kernels(const std::map<int, Json>& greetings);
  void share_cores(const std::map<int, Json>& greetings);
  void exchange(StartMessagePassing* start, std::promise<std::string>& started);
  void take(Message message);
  void look_for_lost(Clock::time_point now);
  /// Ranks other than 0 exchange messages with rank 0 only.
  bool talks_to(int rank) const { return rank != rank_ && (leads() || rank == 0); }
  /// Whether a rank is lost. The end of MPI would wait for it.
  bool incomplete();

  int rank_ = 0, size_ = 1;
  std::vector<Member> members_;
  std::vector<std::string> kernels_;
  bool kernels_differ_ = false;
  std::unique_ptr<MessagePassing> module_;
  std::thread thread_;
  /// Ready when the thread makes no more use of this object, except possibly of `module_`.
  std::future<void> ended_;
  std::mutex mutex_;
  std::condition_variable changed_, arrived_;
  std::deque<std::pair<int, std::string>> outbox_;
  std::deque<Message> inbox_;
  bool closing_ = false, sending_ = false, incomplete_ = false;
  /// The limit of silence in seconds.
  double silence_ = 0;
  /// The times of the last heartbeat and of the last look for lost ranks.
  Clock::time_point last_heartbeat_{}, looked_{};
};

}  // namespace twice::experiments
