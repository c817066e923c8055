#include "autodiff/check/derivatives.h"

#include <cmath>

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/plan.h"

namespace twice {

namespace {

/// The step of a finite difference, and the tolerances for differences and for identities.
struct Precision {
  double step, difference, identity;
};

/// The steps are powers of two: the rounding of x + step is then small. The steps are shorter than
/// the step that balances the two errors (the fifth root of the unit roundoff). The error from
/// rounding, about u/step, is still far below the tolerance, and a short step rarely crosses a kink
/// of relu or max.
Precision precision_of(DType dtype) {
  return dtype == DType::f64 ? Precision{0x1p-13, 1e-7, 1e-10} : Precision{0x1p-5, 5e-3, 2e-4};
}

/// Compares numbers and keeps the pair with the largest error.
class Comparison {
 public:
  Comparison(std::string check, int order, double tolerance, double step = 0) {
    result_.check = std::move(check);
    result_.order = order;
    result_.tolerance = tolerance;
    result_.step = step;
  }

  static double error(double engine, double reference) {
    return std::abs(engine - reference) / std::max(1.0, std::abs(reference));
  }

  void add(double engine, double reference, int input = -1, Index entry = -1) {
    const double found = error(engine, reference);
    const bool worse = found > result_.error || (std::isnan(found) && !std::isnan(result_.error));
    if (worse || !seen_) {
      result_.error = found;
      result_.engine = engine;
      result_.reference = reference;
      result_.input = input;
      result_.entry = entry;
    }
    seen_ = true;
  }

  /// Compares all entries of two lists of arrays, one array for each input.
  void add_all(const std::vector<Array>& engine, const std::vector<Array>& reference,
               const std::vector<int>& inputs) {
    for (std::size_t i = 0; i < engine.size(); ++i)
      for (Index entry = 0; entry < engine[i].elements(); ++entry)
        add(engine[i].at(entry), reference[i].at(entry), inputs[i], entry);
  }

  CheckResult result() const {
    CheckResult result = result_;
    result.ok = result.error <= result.tolerance;  // false for NaN
    return result;
  }

 private:
  CheckResult result_;
  bool seen_ = false;
};

/// The function and its derivatives, recorded on one tape, and the inputs of the checks.
class Check {
 public:
  Check(const Function& f, const std::vector<Array>& inputs, const CheckOptions& options)
      : options_(options), rng_(options.seed) {
    if (options.order < 1 || options.order > 3)
      fail("check", "order must be 1, 2 or 3, was {}", options.order);
    for (const Array& input : inputs) {
      const Tensor t = tape_.input(input.shape(), input.dtype());
      arrays_.push_back(input.clone());
      bindings_.push_back({t, arrays_.back()});
      if (!is_float(input.dtype())) continue;
      if (!x_.empty() && x_[0].dtype() != input.dtype())
        fail("check", "inputs need one float dtype, not {} and {}", str(x_[0].dtype()),
             str(input.dtype()));
      place_.push_back(static_cast<int>(arrays_.size() - 1));
      x_.push_back(t);
    }
    if (x_.empty()) fail("check", "none of the {} inputs is f32 or f64", inputs.size());
    precision_ = precision_of(x_[0].dtype());
    record(f);
  }

  std::vector<CheckResult> run() {
    std::vector<CheckResult> results;
    for (int order = 1; order <= options_.order; ++order) {
      results.push_back(finite_difference(order));
      if (order == 1) results.push_back(adjoint());
      if (order == 2) {
        const Tensors &v = weights_[1], &g = gradients_[0];
        results.push_back(same("forward over reverse", 2, gradients_[1], push(g, x_, v)));
        const Tensor slope = dot(push(y_, x_, v), weights_[0]);
        results.push_back(same("reverse over forward", 2, gradients_[1], grad(slope, x_)));
      }
      results.push_back(planned(order));
    }
    return results;
  }

 private:
  void record(const Function& f) {
    Tensors all;
    for (const Binding& binding : bindings_) all.push_back(binding.input);
    for (Tensor y : f(all))
      if (is_float(y.dtype())) y_.push_back(y);
    if (y_.empty()) fail("check", "the function has no output of dtype f32 or f64");
    Tensors values = y_;
    for (int order = 1; order <= options_.order; ++order) {
      weights_.push_back(random_like(values));
      scalars_.push_back(dot(values, weights_.back()));
      gradients_.push_back(grad(scalars_.back(), x_));
      values = gradients_.back();
    }
    weights_.push_back(random_like(x_));
  }

  /// Constants with normally distributed entries. With weights of 1, errors could cancel.
  Tensors random_like(const Tensors& list) {
    Tensors result;
    for (Tensor t : list) {
      Array numbers(t.shape(), t.dtype());
      fill_normal(rng_.keyed(0, ++draws_), 0, 1, numbers);
      result.push_back(tape_.constant(numbers));
    }
    return result;
  }

  std::vector<Array> computed(const Tensors& tensors, const PlanOptions& options = {}) {
    Plan plan({tensors}, options);
    plan.run(bindings_);
    std::vector<Array> result;
    for (const Array& numbers : plan.values(tensors)) result.push_back(numbers.clone());
    return result;
  }

