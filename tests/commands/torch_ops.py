"""Evaluates a graph that `twice` wrote (`graph_json` in experiments/run/recording.h) in PyTorch.

Has one entry for each op, which computes the op from its name, its attributes and its inputs alone, by
PyTorch's own function if PyTorch has one. A value or derivative that differs from the engine's is
therefore an error on one side. An op whose attributes are incomplete cannot be evaluated at all. The
layouts are the engine's: images (n, height, width, channels), kernels (height, width, in, out).
"""

import math
import re

import torch
import torch.nn.functional as F


def evaluate(graph, leaves):
    """The values of the graph's outputs. `leaves` maps the name of each leaf to its tensor."""
    values = []
    for node in graph["nodes"]:
        if "leaf" in node:
            value = leaves[node["leaf"]]
        else:
            if node["op"] not in OPS:
                raise AssertionError(f"{__file__} has no entry for the op {node['op']}")
            inputs = [values[i] for i in node["inputs"]]
            value = OPS[node["op"]](node["attributes"], *inputs)
        if list(value.shape) != node["shape"]:
            raise AssertionError(f"{node} has shape {tuple(value.shape)} in PyTorch")
        values.append(value)
    return [values[i] for i in graph["outputs"]]


# Attributes are text, in the form that `twice explain` prints.

def numbers(text):
    """`[-1.05, inf]` -> [-1.05, inf]"""
    return [float(t) for t in re.findall(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf)", text)]


def shapes(text):
    """`(2, 3) first (0, 1)` -> [[2, 3], [0, 1]]"""
    return [[int(t) for t in re.findall(r"-?\d+", inside)] for inside in re.findall(r"\((.*?)\)", text)]


def shape(text):
    (only,) = shapes(text)
    return only


def number(text):
    (only,) = numbers(text)
    return only


# Ops that move numbers.

def expand(text, x):
    return x.expand(shape(text))


def sum_to(text, x):
    target = shape(text)
    lead = x.dim() - len(target)
    y = x.sum(tuple(range(lead))) if lead else x
    axes = [a for a, size in enumerate(target) if size == 1 and y.shape[a] != 1]
    return y.sum(axes, keepdim=True) if axes else y


def positions(first, step, count):
    return first + step * torch.arange(count)


def take(text, x):
    count, first, step = shapes(text)
    for axis in range(x.dim()):
        x = x.index_select(axis, positions(first[axis], step[axis], count[axis]))
    return x


def pad(text, x):
    whole, first, step = shapes(text)
    for axis in range(x.dim()):
        size = [*x.shape[:axis], whole[axis], *x.shape[axis + 1:]]
        x = x.new_zeros(size).index_add(axis, positions(first[axis], step[axis], x.shape[axis]), x)
    return x


def scatter_add(text, x, i):
    rest = x.shape[i.dim():]
    return x.new_zeros([int(number(text)), *rest]).index_add(0, i.flatten(), x.reshape(-1, *rest))


def scatter_along(text, x, i):
    return x.new_zeros([*x.shape[:-1], int(number(text))]).scatter_add(-1, i, x)


# Matrix products and convolutions.

def matmul(text, a, b):
    left, right = text.split()
    return torch.matmul(a.mT if left == "A'" else a, b.mT if right == "B'" else b)


def convolution(text):
    """The function (x, w) -> y for one geometry."""
    stride, padding, dilation, groups = [int(n) for n in numbers(text.split(" to ")[0])]
    return lambda x, w: F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), None, stride, padding,
                                 dilation, groups).permute(0, 2, 3, 1)


def adjoint(f, target, g):
    """The adjoint of the linear function f at g: the x of shape `target` with <x, x'> = <f(x'), g> for all x'."""
    x = torch.zeros(target, dtype=g.dtype, requires_grad=True)
    return torch.autograd.grad(f(x), x, g, create_graph=True)[0]


# Pooling.

