// Tests that the trainer applies every option. Compares runs given by command-line options with
// runs computed here. The library provides only the gradient of the loss at a point. Batches,
// methods, clipping, schedules, updates and running statistics are a few lines of arithmetic in
// float64. An option that the trainer loses changes the numbers.
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "autodiff/autodiff.h"
#include "experiments/run/trainer.h"
#include "nn/models.h"

using namespace twice;
using namespace twice::experiments;

namespace {

using Vector = std::vector<double>;
using Words = std::vector<std::string>;

/// The options of a command line, as `train` reads them, after a round trip through a record.
RunOptions options_of(const Words& words) {
  RunOptions options;
  OptionSet set;
  declare(set, options);
  set.parse(words);
  complete(options, {"exact"});
  return run_options(to_json(options));
}

DataSplit small_data() {
  SyntheticOptions options;
  options.train = 26;
  options.test = 300;  // more than one evaluation batch
  options.image = {8, 8, 1};
  options.classes = 3;
  return synthetic_data(options);
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double length(const Vector& a) { return std::sqrt(dot(a, a)); }

/// a + factor b
Vector added(Vector a, double factor, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += factor * b[i];
  return a;
}

Vector product(Vector a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
  return a;
}

Vector flattened(const std::vector<Array>& arrays) {
  Vector result;
  for (const Array& array : arrays)
    for (Index i = 0; i < array.elements(); ++i) result.push_back(array.data<double>()[i]);
  return result;
}

void spread(const Vector& from, const std::vector<Array>& arrays) {
  auto next = from.begin();
  for (const Array& array : arrays)
    for (Index i = 0; i < array.elements(); ++i) array.data<double>()[i] = *next++;
}

/// Loss, gradient and new running statistics of a model on a batch at any point.
class Loss {
 public:
  Loss(const Problem& problem, const ModelState& state)
      : problem_(problem), state_(state), plan_(recorded()) {}

  struct Value {
    double loss;
    Vector gradient, statistics;
  };
  Value at(const Vector& w, const Vector& statistics, const Dataset& batch) {
    spread(w, state_.parameters);
    spread(statistics, state_.buffers);
    plan_.run({{x_, batch.inputs()}, {y_, batch.targets()}});
    return {plan_.value(loss_).item(), flattened(plan_.values(gradient_)),
            flattened(plan_.values(updated_))};
  }

 private:
  Plan recorded() {
    const BatchTensors batch = problem_.batch_on(tape_, problem_.options.batch, DType::f64);
    x_ = batch.inputs();
    y_ = batch.targets();
    const Tensors w = problem_.model.parameters(tape_, state_.parameters);
    ForwardPass pass;
    pass.running = problem_.model.buffers(tape_, state_.buffers);
    loss_ = cross_entropy(problem_.model(w, x_, pass), y_);
    updated_ = pass.updated;
    gradient_ = grad(loss_, w);
    return Plan{{loss_, gradient_, updated_}};
  }

  const Problem& problem_;
  ModelState state_;
  Tape tape_;
  Tensor x_, y_, loss_;
  Tensors gradient_, updated_;
  Plan plan_;
};

/// The options of a run as plain numbers, independent of the library's structs.
struct Written {
  std::string method = "sgd";
  double gamma = 0, epsilon = 0, rho = 0, eta = 0, level = 0;
  std::string optimizer = "sgd";
  double lr = 0.05, momentum = 0.9, decay = 0;
  bool nesterov = false, coupled = false;
  std::string schedule = "cosine";
  int warmup = 0;
  double clip = 0;
  std::uint64_t init_seed = 1, data_seed = 1;
  int batch = 8, epochs = 3;
};

/// The results of a run computed here.
struct WrittenRun {
  Vector w, statistics;
  double last_epoch_loss = 0;
};

Vector method_gradient(const Written& o, const Vector& w, const Loss::Value& here,
                       const std::function<Vector(const Vector&)>& gradient) {
  const Vector& g = here.gradient;
  if (o.method == "sgd") return g;
  if (o.method == "exact") {  // H g by a central difference
    const double h = 1e-4;
    return added(added(g, o.gamma / (2 * h), gradient(added(w, h, g))), -o.gamma / (2 * h),
                 gradient(added(w, -h, g)));
  }
  if (o.method == "f-gr")
    return added(added(g, o.gamma / o.epsilon, gradient(added(w, o.epsilon, g))),
                 -o.gamma / o.epsilon, g);
  if (o.method == "sam") return gradient(added(w, o.rho / length(g), g));
  if (o.method == "asam") {
    Vector scale = w;
    for (double& t : scale) t = std::abs(t) + o.eta;
    const Vector scaled = product(scale, g);
    return gradient(added(w, o.rho / length(scaled), product(scale, scaled)));
  }
  // flooding
  const double sign = here.loss > o.level ? 1 : -1;
  return added(Vector(g.size()), sign, g);
}

double rate(const Written& o, int step, int steps) {
  if (step < o.warmup) return o.lr * (step + 1) / o.warmup;
  const double done = static_cast<double>(step - o.warmup) / (steps - o.warmup);
  if (o.schedule == "step") return o.lr * (done >= 0.75 ? 0.01 : done >= 0.5 ? 0.1 : 1);
  if (o.schedule == "constant") return o.lr;
  return o.lr * (1 + std::cos(std::numbers::pi * done)) / 2;
}

WrittenRun written_out(const Problem& problem, const Written& o, int steps_to_take) {
  const ModelState start = initial_state(problem.model, o.init_seed, DType::f64);
  Loss loss(problem, {start.parameters, start.buffers});
  WrittenRun run{flattened(start.parameters), flattened(start.buffers)};
  const int per_epoch = static_cast<int>(problem.data.train.size()) / o.batch,
            steps = per_epoch * o.epochs;
  Vector v(run.w.size()), m = v, s = v;
  const Dataset batch = make_batch(problem.data.train, o.batch, DType::f64);
  double sum = 0;
  for (int step = 0; step < steps_to_take; ++step) {
    const int epoch = step / per_epoch;
    const std::vector<std::int32_t> order =
        epoch_order(o.data_seed, static_cast<std::uint64_t>(epoch), problem.data.train.size());
    const auto first = order.begin() + step % per_epoch * o.batch;
    gather(problem.data.train, std::vector<std::int32_t>(first, first + o.batch), batch);

    const Vector statistics = run.statistics;
    const Loss::Value here = loss.at(run.w, statistics, batch);
    Vector g = method_gradient(
        o, run.w, here, [&](const Vector& w) { return loss.at(w, statistics, batch).gradient; });
    run.statistics = here.statistics;
    if (o.clip > 0 && length(g) > o.clip) g = added(Vector(g.size()), o.clip / length(g), g);

    const double lr = rate(o, step, steps);
    const Vector old = run.w;
    const bool coupled = o.optimizer == "adam" || (o.optimizer == "sgd" && o.coupled);
    if (coupled) g = added(g, o.decay, old);
    for (std::size_t i = 0; i < g.size(); ++i) {
      if (o.optimizer == "sgd") {
        v[i] = o.momentum * v[i] + g[i];
        run.w[i] -= lr * (o.nesterov ? g[i] + o.momentum * v[i] : v[i]);
      } else {
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        s[i] = 0.999 * s[i] + 0.001 * g[i] * g[i];
        run.w[i] -= lr * m[i] / (1 - std::pow(0.9, step + 1)) /
                    (std::sqrt(s[i] / (1 - std::pow(0.999, step + 1))) + 1e-8);
      }
    }
    if (!coupled) run.w = added(run.w, -lr * o.decay, old);
    sum = step % per_epoch == 0 ? here.loss : sum + here.loss;
    run.last_epoch_loss = sum / per_epoch;
  }
  return run;
}

/// The largest difference, relative to the largest absolute value.
double difference(const Vector& a, const Vector& b) {
  BOOST_REQUIRE(a.size() == b.size());
  double largest = 0, most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(b[i]));
    most = std::max(most, std::abs(a[i] - b[i]));
  }
  return largest > 0 ? most / largest : most;
}

