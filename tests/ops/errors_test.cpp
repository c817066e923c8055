// Tests broadcasting, and that every function refuses wrong handles and dtypes with one clear line.
// mistakes_test.cpp has wrong shapes, axes and options.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <regex>
#include <set>

#include "autodiff/autodiff.h"
#include "experiments/commands/check/op_table.h"
#include "tests/ops/functions.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(shapes_and_errors)

BOOST_AUTO_TEST_CASE(broadcasting_follows_numpy) {
  const struct {
    Shape a, b, y;
  } cases[] = {{{2, 3}, {3}, {2, 3}},
               {{2, 1}, {1, 3}, {2, 3}},
               {{}, {4}, {4}},
               {{1}, {2, 2}, {2, 2}},
               {{5, 1, 3}, {4, 1}, {5, 4, 3}},
               {{0, 3}, {1, 3}, {0, 3}},
               {{1}, {0}, {0}},
               {{}, {}, {}}};
  for (const auto& [a, b, y] : cases) {
    Tape tape;
    const Array left = random_array(a), right = random_array(b, DType::f64, 2);
    const Array found = evaluate(tape.constant(left) - tape.constant(right));
    BOOST_CHECK(found.shape() == y);
    const Array wide_left = left.broadcast(y), wide_right = right.broadcast(y);
    for (Index i = 0; i < y.elements(); ++i)
      BOOST_TEST(found.at(i) == wide_left.at(i) - wide_right.at(i));
    BOOST_CHECK((tape.constant(right) * tape.constant(left)).shape() == y);
  }
}

/// Checks that the message is one line, `[function] ...`, that contains each of `parts`.
void check_message(const std::string& text, const std::string& function,
                   const std::vector<std::string>& parts) {
  BOOST_TEST(text.starts_with("[" + function + "] "), function << ": '" << text << "'");
  BOOST_TEST(text.find('\n') == std::string::npos, text);
  for (const std::string& part : parts)
    BOOST_TEST(text.find(part) != std::string::npos, text << " lacks '" << part << "'");
}

/// The error message of a call whose input `slot` is replaced by `wrong` of its spec.
template <class Wrong>
std::string answer(const PublicFunction& f, std::size_t slot, const Wrong& wrong) {
  Tape tape;
  Tensors x;
  for (const Spec& spec : f.x) x.push_back(tape.input(spec.shape, spec.dtype));
  x[slot] = wrong(tape, f.x[slot]);
  return error_of([&] { f.call(x); });
}

BOOST_AUTO_TEST_CASE(valid_inputs_are_recorded) {
  for (const PublicFunction& f : public_functions())
    BOOST_TEST(answer(f, 0,
                      [](Tape& tape, const Spec& spec) {
                        return tape.input(spec.shape, spec.dtype);
                      }) == "",
               f.name);
}

BOOST_AUTO_TEST_CASE(handles_that_are_empty_stale_or_of_another_tape) {
  Tape other, cleared;
  for (const PublicFunction& f : public_functions())
    for (std::size_t slot = 0; slot < f.x.size(); ++slot) {
      BOOST_TEST(answer(f, slot, [](Tape&, const Spec&) { return Tensor(); }) ==
                 "[" + f.name + "] an input is an empty handle; record a value first");
      BOOST_TEST(answer(f, slot,
                        [&](Tape&, const Spec& spec) {
                          const Tensor stale = cleared.input(spec.shape, spec.dtype);
                          cleared.clear();
                          return stale;
                        }) ==
                 "[" + f.name +
                     "] stale handle to node 0: its tape was cleared after it was recorded");
      if (f.x.size() == 1) continue;
      BOOST_TEST(answer(f, slot, [&](Tape&, const Spec& spec) {
                   return other.input(spec.shape, spec.dtype);
                 }) == "[" + f.name + "] its inputs are on two different tapes");
    }
}

BOOST_AUTO_TEST_CASE(dtypes) {
  for (const PublicFunction& f : public_functions()) {
    const bool joins = f.name == "concat" || f.name == "stack";
    for (std::size_t slot = 0; slot < f.x.size(); ++slot) {
      const auto with = [&](DType dtype) {
        return answer(f, slot,
                      [=](Tape& tape, const Spec& spec) { return tape.input(spec.shape, dtype); });
      };
      const bool index = f.x[slot].dtype == DType::i32;
      if (f.row.moves && slot == 0 && !joins) {
        BOOST_TEST(with(DType::i32) == "", f.name);  // ops that move numbers accept any dtype
        continue;
      }
      const DType wrong = index ? DType::f64 : DType::i32;
      check_message(with(wrong), f.name, {str(Spec{f.x[slot].shape, wrong}), index ? "i32" : "f"});
      const bool pairs = f.x.size() > 1 && f.x[0].dtype == f.x[1].dtype;
      if (!index && pairs)
        check_message(with(DType::f64), f.name,
                      {str(Spec{f.x[slot].shape, DType::f64}), str(f.x[slot == 0 ? 1 : 0])});
    }
  }
}

BOOST_AUTO_TEST_CASE(every_op_and_every_documented_function_is_among_them) {
  std::set<std::string> functions, ops;
  for (const PublicFunction& f : public_functions()) {
    functions.insert(f.name);
    Tape tape;
    Tensors x, floats;
    for (const Spec& spec : f.x) {
      x.push_back(tape.input(spec.shape, spec.dtype));
      if (is_float(spec.dtype)) floats.push_back(x.back());
    }
    const Tensor y = f.call(x);
    // Some ops have no public function and occur only in derivatives.
    if (is_float(y.dtype()) && !floats.empty()) grad(sum(y), floats);
    for (int i = 0; i < tape.size(); ++i)
      if (tape.node(i).op) ops.insert(std::string(tape.node(i).op->name()));
  }
  for (const OpCase& row : op_table()) BOOST_TEST(ops.contains(row.op), row.op);

  std::ifstream file(TWICE_SOURCE_DIR "/docs/ops.md");
  const std::regex cell(R"(^\| (`[^|]*`) \|)"), name(R"re(`(\w+)\()re");
  std::set<std::string> documented;
  for (std::string line; std::getline(file, line);)
    if (std::smatch first; std::regex_search(line, first, cell)) {
      const std::string text = first[1];
      for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at)
        documented.insert((*at)[1]);
    }
  BOOST_TEST(documented.size() > 70);
  for (const std::string& function : documented)
    BOOST_TEST(functions.contains(function), function << " is in docs/ops.md");
}

BOOST_AUTO_TEST_CASE(indices_are_checked_when_the_plan_runs) {
  Tape tape;
  const Tensor x = tape.input({4, 3}, DType::f64), labels = tape.labels({4});
  const Array numbers = random_array({4, 3}), bad = Array::zeros({4}, DType::i32);
  bad.set(2, 3);
  Plan loss{cross_entropy(x, labels)}, rows{gather(transpose(x), labels)};
  for (double label : {3.0, -1.0}) {
    bad.set(2, label);
    BOOST_TEST(!error_of([&] { loss.run({{x, numbers}, {labels, bad}}); }).empty());
    BOOST_TEST(!error_of([&] { rows.run({{x, numbers}, {labels, bad}}); }).empty());
  }
  bad.set(2, 2);
  loss.run({{x, numbers}, {labels, bad}});
}

BOOST_AUTO_TEST_SUITE_END()
