// Sections that the pages of several commands share: tables of rows, curves of training, methods,
// machine and options.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/html.h"
#include "experiments/report/table.h"

namespace twice::experiments {

/// The rows under the columns that they use, sortable.
std::string rows_table(const std::vector<Json>& rows,
                       const std::vector<Column>& columns = run_columns());

/// What each used column means, to be opened.
std::string columns_legend(const std::vector<Json>& rows,
                           const std::vector<Column>& columns = run_columns());

/// "exact"; with the threads behind it when another row has the same method.
std::string row_label(const Json& row, const std::vector<Json>& rows);

/// What has one name and colour in the plots of training: a run, or several that differ in their
/// seed. Each element is the `curve` of a run.
struct TrainingLine {
  std::string name;
  Ink ink;
  std::vector<const Json*> done, unfinished = {};
};

/// Train loss, test accuracy and gradient norm over epochs, with a legend. The mean of the runs
/// that are done is bold; the single runs are thin, where there is more than the one. "" without
/// data.
std::string training_plots(const std::vector<TrainingLine>& lines);
/// The same with a line for each row.
std::string training_plots(const std::vector<Json>& rows);

/// Machine and options.
std::string setup_section(const Json& record);

/// The section of a record: what it shows, the methods of the rows, machine and options.
std::string record_section(const Json& record, std::string_view title, std::string_view id,
                           const std::vector<Json>& rows, const std::string& html);

// A record as a section of a larger page; `id` makes links to it possible.
std::string train_section(const Json& record, std::string_view title, std::string_view id);
std::string bench_section(const Json& record, std::string_view title, std::string_view id);
std::string study_section(const Json& record, std::string_view title, std::string_view id);

/// The members of an object: first those listed in `order`, then the others. None when it is none.
std::vector<TextPair> facts(const Json& object, std::initializer_list<const char*> order = {});

/// The models of the rows in order.
std::vector<std::string> models_of(const std::vector<Json>& rows);

}  // namespace twice::experiments