def pooling(pool, text, **options):
    window, stride, padding = [int(n) for n in numbers(text.split(" to ")[0])]
    return lambda x: pool(x.permute(0, 3, 1, 2), window, stride, padding, **options)


def average_pool(text):
    pooled = pooling(F.avg_pool2d, text)
    return lambda x: pooled(x).permute(0, 2, 3, 1)


def max_pool_indices(text, x):
    return pooling(F.max_pool2d, text, return_indices=True)(x)[1].permute(0, 2, 3, 1)


def pool_gather(_, x, i):
    return x.flatten(1, 2).gather(1, i.flatten(1, 2)).reshape(i.shape)


def pool_scatter(text, x, i):
    n, height, width, channels = shape(text)
    y = x.new_zeros([n, height * width, channels])
    return y.scatter_add(1, i.flatten(1, 2), x.flatten(1, 2)).reshape(n, height, width, channels)


# Ops along rows and axes.

def cross_entropy(_, x, labels):
    return F.cross_entropy(x.reshape(-1, x.shape[-1]), labels.flatten(),
                           reduction="none").reshape(labels.shape)


def center(text, x):
    axes = shape(text)
    return x - x.mean(axes, keepdim=True) if axes else torch.zeros_like(x)


def variance(text, x):
    axes = shape(text)
    return x.var(axes, unbiased=False, keepdim=True) if axes else torch.zeros_like(x)


def inverse_deviation(text, x, v):
    return (v + numbers(text.split("epsilon")[1])[0]).rsqrt()


def standardize(text, x):
    axes = text.split("epsilon")[0]
    return center(axes, x) * inverse_deviation(text, x, variance(axes, x))


# The mask of dropout, from uniform numbers of Philox 4x32-10 (Salmon et al. 2011). kernels/random.h
# defines the key.

