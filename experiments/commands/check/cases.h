// Writes the cases of `check` to files (graphs, inputs and the engine's derivatives), so that
// another engine can check them. tests/commands/pytorch_ops_test.py checks them with PyTorch.
#pragma once

#include <filesystem>

#include "autodiff/check/derivatives.h"

namespace twice::experiments {

/// Writes FOLDER/cases.json and FOLDER/cases.safetensors. There is a case for each row of the op
/// table, for ops at their kinks, for each random graph of seeds 1 to `graphs`, and for the loss of
/// a small model of each kind as a function of its parameters. The JSON is
///   {"order", "cases": [{"name", "graph", "inputs": [names], "outputs": count, "methods"}, ...]}
/// `graph` has the format of docs/records.md ("The graph file"). `methods` holds the names and
/// options of a model's methods. Let case K have float inputs x and float outputs y. With random
/// u_0, u_1, u_2 and s_0 = <y, u_0>, g_k = grad s_(k-1), s_k = <g_k, u_k>, its arrays are
///   K.input.I          an input; `inputs` lists the names of the float inputs, x
///   K.y.J, K.u0.J      the outputs and their weights
///   K.gk.I, K.uk.I     k = 1, 2, ...: derivatives of order k and their weights
///   K.METHOD.I         for a model: the gradient that the method gives to the optimiser
void write_cases(const std::filesystem::path& folder, int graphs, const CheckOptions& options = {});

}  // namespace twice::experiments
