// A small convolutional network that distinguishes horizontal from vertical stripes.
//
// The program makes images of 8 x 8 pixels: stripes of random phase under noise. It trains on
// batches of them for five epochs, and then classifies new images. Images are
// arrays of shape (count, height, width, channels).
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

#include <cmath>

using namespace twice;

/// Pixels and classes. Replace it by a reader of your own images.
std::pair<Array, Array> make_images(Index count, const Rng& rng) {
  const Array pixels({count, 8, 8, 1}, DType::f64), classes({count}, DType::i32);
  fill_normal(rng, 0, 1, pixels);
  for (Index i = 0; i < count * 64; ++i) {
    const Index image = i / 64, row = i / 8 % 8, column = i % 8;
    // Another stream of the same seed, because the noise has used the numbers of `rng`.
    const double phase = rng.keyed(1, 0).uniform(static_cast<std::uint64_t>(image));
    const double across = static_cast<double>(image % 2 == 0 ? row : column);
    pixels.set(i, pixels.at(i) + std::sin(1.5 * across + 6.2832 * phase));
    classes.set(image, image % 2);
  }
  return {pixels, classes};
}

int main() {
  const Index batch = 32, batches = 4;
  const auto [pixels, classes] = make_images(batch * batches, Rng(1));
  const auto [new_pixels, new_classes] = make_images(batch, Rng(2));

  Tape tape;
  const Tensor x = tape.input({batch, 8, 8, 1}, DType::f64), y = tape.labels({batch});
  const Model net = cnn({.input = {8, 8, 1}, .channels = 4, .classes = 2});
  const Tensors w = net.parameters(tape, Rng(3), DType::f64);
  const Tensor scores = net(w, x), loss = cross_entropy(scores, y);
  const Tensors g = grad(loss, w);

  Plan step{loss, g}, judge{scores};
  Optimizer adam({.name = "adam", .lr = 0.01});
  for (Index i = 0; i < 5 * batches; ++i) {
    const Index first = i % batches * batch;  // the first image of this batch
    step.run({{x, pixels.sliced(0, first, batch)}, {y, classes.sliced(0, first, batch)}});
    if (i % batches == 0) fmt::print("step {:2}: loss {:.3f}\n", i, step.value(loss).item());
    adam.update(w, step.values(g));
  }
  judge.run({{x, new_pixels}});
  fmt::print("new images: {} of {} correct\n", count_correct(judge.value(scores), new_classes),
             batch);
}

// Prints:
// step  0: loss 0.698
// step  4: loss 0.562
// step  8: loss 0.378
// step 12: loss 0.249
// step 16: loss 0.166
// new images: 32 of 32 correct
