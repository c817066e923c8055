// The checks as rows, table and JSON.
#include "experiments/commands/check/check_command.h"

#include <array>
#include <cmath>

#include "experiments/commands/check/op_table.h"
#include "experiments/commands/check/random_graphs.h"
#include "experiments/files/json.h"

namespace twice::experiments {

namespace {

std::vector<CheckRow> rows_of(const std::string& op, const std::string& label,
                              const std::vector<CheckResult>& results) {
  std::vector<CheckRow> rows;
  for (const CheckResult& result : results) rows.push_back({result, op, label});
  return rows;
}

/// One line of the table: the worst error of each order of one op and mode.
struct Line {
  std::string op, label;
  std::array<double, 3> error{-1, -1, -1};
  bool ok = true;
};

/// The lines, those of one op together, ops in the order of their first rows.
std::vector<Line> lines_of(const std::vector<CheckRow>& rows) {
  std::vector<Line> lines;
  for (const CheckRow& row : rows) {
    const auto same_op = [&](const Line& line) { return line.op == row.op; };
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& known) {
      return same_op(known) && known.label == row.label;
    });
    if (line == lines.end()) {
      const auto last = std::find_if(lines.rbegin(), lines.rend(), same_op);
      line = lines.insert(last == lines.rend() ? lines.end() : last.base(), {row.op, row.label});
    }
    double& worst = line->error[static_cast<std::size_t>(row.order - 1)];
    if (!(row.error <= worst)) worst = row.error;
    line->ok = line->ok && row.ok;
  }
  return lines;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

}  // namespace

std::vector<CheckRow> check_ops(std::string_view filter, const CheckOptions& options,
                                const CheckProgress& progress) {
  std::vector<CheckRow> all;
  for (const OpCase& row : op_table()) {
    if (row.op.find(filter) == std::string::npos) continue;
    std::vector<CheckRow> rows = rows_of(
        row.op, row.label, check_derivatives(row.function, row.draw(options.seed), options));
    if (progress) progress(rows);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  if (all.empty()) fail("check", "no op has '{}' in its name", filter);
  return all;
}

std::vector<CheckRow> check_graphs(int count, const CheckOptions& options,
                                   const CheckProgress& progress) {
  std::vector<CheckRow> all;
  for (int i = 0; i < count; ++i) {
    CheckOptions one = options;
    one.seed += static_cast<std::uint64_t>(i);
    one.entries = 1;
    const RandomGraph graph = random_graph(one.seed);
    std::vector<CheckRow> rows =
        rows_of("random graph", fmt::format("seed {}, {} ops", one.seed, graph.ops()),
                check_derivatives(graph.function(), graph.inputs(), one));
    if (progress) progress(rows);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

std::vector<CheckRow> check_function(const std::string& name, const Function& f,
                                     const std::vector<Array>& inputs,
                                     const CheckOptions& options) {
  return rows_of(name, "", check_derivatives(f, inputs, options));
}

bool all_ok(const std::vector<CheckRow>& rows) {
  return std::all_of(rows.begin(), rows.end(), [](const CheckRow& row) { return row.ok; });
}

std::string check_report(const std::vector<CheckRow>& rows) {
  const std::vector<Line> lines = lines_of(rows);
  std::size_t op_width = 2, label_width = 4;
  for (const Line& line : lines) {
    op_width = std::max(op_width, line.op.size());
    label_width = std::max(label_width, line.label.size());
  }

  std::string text = padded("op", op_width) + "  " + padded("mode", label_width) +
                     "   order 1   order 2   order 3\n";
  std::string previous;
  for (const Line& line : lines) {
    text += padded(line.op == previous ? "" : line.op, op_width) + "  " +
            padded(line.label, label_width);
    for (double error : line.error)
      text += error == -1 ? std::string(10, ' ') : fmt::format("  {:8.1e}", error);
    text += line.ok ? "\n" : "  FAILED\n";
    previous = line.op;
  }

  std::size_t failed = 0;
  for (const CheckRow& row : rows)
    if (!row.ok) {
      ++failed;
      text += fmt::format("FAILED {}{}{}: {}\n", row.op, row.label.empty() ? "" : ", ", row.label,
                          str(row));
    }
  return text + fmt::format("{} checks, {} failed\n", rows.size(), failed);
}

Json check_json(const std::vector<CheckRow>& rows) {
  const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); };
  Json list = Json::array();
  for (const CheckRow& row : rows)
    list.push_back({{"op", row.op},
                    {"label", row.label},
                    {"check", row.check},
                    {"order", row.order},
                    {"error", number(row.error)},
                    {"tolerance", row.tolerance},
                    {"step", row.step},
                    {"input", row.input},
                    {"entry", row.entry},
                    {"engine", number(row.engine)},
                    {"reference", number(row.reference)},
                    {"ok", row.ok}});
  return list;
}

}  // namespace twice::experiments
