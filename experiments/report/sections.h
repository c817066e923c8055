// Makes the sections of pages from records: the parts that several commands share (tables of rows,
// training curves, methods, machine and options), and the section of each command.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/html.h"
#include "experiments/report/table.h"

namespace twice::experiments {

/// A sortable table of the rows, with the columns that they use.
std::string rows_table(const std::vector<Json>& rows, const std::vector<Column>& columns);

/// The same with the meanings of these columns, closed at first.
std::string explained_table(const std::vector<Json>& rows, const std::vector<Column>& columns);

/// A line with one name and colour in the plots of training: a run, or several runs that differ in
/// their seeds.
struct TrainingLine {
  std::string name;
  Ink ink;
  std::vector<const Json*> curves;  ///< the `curve` of each run, those of finished runs first
  std::size_t finished = 1;         ///< the number of finished runs
};

/// Train loss, test accuracy, metrics and gradient norm over epochs, with a legend. The mean of the
/// finished runs is bold. If there are several runs, the single runs are thin. "" without data.
std::string training_plots(const std::vector<TrainingLine>& lines);
/// The same with a line for each row.
std::string training_plots(const std::vector<Json>& rows);

/// A figure with a bar for a number of each row, with its interval. `text_of` makes the text after
/// a bar.
std::string bars_figure(const std::vector<Json>& rows, const std::string& key,
                        const std::string& title,
                        const std::function<std::string(const Json&)>& text_of);

/// The command that makes the record again, and a warning if other work disturbed the measurement
/// (`noise_warning`).
std::string record_head(const Json& record);
/// The title of a record's own page, such as "compare: mlp on digits · DATE".
std::string record_title(const Json& record, const std::string& name);
/// Machine, data and options.
std::string setup_section(const Json& record);

/// Equation and convention of each method of the rows.
std::string equations_section(const std::vector<Json>& rows);

/// A record as a section of a page: its head, its content `html`, machine, data and options. `id`
/// allows links to the section.
std::string record_section(const Json& record, std::string_view title, std::string_view id,
                           const std::string& html);

// The contents of the section of a record of each command.
std::string train_section(const Json& record);
std::string bench_section(const Json& record);
std::string profile_section(const Json& record);
std::string evaluate_section(const Json& record);
std::string study_section(const Json& record);

/// The elements that are wanted, in groups by the text `key_of(element)`. Groups and elements are
/// in order of appearance.
auto grouped(auto&& elements, const auto& key_of, const auto& is_wanted) {
  using Element = std::remove_reference_t<decltype(*std::ranges::begin(elements))>;
  std::vector<std::pair<std::string, std::vector<const Element*>>> groups;
  std::map<std::string, std::size_t> places;
  for (const Element& element : elements) {
    if (!is_wanted(element)) continue;
    const std::string key = std::invoke(key_of, element);
    const auto [place, is_new] = places.emplace(key, groups.size());
    if (is_new) groups.push_back({key, {}});
    groups[place->second].second.push_back(&element);
  }
  return groups;
}
auto grouped(auto&& elements, const auto& key_of) {
  return grouped(elements, key_of, [](const auto&) { return true; });
}

/// The distinct texts of a field, in order of appearance.
std::vector<std::string> distinct(const std::vector<Json>& rows, const std::string& field);

// The following are in compare_page.cpp.

/// The sentences are made from the record alone. A sentence is left out if the record lacks a
/// number for it.
std::string compare_section(const Json& record);

/// The page of a record of compare.
std::string compare_html(const Json& record);

/// The data set of a record; "" for a problem, which has its own data.
std::string data_name(const Json& record);

/// "mlp-1024x4-b128-relu-f32 on digits" or "heat, mlp-16x3-b64-tanh-f32", for titles and lists.
std::string record_name(const Json& record);

/// The slope d log(error) / d log(eps) of the part of a sweep where the error is due to the finite
/// step. It is the median over all pairs of neighbouring points whose eps is larger than that of
/// the smallest error, and whose errors are over ten times the smallest error and under 0.3. NaN if
/// there are no two such points.
double error_slope(const std::vector<double>& epsilons, const std::vector<double>& errors);

}  // namespace twice::experiments
