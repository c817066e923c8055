// Tests the record of a profiled step: its tables are sums of its steps, and its counts are those
// of the cost ledger.
#include "experiments/commands/profile/step_record.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/profile/ledger.h"
#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

struct Profiled {
  Problem problem;
  OurStep step;
  StepMeasurement measured;
  Json record;

  Profiled(const RunOptions& options, const char* name)
      : problem(small_problem(options)),
        step(problem, method(name)),
        measured(measure_steps(step, 0.01, [](double) {})),
        record(step_record(step, measured, predictions(step))) {}

  /// Predicts for part k a time of k + 1 microseconds for computing and 2 for data in the L2 cache.
  static std::vector<Prediction> predictions(const OurStep& step) {
    std::vector<Prediction> all(step.plan().program().steps.size() + 1);
    for (std::size_t k = 0; k < all.size(); ++k)
      all[k] = {.compute = 1e-6 * static_cast<double>(k + 1), .data = {0, 2e-6, 0, 0}};
    return all;
  }
};

double sum(const Json& rows, const std::string& key) {
  double result = 0;
  for (const Json& row : rows) result += number(row, key);
  return result;
}

constexpr const char* phase_columns[] = {"forward_ms", "backward_ms", "double_backward_ms",
                                         "update_ms"};

}  // namespace

BOOST_AUTO_TEST_SUITE(profile_step_record)

BOOST_AUTO_TEST_CASE(every_table_sums_to_the_steps) {
  for (const char* model : {"mlp", "cnn", "resnet"})
    for (const char* name : {"exact", "f-gr", "sam"}) {
      const Profiled p(small(model, "tanh"), name);
      const Json& steps = p.record["steps"];
      const auto close = boost::test_tools::tolerance(1e-9);
      for (const char* table : {"ops", "phases", "layers", "origins"}) {
        const std::string ms = table == std::string("ops") ? "self_ms" : "ms";
        const std::string share = table == std::string("ops") ? "self_share" : "share";
        BOOST_TEST(sum(p.record[table], ms) == sum(steps, "ms"), close);
        BOOST_TEST(sum(p.record[table], share) == 1.0, close);
        for (const char* key : {"flop", "bytes", "products", "small_products"})
          BOOST_TEST(sum(p.record[table], key) == sum(steps, key), close);
        // Each step is in one row.
        const std::string count = table == std::string("ops") ? "calls" : "steps";
        BOOST_TEST(sum(p.record[table], count) == static_cast<double>(steps.size()));
      }
      for (const char* table : {"layers", "origins"})
        for (const Json& row : p.record[table]) {
          double ms = 0;
          for (const char* phase : phase_columns) ms += number(row, phase);
          BOOST_TEST(ms == number(row, "ms"), close);
        }
      // The total of an op includes the op itself and its derivatives.
      for (const Json& op : p.record["ops"])
        BOOST_TEST(number(op, "total_ms") >= number(op, "self_ms"));
    }
}

