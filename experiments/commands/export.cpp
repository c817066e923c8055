// `./twice export`: writes a step's arrays as safetensors, for checks by other programs.
// docs/records.md, "The export file", lists the names.
#include "autodiff/derive/grad.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/threads/threads.h"
#include "experiments/commands/commands.h"
#include "experiments/files/atomic_file.h"
#include "experiments/files/json.h"
#include "experiments/files/safetensors.h"
#include "experiments/measure/gradient_error.h"
#include "experiments/run/output.h"
#include "experiments/run/recording.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

namespace {

struct ExportOptions {
  RunOptions run;
  /// A checkpoint of `train` that provides parameters and buffers.
  std::string checkpoint;
  /// Also write the graph of the loss, next to the arrays.
  bool graph = false;
};

constexpr const char* layout =
    "images NHWC; convolution weights (kh, kw, in, out); linear weights (in, out), y = x W + b; "
    "flatten order height, width, channels";

void declare_export(OptionSet& set, ExportOptions& options) {
  options.run.dtype = "f64";
  declare(set, options.run, {.training = false});
  set.remove({"json"});
  set.add("graph", &options.graph,
          "Also write the graph of the loss, op by op, as JSON beside the numbers");
  set.group("Model");
  set.add("checkpoint", &options.checkpoint,
          "Take parameters and buffers from a checkpoint of `train`");
}

/// Writes MODEL.safetensors to the folder --out, or the file --out if its name ends in
/// .safetensors. The graph has the same name with the ending .json.
int export_step(ExportOptions options) {
  if (options.run.out.empty()) options.run.out = "runs/export";
  complete(options.run, {"exact", "f-gr", "b-gr", "c-gr"});
  warn_of_unread(options.run);
  set_threads(options.run.threads);
  const Problem problem = make_problem(options.run);
  std::filesystem::path file = options.run.out;
  const bool names_a_file = file.extension() == ".safetensors";
  if (names_a_file)
    prepare_file(file);
  else
    file = prepare_folder(file) / (problem.label() + ".safetensors");
  const ModelState state =
      initial_state(problem.model, options.run.seed_of_weights(), options.run.number_type());
  if (!options.checkpoint.empty()) read_weights(options.checkpoint, problem.model, state);
  const Dataset batch = fixed_batch(problem);

  TensorFile result;
  const auto add = [&](const std::string& prefix, const std::vector<Array>& arrays) {
    for (std::size_t i = 0; i < arrays.size(); ++i)
      result.tensors.emplace_back(prefix + problem.model.parameter_info()[i].name,
                                  arrays[i].clone());
  };
  add("", state.parameters);
  for (std::size_t i = 0; i < state.buffers.size(); ++i)
    result.tensors.emplace_back(problem.model.buffer_info()[i].name, state.buffers[i]);
  for (const auto& [name, array] : batch.arrays)
    result.tensors.emplace_back(
        name, is_float(array.dtype()) ? array.cast(options.run.number_type()) : array);

  const RecordedStep plain = record_step(problem, method("sgd"), state);
  const Tensors hvp = grad(plain.estimate.plain, plain.w, stop_gradient(plain.estimate.plain));
  Plan plan{plain.estimate.loss, plain.estimate.plain, hvp};
  plan.run(plain.bind(batch));
  result.tensors.emplace_back("loss", plan.value(plain.estimate.loss).clone());
  add("grad.", plan.values(plain.estimate.plain));
  add("hvp.", plan.values(hvp));

  for (const std::string& name : options.run.methods) {
    const RecordedStep step = record_step(problem, method(name), state);
    Plan method_plan({step.estimate.gradient}, plan_options(options.run, name));
    method_plan.run(step.bind(batch));
    add(name + ".", method_plan.values(step.estimate.gradient));
  }
  Json graph;
  if (options.graph) {
    std::map<int, std::string> names;
    for (const auto& [name, tensor] : plain.batch) names[tensor.index()] = name;
    for (std::size_t i = 0; i < plain.w.size(); ++i)
      names[plain.w[i].index()] = problem.model.parameter_info()[i].name;
    graph = graph_json(plain.estimate.loss, names, "", result);
  }
  result.metadata = {{"format", "twice export 1"},
                     {"version", TWICE_VERSION},
                     {"model", problem.model.name()},
                     {"layout", layout},
                     {"config", to_json(options.run).dump()}};
  const auto write = names_a_file ? write_output : write_atomically;
  write(file, encode_safetensors(result));
  if (options.graph) write_atomically(file.replace_extension(".json"), record_text(graph));
  return 0;
}

}  // namespace

void add_export(CommandLine& app) {
  app.add("export", "write parameters, batch, gradients and H g as safetensors", declare_export,
          export_step);
}

}  // namespace twice::experiments
