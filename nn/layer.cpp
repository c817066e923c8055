// Joined layers. A joined layer declares the parameters and buffers of its parts, in order, and
// passes each part its own.
#include "nn/layer.h"

#include "autodiff/ops/arithmetic.h"

namespace twice {

namespace {

/// Removes the first `count` tensors from the list and returns them. Returns none if the list is
/// empty, as it is in a pass without running buffers.
Share take(Share& list, std::size_t count) {
  const auto front = list.first(std::min(count, list.size()));
  list = list.subspan(front.size());
  return front;
}

void declare(const Layer& part, Layer& whole) {
  whole.parameters.insert(whole.parameters.end(), part.parameters.begin(), part.parameters.end());
  whole.buffers.insert(whole.buffers.end(), part.buffers.begin(), part.buffers.end());
  whole.products += part.products;
}

}  // namespace

Layer function_layer(std::function<Tensor(Tensor)> f) {
  return {.forward = [f = std::move(f)](Share, Share, Tensor x, ForwardPass&) {
    const Scope scope(x);
    return f(x);
  }};
}

Layer named(const std::string& name, Layer layer) {
  for (ParameterInfo& p : layer.parameters) p.name = name + "." + p.name;
  for (BufferInfo& b : layer.buffers) b.name = name + "." + b.name;
  layer.forward = [name, forward = std::move(layer.forward)](Share w, Share running, Tensor x,
                                                             ForwardPass& pass) {
    const Scope scope(x.tape(), name);
    return forward(w, running, x, pass);
  };
  return layer;
}

Layer sequence(std::vector<Layer> layers) {
  Layer whole;
  for (const Layer& layer : layers) declare(layer, whole);
  whole.forward = [layers = std::move(layers)](Share w, Share running, Tensor x,
                                               ForwardPass& pass) {
    for (const Layer& layer : layers) {
      const auto own = take(w, layer.parameters.size());
      x = layer.forward(own, take(running, layer.buffers.size()), x, pass);
    }
    return x;
  };
  return whole;
}

Layer residual(Layer branch, Layer shortcut) {
  Layer whole;
  declare(branch, whole);
  declare(shortcut, whole);
  whole.forward = [branch = std::move(branch), shortcut = std::move(shortcut)](
                      Share w, Share running, Tensor x, ForwardPass& pass) {
    const auto own = take(w, branch.parameters.size());
    const Tensor y = branch.forward(own, take(running, branch.buffers.size()), x, pass);
    const Tensor other = shortcut.forward(w, running, x, pass);
    const Scope scope(y);
    return y + other;
  };
  return whole;
}

}  // namespace twice
