// Tests that passes keep digits, range and special values, on random programs of matrices with
// hostile numbers and derivatives to third order. Each program is planned with all passes, with
// each pass alone, with all but one, and with none. The error of a planned result must be at most 4
// times the rounding bound of the program as recorded. TWICE_HOSTILE_GRAPHS=5000 tests 5000
// programs, more than the default.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "autodiff/autodiff.h"
#include "tests/ops/helpers.h"
#include "tests/plan/algebra_cases.h"
#include "tests/plan/rounding_bound.h"

using namespace twice;
using namespace twice::testing;

namespace {

class HostileGraph {
 public:
  explicit HostileGraph(unsigned seed) : choices_(seed) {
    dtype_ = seed % 2 == 0 ? DType::f32 : DType::f64;
    constexpr Index sides[] = {2, 4, 9, 20};
    for (int i = 0; i < 4; ++i)
      w_.push_back(tape_.parameter(numbers({sides[below(4)], sides[below(4)]})));
    record();
  }

  /// A description of the first result beyond its bound. Empty if there is none.
  std::string complaint() {
    const std::vector<Rounded> exact = rounding_bounds(outputs_);
    const std::vector<std::vector<double>> recorded = results(no_passes());
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      const Rounded& r = exact[static_cast<std::size_t>(outputs_[k].index())];
      for (std::size_t i = 0; i < recorded[k].size(); ++i)
        if (std::isfinite(recorded[k][i]) && std::isfinite(r.bound[i]) &&
            !(std::abs(static_cast<long double>(recorded[k][i]) - r.value[i]) <= r.bound[i]))
          return fmt::format(
              "the bound does not hold as recorded: output {}, entry {}: {}, exact {}, bound {}", k,
              i, recorded[k][i], double(r.value[i]), double(r.bound[i]));
    }
    // Passes may move scalings of up to 2^40 in f32 and 2^300 in f64 (plan/passes/rewrite.h).
    const std::vector<Rounded> bounds =
        rounding_bounds(outputs_, dtype_ == DType::f32 ? 0x1p40 : 0x1p300);
    std::vector<std::pair<std::string, PlanOptions>> all = {{"all passes", PlanOptions{}}};
    for (const Pass& pass : passes()) {
      if (!pass.enabled) continue;  // a pass that another test added
      PlanOptions only = no_passes();
      only.*pass.enabled = true;
      all.emplace_back(std::string("only ") + std::string(pass.name), only);
      PlanOptions without;
      without.*pass.enabled = false;
      all.emplace_back(std::string("without ") + std::string(pass.name), without);
    }
    for (const auto& [name, options] : all) {
      const std::vector<std::vector<double>> planned = results(options);
      for (std::size_t k = 0; k < outputs_.size(); ++k) {
        const Rounded& r = bounds[static_cast<std::size_t>(outputs_[k].index())];
        for (std::size_t i = 0; i < planned[k].size(); ++i) {
          const std::string found = broken(planned[k][i], recorded[k][i], r.value[i], r.bound[i]);
          if (!found.empty())
            return fmt::format("{}: output {} of {}, entry {}: {}", name, k, outputs_.size(), i,
                               found);
        }
      }
    }
    return {};
  }
  /// The number of entries compared with a finite bound.
  int compared = 0;

