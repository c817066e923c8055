// Names, meanings, formats.
#include "experiments/commands/profile/profile_columns.h"

#include <fmt/core.h>

#include <cmath>

namespace twice::experiments {

namespace {

std::string format_share(double value) {
  return std::isfinite(value) ? fmt::format("{:.1f} %", 100 * value) : "-";
}

std::string format_mib(double bytes) { return format_number(bytes / (1 << 20)); }

std::string format_mega(double value) { return format_number(value / 1e6); }

std::string format_time(double ms) {
  return std::isfinite(ms) && ms < 0.1 ? fmt::format("{:.4f}", ms) : format_number(ms);
}

const Column products{"products", "products",
                      "Full-size matrix products and convolutions, counted in the program.",
                      format_number};
const Column mflop{"flop", "MFLOP",
                   "Floating-point operations, in millions: 2 m n k for a product of (m, k) and "
                   "(k, n); what other ops count is in docs/conventions.md.",
                   format_mega};
const Column mib_moved{"bytes", "MiB moved",
                       "Bytes that must at least be read and written, in MiB (2^20 bytes).",
                       format_mib};
const Column gflops{"gflops", "GF/s", "10^9 FLOP per second of its time.", format_number};
const Column gbs{"gbs", "GB/s",
                 "10^9 bytes that must be moved, per second of its time. Above the memory stream "
                 "the numbers come from a cache.",
                 format_number};
const Column bound{"bound", "bound",
                   "What limits it: compute (the product peak allows no less), memory (the memory "
                   "stream allows no less), or overhead (neither explains a fifth of the time).",
                   nullptr};
const Column bound_share{"bound_share", "of bound",
                         "The time that the bound allows over the time it took: 100 % is as fast "
                         "as this machine can. Above 100 %: its numbers were in a cache.",
                         format_share};
const Column share{"share", "share", "Share of the time of all steps of the program.",
                   format_share};
const Column layer{"layer", "layer",
                   "The layer whose forward op it is or comes from; in parentheses what belongs to "
                   "none.",
                   nullptr};
const Column phase{"phase", "phase",
                   "forward, backward (of the loss), double backward (what differentiates the "
                   "gradient), update (combining gradients, and the optimiser).",
                   nullptr};

}  // namespace

const std::vector<Column>& headline_columns() {
  static const std::vector<Column> columns = {
      {"name", "what", "A derivative, or a training step of a method, update included.", nullptr},
      {"ms", "ms", "Median time, in milliseconds. The rows take turns.", format_time},
      {"ms_iqr", "± iqr", "Distance between the quartiles of the times.", format_time},
      {"ratio_to_loss", "vs loss", "Median time over that of the loss.", format_ratio},
      {"ratio_to_gradient", "vs gradient", "Median time over that of the gradient.", format_ratio},
      products,
      {"products_law_text", "law",
       "The number of products that theory predicts for L layers; its value where it differs from "
       "the count.",
       nullptr},
      {"gflop", "GFLOP", "Floating-point operations, in units of 10^9.", format_number},
      gflops,
      {"peak_share", "of peak",
       "GF/s over those of a large matrix product, measured on the spot with the same threads.",
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
  return columns;
}

const std::vector<Column>& op_columns() {
  static const std::vector<Column> columns = {
      {"name", "Name", "The op.", nullptr},
      {"self_share", "Self CPU %", "Share of the time of all steps.", format_share},
      {"self_ms", "Self CPU", "Time of the steps that run this op, in milliseconds.", format_time},
      {"total_share", "CPU total %", "The same of CPU total. Totals overlap.", format_share},
      {"total_ms", "CPU total",
       "Time of this op and of all that differentiating it spawned (its backward and double "
       "backward), in milliseconds.",
       format_time},
      {"avg_ms", "CPU time avg", "Self CPU over the number of calls.", format_time},
      {"calls", "# of Calls", "Steps of the program that run this op.", format_number},
      products,
      mflop,
      mib_moved,
      gflops,
      gbs,
      bound,
      bound_share};
  return columns;
}

const std::vector<Column>& phase_columns() {
  static const std::vector<Column> columns = {
      phase,
      {"steps", "steps", "Steps of the program.", format_number},
      {"ms", "ms", "Time, in milliseconds.", format_time},
      share,
      products,
      mflop,
      mib_moved,
      gflops,
      gbs};
  return columns;
}

const std::vector<Column>& layer_columns() {
  static const std::vector<Column> columns = {
      {"forward op", "forward op", "An op of the model, with everything that it spawned.", nullptr},
      layer,
      {"ms", "ms", "Time of all its steps, in milliseconds.", format_time},
      share,
      {"forward_ms", "forward", "Of that the forward steps, ms.", format_time},
      {"backward_ms", "backward", "Of that the backward steps, ms.", format_time},
      {"double_backward_ms", "double backward", "Of that the double backward steps, ms.",
       format_time},
      {"update_ms", "update", "Of that the update, ms.", format_time},
      products,
      mflop,
      mib_moved,
      gflops,
      gbs};
  return columns;
}

const std::vector<Column>& step_columns() {
  static const std::vector<Column> columns = {
      {"label", "step", "The op that the step runs; fused: several elementwise ones at once.",
       nullptr},
      phase,
      layer,
      {"forward op", "from forward op", "The op of the model that it is or comes from.", nullptr},
      {"output", "output", "Numbers and shape of its result.", nullptr},
      {"ms", "ms", "Median over the timed runs, in milliseconds.", format_time},
      share,
      mflop,
      mib_moved,
      gflops,
      gbs,
      bound,
      bound_share};
  return columns;
}

const std::vector<Column>& value_columns() {
  static const std::vector<Column> columns = {
      {"value", "value", "Its number in the program.", nullptr},
      {"op", "op", "What computes it.", nullptr},
      {"shape", "shape", "Numbers and shape.", nullptr},
      {"bytes", "MiB", "Its size.", format_mib},
      phase,
      layer,
      {"forward op", "from forward op", "The op of the model that it comes from.", nullptr},
      {"from_step", "from step", "The step that computes it.", format_number},
      {"to_step", "to step", "The last step that reads it; none: it is a result.", format_number}};
  return columns;
}

}  // namespace twice::experiments
