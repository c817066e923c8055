// A model: a layer with a name and the shape of its input, which is checked at each call. A model
// is a function of its parameters and holds no numbers, so copies are cheap.
//
//   Model model = mlp({.inputs = 784, .width = 512, .depth = 3, .outputs = 10});
//   Tensors w = model.parameters(tape, Rng{1});
//   Tensor logits = model(w, x);
#pragma once

#include <memory>

#include "nn/layer.h"

namespace twice {

/// The `use` of the random numbers for initial parameters, whose `step` is the position of the
/// parameter.
inline constexpr std::uint64_t initialization_use = 0x1417;

/// A network as a function of its parameters and its input.
class Model {
 public:
  /// `input` is the shape of one example. Throws if two parameters or two buffers have the same
  /// name.
  Model(std::string architecture, std::string activation, const Shape& input, Layer layer);

  /// The kind and the sizes, such as `mlp-1024x4`.
  const std::string& architecture() const { return architecture_; }
  /// The name of the activation; empty if there is none.
  const std::string& activation() const { return activation_; }
  /// Architecture and activation, such as `mlp-1024x4-relu`.
  std::string name() const;
  /// The shape of one example.
  const Shape& input() const { return input_; }

  /// The names, shapes and initialisers of the parameters, in order.
  const std::vector<ParameterInfo>& parameter_info() const { return layer_->parameters; }
  /// The names, shapes and initial values of the buffers, in order.
  const std::vector<BufferInfo>& buffer_info() const { return layer_->buffers; }
  /// The number of learned numbers.
  Index parameter_count() const;
  /// L: the number of linear layers and convolutions, each of which is one product of a forward
  /// pass.
  int products() const { return layer_->products; }

  /// Initial values of the parameters. Parameter i draws from rng.keyed(i, initialization_use). The
  /// same seed gives the same numbers in f32 and f64, up to rounding.
  std::vector<Array> initial_parameters(const Rng& rng, DType dtype = DType::f32) const;
  /// Initial values of the buffers.
  std::vector<Array> initial_buffers(DType dtype = DType::f32) const;

  /// Leaves of the tape that share the memory of the given arrays and have the names of the
  /// parameters. Throws if an array is missing or has the wrong shape.
  Tensors parameters(Tape& tape, const std::vector<Array>& values) const;
  /// The same for buffers.
  Tensors buffers(Tape& tape, const std::vector<Array>& values) const;
  /// The same with initial values.
  Tensors parameters(Tape& tape, const Rng& rng, DType dtype = DType::f32) const;
  /// The same for buffers, with initial values.
  Tensors buffers(Tape& tape, DType dtype = DType::f32) const;

  /// Records the forward pass. x (n, ...) holds n examples of `input().elements()` numbers each. If
  /// their shape differs from `input()` (flat rows instead of images, or the reverse), x is
  /// reshaped. Throws if the shapes of the parameters or of x do not fit.
  Tensor operator()(const Tensors& w, Tensor x, ForwardPass& pass) const;
  /// Records a training pass that does not update the running statistics.
  Tensor operator()(const Tensors& w, Tensor x) const;

 private:
  std::string architecture_, activation_;
  Shape input_;
  std::shared_ptr<const Layer> layer_;
};

}  // namespace twice
