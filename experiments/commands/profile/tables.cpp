// The rows of the tables, the words of the report, and the report on the terminal.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "experiments/commands/profile/page.h"
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

Json with_text(const Json& list, const std::string& key, const std::string& value) {
  for (const Json& element : objects(list))
    if (text(element, key) == value) return element;
  return {};
}

std::string ms_text(const Json& row) { return format_number(number(row, "ms")) + " ms"; }

std::string profiled(const Json& record) {
  if (is_plan(record)) return "run of " + text(record, "model");
  const std::string step = "step of " + text(record, "method");
  if (!record.contains("programs")) return step;
  return step + program_words(record["programs"].get<int>(), record["program"].get<int>(),
                              number(record, "program_share"));
}

Json texts_of(const Json& object) {
  Json texts = Json::object();
  for (const auto& [key, value] : object.members()) {
    if (!value.is_number()) continue;
    const double x = value.get<double>();
    texts[key] = key.ends_with("_bytes")                     ? format_number(x / mib)
                 : key.ends_with("_share")                   ? format_percent(x)
                 : value.is_float() && !key.ends_with("_ns") ? format_number(x)
                                                             : show(value);
  }
  return texts;
}

std::vector<std::string> words(const char* part, Json data) {
  std::istringstream text(render("profile_words", Json::Object{{part, std::move(data)}}));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);)
    if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

std::vector<TextPair> terms(const char* part, Json data) {
  std::vector<TextPair> pairs;
  for (const std::string& line : words(part, std::move(data))) {
    const std::size_t colon = line.find(": ");
    pairs.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return pairs;
}

std::string profile_text(const Json& record) {
  constexpr std::size_t most_values = 8;
  const Json &peak = record["peak"], &attribution = record["attribution"];
  Json data = {{"plan", is_plan(record)},
               {"profiled", profiled(record)},
               {"steps", record["steps"].size()},
               {"noise", noise_warning(record)}};
  for (const char* part : {"model", "L", "equation", "config", "machine", "how"})
    data[part] = member(record, part);
  for (const char* part : {"memory", "attribution", "peak"}) data[part] = texts_of(record[part]);
  for (const std::string list : {"rows", "ops", "phases", "layers", "at_peak"}) {
    std::vector<Json> rows = table_rows(record, list);
    if (list == "at_peak") {
      std::erase_if(rows, [](const Json& value) { return value["overwritten"] == true; });
      rows.resize(std::min(rows.size(), most_values));
    }
    data[list] = screen_table(columns_of(list), rows).on_screen();
  }
  data["peak_label"] = record["steps"][record["memory"]["peak_step"].get<std::size_t>()]["label"];
  std::vector<std::string> rates, levels;
  for (const auto& [level, field] : data_levels())
    if (const double gbs = number(peak, field); gbs > 0)
      rates.push_back(format_number(gbs)), levels.push_back(level);
  data.update({{"rates", fmt::format("{}", fmt::join(rates, ", "))},
               {"levels", fmt::format("{}", fmt::join(levels, ", "))},
               {"residual", fmt::format("{:+.1f}", 100 * number(attribution, "residual"))}});
  return render("profile_text", data);
}

}  // namespace twice::experiments
