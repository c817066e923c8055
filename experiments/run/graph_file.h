// A recorded graph in words, so that other programs can compute it: what is recorded, in order,
// with the name and attributes of each op. tests/commands/torch_ops.py evaluates it in PyTorch.
//
//   {"nodes": [{"leaf": "images", "shape": [8, 64], "dtype": "f64"},
//              {"op": "sum_to", "attributes": "(1, 64)", "inputs": [0], "phase": "forward",
//               "shape": [1, 64], "dtype": "f64"}, ...],
//    "outputs": [7]}
//
// `leaf` names an array of the safetensors file beside it; `inputs` and `outputs` are positions in
// `nodes`, where inputs always come first.
#pragma once

#include <map>
#include <string>

#include "autodiff/tape/tape.h"
#include "experiments/files/json.h"
#include "experiments/files/safetensors.h"

namespace twice::experiments {

/// The part of their tape that `outputs` need. `names` says under which name the caller has put
/// the array of a leaf (by tape node) into `file`; the arrays of other leaves are appended as
/// PREFIXconstant.NODE. Throws when such a leaf is an input, which has no array.
Json graph_json(const Tensors& outputs, const std::map<int, std::string>& names,
                const std::string& prefix, TensorFile& file);

}  // namespace twice::experiments
