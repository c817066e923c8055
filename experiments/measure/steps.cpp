// Records, counts and times steps, and measures their memory.
#include "experiments/measure/steps.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

#include "autodiff/kernels/matmul.h"
#include "autodiff/kernels/random.h"
#include "autodiff/threads/threads.h"
#include "experiments/files/process.h"
#include "experiments/measure/noise.h"
#include "experiments/measure/statistics.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

Dataset image_examples(const Shape& image, int classes) {
  return labelled("", {{0, image[0], image[1], image[2]}, DType::f32}, {{0}, DType::i32}, classes);
}

Dataset usual_examples(const RunOptions& options) {
  const Shape usual = options.model == "mlp" ? Shape{28, 28, 1} : Shape{32, 32, 3};
  Dataset examples = image_examples(
      options.input ? synthetic_options(options.input, options.classes).image : usual,
      options.classes.value_or(10));
  if (!options.loss || row_named("loss", registry().losses(), *options.loss).takes_classes)
    return examples;
  examples.arrays[1] = {"targets", {{0, examples.classes}, DType::f32}};
  examples.classes = 0;
  return examples;
}

Json shapes_of(const Dataset& examples) {
  Json arrays = Json::array();
  for (const auto& [name, array] : examples.arrays) {
    const std::vector<Index> shape(array.shape().begin(), array.shape().end());
    arrays.push_back(
        {{"name", name}, {"shape", shape}, {"dtype", static_cast<int>(array.dtype())}});
  }
  return {{"arrays", arrays}, {"classes", examples.classes}};
}

Dataset without_examples(const Json& shapes) {
  Dataset examples{"", {}, shapes.at("classes")};
  for (const Json& one : shapes.at("arrays")) {
    std::vector<Index> shape = one.at("shape");
    shape[0] = 0;
    examples.arrays.emplace_back(
        one.at("name"), Array(Shape(shape), static_cast<DType>(one.at("dtype").get<int>())));
  }
  return examples;
}

Problem random_problem(const RunOptions& options, const Dataset& like) {
  if (!options.problem.empty()) return one_batch(make_problem(options));
  // The `use` of this random stream. Training has other uses.
  constexpr std::uint64_t images_use = 0xbe1c;
  DataSplit data;
  data.train = {"random", {}, like.classes};
  for (std::uint64_t k = 0; const auto& [name, one] : like.arrays) {
    Shape shape = one.shape();
    shape[0] = options.batch;
    const Array array(shape, one.dtype());
    if (is_float(one.dtype()))
      fill_normal(Rng(options.seed, k, images_use), 0, 1, array);
    else
      for (Index i = 0; i < array.elements(); ++i)
        array.set(i, static_cast<double>(i % std::max(like.classes, 1)));
    ++k;
    data.train.arrays.emplace_back(name, array);
  }
  data.test = data.train;
  return make_problem(options, std::move(data));
}

OurStep::OurStep(const Problem& problem, const Method& method, int program)
    : method_(method),
      state_(initial_state(problem.model, problem.options.seed_of_weights(),
                           problem.options.number_type())),
      recorded_(record_step(problem, method, state_, program)),
      plan_(plan_step(recorded_, problem.options, method)),
      optimizer_(optimizer_options(problem.options)),
      gradient_(plan_.values(recorded_.estimate.gradient)) {
  plan_.run(recorded_.bind(problem.data.train));
}

void OurStep::run() {
  plan_.run();
  optimizer_.update(state_.parameters, gradient_);
}

void OurStep::run_timed(std::span<ClockReading> readings) {
  plan_.run_timed(readings.first(readings.size() - 1));
  optimizer_.update(state_.parameters, gradient_);
  readings.back() = ClockReading::clock::now();
}

std::vector<Array> OurStep::gradient() {
  plan_.run();
  std::vector<Array> result;
  for (const Array& g : gradient_) result.push_back(g.clone());
  return result;
}

