// Tests the attribution of nodes to layers, for every model and method.
#include "experiments/commands/profile/step_record.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

#include "autodiff/autodiff.h"
#include "nn/models.h"
#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

/// The layers of the model's parameters.
std::set<std::string> model_layers(const Problem& problem) {
  std::set<std::string> layers;
  for (const ParameterInfo& p : problem.model.parameter_info())
    layers.insert(p.name.substr(0, p.name.rfind('.')));
  return layers;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profile_layers)

BOOST_AUTO_TEST_CASE(each_product_belongs_to_the_layer_of_its_weight) {
  for (const char* model : {"mlp", "cnn", "resnet"})
    for (const Method& m : methods()) {
      const Problem problem = small_problem(small(model));
      const RecordedStep step =
          record_step(problem, m, initial_state(problem.model, 1, DType::f32));
      const std::vector<std::string> layers = layers_of(*step.tape);
      BOOST_TEST(std::ssize(layers) == step.tape->size());
      // Each pass over the model has L products in the order of the layers, one for each weight.
      std::vector<std::string> expected, found;
      for (const ParameterInfo& p : problem.model.parameter_info())
        if (p.shape.rank() > 1) expected.push_back(p.name.substr(0, p.name.rfind('.')));
      for (int i = 0; i < step.tape->size(); ++i) {
        const Node& node = step.tape->node(i);
        if (node.phase == Phase::forward && node.op &&
            (node.op->name() == "matmul" || node.op->name() == "conv2d"))
          found.push_back(layers[static_cast<std::size_t>(i)]);
      }
      BOOST_REQUIRE(found.size() % expected.size() == 0);
      for (std::size_t pass = 0; pass < found.size(); pass += expected.size())
        BOOST_TEST(std::vector(found.begin() + static_cast<std::ptrdiff_t>(pass),
                               found.begin() +
                                   static_cast<std::ptrdiff_t>(pass + expected.size())) == expected,
                   model << ' ' << m.name);
    }
}

BOOST_AUTO_TEST_CASE(every_node_has_a_layer_of_the_model_or_a_name_of_its_own) {
  for_each_step([](const OurStep& step) {
    const Tape& tape = *step.recorded().tape;
    const std::vector<std::string> layers = layers_of(tape);
    std::set<std::string> known = {input_layer, loss_layer, whole_model_layer};
    for (int i = 0; i < tape.size(); ++i)
      if (tape.node(i).kind == NodeKind::parameter)
        known.insert(layers[static_cast<std::size_t>(i)]);
    for (const std::string& layer : layers) BOOST_TEST(known.contains(layer), layer);
    // A derivative belongs to the layer of its forward op.
    for (int i = 0; i < tape.size(); ++i)
      BOOST_TEST(layers[static_cast<std::size_t>(i)] ==
                 layers[static_cast<std::size_t>(tape.forward_origin(i))]);
  });
}

BOOST_AUTO_TEST_CASE(a_methods_arithmetic_belongs_to_the_layer_of_its_parameters) {
  const Problem problem = small_problem(small("mlp"));
  const std::set<std::string> expected = model_layers(problem);
  for (const char* name : {"exact", "f-gr", "sam"}) {
    const RecordedStep step =
        record_step(problem, method(name), initial_state(problem.model, 1, DType::f32));
    const std::vector<std::string> layers = layers_of(*step.tape);
    for (std::size_t i = 0; i < step.estimate.gradient.size(); ++i) {
      const std::string& parameter = problem.model.parameter_info()[i].name;
      BOOST_TEST(layers[static_cast<std::size_t>(step.estimate.gradient[i].index())] ==
                     parameter.substr(0, parameter.rfind('.')),
                 name << ' ' << parameter);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_loss_and_shared_parts_are_no_layers) {
  const Problem problem = small_problem(small("mlp"));
  const RecordedStep step =
      record_step(problem, method("sam"), initial_state(problem.model, 1, DType::f32));
  const std::vector<std::string> layers = layers_of(*step.tape);
  BOOST_TEST(layers[static_cast<std::size_t>(step.estimate.loss.index())] == loss_layer);
  // sam divides by the norm of the whole gradient, which belongs to no layer.
  BOOST_TEST(std::count(layers.begin(), layers.end(), whole_model_layer) > 0);
}

BOOST_AUTO_TEST_CASE(batch_norm_is_a_layer_of_its_own) {
  const Problem problem = small_problem(small("resnet"));
  const RecordedStep step =
      record_step(problem, method("sgd"), initial_state(problem.model, 1, DType::f32));
  const std::vector<std::string> layers = layers_of(*step.tape);
  int found = 0;
  for (int i = 0; i < step.tape->size(); ++i)
    if (const Node& node = step.tape->node(i);
        node.origin == i && node.op && step.tape->name(node) == "standardize") {
      BOOST_TEST(layers[static_cast<std::size_t>(i)].find("norm") != std::string::npos);
      ++found;
    }
  BOOST_TEST(found > 5);
}

BOOST_AUTO_TEST_CASE(a_dln_has_a_layer) {
  const Model model = dln({.inputs = 3});
  Tape tape;
  const Tensors w = model.parameters(tape, model.initial_parameters(Rng(1)));
  ForwardPass pass;
  const Tensor y = model(w, tape.input({2, 3}, DType::f32, "x"), pass);
  grad(mean(square(y)), w);
  const std::vector<std::string> layers = layers_of(tape);
  BOOST_TEST(std::ranges::count(layers, "diagonal") > 8);
  for (const Tensor parameter : w)
    BOOST_TEST(layers[static_cast<std::size_t>(parameter.index())] == "diagonal");
  // Checkpoints hold the parameters under these names.
  BOOST_TEST(model.parameter_info()[0].name == "plus");
}

BOOST_AUTO_TEST_CASE(a_shared_weight_counts_for_the_layers_that_use_it) {
  Tape tape;
  const Tensor x = tape.input({2, 3}, DType::f32, "images"), y = tape.labels({2});
  const Tensor w = tape.parameter(Array::filled({3, 3}, DType::f32, 0.5), "elsewhere.weight");
  const auto layer = [&](const char* name, Tensor in) {
    const Scope scope(tape, name);
    return matmul(in, w);
  };
  const Tensor first = layer("one", x * 2), second = layer("two", first);
  const Tensor loss = cross_entropy(second, y);
  const Tensors g = grad(loss, w);
  const std::vector<std::string> layers = layers_of(tape);
  const auto layer_of = [&](Tensor t) { return layers[static_cast<std::size_t>(t.index())]; };
  BOOST_TEST(layer_of(x) == input_layer);
  BOOST_TEST(layer_of(tape.handle(tape.inputs_of(tape.node(first.index()))[0])) == input_layer);
  BOOST_TEST(layer_of(first) == "one");
  BOOST_TEST(layer_of(second) == "two");
  BOOST_TEST(layer_of(w) == "one");  // the layer of its first reader
  BOOST_TEST(layer_of(loss) == loss_layer);
  std::vector<std::string> products;
  for (int i = loss.index() + 1; i < tape.size(); ++i)
    if (tape.name(tape.node(i)) == "matmul")
      products.push_back(layers[static_cast<std::size_t>(i)]);
  BOOST_CHECK(products == (std::vector<std::string>{"two", "two", "one"}));
}

BOOST_AUTO_TEST_SUITE_END()
