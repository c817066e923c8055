// Models: names, initial values, and checks of the arguments of a forward pass.
#include "nn/model.h"

#include <set>

#include "autodiff/ops/shape_ops.h"
#include "nn/batch.h"

namespace twice {

namespace {

std::string with_activation(const std::string& architecture, const std::string& activation) {
  return activation.empty() ? architecture : architecture + "-" + activation;
}

/// The arrays of declared parameters or buffers as leaves of the tape.
template <class Info>
Tensors on_tape(const std::string& model, const char* what, Tape& tape,
                const std::vector<Info>& infos, const std::vector<Array>& values) {
  if (values.size() != infos.size())
    fail(model, "{} {} were given; expected {}", values.size(), what, infos.size());
  Tensors leaves;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (values[i].empty() || values[i].shape() != infos[i].shape)
      fail(model, "{} has shape {}; expected {}", infos[i].name, str(values[i].shape()),
           str(infos[i].shape));
    leaves.push_back(tape.parameter(values[i], infos[i].name));
  }
  return leaves;
}

template <class Info>
void check_shapes(const std::string& model, const char* what, const std::vector<Info>& infos,
                  const Tensors& given) {
  if (given.size() != infos.size())
    fail(model, "{} {} were given; expected {}", given.size(), what, infos.size());
  for (std::size_t i = 0; i < infos.size(); ++i)
    if (given[i].shape() != infos[i].shape)
      fail(model, "{} has shape {}; expected {}", infos[i].name, str(given[i].shape()),
           str(infos[i].shape));
}

/// x as a batch of examples of shape `input`.
Tensor as_examples(const std::string& model, Tensor x, const Shape& input) {
  Shape wanted = {x.rank() == 0 ? 0 : x.size(0)};
  for (Index size : input) wanted.push_back(size);
  if (x.shape() == wanted) return x;
  if (x.rank() < 2 || x.shape().elements() != wanted.elements() || x.size(0) == 0)
    fail(model,
         "the input is {}; expected (n, ...) with {} numbers for each of n examples, such as {}",
         str(x.shape()), input.elements(), str(wanted));
  return reshape(x, wanted);
}

}  // namespace

Tensor BatchTensors::operator[](std::string_view name) const {
  std::string names;
  for (const auto& [known, tensor] : tensors_) {
    if (known == name) return tensor;
    names += (names.empty() ? "" : ", ") + known;
  }
  fail("batch", "there is no '{}'; the batch has {}", name, names.empty() ? "nothing" : names);
}

Model::Model(std::string architecture, std::string activation, const Shape& input, Layer layer)
    : architecture_(std::move(architecture)),
      activation_(std::move(activation)),
      input_(input),
      layer_(std::make_shared<const Layer>(std::move(layer))) {
  std::set<std::string> names;
  const auto check = [&](const std::string& name) {
    if (!names.insert(name).second) fail(architecture_, "two parameters are called {}", name);
  };
  for (const ParameterInfo& p : parameter_info()) check(p.name);
  for (const BufferInfo& b : buffer_info()) check(b.name);
}

std::string Model::name() const { return with_activation(architecture_, activation_); }

Index Model::parameter_count() const {
  Index count = 0;
  for (const ParameterInfo& p : parameter_info()) count += p.shape.elements();
  return count;
}

std::vector<Array> Model::initial_parameters(const Rng& rng, DType dtype) const {
  std::vector<Array> values;
  for (std::uint64_t i = 0; const ParameterInfo& p : parameter_info()) {
    values.emplace_back(p.shape, dtype);
    p.init.fill(rng.keyed(i++, initialization_use), values.back());
  }
  return values;
}

std::vector<Array> Model::initial_buffers(DType dtype) const {
  std::vector<Array> values;
  for (const BufferInfo& b : buffer_info())
    values.push_back(Array::filled(b.shape, dtype, b.value));
  return values;
}

Tensors Model::parameters(Tape& tape, const std::vector<Array>& values) const {
  return on_tape(name(), "parameters", tape, parameter_info(), values);
}
Tensors Model::buffers(Tape& tape, const std::vector<Array>& values) const {
  return on_tape(name(), "buffers", tape, buffer_info(), values);
}
Tensors Model::parameters(Tape& tape, const Rng& rng, DType dtype) const {
  return parameters(tape, initial_parameters(rng, dtype));
}
Tensors Model::buffers(Tape& tape, DType dtype) const {
  return buffers(tape, initial_buffers(dtype));
}

Tensor Model::operator()(const Tensors& w, Tensor x, ForwardPass& pass) const {
  check_shapes(name(), "parameters", parameter_info(), w);
  if (!pass.running.empty()) check_shapes(name(), "buffers", buffer_info(), pass.running);
  pass.updated.clear();
  if (!layer_->forward) fail(name(), "its layer has no `forward`");
  return layer_->forward(w, pass.running, as_examples(name(), x, input_), pass);
}

Tensor Model::operator()(const Tensors& w, Tensor x) const {
  ForwardPass pass;
  return (*this)(w, x, pass);
}

}  // namespace twice
