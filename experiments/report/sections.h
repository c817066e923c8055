// The sections of pages, from records: what those of several commands share (tables of rows, curves
// of training, methods, machine and options), and each command's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/html.h"
#include "experiments/report/table.h"

namespace twice::experiments {

/// The rows under the columns that they use, sortable.
std::string rows_table(const std::vector<Json>& rows, const std::vector<Column>& columns);

/// What each used column means, to be opened.
std::string columns_legend(const std::vector<Json>& rows, const std::vector<Column>& columns);

/// Table and legend of the rows of `compare` and `train`.
std::string run_table_section(const std::vector<Json>& rows);

/// "exact"; with the threads behind it when another row has the same method.
std::string row_label(const Json& row, const std::vector<Json>& rows);

/// What has one name and colour in the plots of training: a run, or several that differ in their
/// seed. Each element is the `curve` of a run.
struct TrainingLine {
  std::string name;
  Ink ink;
  std::vector<const Json*> done, unfinished = {};
};

/// Train loss, test accuracy, metrics and gradient norm over epochs, with a legend. The mean of the
/// runs that are done is bold; the single runs are thin, where there is more than the one. ""
/// without data.
std::string training_plots(const std::vector<TrainingLine>& lines);
/// The same with a line for each row.
std::string training_plots(const std::vector<Json>& rows);

/// The command that makes the record again, and what disturbed the measurement (`noise_warning`).
std::string record_head(const Json& record);
/// The title of a record's own page, which tells it from others: "compare: mlp on digits · DATE".
std::string record_title(const Json& record, const std::string& name);
/// Machine, data and options.
std::string setup_section(const Json& record);

/// The section of a record: what it shows, the methods of the rows, machine and options.
std::string record_section(const Json& record, std::string_view title, std::string_view id,
                           const std::vector<Json>& rows, const std::string& html);

// A record as a section of a larger page; `id` makes links to it possible.
std::string train_section(const Json& record, std::string_view title, std::string_view id);
std::string bench_section(const Json& record, std::string_view title, std::string_view id);
std::string profile_section(const Json& record, std::string_view title, std::string_view id);
std::string evaluate_section(const Json& record, std::string_view title, std::string_view id);
std::string study_section(const Json& record, std::string_view title, std::string_view id);

/// The texts of a field, each once, in order.
std::vector<std::string> distinct(const std::vector<Json>& rows, const std::string& field);

// compare_page.cpp:

/// The page of a record of compare.
std::string compare_html(const Json& record);

/// The same as a section. Its sentences are made from the record alone; each is left out when the
/// record lacks a number for it.
std::string compare_section(const Json& record, std::string_view title, std::string_view id);

/// The data set of a record; "" of a problem, which has data of its own.
std::string data_name(const Json& record);

/// "mlp-1024x4-b128-relu-f32 on digits", for titles and lists.
std::string record_name(const Json& record);

/// The slope d log(error) / d log(eps) of the part of a sweep where the error is due to the
/// finite step: the median between neighbouring points at larger eps than the smallest error's,
/// each with an error over ten times that one and under 0.3. NaN when there are no two such points.
double error_slope(const std::vector<double>& epsilons, const std::vector<double>& errors);

}  // namespace twice::experiments
