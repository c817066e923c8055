// Mistakes: elementwise functions.
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/cast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/power.h"
#include "nn/layers.h"

#include "tests/ops/mistakes.h"

namespace twice::testing {

std::vector<Mistake> elementwise_mistakes() {
  return {
      {"add", "shape",
       [](F f) {
         f({2, 3}) + f({3, 2});
       },
       "shapes do not broadcast: (2, 3) and (3, 2); each axis must be equal or 1"},
      {"sub", "shape",
       [](F f) {
         f({2, 3}) - f({3, 2});
       },
       "shapes do not broadcast: (2, 3) and (3, 2); each axis must be equal or 1"},
      {"mul", "shape",
       [](F f) {
         f({2, 3}) * f({3, 2});
       },
       "shapes do not broadcast: (2, 3) and (3, 2); each axis must be equal or 1"},
      {"div", "shape",
       [](F f) {
         f({2, 3}) / f({3, 2});
       },
       "shapes do not broadcast: (2, 3) and (3, 2); each axis must be equal or 1"},
      {"pow", "shape",
       [](F f) {
         pow(f({2, 3}), f({2}));
       },
       "shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1"},
      {"greater", "shape",
       [](F f) {
         greater(f({2, 3}), f({2}));
       },
       "shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1"},
      {"greater_equal", "shape",
       [](F f) {
         greater_equal(f({2, 3}), f({2}));
       },
       "shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1"},
      {"equal", "shape",
       [](F f) {
         equal(f({2, 3}), f({2}));
       },
       "shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1"},
      {"maximum", "shape",
       [](F f) {
         maximum(f({2, 3}), f({2}));
       },
       "shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1"},
      {"masked", "shape",
       [](F f) {
         masked(f({2, 3}), f({2}));
       },
       "shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1"},
      {"cast", "option", [](F f) { cast(f({2}), DType::i32); }, "casts to f32 or f64, not to i32"},
      {"minimum", "shape",
       [](F f) {
         minimum(f({2, 3}), f({2}));
       },
       "shapes do not broadcast: (2, 3) and (2); each axis must be equal or 1"},
      {"where", "shape",
       [](F f) {
         where(f({2, 3}), f({2, 3}), f({4, 3}));
       },
       "shapes do not broadcast: (2, 3) and (4, 3); each axis must be equal or 1"},
      {"where", "shape",
       [](F f) {
         where(f({5, 3}), f({2, 3}), f({3}));
       },
       "shapes do not broadcast: (5, 3) and (2, 3); each axis must be equal or 1"},
      {"clamp", "option", [](F f) { clamp(f({2}), 2, 1); }, "needs low <= high, was given [2, 1]"},
      {"dropout", "option", [](F) { dropout(1, 0); },
       "the rate is 1; expected at least 0 and less than 1"},
  };
}

}  // namespace twice::testing
