// Starting the peer, and what it is asked.
#include "experiments/measure/peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "autodiff/threads/threads.h"
#include "experiments/files/safetensors.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

// The two files of the peer, embedded by CMakeLists.txt.
extern const unsigned char pytorch_methods_py[], pytorch_peer_py[];
extern const std::size_t pytorch_methods_py_size, pytorch_peer_py_size;

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

/// The peer finds our OpenBLAS first, whichever one the machine prefers.
std::map<std::string, std::string> peer_environment() {
  std::string folders = loaded_blas().parent_path().string();
  if (const char* before = std::getenv("LD_LIBRARY_PATH"); before && *before)
    folders += std::string(":") + before;
  return {{"LD_LIBRARY_PATH", folders}, {"PYTHONDONTWRITEBYTECODE", "1"}};
}

void write_bytes(const fs::path& path, const unsigned char* bytes, std::size_t size) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  if (!file.flush()) fail("peer", "cannot write {}", path.string());
}

Json model_request(const Problem& problem) {
  const RunOptions& o = problem.options;
  std::vector<std::string> names;
  for (const ParameterInfo& p : problem.model.parameter_info()) names.push_back(p.name);
  const Shape& input = problem.model.input();
  // The two poolings of a cnn leave this many of the pixels.
  const std::vector<Index> pixels = {input.rank() == 3 ? input[0] / 4 : 1,
                                     input.rank() == 3 ? input[1] / 4 : 1};
  return {{"model", o.model},
          {"activation", o.activation},
          {"gamma", o.regularization.gamma},
          {"epsilon", o.regularization.epsilon},
          {"lr", *o.lr},
          {"methods", o.methods},
          {"parameters", names},
          {"pixels", pixels}};
}

}  // namespace

Peer::Folder::Folder() {
  std::string pattern = (fs::temp_directory_path() / "twice-bench-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) fail("peer", "cannot make a folder like {}", pattern);
  path = pattern;
}

Peer::Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

Peer::Peer(const Options& options) : options_(options) {
  write_bytes(folder_.path / "pytorch_methods.py", pytorch_methods_py, pytorch_methods_py_size);
  write_bytes(folder_.path / "pytorch_peer.py", pytorch_peer_py, pytorch_peer_py_size);
  process_ = start();
  description_ = ask(*process_, hello());
  const std::string package = description_["package"], version = description_["version"];
  name_ = "pytorch " + (package.empty() ? version : package.substr(0, package.find_first_of("+-")));
  // With OMP_PROC_BIND our first thread, whose place a new process inherits, is bound to one CPU.
  if (description_["cpus"] < std::min(options.threads, processors()))
    fail("peer", "{} may use {} CPUs only, and we {}: unset OMP_PROC_BIND and OMP_PLACES", name_,
         description_["cpus"].get<int>(), processors());
  description_["name"] = name_;
  description_["python"] = options.python;
  description_["malloc"] = options.malloc;
  description_["same_blas"] = description_["blas"] == loaded_blas().string();
}

Json Peer::hello() const {
  return {{"do", "hello"}, {"threads", options_.threads}, {"malloc", options_.malloc}};
}

std::unique_ptr<Subprocess> Peer::start() const {
  try {
    return std::make_unique<Subprocess>(
        std::vector<std::string>{options_.python, (folder_.path / "pytorch_peer.py").string()},
        peer_environment());
  } catch (const Error&) {
    fail("peer", "cannot start {}; expected the Python of the Debian package python3-torch",
         options_.python);
  }
}

Json Peer::ask(Subprocess& process, const Json& request) const {
  process.write_line(request.dump());
  const std::optional<std::string> line = process.read_line();
  if (stop_requested()) throw Stopped{};
  const Json answer = line ? Json::parse_or_null(*line) : Json();
  if (answer.is_object() && answer.contains("no_torch"))
    fail("peer", "{} cannot import torch ({}); expected the Debian package python3-torch",
         options_.python, answer["no_torch"].get<std::string>());
  if (answer.is_object()) return answer;
  if (line) fail("peer", "{}: {} answered '{}'", label_, options_.python, *line);
  const int status = process.wait();
  const std::string last = process.last_error();
  fail("peer", "{}: {} ended with {} {}: {}", label_, name_.empty() ? options_.python : name_,
       status < 0 ? "signal" : "status", std::abs(status), last.empty() ? "no reason given" : last);
}

void Peer::check(const RunOptions& o) const {
  const auto demand = [&](const char* list, const char* option, const std::string& value) {
    const std::vector<std::string> known = description_[list];
    if (std::find(known.begin(), known.end(), value) == known.end())
      throw UsageError(fmt::format("--peer pytorch has no --{} {}; it has {}", option, value,
                                   fmt::join(known, ", ")));
  };
  demand("models", "model", o.model);
  demand("activations", "activation", o.activation);
  for (const std::string& method : o.methods) demand("methods", "method", method);
}

std::map<std::string, std::vector<std::string>> Peer::load(const Problem& problem,
                                                           const ModelState& state) {
  label_ = problem.label();
  Json request = model_request(problem);
  parameters_ = request["parameters"];
  TensorFile file;
  const DType dtype = problem.options.number_type();
  file.tensors.emplace_back("images", problem.data.train.images.cast(dtype));
  file.tensors.emplace_back("labels", problem.data.train.labels);
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    file.tensors.emplace_back(parameters_[i], state.parameters[i]);
  const fs::path path = folder_.path / "model.safetensors";
  write_safetensors(path, file);
  request["do"] = "model";
  request["file"] = path.string();
  return ask(*process_, request)["variants"];
}

std::vector<Array> Peer::gradient(const std::string& method, const std::string& variant) {
  const fs::path path = folder_.path / "gradient.safetensors";
  ask(*process_,
      {{"do", "gradient"}, {"method", method}, {"variant", variant}, {"file", path.string()}});
  const TensorFile file = read_safetensors(path);
  std::vector<Array> result;
  for (const std::string& name : parameters_) result.push_back(file.at(name));
  return result;
}

std::string Peer::choose(const std::string& method, double seconds) {
  return ask(*process_, {{"do", "choose"}, {"method", method}, {"seconds", seconds}})["variant"];
}

std::vector<double> Peer::timed_block(const std::string& method, const BlockTiming& timing) {
  return ask(*process_, {{"do", "time"},
                         {"method", method},
                         {"seconds", timing.seconds},
                         {"settle", timing.settle},
                         {"lead", timing.lead}})["ms"];
}

double Peer::step_memory(const Problem& problem, const std::string& method,
                         const std::string& variant) const {
  Json request = model_request(problem);
  const auto sizes = [](const Shape& shape) {
    return std::vector<Index>(shape.begin(), shape.end());
  };
  request["shapes"] = {{"images", sizes(problem.batch_shape())},
                       {"labels", {problem.options.batch}}};
  for (const ParameterInfo& p : problem.model.parameter_info())
    request["shapes"][p.name] = sizes(p.shape);
  request["do"] = "memory";
  request["dtype"] = problem.options.dtype;
  request["method"] = method;
  request["variant"] = variant;
  const std::unique_ptr<Subprocess> fresh = start();
  ask(*fresh, hello());
  return ask(*fresh, request)["mib"];
}

}  // namespace twice::experiments
