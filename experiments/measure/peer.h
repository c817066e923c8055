// Other programs that answer requests while we measure: the peer of a race, which is the same
// models and methods in another engine (pytorch_peer.py), and twice itself (`bench --serve`).
#pragma once

#include "experiments/files/atomic_file.h"
#include "experiments/files/process.h"
#include "experiments/measure/steps.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

/// A program that answers each JSON object on a line of its stdin by one on a line of its stdout.
class Answerer {
 public:
  /// `what` the program should be is said where it answers something else.
  Answerer(std::vector<std::string> words, const char* what, const ProcessOptions& options = {})
      : process_(words, options), name_(words[0]), what_(what) {}

  /// Throws Stopped, or one line that says why there is no answer.
  Json ask(const Json& request);
  /// `timed_block` of its steps; `of` says which.
  std::vector<double> timed_block(const Json& of, const BlockTiming& timing);

  double cpu_seconds() const { return process_.cpu_seconds(); }
  /// Its name in messages, at first that of its program.
  void set_name(const std::string& name) { name_ = name; }

 private:
  Process process_;
  std::string name_;
  const char* what_;
};

/// PyTorch.
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
  std::vector<Array> gradient(std::string_view method, const std::string& variant);
  std::vector<double> timed_block(std::string_view method, const std::string& variant,
                                  const BlockTiming& timing) {
    return process_->timed_block({{"method", method}, {"variant", variant}}, timing);
  }
  /// The fastest of a method's variants, after about `seconds`.
  std::string fastest(std::string_view method, const std::vector<std::string>& variants,
                      double seconds);
  /// As `step_memory`, of the model that is loaded: measured in a fresh process of the peer's.
  double step_memory(std::string_view method, const std::string& variant) const;

  double cpu_seconds() const { return process_->cpu_seconds(); }

 private:
  /// Starts a process; `hello` is its description of itself.
  std::unique_ptr<Answerer> start(Json& hello) const;

  Options options_;
  Temporary folder_;  ///< for the files that go to and fro
  Json description_, model_;
  std::string name_;
  std::unique_ptr<Answerer> process_;
};

}  // namespace twice::experiments