 private:
  std::size_t below(std::size_t n) { return choices_.below(n); }
  double normal() { return std::normal_distribution<double>()(choices_.random()); }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(choices_.random());
  }

  Array numbers(const Shape& shape) {
    Array result(shape, dtype_);
    const double orders = dtype_ == DType::f32 ? 30 : 250;
    const std::size_t kind = below(9);
    const double large = std::pow(10, uniform(-orders / 2, orders / 2));
    for (Index i = 0; i < result.elements(); ++i) {
      const Index row = i / shape[1], column = i % shape[1];
      double x = normal();
      if (kind == 1 && row % 2 == 1)  // rows that cancel up to a few of the last digits
        x = -result.at(i - shape[1]) * (1 + (below(3) == 0 ? 1e-6 : 0));
      if (kind == 2) x = std::copysign(std::pow(10, uniform(-orders, orders)), x);
      if (kind == 3) {
        const double zeros[] = {0, -0.0, 1e-40, -3e-310, 1, -1};
        x = zeros[below(6)];
      }
      if (kind == 4) x *= large;
      if (kind == 5 && row > 0) x = result.at(column);  // all rows equal
      if (kind == 6) x = static_cast<double>(below(3)) - 1;
      if (kind == 7 && below(12) == 0) {
        const double special[] = {std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity(), std::nan(""), 0};
        x = special[below(4)];
      }
      result.set(i, x);
    }
    return result;
  }

  double scale() {
    const bool f32 = dtype_ == DType::f32;
    const double scales[] = {
        0.3, -2,  1, f32 ? 1e22 : 1e200, 0.5, f32 ? 1e-22 : 1e-200, 1e6, f32 ? -1e30 : -1e300,
        -1,  1e-9};
    return scales[below(10)];
  }

  void record() {
    Tensors values = w_;
    for (int step = 0; step < 9; ++step) {
      const Tensor x = choices_.recent(values);
      const bool ta = below(2) != 0, tb = below(2) != 0;
      Tensor y;
      switch (below(9)) {
        case 0:
        case 1:
        case 2:
        case 3:
          if (const Tensor b = choices_.factor(x, ta, tb, values)) y = matmul(x, b, ta, tb);
          break;
        case 4:
          if (const Tensor b = choices_.like(x, values)) y = ta ? x + b : x - scale() * b;
          break;
        case 5:
          y = transpose(x);
          break;
        case 6:
          y = ta ? tanh(x) : relu(x);
          break;
        case 7:
          y = scale() * x;
          break;
        default:
          if (const Tensor b = choices_.like(x, values)) y = x * b;
      }
      if (y) values.push_back(y);
    }
    const Tensor loss = 0.01 * (sum(square(values.back())) + sum(values[values.size() / 2]));
    const Tensors g = grad(loss, w_), h = grad(g, w_, stop_gradient(g));
    outputs_ = g + 0.1 * h;
    outputs_.push_back(squared_norm(g));
    if (below(3) == 0) outputs_.push_back(values[values.size() - 2]);
    if (below(4) == 0)
      for (Tensor t : grad(h, w_, stop_gradient(g))) outputs_.push_back(t);
  }

  std::vector<std::vector<double>> results(const PlanOptions& options) {
    Plan plan({outputs_}, options);
    plan.run();
    std::vector<std::vector<double>> result;
    for (Tensor t : outputs_) result.push_back(plan.value(t).to_vector());
    return result;
  }

  std::string broken(double planned, double recorded, long double exact, long double bound) {
    const long double largest = dtype_ == DType::f32 ? std::numeric_limits<float>::max()
                                                     : std::numeric_limits<double>::max();
    if (!std::isfinite(exact))
      return std::isfinite(planned) && !std::isinf(bound)
                 ? fmt::format("{} where the exact result is no number", planned)
                 : "";
    if (!std::isfinite(bound) || std::abs(exact) + bound > largest) return {};
    if (!std::isfinite(planned))
      return std::isfinite(recorded) ? fmt::format("{} where {} is right", planned, recorded) : "";
    if (bound < std::abs(exact)) ++compared;
    if (std::abs(static_cast<long double>(planned) - exact) <= 4 * bound) return {};
    return fmt::format("{}, exact {}, recorded {}, bound {}", planned, static_cast<double>(exact),
                       recorded, static_cast<double>(bound));
  }

  Choices choices_;
  DType dtype_ = DType::f32;
  Tape tape_;
  Tensors w_, outputs_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile_graphs)

BOOST_AUTO_TEST_CASE(passes_keep_digits_range_and_special_values) {
  const Threads one(1);
  const char* wanted = std::getenv("TWICE_HOSTILE_GRAPHS");
  const int graphs = wanted ? std::atoi(wanted) : 400;
  int compared = 0;
  for (int seed = 0; seed < graphs; ++seed) {
    HostileGraph graph(static_cast<unsigned>(seed));
    const std::string found = graph.complaint();
    BOOST_TEST(found.empty(), "seed " << seed << ": " << found);
    compared += graph.compared;
  }
  BOOST_TEST(compared > 500 * graphs);
}

BOOST_AUTO_TEST_SUITE_END()
