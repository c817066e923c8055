// The tables of bench.
#include "experiments/commands/bench/tables.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/table.h"

namespace twice::experiments {

namespace {

std::string rough_percent(double value) {
  return std::isfinite(value) ? fmt::format("{:.0f} %", 100 * value) : "-";
}

/// The fields mean what they mean in `compare`; docs/records.md has the others.
const std::vector<Column>& columns() {
  static const std::vector<Column> list = {{"method", "method", "", nullptr},
                                           {"ms", "ms/step", "", format_number},
                                           {"ms_iqr", "± iqr", "", format_number},
                                           {"ratio_to_gradient", "vs gradient", "", format_ratio},
                                           {"products", "products", "", format_number},
                                           {"small_products", "small", "", format_number},
                                           {"products_law_text", "law", "", nullptr},
                                           {"gflop", "GFLOP", "", format_number},
                                           {"peak_share", "of peak", "", rough_percent},
                                           {"peak_mib", "peak MiB", "", format_number},
                                           {"measured_mib", "measured MiB", "", format_number},
                                           {"peer_ms", "peer ms", "", format_number},
                                           {"peer_ms_iqr", "± iqr", "", format_number},
                                           {"peer_mib", "peer MiB", "", format_number},
                                           {"ratio", "peer / ours", "", format_ratio}};
  return list;
}

/// The different values of a field, in order of appearance.
std::vector<std::string> values_of(const Json& rows, const std::string& field) {
  std::vector<std::string> values;
  for (const Json& row : rows)
    if (const std::string value = text(row, field);
        std::find(values.begin(), values.end(), value) == values.end())
      values.push_back(value);
  return values;
}

/// The row of a model and method; null when there is none.
Json row_of(const Json& rows, const std::string& model, const std::string& method) {
  for (const Json& row : rows)
    if (row["model"] == model && row["method"] == method) return row;
  return {};
}

struct RatioColumn {
  std::string heading, method, field;
};

/// exact beside f-gr and the gradient, and each method's peer beside us; those that are known.
std::vector<RatioColumn> ratio_columns(const Json& record) {
  std::vector<RatioColumn> list = {{"exact / f-gr", "exact", "ratio_to_f_gr"},
                                   {"exact / gradient", "exact", "ratio_to_gradient"}};
  for (const std::string& method : values_of(record["rows"], "method"))
    list.push_back({"peer / ours: " + method, method, "ratio"});
  std::erase_if(list, [&](const RatioColumn& column) {
    return std::none_of(record["means"].begin(), record["means"].end(), [&](const Json& mean) {
      return mean["method"] == column.method && mean.contains(column.field);
    });
  });
  return list;
}

}  // namespace

void print_start(const Json& record) {
  const Json& machine = record["machine"];
  fmt::print("{} threads, {}\n", machine["threads"].get<int>(), machine["blas"].get<std::string>());
  if (record.contains("peer")) {
    const Json& peer = record["peer"];
    fmt::print("peer: {} ({}), {} threads, {}\n", peer["name"].get<std::string>(),
               peer["python"].get<std::string>(), peer["threads"].get<int>(),
               peer["same_blas"].get<bool>() ? "the same OpenBLAS"
                                             : "another BLAS: " + peer["blas"].get<std::string>());
  }
  std::fflush(stdout);
}

void print_peaks(const Json& record) {
  const Json& machine = record["machine"];
  fmt::print(
      "\nbest product of two 1024 x 1024 matrices: {} GFLOP/s by the kernel of plans ({}), {} by "
      "OpenBLAS\n",
      format_number(machine["peak_gflops"]), machine["products"].get<std::string>(),
      format_number(machine["blas_gflops"]));
}

void print_model(const Json& rows) {
  fmt::print("\n{}\n", text(rows[0], "model"));
  screen_table(columns(), objects(rows)).print();
  std::string variants;
  for (const Json& row : rows)
    if (const std::string variant = text(row, "peer_variant"); variant != "-")
      variants +=
          fmt::format("{}{} {}", variants.empty() ? "" : "; ", text(row, "method"), variant);
  if (!variants.empty()) fmt::print("peer's fastest: {}\n", variants);
  for (const Json& row : rows)
    if (number(row, "put_aside") > number(row, "samples"))  // less often, every machine does that
      fmt::print(
          "{}: other work took a core {:.0f} times; helpers computed {:.0f} % of the tiles\n",
          text(row, "method"), number(row, "put_aside"), 100 * number(row, "helper_share"));
  for (const Json& row : rows)
    if (row["method"] == "exact" && row.contains("ratio_to_f_gr"))
      fmt::print("exact / f-gr {}\n", format_ratio(number(row, "ratio_to_f_gr")));
  std::fflush(stdout);
}

Json means_of(const Json& rows) {
  Json means = Json::array();
  for (const std::string& method : values_of(rows, "method")) {
    Json mean = {{"method", method}};
    for (const char* field : {"ratio", "ratio_to_gradient", "ratio_to_f_gr"}) {
      double sum = 0;
      int count = 0;
      for (const Json& row : rows)
        if (row["method"] == method && row.contains(field))
          sum += std::log(row[field].get<double>()), ++count;
      if (count > 0) mean[field] = std::exp(sum / count);
    }
    means.push_back(mean);
  }
  return means;
}

void print_summary(const Json& record) {
  const std::vector<RatioColumn> shown = ratio_columns(record);
  if (shown.empty()) return;
  std::vector<std::string> headings = {"model"};
  for (const RatioColumn& column : shown) headings.push_back(column.heading);
  Table table(headings);
  for (const std::string& model : values_of(record["rows"], "model")) {
    std::vector<std::string> cells = {model};
    for (const RatioColumn& column : shown)
      cells.push_back(
          format_ratio(number(row_of(record["rows"], model, column.method), column.field)));
    table.add(cells);
  }
  std::vector<std::string> cells = {"geometric mean"};
  for (const RatioColumn& column : shown)
    for (const Json& mean : record["means"])
      if (mean["method"] == column.method)
        cells.push_back(format_ratio(number(mean, column.field)));
  table.add(cells);
  fmt::print("\n");
  table.print();
}

}  // namespace twice::experiments