std::vector<Prediction> predict(const OurStep& step, const Peak& peak) {
  const Program& program = step.plan().program();
  std::vector<Array> weights, gradient;
  Update update;
  std::uint64_t end = 0;
  const auto touch = [&](const Region& region) {
    update.touched.push_back(region);
    end = std::max(end, region.begin + region.bytes);
  };
  for (int v = 0; v < std::ssize(program.values); ++v)
    if (program.values[static_cast<std::size_t>(v)].kind == NodeKind::parameter)
      touch(region_of(program, v));
  for (const int output : program.outputs) touch(region_of(program, output));
  for (const auto& [name, memory] : step.optimizer().state()) touch({end, memory.bytes()});
  for (const Array& w : step.state().parameters) {
    weights.push_back(w.clone());
    gradient.push_back(Array::filled(w.shape(), w.dtype(), 1e-3));
  }
  Optimizer optimizer(step.optimizer().options());
  update.alone = [&] { optimizer.update(weights, gradient); };
  return predict(program, peak, update);
}

double seconds_since(ClockReading start) {
  return std::chrono::duration<double>(ClockReading::clock::now() - start).count();
}

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Rounds::Rounds(double seconds, TimingProgress progress, int least, int most)
    : seconds_(seconds), progress_(std::move(progress)), least_(least), most_(most) {}

bool Rounds::next() {
  const double now = seconds_since(start_);
  if (begun_ > 0) longest_ = std::max(longest_, now - began_);
  began_ = now;
  report();
  if (stop_requested() || begun_ >= most_) return false;
  return begun_++ < least_ || now + longest_ <= seconds_;
}

void Rounds::report() {
  const double now = seconds_since(start_);
  progress_(now - reported_);
  reported_ = now;
}

std::vector<std::vector<double>> timed_in_turns(const std::vector<std::function<void()>>& work,
                                                double seconds, const TimingProgress& progress) {
  std::vector<std::vector<double>> samples(work.size());
  for (Rounds rounds(seconds, progress, least_rounds, most_rounds); rounds.next();)
    for (std::size_t i = 0; i < work.size(); ++i) {
      const ClockReading before = ClockReading::clock::now();
      work[i]();
      samples[i].push_back(seconds_since(before) * 1e3);
    }
  return samples;
}

std::vector<double> timed_block(const std::function<void()>& step, const BlockTiming& timing) {
  std::this_thread::sleep_for(std::chrono::duration<double>(timing.settle));
  for (const ClockReading start = ClockReading::clock::now(); seconds_since(start) < timing.lead;)
    step();
  std::vector<double> times;
  const ClockReading start = ClockReading::clock::now();
  while (times.empty() || seconds_since(start) < timing.seconds) {
    const ClockReading before = ClockReading::clock::now();
    step();
    times.push_back(seconds_since(before) * 1e3);
  }
  return times;
}

Spread spread_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  return {quantile(samples, 0.5), samples.front(),
          quantile(samples, 0.75) - quantile(samples, 0.25)};
}

void StepCounts::add(double share, const Cost& cost) {
  flops += share * cost.flops;
  bytes += share * cost.bytes;
  products += share * cost.products;
  small_products += share * cost.small_products;
}

std::vector<double> program_shares(const Problem& problem, const Method& method) {
  if (method.programs == 1) return {1};
  constexpr std::size_t most = 1000;
  std::vector<int> taken(2 * most);
  for (std::size_t step = 0; step < taken.size(); ++step)
    taken[step] = program_of(problem, method, static_cast<Index>(step));
  std::size_t period = 1;
  while (period < most && !std::equal(taken.begin() + static_cast<std::ptrdiff_t>(period),
                                      taken.end(), taken.begin()))
    ++period;
  std::vector<double> shares(static_cast<std::size_t>(method.programs));
  for (std::size_t step = 0; step < period; ++step)
    shares[static_cast<std::size_t>(taken[step])] += 1 / static_cast<double>(period);
  return shares;
}

std::string program_words(int programs, int program, double share) {
  if (programs == 1) return "";
  return fmt::format(", program {} of 0 to {} ({:.3g} % of the steps)", program, programs - 1,
                     100 * share);
}

