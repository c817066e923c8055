// Tables and the lines between them.
#include "experiments/commands/profile/profile_tables.h"

#include <fmt/core.h>

#include <algorithm>

#include "experiments/commands/profile/profile_columns.h"
#include "experiments/commands/profile/profile_findings.h"

namespace twice::experiments {

namespace {

constexpr double mib = 1 << 20;

/// The columns with these keys.
std::vector<Column> chosen(const std::vector<Column>& columns,
                           const std::vector<std::string>& keys) {
  std::vector<Column> result;
  for (const std::string& key : keys)
    for (const Column& column : columns)
      if (column.key == key) result.push_back(column);
  return result;
}

void print_table(const std::string& title, const std::vector<Column>& columns,
                 const std::vector<std::string>& keys, const std::vector<Json>& rows) {
  fmt::print("\n{}\n", title);
  screen_table(chosen(columns, keys), rows).print();
}

std::vector<Json> headline_of(const Json& record) {
  std::vector<Json> rows = objects(record["rows"]);
  for (Json& row : rows) row["gave_up"] = gave_up(row, record["config"]["dtype"] == "f64");
  return rows;
}

/// `matmul #12 (64, 512)`
std::string name_of(const Json& forward) {
  return fmt::format("{} #{} {}", text(forward, "op"), text(forward, "node"),
                     text(forward, "shape"));
}

std::vector<Json> values_of(const Json& record, std::size_t most) {
  std::vector<Json> rows;
  for (const Json& value : objects(record["memory"]["at_peak"])) {
    if (value["overwritten"] == true) continue;
    rows.push_back(value);
    rows.back()["forward op"] = name_of(value["forward"]);
    if (value["workspace"] == true) rows.back()["shape"] = "workspace";
    if (rows.size() == most) break;
  }
  return rows;
}

void print_memory(const Json& record) {
  const Json& m = record["memory"];
  const auto in_mib = [&](const char* key) { return format_number(number(m, key) / mib); };
  const std::size_t peak = m["peak_step"].get<std::size_t>();
  print_table(fmt::format("memory: the largest values alive at the peak, step {} of {} ({})", peak,
                          record["steps"].size(), text(record["steps"][peak], "label")),
              value_columns(),
              {"op", "shape", "bytes", "phase", "layer", "forward op", "from_step", "to_step"},
              values_of(record, 8));
  fmt::print(
      "arena {} MiB ({} alive at once at most); without reuse {} MiB, saved {} MiB; parameters {}, "
      "inputs {}, optimiser {} MiB\n",
      in_mib("arena_bytes"), in_mib("most_alive_bytes"), in_mib("without_reuse_bytes"),
      in_mib("saved_bytes"), in_mib("parameter_bytes"), in_mib("input_bytes"),
      in_mib("optimizer_bytes"));
}

void print_measured(const Json& record) {
  const Json &a = record["attribution"], &peak = record["peak"];
  fmt::print(
      "\npeak with {} threads: {} GF/s (product), {} GB/s (memory stream)\n"
      "attributed to steps: {} of the wall time; the fastest step with {} clock readings takes {} "
      "more than the fastest without ({} and {} runs, in turn)\n"
      "fused steps whose members come from several forward ops or phases: {} of the time, counted "
      "for the value that they store\n",
      text(peak, "threads"), format_number(number(peak, "gflops")),
      format_number(number(peak, "gbs")), format_percent(number(a, "attributed_share")),
      text(a, "readings"), format_percent(number(a, "overhead_share")), text(a, "timed_runs"),
      text(a, "untimed_runs"), format_percent(number(a, "mixed_share")));
}

}  // namespace

void print_profile(const Json& record) {
  const Json& config = record["config"];
  fmt::print("\n{}, {} threads, L = {}; gamma {}, epsilon {}; {} rounds\n", text(record, "model"),
             text(record["machine"], "threads"), text(record, "L"), text(config, "gamma"),
             text(config, "epsilon"), text(record["how"], "rounds"));
  print_table(
      "the headline: what each derivative costs", headline_columns(),
      {"name", "ms", "ms_iqr", "ratio_to_loss", "ratio_to_gradient", "products",
       "products_law_text", "gflop", "gflops", "peak_share", "peak_mib", "measured_mib", "gave_up"},
      headline_of(record));
  fmt::print("\na step of {}: {}\n", text(record, "method"), text(record, "equation"));
  print_table("by op, times in ms", op_columns(),
              {"name", "self_share", "self_ms", "total_share", "total_ms", "avg_ms", "calls",
               "flop", "gflops", "gbs", "bound", "bound_share"},
              objects(record["ops"]));
  print_table("by phase", phase_columns(),
              {"phase", "steps", "ms", "share", "products", "flop", "bytes", "gflops", "gbs"},
              objects(record["phases"]));
  print_table("by layer: a layer's forward ops with everything that they spawned", layer_columns(),
              {"layer", "ms", "share", "forward_ms", "backward_ms", "double_backward_ms",
               "update_ms", "products", "flop", "gflops", "gbs"},
              objects(record["layers"]));
  print_memory(record);
  print_measured(record);
}

}  // namespace twice::experiments
