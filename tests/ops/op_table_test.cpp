// Tests the op table: every op of the library has a row, every row records its op, and all
// derivative checks of every row pass.
#include <fmt/format.h>

#include "experiments/commands/check/op_table.h"
#include "experiments/files/json.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "autodiff/ops/elementwise.h"
#include "autodiff/plan/plan.h"
#include "experiments/commands/check/check.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

using Names = std::set<std::string>;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string joined(const Names& names) { return fmt::format("{}", fmt::join(names, " ")); }

/// The names of ops in the sources: all texts that a `name() const override { ... }` can return.
Names declared_ops() {
  const std::regex declaration(
      R"(std::string_view name\(\) const[^;{]*\{((?:[^{}]|\{[^{}]*\})*)\})");
  const std::regex literal(R"re("(\w+)")re");
  Names names;
  std::vector<std::filesystem::path> sources;
  for (const char* folder : {TWICE_SOURCE_DIR "/autodiff/ops", TWICE_SOURCE_DIR "/nn"})
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".cpp") sources.push_back(entry.path());
  for (const std::filesystem::path& source : sources) {
    const std::string text = text_of(source);
    for (std::sregex_iterator op(text.begin(), text.end(), declaration), end; op != end; ++op) {
      const std::string body = (*op)[1];
      const std::size_t before = names.size();
      for (std::sregex_iterator name(body.begin(), body.end(), literal); name != end; ++name)
        names.insert((*name)[1]);
      // An op whose name is not a literal there would escape this test.
      BOOST_TEST(names.size() > before, source.filename().string() << ": " << body);
    }
  }
  return names;
}

/// The names of the ops that a case's function records, without its derivatives.
Names recorded_ops(const OpCase& row) {
  Tape tape;
  Tensors x;
  for (const Array& array : row.draw()) x.push_back(tape.input(array.shape(), array.dtype()));
  row.function(x);
  Names names;
  for (int i = 0; i < tape.size(); ++i)
    if (tape.node(i).op) names.insert(std::string(tape.node(i).op->name()));
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_table_rows)

BOOST_AUTO_TEST_CASE(every_op_has_a_row) {
  const Names declared = declared_ops();
  BOOST_TEST(declared.size() > 50);
  // Finite differences cannot check a cast, which rounds. edges_test.cpp tests it.
  Names rows = {"cast"};
  for (const OpCase& row : op_table()) rows.insert(row.op);
  Names without;
  std::set_difference(declared.begin(), declared.end(), rows.begin(), rows.end(),
                      std::inserter(without, without.end()));
  BOOST_TEST(without.empty(),
             "ops without a row in experiments/commands/check/op_table_*.cpp: " << joined(without));
}

/// True if the case records its op as an elementwise op.
bool is_elementwise(const OpCase& row) {
  Tape tape;
  Tensors x;
  for (const Array& array : row.draw()) x.push_back(tape.input(array.shape(), array.dtype()));
  row.function(x);
  for (int i = 0; i < tape.size(); ++i) {
    const Op* op = tape.node(i).op.get();
    if (op && op->name() == row.op) return dynamic_cast<const ElementwiseOp*>(op);
  }
  return false;
}

