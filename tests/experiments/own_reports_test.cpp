// Tests the functions of the commands without a command line: reports on a program's own tapes,
// functions and problems.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <set>
#include <thread>

#include "experiments/commands/profile/files.h"
#include "experiments/experiments.h"
#include "experiments/files/atomic_file.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/measure/steps.h"
#include "experiments/run/trainer.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"
#include "tests/profile/steps.h"

namespace twice {
using namespace experiments;
using testing::small;
using testing::small_problem;
namespace {

/// y = factor x, an op that belongs to no family. Its derivative rule assumes the factor 2.
struct Scaled final : Op {
  double factor;
  explicit Scaled(double f) : factor(f) {}
  std::string_view name() const override { return "scaled"; }
  std::string attributes() const override { return fmt::format("{}", factor); }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.elements(); ++i) y.set(i, factor * x[0].at(i));
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor g) const override { return 2 * g; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor t) const override { return 2 * t; }
};
Tensor scaled(Tensor x, double factor) { return record(Scaled(factor), {x}); }

/// A loss with two scopes, and its gradient.
struct OwnTape {
  Tape tape;
  Tensor x = tape.input({8, 6}, DType::f32, "x");
  Tensor w = tape.parameter(Array::filled({6, 4}, DType::f32, 0.1), "w");
  Tensor hidden = in("encoder"), loss = mean(square(hidden));
  Tensors g = grad(loss, w);
  std::vector<Binding> bindings = {{x, Array::filled({8, 6}, DType::f32, 0.5)}};

  Tensor in(const char* name) {
    const Scope scope(tape, name);
    return scaled(matmul(x, w), 2);
  }
};

/// The method `exact` at every k-th step and the plain gradient at the other steps.
template <int k>
Method every() {
  Method m = method("exact");
  m.programs = 2;
  m.program = [](std::int64_t step, const MethodOptions&) { return step % k != 0; };
  m.record_in = [](const MethodContext& c) { return method(c.program == 0 ? "exact" : "sgd")(c); };
  return m;
}

const auto within_rounding = boost::test_tools::tolerance(1e-12);

}  // namespace

BOOST_AUTO_TEST_SUITE(own_reports)

BOOST_AUTO_TEST_CASE(any_plan_has_a_profile) {
  OwnTape own;
  const Report report = profile(
      {own.loss, own.g}, {.bindings = own.bindings, .seconds = 0.01, .name = "my <program>"});
  const Json& record = report.record;
  const Plan plan{own.loss, own.g};
  BOOST_TEST(record["steps"].size() == plan.program().steps.size());
  BOOST_TEST(record["rows"].size() == 1u);
  const Json& row = record["rows"][0];
  BOOST_TEST(row["name"] == "my <program>");
  BOOST_TEST(row["products"] == 2);
  BOOST_TEST(number(row, "ms") > 0);
  BOOST_TEST(row["products_law"].is_null());
  std::set<std::string> layers, ops;
  for (const Json& layer : record["layers"]) layers.insert(text(layer, "layer"));
  for (const Json& op : record["ops"]) ops.insert(text(op, "name"));
  BOOST_CHECK(layers == (std::set<std::string>{"encoder", "(no scope)"}));
  BOOST_TEST((ops.contains("scaled") && !ops.contains("optimizer")));
  BOOST_TEST(record["memory"]["optimizer_bytes"].is_null());
  BOOST_TEST(record["attribution"]["readings"] == plan.program().steps.size() + 1);

  const ScratchFolder scratch;
  BOOST_TEST(report.write(scratch.path / "deep" / "mine").size() == 6u);
  const std::string html = read_file(scratch.path / "deep" / "mine" / "report.html");
  check_page(html);
  for (const char* words :
       {"What this program costs, and why", "run of my &lt;program&gt;", "scaled"})
    BOOST_TEST(contains(html, words), words);
  // The report does not mention quantities that a plan alone does not have.
  for (const char* words :
       {"H v", "(loss)", "optimiser keeps", "L = ", "gamma", "vs loss", "of a step"})
    BOOST_TEST((!contains(html, words) && !contains(report.text, words)), words);
  BOOST_TEST(contains(collapsed_stacks(record), "my <program>;forward;encoder;scaled"));
}

