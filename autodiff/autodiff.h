// All public headers of the engine: arrays, the tape, ops, derivatives, plans and counted costs.
#pragma once

// Arrays.
#include "autodiff/array/array.h"
#include "autodiff/kernels/cpu.h"
#include "autodiff/kernels/random.h"
#include "autodiff/threads/parallel.h"

// The tape, and the base class of ops.
#include "autodiff/ops/bilinear.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/linear.h"
#include "autodiff/tape/tape.h"

// Ops.
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/batched_matmul.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/cast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/ops/trigonometric.h"

// Derivatives, and a check of derivative rules.
#include "autodiff/check/derivatives.h"
#include "autodiff/derive/dense.h"
#include "autodiff/derive/grad.h"
#include "autodiff/derive/hvp.h"

// Plans, which run the recorded nodes, their counted costs, and printing.
#include "autodiff/plan/plan.h"
#include "autodiff/print.h"
#include "autodiff/profile/ledger.h"
