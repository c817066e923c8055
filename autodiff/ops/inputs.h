// What a public function asks of its inputs before it looks at their shapes, so that an error names
// the function that the user called and not one that it is built from.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// Throws, naming `who`, unless all are f32 or f64, and of one dtype.
void check_floats(std::string_view who, Specs x);
/// ... and valid handles of one tape.
void check_floats(std::string_view who, std::initializer_list<Tensor> x);

}  // namespace twice
