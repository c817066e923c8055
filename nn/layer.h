// Layers: declared parameters and buffers, and a function of their values. A layer holds no
// numbers. `sequence` and `residual` join layers into larger ones.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"
#include "nn/initializers.h"

namespace twice {

/// A parameter as a layer declares it. Parameters are learned, so they are differentiated.
struct ParameterInfo {
  std::string name;
  Shape shape;
  Initializer init;
};

/// A value that a training pass updates without a gradient, such as the running mean of batch norm.
struct BufferInfo {
  std::string name;
  Shape shape;
  /// The initial value of every entry.
  double value = 0;
};

/// Selects the random masks of a training pass: those of `rng`'s seed at `step`, an i32 scalar on
/// the tape. `step` is an input, so each run can bind another number. Two passes of one run with
/// the same step draw the same masks. Gradient regularization by finite differences needs this.
struct DropoutKey {
  Rng rng;
  Tensor step;
};

/// The arguments of a forward pass besides the parameters and the input, and its further results.
struct ForwardPass {
  /// True: batch norm uses the statistics of the batch, and dropout is on. False: batch norm uses
  /// the running statistics, and dropout is off.
  bool training = true;
  /// Gives the key for dropout. Required by dropout in a training pass.
  std::function<DropoutKey()> dropout = {};
  /// In: the values of the buffers, in order. A training pass may leave it empty if `updated` is
  /// not needed.
  Tensors running = {};
  /// Out: the predictions from which the loss was computed, if there are any.
  Tensor predictions = {};
  /// Out: the new values of the buffers, in the same order. Set by a training pass that has
  /// `running`.
  Tensors updated = {};
};

/// The parameters or buffers of one layer, as a part of those of the model.
using Share = std::span<const Tensor>;

/// A function of parameters, running buffers, input and pass. `w` and `running` hold only the
/// layer's own values, in the order of declaration. `running` is empty if the pass has none.
struct Layer {
  /// Records the layer and returns its output.
  using Forward = std::function<Tensor(Share w, Share running, Tensor x, ForwardPass& pass)>;
  std::vector<ParameterInfo> parameters = {};
  std::vector<BufferInfo> buffers = {};
  /// The number of linear layers and convolutions: the products of one forward pass.
  int products = 0;
  Forward forward = {};
};

/// A layer without parameters: y = f(x). Unless it is given a name, its ops are in the scope of x.
Layer function_layer(std::function<Tensor(Tensor)> f);
/// The layer in a `Scope` with this name. The names of its parameters and buffers start with
/// `name.`.
Layer named(const std::string& name, Layer layer);
/// y = f_k(... f_2(f_1(x))). Parameters and buffers are in the order of the layers.
Layer sequence(std::vector<Layer> layers);
/// y = branch(x) + shortcut(x), which must have equal shapes. The parameters and buffers of the
/// branch come before those of the shortcut. The sum is in the scope of branch(x).
Layer residual(Layer branch, Layer shortcut);

}  // namespace twice
