// The peer of a race: the same models and methods in another engine, in a process of its own that
// answers requests (pytorch_peer.py).
#pragma once

#include <filesystem>
#include <memory>

#include "experiments/files/json.h"
#include "experiments/measure/our_step.h"
#include "experiments/measure/subprocess.h"

namespace twice::experiments {

/// Another engine: its process.
class Peer {
 public:
  struct Options {
    std::string python = "/usr/bin/python3";
    /// `system` leaves the peer's malloc as it is; `keep` makes it keep memory that it frees.
    std::string malloc = "keep";
    int threads = 1;
  };

  /// Starts it with our environment and our OpenBLAS. Throws one line when it cannot be started.
  explicit Peer(const Options& options);

  /// Such as `pytorch 1.13.1`.
  const std::string& name() const { return name_; }
  /// For records: name, versions, interpreter, malloc, the BLAS library that it loaded, threads.
  const Json& description() const { return description_; }
  /// Throws UsageError for a model, activation or method that it does not have.
  void check(const RunOptions& options) const;

  /// Gives it the model with these parameters and the batch. Returns the variants of each method.
  std::map<std::string, std::vector<std::string>> load(const Problem& problem,
                                                       const ModelState& state);
  /// G of a method as one of its variants computes it, before any step is taken.
  std::vector<Array> gradient(const std::string& method, const std::string& variant);
  /// Times a method's variants for about `seconds` and keeps the fastest, whose name it returns.
  std::string choose(const std::string& method, double seconds);
  /// As `timed_block`, of the chosen variant.
  std::vector<double> timed_block(const std::string& method, const BlockTiming& timing);
  /// As `step_memory`: measured in a fresh process of the peer's.
  double step_memory(const Problem& problem, const std::string& method,
                     const std::string& variant) const;

  double cpu_seconds() const { return process_->cpu_seconds(); }

 private:
  std::unique_ptr<Subprocess> start() const;
  Json hello() const;
  /// The answer to a request. Throws Stopped, or one line that says why there is none.
  Json ask(Subprocess& process, const Json& request) const;

  /// For the files that go to and fro; gone with it.
  struct Folder {
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::filesystem::path path;
  };

  Options options_;
  Folder folder_;
  Json description_;
  std::string name_;
  /// Whose turn it is, for complaints.
  std::string label_ = "starting";
  std::vector<std::string> parameters_;
  std::unique_ptr<Subprocess> process_;
};

/// A stop was requested while the peer was at work.
struct Stopped {};

}  // namespace twice::experiments
