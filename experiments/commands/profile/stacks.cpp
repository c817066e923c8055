// Steps summed by stack.
#include "experiments/commands/profile/stacks.h"

#include <fmt/core.h>

#include <algorithm>

#include "experiments/commands/profile/step_times.h"
#include "experiments/report/html.h"

namespace twice::experiments {

namespace {

std::string frame(const Json& object, const char* key) {
  return replace_all(one_line(text(object, key)), ";", ",");
}

}  // namespace

std::string collapsed_stacks(const Json& record) {
  std::vector<std::pair<std::string, long long>> stacks;
  for (const StepTime& time : step_times(record)) {
    const std::string stack = frame(record, "method") + ";" + frame(time.step, "phase") + ";" +
                              frame(time.step, "layer") + ";" + frame(time.step, "label");
    auto found = std::ranges::find(stacks, stack, &std::pair<std::string, long long>::first);
    if (found == stacks.end()) found = stacks.insert(found, {stack, 0});
    found->second += time.end_ns - time.begin_ns;
  }
  std::string lines;
  for (const auto& [stack, nanoseconds] : stacks)
    lines += fmt::format("{} {}\n", stack, nanoseconds);
  return lines;
}

}  // namespace twice::experiments
