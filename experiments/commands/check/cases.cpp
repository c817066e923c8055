// Records each case, differentiates it up to three times, runs it and stores the arrays.
#include "experiments/commands/check/cases.h"

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/plan.h"
#include "experiments/commands/check/op_table.h"
#include "experiments/commands/check/random_graphs.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"
#include "experiments/run/output.h"
#include "experiments/run/recording.h"
#include "nn/losses.h"
#include "nn/models.h"
#include "optim/gradient_regularization.h"

namespace twice::experiments {

namespace {

class Cases {
 public:
  explicit Cases(const CheckOptions& options) : options_(options) {}

  void add(const std::string& name, const Function& f, const std::vector<Array>& inputs) {
    const std::string prefix = fmt::format("{}.", list_.size());
    Tape tape;
    Tensors all, x, y;
    std::map<int, std::string> names;
    Json float_inputs = Json::array();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      all.push_back(tape.parameter(inputs[i]));
      const std::string known = fmt::format("{}input.{}", prefix, i);
      names[all.back().index()] = known;
      file_.tensors.emplace_back(known, inputs[i]);
      if (!is_float(inputs[i].dtype())) continue;
      x.push_back(all.back());
      float_inputs.push_back(known);
    }
    for (Tensor t : f(all))
      if (is_float(t.dtype())) y.push_back(t);
    const Json graph = graph_json(y, names, prefix, file_);

    Tensors everything = y, values = y;
    std::vector<std::pair<std::string, Tensors>> results = {{prefix + "y", y}};
    const Rng rng(options_.seed, list_.size());
    std::uint64_t draws = 0;
    for (int order = 1; order <= options_.order; ++order) {
      std::vector<Array> weights;
      Tensors constants;
      for (Tensor t : values) {
        const Array& numbers = weights.emplace_back(t.shape(), t.dtype());
        fill_normal(rng.keyed(list_.size(), ++draws), 0, 1, numbers);
        constants.push_back(tape.constant(numbers));
      }
      store(fmt::format("{}u{}", prefix, order - 1), weights);
      values = grad(dot(values, constants), x);
      results.emplace_back(fmt::format("{}g{}", prefix, order), values);
      everything.insert(everything.end(), values.begin(), values.end());
    }
    Plan plan{everything};
    plan.run();
    for (const auto& [known, list] : results) store(known, plan.values(list));
    list_.push_back(
        {{"name", name}, {"graph", graph}, {"inputs", float_inputs}, {"outputs", y.size()}});
  }

  /// Adds the loss of a model as a case, with the gradient of each method.
  void add_model(const Model& model) {
    const std::string prefix = fmt::format("{}.", list_.size());
    const Rng rng(options_.seed);
    const std::vector<Array> start = model.initial_parameters(rng, DType::f64);
    for (std::size_t i = 0; i < start.size(); ++i) {
      // Moves biases and norms away from 0 and 1, their initial values.
      Array noise(start[i].shape(), DType::f64);
      fill_normal(rng.keyed(i, 1), 0, 0.1, noise);
      for (Index e = 0; e < noise.elements(); ++e) start[i].set(e, start[i].at(e) + noise.at(e));
    }
    const Function loss = loss_of(model);
    add(model.name(), loss, start);

    const MethodOptions o{0.3, 0.05, 0.05, 0.01, 0.05};
    Json names = Json::array();
    for (const Method& m : methods()) {
      Tape tape;
      const Tensors w = model.parameters(tape, start);
      const Tensors g = m([&](const Tensors& at) { return loss(at)[0]; }, w, o).gradient;
      Plan plan{g};
      plan.run();
      names.push_back(m.name);
      store(fmt::format("{}{}", prefix, m.name), plan.values(g));
    }
    list_.back()["methods"] = {{"names", names},         {"gamma", o.gamma},
                               {"epsilon", o.epsilon},   {"rho", o.rho},
                               {"asam-eta", o.asam_eta}, {"flood-level", o.flood_level}};
  }

  void write(const std::filesystem::path& folder) {
    prepare_folder(folder);
    file_.metadata = {{"format", "twice cases 1"}};
    write_safetensors(folder / "cases.safetensors", file_);
    write_atomically(folder / "cases.json",
                     record_text({{"order", options_.order}, {"cases", list_}}));
  }

 private:
  /// The training loss on random images and classes, or on random targets for a regression.
  static Function loss_of(const Model& model) {
    return [model](const Tensors& w) -> Tensors {
      Tape& tape = w[0].tape();
      Shape shape{7};
      for (Index size : model.input()) shape.push_back(size);
      const Array images(shape, DType::f64), targets(Shape{7, 1}, DType::f64);
      fill_normal(Rng(11), 0, 1, images);
      fill_normal(Rng(12), 0, 1, targets);
      ForwardPass pass;
      pass.dropout = [&] { return DropoutKey{Rng(13), tape.constant(4, DType::i32)}; };
      const Tensor y = model(w, tape.constant(images), pass);
      if (y.size(1) == 1) return quarter_mse(y, tape.constant(targets));
      const Array classes(Shape{7}, DType::i32);
      for (Index i = 0; i < 7; ++i) classes.set(i, static_cast<double>(i * i % y.size(1)));
      return cross_entropy(y, tape.constant(classes));
    };
  }

  /// Stores the arrays as NAME.0, NAME.1, ...
  void store(const std::string& name, const std::vector<Array>& arrays) {
    for (std::size_t i = 0; i < arrays.size(); ++i)
      file_.tensors.emplace_back(fmt::format("{}.{}", name, i), arrays[i].clone());
  }

  CheckOptions options_;
  TensorFile file_;
  Json list_ = Json::array();
};

std::vector<Model> small_models() {
  return {
      mlp({.inputs = 6, .width = 5, .depth = 3, .outputs = 4, .activation = "gelu"}),
      mlp({.inputs = 6,
           .width = 9,
           .depth = 3,
           .outputs = 4,
           .activation = "relu",
           .dropout = 0.3}),
      cnn({.input = {5, 6, 2}, .channels = 2, .classes = 4, .activation = "silu"}),
      resnet({.input = {6, 6, 2}, .channels = 2, .classes = 4, .activation = "relu"}),
      resnet({.input = {4, 6, 2},
              .channels = 2,
              .classes = 4,
              .activation = "softplus",
              .pre_activation = true,
              .normalization = Normalization::layer,
              .shortcut = Shortcut::pad}),
      dln({.inputs = 6, .alpha = 0.5}),
  };
}

}  // namespace

void write_cases(const std::filesystem::path& folder, int graphs, const CheckOptions& options) {
  Cases cases(options);
  for (const std::vector<OpCase>& rows : {op_table(), kink_cases()})
    for (const OpCase& row : rows) cases.add(row.name(), row.function, row.draw(options.seed));
  for (int seed = 1; seed <= graphs; ++seed) {
    const RandomGraph graph = random_graph(static_cast<std::uint64_t>(seed));
    cases.add(str(graph), graph.function(), graph.inputs());
  }
  for (const Model& model : small_models()) cases.add_model(model);
  cases.write(folder);
}

}  // namespace twice::experiments
