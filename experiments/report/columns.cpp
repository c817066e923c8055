// The columns of the head-to-head.
#include "experiments/report/columns.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace twice::experiments {
namespace {

/// Shares that are measured, not counted, deserve no decimals.
std::string format_rough_percent(double value) {
  return std::isfinite(value) ? fmt::format("{:.0f} %", 100 * value) : "-";
}

}  // namespace

const std::vector<Column>& run_columns() {
  static const std::vector<Column> columns = {
      {"method", "method", "How the gradient that the optimiser follows is made; see Methods.",
       nullptr},
      {"ms", "ms/step",
       "Time of one training step, update included, in milliseconds. Of compare: the median of "
       "many "
       "steps, the methods timed in turn; of train: the mean of the last epoch.",
       format_number},
      {"ms_min", "fastest", "The fastest of the measured steps, in milliseconds.", format_number,
       false},
      {"ratio_to_gradient", "vs gradient",
       "Time of a step over the time of a step of sgd, which is one plain gradient.", format_ratio},
      {"products", "products",
       "Full-size matrix products or convolutions in one step, counted in the planned program. "
       "They are what a step costs in theory.",
       format_number},
      {"products_law_text", "law",
       "The number of products that theory predicts, for L layers; its value where it differs "
       "from the count.",
       nullptr},
      {"gflop", "GFLOP", "Floating-point operations of one step, in units of 10⁹.", format_number},
      {"peak_share", "of peak",
       "The share of the machine's measured peak speed that the step reaches.",
       format_rough_percent, false},
      {"peak_mib", "peak MiB",
       "Memory that the step needs at its peak, in MiB; the planner knows it before anything runs.",
       format_number},
      {"gradient_error_start", "error at start",
       "How far the method's gradient is from the exact gradient of L + gamma/2 |grad L|^2 at the "
       "start of training: |G - G*| / |G*|, where G* is exact in float64 at the same parameters on "
       "the same batch. For sgd it is the share of the penalty, which sgd leaves out.",
       format_error},
      {"gradient_error_end", "error at end",
       "The same at the end of training. Near a minimum gradients are small differences of "
       "large terms, and errors grow.",
       format_error},
      {"train_loss", "train loss",
       "Mean loss over the steps of the last epoch, without the penalty.", format_number, false},
      {"loss", "test loss", "Mean loss over the test set at the end, without the penalty.",
       format_number},
      {"test_accuracy", "test accuracy", "Share of the test set that is classified correctly.",
       format_percent},
      {"gradient_norm", "|grad|",
       "Norm of the loss's gradient over many training images at the end: what gradient "
       "regularization makes small.",
       format_number},
      {"threads", "threads", "Threads that the step ran on.", format_number, false},
  };
  return columns;
}

std::string cell_text(const Column& column, const Json& row) {
  if (column.key == "products_law_text") {
    const double law = number(row, "products_law");
    const std::string formula = text(row, column.key);
    if (!std::isfinite(law) || law == number(row, "products")) return formula;
    return (formula == "-" ? "" : formula + " = ") + show(member(row, "products_law"));
  }
  if (!column.format) return text(row, column.key);
  const double value = number(row, column.key);
  // Counts are written as they are.
  if (column.format == format_number && value == std::floor(value) && std::abs(value) < 1e6)
    return show(member(row, column.key));
  return column.format(value);
}

bool is_used(const Column& column, const std::vector<Json>& rows) {
  return std::ranges::any_of(rows, [&](const Json& row) { return cell_text(column, row) != "-"; });
}

Table screen_table(const std::vector<Column>& columns, const std::vector<Json>& rows) {
  std::vector<const Column*> shown;
  std::vector<std::string> headings;
  for (const Column& column : columns)
    if (column.on_screen && is_used(column, rows)) {
      shown.push_back(&column);
      headings.push_back(column.heading);
    }
  Table table(headings);
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const Column* column : shown) cells.push_back(cell_text(*column, row));
    table.add(std::move(cells));
  }
  return table;
}

Table run_table(const Json& record) {
  return screen_table(run_columns(), objects(member(record, "rows")));
}

}  // namespace twice::experiments
