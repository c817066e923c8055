// Names, meanings and formats of the columns; the tables on the terminal.
#include "experiments/commands/profile/tables.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace twice::experiments {

namespace {

constexpr double mib = 1 << 20;

std::string format_share(double value) {
  return std::isfinite(value) ? fmt::format("{:.1f} %", 100 * value) : "-";
}

std::string format_mib(double bytes) { return format_number(bytes / mib); }

std::string format_mega(double value) { return format_number(value / 1e6); }

std::string format_time(double ms) {
  return std::isfinite(ms) && ms < 0.1 ? fmt::format("{:.4f}", ms) : format_number(ms);
}

/// Every column, by its key or, where tables differ, by `TABLE:KEY`.
const std::vector<Column> columns = {
    {"rows:name", "what", "A derivative, or a training step of a method, update included.",
     nullptr},
    {"ops:name", "Name", "The op.", nullptr},
    {"label", "step", "The op that the step runs; fused: several elementwise ones at once.",
     nullptr},
    {"value", "value", "Its number in the program.", nullptr},
    {"op", "op", "What computes it.", nullptr},
    {"phase", "phase",
     "forward, backward (of the loss), double backward (what differentiates the gradient), update "
     "(combining gradients, and the optimiser).",
     nullptr},
    {"layer", "layer",
     "The layer whose forward op it is or comes from; in parentheses what belongs to none.",
     nullptr},
    {"layers:forward_op", "forward op", "An op of the model, with everything that it spawned.",
     nullptr},
    {"steps:forward_op", "from forward op", "The op of the model that it is or comes from.",
     nullptr},
    {"at_peak:forward_op", "from forward op", "The op of the model that it comes from.", nullptr},
    {"output", "output", "Numbers and shape of its result.", nullptr},
    {"shape", "shape", "Numbers and shape.", nullptr},
    {"at_peak:bytes", "MiB", "Its size.", format_mib},
    {"from_step", "from step", "The step that computes it.", format_number},
    {"to_step", "to step", "The last step that reads it; none: it is a result.", format_number},

    {"rows:ms", "ms", "Median time, in milliseconds. The rows take turns.", format_time},
    {"phases:ms", "ms", "Time, in milliseconds.", format_time},
    {"layers:ms", "ms", "Time of all its steps, in milliseconds.", format_time},
    {"steps:ms", "ms", "Median over the timed runs, in milliseconds.", format_time},
    {"ms_iqr", "± iqr", "Distance between the quartiles of the times.", format_time},
    {"share", "share", "Share of the time of all steps of the program.", format_share},
    {"ratio_to_loss", "vs loss", "Median time over that of the loss.", format_ratio},
    {"ratio_to_gradient", "vs gradient", "Median time over that of the gradient.", format_ratio},
    {"self_share", "Self CPU %", "Share of the time of all steps.", format_share},
    {"self_ms", "Self CPU", "Time of the steps that run this op, in milliseconds.", format_time},
    {"total_share", "CPU total %", "The same of CPU total. Totals overlap.", format_share},
    {"total_ms", "CPU total",
     "Time of this op and of all that differentiating it spawned (its backward and double "
     "backward), in milliseconds.",
     format_time},
    {"avg_ms", "CPU time avg", "Self CPU over the number of calls.", format_time},
    {"calls", "# of Calls", "Steps of the program that run this op.", format_number},
    {"steps", "steps", "Steps of the program.", format_number},
    {"forward_ms", "forward", "Of that the forward steps, ms.", format_time},
    {"backward_ms", "backward", "Of that the backward steps, ms.", format_time},
    {"double_backward_ms", "double backward", "Of that the double backward steps, ms.",
     format_time},
    {"update_ms", "update", "Of that the update, ms.", format_time},

    {"products", "products", "Full-size matrix products and convolutions, counted in the program.",
     format_number},
    {"products_law_text", "law",
     "The number of products that theory predicts for L layers; its value where it differs from "
     "the count.",
     nullptr},
    {"gflop", "GFLOP", "Floating-point operations, in units of 10^9.", format_number},
    {"flop", "MFLOP",
     "Floating-point operations, in millions: 2 m n k for a product of (m, k) and (k, n); what "
     "other ops count is in docs/conventions.md.",
     format_mega},
    {"bytes", "MiB moved", "Bytes that must at least be read and written, in MiB (2^20 bytes).",
     format_mib},
    {"gflops", "GF/s", "10^9 FLOP per second of its time.", format_number},
    {"gbs", "GB/s",
     "10^9 bytes that must be moved, per second of its time. Above the memory stream the numbers "
     "come from a cache.",
     format_number},
    {"peak_share", "of peak",
     "GF/s over those of a large matrix product, measured on the spot with the same threads.",
     format_share},
    {"bound", "bound",
     "What limits it: compute (the product peak allows no less), memory (the memory stream allows "
     "no less), or overhead (neither explains a fifth of the time).",
     nullptr},
    {"bound_share", "of bound",
     "The time that the bound allows over the time it took: 100 % is as fast as this machine can. "
     "Above 100 %: its numbers were in a cache.",
     format_share},

    {"gave_up", "what it gives up",
     "How far the result is from the exact one in float64: of a step, from g + gamma H g.",
     nullptr},
    {"peak_mib", "planned MiB",
     "Memory that the plan needs: arena, parameters, inputs and constants.", format_number},
    {"measured_mib", "measured MiB",
     "Rise of resident memory in a process of its own, the optimiser included.", format_number},
    {"arena_mib", "arena MiB", "The part of the plan that holds computed values.", format_number},
    {"measured_arena_mib", "measured arena",
     "Rise of resident memory in the first run, in MiB: the arena, as the system sees it.",
     format_number}};

struct Keys {
  const char *table, *columns;
};

/// The columns of each table, in order; in parentheses those that only the page has.
constexpr Keys tables[] = {
    {"rows",
     "name ms ms_iqr ratio_to_loss ratio_to_gradient products products_law_text gflop gflops "
     "peak_share gave_up peak_mib measured_mib (arena_mib) (measured_arena_mib)"},
    {"ops",
     "name self_share self_ms total_share total_ms avg_ms calls (products) flop (bytes) gflops gbs "
     "bound bound_share"},
    {"phases", "phase steps ms share products flop bytes gflops gbs"},
    {"layers",
     "forward_op layer ms share forward_ms backward_ms double_backward_ms update_ms products flop "
     "(bytes) gflops gbs"},
    {"steps",
     "label phase layer forward_op output ms share flop bytes gflops gbs bound bound_share"},
    {"at_peak", "(value) op shape bytes phase layer forward_op from_step to_step"}};

Column column_of(const std::string& table, std::string key) {
  const bool on_screen = key.front() != '(';
  if (!on_screen) key = key.substr(1, key.size() - 2);
  auto found = std::ranges::find(columns, table + ":" + key, &Column::key);
  if (found == columns.end()) found = std::ranges::find(columns, key, &Column::key);
  Column column = *found;
  column.key = key;
  column.on_screen = on_screen;
  return column;
}

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

void print_table(const std::string& title, const std::string& name, const std::vector<Json>& rows) {
  fmt::print("\n{}\n", title);
  screen_table(profile_columns(name), rows).print();
}

void print_memory(const Json& record) {
  constexpr std::size_t most = 8;
  const Json& m = record["memory"];
  const auto in_mib = [&](const char* key) { return format_mib(number(m, key)); };
  const std::size_t peak = m["peak_step"];
  std::vector<Json> values = objects(m["at_peak"]);
  std::erase_if(values, [](const Json& value) { return value["overwritten"] == true; });
  values.resize(std::min(values.size(), most));
  for (Json& value : values) {
    const Json& forward = value["forward"];
    value["forward_op"] = fmt::format("{} #{} {}", text(forward, "op"), text(forward, "node"),
                                      text(forward, "shape"));
    if (value["workspace"] == true) value["shape"] = "workspace";
  }
  print_table(fmt::format("memory: the largest values alive at the peak, step {} of {} ({})", peak,
                          record["steps"].size(), text(record["steps"][peak], "label")),
              "at_peak", values);
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

std::vector<Column> profile_columns(const std::string& table) {
  std::vector<Column> result;
  for (const Keys& keys : tables) {
    if (!table.empty() && keys.table != table) continue;
    std::istringstream words(keys.columns);
    for (std::string key; words >> key;) result.push_back(column_of(keys.table, key));
  }
  return result;
}

std::vector<Json> headline_rows(const Json& record) {
  std::vector<Json> rows = objects(member(record, "rows"));
  const bool wide = text(member(record, "config"), "dtype") == "f64";
  for (Json& row : rows) row["gave_up"] = gave_up(row, wide);
  return rows;
}

void print_profile(const Json& record) {
  const Json& config = record["config"];
  fmt::print("\n{}, {} threads, L = {}; gamma {}, epsilon {}; {} rounds\n", text(record, "model"),
             text(record["machine"], "threads"), text(record, "L"), text(config, "gamma"),
             text(config, "epsilon"), text(record["how"], "rounds"));
  print_table("the headline: what each derivative costs", "rows", headline_rows(record));
  fmt::print("\na step of {}: {}\n", text(record, "method"), text(record, "equation"));
  print_table("by op, times in ms", "ops", objects(record["ops"]));
  print_table("by phase", "phases", objects(record["phases"]));
  print_table("by layer: a layer's forward ops with everything that they spawned", "layers",
              objects(record["layers"]));
  print_memory(record);
  print_measured(record);
}

}  // namespace twice::experiments
