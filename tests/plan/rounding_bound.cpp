// Implements the rounding bounds. The rule of an op gives its exact value, the error from its
// inputs, and its own rounding.
#include "tests/plan/rounding_bound.h"

#include <cmath>
#include <limits>

#include "autodiff/ops/algebra.h"

namespace twice::testing {

namespace {

using Real = long double;

/// A number with a bound on its error.
struct Ball {
  Real value = 0, bound = 0;
};

struct Precision {
  Real unit;      // the largest relative error of one rounding
  Real smallest;  // the largest absolute error of one rounding near 0
  Real largest;   // the largest number
};

Precision precision_of(DType dtype) {
  return visit_float(dtype, [&]<class T>(T) {
    return Precision{std::numeric_limits<T>::epsilon() / Real(2),
                     Real(std::numeric_limits<T>::denorm_min()),
                     Real(std::numeric_limits<T>::max())};
  });
}

class Interpreter {
 public:
  Interpreter(Tape& tape, double margin) : tape_(tape), margin_(margin) {}

  std::vector<Rounded> run(int last) {
    for (int i = 0; i <= last; ++i) {
      const Node& node = tape_.node(i);
      precision_ = precision_of(node.spec.dtype);
      if (!node.op) {
        Rounded leaf;
        for (double x : tape_.stored(node).to_vector()) leaf.value.push_back(x);
        leaf.bound.assign(leaf.value.size(), 0);
        all_.push_back(std::move(leaf));
      } else {
        all_.push_back(Rounded{});
        all_.back() = compute(node, tape_.inputs_of(node));
      }
    }
    return std::move(all_);
  }

 private:
  Ball rounded(Ball x, Real roundings = 1) const {
    x.bound += roundings * (precision_.unit * std::abs(x.value) + precision_.smallest);
    return x;
  }
  /// Widens the bound for the margin. `size` is the largest intermediate number.
  Ball with_margin(Ball x, Real size, Real roundings) const {
    x.bound += roundings * precision_.smallest * margin_;
    if (size * margin_ > precision_.largest) x.bound = std::numeric_limits<Real>::infinity();
    return x;
  }
  static Ball product(Ball a, Ball b) {
    return {a.value * b.value,
            std::abs(a.value) * b.bound + a.bound * std::abs(b.value) + a.bound * b.bound};
  }

  Ball at(int node, Index i) const {
    const Rounded& x = all_[static_cast<std::size_t>(node)];
    return {x.value[static_cast<std::size_t>(i)], x.bound[static_cast<std::size_t>(i)]};
  }
  Shape shape_of(int node) const { return tape_.node(node).spec.shape; }

  template <class F>
  Rounded each(const Node& node, const F& f) const {
    Rounded y;
    for (Index i = 0; i < node.spec.shape.elements(); ++i) {
      const Ball ball = f(i);
      y.value.push_back(ball.value);
      y.bound.push_back(ball.bound);
    }
    return y;
  }

  /// The position in `small`, which broadcasts to `large`, that belongs to position i in `large`.
  static Index narrowed(const Shape& large, Index i, const Shape& small) {
    const Shape strides = row_major_strides(small);
    const int lead = large.rank() - small.rank();
    Index result = 0;
    for (int axis = large.rank() - 1; axis >= 0; --axis) {
      const Index place = i % large[axis];
      i /= large[axis];
      if (axis >= lead && small[axis - lead] != 1) result += place * strides[axis - lead];
    }
    return result;
  }

  Rounded matmul(const Node& node, int a, int b, Transposes flags) const {
    const Shape sa = shape_of(a), sb = shape_of(b);
    const Index n = node.spec.shape[1], k = sa[flags.a ? 0 : 1];
    return each(node, [&](Index i) {
      const Index row = i / n, column = i % n;
      Ball sum;
      Real sizes = 0, largest_factor = 0;
      for (Index j = 0; j < k; ++j) {
        const Ball p = at(a, flags.a ? j * sa[1] + row : row * sa[1] + j),
                   q = at(b, flags.b ? column * sb[1] + j : j * sb[1] + column),
                   term = product(p, q);
        // A pass may have moved a scaling to either factor.
        largest_factor = std::max({largest_factor, std::abs(p.value), std::abs(q.value)});
        sum.bound += (margin_ - 1) * precision_.smallest * (std::abs(p.value) + std::abs(q.value));
        sum.value += term.value;
        sum.bound += term.bound;
        sizes += std::abs(term.value) + term.bound;
      }
      sum.bound += static_cast<Real>(k) * precision_.unit * sizes;
      return with_margin(sum, margin_ > 1 ? std::max(sizes, largest_factor) : sizes,
                         static_cast<Real>(k));
    });
  }

