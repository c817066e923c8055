// Reads a table from text. Splits rows and fields by RFC 4180, then parses numbers and labels.
#include "experiments/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "experiments/files/json.h"
#include "experiments/files/words.h"

namespace twice::experiments {

namespace {

using Fields = std::vector<std::string_view>;

/// Splits a text into fields, which are views of the text. In a field, two quotes in a row become
/// one, in place.
class Table {
 public:
  Table(std::string& text, char separator, const std::string& file)
      : file_(file), at_(text.data()), end_(at_ + text.size()), separator_(separator) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text.starts_with(byte_order_mark)) at_ += byte_order_mark.size();
    bool quoted = false;
    for (const char* c = at_; separator == ',' && c != end_ && (quoted || *c != '\n'); ++c) {
      if (*c == '"') quoted = !quoted;
      if (*c == ';' && !quoted) separator_ = ';';
    }
  }

  /// Reads the next row that is not blank. Returns false at the end. Rows count from 1, including
  /// blank ones.
  bool next(Fields& fields) {
    do {
      if (at_ == end_) return false;
      ++row_;
      fields.clear();
      while (field(fields)) {
      }
    } while (fields.size() == 1 && fields[0].empty());
    return true;
  }

  /// Parses a field as a number. In a table separated by `;`, a comma is the decimal point.
  std::optional<double> number(std::string_view field) const {
    std::string with_point;
    if (separator_ == ';') {
      with_point = field;
      std::ranges::replace(with_point, ',', '.');
      field = with_point;
    }
    if (const std::optional<double> value = parsed<double>(field)) return value;
    // Beyond the range of f64, a number becomes 0 or infinite.
    if (const auto wide = parsed<long double>(field)) return static_cast<double>(*wide);
    return std::nullopt;
  }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail("data", "{}: row {}{}", file_, row_, fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  bool is_space(char c) const { return c == ' ' || c == '\r' || (c == '\t' && separator_ != '\t'); }
  void skip_spaces() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }

  /// Appends a field. Returns false if the field is the last of its row.
  bool field(Fields& fields) {
    constexpr std::size_t most = 1 << 20;  // a view takes more memory than a short field
    if (fields.size() == most) refuse(" has too many fields; expected at most {}", most);
    skip_spaces();
    char *first = at_, *last = at_;
    if (at_ != end_ && *at_ == '"') {
      first = last = ++at_;
      for (;; *last++ = *at_++) {
        if (at_ == end_) refuse(", column {}: a quoted field does not end", fields.size() + 1);
        if (*at_ == '"' && (++at_ == end_ || *at_ != '"')) break;
      }
      skip_spaces();
    } else {
      while (at_ != end_ && *at_ != separator_ && *at_ != '\n') ++at_;
      for (last = at_; last != first && is_space(last[-1]);) --last;
    }
    fields.emplace_back(first, static_cast<std::size_t>(last - first));
    if (at_ == end_) return false;
    const char stop = *at_++;
    if (stop != separator_ && stop != '\n')
      refuse(", column {}: text follows a closing quote", fields.size());
    return stop == separator_;
  }

  const std::string& file_;
  char *at_, *end_;
  char separator_;
  std::int64_t row_ = 0;
};

bool is_missing(std::string_view text) {
  const std::string lower = lower_case(text.substr(0, 4));
  return lower.empty() || lower == "na" || lower == "n/a" || lower == "nan";
}

/// Whether a model's columns have names. Those of a table without a header have positions only.
bool has_column_names(const DataSplit& model) {
  std::set<std::string> names(model.input_names.begin(), model.input_names.end());
  names.insert(model.target_names.begin(), model.target_names.end());
  std::size_t position = 1;
  while (names.contains(std::to_string(position))) ++position;
  return position <= names.size();
}

/// The positions of a table's columns: the inputs, in the order in which a model takes them, and
/// the target. If the table has no target, `target` is the number of columns.
struct Columns {
  std::vector<std::size_t> inputs = {};
  std::size_t target = 0;
};

Columns columns_of(const std::vector<std::string>& names, const FileDataOptions& options,
                   const std::vector<std::string>& usual_targets) {
  const DataSplit* const like = options.like;
  // The names of the columns that the model was trained on, if they have names.
  const std::vector<std::string> wanted = like ? like->input_names : std::vector<std::string>();
  const std::string target = wanted.empty() ? options.target : like->target_names.at(0);
  const auto is_target = [&](const std::string& name) {
    return target.empty() ? holds(usual_targets, lower_case(name)) : name == target;
  };
  const auto found = std::ranges::find_if(names, is_target);
  if (found == names.end() && !target.empty() && !like)
    fail("data", "{}: there is no column '{}'; it has {}{}", options.file, target, shown(names),
         did_you_mean(target, names));
  if (const auto count = std::ranges::count_if(names, is_target); count > 1 || (count < 1 && !like))
    fail("data", "{}: which column is the target? It has {}; name it with --target", options.file,
         shown(names));
  Columns columns{.target = static_cast<std::size_t>(found - names.begin())};
  for (const std::string& name : wanted) {
    const auto input = std::ranges::find(names, name);
    if (input == names.end())
      fail("data", "{}: there is no column '{}', which the model needs; it has {}{}", options.file,
           shown(name), shown(names), did_you_mean(name, names));
    columns.inputs.push_back(static_cast<std::size_t>(input - names.begin()));
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    if (i != columns.target && wanted.empty())
      columns.inputs.push_back(i);
    else if (i != columns.target && !holds(wanted, names[i]))
      fail("data", "{}: the model has no input '{}'; expected {}{}", options.file, shown(names[i]),
           shown(wanted), target.empty() ? "" : fmt::format(" and '{}'", shown(target)));
  return columns;
}

}  // namespace

