// The layers. Each says its equation, its shapes and its parameters' names; n is the batch size.
// Images are NHWC (n, height, width, channels). All run in the dtype of their inputs.
#pragma once

#include "nn/activations.h"
#include "nn/layer.h"

namespace twice {

/// y = x W + b.  x (n, inputs) -> y (n, outputs).
/// Parameters: `weight` (inputs, outputs); `bias` (outputs), zero at the start.
Layer linear(Index inputs, Index outputs, bool bias = true,
             const Initializer& init = lecun_normal());

struct ConvolutionOptions {
  Index kernel = 3, stride = 1, padding = 1;
  bool bias = true;
  Initializer init = he_normal();
};

/// y = conv2d(x, W) + b (autodiff/kernels/conv.h has the sum).  x (n, h, w, inputs) ->
/// y (n, oh, ow, outputs), oh = (h + 2 padding - kernel) / stride + 1 rounded down, ow likewise.
/// Parameters: `weight` (kernel, kernel, inputs, outputs); `bias` (outputs), zero at the start.
Layer convolution(Index inputs, Index outputs, const ConvolutionOptions& options = {});

/// y = f(x) elementwise; names as in nn/activations.h.
Layer activation(const std::string& name);

/// The mean or the maximum over square windows that do not overlap; rows and columns that do not
/// fill a window are left out.  x (n, h, w, c) -> y (n, h / window, w / window, c).
Layer average_pooling(Index window = 2);
Layer max_pooling(Index window = 2);
/// The mean over height and width.  x (n, h, w, c) -> y (n, c).
Layer global_average_pooling();

/// All but the first axis become one, row-major: images in the order h, w, c.
/// x (n, ...) -> y (n, product of the rest).
Layer flatten();

struct BatchNormOptions {
  double momentum = 0.1;  ///< m below
  double epsilon = 1e-5;
};

/// y = scale (x - mu) / sqrt(v + epsilon) + shift, for each channel (the last axis) on its own.
///   Training:   mu, v = mean and variance over the other axes, k numbers (v divided by k);
///               updated mean = (1 - m) mean + m mu,
///               updated variance = (1 - m) variance + m v k / (k - 1); needs k > 1.
///   Evaluation: mu, v = the running mean and variance.
/// The gradient runs through mu and v of the batch.  x (..., channels).
/// Parameters: `scale` (channels), 1 at the start; `shift` (channels), 0.
/// Buffers: `mean` (channels), 0 at the start; `variance` (channels), 1.
/// Ioffe, Szegedy, "Batch normalization", ICML 2015.
Layer batch_norm(Index channels, const BatchNormOptions& options = {});

/// y = scale (x - mu) / sqrt(v + epsilon) + shift, mu and v the mean and variance (divided by the
/// count) over the last axis, for each position of the others on its own.  x (..., features).
/// Parameters: `scale` (features), 1 at the start; `shift` (features), 0.
/// Ba, Kiros, Hinton, "Layer normalization", 2016.
Layer layer_norm(Index features, double epsilon = 1e-5);

/// Training: y_i = x_i / (1 - rate) with probability 1 - rate, else 0; each i on its own.
/// Evaluation: y = x. The mask is a function of the pass's DropoutKey and of `use`, which tells
/// apart the dropouts of a model.  Srivastava et al., "Dropout", JMLR 2014.
Layer dropout(double rate, std::uint64_t use);

// ---- Residual blocks: two convolutions 3x3 with a shortcut ----
// Post-activation: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
// Pre-activation: the same, "Identity mappings in deep residual networks", ECCV 2016.

enum class Normalization : std::uint8_t { batch, layer, none };

/// When the shapes differ, the shortcut is a 1x1 convolution with the stride (`projection`), or
/// every stride-th pixel with zeros for the new channels (`pad`); else it is x itself.
enum class Shortcut : std::uint8_t { projection, pad };

struct ResidualOptions {
  std::string activation = "relu";
  bool pre_activation = false;
  Normalization normalization = Normalization::batch;
  Shortcut shortcut = Shortcut::projection;
  Initializer init = he_normal();
};

/// x (n, h, w, inputs) -> y (n, ceil(h / stride), ceil(w / stride), outputs)
///   post:  y = act(norm2(conv2(act(norm1(conv1(x))))) + s(x)),
///          s(x) = x, or shortcut.norm(shortcut.conv(x)), or padded;
///   pre:   y = conv2(act(norm2(conv1(act(norm1(x)))))) + s(x),
///          s(x) = x, or shortcut.conv(x), or padded.
/// The stride is conv1's and the shortcut's. Parameters, in the order in which x meets them, the
/// shortcut's last: `conv1.weight`, `norm1.scale`, `norm1.shift`, ..., `shortcut.conv.weight`, ...
/// The convolutions have a `bias` only without normalization.
Layer residual_block(Index inputs, Index outputs, Index stride,
                     const ResidualOptions& options = {});

/// The normalization of `channels`, or the identity.
Layer normalization(Normalization kind, Index channels);

}  // namespace twice
