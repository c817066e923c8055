// Starts the peer and sends requests to it.
#include "experiments/measure/peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "autodiff/threads/threads.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/safetensors.h"
#include "experiments/files/words.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;

/// The file of the OpenBLAS that this process has loaded.
fs::path loaded_blas() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (const std::size_t path = line.find('/');
        path != std::string::npos && line.find("openblas", line.rfind('/')) != std::string::npos)
      return line.substr(path);
  return {};
}

/// The environment in which the peer finds our OpenBLAS first, even if the machine prefers another
/// one.
ProcessOptions peer_environment() {
  std::string folders = loaded_blas().parent_path().string();
  if (const char* before = std::getenv("LD_LIBRARY_PATH"); before && *before)
    folders += std::string(":") + before;
  return {.environment = {{"LD_LIBRARY_PATH", folders}, {"PYTHONDONTWRITEBYTECODE", "1"}}};
}

}  // namespace

Json Answerer::ask(const Json& request) {
  process_.write_line(request.dump());
  const std::optional<std::string> line = process_.read_line(stop_requested);
  end_if_stopped();
  Json answer = line ? Json::parse_or_null(*line) : Json();
  if (answer.is_object()) return answer;
  if (line) fail("bench", "{} answered '{}': is it {}?", name_, *line, what_);
  if (process_.wait() == 0) fail("bench", "{} ended without an answer: is it {}?", name_, what_);
  fail("bench", "{} ended with {}", name_, process_.ending());
}

std::vector<double> Answerer::timed_block(const Json& of, const BlockTiming& timing) {
  Json request = timing;
  request["do"] = "time";
  request.update(of);
  return ask(request)["ms"];
}

Peer::Peer(const Options& options)
    : options_(options),
      folder_(fs::temp_directory_path(), "twice-bench", Temporary::Kind::folder) {
  for (const char* name : {"pytorch_methods.py", "pytorch_peer.py"})
    write_atomically(folder_.path() / name, embedded_file(name));
  process_ = start(description_);
  const std::string package = description_["package"], version = description_["version"];
  description_["name"] =
      "pytorch " + (package.empty() ? version : package.substr(0, package.find_first_of("+-")));
  // With OMP_PROC_BIND, our first thread is bound to one CPU, and a new process inherits this.
  if (description_["cpus"] < std::min(options.threads, processors()))
    fail("bench", "{} may use {} CPUs only, and we {}: unset OMP_PROC_BIND and OMP_PLACES", name(),
         description_["cpus"].get<int>(), processors());
  description_["python"] = options.python;
  description_["malloc"] = options.malloc;
  description_["same_blas"] = description_["blas"] == loaded_blas().string();
}

std::unique_ptr<Answerer> Peer::start(Json& hello) const {
  constexpr const char* expected = "the Python of the Debian package python3-torch";
  try {
    auto process = std::make_unique<Answerer>(
        std::vector<std::string>{options_.python, (folder_.path() / "pytorch_peer.py").string()},
        expected, peer_environment());
    hello =
        process->ask({{"do", "hello"}, {"threads", options_.threads}, {"malloc", options_.malloc}});
    if (hello.contains("no_torch"))
      fail("bench", "{} cannot import torch ({}); expected {}", options_.python,
           hello["no_torch"].get<std::string>(), expected);
    return process;
  } catch (const CannotStart&) {
    fail("bench", "cannot start {}; expected {}", options_.python, expected);
  }
}

void Peer::check(const RunOptions& o) const {
  const auto demand = [&](const char* list, const char* option, const std::string& value) {
    const std::vector<std::string> known = description_[list];
    if (!holds(known, value))
      throw UsageError(fmt::format("--peer pytorch has no --{} {}; it has {}", option, value,
                                   fmt::join(known, ", ")));
  };
  if (!o.problem.empty() || o.loss.value_or("cross-entropy") != "cross-entropy")
    throw UsageError(fmt::format("--peer pytorch has cross-entropy of the built-in models only"));
  demand("models", "model", o.model);
  demand("activations", "activation", o.activation);
  for (const std::string& method : o.methods) demand("methods", "method", method);
}

std::map<std::string, std::vector<std::string>> Peer::load(const Problem& problem,
                                                           const ModelState& state) {
  process_->set_name(problem.label() + ": " + name());
  const RunOptions& o = problem.options;
  const DType dtype = o.number_type();
  TensorFile file;
  file.tensors.emplace_back("images", problem.data.train.inputs().cast(dtype));
  file.tensors.emplace_back("labels", problem.data.train.targets());
  Json names = Json::array();
  const std::vector<ParameterInfo> parameters = problem.model.parameter_info();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    names.push_back(parameters[i].name);
    file.tensors.emplace_back(parameters[i].name, state.parameters[i]);
  }
  const fs::path path = folder_.path() / "model.safetensors";
  write_safetensors(path, file);
  model_ = {{"do", "model"},
            {"file", path.string()},
            {"model", o.model},
            {"activation", o.activation},
            {"gamma", o.regularization.gamma},
            {"epsilon", o.regularization.epsilon},
            {"lr", *o.lr},
            {"methods", o.methods},
            {"parameters", names}};
  return process_->ask(model_)["variants"];
}

std::vector<Array> Peer::gradient(std::string_view method, const std::string& variant) {
  const fs::path path = folder_.path() / "gradient.safetensors";
  process_->ask(
      {{"do", "gradient"}, {"method", method}, {"variant", variant}, {"file", path.string()}});
  const TensorFile file = read_safetensors(path);
  std::vector<Array> result;
  for (const Json& name : model_["parameters"]) result.push_back(file.at(name));
  return result;
}

std::string Peer::fastest(std::string_view method, const std::vector<std::string>& variants,
                          double seconds) {
  constexpr BlockTiming block{.seconds = 0.01, .settle = 0, .lead = 0};
  std::vector<std::vector<double>> times(variants.size());
  if (variants.size() > 1)
    for (Rounds rounds(seconds, [](double) {}); rounds.next();)
      for (std::size_t i = 0; i < variants.size(); ++i)
        std::ranges::copy(timed_block(method, variants[i], block), std::back_inserter(times[i]));
  const auto best = std::ranges::min_element(
      times, {}, [](const std::vector<double>& one) { return spread_of(one).median; });
  return variants[static_cast<std::size_t>(best - times.begin())];
}

double Peer::step_memory(std::string_view method, const std::string& variant) const {
  Json unused, request = model_;
  const std::unique_ptr<Answerer> fresh = start(unused);
  request["do"] = "memory";
  request["method"] = method;
  request["variant"] = variant;
  return fresh->ask(request)["mib"];
}

}  // namespace twice::experiments