double bytes_of_update(const Optimizer& optimizer, std::span<const Array> parameters) {
  double bytes = 0;
  for (const Array& w : parameters) bytes += 3.0 * static_cast<double>(w.bytes());
  for (const auto& [name, memory] : optimizer.state())
    bytes += 2.0 * static_cast<double>(memory.bytes());
  return bytes;
}

StepCost mean_cost(std::string_view method, const std::vector<double>& shares,
                   std::span<const Plan* const> plans,
                   std::span<const std::vector<double>> samples) {
  constexpr double mib = 1 << 20;
  StepCost mean{std::string(method)};
  if (!samples.empty()) mean.samples.resize(samples[0].size());
  for (std::size_t p = 0; p < shares.size(); ++p) {
    const Program& program = plans[p]->program();
    const Ledger costs = ledger(program);
    mean.total.add(shares[p], costs.total());
    for (std::size_t phase = 0; phase < phase_count; ++phase)
      mean.phases[phase].add(shares[p], costs.phases[phase]);
    mean.peak_mib = std::max(mean.peak_mib, static_cast<double>(program.peak_bytes()) / mib);
    mean.arena_mib = std::max(mean.arena_mib, static_cast<double>(program.arena_bytes) / mib);
    for (std::size_t round = 0; round < mean.samples.size(); ++round)
      mean.samples[round] += shares[p] * samples[p][round];
  }
  return mean;
}

StepCost planned_cost(const Problem& problem, const Method& method) {
  const DType dtype = problem.options.number_type();
  // Counts do not depend on the values of the parameters.
  ModelState state{{}, problem.model.initial_buffers(dtype)};
  for (const ParameterInfo& parameter : problem.model.parameter_info())
    state.parameters.emplace_back(parameter.shape, dtype);
  std::vector<Plan> plans;
  std::vector<const Plan*> all;
  for (int program = 0; program < method.programs; ++program)
    plans.push_back(
        plan_step(record_step(problem, method, state, program), problem.options, method));
  for (const Plan& plan : plans) all.push_back(&plan);
  return mean_cost(method.name, program_shares(problem, method), all);
}

MethodSteps::MethodSteps(const Problem& problem, const Method& method)
    : shares_(program_shares(problem, method)) {
  for (int program = 0; program < method.programs; ++program)
    steps_.push_back(std::make_unique<OurStep>(problem, method, program));
}

std::vector<double> MethodSteps::timed_block(const BlockTiming& timing,
                                             const std::function<void()>& after_step) const {
  double mean = 0;
  for (std::size_t p = 0; p < steps_.size(); ++p) {
    BlockTiming part = timing;
    part.seconds *= shares_[p];
    std::vector<double> times = experiments::timed_block(
        [&] {
          steps_[p]->run();
          if (after_step) after_step();
        },
        part);
    if (steps_.size() == 1) return times;
    mean += shares_[p] * median(times);
  }
  return {mean};
}

double MethodSteps::predicted_seconds(const Peak& peak) const {
  double mean = 0;
  for (std::size_t p = 0; p < steps_.size(); ++p) {
    Prediction sum;
    for (const Prediction& part : predict(*steps_[p], peak)) sum += part;
    mean += shares_[p] * sum.seconds();
    end_if_stopped();
  }
  return mean;
}

StepCost MethodSteps::cost(std::span<const std::vector<double>> samples) const {
  std::vector<const Plan*> plans;
  for (const auto& step : steps_) plans.push_back(&step->plan());
  return mean_cost(method().name, shares_, plans, samples);
}

std::vector<StepCost> step_costs(const Problem& problem, const std::vector<const Method*>& methods,
                                 double seconds, const TimingProgress& progress) {
  const Problem batch = one_batch(problem);
  std::vector<MethodSteps> all;
  std::vector<std::function<void()>> work;
  for (const Method* m : methods)
    for (const auto& step : all.emplace_back(batch, *m).steps()) {
      step->run();
      work.push_back([&step = *step] { step.run(); });
    }
  const std::vector<std::vector<double>> samples = timed_in_turns(work, seconds, progress);
  std::vector<StepCost> costs;
  std::span left(samples);
  for (const MethodSteps& one : all) {
    costs.push_back(one.cost(left.first(one.steps().size())));
    left = left.subspan(one.steps().size());
  }
  return costs;
}

