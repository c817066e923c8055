// A model: a layer with a name and the shape of its input, checked when it is called. It is a
// function of its parameters and holds no numbers; copies are cheap.
//
//   Model model = mlp({.inputs = 784, .width = 512, .depth = 3, .outputs = 10});
//   Tensors w = model.parameters(tape, Rng{1});
//   Tensor logits = model(w, x);
#pragma once

#include <memory>

#include "nn/layer.h"

namespace twice {

/// The `use` of every random number that a model starts with; the parameter's position is the step.
inline constexpr std::uint64_t initialization_use = 0x1417;

class Model {
 public:
  /// `input` is the shape of one example. Throws when two parameters or buffers share a name.
  Model(std::string architecture, std::string activation, const Shape& input, Layer layer);

  /// Its kind and sizes, such as `mlp-1024x4`.
  const std::string& architecture() const { return architecture_; }
  /// The activation's name; empty when there is none.
  const std::string& activation() const { return activation_; }
  /// Both, such as `mlp-1024x4-relu`.
  std::string name() const;
  /// The shape of one example.
  const Shape& input() const { return input_; }

  const std::vector<ParameterInfo>& parameter_info() const { return layer_->parameters; }
  const std::vector<BufferInfo>& buffer_info() const { return layer_->buffers; }
  /// How many numbers are learned.
  Index parameter_count() const;
  /// L: the linear layers and convolutions, each one product of a forward pass.
  int products() const { return layer_->products; }

  /// The numbers to start with. Parameter i draws from rng.keyed(i, initialization_use): the same
  /// seed gives the same numbers, in f32 and f64 up to rounding.
  std::vector<Array> initial_parameters(const Rng& rng, DType dtype = DType::f32) const;
  std::vector<Array> initial_buffers(DType dtype = DType::f32) const;

  /// Puts numbers on the tape as leaves that carry the parameters' (buffers') names and share the
  /// arrays' memory. Throws when an array is missing or has another shape.
  Tensors parameters(Tape& tape, const std::vector<Array>& values) const;
  Tensors buffers(Tape& tape, const std::vector<Array>& values) const;
  /// The same with the numbers to start with.
  Tensors parameters(Tape& tape, const Rng& rng, DType dtype = DType::f32) const;
  Tensors buffers(Tape& tape, DType dtype = DType::f32) const;

  /// The forward pass. x (n, ...) holds n examples of `input().elements()` numbers each; in another
  /// shape than `input()` (flat rows for images, or the reverse) they are reshaped.
  Tensor operator()(const Tensors& w, Tensor x, ForwardPass& pass) const;
  /// A training pass without new running statistics.
  Tensor operator()(const Tensors& w, Tensor x) const;

 private:
  std::string architecture_, activation_;
  Shape input_;
  std::shared_ptr<const Layer> layer_;
};

}  // namespace twice
