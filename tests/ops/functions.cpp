// The table of public functions.
#include "tests/ops/functions.h"

#include "autodiff/autodiff.h"
#include "nn/layers.h"

namespace twice::testing {

namespace {

using X = const Tensors&;

Tensor dropped(Tensor x) {
  ForwardPass pass;
  // A key on a tape of its own would clash; an empty x has none.
  if (x && !x.stale())
    pass.dropout = DropoutKey{Rng(5), x.tape().constant(3, DType::i32)};
  else
    pass.dropout = DropoutKey{Rng(5), {}};
  return dropout(0.4, 1).forward({}, {}, x, pass);
}

void add_elementwise(std::vector<PublicFunction>& all) {
  const Spec m{{2, 3}, DType::f32};
  const auto unary = [&](const char* name, Tensor (*f)(Tensor)) {
    all.push_back({name, {m}, [f](X x) { return f(x[0]); }, {}});
  };
  const auto binary = [&](const char* name, Tensor (*f)(Tensor, Tensor)) {
    all.push_back({name, {m, m}, [f](X x) { return f(x[0], x[1]); }, {"shape"}});
  };
  binary("add", operator+);
  binary("sub", operator-);
  binary("mul", operator*);
  binary("div", operator/);
  binary("pow", pow);
  binary("greater", greater);
  binary("greater_equal", greater_equal);
  binary("equal", equal);
  binary("maximum", maximum);
  binary("minimum", minimum);
  binary("masked", masked);
  unary("square", square);
  unary("reciprocal", reciprocal);
  unary("sqrt", sqrt);
  unary("rsqrt", rsqrt);
  unary("safe_sqrt", safe_sqrt);
  unary("root_of_squares", root_of_squares);
  unary("exp", exp);
  unary("expm1", expm1);
  unary("log", log);
  unary("log1p", log1p);
  unary("erf", erf);
  unary("normal_pdf", normal_pdf);
  unary("normal_cdf", normal_cdf);
  unary("sin", sin);
  unary("cos", cos);
  unary("relu", relu);
  unary("positive", positive);
  unary("tanh", tanh);
  unary("sech2", sech2);
  unary("sigmoid", sigmoid);
  unary("softplus", softplus);
  unary("silu", silu);
  unary("gelu", gelu);
  unary("gelu_tanh", gelu_tanh);
  unary("abs", abs);
  unary("sign", sign);
  unary("nonzero", nonzero);
  const std::vector<PublicFunction> others{
      {"affine", {m}, [](X x) { return affine(x[0], 2, 1); }, {}},
      {"cast", {m}, [](X x) { return cast(x[0], DType::f64); }, {"option"}},
      {"pow", {m}, [](X x) { return pow(x[0], 2); }, {}},
      {"pow", {m}, [](X x) { return pow(x[0], 2.5); }, {}},
      {"leaky_relu", {m}, [](X x) { return leaky_relu(x[0]); }, {}},
      {"elu", {m}, [](X x) { return elu(x[0]); }, {}},
      {"beta_gelu", {m}, [](X x) { return beta_gelu(x[0], 2); }, {}},
      {"clamp", {m}, [](X x) { return clamp(x[0], -1, 1); }, {"option"}},
      {"where", {m, m, m}, [](X x) { return where(x[0], x[1], x[2]); }, {"shape"}},
      {"dropout", {m}, [](X x) { return dropped(x[0]); }, {"option"}},
  };
  all.insert(all.end(), others.begin(), others.end());
}

void add_moving(std::vector<PublicFunction>& all) {
  const Spec m{{2, 3}, DType::f32}, list{{2}, DType::i32}, at{{2, 3}, DType::i32};
  const std::vector<PublicFunction> moving{
      {"reshape", {m}, [](X x) { return reshape(x[0], {6}); }, {"shape", "option"}, true},
      {"permute",
       {m},
       [](X x) {
         return permute(x[0], {1, 0});
       },
       {"axis", "rank"},
       true},
      {"transpose", {m}, [](X x) { return transpose(x[0]); }, {"axis"}, true},
      {"stop_gradient", {m}, [](X x) { return stop_gradient(x[0]); }, {}, true},
      {"slice",
       {m},
       [](X x) { return slice(x[0], 1, 0, 2); },
       {"axis", "rank", "shape", "option"},
       true},
      {"pad",
       {m},
       [](X x) {
         return pad(x[0], {1, 0}, {0, 1});
       },
       {"rank", "option"},
       true},
      {"flip", {m}, [](X x) { return flip(x[0]); }, {"axis"}, true},
      {"concat",
       {m, m},
       [](X x) { return concat(x, 1); },
       {"axis", "rank", "shape", "option"},
       true},
      {"stack", {m, m}, [](X x) { return stack(x); }, {"axis", "rank", "shape", "option"}, true},
      {"broadcast_to",
       {m},
       [](X x) {
         return broadcast_to(x[0], {4, 2, 3});
       },
       {"rank", "shape", "option"},
       true},
      {"full_like", {m}, [](X x) { return full_like(x[0], 2); }, {}, true},
      {"gather", {m, list}, [](X x) { return gather(x[0], x[1]); }, {"rank"}, true},
      {"scatter_add",
       {m, list},
       [](X x) { return scatter_add(x[0], x[1], 4); },
       {"rank", "shape", "option"}},
      {"gather_along",
       {m, at},
       [](X x) { return gather_along(x[0], x[1], 1); },
       {"axis", "rank", "shape"},
       true},
      {"scatter_along",
       {m, at},
       [](X x) { return scatter_along(x[0], x[1], 1, 4); },
       {"axis", "rank", "shape", "option"}},
      {"one_hot", {list}, [](X x) { return one_hot(x[0], 3, DType::f32); }, {"option"}},
      {"argmax", {m}, [](X x) { return argmax(x[0], 1); }, {"axis", "shape"}},
      {"argmin", {m}, [](X x) { return argmin(x[0], 1); }, {"axis", "shape"}},
  };
  all.insert(all.end(), moving.begin(), moving.end());
}

void add_reductions(std::vector<PublicFunction>& all) {
  const Spec m{{2, 3}, DType::f32}, labels{{2}, DType::i32};
  const std::vector<PublicFunction> reductions{
      {"sum_to", {m}, [](X x) { return sum_to(x[0], {3}); }, {"rank", "shape"}},
      {"sum", {m}, [](X x) { return sum(x[0]); }, {"axis"}},
      {"mean", {m}, [](X x) { return mean(x[0]); }, {"axis"}},
      {"norm", {m}, [](X x) { return norm(x[0]); }, {"axis"}},
      {"dot", {m, m}, [](X x) { return dot(x[0], x[1]); }, {"shape", "option"}},
      {"squared_norm", {m}, [](X x) { return squared_norm(x[0]); }, {"option"}},
      {"max", {m}, [](X x) { return max(x[0]); }, {"axis", "shape"}},
      {"min", {m}, [](X x) { return min(x[0], {1}); }, {"axis", "shape"}},
      {"center", {m}, [](X x) { return center(x[0]); }, {"axis"}},
      {"variance", {m}, [](X x) { return variance(x[0]); }, {"axis"}},
      {"logsumexp", {m}, [](X x) { return logsumexp(x[0]); }, {"axis"}},
      {"softmax", {m}, [](X x) { return softmax(x[0], 0); }, {"axis", "rank"}},
      {"log_softmax", {m}, [](X x) { return log_softmax(x[0]); }, {"axis", "rank"}},
      {"standardize", {m}, [](X x) { return standardize(x[0], {0}); }, {"axis", "option"}},
      {"cross_entropy",
       {m, labels},
       [](X x) { return cross_entropy(x[0], x[1]); },
       {"rank", "shape", "option"}},
      {"cross_entropy",
       {m, labels},
       [](X x) { return cross_entropy(x[0], x[1], 0.1); },
       {"rank", "shape", "option"}},
      {"soft_cross_entropy",
       {m, m},
       [](X x) { return soft_cross_entropy(x[0], x[1]); },
       {"rank", "shape"}},
      {"binary_cross_entropy",
       {m, m},
       [](X x) { return binary_cross_entropy(x[0], x[1]); },
       {"shape"}},
      {"mse", {m, m}, [](X x) { return mse(x[0], x[1]); }, {"shape"}},
      {"huber", {m, m}, [](X x) { return huber(x[0], x[1]); }, {"shape", "option"}},
  };
  all.insert(all.end(), reductions.begin(), reductions.end());
}

void add_products(std::vector<PublicFunction>& all) {
  const Spec a{{2, 3}, DType::f32}, b{{3, 4}, DType::f32}, v{{3}, DType::f32};
  const Spec as{{5, 2, 3}, DType::f32}, bs{{5, 3, 4}, DType::f32};
  const Spec images{{1, 4, 4, 2}, DType::f32}, kernel{{3, 3, 2, 3}, DType::f32};
  const Spec outputs{{1, 2, 2, 3}, DType::f32}, pooled{{1, 2, 2, 2}, DType::f32};
  const std::set<std::string> geometric{"rank", "shape", "option"};
  const std::vector<PublicFunction> products{
      {"matmul", {a, b}, [](X x) { return matmul(x[0], x[1]); }, {"rank", "shape"}},
      {"batched_matmul",
       {as, bs},
       [](X x) { return batched_matmul(x[0], x[1]); },
       {"rank", "shape"}},
      {"outer", {v, v}, [](X x) { return outer(x[0], x[1]); }, {"rank"}},
      {"conv2d", {images, kernel}, [](X x) { return conv2d(x[0], x[1]); }, geometric},
      {"conv2d_input_grad",
       {kernel, outputs},
       [=](X x) { return conv2d_input_grad(x[0], x[1], {}, images.shape); },
       geometric},
      {"conv2d_weight_grad",
       {images, outputs},
       [=](X x) { return conv2d_weight_grad(x[0], x[1], {}, kernel.shape); },
       geometric},
      {"average_pool2d", {images}, [](X x) { return average_pool2d(x[0]); }, geometric},
      {"average_pool2d_adjoint",
       {pooled},
       [=](X x) { return average_pool2d_adjoint(x[0], {}, images.shape); },
       geometric},
      {"max_pool2d", {images}, [](X x) { return max_pool2d(x[0]); }, geometric},
      {"max_pool2d_indices", {images}, [](X x) { return max_pool2d_indices(x[0]); }, geometric},
      {"global_average_pool", {images}, [](X x) { return global_average_pool(x[0]); }, {"rank"}},
  };
  all.insert(all.end(), products.begin(), products.end());
}

}  // namespace

const std::vector<PublicFunction>& public_functions() {
  static const std::vector<PublicFunction> table = [] {
    std::vector<PublicFunction> all;
    add_elementwise(all);
    add_moving(all);
    add_reductions(all);
    add_products(all);
    return all;
  }();
  return table;
}

}  // namespace twice::testing
