// Composition: a joined layer declares what its parts declare, in order, and hands each its share.
#include "nn/layer.h"

#include "autodiff/ops/arithmetic.h"

namespace twice {

namespace {

/// The first `count` tensors, which leave the list; none when the list is empty (a pass without
/// running buffers).
std::span<const Tensor> take(std::span<const Tensor>& list, std::size_t count) {
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
  return {.forward = [f = std::move(f)](std::span<const Tensor>, std::span<const Tensor>, Tensor x,
                                        ForwardPass&) { return f(x); }};
}

Layer named(const std::string& name, Layer layer) {
  for (ParameterInfo& p : layer.parameters) p.name = name + "." + p.name;
  for (BufferInfo& b : layer.buffers) b.name = name + "." + b.name;
  return layer;
}

Layer sequence(std::vector<Layer> layers) {
  Layer whole;
  for (const Layer& layer : layers) declare(layer, whole);
  whole.forward = [layers = std::move(layers)](std::span<const Tensor> w,
                                               std::span<const Tensor> running, Tensor x,
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
                      std::span<const Tensor> w, std::span<const Tensor> running, Tensor x,
                      ForwardPass& pass) {
    const auto own = take(w, branch.parameters.size());
    const Tensor y = branch.forward(own, take(running, branch.buffers.size()), x, pass);
    return y + shortcut.forward(w, running, x, pass);
  };
  return whole;
}

}  // namespace twice
