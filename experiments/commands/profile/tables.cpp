// The rows of the tables, and the tables on the terminal.
#include "experiments/commands/profile/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/measure/noise.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

namespace {

std::string gave_up(const Json& row, bool double_precision) {
  const double error = number(row, "error"), hvp_error = number(row, "hvp_error");
  if (text(row, "objective") == "another") return "follows another objective";
  if (!std::isfinite(error)) return "-";
  if (error < (double_precision ? 1e-11 : 1e-4))
    return fmt::format("nothing but rounding ({})", format_error(error));
  if (text(row, "method") == "sgd") return "the penalty: " + error_text(error) + " of G";
  if (!std::isfinite(hvp_error)) return error_text(error) + " error";
  return fmt::format("{} error in G, {} in H g", error_text(error), error_text(hvp_error));
}

/// An op of the model as text, such as "add (64, 256)", optionally with its node of the tape.
std::string forward_text(const Json& op, bool with_node) {
  const std::string shape = text(op, "shape");
  return text(op, "op") + (with_node ? " #" + text(op, "node") : "") +
         (shape == "-" ? "" : " " + shape);
}

std::string table_text(const std::string& title, const std::string& list,
                       const std::vector<Json>& rows) {
  return fmt::format("\n{}\n{}", title, screen_table(columns_of(list), rows).on_screen());
}

std::string memory_text(const Json& record) {
  constexpr std::size_t most = 8;
  const Json& m = record["memory"];
  const auto in_mib = [&](const char* key) { return format_number(number(m, key) / mib); };
  const std::size_t peak = m["peak_step"];
  std::vector<Json> values = table_rows(record, "at_peak");
  std::erase_if(values, [](const Json& value) { return value["overwritten"] == true; });
  values.resize(std::min(values.size(), most));
  return table_text(fmt::format("memory: the largest values alive at the peak, step {} of {} ({})",
                                peak, record["steps"].size(), text(record["steps"][peak], "label")),
                    "at_peak", values) +
         fmt::format(
             "arena {} MiB ({} alive at once at most); without reuse {} MiB, saved {} MiB; "
             "parameters {}, inputs {}{} MiB\n",
             in_mib("arena_bytes"), in_mib("most_alive_bytes"), in_mib("without_reuse_bytes"),
             in_mib("saved_bytes"), in_mib("parameter_bytes"), in_mib("input_bytes"),
             m["optimizer_bytes"].is_null() ? "" : ", optimiser " + in_mib("optimizer_bytes"));
}

std::string measured_text(const Json& record) {
  const Json &a = record["attribution"], &peak = record["peak"];
  std::vector<std::string> rates, levels;
  for (const auto& [level, field] : data_levels())
    if (const double gbs = number(peak, field); gbs > 0)
      rates.push_back(format_number(gbs)), levels.push_back(level);
  return fmt::format(
      "\npeak with {} threads: {} GF/s (product); data at {} GB/s from {}\n"
      "predicted without running it: {} ms; measured {} ms ({:+.1f} %)\n"
      "attributed to steps: {} of the wall time; the fastest run with {} clock readings takes {} "
      "more than the fastest without ({} and {} runs, in turn)\n"
      "fused steps whose members come from several forward ops or phases: {} of the time, counted "
      "for the value that they store\n",
      text(peak, "threads"), format_number(number(peak, "gflops")), fmt::join(rates, ", "),
      fmt::join(levels, ", "), format_number(number(a, "predicted_ms")),
      format_number(number(a, "step_ms")), 100 * number(a, "residual"),
      format_percent(number(a, "attributed_share")), text(a, "readings"),
      format_percent(number(a, "overhead_share")), text(a, "timed_runs"), text(a, "untimed_runs"),
      format_percent(number(a, "mixed_share")));
}

}  // namespace

std::vector<Json> table_rows(const Json& record, const std::string& list) {
  const bool at_peak = list == "at_peak", wide = text(member(record, "config"), "dtype") == "f64";
  std::vector<Json> rows =
      objects(at_peak ? member(member(record, "memory"), list) : member(record, list));
  for (Json& row : rows) {
    if (list == "rows") row["gave_up"] = gave_up(row, wide);
    if (list == "origins") row["forward_op"] = forward_text(row, false);
    if (list == "steps") row["forward_op"] = forward_text(member(row, "forward"), false);
    if (!at_peak) continue;
    row["forward_op"] = forward_text(member(row, "forward"), true);
    if (member(row, "workspace") == true) row["op"] = text(row, "op") + " (workspace)";
    if (member(row, "overwritten") == true)
      row["shape"] = text(row, "shape") + ", overwritten here";
  }
  if (list == "steps" || list == "origins")
    std::ranges::stable_sort(rows, std::greater{},
                             [](const Json& row) { return number(row, "ms"); });
  return rows;
}

const std::vector<std::pair<std::string, std::string>>& data_levels() {
  static const std::vector<std::pair<std::string, std::string>> levels = {
      {"L1", "l1_gbs"}, {"L2", "l2_gbs"}, {"L3", "l3_gbs"}, {"memory", "gbs"}};
  return levels;
}

bool is_plan(const Json& record) { return member(record, "method").is_null(); }

std::string ms_text(const Json& row) { return format_number(number(row, "ms")) + " ms"; }

std::string profiled(const Json& record) {
  if (is_plan(record)) return "run of " + text(record, "model");
  const std::string step = "step of " + text(record, "method");
  if (!record.contains("programs")) return step;
  return step + program_words(record["programs"].get<int>(), record["program"].get<int>(),
                              number(record, "program_share"));
}

std::string profile_text(const Json& record) {
  const Json& config = record["config"];
  const auto table = [&](const char* title, const char* list) {
    return table_text(title, list, table_rows(record, list));
  };
  const bool plan = is_plan(record);
  const std::string noise = noise_warning(record);
  const std::string numbers = plan
                                  ? ""
                                  : fmt::format(", L = {}; gamma {}, epsilon {}", text(record, "L"),
                                                text(config, "gamma"), text(config, "epsilon"));
  return fmt::format("\n{}, {} threads{}; {} rounds\n", text(record, "model"),
                     text(record["machine"], "threads"), numbers, text(record["how"], "rounds")) +
         table(plan ? "the program" : "the headline: the cost of each derivative", "rows") +
         fmt::format("\na {}{}\n", profiled(record), plan ? "" : ": " + text(record, "equation")) +
         table("by op, times in ms", "ops") + table("by phase", "phases") +
         table("by layer: the forward ops of a layer and all ops derived from them", "layers") +
         memory_text(record) + measured_text(record) + (noise.empty() ? "" : noise + "\n");
}

}  // namespace twice::experiments
