// Tests that an op's attributes contain all its settings. The planner merges ops with equal
// attributes, and other programs recompute graphs from them. tests/commands/torch_ops.py does so
// for every row of the op table.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <set>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/batched_matmul.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "autodiff/ops/tensors.h"
#include "experiments/commands/check/op_table.h"
#include "nn/layers.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

using Record = std::function<Tensor(Tensor)>;

/// An op with equal inputs and different settings, which change its value. The list follows the
/// order of ops.md.
struct Settings {
  const char* op;
  Shape x;
  std::vector<Record> variants;
};

Tensor indices(Tensor x) { return x.tape().constant(Array(Shape{2}, DType::i32)); }

Tensor dropped(Tensor x, std::uint64_t seed, double rate, std::uint64_t use) {
  ForwardPass pass;
  pass.dropout = [&] { return DropoutKey{Rng(seed), x.tape().constant(1, DType::i32)}; };
  return dropout(rate, use).forward({}, {}, x, pass);
}

Tensor convolved(Tensor x, const ConvGeometry& geometry, Index groups = 1) {
  const Tensor w = x.tape().constant(Array(Shape{1, 1, 4 / groups, 4}, DType::f64));
  ConvGeometry g = geometry;
  g.groups = groups;
  return conv2d(x, w, g);
}

/// The last op `inverse_deviation` in the derivative of standardize.
Tensor inverse_deviation_in(Tensor x, const Shape& axes, double epsilon) {
  Tape& tape = x.tape();
  grad(sum(standardize(x, axes, epsilon)), {x});
  int node = tape.size() - 1;
  while (!tape.node(node).op || tape.node(node).op->name() != "inverse_deviation") --node;
  return tape.handle(node);
}

