// The models mlp, cnn, resnet and dln, with everything needed to compute the same models elsewhere.
//
// Layout. Images are (n, height, width, channels). Convolution weights are (kernel height, kernel
// width, channels in, channels out). Linear weights are (in, out), with y = x W + b. Flattening
// keeps the order height, width, channels. The corresponding PyTorch tensors are
// images.permute(0, 3, 1, 2), convolution weights.permute(3, 2, 0, 1) and linear weights.t(). In
// PyTorch the features of a cnn, (n, channels, height, width), must be reordered by
// permute(0, 2, 3, 1) before they are flattened.
//
// nn/activations.h has the activations, nn/layers.h the layers with all their constants. Biases are
// initially zero. Weights are initialised by `init` or, if it is not set, by
// `initializer_for(activation)`.
#pragma once

#include "nn/layers.h"
#include "nn/model.h"

namespace twice {

/// `depth` linear layers with an activation between each two: inputs -> width -> ... -> outputs.
/// With `dropout` > 0, dropout follows each activation (uses 1, 2, ...). Parameters:
/// `linear1.weight`, `linear1.bias`, `linear2.weight`, ...  L = depth.
struct MlpOptions {
  Index inputs = 784, width = 512;
  int depth = 4;
  Index outputs = 10;
  std::string activation = "relu";
  bool bias = true;
  double dropout = 0;
  std::optional<Initializer> init = {};
};
/// A multilayer perceptron: see MlpOptions. Throws if a size is less than 1.
Model mlp(const MlpOptions& options = {});

/// conv3x3(c), act, conv3x3(c), act, 2x2 average pooling, conv3x3(2c), act, conv3x3(2c), act, 2x2
/// average pooling, flatten, linear to `classes`. Padding is 1, so only the pooling shrinks the
/// image; an odd last row or column is left out. `input` is (height, width, channels) with at least
/// 4x4 pixels. Parameters: `conv1.weight`, `conv1.bias`, ..., `conv4.bias`, `linear.weight`,
/// `linear.bias`. L = 5.
struct CnnOptions {
  Shape input = {32, 32, 3};
  Index channels = 16, classes = 10;
  std::string activation = "relu";
  std::optional<Initializer> init = {};
};
/// A convolutional network: see CnnOptions. Throws if a size is less than 1 or the image is too
/// small.
Model cnn(const CnnOptions& options = {});

/// A residual network for small images with 6 blocks + 2 layers: conv3x3(c), 3 stages of `blocks`
/// residual blocks (nn/layers.h) with c, 2c and 4c channels, the mean over the image, and a linear
/// layer to `classes`. The first block of stages 2 and 3 has stride 2. A normalization and an
/// activation follow the first convolution (post-activation) or the last block (pre-activation).
/// Source: He, Zhang, Ren, Sun, CVPR 2016, section 4.2. Parameters: `stem.conv.weight`,
/// `stem.norm.scale`, `stem.norm.shift` (pre-activation: `head.norm.*` after the blocks),
/// `stage1.block1.conv1.weight`, ..., `linear.weight`, `linear.bias`.
struct ResnetOptions {
  Shape input = {32, 32, 3};
  Index channels = 16, classes = 10;
  int blocks = 1;
  std::string activation = "relu";
  bool pre_activation = false;
  Normalization normalization = Normalization::batch;
  Shortcut shortcut = Shortcut::projection;
  std::optional<Initializer> init = {};
};
/// A residual network: see ResnetOptions. Throws if a size is less than 1 or the image is too
/// small.
Model resnet(const ResnetOptions& options = {});

/// The diagonal linear network: y = X beta with beta = plus^2 - minus^2 elementwise. X (m, inputs)
/// -> y (m, 1). Parameters: `plus` and `minus`, (inputs, 1), initially `alpha`. L = 1. Source:
/// Woodworth et al., "Kernel and rich regimes in overparametrized models", COLT 2020.
struct DlnOptions {
  Index inputs = 30;
  double alpha = 0.1;
};
/// A diagonal linear network: see DlnOptions. Throws if inputs < 1.
Model dln(const DlnOptions& options = {});

/// A model as the command line describes it. Defaults: width 512, depth 4 (resnet: 8), channels 16,
/// activation relu, alpha 0.1. The depth of a resnet is 6 blocks + 2.
struct ModelOptions {
  std::string model = "mlp";  ///< mlp, cnn, resnet or dln
  Shape input = {28, 28, 1};  ///< the shape of one example
  Index classes = 10;         ///< must be 1 for dln
  std::optional<Index> width = {}, channels = {};
  std::optional<int> depth = {};
  std::optional<std::string> activation = {};
  std::optional<double> alpha = {};
  std::optional<Initializer> init = {};
};
/// Throws for an unknown model or activation, a size out of range, an image that is too small for
/// the model, and an option that the model does not have.
Model make_model(const ModelOptions& options);
/// The names of all models.
std::vector<std::string> model_names();

}  // namespace twice
