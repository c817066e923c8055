// Resident memory, from /proc/self/status.
#include "experiments/bench/memory.h"

#include <fstream>
#include <sstream>

#include "autodiff/array/matmul.h"
#include "autodiff/array/parallel.h"
#include "experiments/bench/our_step.h"
#include "experiments/bench/subprocess.h"
#include "experiments/run/stop.h"

namespace twice {

namespace {

/// A line such as `VmRSS:   123456 kB`, in MiB.
double status_mib(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) / 1024;
  fail("memory", "/proc/self/status has no {}", name);
}

}  // namespace

double step_memory_here(const std::string& request) {
  const nlohmann::json asked = nlohmann::json::parse(request);
  const RunOptions options = run_options(asked.at("options"));
  const auto image = asked.at("image").get<std::vector<Index>>();
  set_threads(options.threads);
  const Problem problem = random_problem(options, {Shape(image), asked.at("classes")});
  const DType dtype = options.number_type();
  const Array small = Array::filled({4, 4}, dtype, 1), product({4, 4}, dtype);
  matmul(small, small, false, false, product);

  std::ofstream("/proc/self/clear_refs") << "5";  // the high-water mark starts anew
  const double before = status_mib("VmRSS"), files_before = status_mib("RssFile");
  OurStep step(problem, method(options.methods.at(0)));
  step.run();
  step.run();
  const double most = status_mib("VmHWM"), files = status_mib("RssFile");
  return most - before - (files - files_before);
}

double step_memory(const RunOptions& options, std::string_view method, const Examples& examples) {
  RunOptions one = options;
  one.methods = {std::string(method)};
  const nlohmann::json request = {
      {"options", to_json(one)},
      {"image", std::vector<Index>(examples.image.begin(), examples.image.end())},
      {"classes", examples.classes}};
  Subprocess process({"/proc/self/exe", "bench", "--measure-memory", request.dump()});
  const std::optional<std::string> line = process.read_line();
  if (stop_requested()) return 0;
  double mib = 0;
  if (!line || !(std::istringstream(*line) >> mib)) {
    process.wait();
    fail("memory", "measuring the memory of {} failed: {}", method, process.last_error());
  }
  return mib;
}

}  // namespace twice
