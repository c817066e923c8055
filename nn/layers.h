// The layers, each with its equation, its shapes and the names of its parameters. n is the batch
// size. Images are NHWC (n, height, width, channels). All layers compute in the dtype of their
// inputs. Every layer throws if a size is less than 1 or the input has the wrong shape.
#pragma once

#include "nn/activations.h"
#include "nn/layer.h"

namespace twice {

/// y = x W + b.  x (n, inputs) -> y (n, outputs).
/// Parameters: `weight` (inputs, outputs); `bias` (outputs), initially zero.
Layer linear(Index inputs, Index outputs, bool bias = true,
             const Initializer& init = lecun_normal());

/// The options of `convolution`.
struct ConvolutionOptions {
  Index kernel = 3, stride = 1, padding = 1;
  bool bias = true;
  Initializer init = he_normal();
};

/// y = conv2d(x, W) + b (autodiff/kernels/conv.h has the sum).
/// x (n, h, w, inputs) -> y (n, oh, ow, outputs) with oh = (h + 2 padding - kernel) / stride + 1,
/// rounded down; ow likewise.
/// Parameters: `weight` (kernel, kernel, inputs, outputs); `bias` (outputs), initially zero.
Layer convolution(Index inputs, Index outputs, const ConvolutionOptions& options = {});

/// y = f(x) elementwise. nn/activations.h has the names.
Layer activation(const std::string& name);

/// The mean over square windows that do not overlap. Rows and columns that do not fill a window are
/// left out.  x (n, h, w, c) -> y (n, h / window, w / window, c).
Layer average_pooling(Index window = 2);
/// The maximum over the same windows as in `average_pooling`.
Layer max_pooling(Index window = 2);
/// The mean over height and width.  x (n, h, w, c) -> y (n, c).
Layer global_average_pooling();

/// Merges all axes but the first into one, in row-major order (for images: h, w, c).
/// x (n, ...) -> y (n, product of the other sizes).
Layer flatten();

/// The options of `batch_norm`.
struct BatchNormOptions {
  double momentum = 0.1;  ///< m in the equations below
  double epsilon = 1e-5;
};

/// y = scale (x - mu) / sqrt(v + epsilon) + shift, separately for each channel (the last axis).
///   Training:   mu and v are the mean and variance over the other axes, k numbers (v is divided
///               by k); updated mean = (1 - m) mean + m mu,
///               updated variance = (1 - m) variance + m v k / (k - 1). Throws unless k > 1.
///   Evaluation: mu and v are the running mean and variance. Throws if the pass has none.
/// In training the derivatives include those of mu and v.  x (..., channels).
/// Parameters: `scale` (channels), initially 1; `shift` (channels), initially 0.
/// Buffers: `mean` (channels), initially 0; `variance` (channels), initially 1.
/// Source: Ioffe, Szegedy, "Batch normalization", ICML 2015.
Layer batch_norm(Index channels, const BatchNormOptions& options = {});

/// y = scale (x - mu) / sqrt(v + epsilon) + shift, where mu and v are the mean and the variance
/// (divided by the count) over the last axis, separately for each position of the other axes.
/// x (..., features).
/// Parameters: `scale` (features), initially 1; `shift` (features), initially 0.
/// Source: Ba, Kiros, Hinton, "Layer normalization", 2016.
Layer layer_norm(Index features, double epsilon = 1e-5);

/// Training: y_i = x_i / (1 - rate) with probability 1 - rate, otherwise 0, independently for each
/// i. Evaluation: y = x. The mask is a function of the pass's DropoutKey and of `use`, which must
/// differ between the dropout layers of a model. Throws unless 0 <= rate < 1.
/// Source: Srivastava et al., "Dropout", JMLR 2014.
Layer dropout(double rate, std::uint64_t use);

// Residual blocks: two 3x3 convolutions and a shortcut.
// Post-activation: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
// Pre-activation: He, Zhang, Ren, Sun, "Identity mappings in deep residual networks", ECCV 2016.

/// The normalization in a residual block.
enum class Normalization : std::uint8_t { batch, layer, none };

/// The shortcut of a block whose input and output shapes differ: a 1x1 convolution with the stride
/// (`projection`), or every stride-th pixel with zeros for the new channels (`pad`). If the shapes
/// are equal, the shortcut is x itself.
enum class Shortcut : std::uint8_t { projection, pad };

/// The options of `residual_block`.
struct ResidualOptions {
  std::string activation = "relu";
  bool pre_activation = false;
  Normalization normalization = Normalization::batch;
  Shortcut shortcut = Shortcut::projection;
  Initializer init = he_normal();
};

/// x (n, h, w, inputs) -> y (n, ceil(h / stride), ceil(w / stride), outputs)
///   post-activation:  y = act(norm2(conv2(act(norm1(conv1(x))))) + s(x)),
///                     s(x) = x, or shortcut.norm(shortcut.conv(x)), or x padded;
///   pre-activation:   y = conv2(act(norm2(conv1(act(norm1(x)))))) + s(x),
///                     s(x) = x, or shortcut.conv(x), or x padded.
/// conv1 and the shortcut have the stride. The parameters are in the order in which the formula
/// applies them, with those of the shortcut last: `conv1.weight`, `norm1.scale`, `norm1.shift`,
/// ..., `shortcut.conv.weight`, ... The convolutions have a `bias` only if there is no
/// normalization.
Layer residual_block(Index inputs, Index outputs, Index stride,
                     const ResidualOptions& options = {});

/// The normalization layer for `channels` channels; the identity for `none`.
Layer normalization(Normalization kind, Index channels);

}  // namespace twice
