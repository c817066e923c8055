// Runs in turns, and processes of their own.
#include "experiments/commands/profile/measure.h"

#include <malloc.h>

#include <algorithm>

#include "autodiff/kernels/matmul.h"
#include "autodiff/threads/threads.h"
#include "experiments/files/json.h"
#include "experiments/measure/memory.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

std::vector<double> StepMeasurement::median_ms() const {
  std::vector<double> result;
  for (std::size_t s = 0; s < times.steps(); ++s)
    result.push_back(quantile(times.sorted(s), 0.5) * 1e3);
  return result;
}

StepMeasurement measure_steps(OurStep& step, double seconds, const TimingProgress& progress) {
  using Clock = std::chrono::steady_clock;
  const std::size_t parts = step.plan().program().steps.size() + 1;
  StepMeasurement result{StepTimes(parts, most_rounds), {}, {}};
  const auto with_readings = [&] { step.run_timed(result.times.next_run()); };
  const auto without = [&] { step.run(); };
  const auto seconds_of = [](const auto& work) {
    const auto before = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - before).count();
  };
  step.run();
  const auto start = Clock::now();
  double reported = 0;
  for (int round = 0; round < most_rounds && !stop_requested(); ++round) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    progress(elapsed - reported);
    reported = elapsed;
    if (round >= least_rounds && elapsed > seconds) break;
    // Who goes first changes, so that neither kind always finds the other's caches.
    if (round % 2 == 0) result.timed.push_back(seconds_of(with_readings));
    result.untimed.push_back(seconds_of(without));
    if (round % 2 == 1) result.timed.push_back(seconds_of(with_readings));
  }
  return result;
}

RowMemory row_memory(const Problem& problem, const RowKind& kind) {
  const Shape& images = problem.data.train.images.shape();
  const Json request = {{"options", to_json(problem.options)},
                        {"image", {images[1], images[2], images[3]}},
                        {"classes", problem.data.train.classes},
                        {"row", kind.name},
                        {"method", kind.method ? kind.method->name : ""}};
  const std::vector<double> mib =
      numbers_of_fresh_process({"profile", "--measure-memory", request.dump()}, kind.name);
  return mib.size() == 2 ? RowMemory{mib[0], mib[1]} : RowMemory{};
}

std::string row_memory_here(const std::string& request) {
  const Json asked = Json::parse(request);
  const RunOptions options = run_options(asked.at("options"));
  const auto image = asked.at("image").get<std::vector<Index>>();
  set_threads(options.threads);
  // Whatever is large shall come from the system anew, never from memory that was freed before.
  mallopt(M_MMAP_THRESHOLD, 1 << 16);
  const std::string method = asked.at("method");
  RowKind kind;
  for (const RowKind& k :
       row_kinds(method.empty() ? std::vector<std::string>{} : std::vector<std::string>{method}))
    if (k.name == asked.at("row")) kind = k;
  // Every thread's buffers of the product kernel, which the process keeps, are there before.
  const Array a = Array::filled({1024, 1024}, options.number_type(), 1);
  kernel::matmul(a, a, false, false, Array({1024, 1024}, options.number_type()));
  std::optional<Problem> problem;
  Point point;
  std::optional<RowProgram> row;
  const double all = memory_rise([&] {
    problem = random_problem(options, {Shape(image), asked.at("classes")});
    if (!kind.method)
      point.state = initial_state(problem->model, options.seed, options.number_type());
    if (kind.kind == "hvp")
      for (const Array& w : point.state.parameters) point.direction.push_back(w.clone());
    row.emplace(*problem, kind, point);
    row->run();
  });

  if (kind.method) point.state = initial_state(problem->model, options.seed, options.number_type());
  // Once more, where all that kernels keep is there already: what is new are the arena's pages.
  const RecordedRow again = record_row(*problem, kind, point);
  Plan plan = plan_row(*problem, kind, again);
  const Array images = problem->data.train.images.cast(options.number_type());
  const double before = anonymous_mib();
  plan.run({{again.x, images}, {again.y, problem->data.train.labels}});
  return fmt::format("{} {}", all, anonymous_mib() - before);
}

}  // namespace twice::experiments