  /// The derivative of the output s of `plan` with respect to t by the five-point stencil
  ///   (8 s(h) - 8 s(-h) - s(2h) + s(-2h)) / 12 h,  error h^4 s^(5) / 30.
  /// move(t) moves the inputs by t.
  template <class Move>
  double difference(Plan& plan, Tensor s, double h, const Move& move) {
    const auto at = [&](double t) {
      move(t);
      plan.run();
      return plan.value(s).item();
    };
    const double slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    move(0);
    return slope;
  }

  CheckResult finite_difference(int order) {
    const Tensor s = scalars_[static_cast<std::size_t>(order - 1)];
    const std::vector<Array> g = computed(gradients_[static_cast<std::size_t>(order - 1)]);
    Comparison comparison("finite difference", order, precision_.difference, precision_.step);
    Plan plan{s};
    plan.run(bindings_);

    const auto compare = [&](double engine, double h, const auto& move, int input, Index entry) {
      double found = difference(plan, s, h, move);
      // A step across a kink gives no information; a wrong derivative is wrong for any step.
      for (int shorter = 0; shorter < 2; ++shorter) {
        if (Comparison::error(engine, found) <= precision_.difference) break;
        h /= 16;
        const double again = difference(plan, s, h, move);
        if (Comparison::error(engine, again) < Comparison::error(engine, found)) found = again;
      }
      comparison.add(engine, found, input, entry);
    };

    bool every_entry = true;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const Array& x = arrays_[static_cast<std::size_t>(place_[i])];
      const Index count = std::min(x.elements(), options_.entries);
      every_entry = every_entry && count == x.elements();
      const std::vector<std::int32_t> drawn = permutation(rng_.keyed(1, ++draws_), x.elements());
      for (Index k = 0; k < count; ++k) {
        const Index entry = drawn[static_cast<std::size_t>(k)];
        const double here = x.at(entry);
        const auto move = [&](double t) { x.set(entry, here + t); };
        const double size = std::exp2(std::ceil(std::log2(std::max(1.0, std::abs(here)))));
        compare(g[i].at(entry), precision_.step * size, move, place_[i], entry);
      }
    }
    for (int k = 0; k < 3 && !every_entry; ++k) along_direction(g, compare);
    return comparison.result();
  }

  /// Compares the derivatives along a random direction of length 1 through all inputs.
  template <class Compare>
  void along_direction(const std::vector<Array>& g, const Compare& compare) {
    std::vector<Array> start, direction;
    double squares = 0, slope = 0;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      start.push_back(arrays_[static_cast<std::size_t>(place_[i])].clone());
      direction.emplace_back(x_[i].shape(), DType::f64);
      fill_normal(rng_.keyed(2, ++draws_), 0, 1, direction[i]);
      for (Index e = 0; e < direction[i].elements(); ++e)
        squares += direction[i].at(e) * direction[i].at(e);
    }
    const double length = std::sqrt(squares);
    for (std::size_t i = 0; i < x_.size(); ++i)
      for (Index e = 0; e < direction[i].elements(); ++e) {
        direction[i].set(e, direction[i].at(e) / length);
        slope += direction[i].at(e) * g[i].at(e);
      }
    const auto move = [&](double t) {
      for (std::size_t i = 0; i < x_.size(); ++i)
        for (Index e = 0; e < start[i].elements(); ++e)
          arrays_[static_cast<std::size_t>(place_[i])].set(e,
                                                           start[i].at(e) + t * direction[i].at(e));
    };
    compare(slope, precision_.step, move, -1, Index{-1});
  }

  CheckResult adjoint() {
    const Tensors v = weights_.back(), u = weights_[0];
    const Tensor forward = dot(push(y_, x_, v), u), backward = dot(v, gradients_[0]);
    const std::vector<Array> found = computed({backward, forward});
    Comparison comparison("adjoint", 1, precision_.identity);
    comparison.add(found[0].item(), found[1].item());
    return comparison.result();
  }

  CheckResult same(const char* check, int order, const Tensors& engine, const Tensors& reference) {
    Comparison comparison(check, order, precision_.identity);
    comparison.add_all(computed(engine), computed(reference), place_);
    return comparison.result();
  }

  CheckResult planned(int order) {
    const Tensors& g = gradients_[static_cast<std::size_t>(order - 1)];
    Comparison comparison("planned", order, precision_.identity);
    comparison.add_all(computed(g), computed(g, no_passes()), place_);
    return comparison.result();
  }

  CheckOptions options_;
  Rng rng_;
  std::uint64_t draws_ = 0;
  Precision precision_{};
  Tape tape_;
  std::vector<Array> arrays_;
  std::vector<Binding> bindings_;
  /// The float inputs, and their positions among all inputs.
  Tensors x_;
  std::vector<int> place_;
  Tensors y_;
  /// u_k, s_k and g_(k+1) at position k. The last u has the shapes of the inputs.
  std::vector<Tensors> weights_;
  Tensors scalars_;
  std::vector<Tensors> gradients_;
};

}  // namespace

std::string str(const CheckResult& r) {
  const std::string where =
      r.input < 0 ? "all inputs" : fmt::format("input {}, entry {}", r.input, r.entry);
  return fmt::format("order {}, {}: {}: engine {:.9g}, reference {:.9g}: error {:.2g} {} {:.0g}",
                     r.order, r.check, where, r.engine, r.reference, r.error, r.ok ? "<=" : ">",
                     r.tolerance);
}

std::vector<CheckResult> check_derivatives(const Function& f, const std::vector<Array>& inputs,
                                           const CheckOptions& options) {
  return Check(f, inputs, options).run();
}

}  // namespace twice
