// Checkpoints, written and read back with every check.
#include "experiments/run/checkpoint.h"

#include "autodiff/kernels/reduce.h"
#include "experiments/files/safetensors.h"

namespace twice::experiments {

namespace {

constexpr const char* format_name = "twice checkpoint 1";

/// The file, checked to be a checkpoint of this format.
TensorFile open_checkpoint(const std::filesystem::path& file) {
  TensorFile result = read_safetensors(file);
  if (!result.metadata.contains("format") || result.metadata.at("format") != format_name)
    fail("checkpoint", "{} is no checkpoint of `twice train`: expected the format '{}'",
         file.string(), format_name);
  return result;
}

/// Copies the numbers of a named array of the file over `target`, which keeps its memory.
void take(const std::filesystem::path& file, const TensorFile& from, const std::string& name,
          const Array& target) {
  if (!from.contains(name))
    fail("checkpoint", "{} lacks '{}': it is of another model", file.string(), name);
  const Array& found = from.at(name);
  if (!(found.shape() == target.shape()) || found.dtype() != target.dtype())
    fail("checkpoint", "{}: '{}' is {} {}, expected {} {}", file.string(), name, str(found.dtype()),
         str(found.shape()), str(target.dtype()), str(target.shape()));
  copy(found, target);
}

void take_model(const std::filesystem::path& file, const TensorFile& from, const Model& model,
                const ModelState& state) {
  for (std::size_t i = 0; i < state.parameters.size(); ++i)
    take(file, from, "parameter." + model.parameter_info()[i].name, state.parameters[i]);
  for (std::size_t i = 0; i < state.buffers.size(); ++i)
    take(file, from, "buffer." + model.buffer_info()[i].name, state.buffers[i]);
}

/// Parses what `write_checkpoint` wrote; a damaged note is an error that names the file.
Json note(const std::filesystem::path& file, const TensorFile& from, const std::string& name) {
  const auto found = from.metadata.find(name);
  Json json;
  if (found != from.metadata.end()) json = Json::parse_or_null(found->second);
  if (json.is_null())
    fail("checkpoint", "{}: the note '{}' is missing or damaged", file.string(), name);
  return json;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& file, Trainer& trainer,
                      const RunHistory& history) {
  const Model& model = trainer.problem().model;
  const ModelState& state = trainer.state();
  TensorFile result;
  for (std::size_t i = 0; i < state.parameters.size(); ++i) {
    const std::string& name = model.parameter_info()[i].name;
    if (!kernel::all_finite(state.parameters[i]))
      throw RunFailure(
          fmt::format("[{}] step {}: the update of {} overflowed: it is not finite. {} "
                      "is not written; try a smaller --lr",
                      trainer.method().name, trainer.steps(), name, file.string()));
    result.tensors.emplace_back("parameter." + name, state.parameters[i]);
  }
  for (std::size_t i = 0; i < state.buffers.size(); ++i)
    result.tensors.emplace_back("buffer." + model.buffer_info()[i].name, state.buffers[i]);
  for (const auto& [name, array] : trainer.optimizer().state())
    result.tensors.emplace_back("optimizer." + name, array);
  Json curve = Json::array();
  for (const EpochRecord& record : history.curve) curve.push_back(to_json(record));
  const EpochProgress& epoch = trainer.epoch_progress();
  result.metadata = {
      {"format", format_name},
      {"config", history.config.dump()},
      {"step", Json(trainer.steps()).dump()},
      {"curve", curve.dump()},
      {"epoch", Json({{"loss_sum", epoch.loss_sum}, {"seconds", epoch.seconds}}).dump()}};
  write_safetensors(file, result);
}

Json checkpoint_config(const std::filesystem::path& file) {
  return note(file, open_checkpoint(file), "config");
}

RunHistory read_checkpoint(const std::filesystem::path& file, Trainer& trainer) {
  const TensorFile from = open_checkpoint(file);
  RunHistory history;
  history.config = note(file, from, "config");
  const Json epoch = note(file, from, "epoch"), curve = note(file, from, "curve");
  std::vector<std::pair<std::string, Array>> memory;
  const std::string prefix = "optimizer.";
  for (const auto& [name, array] : from.tensors)
    if (name.rfind(prefix, 0) == 0) memory.emplace_back(name.substr(prefix.size()), array);
  try {
    for (const Json& record : curve) history.curve.push_back(epoch_record(record));
    trainer.set_epoch_progress({epoch.at("loss_sum"), epoch.at("seconds")});
    trainer.optimizer().restore(memory, note(file, from, "step").get<std::int64_t>());
  } catch (const JsonError& error) {
    fail("checkpoint", "{}: a note is damaged: {}", file.string(), error.what());
  }
  const Index epochs = trainer.steps() / trainer.steps_per_epoch();
  if (trainer.steps() > trainer.total_steps() ||
      history.curve.size() != static_cast<std::size_t>(epochs))
    fail("checkpoint",
         "{}: step {} and a curve of {} epochs are no state of a run of {} steps in {} epochs",
         file.string(), trainer.steps(), history.curve.size(), trainer.total_steps(),
         trainer.problem().options.epochs);
  take_model(file, from, trainer.problem().model, trainer.state());
  return history;
}

ModelState read_model_state(const std::filesystem::path& file, const Model& model) {
  const TensorFile from = open_checkpoint(file);
  const std::string first = "parameter." + model.parameter_info().at(0).name;
  const DType dtype = from.contains(first) ? from.at(first).dtype() : DType::f32;
  ModelState state = initial_state(model, 0, dtype);
  take_model(file, from, model, state);
  return state;
}

}  // namespace twice::experiments
