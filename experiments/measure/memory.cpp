// Resident memory, from /proc/self/status.
#include "experiments/measure/memory.h"

#include <fstream>
#include <sstream>

#include "autodiff/kernels/matmul.h"
#include "autodiff/threads/threads.h"
#include "experiments/files/json.h"
#include "experiments/measure/our_step.h"
#include "experiments/measure/subprocess.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

/// A line such as `VmRSS:   123456 kB` of a file, in MiB.
double mib_in(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) / 1024;
  fail("memory", "{} has no {}", path, name);
}

double status_mib(const std::string& name) { return mib_in("/proc/self/status", name); }

}  // namespace

double memory_rise(const std::function<void()>& work) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the high-water mark starts anew
  const double before = status_mib("VmRSS"), files_before = status_mib("RssFile");
  work();
  const double most = status_mib("VmHWM"), files = status_mib("RssFile");
  return most - before - (files - files_before);
}

double anonymous_mib() { return mib_in("/proc/self/smaps_rollup", "Anonymous"); }

std::vector<double> numbers_of_fresh_process(const std::vector<std::string>& arguments,
                                             const std::string& what) {
  std::vector<std::string> words = {"/proc/self/exe"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  Subprocess process(words);
  const std::optional<std::string> line = process.read_line();
  std::vector<double> numbers;
  if (stop_requested()) return numbers;
  std::istringstream stream(line.value_or(""));
  for (double number = 0; stream >> number;) numbers.push_back(number);
  if (numbers.empty()) {
    process.wait();
    fail("memory", "measuring the memory of {} failed: {}", what, process.last_error());
  }
  return numbers;
}

double step_memory_here(const std::string& request) {
  const Json asked = Json::parse(request);
  const RunOptions options = run_options(asked.at("options"));
  const auto image = asked.at("image").get<std::vector<Index>>();
  set_threads(options.threads);
  const Problem problem = random_problem(options, {Shape(image), asked.at("classes")});
  const DType dtype = options.number_type();
  const Array small = Array::filled({4, 4}, dtype, 1), product({4, 4}, dtype);
  kernel::matmul(small, small, false, false, product);

  std::optional<OurStep> step;
  return memory_rise([&] {
    step.emplace(problem, method(options.methods.at(0)));
    step->run();
    step->run();
  });
}

double step_memory(const RunOptions& options, std::string_view method, const Examples& examples) {
  RunOptions one = options;
  one.methods = {std::string(method)};
  const Json request = {{"options", to_json(one)},
                        {"image", std::vector<Index>(examples.image.begin(), examples.image.end())},
                        {"classes", examples.classes}};
  const std::vector<double> mib =
      numbers_of_fresh_process({"bench", "--measure-memory", request.dump()}, std::string(method));
  return mib.empty() ? 0 : mib[0];
}

}  // namespace twice::experiments
