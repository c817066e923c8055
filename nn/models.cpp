#include "nn/models.h"

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"

namespace twice {

namespace {

void check_at_least(const char* who, const char* what, Index value, Index least) {
  if (value < least) fail(who, "{} is {}; expected at least {}", what, value, least);
}

/// Throws unless `input` is an image of at least `least` x `least` pixels; `why` gives the reason.
void check_image(const char* who, const Shape& input, Index least, const char* why) {
  if (input.rank() != 3)
    fail(who, "the input is {}; expected images (height, width, channels)", str(input));
  if (input[0] < least || input[1] < least)
    fail(who, "the image is {} x {}; expected at least {} x {}, {}", input[0], input[1], least,
         least, why);
  check_at_least(who, "the number of input channels", input[2], 1);
}

}  // namespace

Model mlp(const MlpOptions& o) {
  check_at_least("mlp", "the number of inputs", o.inputs, 1);
  check_at_least("mlp", "the width", o.width, 1);
  check_at_least("mlp", "the depth", o.depth, 1);
  check_at_least("mlp", "the number of outputs", o.outputs, 1);
  const Layer act = activation(o.activation);
  const Initializer init = o.init.value_or(initializer_for(o.activation));
  std::vector<Layer> layers;
  for (int i = 1; i <= o.depth; ++i) {
    const Index from = i == 1 ? o.inputs : o.width, to = i == o.depth ? o.outputs : o.width;
    layers.push_back(named(fmt::format("linear{}", i), linear(from, to, o.bias, init)));
    if (i == o.depth) break;
    layers.push_back(act);
    if (o.dropout != 0) layers.push_back(dropout(o.dropout, static_cast<std::uint64_t>(i)));
  }
  return Model(fmt::format("mlp-{}x{}", o.width, o.depth), o.activation, {o.inputs},
               sequence(std::move(layers)));
}

Model cnn(const CnnOptions& o) {
  check_image("cnn", o.input, 4, "because it is pooled twice");
  check_at_least("cnn", "the number of channels", o.channels, 1);
  check_at_least("cnn", "the number of classes", o.classes, 1);
  const Layer act = activation(o.activation);
  const Initializer init = o.init.value_or(initializer_for(o.activation));
  const auto conv = [&](const char* name, Index from, Index to) {
    return named(name, convolution(from, to, {.init = init}));
  };
  const Index c = o.channels, features = (o.input[0] / 4) * (o.input[1] / 4) * 2 * c;
  return Model(
      fmt::format("cnn-{}", c), o.activation, o.input,
      sequence({conv("conv1", o.input[2], c), act,                                          //
                conv("conv2", c, c), act, average_pooling(), conv("conv3", c, 2 * c), act,  //
                conv("conv4", 2 * c, 2 * c), act, average_pooling(), flatten(),
                named("linear", linear(features, o.classes, true, init))}));
}

Model resnet(const ResnetOptions& o) {
  check_image("resnet", o.input, 4, "because it is halved twice");
  check_at_least("resnet", "the number of channels", o.channels, 1);
  check_at_least("resnet", "the number of classes", o.classes, 1);
  check_at_least("resnet", "the number of blocks in a stage", o.blocks, 1);
  const Layer act = activation(o.activation);
  const Initializer init = o.init.value_or(initializer_for(o.activation));
  const ResidualOptions block = {o.activation, o.pre_activation, o.normalization, o.shortcut, init};

  const bool bias = o.normalization == Normalization::none;
  std::vector<Layer> layers = {
      named("stem.conv", convolution(o.input[2], o.channels, {.bias = bias, .init = init}))};
  if (!o.pre_activation) {
    layers.push_back(named("stem.norm", normalization(o.normalization, o.channels)));
    layers.push_back(act);
  }
  Index from = o.channels;
  for (int stage = 1; stage <= 3; ++stage)
    for (int i = 1; i <= o.blocks; ++i) {
      const Index to = o.channels << (stage - 1), stride = stage > 1 && i == 1 ? 2 : 1;
      layers.push_back(
          named(fmt::format("stage{}.block{}", stage, i), residual_block(from, to, stride, block)));
      from = to;
    }
  if (o.pre_activation) {
    layers.push_back(named("head.norm", normalization(o.normalization, from)));
    layers.push_back(act);
  }
  layers.push_back(global_average_pooling());
  layers.push_back(named("linear", linear(from, o.classes, true, init)));
  return Model(fmt::format("resnet-{}x{}", o.channels, 6 * o.blocks + 2), o.activation, o.input,
               sequence(std::move(layers)));
}

Model dln(const DlnOptions& o) {
  check_at_least("dln", "the number of inputs", o.inputs, 1);
  const Initializer start = constant_init(o.alpha);
  Layer layer = {
      .parameters = {{"plus", {o.inputs, 1}, start}, {"minus", {o.inputs, 1}, start}},
      .products = 1,
      .forward = [](std::span<const Tensor> w, std::span<const Tensor>, Tensor x, ForwardPass&) {
        // Not `named`, which would change the names of the parameters in checkpoints.
        const Scope scope(x.tape(), "diagonal");
        return matmul(x, square(w[0]) - square(w[1]));
      }};
  return Model(fmt::format("dln-{}", o.inputs), "", {o.inputs}, std::move(layer));
}

namespace {

/// Throws if an option is set that the model does not have.
template <class T>
void refuse(const ModelOptions& o, const char* option, const std::optional<T>& value) {
  if (value) fail(o.model, "this model has no {}", option);
}

std::string activation_of(const ModelOptions& o) { return o.activation.value_or("relu"); }

Model make_mlp(const ModelOptions& o) {
  refuse(o, "alpha", o.alpha);
  refuse(o, "channels", o.channels);
  return mlp({.inputs = o.input.elements(),
              .width = o.width.value_or(512),
              .depth = o.depth.value_or(4),
              .outputs = o.classes,
              .activation = activation_of(o),
              .init = o.init});
}

Model make_cnn(const ModelOptions& o) {
  refuse(o, "width", o.width);
  refuse(o, "alpha", o.alpha);
  refuse(o, "choice of depth", o.depth);
  return cnn({.input = o.input,
              .channels = o.channels.value_or(16),
              .classes = o.classes,
              .activation = activation_of(o),
              .init = o.init});
}

Model make_resnet(const ModelOptions& o) {
  refuse(o, "width", o.width);
  refuse(o, "alpha", o.alpha);
  const int depth = o.depth.value_or(8);
  if (depth < 8 || depth % 6 != 2)
    fail("resnet", "the depth is {}; expected 6 blocks + 2: 8, 14, 20, 26, ...", depth);
  return resnet({.input = o.input,
                 .channels = o.channels.value_or(16),
                 .classes = o.classes,
                 .blocks = depth / 6,
                 .activation = activation_of(o),
                 .init = o.init});
}

Model make_dln(const ModelOptions& o) {
  refuse(o, "width", o.width);
  refuse(o, "choice of depth", o.depth);
  refuse(o, "channels", o.channels);
  refuse(o, "activation", o.activation);
  refuse(o, "random start; its start is alpha", o.init);
  if (o.classes != 1)
    fail("dln", "the number of outputs is {}; expected 1, because dln is for regression",
         o.classes);
  return dln({.inputs = o.input.elements(), .alpha = o.alpha.value_or(0.1)});
}

struct ModelRow {
  std::string_view name;
  Model (*make)(const ModelOptions& options);
};
constexpr ModelRow models[] = {
    {"mlp", make_mlp}, {"cnn", make_cnn}, {"resnet", make_resnet}, {"dln", make_dln}};

}  // namespace

std::vector<std::string> model_names() { return names_of(models); }

Model make_model(const ModelOptions& o) { return row_named("model", models, o.model).make(o); }

}  // namespace twice