std::vector<Settings> settings() {
  const auto conv = [](const ConvGeometry& g) {
    return [g](Tensor x) {
      return conv2d(x, x.tape().constant(Array(Shape{2, 2, 4, 4}, DType::f64)), g);
    };
  };
  const auto input_grad = [](Index height) {
    return [height](Tensor g) {
      const Tensor w = g.tape().constant(Array(Shape{1, 1, 2, 4}, DType::f64));
      return conv2d_input_grad(w, g, {2}, {1, height, 7, 2});
    };
  };
  const auto weight_grad = [](Index height) {
    return [height](Tensor x) {
      const Tensor g = x.tape().constant(Array(Shape{1, 2, 2, 3}, DType::f64));
      return conv2d_weight_grad(x, g, {2}, {height, 2, 4, 3});
    };
  };
  const Shape square{2, 2}, image{1, 4, 4, 4};
  return {
      {"affine",
       square,
       {[](Tensor x) { return affine(x, 2, 0); }, [](Tensor x) { return affine(x, 2, 1); },
        [](Tensor x) { return affine(x, 3, 1); }, [](Tensor x) { return affine(x, -3, 1); },
        [](Tensor x) { return affine(x, 3 + 1e-15, 1); }}},
      {"pow", square, {[](Tensor x) { return pow(x, 2.5); }, [](Tensor x) { return pow(x, 3); }}},
      {"pow_tensor",
       square,
       {[](Tensor x) { return grad(sum(pow(x, stop_gradient(x))), {x})[0]; },
        [](Tensor x) {
          const Tensor slope = grad(sum(pow(x, stop_gradient(x))), {x})[0];
          return grad(sum(slope), {x})[0];
        }}},
      {"leaky_relu",
       square,
       {[](Tensor x) { return leaky_relu(x, 0.1); }, [](Tensor x) { return leaky_relu(x, 0.2); }}},
      {"elu", square, {[](Tensor x) { return elu(x, 1); }, [](Tensor x) { return elu(x, 2); }}},
      {"elu_slope",
       square,
       {[](Tensor x) { return grad(sum(elu(x, 1)), {x})[0]; },
        [](Tensor x) { return grad(sum(elu(x, 2)), {x})[0]; }}},
      {"safe_sqrt",
       square,
       {[](Tensor x) { return safe_sqrt(x); }, [](Tensor x) { return root_of_squares(x); }}},
      {"beta_gelu",
       square,
       {[](Tensor x) { return beta_gelu(x, 1); }, [](Tensor x) { return beta_gelu(x, 2); }}},
      {"clamp",
       square,
       {[](Tensor x) { return clamp(x, -1, 1); }, [](Tensor x) { return clamp(x, -1, 2); },
        [](Tensor x) { return clamp(x, 0, 1); }}},
      {"inside",
       square,
       {[](Tensor x) { return grad(sum(clamp(x, -1, 1)), {x})[0]; },
        [](Tensor x) { return grad(sum(clamp(x, -1, 2)), {x})[0]; }}},
      {"reshape",
       square,
       {[](Tensor x) { return reshape(x, {4}); },
        [](Tensor x) {
          return reshape(x, {4, 1});
        }}},
      {"permute",
       {2, 2, 2},
       {[](Tensor x) {
          return permute(x, {1, 0, 2});
        },
        [](Tensor x) {
          return permute(x, {2, 1, 0});
        }}},
      {"slice",
       {6},
       {[](Tensor x) { return slice(x, 0, 0, 2); }, [](Tensor x) { return slice(x, 0, 1, 3); },
        [](Tensor x) { return slice(x, 0, 0, 4, 2); }, [](Tensor x) { return slice(x, 0, 0, 3); }}},
      {"pad",
       {6},
       {[](Tensor x) { return pad(x, {1}, {1}); }, [](Tensor x) { return pad(x, {2}, {0}); },
        [](Tensor x) { return pad(x, {1}, {2}); }}},
      {"concat",
       square,
       {[](Tensor x) {
          return concat({x, x}, 0);
        },
        [](Tensor x) {
          return concat({x, x}, 1);
        }}},
      {"broadcast_to",
       {2, 1},
       {[](Tensor x) {
          return broadcast_to(x, {2, 2});
        },
        [](Tensor x) {
          return broadcast_to(x, {2, 3});
        }}},
      {"sum_to",
       square,
       {[](Tensor x) { return sum_to(x, {2}); },
        [](Tensor x) {
          return sum_to(x, {2, 1});
        }}},
      {"scatter_add",
       square,
       {[](Tensor x) { return scatter_add(x, indices(x), 3); },
        [](Tensor x) { return scatter_add(x, indices(x), 4); }}},
      {"scatter_along",
       {2},
       {[](Tensor x) { return scatter_along(x, indices(x), 0, 3); },
        [](Tensor x) { return scatter_along(x, indices(x), 0, 4); }}},
      {"one_hot",
       {2},
       {[](Tensor x) { return one_hot(indices(x), 3, DType::f32); },
        [](Tensor x) { return one_hot(indices(x), 4, DType::f32); },
        [](Tensor x) { return one_hot(indices(x), 4, DType::f64); }}},
      {"center",
       square,
       {[](Tensor x) { return center(x, {0}); }, [](Tensor x) { return center(x, {1}); },
        [](Tensor x) { return center(x); }}},
      {"variance",
       square,
       {[](Tensor x) { return variance(x, {0}); }, [](Tensor x) { return variance(x, {1}); },
        [](Tensor x) { return variance(x); }}},
      {"inverse_deviation",
       square,
       {[](Tensor x) { return inverse_deviation_in(x, {0}, 0.1); },
        [](Tensor x) { return inverse_deviation_in(x, {1}, 0.1); },
        [](Tensor x) { return inverse_deviation_in(x, {1}, 0.2); }}},
      {"standardize",
       square,
       {[](Tensor x) { return standardize(x, {0}, 0.1); },
        [](Tensor x) { return standardize(x, {1}, 0.1); },
        [](Tensor x) { return standardize(x, {1}, 0.2); }}},
      {"matmul",
       square,
       {[](Tensor x) { return matmul(x, x); }, [](Tensor x) { return matmul(x, x, true); },
        [](Tensor x) { return matmul(x, x, false, true); },
        [](Tensor x) { return matmul(x, x, true, true); }}},
      {"batched_matmul",
       {2, 2, 2},
       {[](Tensor x) { return batched_matmul(x, x); },
        [](Tensor x) { return batched_matmul(x, x, true); },
        [](Tensor x) { return batched_matmul(x, x, false, true); },
        [](Tensor x) { return batched_matmul(x, x, true, true); }}},
      {"conv2d", image, {conv({1}), conv({2}), conv({1, 1}), conv({1, 1, 2}), conv({2, 1, 2})}},
      {"conv2d",
       image,
       {[](Tensor x) { return convolved(x, {}); }, [](Tensor x) { return convolved(x, {}, 2); }}},
      // With stride 2, images of 5 and of 6 rows both give 3 rows of outputs. Kernels of 1 and 2
      // rows both give 2.
      {"conv2d_input_grad", {1, 3, 4, 4}, {input_grad(5), input_grad(6)}},
      {"conv2d_weight_grad", image, {weight_grad(1), weight_grad(2)}},
      {"average_pool2d",
       image,
       {[](Tensor x) {
          return average_pool2d(x, {2, 2, 0});
        },
        [](Tensor x) {
          return average_pool2d(x, {2, 1, 0});
        },
        [](Tensor x) {
          return average_pool2d(x, {2, 2, 1});
        },
        [](Tensor x) {
          return average_pool2d(x, {3, 2, 1});
        }}},
      {"average_pool2d_adjoint",
       {1, 2, 2, 2},
       {[](Tensor g) {
          return average_pool2d_adjoint(g, {2, 2, 0}, {1, 4, 4, 2});
        },
        [](Tensor g) {
          return average_pool2d_adjoint(g, {2, 2, 0}, {1, 5, 4, 2});
        }}},
      {"max_pool2d_indices",
       image,
       {[](Tensor x) {
          return max_pool2d_indices(x, {2, 2, 0});
        },
        [](Tensor x) {
          return max_pool2d_indices(x, {2, 1, 0});
        },
        [](Tensor x) {
          return max_pool2d_indices(x, {3, 2, 1});
        }}},
      {"dropout_mask",
       square,
       {[](Tensor x) { return dropped(x, 1, 0.5, 1); },
        [](Tensor x) { return dropped(x, 2, 0.5, 1); },
        [](Tensor x) { return dropped(x, 1, 0.4, 1); },
        [](Tensor x) { return dropped(x, 1, 0.5, 2); }}},
  };
}