  Rounded sum_to(const Node& node, int x) const {
    const Shape from = shape_of(x);
    Rounded y;
    const auto count = static_cast<std::size_t>(node.spec.shape.elements());
    y.value.assign(count, 0);
    y.bound.assign(count, 0);
    const Real terms = static_cast<Real>(from.elements()) / static_cast<Real>(count);
    for (Index i = 0; i < from.elements(); ++i) {
      const auto to = static_cast<std::size_t>(narrowed(from, i, node.spec.shape));
      const Ball ball = at(x, i);
      y.value[to] += ball.value;
      y.bound[to] += ball.bound + terms * precision_.unit * (std::abs(ball.value) + ball.bound);
    }
    return y;
  }

  Rounded compute(const Node& node, std::span<const int> x) const {
    const Op& op = *node.op;
    const int a = x[0], b = x.size() > 1 ? x[1] : -1;
    if (const auto flags = as_matmul(op)) return matmul(node, a, b, *flags);
    if (is_sum(op)) return sum_to(node, a);
    if (is_broadcast(op))
      return each(node, [&](Index i) { return at(a, narrowed(node.spec.shape, i, shape_of(a))); });
    if (const auto axes = as_permutation(op)) {
      const Shape strides = row_major_strides(shape_of(a));
      return each(node, [&](Index i) {
        Index from = 0;
        for (int axis = axes->rank() - 1; axis >= 0; --axis) {
          from += i % node.spec.shape[axis] * strides[static_cast<int>((*axes)[axis])];
          i /= node.spec.shape[axis];
        }
        return at(a, from);
      });
    }
    if (const auto c = as_affine(op))
      return each(node, [&](Index i) {
        // The constants are rounded twice, and so are the operations.
        Ball y = rounded(product(at(a, i), {Real(c->scale), 0}), 2);
        y = with_margin(y, std::abs(y.value), 1);
        y.value += c->shift;
        y.bound += precision_.unit * std::abs(c->shift);
        return c->shift == 0 ? y : rounded(y);
      });
    const Arithmetic kind = arithmetic_of(op);
    if (kind == Arithmetic::add || kind == Arithmetic::sub)
      return each(node, [&](Index i) {
        const Ball p = at(a, i), q = at(b, i);
        return rounded(
            {kind == Arithmetic::add ? p.value + q.value : p.value - q.value, p.bound + q.bound});
      });
    if (kind == Arithmetic::mul || kind == Arithmetic::square)
      return each(node, [&](Index i) {
        return rounded(product(at(a, i), at(kind == Arithmetic::mul ? b : a, i)));
      });
    const std::string_view name = op.name();
    if (op.is_view()) return each(node, [&](Index i) { return at(a, i); });
    if (name == "tanh")
      return each(node, [&](Index i) {
        const Ball p = at(a, i);
        const Real y = std::tanh(p.value), slope = 1 - y * y;
        return rounded({y, std::min<Real>(2, p.bound * (slope + p.bound))}, 4);
      });
    if (name == "sech2")
      return each(node, [&](Index i) {
        const Ball p = at(a, i);
        const Real c = std::cosh(p.value), y = std::isinf(c) ? 0 : 1 / (c * c);
        // For y = sech^2, |y'| = 2 y |tanh| <= 2 y and |y''| <= 4.
        return rounded({y, std::min<Real>(1, 2 * p.bound * (y + p.bound))}, 6);
      });
    if (name == "relu")
      return each(node, [&](Index i) {
        const Ball p = at(a, i);
        return Ball{p.value < 0 ? 0 : p.value, p.bound};
      });
    if (name == "masked")
      return each(node, [&](Index i) {
        const Ball p = at(a, i), mask = at(b, i);
        if (mask.bound > 0 && !(std::abs(mask.value) > 4 * mask.bound))
          return Ball{0, std::numeric_limits<Real>::infinity()};
        return mask.value == 0 ? Ball{} : p;
      });
    fail("rounding_bounds", "no rule for {}", name);
  }

  Tape& tape_;
  Real margin_;
  Precision precision_{};
  std::vector<Rounded> all_;
};

}  // namespace

std::vector<Rounded> rounding_bounds(const Tensors& outputs, double margin) {
  int last = 0;
  for (Tensor t : outputs) last = std::max(last, t.index());
  return Interpreter(outputs[0].tape(), margin).run(last);
}

}  // namespace twice::testing