BOOST_AUTO_TEST_CASE(a_plan_that_cannot_run_says_why) {
  OwnTape own;
  BOOST_TEST(error_of([&] { profile({own.loss}); }) ==
             "[run] input 'x', f32 (8, 6), was never bound");
  BOOST_TEST(error_of([&] { profile({own.loss}, {.bindings = own.bindings, .seconds = 0}); }) ==
             "[profile] seconds must be a number from 0.01 to 3600, was 0");
  // This plan only copies an input.
  BOOST_TEST(profile({own.x}, {.bindings = own.bindings, .seconds = 0.01}).record["steps"].size() ==
             1u);
}

BOOST_AUTO_TEST_CASE(any_program_is_explained) {
  OwnTape own;
  const Report report = explain({own.loss, own.g});
  const Json& row = report.record["rows"][0];
  BOOST_TEST(row["products"] == 2);
  BOOST_TEST(row["passes"][0]["pass"] == "as recorded");
  BOOST_TEST(row["passes"].size() > 5u);
  for (const char* words : {"as recorded", "scaled", "encoder", "products: 2 and 0 small ones"})
    BOOST_TEST(contains(report.text, words), words);
  BOOST_TEST(!contains(report.text, "law"));
  const Report brief = explain({own.loss, own.g}, {.passes = no_passes(), .brief = true});
  BOOST_TEST(brief.record["rows"][0]["passes"].size() == 1u);
  BOOST_TEST(!contains(brief.text, "encoder"));
}

BOOST_AUTO_TEST_CASE(any_program_has_a_page_of_its_passes) {
  if (std::system("command -v dot >/dev/null") != 0) return;
  OwnTape own;
  const Report report =
      explain({own.loss, own.g}, {.html = true, .bindings = own.bindings, .name = "my <program>"});
  BOOST_TEST(report.files.size() == 2u);
  const std::string& html = report.files[1].second;
  check_page(html);
  // The product of 8 x 6 times 0.5 and 0.1, twice: 0.6 each.
  for (const char* words : {"<h2>my &lt;program&gt;</h2>", "encoder", "vjp of %2 matmul",
                            "0.6, 0.6, 0.6, 0.6, 0.6, 0.6, ..."})
    BOOST_TEST(contains(html, words), words);
  BOOST_TEST(error_of([&] {
               explain({own.loss}, {.html = true, .bindings = {{own.w, Array()}}});
             }) == "[run] node 1 is not an input of the tape: only inputs can be bound");
}

BOOST_AUTO_TEST_CASE(an_op_is_checked_and_a_wrong_rule_found) {
  const auto of = [](double factor) {
    return check_derivatives("my op", [=](const Tensors& x) { return scaled(x[0], factor); },
                             {Array::from(std::vector<double>{1, 2, 3}, {3})});
  };
  const Report right = of(2), wrong = of(3);
  BOOST_TEST(right.ok);
  BOOST_TEST(right.record["rows"].size() == 9u);
  BOOST_TEST(!wrong.ok);
  BOOST_TEST(contains(wrong.text, "FAILED my op: order 1, finite difference: input 0"));
}

