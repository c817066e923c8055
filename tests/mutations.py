"""Checks that the tests catch wrong derivatives, wrong plans and lost options. In a scratch copy of the
sources, changes one sign, factor or line at a time, builds the tests, and runs the suites that must fail.

    python3 tests/mutations.py [--only NAME] [--build DIR] [--list]

Run it by hand: each mutation compiles one file and links the tests, in about half a minute. `--build`
keeps the copy and its build between runs. `--list`, which the tests run, compiles nothing. The exit
status is 1 if a mutation survives or no longer fits the code.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The op table checks single ops and random graphs check compositions. Both must fail.
BOTH = "op_table_rows|random_graphs"
# Choices at a kink or a singular point. The op table and the random graphs avoid such points.
KINKS = "elementwise_numbers"
# A wrong value with the derivative of the wrong value.
LOSSES = "loss_values"
# A run against the same run computed in the test.
TRAINER = "trainer"
# Digits are lost, or special values are wrong.
ERRORS = "accuracy"
# The choice among equal numbers.
TIES = "ties"
# Tiles and threads. A suite that hangs counts as failed.
TEAM = "team"

# (name, file, text, replacement, suites that must fail). The text must occur exactly once in the file.
MUTATIONS = [
    # Elementwise: the family, arithmetic, powers, exponentials, trigonometry
    ("sub: sign", "autodiff/ops/arithmetic.cpp",
     "return slot == 0 ? 1 : -1;", "return slot == 0 ? 1 : 1;", BOTH),
    ("mul: wrong factor", "autodiff/ops/arithmetic.cpp",
     "return slot == 0 ? x[1] : x[0];", "return slot == 0 ? x[1] : x[1];", BOTH),
    ("div: sign", "autodiff/ops/arithmetic.cpp", "-(y / x[1])", "(y / x[1])", BOTH),
    ("square: factor", "autodiff/ops/power.cpp", "return 2 * x[0];", "return 2.001 * x[0];", BOTH),
    ("pow: exponent", "autodiff/ops/power.cpp",
     "return exponent * (lost == 0", "return (exponent - 1) * (lost == 0", BOTH),
    ("pow_tensor: logarithm", "autodiff/ops/power.cpp",
     "return y * log(a +", "return log(a +", BOTH),
    ("pow_tensor: at 0", "autodiff/ops/power.cpp",
     "b + a_is_zero * (1 - nonzero(p))", "b", KINKS),
    ("pow_tensor: logarithm of 0", "autodiff/ops/power.cpp", 
     "log(a + a_is_zero * greater_equal(p, full_like(p, 0)))", "log(a)", KINKS),
    ("erf: factor", "autodiff/ops/exponential.cpp", "return 2 * std::numbers::inv_sqrtpi",
     "return 1.99 * std::numbers::inv_sqrtpi", BOTH),
    ("normal_pdf: sign", "autodiff/ops/exponential.cpp", "return -(x[0] * y);",
     "return x[0] * y;", BOTH),
    ("cos: sign", "autodiff/ops/trigonometric.cpp", "return -twice::sin(x[0]);",
     "return twice::sin(x[0]);", BOTH),

    # Activations' slopes and pieces
    ("tanh: factor", "autodiff/ops/activations.cpp", "return sech2(x[0]);",
     "return 0.99 * sech2(x[0]);", BOTH),
    ("sigmoid: a slope without digits", "autodiff/ops/activations.cpp",
     "return sigmoid_slope(x[0]); }", "const Tensor y = sigmoid(x[0]); return y * (1 - y); }", ERRORS),
    ("sech2: sign", "autodiff/ops/activations.cpp", "return -2 * (y * twice::tanh(x[0]));",
     "return 2 * (y * twice::tanh(x[0]));", BOTH),
    ("silu: sign", "autodiff/ops/activations.cpp", "sigmoid(x[0]) + x[0] * sigmoid_slope",
     "sigmoid(x[0]) - x[0] * sigmoid_slope", BOTH),
    ("beta_gelu: factor", "autodiff/ops/activations.cpp", "normal_cdf(u) + u * normal_pdf(u)",
     "normal_cdf(u) + 0.999 * u * normal_pdf(u)", BOTH),
    ("clamp: its ends", "autodiff/ops/compare.cpp", "mask_of<V>(x >= V(static_cast<T>(low))",
     "mask_of<V>(x > V(static_cast<T>(low))", KINKS),

    # Linear, and ops that move and pick numbers
    ("sum_to: forward map", "autodiff/ops/broadcast.cpp", "return sum_to(t, target);",
     "return 2 * sum_to(t, target);", BOTH),
    ("concat: position of a part", "autodiff/ops/concat.cpp",
     "return slice(g, axis, first, first + x[static_cast<std::size_t>(slot)].size(axis));",
     "return slice(g, axis, 0, x[static_cast<std::size_t>(slot)].size(axis));", BOTH),
    ("concat: position of a tangent", "autodiff/ops/concat.cpp", "before[axis] = offset(slot, x);",
     "before[axis] = 0;", BOTH),
    ("permute: adjoint", "autodiff/ops/shape_ops.cpp", "return permute(g, inverse(axes));",
     "return permute(g, axes);", BOTH),
    ("gather: adjoint", "autodiff/ops/index.cpp", "return scatter_add(g, x[1], x[0].size(0));",
     "return -scatter_add(g, x[1], x[0].size(0));", BOTH),
    ("scatter_along: adjoint", "autodiff/ops/index.cpp", "return gather_along(g, x[1], -1);",
     "return 2 * gather_along(g, x[1], -1);", BOTH),

    # Bilinear and trilinear
    ("matmul: transpose", "autodiff/ops/matmul.cpp", "matmul(g, a, true, ta)",
     "-matmul(g, a, true, ta)", BOTH),
    ("batched_matmul: factor", "autodiff/ops/batched_matmul.cpp",
     "batched_matmul(a, g, !ta, false)", "0.5 * batched_matmul(a, g, !ta, false)", BOTH),
    ("conv2d: adjoint of a slot", "autodiff/ops/conv.cpp",
     "return record(op, {filled[index(op.slots()[0])], filled[index(op.slots()[1])]});",
     "return 2 * record(op, {filled[index(op.slots()[0])], filled[index(op.slots()[1])]});",
     BOTH),
    ("winograd: transform of cotangents", "autodiff/kernels/winograd_weight_grad.cpp",
     "put_row(3, -d, -e);", "put_row(3, d, e);", "winograd_kernels|op_table_rows"),

    # Pooling
    ("average_pool2d: adjoint", "autodiff/ops/pool.cpp",
     "return average_pool2d_adjoint(g, geometry, x[0].shape());",
     "return 2 * average_pool2d_adjoint(g, geometry, x[0].shape());", BOTH),
    ("argmax: the last one", "autodiff/kernels/index.cpp", "largest ? row[i] <= row[best]",
     "largest ? row[i] < row[best]", TIES),
    ("max_pool2d: the last one", "autodiff/kernels/pool.cpp", "(pixel[c] > most[c])",
     "(pixel[c] >= most[c])", TIES),
    ("max_pool2d: adjoint", "autodiff/ops/pool.cpp",
     "return scatter_pixels(g, x[1], x[0].shape());",
     "return 2 * scatter_pixels(g, x[1], x[0].shape());", BOTH),

    # Softmax, losses, normalisation, dropout
    ("softmax: sign", "autodiff/kernels/softmax.cpp", "p[i] * ((in[i] - pivot) - mean)",
     "p[i] * ((in[i] - pivot) + mean)", BOTH),
    ("softmax: pivot", "autodiff/kernels/softmax.cpp", "const T pivot = in[largest_of(p, columns)];",
     "const T pivot = 0;", ERRORS),
    ("softmax_product: by y", "autodiff/ops/softmax.cpp",
     "return g * (v - sum_last(y * v)) - v * sum_last(y * g);",
     "return g * (v - sum_last(y * v)) + v * sum_last(y * g);", BOTH),
    ("log_softmax: forward only", "autodiff/ops/softmax.cpp",
     "return moved - sum_last(exp(y) * moved);", "return moved - sum_last(moved);", BOTH),
    ("softmax_error: at the label", "autodiff/kernels/softmax.cpp",
     "label[row] == sum.largest ? -sum.rest / sum.total() : at_label - T(1)", "at_label - T(1)",
     ERRORS),
    ("logsumexp: factor", "autodiff/ops/softmax.cpp",
     "return softmax(x[0]) * reshape(g,", "return 1.01 * softmax(x[0]) * reshape(g,",
     BOTH),
    ("cross_entropy: labels", "autodiff/kernels/softmax.cpp", "at_label - T(1);",
     "at_label + T(1);", BOTH),
    ("cross_entropy: forward only", "autodiff/ops/loss.cpp",
     "slot == 0 ? sum(record<SoftmaxError>({x[0], x[1]}) * t, {-1}) : Tensor{}",
     "slot == 0 ? sum(softmax(x[0]) * t, {-1}) : Tensor{}", BOTH),
    ("cross_entropy: smoothing", "autodiff/ops/loss.cpp", "(1 - label_smoothing) * losses",
     "(1 - 0.9 * label_smoothing) * losses", LOSSES),
    ("binary_cross_entropy: sign", "autodiff/ops/loss.cpp",
     "softplus(logits) + targets * softplus(-logits)",
     "softplus(logits) - targets * softplus(-logits)", LOSSES),
    ("huber: factor", "autodiff/ops/loss.cpp", "inner * (d - 0.5 * inner)",
     "inner * (d - 0.4 * inner)", LOSSES),
    ("dropout: factor", "nn/dropout.cpp", "static_cast<T>(1 / (1 - rate))",
     "static_cast<T>(1 / (1 - 0.9 * rate))", "layers"),
    ("variance: factor", "autodiff/ops/normalize.cpp",
     "return 2.0 * static_cast<double>(y.shape().elements())",
     "return 1.9 * static_cast<double>(y.shape().elements())", BOTH),
    ("standardize: projection", "autodiff/ops/normalize.cpp",
     "(v - average(v) - y * average(y * v))", "(v - average(v) + y * average(y * v))", BOTH),

    # Sweeps
    ("grad: a fan-out forgotten", "autodiff/derive/grad.cpp",
     "add_to(cotangent[input], part);", "cotangent[input] = part;", BOTH),
    ("hvp: factor", "autodiff/derive/hvp.cpp", "(2 * eps)", "eps", "forward_sweep"),
    ("method: perturbed weights followed", "optim/gradient_regularization.cpp",
     "point = stop_gradient(moved)", "point = moved", "gradient_regularization"),
    ("push: a sum forgotten", "autodiff/derive/grad.cpp",
     "add_to(tangent[at], part);", "tangent[at] = part;", BOTH),

    # The planner, and faults of the past
    ("product_uses: both factors", "autodiff/plan/passes/product_uses.cpp",
     "(term.a == term.b || term.inner)",
     "term.inner",
     "planner_algebra"),
    ("product_uses: an addend", "autodiff/plan/passes/product_uses.cpp",
     "if (chain->addend && chain->addend->node == node) uses.others = true;",
     "",
     "planner_algebra"),
    ("product_uses: a factor of a chain", "autodiff/plan/passes/product_uses.cpp",
     "(term.inner && (term.inner->a == node || term.inner->b == node))",
     "false",
     "planner_algebra"),
    ("reassociate: scale of the product", "autodiff/plan/passes/product_uses.cpp",
     "chain.scale = term.scale * v.scale;",
     "chain.scale = term.scale;",
     "planner_algebra"),
    ("accumulate: a later reader", "autodiff/plan/passes/accumulate.cpp",
     "if (value < static_cast<int>(readers_.size()))",
     "if (false)",
     "method_products"),
    ("accumulate: an addend that is read later", "autodiff/plan/passes/accumulate.cpp",
     "[&](int reader) { return reader <= root; }",
     "[](int) { return true; }",
     "planner_algebra"),
    ("accumulate: an addend that dies", "autodiff/plan/passes/accumulate.cpp",
     "return reader <= root;",
     "return reader < root;",
     "planner_algebra"),
    ("accumulate: ratio of a common factor", "autodiff/plan/passes/accumulate.cpp",
     "sum_of(factor, y.scale / x.scale,",
     "sum_of(factor, x.scale / y.scale,",
     "planner_algebra|products_at_the_edges"),
    ("accumulate: sums with other readers", "autodiff/plan/passes/accumulate.cpp",
     "    join_kept_sums(c);\n",
     "\n",
     "products_at_the_edges"),
    ("accumulate: a kept sum without a partner", "autodiff/plan/passes/accumulate.cpp",
     "!std::all_of(kept.products.begin(), kept.products.end(), has_partner)",
     "false",
     "planner_algebra"),
    ("accumulate: range of a ratio", "autodiff/plan/passes/accumulate.cpp",
     "may_move(ratio, like.spec.dtype)",
     "true",
     "products_at_the_edges"),
    ("combination: range of a factor's scaling", "autodiff/plan/passes/combination.cpp",
     "if (!may_move(scale * constants->scale, graph.at(factor).spec.dtype)) break;",
     "",
     "products_at_the_edges"),
    ("combination: range of a sum's scaling", "autodiff/plan/passes/combination.cpp",
     "if (!may_move(input.scale * term.scale, node.spec.dtype)) {",
     "if (false) {",
     "products_at_the_edges"),
    ("product_sum: range of an inner product", "autodiff/plan/passes/product_sum.cpp",
     "if (f.inner && !kernel::in_the_middle(x[2 * i + (f.inner->is_left ? 0 : 1)])) continue;",
     "",
     "products_at_the_edges"),
    ("product_sum: a chain in both orders", "autodiff/plan/passes/product_sum.cpp",
     "if (kernel::in_the_middle(x[2 * i + (products[i].inner->is_left ? 0 : 1)])) return;",
     "",
     "planner_algebra"),
    ("product_sum: outer factor of a chain", "autodiff/plan/passes/product_sum.cpp",
     "f.inner->is_left ? f.transpose_b : f.transpose_a}",
     "f.inner->is_left ? f.transpose_a : f.transpose_b}",
     "products_at_the_edges|hostile_graphs"),
    ("product_sum: first factor of a chain", "autodiff/plan/passes/product_sum.cpp",
     "{f.inner->is_left, f.inner->transpose_p, f.inner->transpose_q,",
     "{f.inner->is_left, f.inner->transpose_q, f.inner->transpose_p,",
     "products_at_the_edges|hostile_graphs"),
    ("product_sum: addend of further products", "autodiff/plan/passes/product_sum.cpp",
     "sum_of_products({terms.data(), count}, before, y);\n      before = 1;",
     "sum_of_products({terms.data(), count}, before, y);",
     "products_at_the_edges"),
    ("product_sum: addend of further chains", "autodiff/plan/passes/product_sum.cpp",
     "add_chain(x, chain_of(i), i, q, before, y, workspace);\n      before = 1;",
     "add_chain(x, chain_of(i), i, q, before, y, workspace);",
     "hostile_graphs"),
    ("product_sum: more than eight products", "autodiff/plan/passes/product_sum.cpp",
     "if (count == at_once) add_up();",
     "if (count == at_once) count = 0;",
     "products_at_the_edges"),
    ("product_norm: digits that are left", "autodiff/plan/passes/product_norm.cpp",
     "norm >= least_part * sizes * sizes",
     "norm >= 0",
     "products_at_the_edges"),
    ("product_norm: an infinite sum", "autodiff/plan/passes/product_norm.cpp",
     "std::isfinite(norm) && norm",
     "norm",
     "products_at_the_edges"),
    ("product_norm: range of an inner product", "autodiff/plan/passes/product_norm.cpp",
     "if (!kernel::in_the_middle(left) || !kernel::in_the_middle(right)) return",
     "if (false) return",
     "products_at_the_edges"),
    ("product_norm: pairs of products", "autodiff/plan/passes/product_norm.cpp",
     "(pair.u == pair.v ? 1 : 2) * scale",
     "scale",
     "planner_algebra"),
    ("product_norm: from the rows", "autodiff/plan/passes/product_norm.cpp",
     "u == 0 ? 0 : 1, block, first",
     "1, block, first",
     "products_at_the_edges"),
    ("product_norm: further products of the rows", "autodiff/plan/passes/product_norm.cpp",
     "u == 0 ? 0 : 1, block, first",
     "0, block, first",
     "products_at_the_edges"),
    ("simplify: range of a product of scalings", "autodiff/plan/passes/simplify.cpp",
     "if (s != 0 && factor != 0 && !is_normal(s * factor, node.spec.dtype)) return;",
     ";",
     "numbers_at_the_edges|hostile_graphs"),
    ("simplify: a shift that is scaled", "autodiff/plan/passes/simplify.cpp",
     "{s * inner->scale, s * inner->shift}",
     "{s * inner->scale, inner->shift}",
     "planner_algebra"),
    ("rewrite: subnormal scalings", "autodiff/plan/passes/rewrite.cpp",
     "std::abs(scale) >= std::numeric_limits<T>::min()",
     "std::abs(scale) >= 0",
     "numbers_at_the_edges"),
    ("rewrite: infinite scalings", "autodiff/plan/passes/rewrite.cpp",
     "std::abs(scale) <= std::numeric_limits<T>::max()",
     "true",
     "numbers_at_the_edges|hostile_graphs"),
    ("program: an output that is a leaf", "autodiff/plan/program.cpp",
     "if (source.place != Value::Place::leaf) continue;",
     "if (true) continue;",
     "ownership|planner_algebra"),
    ("plan: an output that is fed back", "autodiff/plan/plan.cpp",
     "if (in_arena(input.next)) {",
     "if (false) {",
     "ownership"),
    ("plan: a refused binding", "autodiff/plan/plan.cpp",
     ": binding.value.contiguous_copy();",
     ": binding.value.contiguous_copy();\n    values_[input.value] = input.next;",
     "ownership"),
    ("push: a variable that depends on another", "autodiff/derive/grad.cpp",
     "if (!depends[at] || !tape.node(i).op) continue;",
     "if (!depends[at] || tangent[at] || !tape.node(i).op) continue;",
     "forward_sweep"),
    ("grad: a variable listed twice", "autodiff/derive/grad.cpp",
     "seen.emplace(wrt[i].index(), i); !added)",
     "seen.emplace(wrt[i].index(), i); false)",
     "backward_sweep|forward_sweep"),
    ("family: mask", "autodiff/ops/elementwise.cpp",
     "return slope.mask ? masked(v, slope.mask) : v;",
     "return v;",
     "elementwise_numbers|numbers_at_the_edges"),
    ("clamp: a product instead of a selection", "autodiff/ops/compare.cpp",
     "return Slope::where(record(Inside(low, high), {x[0]}));",
     "return record(Inside(low, high), {x[0]});",
     "numbers_at_the_edges"),
    ("masked: slope", "autodiff/ops/compare.cpp",
     "return slot == 0 ? Slope::where(x[1]) : 0;",
     "return slot == 0 ? Slope::where(1 - nonzero(x[1])) : 0;",
     BOTH),
    ("masked: value", "autodiff/ops/compare.cpp",
     "select(mask == V(T(0)), V(T(0)), x)",
     "select(mask == V(T(0)), x, V(T(0)))",
     BOTH),
    ("maximum: ties", "autodiff/ops/compare.cpp",
     "affine(twice::equal(a, b), -0.5, 1)",
     "full_like(a, 1)",
     "elementwise_numbers"),
    ("abs: mask", "autodiff/ops/compare.cpp",
     "return Slope::where(x[0], twice::sign(x[0]));",
     "return twice::sign(x[0]);",
     "numbers_at_the_edges"),
    ("safe_sqrt: at 0", "autodiff/ops/power.cpp",
     "select(x == V(T(0)), V(T(0)), V(T(0.5)) / sqrt(x))",
     "V(T(0.5)) / sqrt(x)",
     "elementwise_numbers"),
    ("safe_sqrt: second derivative at 0", "autodiff/ops/power.cpp",
     "return -0.5 * (y / x[0]);",
     "return -0.5 * (y / (x[0] + (1 - nonzero(x[0]))));",
     "numbers_at_the_edges"),
    ("square: of a norm", "autodiff/ops/power.cpp",
     "return root && root->of_squares ?",
     "return root && false ?",
     "numbers_at_the_edges"),
    ("square: of any root", "autodiff/ops/power.cpp",
     "return root && root->of_squares ?",
     "return root ?",
     "elementwise_numbers"),
    ("cast: adjoint", "autodiff/ops/cast.cpp",
     "return cast(g, x[0].dtype());",
     "return g;",
     "numbers_at_the_edges"),
    ("center: adjoint", "autodiff/ops/normalize.cpp",
     "Tensor adjoint(std::span<const Tensor>, Tensor g) const override {\n    return "
     "record(Center(run_), {g});",
     "Tensor adjoint(std::span<const Tensor>, Tensor g) const override {\n    return 2 "
     "* record(Center(run_), {g});",
     BOTH),
    ("division: by numbers without a reciprocal", "autodiff/ops/arithmetic.cpp",
     "if (std::isnormal(1 / c) || !std::isfinite(c) || c == 0) return",
     "return",
     "numbers_at_the_edges"),
    ("affine: scale beyond the dtype", "autodiff/ops/arithmetic.cpp",
     "if (std::isfinite(scale) && scale != 0) {",
     "if (false) {",
     "numbers_at_the_edges"),
    ("moments: pivot of one column", "autodiff/kernels/moments.cpp",
     "const T pivot = x[0];",
     "const T pivot = 0;",
     "numbers_at_the_edges"),
    ("moments: pivots of columns", "autodiff/kernels/moments.cpp",
     "spread(x + begin, beside, width, pivot);",
     "pivot.fill(0);",
     "numbers_at_the_edges"),
    ("moments: rest of one mean", "autodiff/kernels/moments.cpp",
     "((from[k] * part - *m) - *r) * *f",
     "(from[k] * part - *m) * *f",
     "moments"),
    ("moments: rests of means", "autodiff/kernels/moments.cpp",
     "((from[k + i] * part - m[i]) - r[i]) * f[i]",
     "(from[k + i] * part - m[i]) * f[i]",
     "moments"),
    ("moments: exponent of the deviation", "autodiff/kernels/moments.cpp",
     "-m.exponent);\n}",
     "0);\n}",
     "numbers_at_the_edges"),
    ("grad: a rule's value is the variable", "autodiff/derive/grad.cpp",
     "return is_variable ? tape.record",
     "return false && is_variable ? tape.record",
     "ownership"),
    ("affine: sign of zero", "autodiff/ops/arithmetic.cpp",
     "return shift == 0 ? scaled : scaled +",
     "return scaled +",
     "numbers_at_the_edges"),
    ("moments: squares beyond the dtype", "autodiff/kernels/moments.cpp",
     "std::isfinite(m.deviation)\n",
     "true\n",
     "numbers_at_the_edges"),
    ("shape: too many numbers", "autodiff/array/shape.cpp",
     "if (!possible) fail(",
     "if (false) fail(",
     "ownership"),
    ("tape: a copied constant", "autodiff/tape/tape.cpp",
     "value.clone(), \"constant\"",
     "value, \"constant\"",
     "ownership"),
    ("tape: number of inputs", "autodiff/tape/tape.cpp",
     "expected == Op::any_number ? inputs.empty() : std::ssize(inputs) != expected",
     "false",
     "ownership"),
    ("tape: origin after clearing", "autodiff/tape/tape.cpp",
     "  origin_ = -1;\n",
     "",
     "ownership"),
    ("scope: position in an error", "autodiff/array/error.cpp",
     "ErrorPlace::~ErrorPlace() { place = std::move(before_); }", "ErrorPlace::~ErrorPlace() {}",
     "scopes"),
    ("optimizer: parameters that share memory", "optim/optimizers.cpp",
     "if (share_memory(parameters[p], parameters[q]))",
     "if (false)",
     "ownership"),
    ("optimizer: memory of another parameter", "optim/optimizers.cpp",
     "memory.push_back(arrays[p]);",
     "memory.push_back(arrays[0]);",
     "optimizers"),
    ("added pass: unchecked order", "autodiff/plan/graph.cpp",
     "if (input < 0 || input >= i)",
     "if (input < 0)",
     "own_passes"),
    ("added pass: never off", "autodiff/plan/graph.cpp",
     "return std::ranges::find(options.without, pass.name) == options.without.end();",
     "return true;",
     "own_passes"),
    ("trainer: batches of any size count alike", "experiments/run/trainer.cpp",
     "sum += loss.item() * static_cast<double>(count);",
     "sum += loss.item() * static_cast<double>(rows_of_evaluation(problem_));",
     "trainer"),
    ("sweep: an own option multiplies every run", "experiments/run/options.cpp",
     "return is_read(\"optimizer\", optimizers()) ? \"\" : with(\"optimizer\");",
     "return \"\";",
     "sweep_grid"),
    ("sweep: linear instead of logarithmic", "experiments/commands/sweep/grid.cpp",
     "log ? low * std::pow(high / low, share)",
     "false ? low * std::pow(high / low, share)",
     "sweep_grid"),
    ("optimizer: a gradient that is a parameter", "optim/optimizers.cpp",
     "if (share_memory(parameters[q], gradient[p]) || share_memory(parameters[p], gradient[q]))",
     "if (false)",
     "ownership"),
    ("family: factor of a number", "autodiff/ops/elementwise.cpp",
     "v = slope.number * v;",
     "v = 1.01 * slope.number * v;",
     BOTH),
    ("rsqrt: factor", "autodiff/ops/power.cpp",
     "return -0.5 * (y * square(y));",
     "return -0.49 * (y * square(y));",
     BOTH),
    ("leaky_relu: slopes", "autodiff/ops/activations.cpp",
     "affine(above, 1 - a, a)",
     "affine(above, 1, a)",
     BOTH),
    ("elu: constant", "autodiff/ops/activations.cpp",
     "record(EluSlope(alpha), {x[0]})",
     "record(EluSlope(1), {x[0]})",
     BOTH),
    ("maximum: sign", "autodiff/ops/compare.cpp",
     "slot == 0 ? twice::greater(x[1], x[0]) : twice::greater(x[0], x[1])",
     "slot == 1 ? twice::greater(x[1], x[0]) : twice::greater(x[0], x[1])",
     BOTH),
    ("where: branches", "autodiff/ops/compare.cpp",
     "Slope::where(slot == 1 ? x[0] : 1 - nonzero(x[0]))",
     "Slope::where(slot == 2 ? x[0] : 1 - nonzero(x[0]))",
     BOTH),

    # Costs of several programs
    ("steps: mean over programs", "experiments/measure/steps.cpp",
     "mean.total.add(shares[p], costs.total());", "mean.total.add(p == 0, costs.total());",
     "own_reports"),
    ("steps: period of programs", "experiments/measure/steps.cpp", "while (period < most &&",
     "while (period < 3 &&", "own_reports"),

    # The trainer, and the options on their way to it
    *[(f"trainer: {name}", f"experiments/run/{file}.cpp", old, new, TRAINER)
      for name, file, old, new in [
          ("running statistics not kept", "recording",
           "copy(plan.value(updated[i]), carried[i]);", "(void)i;"),
          ("running statistics of a later pass", "recording",
           "if (first_pass) {\n      step.updated", "{\n      step.updated"),
          ("evaluation with the batch's statistics", "recording", "pass.training = false;",
           "pass.training = true;"),
          ("clip ignored", "trainer", "if (problem_.options.clip > 0) clip", "if (false) clip"),
          ("clip at another norm", "trainer", "(gradient, problem_.options.clip)",
           "(gradient, 2 * problem_.options.clip)"),
          ("learning rate of the step before", "trainer",
           "learning_rate(schedule_options(problem_.options), steps(), total_steps())",
           "learning_rate(schedule_options(problem_.options), std::max<Index>(steps() - 1, 0), total_steps())"),
          ("schedule over one epoch", "trainer",
           "learning_rate(schedule_options(problem_.options), steps(), total_steps())",
           "learning_rate(schedule_options(problem_.options), steps(), steps_per_epoch_)"),
          ("batches of another seed", "trainer", "problem.options.seed_of_data(), problem.options.augment",
           "1, problem.options.augment"),
          ("start of another seed", "trainer", "initial_state(problem.model, options.seed_of_weights(),",
           "initial_state(problem.model, 1,"),
          ("augmentation ignored", "trainer", "problem.options.augment,", "\"none\","),
          ("background ignored", "trainer", "problem.options.augment, background(problem.data)),",
           "problem.options.augment, {}),"),
          ("evaluation of the row before", "trainer", "(first + (i < count ? i : 0))",
           "(first + (i < count ? i : 0) - (first > 0))"),
          ("the last of the best epochs", "trainer", "if (value > highest)", "if (value >= highest)"),
          ("validation examples of the test", "trainer", "evaluate(problem_.data.validation)",
           "evaluate(problem_.data.test)"),
          ("method's options ignored", "recording",
           "numbers = method_options(options, method.name)", "numbers"),
          ("optimizer lost", "options", "result.name = options.optimizer;", ""),
          ("momentum lost", "options", "result.momentum = options.momentum;", ""),
          ("nesterov lost", "options", "result.nesterov = options.nesterov;", ""),
          ("weight decay lost", "options", "result.weight_decay = options.weight_decay;", ""),
          ("coupled decay lost", "options", "result.decoupled = !options.coupled_decay;", ""),
          ("schedule lost", "options", "result.name = options.schedule;", ""),
          ("warmup lost", "options", "result.warmup_steps = options.warmup;", ""),
          ("lr lost", "options", "result.name = options.schedule;\n  result.lr = options.lr.value_or(optimizer(options.optimizer).default_lr);",
           "result.name = options.schedule;"),
          *[(f"{option} declared on another member", "options", f'"{option}", &{member},',
             f'"{option}", &{other},')
            for option, member, other in [
                ("gamma", "r.gamma", "r.rho"), ("epsilon", "r.epsilon", "r.rho"),
                ("rho", "r.rho", "r.epsilon"), ("asam-eta", "r.asam_eta", "r.rho"),
                ("flood-level", "r.flood_level", "r.rho"), ("lr", "o.lr", "o.momentum"),
                ("momentum", "o.momentum", "o.weight_decay"),
                ("nesterov", "o.nesterov", "o.coupled_decay"),
                ("weight-decay", "o.weight_decay", "o.momentum"),
                ("coupled-decay", "o.coupled_decay", "o.nesterov"), ("warmup", "o.warmup", "o.epochs"),
                ("clip", "o.clip", "o.momentum"), ("optimizer", "o.optimizer", "o.schedule"),
                ("schedule", "o.schedule", "o.optimizer"), ("init-seed", "o.init_seed", "o.data_seed"),
                ("data-seed", "o.data_seed", "o.init_seed")]],
      ]],

    # Threads
    ("team: the tile behind the last", "autodiff/threads/loop.h", "from_front ? first++ : --end",
     "from_front ? first++ : end--", TEAM),
    ("team: tiles that are held are not awaited", "autodiff/threads/team.cpp",
     "loop->wait(patience().caller);", "", TEAM),
    ("team: the caller waits for a helper", "autodiff/threads/loop.h", "range == own)) >= 0; done())",
     "range == own)) >= 0 && range == own; done())", TEAM),
    ("team: loops inside tiles are shared", "autodiff/threads/team.cpp", " && !inside_tile", "", TEAM),
    ("team: helpers take no tiles", "autodiff/threads/team.cpp", "if (loop.is_reserved()) take_tiles(loop);",
     "static_cast<void>(loop);", TEAM),
    ("team: a child uses its parent's", "autodiff/threads/team.cpp", "  the_team = new Team;\n  inside_tile",
     "  inside_tile", TEAM),
    ("team: OpenBLAS of a child", "autodiff/threads/team.cpp", "  keep_blas_to_one_thread();", "", TEAM),
    ("team: helpers bound as the first caller", "autodiff/threads/team.cpp", "  use_all_cores();", "", TEAM),
    ("quota: of the group alone", "autodiff/threads/cpu_quota.cpp", "group = group.parent_path()",
     "group.clear()", "number_of_threads"),
    ("quota: of another controller", "autodiff/threads/cpu_quota.cpp", 'if (controller == "cpu")',
     "if (!controller.empty())", "number_of_threads"),
    ("inverse_deviation: infinite variance", "autodiff/kernels/moments.cpp", "std::isinf(v) ?", "false ?",
     "numbers_at_the_edges"),
    ("reuse: bytes between, not blocks", "autodiff/profile/reuse.cpp", "touches.change(before, -1);", ";",
     "profile_reuse"),
    ("reuse: the first cycle", "autodiff/profile/reuse.cpp", "for (const bool counted : {false, true})",
     "for (const bool counted : {true})", "profile_reuse"),
    ("predict: data of the kernel alone", "autodiff/profile/predict.cpp",
     "p.data = data_seconds(reuse[s], peak);", "p.data = own;", "profile_predict"),
    ("predict: no waiting in the sum", "autodiff/profile/predict.h",
     "return compute + memory() + overhead + waiting;", "return compute + memory() + overhead;", "profile_predict"),
    ("rates: no logarithm", "autodiff/profile/peak.cpp",
     "std::log(bytes / low.bytes) / std::log(high.bytes / low.bytes)",
     "(bytes - low.bytes) / (high.bytes - low.bytes)", "profile_peak"),
    ("median_interval: one side", "experiments/measure/statistics.cpp",
     "static_cast<double>(k)) <= 0.025", "static_cast<double>(k)) <= 0.05", "study_verdicts"),
    ("ratio_in_rounds: of the medians", "experiments/measure/noise.cpp",
     "ratios.push_back(a[round] / b[round]);", "ratios.push_back(median(a) / median(b));", "noise"),
    ("option declared twice", "experiments/app/option_set.cpp", "  if (find(name))", "  if (false)", "sweep_grid"),
]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)


def copy_sources(target):
    """Copies all files that git tracks or would add, and removes others from the copy. Returns the folder."""
    listed = run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT).stdout.split("\n")
    wanted = [name for name in listed if name and (ROOT / name).is_file()]
    for old in target.rglob("*"):
        if old.is_file() and str(old.relative_to(target)) not in set(wanted):
            old.unlink()
    for name in wanted:
        source, copy = ROOT / name, target / name
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    return target


def build(folder):
    result = run(["cmake", "--build", folder, "--target", "twice-tests"])
    return result.returncode == 0, result.stdout


def failing(folder, suites):
    """The suites that fail or do not end."""
    def fails(suite):
        try:
            return run([folder / "bin/twice-tests", f"--run_test={suite}"], timeout=120).returncode != 0
        except subprocess.TimeoutExpired:
            return True
    return [suite for suite in suites.split("|") if fails(suite)]


def verdict(source, folder, mutation):
    """(True, "caught by ...") if all the suites fail. Otherwise (False, the reason)."""
    _, name, old, new, suites = mutation
    file = source / name
    text = file.read_text()
    if text.count(old) != 1:
        return False, f"the text occurs {text.count(old)} times in {name}: {old}"
    # A replacement may need the arithmetic of tensors even if the file does not include it.
    file.write_text('#include "autodiff/ops/arithmetic.h"\n' + text.replace(old, new))
    try:
        built, output = build(folder)
        if not built:
            errors = [line for line in output.split("\n") if "error" in line]
            return False, "does not compile:\n" + "\n".join(errors[:5])
        caught = failing(folder, suites)
    finally:
        file.write_text(text)
    missed = [suite for suite in suites.split("|") if suite not in caught]
    if missed:
        return False, f"SURVIVED {', '.join(missed)}" + (f"; caught by {caught}" if caught else "")
    return True, f"caught by {', '.join(caught)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", help="only mutations whose name matches this regular expression")
    parser.add_argument("--build", type=pathlib.Path, help="keep copy and build in this folder")
    parser.add_argument("--list", action="store_true", help="list the mutations")
    options = parser.parse_args()
    chosen = [m for m in MUTATIONS if re.search(options.only or "", m[0])]
    if options.list:
        stale = 0
        for name, file, text, *_ in chosen:
            fits = (ROOT / file).read_text().count(text) == 1
            stale += not fits
            print(f"{name:32} {file}{'' if fits else ': its text must occur exactly once there'}")
        return 1 if stale else 0
    if not chosen:
        parser.error(f"no mutation matches {options.only}")

    with tempfile.TemporaryDirectory() as scratch:
        base = (options.build or pathlib.Path(scratch)).resolve()
        if base == ROOT or ROOT in base.parents:
            parser.error("--build must be outside the sources")
        source, folder = base / "source", base / "build"
        source.mkdir(parents=True, exist_ok=True)
        copy_sources(source)
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        # For one kind of CPU, so that a kernel is compiled once.
        configured = run(["cmake", "-G", "Ninja", "-S", source, "-B", folder, "-DTWICE_NATIVE=ON", *launcher])
        built, output = build(folder) if configured.returncode == 0 else (False, configured.stdout)
        if not built:
            print(output[-3000:])
            return 1
        suites = sorted({suite for m in chosen for suite in m[4].split("|")})
        already = failing(folder, "|".join(suites))
        if already:
            print(f"{', '.join(already)} fail even without a mutation")
            return 1
        survived = 0
        for mutation in chosen:
            ok, text = verdict(source, folder, mutation)
            survived += not ok
            print(f"{mutation[0]:32} {text}", flush=True)
    print(f"{len(chosen)} mutations, {len(chosen) - survived} caught")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
