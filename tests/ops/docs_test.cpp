// Tests that docs/ops.md shows the op table. This file generates the two marked parts of the page.
//   TWICE_WRITE_DOCS=1 build/bin/twice-tests --run_test=op_docs
// writes them into the page.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "autodiff/ops/bilinear.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/linear.h"
#include "experiments/commands/check/op_table.h"
#include "tests/ops/functions.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

const std::filesystem::path page = TWICE_SOURCE_DIR "/docs/ops.md";

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The name of the header in autodiff/ops that declares a function. Operators are in arithmetic.
std::string file_of(const OpRow& row) {
  if (row.signature.find('(') == std::string::npos) return "arithmetic";
  const std::regex declaration("(^|\n)(inline )?Tensor " + row.function() + "\\(");
  for (const auto& entry : std::filesystem::directory_iterator(TWICE_SOURCE_DIR "/autodiff/ops"))
    if (entry.path().extension() == ".h" && std::regex_search(text_of(entry.path()), declaration))
      return entry.path().stem();
  BOOST_ERROR("no header in autodiff/ops declares " << row.signature);
  return {};
}

/// The family of the op that a function records.
std::string family_of(const PublicFunction& f) {
  if (!f.row.built_from.empty()) return "built from " + f.row.built_from;
  if (f.row.op.starts_with("conv2d")) return "Trilinear";
  Tape tape;
  Tensors x;
  for (const Spec& spec : f.x) x.push_back(tape.input(spec.shape, spec.dtype));
  f.call(x);
  for (int i = tape.size(); i-- > 0;) {
    const Op* op = tape.node(i).op.get();
    if (!op || op->name() != f.row.op) continue;
    return dynamic_cast<const ElementwiseOp*>(op) ? "Elementwise"
           : dynamic_cast<const LinearOp*>(op)    ? "Linear"
           : dynamic_cast<const BilinearOp*>(op)  ? "Bilinear"
                                                  : "General";
  }
  BOOST_ERROR(f.row.signature << " records no " << f.row.op);
  return {};
}

std::string tables() {
  std::string text;
  auto f = public_functions().begin();
  for (const OpSection& section : op_sections()) {
    text += "## " + section.title + "\n\n";
    if (!section.introduction.empty()) text += section.introduction + "\n\n";
    text += "| op | equation | derivative | family | file |\n|---|---|---|---|---|\n";
    for (const OpRow& row : section.rows) {
      if (!row.call) continue;
      const std::string file = file_of(row);
      text += fmt::format("| `{}` | {} | {} | {} | [ops/{}](../autodiff/ops/{}.cpp) |\n",
                          row.signature, row.equation, row.derivative, family_of(*f++), file, file);
    }
    text += "\n";
  }
  return text;
}

std::string bounds() {
  std::string text = "| op | value | slope | curvature |\n|---|---|---|---|\n";
  for (const OpCase& row : op_table())
    if (row.units)
      text += fmt::format("| `{}`{} | {} | {} | {} |\n", row.op,
                          row.label.empty() ? "" : ", " + row.label, (*row.units)[0],
                          (*row.units)[1], (*row.units)[2]);
  return text + "\n";
}

/// The page with `made` between the two marks of a part.
std::string with_part(const std::string& text, const std::string& part, const std::string& made) {
  const std::string begin = "<!-- from the op table: " + part + " -->\n\n";
  const std::string end = "<!-- end of " + part + " -->\n";
  const std::size_t from = text.find(begin), to = text.find(end);
  BOOST_REQUIRE_MESSAGE(from != std::string::npos && to != std::string::npos && from < to,
                        page << " lacks the marks of " << part);
  return text.substr(0, from + begin.size()) + made + text.substr(to);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_docs)

BOOST_AUTO_TEST_CASE(the_page_shows_the_table) {
  const std::string text = text_of(page);
  const std::string made = with_part(with_part(text, "ops", tables()), "bounds", bounds());
  if (std::getenv("TWICE_WRITE_DOCS")) {
    std::ofstream(page) << made;
    return;
  }
  const auto [at, other] = std::mismatch(text.begin(), text.end(), made.begin(), made.end());
  const auto line = 1 + std::count(text.begin(), at, '\n');
  BOOST_TEST(text == made, page << " differs from the op table in line " << line
                                << "; TWICE_WRITE_DOCS=1 build/bin/twice-tests --run_test=op_docs "
                                   "writes it anew");
}

BOOST_AUTO_TEST_SUITE_END()