BOOST_AUTO_TEST_CASE(a_problem_by_hand) {
  Problem problem = small_problem(small("mlp", "tanh"));
  const Model model = problem.model;
  problem.loss = nullptr;
  problem.own_loss = [model](const Tensors& w, const BatchTensors& batch, ForwardPass& pass) {
    return mean(square(model(w, batch.inputs(), pass)));
  };
  problem.options.epochs = 1;
  BOOST_TEST(check_derivatives(problem, {"exact", "f-gr"}, {.order = 2, .entries = 2}).ok);
  const Report cost = profile(problem, {.method = "f-gr", .methods = {"sgd"}, .seconds = 0.01}),
               methods = compare(problem, {.methods = {"exact"}, .seconds = 0.01});
  BOOST_TEST(cost.record["rows"].size() == 7u);
  BOOST_TEST(cost.record["method"] == "f-gr");
  BOOST_TEST(methods.record["rows"][0]["products_law"].is_null());
  BOOST_TEST(number(methods.record["rows"][0], "gradient_error_end") < 1e-4);
  for (const Report* report : {&cost, &methods}) {
    BOOST_TEST(report->record["config"]["problem"] == "own");
    const std::string& html = report->files[report == &cost ? 0 : 1].second;
    check_page(html);
    BOOST_TEST(!contains(html, "on digits"));
  }
  BOOST_TEST(
      contains(error_of([&] { profile(problem, {.scaling = true}); }), "own was built by hand"));
  BOOST_TEST(contains(error_of([&] { compare(problem, {.methods = {}}); }), "at least one method"));
  problem.own_loss = [model](const Tensors& w, const BatchTensors& batch, ForwardPass& pass) {
    const Scope scope(w[0].tape(), "head");
    return square(model(w, batch.inputs(), pass));
  };
  BOOST_TEST(error_of([&] { compare(problem); }) ==
             "[problem] the loss of mlp-24x3-b4-tanh-f32 must be a scalar, such as a mean: it has "
             "shape (4, 10), from square in head");
  problem.own_loss = [](const Tensors&, const BatchTensors& batch, ForwardPass&) {
    return mean(square(batch.inputs()));
  };
  BOOST_TEST(error_of([&] { compare(problem); }) ==
             "[problem] the loss of mlp-24x3-b4-tanh-f32 depends on no weight");
  problem.own_loss = nullptr;
  BOOST_TEST(contains(error_of([&] { profile(problem); }), "has no loss"));
}

BOOST_AUTO_TEST_CASE(a_problem_that_does_not_fit_its_data_is_refused) {
  const Problem problem = small_problem(small("mlp"));
  const auto complaint = [](const Problem& wrong) {
    return error_of([&] { completed(wrong, {"sgd"}); });
  };
  Problem wrong = problem;
  wrong.data.test.arrays[0].first = "pixels";
  BOOST_TEST(contains(complaint(wrong),
                      ": the test examples have 'pixels' f32 (6, 6, 1), 'labels' i32 (); expected "
                      "'images' f32 (6, 6, 1), 'labels' i32 (), as in training"));
  wrong = problem;
  wrong.data.test.arrays.pop_back();
  BOOST_TEST(contains(complaint(wrong), "the test examples have 'images' f32 (6, 6, 1); expected"));
  wrong = problem;
  wrong.data.test.arrays[1].second = wrong.data.test.arrays[1].second.cast(DType::f32);
  BOOST_TEST(contains(complaint(wrong), "'labels' f32 (); expected"));

  wrong = problem;
  wrong.model = mlp({.inputs = 36, .width = 8, .depth = 2, .outputs = 11});
  BOOST_TEST(error_of([&] { compare(wrong, {.methods = {"sgd"}, .seconds = 0.01}); }) ==
             "[model] mlp-8x2-relu gives predictions of shape (4, 11); --loss cross-entropy needs "
             "10 numbers for each example");
}

BOOST_AUTO_TEST_CASE(a_model_with_dropout_trains) {
  Problem problem = small_problem(small("mlp"));
  problem.model = mlp({.inputs = 36, .width = 8, .depth = 2, .outputs = 10, .dropout = 0.3});
  problem.options.epochs = 1;
  BOOST_TEST(check_derivatives(problem, {"exact"}, {.order = 2, .entries = 2}).ok);
  const Report report = compare(problem, {.methods = {"exact"}, .seconds = 0.01});
  BOOST_TEST(number(report.record["rows"][0], "loss") > 0);
}