/// The attributes of the last node with this op from node `from` on.
std::string attributes_of(Tape& tape, const std::string& op, int from) {
  for (int i = tape.size() - 1; i >= from; --i)
    if (tape.node(i).op && tape.node(i).op->name() == op) return tape.node(i).op->attributes();
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_attributes)

BOOST_AUTO_TEST_CASE(other_settings_have_other_attributes) {
  for (const Settings& row : settings()) {
    Tape tape;
    const Tensor x = tape.input(row.x, DType::f64);
    std::vector<std::string> seen;
    for (const Record& record : row.variants) {
      const int from = tape.size();
      record(x);
      const std::string found = attributes_of(tape, row.op, from);
      BOOST_TEST(!found.empty(), row.op);
      for (const std::string& other : seen) BOOST_TEST(found != other, row.op << ": " << found);
      seen.push_back(found);
    }
  }
}

/// An op that is created at each recording has settings, so it needs a row above.
BOOST_AUTO_TEST_CASE(every_op_with_settings_is_tested) {
  std::set<std::string> tested;
  for (const Settings& row : settings()) tested.insert(row.op);
  // The only setting of these ops is a name, or a shape that the planner compares anyway.
  const std::set<std::string> without = {"argmax", "argmin", "pool_scatter"};
  for (const OpCase& row : op_table()) {
    Tape tape;
    Tensors all, x;
    for (const Array& array : row.draw()) {
      all.push_back(tape.input(array.shape(), array.dtype()));
      if (is_float(array.dtype())) x.push_back(all.back());
    }
    const auto record = [&] {
      const int from = tape.size();
      const Tensors y = row.function(all);
      const Tensors g = grad(dot(y, y), x);
      grad(dot(g, g), x);
      return from;
    };
    const int first = record(), second = record();
    for (int i = first; i < second; ++i) {
      const std::shared_ptr<const Op> op = tape.node(i).op;
      if (!op || op == tape.node(i + second - first).op) continue;
      const std::string name(op->name());
      BOOST_TEST((tested.contains(name) || without.contains(name)), name << " has settings");
      BOOST_TEST((!op->attributes().empty() || without.contains(name)), name);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
