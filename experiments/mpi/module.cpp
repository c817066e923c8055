// Implements messages with MPI. A message is sent in pieces, because the size of an MPI message is
// an int, and because the arrival of a piece shows that its sender is alive.
#include "experiments/mpi/module.h"

#include <mpi.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace twice::experiments {

namespace {

constexpr std::size_t piece_bytes = 1 << 20;
/// The pieces to one rank that are on their way at a time.
constexpr std::size_t most_posted = 8;
constexpr int last_tag = 0, more_tag = 1;

struct Piece {
  std::string bytes;
  int tag;
  MPI_Request request = MPI_REQUEST_NULL;
  bool posted = false;
};

struct Peer {
  std::deque<Piece> outgoing, incoming;
  /// The pieces of the next message that have arrived.
  std::string begun;
  bool heard = false, failed = false;

  /// Notes an error of MPI. The rest of the messages is dropped.
  bool succeeded(int code) {
    if (code == MPI_SUCCESS) return true;
    failed = true;
    return false;
  }
};

class Mpi final : public MessagePassing {
 public:
  Mpi() {
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    peers_.resize(static_cast<std::size_t>(size));
  }

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(peers_.size()); }

  void send(int rank, std::string bytes) override {
    std::deque<Piece>& queue = peer(rank).outgoing;
    std::size_t begin = 0;
    for (; bytes.size() - begin > piece_bytes; begin += piece_bytes)
      queue.push_back({bytes.substr(begin, piece_bytes), more_tag});
    queue.push_back({bytes.substr(begin), last_tag});
    post(rank);
  }

  std::optional<std::pair<int, std::string>> receive() override {
    for (int rank = 0; rank < size(); ++rank) post(rank);
    accept();
    for (int rank = 0; rank < size(); ++rank)
      if (complete(peer(rank))) return std::pair(rank, std::exchange(peer(rank).begun, ""));
    return std::nullopt;
  }

  bool busy(int rank) const override {
    const Peer& peer = peers_[static_cast<std::size_t>(rank)];
    return !peer.failed && (!peer.outgoing.empty() || !peer.incoming.empty());
  }

  bool heard(int rank) override { return std::exchange(peer(rank).heard, false); }
  bool failed(int rank) const override { return peers_[static_cast<std::size_t>(rank)].failed; }
  void finish() override { MPI_Finalize(); }

 private:
  Peer& peer(int rank) { return peers_[static_cast<std::size_t>(rank)]; }

  /// Removes the pieces that were sent, and starts to send the next ones.
  void post(int rank) {
    Peer& to = peer(rank);
    int done = 1;
    while (!to.failed && !to.outgoing.empty() && to.outgoing.front().posted && done) {
      if (to.succeeded(MPI_Test(&to.outgoing.front().request, &done, MPI_STATUS_IGNORE)) && done)
        to.outgoing.pop_front();
    }
    for (std::size_t i = 0; i < std::min(most_posted, to.outgoing.size()) && !to.failed; ++i) {
      Piece& piece = to.outgoing[i];
      if (piece.posted) continue;
      piece.posted = true;
      to.succeeded(MPI_Isend(piece.bytes.data(), static_cast<int>(piece.bytes.size()), MPI_BYTE,
                             rank, piece.tag, MPI_COMM_WORLD, &piece.request));
    }
  }

  /// Starts to receive the pieces that have been announced.
  void accept() {
    for (;;) {
      int found = 0, count = 0;
      MPI_Status status;
      if (MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &status) != MPI_SUCCESS ||
          !found)
        return;
      Peer& from = peer(status.MPI_SOURCE);
      MPI_Get_count(&status, MPI_BYTE, &count);
      Piece& piece = from.incoming.emplace_back();
      piece.bytes.resize(static_cast<std::size_t>(count));
      piece.tag = status.MPI_TAG;
      if (!from.succeeded(MPI_Irecv(piece.bytes.data(), count, MPI_BYTE, status.MPI_SOURCE,
                                    piece.tag, MPI_COMM_WORLD, &piece.request)))
        return;
      from.heard = true;
    }
  }

  /// Takes the pieces that have arrived. Returns true if they end a message.
  static bool complete(Peer& from) {
    while (!from.failed && !from.incoming.empty()) {
      Piece& piece = from.incoming.front();
      int done = 0;
      if (!from.succeeded(MPI_Test(&piece.request, &done, MPI_STATUS_IGNORE)) || !done)
        return false;
      from.heard = true;
      from.begun += piece.bytes;
      const bool last = piece.tag == last_tag;
      from.incoming.pop_front();
      if (last) return true;
    }
    return false;
  }

  int rank_ = 0;
  std::vector<Peer> peers_;
};

}  // namespace

extern "C" MessagePassing* twice_mpi_start(const char* version, std::string& error) {
  // The module and the program exchange C++ objects.
  if (version != std::string(module_version)) {
    error = std::string("is of version ") + module_version + ", the program of " + version;
    return nullptr;
  }
  int provided = 0;
  // Only the thread that starts MPI calls it. It need not be the first thread of the process.
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
      provided < MPI_THREAD_FUNNELED) {
    error = "cannot start MPI for a program with threads";
    return nullptr;
  }
  return new Mpi;
}

}  // namespace twice::experiments
