#include "autodiff/profile/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "autodiff/kernels/random.h"
#include "autodiff/profile/clock.h"
#include "autodiff/threads/threads.h"

namespace twice {

namespace {

/// The median seconds of several calls. `prepare` runs before each call and is not timed.
double typical_seconds(const std::function<void()>& prepare, const std::function<void()>& work) {
  constexpr double enough = 3e-3, longest = 0.1;
  constexpr std::size_t least = 3, most = 300;
  const auto once = [&] {
    prepare();
    const ClockReading start = ClockReading::clock::now();
    work();
    return std::chrono::duration<double>(ClockReading::clock::now() - start).count();
  };
  double total = once();  // with cold caches
  std::vector<double> seconds;
  do {
    seconds.push_back(once());
    total += seconds.back();
  } while (total < longest && seconds.size() < most && (total < enough || seconds.size() < least));
  const auto middle = seconds.begin() + std::ssize(seconds) / 2;
  std::ranges::nth_element(seconds, middle);
  return *middle;
}

/// True if the step writes its output over this input.
bool overwrites(const Program& program, const Step& step, int input) {
  const Value &from = program.values[static_cast<std::size_t>(root(program, input))],
              &to = program.values[static_cast<std::size_t>(root(program, step.output))];
  return from.place == Value::Place::arena && to.place == Value::Place::arena &&
         from.offset == to.offset;
}

/// The op of one step, with its own arrays.
class Kernel {
 public:
  Kernel(const Program& program, const Step& step) : op_(*step.op) {
    std::map<int, Array> of_root;
    for (const int input : step.inputs) {
      const int at = root(program, input);
      const Spec& spec = program.values[static_cast<std::size_t>(input)].spec;
      Array& array = of_root[at];
      if (array.empty()) {
        // Index 0 is always valid. Floats are positive, so logarithms and roots are finite.
        array = Array::filled(spec.shape, spec.dtype, 0);
        if (is_float(spec.dtype)) fill_uniform(Rng(of_root.size()), 0.25, 1, array);
      }
      arrays_.push_back(Array::over(array.raw(), spec.shape, spec.dtype));
      if (overwrites(program, step, input)) overwritten_ = array;
      kept_.push_back(array);
    }
    for (const Array& array : arrays_) inputs_.push_back(&array);
    const Spec& spec = program.values[static_cast<std::size_t>(step.output)].spec;
    if (overwritten_.empty())
      y_ = Array(spec.shape, spec.dtype);
    else
      y_ = Array::over(overwritten_.raw(), spec.shape, spec.dtype), saved_ = overwritten_.clone();
    workspace_ = aligned_storage(step.workspace_bytes);
  }

  double seconds() const {
    return typical_seconds(
        [&] {
          if (!saved_.empty()) copy(saved_, overwritten_);
        },
        [&] { op_.run(Inputs(inputs_), y_, workspace_.get()); });
  }

 private:
  const Op& op_;
  std::vector<Array> kept_, arrays_;
  std::vector<const Array*> inputs_;
  Array y_, overwritten_, saved_;
  std::shared_ptr<std::byte> workspace_;
};

/// Steps with the same text run the same code on the same shapes.
std::string kernel_text(const Program& program, const Step& step) {
  std::string text = fmt::format("{} {}", step.op->name(), step.op->attributes());
  std::vector<int> roots;
  for (const int input : step.inputs) {
    const int at = root(program, input);
    roots.push_back(at);
    text += fmt::format(" {}:{}{}", std::ranges::find(roots, at) - roots.begin(),
                        str(program.values[static_cast<std::size_t>(input)].spec),
                        overwrites(program, step, input) ? " overwritten" : "");
  }
  return text;
}

/// Seconds, by level, to move these bytes at the rates of their reuse distances.
std::array<double, cache_levels> data_seconds(const std::vector<Reuse>& reuse, const Peak& peak) {
  std::array<double, cache_levels> seconds{};
  for (const Reuse& r : reuse)
    seconds[static_cast<std::size_t>(peak.level(r.distance))] +=
        r.bytes / (1e9 * peak.gbs_at(r.distance));
  return seconds;
}

double sum(const std::array<double, cache_levels>& parts) {
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

/// The seconds of a kernel alone, with all threads and with one.
struct Alone {
  double seconds, by_one;
};

Alone time_alone(const std::function<double()>& seconds) {
  const int all = threads();
  Alone alone{seconds(), 0};
  if (all > 1) {
    set_threads(1);
    alone.by_one = seconds();
    set_threads(all);
  }
  return alone;
}

}  // namespace

double Prediction::memory() const { return sum(data); }

Prediction& Prediction::operator+=(const Prediction& other) {
  compute += other.compute, overhead += other.overhead, waiting += other.waiting;
  for (std::size_t level = 0; level < data.size(); ++level) data[level] += other.data[level];
  return *this;
}

std::vector<Limit> parts_of(const Prediction& p) {
  std::vector<Limit> parts = {{"compute", p.compute}};
  for (int level = 0; level < cache_levels; ++level)
    parts.push_back({std::string(level_name(level)), p.data[static_cast<std::size_t>(level)]});
  parts.push_back({"overhead", p.overhead});
  parts.push_back({"waiting", p.waiting});
  return parts;
}

Limit limit_of(const Prediction& prediction) {
  const std::vector<Limit> parts = parts_of(prediction);
  return *std::ranges::max_element(parts, {}, &Limit::seconds);
}

std::vector<Prediction> predict(const Program& program, const Peak& peak, const Update& update) {
  std::vector<std::vector<Region>> cycle = regions_of(program);
  if (update.alone) cycle.push_back(update.touched);
  const std::vector<std::vector<Reuse>> reuse = reuse_of(cycle);
  const double start = peak.start_after(footprint(cycle)), clock = clock_reading_seconds();

  std::map<std::string, Alone> known;
  std::vector<Prediction> result;
  for (std::size_t s = 0; s < cycle.size(); ++s) {
    const bool is_step = s < program.steps.size();
    const std::string text = is_step ? kernel_text(program, program.steps[s]) : "";
    auto found = known.find(text);
    if (found == known.end()) {
      const auto time = [&] {
        return is_step ? Kernel(program, program.steps[s]).seconds()
                       : typical_seconds([] {}, update.alone);
      };
      found = known.emplace(text, time_alone(time)).first;
    }
    const double seconds = std::max(0.0, found->second.seconds - clock),
                 by_one = found->second.by_one;

    // Timed alone, a kernel reads its data from the nearest cache that holds all of it.
    const std::array<double, cache_levels> own = data_seconds(reuse_of({cycle[s]})[0], peak);
    Prediction p;
    p.data = data_seconds(reuse[s], peak);
    p.overhead = start;
    const double computing = std::max(0.0, seconds - sum(own));
    if (by_one > 0) {
      const double ideal = std::max(0.0, by_one - clock) / peak.threads;
      p.waiting = std::clamp(seconds - ideal, 0.0, computing);
    }
    p.compute = computing - p.waiting;
    // A kernel hides a part of the time for its data if it computes while the data arrive.
    const double hidden = std::max(0.0, sum(own) - seconds);
    if (const double all = sum(p.data); all > 0)
      for (double& part : p.data) part *= std::max(0.0, all - hidden) / all;
    result.push_back(p);
  }
  return result;
}

}  // namespace twice
