"""PyTorch's versions of the public functions that are built from several ops.

The keys are the names of the cases that `twice check --write` writes. Each function takes the inputs of
its case. A square or cube around a function comes from its row in the op table. torch_ops.py has the
single ops.
"""

import torch
import torch.nn.functional as F


def cube(x):
    return x ** 3


def batch_norm(x, scale, shift):
    y = F.batch_norm(x.permute(0, 3, 1, 2), None, None, scale, shift, training=True)
    return y.permute(0, 2, 3, 1).square()


COMPOSED = {
    "add, broadcast": lambda a, b: a + b,
    "mul, broadcast": lambda a, b: a * b,
    "div, broadcast": lambda a, b: a / b,
    "pow_tensor, broadcast": lambda a, b: a ** b,
    "safe_sqrt": lambda x: x.sqrt(),
    "safe_sqrt, of squares": lambda x: (0.5 + x.square()).sqrt(),
    "pow, exponent 3": lambda x: x ** 3,
    "pow, exponent 7": lambda x: x ** 7,
    "pow, exponent 0.1": lambda x: x ** 0.1,
    "beta_gelu, beta 1": F.gelu,
    "sigmoid, in gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "sum_to, sum": lambda x: cube(x.sum((0, 2))),
    "sum_to, mean": lambda x: cube(x.mean(1, keepdim=True)),
    "sum_to, norm": lambda x: cube(x.norm(dim=1)),
    "sum_to, everything": lambda x: cube(x.sum()),
    "permute, transpose": lambda x: cube(x.t()),
    "slice": lambda x: cube(x[:, 1:3]),
    "slice, step 2": lambda x: cube(x[1:7:2]),
    "slice, flip": lambda x: cube(x.flip(1)),
    "pad": lambda x: cube(F.pad(x, (0, 2, 1, 0))),
    "concat, stack": lambda a, b: cube(torch.stack([a, b], -1)),
    "gather": lambda x, i: cube(x.index_select(0, i)),
    "gather_along": lambda x, i: cube(x.gather(1, i)),
    "scatter_along": lambda x, i: cube(x.new_zeros(2, 3, 5).scatter_add(2, i, x)),
    "argmax, max": lambda x: cube(x.amax(2)),
    "argmax, max over two axes": lambda x: cube(x.amax((0, 2), keepdim=True)),
    "argmin, min": lambda x: cube(x.amin(1)),
    "matmul, outer": lambda a, b: torch.outer(a, b).square(),
    "sum_to, global_average_pool": lambda x: x.mean((1, 2)).square(),
    "max_pool2d_indices, max_pool2d": lambda x: F.max_pool2d(
        x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1).square(),
    "average_pool2d": lambda x: F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1).square(),
    "softmax, axis 0": lambda x: x.softmax(0),
    "log_softmax, axis 1 of 3": lambda x: x.log_softmax(1),
    "logsumexp, axes 0 and 2": lambda x: x.logsumexp((0, 2), keepdim=True),
    "logsumexp, everything": lambda x: x.logsumexp((0, 1)),
    "cross_entropy, mean": F.cross_entropy,
    "cross_entropy, each example": lambda x, t: F.cross_entropy(x, t, reduction="none"),
    "cross_entropy, label smoothing": lambda x, t: F.cross_entropy(x, t, reduction="sum",
                                                                   label_smoothing=0.1),
    "log_softmax, in soft_cross_entropy": F.cross_entropy,
    "softplus, in binary_cross_entropy": F.binary_cross_entropy_with_logits,
    "square, in mse": F.mse_loss,
    "clamp, in huber": lambda x, t: F.huber_loss(x, t, delta=0.9),
    "center, everything": lambda x: (x - x.mean()).square(),
    "variance, axes 0 and 2": lambda x: x.var((0, 2), unbiased=False),
    "variance, everything": lambda x: x.var(unbiased=False),
    "standardize, layer norm": lambda x: F.layer_norm(x, (5,), eps=0.1),
    "standardize, in layer_norm": lambda x, w, b: F.layer_norm(x, (5,), w, b).square(),
    "standardize, in batch_norm": batch_norm,
}

# The third derivatives of PyTorch's norms are wrong: they differ from those of the same formula
# written in PyTorch, and from finite differences. So only the first two derivatives are compared.
TWICE_DIFFERENTIABLE = {"standardize, layer norm", "standardize, in layer_norm",
                        "standardize, in batch_norm"}
