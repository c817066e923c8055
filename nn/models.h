// The models: mlp, cnn, resnet, dln. What follows is all that is needed to compute them elsewhere.
//
// Layout. Images are (n, height, width, channels), convolution weights (kernel height, kernel
// width, channels in, channels out), linear weights (in, out) with y = x W + b; flattening keeps
// the order height, width, channels. In PyTorch's layout these are images.permute(0, 3, 1, 2),
// convolution weights.permute(3, 2, 0, 1) and linear weights.t(); the features of a cnn, (n,
// channels, height, width) there, are put in our order by permute(0, 2, 3, 1) before they are
// flattened.
//
// Activations are in nn/activations.h, the layers with all their constants in nn/layers.h. Biases
// start at zero, weights as `init` says or, when nothing is given, as
// `initializer_for(activation)`.
#pragma once

#include "nn/layers.h"
#include "nn/model.h"

namespace twice {

/// `depth` linear layers, an activation between each two: inputs -> width -> ... -> outputs.
/// With `dropout` > 0 each activation is followed by dropout (uses 1, 2, ...).
/// Parameters: `linear1.weight`, `linear1.bias`, `linear2.weight`, ...  L = depth.
struct MlpOptions {
  Index inputs = 784, width = 512;
  int depth = 4;
  Index outputs = 10;
  std::string activation = "relu";
  bool bias = true;
  double dropout = 0;
  std::optional<Initializer> init = {};
};
Model mlp(const MlpOptions& options = {});

/// conv3x3(c), act, conv3x3(c), act, mean over 2x2, conv3x3(2c), act, conv3x3(2c), act, mean over
/// 2x2, flatten, linear to `classes`. Padding is 1, so only the poolings shrink the image (an odd
/// last row or column is left out); `input` (height, width, channels) has at least 4x4 pixels.
/// Parameters: `conv1.weight`, `conv1.bias`, ..., `conv4.bias`, `linear.weight`, `linear.bias`.
/// L = 5.
struct CnnOptions {
  Shape input = {32, 32, 3};
  Index channels = 16, classes = 10;
  std::string activation = "relu";
  std::optional<Initializer> init = {};
};
Model cnn(const CnnOptions& options = {});

/// A residual network for small images, 6 blocks + 2 layers deep: conv3x3(c), 3 stages of `blocks`
/// residual blocks (nn/layers.h) with c, 2c and 4c channels, the mean over the image, and a linear
/// layer to `classes`. The first block of stages 2 and 3 has stride 2. norm and act follow the
/// first convolution (post-activation) or the last block (pre-activation). He, Zhang, Ren, Sun,
/// CVPR 2016, section 4.2. Parameters: `stem.conv.weight`, `stem.norm.scale`, `stem.norm.shift`
/// (pre-activation: after the blocks, `head.norm.*`), `stage1.block1.conv1.weight`, ...,
/// `linear.weight`, `linear.bias`.
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
Model resnet(const ResnetOptions& options = {});

/// The diagonal linear network: y = X beta with beta = plus^2 - minus^2 elementwise.
/// X (m, inputs) -> y (m, 1).  Parameters: `plus` and `minus`, (inputs, 1), `alpha` at the start.
/// L = 1.  Woodworth et al., "Kernel and rich regimes in overparametrized models", COLT 2020.
struct DlnOptions {
  Index inputs = 30;
  double alpha = 0.1;
};
Model dln(const DlnOptions& options = {});

/// A model as the command line asks for it. What is not set has its default: width 512, depth 4
/// (resnet: 8), channels 16, activation relu, alpha 0.1. A resnet's depth is 6 blocks + 2.
struct ModelOptions {
  std::string model = "mlp";  ///< mlp, cnn, resnet or dln
  Shape input = {28, 28, 1};  ///< the shape of one example
  Index classes = 10;         ///< dln: 1
  std::optional<Index> width = {}, channels = {};
  std::optional<int> depth = {};
  std::optional<std::string> activation = {};
  std::optional<double> alpha = {};
  std::optional<Initializer> init = {};
};
/// Throws for an unknown model or activation, a size out of range, an image too small for the
/// model, and an option that the model does not have.
Model make_model(const ModelOptions& options);
std::vector<std::string> model_names();

}  // namespace twice
