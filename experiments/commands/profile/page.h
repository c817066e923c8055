// The report of a profile on the terminal and on its page: the cost of a derivative and its causes.
// report/columns.txt defines the columns of the tables.
#pragma once

#include "experiments/report/html.h"
#include "experiments/report/table.h"

namespace twice::experiments {

/// A profile for the terminal, with as many of the page's columns as fit.
std::string profile_text(const Json& record);

/// The self-contained page of a record of `profile`. Parts without data in the record are omitted.
std::string profile_html(const Json& record);

/// The elements of a list of the record, as its table shows them. `rows` get `gave_up`, which
/// describes the difference from the exact result: rounding, an error, the penalty, or another
/// objective. `steps` and `origins` are sorted by decreasing time. Both, and `at_peak`, get a
/// `forward_op`.
std::vector<Json> table_rows(const Json& record, const std::string& list);

/// True for the record of a plan, which has no method.
bool is_plan(const Json& record);
/// The profiled program: "step of exact", or "run of NAME".
std::string profiled(const Json& record);

/// The levels of memory from the nearest to the farthest, and their fields in `peak`.
const std::vector<std::pair<std::string, std::string>>& data_levels();

/// The first element of a list whose member `key` has this text. Null if there is none.
Json with_text(const Json& list, const std::string& key, const std::string& value);

/// The milliseconds of a row.
std::string ms_text(const Json& row);
/// The numbers of an object as texts: bytes in MiB, shares in percent, others with three digits.
Json texts_of(const Json& object);

/// The lines of a part of profile_words.mustache, filled with `data`.
std::vector<std::string> words(const char* part, Json data);
/// The same for lines of the form "TERM: MEANING".
std::vector<TextPair> terms(const char* part, Json data);

/// The growth of the cost with depth, width, batch and threads, with the laws fitted to the points,
/// and the sizes at which exact and finite differences cost the same. Empty if the record has no
/// `scaling`.
std::string scaling_section(const Json& record);

/// The time by layer, phase and op, and a timeline of the steps. A click shows a part alone and its
/// rows in the table of steps, which must stand in the same section. Empty if the record has no
/// steps.
std::string flame_figure(const Json& record);

/// The colour of a phase in every picture of a profile.
Ink phase_ink(std::string_view phase);

/// The phases of the record's steps with their colours, in the order in which they first run.
Legend phase_legend(const Json& record);

/// GF/s over FLOP per byte, both axes logarithmic: the speed of each step of the program, and the
/// maximum speed of the machine at that arithmetic intensity (Williams, Waterman, Patterson,
/// "Roofline", Comm. ACM 52, 2009). The roofs are the record's measured product peak and memory
/// stream. Each step with FLOPs is a disc whose area shows its share of the time. Discs above the
/// sloped roof belong to steps that read from a cache. Empty if no step has FLOPs.
std::string roofline_plot(const Json& record);

/// The same plot as a self-contained SVG file.
std::string roofline_file(const Json& record);

/// Every value of the arena, drawn at its place from the step that computes it to the last step
/// that reads it. Empty if the record has no values.
std::string arena_plot(const Json& record);

}  // namespace twice::experiments
