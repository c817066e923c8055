// Tests the error messages of each public function for each possible mistake in ranks, shapes, axes
// and options. errors_test.cpp has mistakes in handles and dtypes.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <set>

#include "autodiff/autodiff.h"
#include "nn/layers.h"
#include "tests/ops/functions.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

/// Makes inputs for wrong calls: `f(2, 3)` has the shape (2, 3).
struct NewInput {
  Tape& tape;
  template <class... Sizes>
  Tensor operator()(Sizes... sizes) const {
    return tape.input({sizes...}, DType::f32);
  }
  template <class... Sizes>
  Tensor indices(Sizes... sizes) const {
    return tape.input({sizes...}, DType::i32);
  }
};
using F = const NewInput&;

/// A shape or axes. clang-format would break the lines of the table at braces in a function.
template <class... Sizes>
Shape list(Sizes... sizes) {
  return {sizes...};
}

PoolGeometry pool(Index window, Index stride, Index padding = 0) {
  return {window, stride, padding};
}

struct Mistake {
  std::string function;
  /// The kind of mistake: "rank", "shape", "axis" or "option".
  std::string kind;
  std::function<void(F)> call;
  /// The text after `[function] `.
  std::string text;
};

const DType i32 = DType::i32;

const std::vector<Mistake>& mistakes() {
  static const std::vector<Mistake> list_of_mistakes{
      {"cast", "option", [](F f) { cast(f(2), DType::i32); }, "casts to f32 or f64, not to i32"},
      {"where", "shape", [](F f) { where(f(2, 3), f(2, 3), f(4, 3)); },
       "shapes do not broadcast: (2, 3) and (4, 3); each axis must be equal or 1"},
      {"where", "shape", [](F f) { where(f(5, 3), f(2, 3), f(3)); },
       "shapes do not broadcast: (5, 3) and (2, 3); each axis must be equal or 1"},
      {"clamp", "option", [](F f) { clamp(f(2), 2, 1); }, "needs low <= high, was given [2, 1]"},
      {"dropout", "option", [](F) { dropout(1, 0); },
       "the rate is 1; expected at least 0 and less than 1"},
      {"reshape", "shape", [](F f) { reshape(f(2, 3), list(4)); },
       "shape (2, 3) has 6 elements, (4) has 4"},
      {"reshape", "shape", [](F f) { reshape(f(2, 3), list(-1, 4)); },
       "6 elements of shape (2, 3) do not divide into (-1, 4)"},
      {"reshape", "option", [](F f) { reshape(f(2, 3), list(-1, -1)); },
       "shape (-1, -1) must have sizes >= 0, and -1 at most once"},
      {"reshape", "option", [](F f) { reshape(f(2, 3), list(-2, 3)); },
       "shape (-2, 3) must have sizes >= 0, and -1 at most once"},
      {"permute", "rank", [](F f) { permute(f(2, 3), list(0)); },
       "1 axes were given for shape (2, 3); each axis must be listed once"},
      {"permute", "axis", [](F f) { permute(f(2, 3), list(0, 2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"permute", "axis", [](F f) { permute(f(2, 3), list(0, 0)); },
       "axes (0, 0) do not list each axis of shape (2, 3) once"},
      {"transpose", "axis", [](F f) { transpose(f(2, 3), 0, 2); },
       "axis 2 does not exist: the input has rank 2"},
      {"transpose", "axis", [](F f) { transpose(f(3)); },
       "axis -2 does not exist: the input has rank 1"},
      {"slice", "axis", [](F f) { slice(f(2, 3), 2, 0, 1); },
       "axis 2 does not exist: the input has rank 2"},
      {"slice", "rank", [](F f) { slice(f(2, 3), Shape{0}, Shape{1}, Shape{1}); },
       "shape (2, 3) needs 2 starts, stops and steps; 1, 1 and 1 were given"},
      {"slice", "shape", [](F f) { slice(f(2, 3), 1, 1, 4); },
       "entries 1 to 4 step 1 are outside axis 1 of shape (2, 3)"},
      {"slice", "option", [](F f) { slice(f(2, 3), 0, 0, 2, 0); },
       "the step along axis 0 of shape (2, 3) must not be 0"},
      {"pad", "rank", [](F f) { pad(f(2, 3), list(1), list(1)); },
       "shape (2, 3) needs 2 counts before and after; 1 and 1 were given"},
      {"pad", "option", [](F f) { pad(f(2, 3), list(-1, 0), list(0, 0)); },
       "counts (-1, 0) and (0, 0) must be >= 0; `slice` removes entries"},
      {"flip", "axis", [](F f) { flip(f(2, 3), list(-3)); },
       "axis -3 does not exist: the input has rank 2"},
      {"concat", "axis",
       [](F f) {
         concat({f(2, 3), f(2, 3)}, 2);
       },
       "axis 2 does not exist: the input has rank 2"},
      {"concat", "rank",
       [](F f) {
         concat({f(2, 3), f(2)}, 0);
       },
       "f32 (2) cannot be joined to f32 (2, 3) along axis 0: the other sizes and the dtypes must "
       "be "
       "equal"},
      {"concat", "shape",
       [](F f) {
         concat({f(2, 3), f(3, 3)}, 1);
       },
       "f32 (3, 3) cannot be joined to f32 (2, 3) along axis 1: the other sizes and the dtypes "
       "must be "
       "equal"},
      {"concat", "option", [](F) { concat({}, 0); },
       "an empty list was given; it needs at least one tensor"},
      {"stack", "axis",
       [](F f) {
         stack({f(2, 3), f(2, 3)}, 3);
       },
       "axis 3 does not exist: the input has rank 3"},
      {"stack", "rank",
       [](F f) {
         stack({f(2, 3), f(2)});
       },
       "its inputs differ: f32 (2, 3) and f32 (2)"},
      {"stack", "shape",
       [](F f) {
         stack({f(2, 3), f(2, 4)});
       },
       "its inputs differ: f32 (2, 3) and f32 (2, 4)"},
      {"stack", "option", [](F) { stack({}); },
       "an empty list was given; it needs at least one tensor"},
      {"broadcast_to", "rank", [](F f) { broadcast_to(f(2, 3), list(3)); },
       "shape (2, 3) does not broadcast to (3): each axis must be equal or 1"},
      {"broadcast_to", "shape", [](F f) { broadcast_to(f(2, 3), list(3, 3)); },
       "shape (2, 3) does not broadcast to (3, 3): each axis must be equal or 1"},
      {"broadcast_to", "option", [](F f) { broadcast_to(f(1, 3), list(-1, 3)); },
       "shape (-1, 3) has a negative size"},
      {"gather", "rank", [](F f) { gather(f(), f.indices(2)); },
       "shape () has no axis to pick from; it needs one or more"},
      {"scatter_add", "rank", [](F f) { scatter_add(f(2), f.indices(2, 3), 4); },
       "indices (2, 3) must be the leading axes of (2)"},
      {"scatter_add", "shape", [](F f) { scatter_add(f(3, 2), f.indices(2), 4); },
       "indices (2) must be the leading axes of (3, 2)"},
      {"scatter_add", "option", [](F f) { scatter_add(f(2, 3), f.indices(2), -1); },
       "the size -1 must be >= 0"},
      {"gather_along", "axis", [](F f) { gather_along(f(2, 3), f.indices(2, 3), 2); },
       "axis 2 does not exist: the input has rank 2"},
      {"gather_along", "rank", [](F f) { gather_along(f(2, 3), f.indices(2), 0); },
       "indices (2) and numbers (2, 3) must have the same number of axes"},
      {"gather_along", "shape", [](F f) { gather_along(f(2, 3), f.indices(5, 3), 1); },
       "indices (5, 3) must have the sizes of (2, 3) except along the gathered axis"},
      {"scatter_along", "axis", [](F f) { scatter_along(f(2, 3), f.indices(2, 3), -3, 4); },
       "axis -3 does not exist: the input has rank 2"},
      {"scatter_along", "rank", [](F f) { scatter_along(f(2, 3), f.indices(2), 0, 4); },
       "indices (2) and numbers (2, 3) must have the same number of axes"},
      {"scatter_along", "shape", [](F f) { scatter_along(f(2, 3), f.indices(2, 4), 1, 4); },
       "indices (2, 4) and numbers (2, 3) must have the same shape, of rank 1 or more"},
      {"scatter_along", "option", [](F f) { scatter_along(f(2, 3), f.indices(2, 3), 1, -4); },
       "the size -4 must be >= 0"},
      {"one_hot", "option", [](F f) { one_hot(f.indices(2), 0, DType::f32); },
       "needs at least 1 class, was given 0"},
      {"one_hot", "option", [](F f) { one_hot(f.indices(2), 3, i32); },
       "makes f32 or f64, not i32"},
      {"argmax", "axis", [](F f) { argmax(f(2, 3), 2); },
       "axis 2 does not exist: the input has rank 2"},
      {"argmax", "shape", [](F f) { argmax(f(2, 0), 1); },
       "shape (2, 0) has no numbers to compare"},
      {"argmin", "axis", [](F f) { argmin(f(), 0); },
       "axis 0 does not exist: the input has rank 0"},
      {"argmin", "shape", [](F f) { argmin(f(0, 2), 0); },
       "shape (0, 2) has no numbers to compare"},
      {"sum_to", "rank", [](F f) { sum_to(f(2, 3), list(1, 2, 3)); },
       "shape (2, 3) does not sum to (1, 2, 3): each axis must be equal or 1"},
      {"sum_to", "shape", [](F f) { sum_to(f(2, 3), list(2, 2)); },
       "shape (2, 3) does not sum to (2, 2): each axis must be equal or 1"},
      {"sum", "axis", [](F f) { sum(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"sum", "axis", [](F f) { sum(f(2, 3), list(1, -1)); }, "axis 1 is listed twice in (1, -1)"},
      {"mean", "axis", [](F f) { mean(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"mean", "axis", [](F f) { mean(f(2, 3), list(1, -1)); },
       "axis 1 is listed twice in (1, -1)"},
      {"norm", "axis", [](F f) { norm(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"norm", "axis", [](F f) { norm(f(2, 3), list(1, -1)); },
       "axis 1 is listed twice in (1, -1)"},
      {"max", "axis", [](F f) { max(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"max", "axis", [](F f) { max(f(2, 3), list(1, -1)); }, "axis 1 is listed twice in (1, -1)"},
      {"min", "axis", [](F f) { min(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"min", "axis", [](F f) { min(f(2, 3), list(1, -1)); }, "axis 1 is listed twice in (1, -1)"},
      {"center", "axis", [](F f) { center(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"variance", "axis", [](F f) { variance(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"variance", "axis", [](F f) { variance(f(2, 3), list(1, -1)); },
       "axis 1 is listed twice in (1, -1)"},
      {"logsumexp", "axis", [](F f) { logsumexp(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"logsumexp", "axis", [](F f) { logsumexp(f(2, 3), list(1, -1)); },
       "axis 1 is listed twice in (1, -1)"},
      {"max", "shape", [](F f) { max(f(2, 0)); }, "shape (2, 0) has no numbers to compare"},
      {"min", "shape", [](F f) { min(f(2, 0), list(1)); },
       "shape (2, 0) has no numbers to compare"},
      {"dot", "shape", [](F f) { dot(f(2, 3), f(3)); }, "shapes differ: (2, 3) and (3)"},
      {"dot", "option",
       [](F f) {
         dot({f(2), f(2)}, f(2));
       },
       "lists of 2 and 1 tensors do not pair up"},
      {"squared_norm", "option", [](F) { squared_norm({}); },
       "an empty list has no tape for the sum"},
      {"softmax", "axis", [](F f) { softmax(f(2, 3), 2); },
       "axis 2 does not exist: the input has rank 2"},
      {"softmax", "rank", [](F f) { softmax(f()); },
       "axis -1 does not exist: the input has rank 0"},
      {"log_softmax", "axis", [](F f) { log_softmax(f(2, 3), -3); },
       "axis -3 does not exist: the input has rank 2"},
      {"log_softmax", "rank", [](F f) { log_softmax(f()); },
       "axis -1 does not exist: the input has rank 0"},
      {"standardize", "axis", [](F f) { standardize(f(2, 3), list(2)); },
       "axis 2 does not exist: the input has rank 2"},
      {"standardize", "option", [](F f) { standardize(f(2, 3), list(1), 0); },
       "epsilon must be > 0, was 0"},
      {"cross_entropy", "rank", [](F f) { cross_entropy(f(), f.indices()); },
       "logits () need one label for each row; the labels are ()"},
      {"cross_entropy", "shape", [](F f) { cross_entropy(f(2, 3), f.indices(3)); },
       "logits (2, 3) need one label for each row; the labels are (3)"},
      {"cross_entropy", "option", [](F f) { cross_entropy(f(2, 3), f.indices(2), 1.5); },
       "label smoothing must be in [0, 1], was 1.5"},
      {"soft_cross_entropy", "rank", [](F f) { soft_cross_entropy(f(), f()); },
       "axis -1 does not exist: the input has rank 0"},
      {"soft_cross_entropy", "shape", [](F f) { soft_cross_entropy(f(2, 3), f(3, 2)); },
       "prediction and target differ: f32 (2, 3) and f32 (3, 2)"},
      {"binary_cross_entropy", "shape", [](F f) { binary_cross_entropy(f(2, 1), f(2)); },
       "prediction and target differ: f32 (2, 1) and f32 (2)"},
      {"mse", "shape", [](F f) { mse(f(2, 3), f(3, 2)); },
       "prediction and target differ: f32 (2, 3) and f32 (3, 2)"},
      {"huber", "shape", [](F f) { huber(f(2, 3), f(3)); },
       "prediction and target differ: f32 (2, 3) and f32 (3)"},
      {"huber", "option", [](F f) { huber(f(2), f(2), 0); }, "delta must be > 0, was 0"},
      {"matmul", "rank", [](F f) { matmul(f(512, 10), f(10)); },
       "needs two matrices (rank 2): (512, 10) x (10)"},
      {"matmul", "shape", [](F f) { matmul(f(128, 784), f(512, 10)); },
       "inner dimensions differ: (128, 784) x (512, 10)"},
      {"matmul", "shape", [](F f) { matmul(f(128, 784), f(512, 10), true, true); },
       "inner dimensions differ: (128, 784)' x (512, 10)'"},
      {"batched_matmul", "rank", [](F f) { batched_matmul(f(2, 3), f(3, 2)); },
       "needs two stacks (rank 3) of the same number of matrices: (2, 3) x (3, 2)"},
      {"batched_matmul", "shape", [](F f) { batched_matmul(f(2, 2, 3), f(3, 3, 2)); },
       "needs two stacks (rank 3) of the same number of matrices: (2, 2, 3) x (3, 3, 2)"},
      {"batched_matmul", "shape", [](F f) { batched_matmul(f(2, 2, 3), f(2, 2, 3), false, false); },
       "inner dimensions differ: (2, 2, 3) x (2, 2, 3)"},
      {"outer", "rank", [](F f) { outer(f(2), f(2, 1)); },
       "needs two vectors (rank 1): (2) and (2, 1)"},
      {"conv2d", "rank", [](F f) { conv2d(f(4, 4, 2), f(3, 3, 2, 3)); },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"conv2d", "shape", [](F f) { conv2d(f(1, 4, 4, 2), f(3, 3, 1, 3)); },
       "channels differ: images (1, 4, 4, 2) have 2, kernel (3, 3, 1, 3) takes 1"},
      {"conv2d", "shape", [](F f) { conv2d(f(1, 2, 4, 2), f(3, 3, 2, 3)); },
       "kernel (3, 3, 2, 3) spans 3 pixels of height, but images (1, 2, 4, 2) padded by 0 have "
       "only 2"},
      {"conv2d", "option", [](F f) { conv2d(f(1, 4, 4, 2), f(3, 3, 2, 3), {.stride = 0}); },
       "stride, dilation and groups must be at least 1 and padding at least 0, but they are 0, 1, "
       "1 and 0"},
      {"conv2d", "option", [](F f) { conv2d(f(1, 4, 4, 2), f(3, 3, 1, 3), {.groups = 2}); },
       "the 3 output channels of kernel (3, 3, 1, 3) do not divide into 2 groups"},
      {"conv2d_input_grad", "rank",
       [](F f) { conv2d_input_grad(f(3, 3, 2, 3), f(1, 2, 2, 3), {}, list(4, 4, 2)); },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"conv2d_input_grad", "shape",
       [](F f) { conv2d_input_grad(f(3, 3, 2, 3), f(1, 4, 4, 3), {}, list(1, 4, 4, 2)); },
       "images (1, 4, 4, 2) and kernel (3, 3, 2, 3) have outputs of shape (1, 2, 2, 3), but the "
       "cotangent is (1, 4, 4, 3)"},
      {"conv2d_input_grad", "option",
       [](F f) {
         conv2d_input_grad(f(3, 3, 2, 3), f(1, 2, 2, 3), {.padding = -1}, list(1, 4, 4, 2));
       },
       "stride, dilation and groups must be at least 1 and padding at least 0, but they are 1, 1, "
       "1 and -1"},
      {"conv2d_weight_grad", "rank",
       [](F f) { conv2d_weight_grad(f(1, 4, 4, 2), f(1, 2, 2, 3), {}, list(3, 3, 2)); },
       "a kernel needs the shape (height, width, in channels, out channels), all at least 1, not "
       "(3, 3, 2)"},
      {"conv2d_weight_grad", "shape",
       [](F f) { conv2d_weight_grad(f(1, 4, 4, 2), f(2, 2, 2, 3), {}, list(3, 3, 2, 3)); },
       "images (1, 4, 4, 2) and kernel (3, 3, 2, 3) have outputs of shape (1, 2, 2, 3), but the "
       "cotangent is (2, 2, 2, 3)"},
      {"conv2d_weight_grad", "option",
       [](F f) {
         conv2d_weight_grad(f(1, 4, 4, 2), f(1, 2, 2, 3), {.dilation = 0}, list(3, 3, 2, 3));
       },
       "stride, dilation and groups must be at least 1 and padding at least 0, but they are 1, 0, "
       "1 and 0"},
      {"average_pool2d", "rank", [](F f) { average_pool2d(f(4, 4, 2)); },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"average_pool2d", "shape", [](F f) { average_pool2d(f(1, 1, 1, 1)); },
       "a window of 2 does not fit into images (1, 1, 1, 1) padded by 0"},
      {"average_pool2d", "option", [](F f) { average_pool2d(f(1, 4, 4, 2), pool(2, 0)); },
       "window and stride must be at least 1, but they are 2 and 0"},
      {"average_pool2d", "option", [](F f) { average_pool2d(f(1, 4, 4, 2), pool(2, 2, 2)); },
       "padding must be at least 0 and less than the window of 2, but it is 2"},
      {"max_pool2d", "rank", [](F f) { max_pool2d(f(4, 4, 2)); },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"max_pool2d", "shape", [](F f) { max_pool2d(f(1, 1, 1, 1)); },
       "a window of 2 does not fit into images (1, 1, 1, 1) padded by 0"},
      {"max_pool2d", "option", [](F f) { max_pool2d(f(1, 4, 4, 2), pool(2, 0)); },
       "window and stride must be at least 1, but they are 2 and 0"},
      {"max_pool2d", "option", [](F f) { max_pool2d(f(1, 4, 4, 2), pool(2, 2, 2)); },
       "padding must be at least 0 and less than the window of 2, but it is 2"},
      {"max_pool2d_indices", "rank", [](F f) { max_pool2d_indices(f(4, 4, 2)); },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"max_pool2d_indices", "shape", [](F f) { max_pool2d_indices(f(1, 1, 1, 1)); },
       "a window of 2 does not fit into images (1, 1, 1, 1) padded by 0"},
      {"max_pool2d_indices", "option", [](F f) { max_pool2d_indices(f(1, 4, 4, 2), pool(2, 0)); },
       "window and stride must be at least 1, but they are 2 and 0"},
      {"max_pool2d_indices", "option",
       [](F f) { max_pool2d_indices(f(1, 4, 4, 2), pool(2, 2, 2)); },
       "padding must be at least 0 and less than the window of 2, but it is 2"},
      {"average_pool2d_adjoint", "rank",
       [](F f) { average_pool2d_adjoint(f(1, 2, 2, 2), {}, list(4, 4, 2)); },
       "images need the shape (batch, height, width, channels), not (4, 4, 2)"},
      {"average_pool2d_adjoint", "shape",
       [](F f) { average_pool2d_adjoint(f(1, 3, 2, 2), {}, list(1, 4, 4, 2)); },
       "images (1, 4, 4, 2) pool to (1, 2, 2, 2), but the cotangent is (1, 3, 2, 2)"},
      {"average_pool2d_adjoint", "option",
       [](F f) { average_pool2d_adjoint(f(1, 2, 2, 2), pool(0, 1), list(1, 4, 4, 2)); },
       "window and stride must be at least 1, but they are 0 and 1"},
      {"global_average_pool", "rank", [](F f) { global_average_pool(f(4, 4, 2)); },
       "needs images (n, h, w, c), was given (4, 4, 2)"},
  };
  return list_of_mistakes;
}

/// True if the function's parameters contain one of these words.
bool has_parameter(const OpRow& row, std::initializer_list<const char*> words) {
  const std::string parameters = row.signature.substr(row.signature.find('(') + 1);
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return parameters.find(word) != std::string::npos; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_mistakes)

BOOST_AUTO_TEST_CASE(every_mistake_has_its_answer) {
  for (const Mistake& mistake : mistakes()) {
    Tape tape;
    BOOST_TEST(error_of([&] { mistake.call({tape}); }) ==
               "[" + mistake.function + "] " + mistake.text);
    BOOST_TEST(mistake.text.find('\n') == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(elementwise_functions_of_two_inputs_broadcast) {
  for (const PublicFunction& f : public_functions()) {
    if (!f.row.definition.call || f.x.size() != 2) continue;
    for (const Shape& other : {Shape{3, 2}, Shape{2}}) {
      Tape tape;
      BOOST_TEST(
          error_of([&] {
            f.call({tape.input({2, 3}), tape.input(other)});
          }) ==
          fmt::format("[{}] shapes do not broadcast: (2, 3) and {}; each axis must be equal or 1",
                      f.name, str(other)));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_function_has_every_kind_of_mistake) {
  std::set<std::string> made;
  for (const Mistake& mistake : mistakes()) made.insert(mistake.function + ": " + mistake.kind);
  const auto demand = [&](const PublicFunction& f, std::initializer_list<const char*> kinds) {
    BOOST_TEST(
        std::any_of(kinds.begin(), kinds.end(),
                    [&](const char* kind) { return made.contains(f.name + ": " + kind); }),
        "tests/ops/mistakes_test.cpp has no mistake in the " << *kinds.begin() << " of " << f.name);
  };
  for (const PublicFunction& f : public_functions()) {
    if (has_parameter(f.row, {"axis", "axes"})) demand(f, {"axis"});
    if (has_parameter(f.row, {"geometry", "before", "epsilon", "smoothing", "delta", "low", "size",
                              "classes", "dtype"}))
      demand(f, {"option"});
    if (f.x.size() > 1 && !f.row.definition.call) demand(f, {"shape", "rank"});
  }
}

BOOST_AUTO_TEST_SUITE_END()