const Words plain = {"--method", "sgd", "--dtype",  "f64", "--augment",    "none",
                     "--batch",  "8",   "--epochs", "3",   "--activation", "tanh"};
const Words mlp_words = {"--width", "5", "--depth", "2"};
const Words resnet_words = {"--model", "resnet", "--depth", "8", "--channels", "1"};

Words joined(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Command-line options and their expected effect.
struct Case {
  Words words;
  std::function<void(Written&)> expect;
  double tolerance = 1e-10;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(trainer)

BOOST_AUTO_TEST_CASE(every_option_reaches_the_update) {
  const std::vector<Case> cases = {
      {{}, [](Written&) {}},
      {{"--lr", "0.2"}, [](Written& o) { o.lr = 0.2; }},
      {{"--momentum", "0.5"}, [](Written& o) { o.momentum = 0.5; }},
      {{"--momentum", "0"}, [](Written& o) { o.momentum = 0; }},
      {{"--nesterov"}, [](Written& o) { o.nesterov = true; }},
      {{"--weight-decay", "0.3"}, [](Written& o) { o.decay = 0.3; }},
      {{"--weight-decay", "0.3", "--coupled-decay"},
       [](Written& o) { o.decay = 0.3, o.coupled = true; }},
      {{"--schedule", "constant"}, [](Written& o) { o.schedule = "constant"; }},
      {{"--schedule", "step"}, [](Written& o) { o.schedule = "step"; }},
      {{"--warmup", "4"}, [](Written& o) { o.warmup = 4; }},
      {{"--warmup", "4", "--schedule", "step"},
       [](Written& o) { o.warmup = 4, o.schedule = "step"; }},
      {{"--clip", "0.1"}, [](Written& o) { o.clip = 0.1; }},
      {{"--clip", "100"}, [](Written& o) { o.clip = 100; }},
      {{"--seed", "7"}, [](Written& o) { o.init_seed = o.data_seed = 7; }},
      {{"--init-seed", "7"}, [](Written& o) { o.init_seed = 7; }},
      {{"--data-seed", "7"}, [](Written& o) { o.data_seed = 7; }},
      {{"--batch", "5"}, [](Written& o) { o.batch = 5; }},
      {{"--epochs", "2"}, [](Written& o) { o.epochs = 2; }},
      {{"--optimizer", "adam", "--lr", "0.01"},
       [](Written& o) { o.optimizer = "adam", o.lr = 0.01; }},
      {{"--optimizer", "adam", "--lr", "0.01", "--weight-decay", "0.3"},
       [](Written& o) { o.optimizer = "adam", o.lr = 0.01, o.decay = 0.3; }},
      {{"--optimizer", "adamw", "--lr", "0.01", "--weight-decay", "0.3"},
       [](Written& o) { o.optimizer = "adamw", o.lr = 0.01, o.decay = 0.3; }},
      {{"--method", "exact", "--gamma", "0.5"},
       [](Written& o) { o.method = "exact", o.gamma = 0.5; },
       1e-6},
      {{"--method", "f-gr", "--gamma", "0.5", "--epsilon", "0.2"},
       [](Written& o) { o.method = "f-gr", o.gamma = 0.5, o.epsilon = 0.2; }},
      {{"--method", "sam", "--rho", "0.3"}, [](Written& o) { o.method = "sam", o.rho = 0.3; }},
      {{"--method", "asam", "--rho", "0.3", "--asam-eta", "0.2"},
       [](Written& o) { o.method = "asam", o.rho = 0.3, o.eta = 0.2; }},
      {{"--method", "flooding", "--flood-level", "1.2"},
       [](Written& o) { o.method = "flooding", o.level = 1.2; }},
      // All together, because options may interact.
      {{"--nesterov", "--weight-decay", "0.3", "--coupled-decay", "--warmup", "2", "--clip", "0.2",
        "--schedule", "step", "--method", "f-gr", "--gamma", "0.5", "--epsilon", "0.2"},
       [](Written& o) {
         o.nesterov = o.coupled = true, o.decay = 0.3, o.warmup = 2, o.clip = 0.2;
         o.schedule = "step", o.method = "f-gr", o.gamma = 0.5, o.epsilon = 0.2;
       }}};
  const DataSplit data = small_data();
  Vector without;
  for (const Case& c : cases) {
    BOOST_TEST_INFO_SCOPE(fmt::format("{}", fmt::join(c.words, " ")));
    Written expected;
    c.expect(expected);
    Words words = joined(plain, mlp_words);
    for (const std::string& word : c.words)
      if (const auto same = std::find(words.begin(), words.end(), word);
          word.starts_with("--") && same != words.end())
        words.erase(same, same + 2);
    const Problem problem = make_problem(options_of(joined(words, c.words)), data);
    Trainer trainer(problem, method(problem.options.methods[0]));
    const int steps = 26 / expected.batch * expected.epochs;
    BOOST_TEST(trainer.total_steps() == steps);
    while (!trainer.finished()) trainer.step();
    const Vector w = flattened(trainer.state().parameters);
    BOOST_TEST(difference(w, written_out(problem, expected, steps).w) < c.tolerance);
    // Each option must change the result, so that a lost option would show. A clipping bound of 100
    // never applies.
    if (c.words.empty())
      without = w;
    else
      BOOST_TEST((difference(w, without) > 1e-3) == (c.words != Words{"--clip", "100"}));
  }
}

BOOST_AUTO_TEST_CASE(running_statistics_are_kept_and_evaluation_uses_them) {
  const DataSplit data = small_data();
  for (const char* name : {"sgd", "f-gr"}) {
    Words words = joined(plain, resnet_words);
    words[1] = name;
    const Problem problem =
        make_problem(options_of(joined(words, {"--gamma", "0.5", "--epsilon", "0.2"})), data);
    Trainer trainer(problem, method(name));
    const Vector start = flattened(trainer.state().buffers);
    BOOST_REQUIRE(!start.empty());
    Written expected;
    expected.method = name, expected.gamma = 0.5, expected.epsilon = 0.2;
    for (int epoch = 1; epoch <= 2; ++epoch) {
      for (int step = 0; step < 3; ++step) trainer.step();
      const WrittenRun run = written_out(problem, expected, 3 * epoch);
      BOOST_TEST(difference(flattened(trainer.state().parameters), run.w) < 1e-9);
      BOOST_TEST(difference(flattened(trainer.state().buffers), run.statistics) < 1e-9);
      BOOST_TEST(difference(start, run.statistics) > 1e-2);

      // Evaluates one image at a time with the running statistics computed here.
      const EpochRecord record = trainer.finish_epoch();
      ModelState state = initial_state(problem.model, 1, DType::f64);
      spread(run.w, state.parameters);
      spread(run.statistics, state.buffers);
      Tape tape;
      const BatchTensors one = problem.batch_on(tape, 1, DType::f64);
      const Tensor x = one.inputs(), y = one.targets();
      ForwardPass pass;
      pass.training = false;
      pass.running = problem.model.buffers(tape, state.buffers);
      const Tensor logits =
          problem.model(problem.model.parameters(tape, state.parameters), x, pass);
      const Tensor loss = cross_entropy(logits, y);
      Plan plan{logits, loss};
      double sum = 0;
      int correct = 0;
      for (Index i = 0; i < data.test.size(); ++i) {
        const Dataset image = consecutive(data.test, i, 1, DType::f64);
        plan.run({{x, image.inputs()}, {y, image.targets()}});
        sum += plan.value(loss).item();
        const Vector scores = flattened({plan.value(logits).clone()});
        correct += std::max_element(scores.begin(), scores.end()) - scores.begin() ==
                   image.targets().data<std::int32_t>()[0];
      }
      const auto count = static_cast<double>(data.test.size());
      BOOST_TEST(record.epoch == epoch);
      BOOST_TEST(record.test_loss == sum / count, boost::test_tools::tolerance(1e-9));
      BOOST_TEST(record.test_accuracy == correct / count);
      BOOST_TEST(record.train_loss == run.last_epoch_loss, boost::test_tools::tolerance(1e-9));

      // |g| of the plain loss over the training images, in whole batches.
      Loss plain_loss(problem, {initial_state(problem.model, 1, DType::f64)});
      Vector mean(run.w.size());
      for (Index b = 0; b < 3; ++b)
        mean = added(
            mean, 1.0 / 3,
            plain_loss.at(run.w, run.statistics, consecutive(data.train, 8 * b, 8, DType::f64))
                .gradient);
      BOOST_TEST(record.gradient_norm == length(mean), boost::test_tools::tolerance(1e-9));
    }
  }
}

BOOST_AUTO_TEST_CASE(validation_examples_judge_the_epochs) {
  const Problem problem =
      make_problem(options_of({"--method", "sgd", "--width", "4", "--depth", "2", "--data",
                               "digits", "--batch", "256", "--validation-share", "0.3"}));
  const Dataset &train = problem.data.train, &validation = problem.data.validation;
  BOOST_TEST(train.size() == 1006);
  BOOST_TEST(validation.size() == 431);
  Trainer trainer(problem, method("sgd"));
  while (trainer.steps() < trainer.steps_per_epoch()) trainer.step();
  const EpochRecord record = trainer.finish_epoch();
  const Metrics expected = trainer.evaluate(validation);
  BOOST_TEST(record.metrics.at("validation_loss") == expected.at("loss"));
  BOOST_TEST(record.metrics.at("validation_accuracy") == expected.at("accuracy"));
  BOOST_TEST(record.test_loss == trainer.evaluate(problem.data.test).at("loss"));

  const auto curve = [](const char* name, const Vector& values) {
    std::vector<EpochRecord> result;
    for (const double value : values)
      result.push_back({.epoch = static_cast<int>(result.size()) + 1,
                        .metrics = {{name, value}, {"validation_loss", value}}});
    return result;
  };
  BOOST_TEST(best_epoch(curve("validation_accuracy", {0.5, 0.8, 0.8, 0.1})) == 2);
  BOOST_TEST(best_epoch(curve("validation_rmse", {3, 2, std::nan(""), 2.5})) == 2);
  BOOST_TEST(best_epoch({{.epoch = 1}}) == 0);
}

BOOST_AUTO_TEST_CASE(a_loss_without_predictions_is_evaluated_on_all_examples) {
  const Model net = mlp({.inputs = 1, .width = 2, .depth = 1, .outputs = 1});
  Problem problem{.model = net};
  const auto points = [](Index n) {
    const Array x({n, 1}, DType::f32);
    for (Index i = 0; i < n; ++i) x.set(i, static_cast<double>(i * i));
    return Dataset{"points", {{"x", x}}};
  };
  problem.data.train = points(8);
  problem.data.test = points(10);
  problem.data.validation = points(3);
  problem.own_loss = [net](const Tensors& w, const BatchTensors& batch, ForwardPass& pass) {
    return mean(batch["x"]) + 0 * mean(net(w, batch["x"], pass));
  };
  for (const int batch : {1, 3, 4, 8}) {
    problem.options.batch = batch;
    const Problem whole = completed(problem, {"sgd"});
    Trainer trainer(whole, method("sgd"));
    BOOST_TEST(trainer.evaluate(problem.data.test).at("loss") == 28.5,
               boost::test_tools::tolerance(1e-6));
    BOOST_TEST(trainer.evaluate(problem.data.validation).at("loss") == 5.0 / 3,
               boost::test_tools::tolerance(1e-6));
  }
}

BOOST_AUTO_TEST_CASE(augmented_images_are_those_of_seed_and_epoch) {
  const DataSplit data = small_data();
  Words words = joined(plain, mlp_words);
  std::replace(words.begin(), words.end(), std::string("none"), std::string("warp"));
  const Problem problem = make_problem(options_of(joined(words, {"--seed", "7"})), data);
  Trainer trainer(problem, method("sgd"));
  const ModelState start = initial_state(problem.model, 7, DType::f64);
  Loss loss(problem, {start.parameters, start.buffers});
  const Vector w = flattened(start.parameters);
  const std::vector<std::int32_t> order = epoch_order(7, 0, data.train.size());
  const std::span<const std::int32_t> rows(order.data(), 8);
  const Dataset batch = make_batch(data.train, 8, DType::f64);
  gather(data.train, rows, batch);
  const Array images = batch.inputs().clone();
  const Vector background = {-data.mean[0] / data.stddev[0]};
  augment("warp", {7, 0, rows}, background, images, batch.inputs());
  const double expected = loss.at(w, {}, batch).loss;
  BOOST_TEST(trainer.step() == expected, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(std::abs(loss.at(w, {}, labelled("plain", images, batch.targets(), 10)).loss -
                      expected) > 1e-4);
}

BOOST_AUTO_TEST_SUITE_END()