BOOST_AUTO_TEST_CASE(the_memory_of_a_method_keeps_its_shape) {
  const Problem problem = completed(small_problem(small("mlp")), {"sgd"});
  const auto complaint = [&](const std::function<void(const MethodContext&)>& use) {
    Method mine{.name = "mine"};
    mine.record_in = [&](const MethodContext& c) {
      use(c);
      return method("sgd")(c);
    };
    return error_of([&] { record_step(problem, mine, starting_state(problem)); });
  };
  const Array two = Array::zeros({2}, DType::f32);
  BOOST_TEST(complaint([&](const MethodContext& c) { c.keep("m", c.memory("m", two)); }).empty());
  BOOST_TEST(complaint([&](const MethodContext& c) { c.keep("m", c.w[0]); }) ==
             "[keep] there is no memory 'm'; call memory(\"m\", initial) first in method mine");
  BOOST_TEST(complaint([&](const MethodContext& c) {
               c.memory("m", two);
               c.keep("m", c.w[0]);
             }) == "[keep] 'm' is f32 (36, 24), but its memory holds f32 (2) in method mine");
  BOOST_TEST(complaint([&](const MethodContext& c) {
               for (int i = 0; i < 2; ++i) c.keep("m", c.memory("m", two));
             }) == "[keep] 'm' is kept twice in one program in method mine");
  BOOST_TEST(complaint([&](const MethodContext& c) {
               c.memory("m", two);
               c.memory("m", Array::zeros({3}, DType::f32));
             }) == "[memory] 'm' starts as f32 (3), but holds f32 (2) in method mine");
}

BOOST_AUTO_TEST_CASE(equal_targets_have_no_r2) {
  const Dataset examples{"equal",
                         {{"inputs", Array::zeros({7, 1}, DType::f32)},
                          {"targets", Array::filled({7, 1}, DType::f32, 0.3)}}};
  const Metrics metrics = row_named("loss", registry().losses(), "mse")
                              .metrics(Array::zeros({7, 1}, DType::f32), examples);
  BOOST_TEST(std::isnan(metrics.at("r2")));
}

BOOST_AUTO_TEST_CASE(a_file_that_came_or_went_is_noticed) {
  const auto record = [](int files) {
    Json list = Json::array();
    for (int i = 0; i < files; ++i) list.push_back({{"name", "a"}, {"checksum", "c"}});
    return Json{{"name", "folder"}, {"files", list}};
  };
  check_same_files(record(2), record(2), "runs/a");
  check_same_files(Json(), record(2), "an older checkpoint");
  BOOST_TEST(error_of([&] { check_same_files(record(1), record(2), "runs/a"); }) ==
             "[data] folder has 2 files; runs/a was trained on 1");
  BOOST_TEST(error_of([&] { check_same_files(record(2), record(1), "runs/a"); }) ==
             "[data] folder has 1 file; runs/a was trained on 2");
}

BOOST_AUTO_TEST_CASE(a_method_with_several_programs_costs_their_mean) {
  const Problem problem = small_problem(small("mlp"));
  BOOST_CHECK(program_shares(problem, method("sgd")) == std::vector{1.});
  BOOST_CHECK(program_shares(problem, every<4>()) == (std::vector{0.25, 0.75}));
  const std::vector<double> rare = program_shares(problem, every<1500>());  // period above 1000
  BOOST_TEST(rare[0] == 0.001, within_rounding);
  BOOST_TEST(rare[1] == 0.999, within_rounding);
  Method wrong = every<4>();
  wrong.program = [](std::int64_t step, const MethodOptions&) { return step < 700 ? 0 : 2; };
  BOOST_TEST(error_of([&] { program_shares(problem, wrong); }) ==
             "[method] exact: step 700 takes program 2; there are 2");

  const Method mixed = every<4>();
  const std::vector<StepCost> costs =
      step_costs(problem, {&method("exact"), &method("sgd"), &mixed}, 0.01, [](double) {});
  const auto mean = [](double a, double b) { return (a + 3 * b) / 4; };
  BOOST_TEST(costs[2].total.products == mean(costs[0].total.products, costs[1].total.products),
             within_rounding);
  BOOST_TEST(costs[2].total.flops == mean(costs[0].total.flops, costs[1].total.flops),
             within_rounding);
  BOOST_TEST(costs[2].peak_mib == costs[0].peak_mib);
  BOOST_TEST(costs[2].samples.size() == costs[0].samples.size());
  BOOST_TEST(number(count_fields(costs[2]), "products") == costs[2].total.products,
             within_rounding);
  BOOST_TEST(!count_fields(costs[1])["products"].is_float());
}

