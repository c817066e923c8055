// The cases of `check` as files: graphs, inputs and the engine's derivatives, for comparing with
// another engine. tests/commands/pytorch_ops_test.py does it with PyTorch.
#pragma once

#include <filesystem>

#include "autodiff/check/derivatives.h"

namespace twice::experiments {

/// Writes FOLDER/cases.json and FOLDER/cases.safetensors: a case for each row of the op table, for
/// ops at their kinks, for each of the random graphs of seeds 1 to `graphs`, and for the loss of a
/// small model of each kind as a function of its parameters. JSON:
///   {"order", "cases": [{"name", "graph", "inputs": [names], "outputs": count, "methods"}, ...]}
/// `graph` as in docs/records.md ("The graph file"); a model's `methods` are their names and
/// options. Of case K with float inputs x and float outputs y the arrays are, with random u_0, u_1,
/// u_2 and s_0 = <y, u_0>, g_k = grad s_(k-1), s_k = <g_k, u_k>:
///   K.input.I          an input; `inputs` names the float ones, x
///   K.y.J, K.u0.J      the outputs and their weights
///   K.gk.I, K.uk.I     k = 1, 2, ...: derivatives of order k and their weights
///   K.METHOD.I         a model: the gradient that the method gives to the optimiser
void write_cases(const std::filesystem::path& folder, int graphs, const CheckOptions& options = {});

}  // namespace twice::experiments