def philox(counter, key):
    x, mask = list(counter), 0xFFFFFFFF
    k0, k1 = key
    for _ in range(10):
        p0, p1 = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [(p1 >> 32) ^ x[1] ^ k0, p1 & mask, (p0 >> 32) ^ x[3] ^ k1, p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return x


def words(number):
    return [number & 0xFFFFFFFF, number >> 32]


def uniform(seed, step, use, count):
    stream = philox([*words(step), *words(use)], words(seed))
    result = []
    for block in range((count + 1) // 2):
        w = philox([*words(block), *stream[2:]], stream[:2])
        result += [(w[i] << 32 | w[i + 1]) >> 11 for i in (0, 2)]
    return torch.tensor(result[:count], dtype=torch.float64) * 2.0 ** -53


def dropout_mask(text, step):
    seed, use, rate = re.match(r"seed (\d+) use (\d+) rate (\S+) ", text).groups()
    target, rate = shape(text), float(rate)
    u = uniform(int(seed), step.item(), int(use), math.prod(target))
    return ((u >= rate).to(u.dtype) / (1 - rate)).reshape(target)


def mask(condition):
    return lambda _, *x: condition(*x).to(torch.float64)


OPS = {
    "add": lambda _, a, b: a + b,
    "sub": lambda _, a, b: a - b,
    "mul": lambda _, a, b: a * b,
    "div": lambda _, a, b: a / b,
    "affine": lambda t, x: x * numbers(t)[0] + numbers(t)[1],
    "square": lambda _, x: x.square(),
    "reciprocal": lambda _, x: x.reciprocal(),
    "sqrt": lambda _, x: x.sqrt(),
    "safe_sqrt": lambda _, x: x.sqrt(),
    "safe_sqrt_slope": lambda _, x: 0.5 / x.sqrt(),
    "rsqrt": lambda _, x: x.rsqrt(),
    "pow": lambda t, x: x.pow(number(t)),
    "pow_tensor": lambda t, a, b: a.pow(b - number(t) if t else b),
    "exp": lambda _, x: x.exp(),
    "expm1": lambda _, x: x.expm1(),
    "log": lambda _, x: x.log(),
    "log1p": lambda _, x: x.log1p(),
    "erf": lambda _, x: x.erf(),
    "normal_pdf": lambda _, x: (-x.square() / 2).exp() / math.sqrt(2 * math.pi),
    "normal_cdf": lambda _, x: torch.erfc(-x / math.sqrt(2)) / 2,
    "sin": lambda _, x: x.sin(),
    "cos": lambda _, x: x.cos(),

    "relu": lambda _, x: F.relu(x),
    "positive": mask(lambda x: x > 0),
    "leaky_relu": lambda t, x: F.leaky_relu(x, number(t)),
    "elu": lambda t, x: F.elu(x, number(t)),
    "elu_slope": lambda t, x: torch.where(x > 0, torch.ones_like(x), number(t) * x.exp()),
    "tanh": lambda _, x: x.tanh(),
    "sech2": lambda _, x: x.cosh() ** -2,
    "sigmoid": lambda _, x: x.sigmoid(),
    "softplus": lambda _, x: F.softplus(x, threshold=100),
    "silu": lambda _, x: F.silu(x),
    "beta_gelu": lambda t, x: F.gelu(x * number(t)) / number(t),

    "masked": lambda _, x, m: torch.where(m != 0, x, torch.zeros_like(x)),
    "abs": lambda _, x: x.abs(),
    "sign": lambda _, x: x.sign(),
    "greater": mask(lambda a, b: a > b),
    "greater_equal": mask(lambda a, b: a >= b),
    "equal": mask(lambda a, b: a == b),
    "nonzero": mask(lambda x: x != 0),
    "inside": lambda t, x: ((x >= numbers(t)[0]) & (x <= numbers(t)[1])).to(x.dtype),
    "maximum": lambda _, a, b: torch.maximum(a, b),
    "minimum": lambda _, a, b: torch.minimum(a, b),
    "clamp": lambda t, x: x.clamp(*numbers(t)),
    "where": lambda _, m, a, b: torch.where(m != 0, a, b),

    "reshape": lambda t, x: x.reshape(shape(t)),
    "permute": lambda t, x: x.permute(shape(t)),
    "stop_gradient": lambda _, x: x.detach(),
    "slice": take,
    "pad": pad,
    "concat": lambda t, *x: torch.cat(x, int(number(t))),
    "broadcast_to": expand,
    "sum_to": sum_to,

    "gather": lambda _, x, i: x[i],
    "scatter_add": scatter_add,
    "gather_along": lambda _, x, i: x.gather(-1, i),
    "scatter_along": scatter_along,
    "one_hot": lambda t, i: F.one_hot(i, int(t.split()[0])).to(torch.float64),
    "argmax": lambda _, x: x.argmax(-1, keepdim=True),
    "argmin": lambda _, x: x.argmin(-1, keepdim=True),

    "matmul": matmul,
    "batched_matmul": matmul,
    "conv2d": lambda t, x, w: convolution(t)(x, w),
    "conv2d_input_grad": lambda t, w, g: adjoint(lambda x: convolution(t)(x, w), shape(t), g),
    "conv2d_weight_grad": lambda t, x, g: adjoint(lambda w: convolution(t)(x, w), shape(t), g),
    "average_pool2d": lambda t, x: average_pool(t)(x),
    "average_pool2d_adjoint": lambda t, g: adjoint(average_pool(t), shape(t), g),
    "max_pool2d_indices": max_pool_indices,
    "pool_gather": pool_gather,
    "pool_scatter": pool_scatter,

    "softmax": lambda _, x: x.softmax(-1),
    "softmax_product": lambda _, y, v: y * (v - (y * v).sum(-1, keepdim=True)),
    "softmax_error": lambda _, x, i: x.softmax(-1) - F.one_hot(i, x.shape[-1]),
    "log_softmax": lambda _, x: x.log_softmax(-1),
    "logsumexp": lambda _, x: x.logsumexp(-1),
    "cross_entropy": cross_entropy,
    "center": center,
    "variance": variance,
    "inverse_deviation": inverse_deviation,
    "standardize": standardize,
    "dropout_mask": dropout_mask,
}
