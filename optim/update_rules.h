// The updates of sgd, adam and adamw for one parameter. The equations are at OptimizerOptions. Like
// the kernels, update_rules.cpp is compiled for each kind of CPU.
#pragma once

#include "optim/optimizers.h"

namespace twice {

void sgd_update(const ParameterUpdate& u);
void adam_update(const ParameterUpdate& u);
void adamw_update(const ParameterUpdate& u);

}  // namespace twice