DataSplit read_csv(std::string text, char separator, const FileDataOptions& options,
                   const std::vector<std::string>& usual_targets) {
  if (text.starts_with("\xFF\xFE") || text.find('\0') != std::string::npos)
    fail("data", "{}: has zero bytes or is UTF-16; expected text in UTF-8", options.file);
  Table table(text, separator, options.file);
  Fields fields;
  if (!table.next(fields)) fail("data", "{}: is empty; expected a table", options.file);
  const std::size_t columns = fields.size();
  if (columns == 1 && !options.like) table.refuse(" has one column; expected inputs and a target");

  std::vector<std::string> names(fields.begin(), fields.end());
  const auto in_first_row = [&](const std::string& name) { return holds(names, name); };
  const auto numbers =
      std::ranges::count_if(fields, [&](auto field) { return table.number(field).has_value(); });
  const std::size_t position = parsed<std::size_t>(options.target).value_or(0);
  const bool is_position = position > 0 && position <= columns,
             is_name = !options.target.empty() && in_first_row(options.target);
  bool has_header = numbers < std::ssize(fields) && (numbers == 0 || !is_position || is_name);
  if (options.like) {
    has_header |= has_column_names(*options.like) &&
                  std::ranges::all_of(options.like->input_names, in_first_row);
  } else {  // the header may consist of numbers
    std::size_t counted = 0;
    while (counted < columns && names[counted] == std::to_string(counted)) ++counted;
    has_header |= (is_name && !is_position) || (counted == columns && columns > 3);
  }
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < columns; ++i) {
    if (!has_header) names[i] = std::to_string(i + 1);
    if (names[i].empty())
      table.refuse(", column {}: has no name (an index, or a separator too many?)", i + 1);
    if (const auto [other, is_new] = known.try_emplace(names[i], i + 1); !is_new)
      table.refuse(": columns {} and {} have the name '{}'", other->second, i + 1, shown(names[i]));
  }

  // In a table without header and target, the columns are the inputs in their order.
  if (options.like && !has_header && columns == options.like->input_names.size() &&
      !has_column_names(*options.like))
    names = options.like->input_names;

  DataSplit data;
  const auto [order, target] = columns_of(names, options, usual_targets);
  std::vector<std::size_t> input_of(columns);  // each column's place among the inputs
  for (std::size_t i = 0; i < order.size(); ++i) {
    input_of[order[i]] = i;
    data.input_names.push_back(names[order[i]]);
  }
  if (target < columns) data.target_names = {names[target]};
  // A field takes at least two bytes of text. The memory of missing rows is never touched.
  const auto most_rows = static_cast<Index>(text.size() / (2 * columns) + 1);
  const Array inputs({most_rows, std::ssize(order)}, DType::f64);
  double* input = inputs.data<double>();
  Index rows = 0;
  std::vector<double> targets;  // numbers, or the places of labels in this map
  std::map<std::string, double> labels;
  for (bool more = !has_header || table.next(fields); more;
       more = table.next(fields), ++rows, input += order.size()) {
    if (fields.size() != columns)
      table.refuse(" has {} fields; expected {}, as the first row has", fields.size(), columns);
    for (std::size_t i = 0; i < columns; ++i) {
      const bool is_label = i == target && !options.regression;
      const std::optional<double> value = table.number(fields[i]);
      if (is_missing(fields[i]) || !(is_label || (value && fits(*value, options.dtype))))
        table.refuse(", column '{}': found '{}'; expected {}", shown(names[i]), shown(fields[i]),
                     is_label ? fmt::format("a class{} (none may be missing)",
                                            options.guess ? " or a number" : "")
                              : fmt::format("a finite number of {} (words are not encoded, no "
                                            "value may be missing)",
                                            str(options.dtype)));
      if (is_label)
        targets.push_back(
            labels.try_emplace(std::string(fields[i]), static_cast<double>(labels.size()))
                .first->second);
      else
        (i == target ? targets.emplace_back() : input[input_of[i]]) = *value;
    }
  }

  if (!options.regression) {
    const auto is_word = [&](const auto& label) { return !table.number(label.first); };
    const bool words =
        std::ranges::any_of(labels, is_word) ||
        (options.like && std::ranges::any_of(options.like->class_names, [](const auto& name) {
           return !parsed<double>(name);
         }));
    std::vector<double> values(labels.size());
    for (const auto& [label, place] : labels) {
      values[static_cast<std::size_t>(place)] =
          words ? static_cast<double>(data.class_names.size()) : *table.number(label);
      if (words) data.class_names.push_back(label);
    }
    for (double& value : targets) value = values[static_cast<std::size_t>(value)];
  }
  try {
    Json(names).dump(), Json(data.class_names).dump();
  } catch (const JsonError&) {
    fail("data", "{}: its words are not in UTF-8; expected text in UTF-8", options.file);
  }
  data.train.arrays = {{"inputs", inputs.sliced(0, 0, rows)},
                       {"targets", target < columns ? Array::from(targets, {rows}) : Array()}};
  return data;
}

}  // namespace twice::experiments
