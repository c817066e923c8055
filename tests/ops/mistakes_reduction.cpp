// Mistakes: reductions, softmax and losses.
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/tensors.h"

#include "tests/ops/mistakes.h"

namespace twice::testing {

std::vector<Mistake> reduction_mistakes() {
  return {
      {"sum_to", "rank",
       [](F f) {
         sum_to(f({2, 3}), {1, 2, 3});
       },
       "shape (2, 3) does not sum to (1, 2, 3): each axis must be equal or 1"},
      {"sum_to", "shape",
       [](F f) {
         sum_to(f({2, 3}), {2, 2});
       },
       "shape (2, 3) does not sum to (2, 2): each axis must be equal or 1"},
      {"sum", "axis",
       [](F f) {
         sum(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"sum", "axis",
       [](F f) {
         sum(f({2, 3}), {1, -1});
       },
       "axis 1 is listed twice in (1, -1)"},
      {"mean", "axis",
       [](F f) {
         mean(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"mean", "axis",
       [](F f) {
         mean(f({2, 3}), {1, -1});
       },
       "axis 1 is listed twice in (1, -1)"},
      {"norm", "axis",
       [](F f) {
         norm(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"norm", "axis",
       [](F f) {
         norm(f({2, 3}), {1, -1});
       },
       "axis 1 is listed twice in (1, -1)"},
      {"max", "axis",
       [](F f) {
         max(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"max", "axis",
       [](F f) {
         max(f({2, 3}), {1, -1});
       },
       "axis 1 is listed twice in (1, -1)"},
      {"min", "axis",
       [](F f) {
         min(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"min", "axis",
       [](F f) {
         min(f({2, 3}), {1, -1});
       },
       "axis 1 is listed twice in (1, -1)"},
      {"center", "axis",
       [](F f) {
         center(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"variance", "axis",
       [](F f) {
         variance(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"variance", "axis",
       [](F f) {
         variance(f({2, 3}), {1, -1});
       },
       "axis 1 is listed twice in (1, -1)"},
      {"logsumexp", "axis",
       [](F f) {
         logsumexp(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"logsumexp", "axis",
       [](F f) {
         logsumexp(f({2, 3}), {1, -1});
       },
       "axis 1 is listed twice in (1, -1)"},
      {"max", "shape",
       [](F f) {
         max(f({2, 0}));
       },
       "shape (2, 0) has no numbers to compare"},
      {"min", "shape",
       [](F f) {
         min(f({2, 0}), {1});
       },
       "shape (2, 0) has no numbers to compare"},
      {"dot", "shape",
       [](F f) {
         dot(f({2, 3}), f({3}));
       },
       "shapes differ: (2, 3) and (3)"},
      {"dot", "option",
       [](F f) {
         dot({f({2}), f({2})}, f({2}));
       },
       "lists of 2 and 1 tensors do not pair up"},
      {"squared_norm", "option", [](F) { squared_norm({}); },
       "an empty list has no tape to put its sum on"},
      {"softmax", "axis",
       [](F f) {
         softmax(f({2, 3}), 2);
       },
       "axis 2 does not exist: the input has rank 2"},
      {"softmax", "rank", [](F f) { softmax(f({})); },
       "axis -1 does not exist: the input has rank 0"},
      {"log_softmax", "axis",
       [](F f) {
         log_softmax(f({2, 3}), -3);
       },
       "axis -3 does not exist: the input has rank 2"},
      {"log_softmax", "rank", [](F f) { log_softmax(f({})); },
       "axis -1 does not exist: the input has rank 0"},
      {"standardize", "axis",
       [](F f) {
         standardize(f({2, 3}), {2});
       },
       "axis 2 does not exist: the input has rank 2"},
      {"standardize", "option",
       [](F f) {
         standardize(f({2, 3}), {1}, 0);
       },
       "epsilon must be > 0, was 0"},
      {"cross_entropy", "rank", [](F f) { cross_entropy(f({}), f({}, i32)); },
       "logits () need one label for each row; the labels are ()"},
      {"cross_entropy", "shape",
       [](F f) {
         cross_entropy(f({2, 3}), f({3}, i32));
       },
       "logits (2, 3) need one label for each row; the labels are (3)"},
      {"cross_entropy", "option",
       [](F f) {
         cross_entropy(f({2, 3}), f({2}, i32), 1.5);
       },
       "label smoothing must be in [0, 1], was 1.5"},
      {"soft_cross_entropy", "rank", [](F f) { soft_cross_entropy(f({}), f({})); },
       "axis -1 does not exist: the input has rank 0"},
      {"soft_cross_entropy", "shape",
       [](F f) {
         soft_cross_entropy(f({2, 3}), f({3, 2}));
       },
       "prediction and target differ: f32 (2, 3) and f32 (3, 2)"},
      {"binary_cross_entropy", "shape",
       [](F f) {
         binary_cross_entropy(f({2, 1}), f({2}));
       },
       "prediction and target differ: f32 (2, 1) and f32 (2)"},
      {"mse", "shape",
       [](F f) {
         mse(f({2, 3}), f({3, 2}));
       },
       "prediction and target differ: f32 (2, 3) and f32 (3, 2)"},
      {"huber", "shape",
       [](F f) {
         huber(f({2, 3}), f({3}));
       },
       "prediction and target differ: f32 (2, 3) and f32 (3)"},
      {"huber", "option", [](F f) { huber(f({2}), f({2}), 0); }, "delta must be > 0, was 0"},
  };
}

}  // namespace twice::testing
