// What a layer is: the parameters and buffers it declares, and a function of their values. A layer
// holds no numbers; layers are joined into larger ones by `sequence` and `residual`.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"
#include "nn/initializers.h"

namespace twice {

/// A parameter, as a layer declares it: learned, so differentiated.
struct ParameterInfo {
  std::string name;
  Shape shape;
  Initializer init;
};

/// A number that a training pass updates without a gradient, such as batch norm's running mean.
struct BufferInfo {
  std::string name;
  Shape shape;
  /// Every entry at the start.
  double value = 0;
};

/// Which random masks a training pass draws: those of `rng`'s seed at `step`, an i32 scalar on the
/// tape. As an input it is bound to another number at each run; two passes of one run that share it
/// draw the same masks, as gradient regularization by finite differences needs.
struct DropoutKey {
  Rng rng;
  Tensor step;
};

/// What a forward pass is given beside parameters and input, and what it hands back.
struct ForwardPass {
  /// Batch norm: the batch's statistics (true) or the running ones. Dropout: on or off.
  bool training = true;
  /// Needed by dropout while training.
  std::optional<DropoutKey> dropout = {};
  /// In: the buffers' values, one for each. A training pass may leave it empty if
  /// `updated` is not needed.
  Tensors running = {};
  /// Out: the predictions, where a loss was computed from some.
  Tensor predictions = {};
  /// Out: the buffers' new values, in the same order; filled by a training pass that has `running`.
  Tensors updated = {};
};

/// Those parameters or buffers, of all, that are a layer's own.
using Share = std::span<const Tensor>;

/// A function of (parameters, running buffers, input, pass). `w` and `running` are the layer's own
/// share, in the order in which it declares them; `running` is empty when the pass has none.
struct Layer {
  using Forward = std::function<Tensor(Share w, Share running, Tensor x, ForwardPass& pass)>;
  std::vector<ParameterInfo> parameters = {};
  std::vector<BufferInfo> buffers = {};
  /// Linear layers and convolutions in it: the matrix products of one forward pass.
  int products = 0;
  Forward forward = {};
};

/// A layer without parameters: y = f(x). Without a name its ops are in the scope of x.
Layer function_layer(std::function<Tensor(Tensor)> f);
/// The same layer in a `Scope` of that name; its parameters' and buffers' names begin with `name.`.
Layer named(const std::string& name, Layer layer);
/// y = f_k(... f_2(f_1(x))). Parameters and buffers in the order of the layers.
Layer sequence(std::vector<Layer> layers);
/// y = branch(x) + shortcut(x), of equal shapes. Parameters and buffers: the branch's, then the
/// shortcut's. The sum is in the scope of branch(x).
Layer residual(Layer branch, Layer shortcut);

}  // namespace twice