Json count_json(double mean) {
  const double whole = std::round(mean);
  return std::abs(mean - whole) < 1e-9 ? Json(static_cast<std::int64_t>(whole)) : Json(mean);
}

Json count_fields(const StepCost& cost) {
  const StepCounts& total = cost.total;
  return {{"products", count_json(total.products)},
          {"small_products", count_json(total.small_products)},
          {"gflop", total.flops / 1e9},
          {"peak_mib", cost.peak_mib}};
}

Json cost_fields(const Problem& problem, const StepCost& cost) {
  const ProductLaw law = expected_law(problem, method(cost.method));
  const Spread ms = cost.ms();
  Json row = count_fields(cost);
  row.update({{"model", problem.label()},
              {"method", cost.method},
              {"threads", threads()},
              {"ms", ms.median},
              {"ms_min", ms.least},
              {"ms_iqr", ms.iqr},
              {"ms_interval", to_json(median_interval(cost.samples))},
              {"samples", cost.samples.size()},
              {"products_law", expected_products(problem, law)},
              {"products_law_text", str(law)}});
  return row;
}

namespace {

/// The number in a line such as `VmRSS: 123456 kB` of a file, in MiB.
double mib_in(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) / 1024;
  fail("memory", "{} has no {}", path, name);
}

double status_mib(const std::string& name) { return mib_in("/proc/self/status", name); }

}  // namespace

double memory_rise(const std::function<void()>& work) {
  std::ofstream("/proc/self/clear_refs") << "5";  // resets the high-water mark
  const double before = status_mib("VmRSS"), files_before = status_mib("RssFile");
  work();
  const double most = status_mib("VmHWM"), files = status_mib("RssFile");
  return most - before - (files - files_before);
}

double anonymous_mib() { return mib_in("/proc/self/smaps_rollup", "Anonymous"); }

std::vector<double> memory_in_fresh_processes(const std::string& command, const Problem& problem,
                                              std::string_view row, int programs) {
  // A program whose main ignores its arguments would start itself again and again.
  std::ifstream words("/proc/self/cmdline");
  for (std::string word; std::getline(words, word, '\0');)
    if (word == "--measure-memory")
      fail("memory", "{} was not measured: main must pass its arguments to App::run", row);
  std::vector<double> most;
  for (int program = 0; program < programs; ++program) {
    const Json request = {{"options", to_json(problem.options)},
                          {"examples", shapes_of(problem.data.train)},
                          {"row", row},
                          {"program", program}};
    Process process({"/proc/self/exe", command, "--measure-memory", request.dump()});
    const std::optional<std::string> answer = process.read_line(stop_requested);
    if (stop_requested()) return {};
    std::istringstream line(answer.value_or(""));
    const std::vector<double> numbers(std::istream_iterator<double>(line), {});
    if (numbers.empty()) {
      process.wait();
      fail("memory", "measuring the memory of {} failed: {}", row, last_line(process.errors()));
    }
    most.resize(numbers.size());
    std::ranges::transform(numbers, most, most.begin(), std::ranges::max);
  }
  return most;
}

double step_memory(const Problem& problem, std::string_view name) {
  const std::vector<double> mib =
      memory_in_fresh_processes("bench", problem, name, method(name).programs);
  return mib.empty() ? 0 : mib[0];
}

double step_memory_here(const std::string& request) {
  const Json asked = Json::parse(request);
  const RunOptions options = run_options(asked.at("options"));
  set_threads(options.threads);
  const Problem problem = random_problem(options, without_examples(asked.at("examples")));
  const DType dtype = options.number_type();
  const Array small = Array::filled({4, 4}, dtype, 1), product({4, 4}, dtype);
  kernel::matmul(small, small, false, false, product);

  std::optional<OurStep> step;
  return memory_rise([&] {
    step.emplace(problem, method(asked.at("row").string()), asked.at("program").get<int>());
    step->run();
    step->run();
  });
}

}  // namespace twice::experiments