// Definitions are checked for elementwise ops only. The references for the FLOPs and bytes of other
// ops are in tests/ops/cost_references_*.cpp, and mistakes in calls in mistakes_test.cpp. The tests
// there name an op that lacks an entry.
BOOST_AUTO_TEST_CASE(every_row_is_complete) {
  Names in_graphs, with_units, with_definition;
  for (const OpSection& section : op_sections())
    for (const OpRow& row : section.rows) {
      if (!row.graphs.empty()) in_graphs.insert(row.op);
      for (const OpCase& c : row.cases)
        if (c.units) with_units.insert(c.op);
      if (row.definition.call) with_definition.insert(row.op);
    }
  // These ops round, stop derivatives, or occur in the derivative of another op.
  const Names not_in_graphs = {"cast", "stop_gradient", "average_pool2d_adjoint"};
  for (const OpSection& section : op_sections())
    for (const OpRow& row : section.rows) {
      const std::string name = row.signature.empty() ? row.op : row.signature;
      const auto need = [&](bool has, const char* field) {
        BOOST_TEST(has, "the row of the op table of " << name << " lacks its " << field);
      };
      const bool function = static_cast<bool>(row.call);
      need(function == !row.signature.empty(), "signature or function");
      need(!function || !row.equation.empty(), "equation");
      need(!function || !row.derivative.empty(), "derivative");
      need(!function || in_graphs.contains(row.op) || not_in_graphs.contains(row.op),
           "op of random graphs (`graph`)");
      if (row.cases.empty() || !is_elementwise(row.cases[0])) continue;
      need(with_definition.contains(row.op), "definition");
      // `where` does not round, and its case has three inputs of different shapes.
      need(with_units.contains(row.op) || row.op == "where", "bounds of errors (`Units`)");
    }
}

BOOST_AUTO_TEST_CASE(every_row_records_its_op) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const OpCase& row : op_table()) {
    BOOST_TEST(recorded_ops(row).contains(row.op), row.op << ", " << row.label);
    BOOST_TEST(seen.emplace(row.op, row.label).second, row.op << ", " << row.label << ": twice");
  }
}

BOOST_AUTO_TEST_CASE(rows_of_winograd_run_on_its_kernels) {
  int count = 0;
  for (const OpCase& row : op_table()) {
    if (row.label != "winograd") continue;
    ++count;
    Tape tape;
    Tensors x;
    for (const Array& array : row.draw()) x.push_back(tape.input(array.shape(), array.dtype()));
    bool found = false;
    const Plan plan({row.function(x)});
    for (const Step& step : plan.program().steps)
      found = found || step.op->attributes().ends_with(", winograd");
    BOOST_TEST(found, row.op);
  }
  BOOST_TEST(count == 3);
}

BOOST_AUTO_TEST_CASE(every_row_passes) {
  const Threads one(1);  // the arrays are too small for a second thread to help
  for (const CheckRow& row : check_ops())
    BOOST_TEST(row.ok, row.op << ", " << row.label << ": " << str(row));
}

BOOST_AUTO_TEST_CASE(other_random_numbers_pass_too) {
  const Threads one(1);
  CheckOptions options;
#if defined(TWICE_ADDRESS_SANITIZER)
  constexpr std::uint64_t last = 2;  // each takes 40 s with this sanitizer
#else
  constexpr std::uint64_t last = 4;
#endif
  for (options.seed = 2; options.seed <= last; ++options.seed)
    for (const CheckRow& row : check_ops({}, options))
      BOOST_TEST(row.ok,
                 row.op << ", " << row.label << ", seed " << options.seed << ": " << str(row));
}

BOOST_AUTO_TEST_CASE(rows_for_programs_and_people) {
  std::size_t announced = 0;
  const std::vector<CheckRow> rows =
      check_ops("tanh", {}, [&](const std::vector<CheckRow>& some) { announced += some.size(); });
  BOOST_TEST(rows.size() == 9);
  BOOST_TEST(announced == rows.size());
  BOOST_TEST(all_ok(rows));
  const std::string report = check_report(rows);
  BOOST_TEST(report.ends_with("9 checks, 0 failed\n"), report);

  const Json json = rows;
  BOOST_TEST(json.size() == 9);
  BOOST_TEST(json[0]["op"] == "tanh");
  BOOST_TEST(json[0]["order"] == 1);
  BOOST_TEST(json[0]["ok"] == true);
  BOOST_TEST(json[0]["error"].get<double>() <= json[0]["tolerance"].get<double>());

  BOOST_TEST(error_of([] { check_ops("no such op"); }) ==
             "[check] no op has 'no such op' in its name");
}

BOOST_AUTO_TEST_SUITE_END()
