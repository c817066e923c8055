// Comma-separated values.
#include "experiments/commands/profile/ops_csv.h"

#include <fmt/core.h>

#include <array>

#include "experiments/report/html.h"

namespace twice::experiments {

namespace {

struct CsvColumn {
  const char *heading, *field;
  double factor = 1;
};

constexpr std::array columns = {CsvColumn{"Name", "name"},
                                CsvColumn{"Self CPU %", "self_share", 100},
                                CsvColumn{"Self CPU ms", "self_ms"},
                                CsvColumn{"CPU total %", "total_share", 100},
                                CsvColumn{"CPU total ms", "total_ms"},
                                CsvColumn{"CPU time avg ms", "avg_ms"},
                                CsvColumn{"# of Calls", "calls"},
                                CsvColumn{"Products", "products"},
                                CsvColumn{"Small products", "small_products"},
                                CsvColumn{"FLOP", "flop"},
                                CsvColumn{"Bytes", "bytes"},
                                CsvColumn{"GF/s", "gflops"},
                                CsvColumn{"GB/s", "gbs"},
                                CsvColumn{"FLOP per byte", "intensity"},
                                CsvColumn{"Bound", "bound"},
                                CsvColumn{"Bound's share", "bound_share"}};

/// In quotes where it holds what separates cells.
std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  return "\"" + replace_all(text, "\"", "\"\"") + "\"";
}

std::string value_text(const Json& value, double factor) {
  if (value.is_null()) return "";
  if (value.is_float() || (value.is_number() && factor != 1))
    return fmt::format("{}", value.get<double>() * factor);
  return show(value);
}

}  // namespace

std::string ops_csv(const Json& record) {
  std::string csv;
  for (const CsvColumn& column : columns)
    csv += (csv.empty() ? "" : ",") + csv_cell(column.heading);
  csv += "\n";
  for (const Json& op : objects(member(record, "ops"))) {
    for (const CsvColumn& column : columns)
      csv += (&column == &columns[0] ? "" : ",") +
             csv_cell(value_text(member(op, column.field), column.factor));
    csv += "\n";
  }
  return csv;
}

}  // namespace twice::experiments
