// Starts other programs that answer requests during a measurement. They are the peer, which has the
// same models and methods in another engine (pytorch_peer.py), and twice itself (`bench --serve`).
#pragma once

#include "experiments/files/atomic_file.h"
#include "experiments/files/process.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

/// A program that reads JSON objects from stdin, one per line, and answers each with a JSON object
/// on a line of stdout.
class Answerer {
 public:
  /// `what` describes the expected program, for messages about wrong answers.
  Answerer(std::vector<std::string> words, const char* what, const ProcessOptions& options = {})
      : process_(words, options), name_(words[0]), what_(what) {}

  /// Sends a request and returns the answer. If there is no answer, throws Stopped or a one-line
  /// error with the reason.
  Json ask(const Json& request);
  /// Runs `timed_block` on the program's steps. `of` selects the steps.
  std::vector<double> timed_block(const Json& of, const BlockTiming& timing);

  double cpu_seconds() const { return process_.cpu_seconds(); }
  /// Sets the name of the program in messages. By default, it is the name of the program's file.
  void set_name(const std::string& name) { name_ = name; }

 private:
  Process process_;
  std::string name_;
  const char* what_;
};

/// The peer, PyTorch.
class Peer {
 public:
  struct Options {
    std::string python = "/usr/bin/python3";
    /// `system` leaves the peer's malloc as it is. `keep` makes the peer keep memory that it frees.
    std::string malloc = "keep";
    int threads = 1;
  };

  /// Starts the peer with our environment and our OpenBLAS. Throws a one-line error if the peer
  /// cannot be started.
  explicit Peer(const Options& options);

  /// The peer's name, such as `pytorch 1.13.1`.
  const std::string& name() const { return description_.at("name").string(); }
  /// For records: the name, the versions, the interpreter, the malloc, the BLAS library that the
  /// peer loaded, and the threads.
  const Json& description() const { return description_; }
  /// Throws UsageError for a model, activation or method that the peer does not have.
  void check(const RunOptions& options) const;

  /// Sends the model with these parameters and the batch to the peer. Returns the variants of each
  /// method.
  std::map<std::string, std::vector<std::string>> load(const Problem& problem,
                                                       const ModelState& state);
  /// G of a method, as one of its variants computes it before the first step.
  std::vector<Array> gradient(std::string_view method, const std::string& variant);
  std::vector<double> timed_block(std::string_view method, const std::string& variant,
                                  const BlockTiming& timing) {
    return process_->timed_block({{"method", method}, {"variant", variant}}, timing);
  }
  /// Times a method's variants for about `seconds` and returns the fastest.
  std::string fastest(std::string_view method, const std::vector<std::string>& variants,
                      double seconds);
  /// Like `step_memory`, for the loaded model. It is measured in a fresh process of the peer.
  double step_memory(std::string_view method, const std::string& variant) const;

  double cpu_seconds() const { return process_->cpu_seconds(); }

 private:
  /// Starts a process. `hello` receives the process's description.
  std::unique_ptr<Answerer> start(Json& hello) const;

  Options options_;
  Temporary folder_;  ///< holds the files that both sides exchange
  Json description_, model_;
  std::unique_ptr<Answerer> process_;
};

}  // namespace twice::experiments