BOOST_AUTO_TEST_CASE(counts_are_the_ledgers) {
  const Profiled p(small("cnn"), "exact");
  const Cost total = ledger(p.step.plan().program()).total();
  const Json& steps = p.record["steps"];
  BOOST_TEST(sum(steps, "flop") == total.flops, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(sum(steps, "products") == total.products);
  BOOST_TEST(sum(steps, "small_products") == total.small_products);
  // The bytes of the update are in the steps but not in the ledger.
  const Json& update = steps.back();
  BOOST_TEST(update["op"] == "optimizer");
  BOOST_TEST(number(update, "flop") == 0);
  BOOST_TEST(sum(steps, "bytes") - number(update, "bytes") == total.bytes,
             boost::test_tools::tolerance(1e-12));
  double parameters = 0;
  for (const Array& w : p.step.state().parameters) parameters += static_cast<double>(w.bytes());
  BOOST_TEST(number(update, "bytes") == 5 * parameters);  // w and momentum twice, G once
}

BOOST_AUTO_TEST_CASE(phases_are_those_of_the_ledger) {
  for (const char* model : {"mlp", "cnn", "resnet"})
    for (const Method& m : methods()) {
      const Profiled p(small(model), m.name.data());
      Ledger costs = ledger(p.step.plan().program());
      ++costs.steps[static_cast<std::size_t>(Phase::update)];  // the optimiser's
      std::size_t rows = 0;
      for (std::size_t phase = 0; phase < phase_count; ++phase) {
        if (costs.steps[phase] == 0) continue;
        const Json& row = p.record["phases"].at(rows++);
        BOOST_TEST(text(row, "phase") == str(static_cast<Phase>(phase)));
        BOOST_TEST(number(row, "steps") == costs.steps[phase]);
        BOOST_TEST(number(row, "flop") == costs.phases[phase].flops,
                   boost::test_tools::tolerance(1e-12));
      }
      BOOST_TEST(rows == p.record["phases"].size());
    }
}

BOOST_AUTO_TEST_CASE(derivatives_are_grouped_with_the_forward_op_they_come_from) {
  // The sum of the squares of tanh(x W) U, with its gradient and H v, as recorded.
  Tape tape;
  const Tensor x = tape.constant(Array::filled({3, 4}, DType::f64, 0.5)),
               w = tape.parameter(Array::filled({4, 5}, DType::f64, 0.25), "w"),
               u = tape.parameter(Array::filled({5, 2}, DType::f64, 0.75), "u"),
               first = matmul(x, w), second = matmul(tanh(first), u),
               loss = twice::sum(square(second));
  const Tensors g = grad(loss, {w, u}), hv = grad(g, {w, u}, g);
  Plan plan({loss, g, hv}, no_passes());
  plan.run({});
  const TimedProgram timed(plan, tape);
  const Json record = step_record(timed, measure_steps(timed, 0.01, [](double) {}),
                                  std::vector<Prediction>(plan.program().steps.size()));
  for (const Tensor product : {first, second}) {
    const auto comes_from = [&](const Json& row) { return row["node"] == product.index(); };
    const Json origins = record["origins"];
    const auto* const group = std::find_if(origins.begin(), origins.end(), comes_from);
    BOOST_REQUIRE(group != origins.end());
    BOOST_TEST(text(*group, "op") == "matmul");
    // The group has the product, its gradients with respect to the inputs (x is constant), and the
    // derivatives of those gradients.
    std::map<std::string, double> products;
    for (const Json& step : record["steps"])
      if (comes_from(step["forward"])) products[text(step, "phase")] += number(step, "products");
    BOOST_TEST(products["forward"] == 1);
    BOOST_TEST(products["backward"] == (product == first ? 1 : 2));
    BOOST_TEST(products["double backward"] > 0);
    BOOST_TEST(products["forward"] + products["backward"] + products["double backward"] ==
               number(*group, "products"));
  }
}

BOOST_AUTO_TEST_CASE(predictions_add_up_like_times) {
  const Profiled p(small("cnn"), "exact");
  const Json& steps = p.record["steps"];
  const auto close = boost::test_tools::tolerance(1e-9);
  for (const char* table : {"ops", "phases", "layers", "origins"}) {
    BOOST_TEST(sum(p.record[table], "predicted_ms") == sum(steps, "predicted_ms"), close);
    for (const Json& row : p.record[table]) {
      const double ms = number(row, table == std::string("ops") ? "self_ms" : "ms");
      BOOST_TEST(number(row, "residual") == ms / number(row, "predicted_ms") - 1, close);
      BOOST_TEST(number(row, "bound_share") == number(row, "bound_ms") / ms, close);
    }
  }
  BOOST_TEST(number(steps[0], "predicted_ms") == 3e-3, close);
  BOOST_TEST(text(steps[0], "bound") == "L2");
  BOOST_TEST(number(steps[0]["predicted"], "compute") == 1e-3, close);
  BOOST_TEST(text(steps.back(), "bound") == "compute");
  const Json& a = p.record["attribution"];
  BOOST_TEST(number(a, "predicted_ms") == sum(steps, "predicted_ms"), close);
  BOOST_TEST(number(a, "residual") == number(a, "step_ms") / number(a, "predicted_ms") - 1, close);
}

BOOST_AUTO_TEST_CASE(times_lie_one_after_another_and_are_attributed) {
  const Profiled p(small("mlp"), "exact");
  double start = 0;
  for (const Json& step : p.record["steps"]) {
    BOOST_TEST(number(step, "start_ms") == start, boost::test_tools::tolerance(1e-9));
    start += number(step, "ms");
    BOOST_TEST(number(step, "ms_min") <= number(step, "ms_q1"));
    BOOST_TEST(number(step, "ms_q1") <= number(step, "ms"));
    BOOST_TEST(number(step, "ms") <= number(step, "ms_q3"));
  }
  const Json& a = p.record["attribution"];
  BOOST_TEST(number(a, "attributed_share") > 0.5);
  BOOST_TEST(number(a, "attributed_share") <= 1);
  BOOST_TEST(a["timed_runs"].get<std::size_t>() == p.measured.times.runs());
  BOOST_TEST(number(a, "sum_of_medians_ms") == start, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(memory_is_the_programs) {
  const Profiled p(small("resnet"), "exact");
  const Program& program = p.step.plan().program();
  const Json& m = p.record["memory"];
  BOOST_TEST(m["arena_bytes"] == program.arena_bytes);
  BOOST_TEST(m["leaf_bytes"] == m["parameter_bytes"].get<std::size_t>() +
                                    m["input_bytes"].get<std::size_t>() +
                                    m["constant_bytes"].get<std::size_t>());
  BOOST_TEST(m["live_bytes"].size() == p.record["steps"].size());
  const int peak = m["peak_step"];
  std::size_t alive = 0;
  for (const Json& v : m["at_peak"]) {
    BOOST_TEST(v["from_step"].get<int>() <= peak);
    BOOST_TEST((v["to_step"].is_null() || v["to_step"].get<int>() >= peak));
    if (v["overwritten"] == false) alive += (v["bytes"].get<std::size_t>() + 63) / 64 * 64;
  }
  BOOST_TEST(alive == program.most_alive_bytes);
  for (std::size_t s = 0; s < p.record["steps"].size(); ++s)
    BOOST_TEST(p.record["steps"][s]["live_bytes"] == m["live_bytes"][s]);
}

BOOST_AUTO_TEST_CASE(steps_name_the_forward_op_that_they_come_from) {
  const Profiled p(small("mlp"), "exact");
  const Json& steps = p.record["steps"];
  std::set<std::string> layers;
  for (const Json& step : steps) {
    layers.insert(text(step, "layer"));
    if (step["op"] == "optimizer") {
      BOOST_TEST(step["forward"].is_null());
      continue;
    }
    const Json& forward = step["forward"];
    BOOST_TEST(forward["node"].is_number());
    // The named step belongs to the forward pass or to the method's own arithmetic.
    if (forward["step"].is_number()) {
      const std::string phase = text(steps[forward["step"].get<std::size_t>()], "phase");
      BOOST_TEST((phase == "forward" || phase == "update"), phase);
    }
  }
  for (const char* layer : {"linear1", "linear2", "linear3", "(loss)", "(optimizer)"})
    BOOST_TEST(layers.contains(layer), layer);
}

BOOST_AUTO_TEST_SUITE_END()