BOOST_AUTO_TEST_CASE(steps_of_several_programs_are_timed_as_their_mean) {
  const Problem problem = small_problem(small("mlp"));
  const Method mixed = every<4>();
  const MethodSteps steps(problem, mixed), exact(problem, method("exact")),
      sgd(problem, method("sgd"));
  const auto products = [&](const MethodSteps& of) { return of.cost().total.products; };
  BOOST_TEST(products(steps) == (products(exact) + 3 * products(sgd)) / 4, within_rounding);
  const std::vector<std::vector<double>> samples = {{2, 6}, {2, 2}};
  BOOST_TEST(steps.cost(samples).samples[1] == 3, within_rounding);
  const StepCost planned = planned_cost(problem, mixed);
  BOOST_TEST(planned.total.products == products(steps), within_rounding);
  BOOST_TEST(planned.samples.empty());

  // A block has at least one step of each program, and one result. A slow step counts by its share.
  int taken = 0;
  const auto slow_first = [&] {
    if (++taken == 1) std::this_thread::sleep_for(std::chrono::milliseconds(40));
  };
  const std::vector<double> times =
      steps.timed_block({.seconds = 0, .settle = 0, .lead = 0}, slow_first);
  BOOST_TEST(taken == 2);
  BOOST_TEST(times.size() == 1u);
  BOOST_TEST((times[0] >= 10 && times[0] < 30), times[0]);
  BOOST_TEST(exact.timed_block({.seconds = 0.002, .settle = 0, .lead = 0}).size() > 1u);
}

BOOST_AUTO_TEST_CASE(gradients_of_each_program_that_has_one) {
  const Problem problem = small_problem(small("mlp"));
  const Dataset batch = fixed_batch(problem);
  const ModelState state =
      initial_state(problem.model, problem.options.seed_of_weights(), DType::f32);
  const auto norm = [](const GradientVectors& v) {
    return relative_error(v.gradient, std::vector<double>(v.gradient.size()));
  };
  const auto norms = [&](const Method& m, Index steps) {
    return over_programs(gradients_of_programs(problem, m, state, batch, steps), norm);
  };
  const Method mixed = every<4>();
  const double exact = norms(method("exact"), 0)[0], sgd = norms(method("sgd"), 0)[0];
  BOOST_CHECK((norms(mixed, 0) == std::vector{exact, sgd}));
  BOOST_TEST(mean_over_programs({exact, sgd}, {0.25, 0.75}) == (exact + 3 * sgd) / 4,
             within_rounding);
  BOOST_TEST(mean_over_programs({exact, NAN}, {0.25, 0.75}) == exact, within_rounding);

  // Before the first step, no step has written the memory that program 1 reads.
  Method stored = every<4>();
  stored.record_in = [](const MethodContext& c) {
    const Estimate plain = method("sgd")(c);
    if (c.program == 0) return plain;
    const Tensor one = c.memory("one", Array::filled({}, DType::f32, 1));
    return Estimate{plain.loss, plain.plain, one * plain.plain};
  };
  const std::vector<double> before = norms(stored, 0), after = norms(stored, 1);
  BOOST_TEST((before[0] == sgd && std::isnan(before[1])));
  BOOST_TEST((after[0] == sgd && after[1] == sgd));
  // If the first step runs it, it is the result of that step.
  stored.program = [](std::int64_t step, const MethodOptions&) { return step % 4 == 0; };
  BOOST_TEST(!std::isnan(norms(stored, 0)[1]));
}

BOOST_AUTO_TEST_CASE(a_profile_has_the_programs_of_its_method) {
  const Problem problem = small_problem(small("mlp"));
  BOOST_TEST(error_of([&] { profile(problem, {.method = "sgd", .program = 1}); }) ==
             "[profile] the method sgd has 1 program, numbered from 0; it has no program 1");
  BOOST_TEST(program_words(1, 0, 1) == "");
  BOOST_TEST(program_words(2, 1, 0.75) == ", program 1 of 0 to 1 (75 % of the steps)");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
