// Recording, planning and timing our own steps.
#include "experiments/measure/our_step.h"

#include <chrono>
#include <thread>

#include "autodiff/kernels/random.h"

namespace twice::experiments {

Examples usual_examples(const RunOptions& options) {
  return {options.model == "mlp" ? Shape{28, 28, 1} : Shape{32, 32, 3}, 10};
}

Problem random_problem(const RunOptions& options, const Examples& examples) {
  // What these numbers are drawn for; training draws for other uses.
  constexpr std::uint64_t images_use = 0xbe1c;
  const auto& [image, classes] = examples;
  DataSplit data;
  data.train = {"random", Array({options.batch, image[0], image[1], image[2]}, DType::f32),
                Array({options.batch}, DType::i32), classes};
  fill_normal(Rng(options.seed, 0, images_use), 0, 1, data.train.images);
  for (Index i = 0; i < options.batch; ++i)
    data.train.labels.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % classes);
  data.test = data.train;
  return make_problem(options, std::move(data));
}

OurStep::OurStep(const Problem& problem, const Method& method)
    : method_(method),
      state_(initial_state(problem.model, problem.options.seed_of_weights(),
                           problem.options.number_type())),
      recorded_(record_step(problem, method, state_)),
      plan_(plan_step(recorded_, problem.options, method)),
      optimizer_(optimizer_options(problem.options)),
      gradient_(plan_.values(recorded_.estimate.gradient)),
      images_(problem.data.train.images.cast(problem.options.number_type())),
      labels_(problem.data.train.labels) {
  plan_.run({{recorded_.x, images_}, {recorded_.y, labels_}});
}

void OurStep::run() {
  plan_.run();
  optimizer_.update(state_.parameters, gradient_);
}

void OurStep::run_timed(std::span<ClockReading> readings) {
  plan_.run_timed(readings.first(readings.size() - 1));
  optimizer_.update(state_.parameters, gradient_);
  readings.back() = std::chrono::steady_clock::now();
}

std::vector<Array> OurStep::gradient() {
  plan_.run();
  std::vector<Array> result;
  for (const Array& g : gradient_) result.push_back(g.clone());
  return result;
}

std::vector<double> timed_block(const std::function<void()>& step, const BlockTiming& timing) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::this_thread::sleep_for(std::chrono::duration<double>(timing.settle));
  for (const auto start = Clock::now(); seconds_since(start) < timing.lead;) step();
  std::vector<double> times;
  for (const auto start = Clock::now(); times.empty() || seconds_since(start) < timing.seconds;) {
    const auto before = Clock::now();
    step();
    times.push_back(seconds_since(before) * 1e3);
  }
  return times;
}

}  // namespace twice::experiments
