// The layers, written with the public functions of autodiff/ops.
#include "nn/layers.h"

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"

namespace twice {

namespace {

void check_positive(const char* who, const char* what, Index value) {
  if (value < 1) fail(who, "{} is {}; expected at least 1", what, value);
}

/// Throws unless the last axis of x has `size` entries.
void check_channels(const char* who, Tensor x, Index size) {
  if (x.rank() < 1 || x.shape().back() != size)
    fail(who, "the input is {}; expected {} numbers along the last axis", str(x.shape()), size);
}

/// The parameters of a layer that maps inputs to outputs.
std::vector<ParameterInfo> weight_and_bias(const Shape& weight, const Initializer& init,
                                           bool bias) {
  std::vector<ParameterInfo> parameters = {{"weight", weight, init}};
  if (bias) parameters.push_back({"bias", {weight.back()}, zeros_init()});
  return parameters;
}

std::vector<ParameterInfo> scale_and_shift(Index channels) {
  return {{"scale", {channels}, ones_init()}, {"shift", {channels}, zeros_init()}};
}

/// (1 - m) old + m now.
Tensor moving_average(Tensor old, Tensor now, double m) { return (1 - m) * old + m * now; }

}  // namespace

Layer linear(Index inputs, Index outputs, bool bias, const Initializer& init) {
  check_positive("linear", "the number of inputs", inputs);
  check_positive("linear", "the number of outputs", outputs);
  return {.parameters = weight_and_bias({inputs, outputs}, init, bias),
          .products = 1,
          .forward = [](Share w, Share, Tensor x, ForwardPass&) {
            const Tensor y = matmul(x, w[0]);
            return w.size() > 1 ? y + w[1] : y;
          }};
}

Layer convolution(Index inputs, Index outputs, const ConvolutionOptions& options) {
  check_positive("convolution", "the number of input channels", inputs);
  check_positive("convolution", "the number of output channels", outputs);
  check_positive("convolution", "the kernel size", options.kernel);
  check_positive("convolution", "the stride", options.stride);
  const Shape weight = {options.kernel, options.kernel, inputs, outputs};
  const ConvGeometry geometry = {.stride = options.stride, .padding = options.padding};
  return {.parameters = weight_and_bias(weight, options.init, options.bias),
          .products = 1,
          .forward = [geometry](Share w, Share, Tensor x, ForwardPass&) {
            const Tensor y = conv2d(x, w[0], geometry);
            return w.size() > 1 ? y + w[1] : y;
          }};
}

Layer activation(const std::string& name) { return function_layer(activation_named(name)); }

Layer average_pooling(Index window) {
  check_positive("average_pooling", "the window", window);
  return function_layer([=](Tensor x) { return average_pool2d(x, {window, window, 0}); });
}

Layer max_pooling(Index window) {
  check_positive("max_pooling", "the window", window);
  return function_layer([=](Tensor x) { return max_pool2d(x, {window, window, 0}); });
}

Layer global_average_pooling() {
  return function_layer([](Tensor x) { return global_average_pool(x); });
}

Layer flatten() {
  return function_layer([](Tensor x) {
    if (x.rank() < 1) fail("flatten", "the input is a scalar; expected a batch of examples");
    if (x.rank() == 2) return x;
    const Index count = x.size(0);
    return reshape(x, {count, count == 0 ? 0 : x.shape().elements() / count});
  });
}

Layer batch_norm(Index channels, const BatchNormOptions& options) {
  check_positive("batch_norm", "the number of channels", channels);
  return {.parameters = scale_and_shift(channels),
          .buffers = {{"mean", {channels}, 0}, {"variance", {channels}, 1}},
          .forward = [=](Share w, Share running, Tensor x, ForwardPass& pass) {
            check_channels("batch_norm", x, channels);
            if (!pass.training) {
              if (running.empty())
                fail("batch_norm",
                     "evaluation needs the running statistics (ForwardPass::running)");
              return (x - running[0]) * (w[0] * rsqrt(running[1] + options.epsilon)) + w[1];
            }
            Shape axes;
            for (int axis = 0; axis + 1 < x.rank(); ++axis) axes.push_back(axis);
            const auto count = static_cast<double>(x.shape().elements() / channels);
            if (count < 2)
              fail("batch_norm",
                   "the input is {}; training needs more than one number for each channel",
                   str(x.shape()));
            if (!running.empty()) {
              const Tensor unbiased = variance(x, axes) * (count / (count - 1));
              pass.updated.push_back(moving_average(running[0], mean(x, axes), options.momentum));
              pass.updated.push_back(moving_average(running[1], unbiased, options.momentum));
            }
            return standardize(x, axes, options.epsilon) * w[0] + w[1];
          }};
}

Layer layer_norm(Index features, double epsilon) {
  check_positive("layer_norm", "the number of features", features);
  return {.parameters = scale_and_shift(features),
          .forward = [=](Share w, Share, Tensor x, ForwardPass&) {
            check_channels("layer_norm", x, features);
            return standardize(x, {x.rank() - 1}, epsilon) * w[0] + w[1];
          }};
}

Layer normalization(Normalization kind, Index channels) {
  if (kind == Normalization::batch) return batch_norm(channels);
  if (kind == Normalization::layer) return layer_norm(channels);
  return function_layer([](Tensor x) { return x; });
}

namespace {

/// Every stride-th pixel of x, with zeros for the added channels.
Layer padding_shortcut(Index inputs, Index outputs, Index stride) {
  if (outputs < inputs)
    fail("residual_block", "a padding shortcut cannot reduce {} channels to {}", inputs, outputs);
  return function_layer([=](Tensor x) {
    const Tensor rows = slice(x, 1, 0, x.size(1), stride);
    const Tensor pixels = slice(rows, 2, 0, x.size(2), stride);
    return pad(pixels, {0, 0, 0, 0}, {0, 0, 0, outputs - inputs});
  });
}

}  // namespace

Layer residual_block(Index inputs, Index outputs, Index stride, const ResidualOptions& options) {
  const bool bias = options.normalization == Normalization::none;
  const auto conv = [&](const char* name, Index from, Index step) {
    return named(name,
                 convolution(from, outputs, {.stride = step, .bias = bias, .init = options.init}));
  };
  const auto norm = [&](const char* name, Index channels) {
    return named(name, normalization(options.normalization, channels));
  };
  const Layer act = activation(options.activation);

  Layer shortcut = function_layer([](Tensor x) { return x; });
  if (inputs != outputs || stride != 1) {
    if (options.shortcut == Shortcut::pad) {
      shortcut = padding_shortcut(inputs, outputs, stride);
    } else {
      shortcut = named("conv", convolution(inputs, outputs, {1, stride, 0, bias, options.init}));
      if (!options.pre_activation) shortcut = sequence({shortcut, norm("norm", outputs)});
      shortcut = named("shortcut", shortcut);
    }
  }
  if (options.pre_activation)
    return residual(sequence({norm("norm1", inputs), act, conv("conv1", inputs, stride),
                              norm("norm2", outputs), act, conv("conv2", outputs, 1)}),
                    shortcut);
  return sequence({residual(sequence({conv("conv1", inputs, stride), norm("norm1", outputs), act,
                                      conv("conv2", outputs, 1), norm("norm2", outputs)}),
                            shortcut),
                   act});
}

}  // namespace twice
