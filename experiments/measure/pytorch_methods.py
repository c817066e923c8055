"""Models and methods in PyTorch, for `twice bench --peer pytorch`.

Every method is written in each way that a PyTorch user would try. These ways are its *variants*.
The fastest variant depends on the model, so `twice bench` times all variants and compares with the
fastest. A step computes the gradient G of a method and makes a plain sgd update, both with
`torch._foreach_*` where such a function exists. nn/models.h has our layouts of the parameters, from
which all arrays here are made.
"""

import torch
import torch.nn.functional as F


# ---- Models ----

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": F.silu,
               "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
               "softplus": F.softplus, "elu": F.elu, "leaky_relu": F.leaky_relu,
               "identity": lambda x: x}


def mlp(w, x, act, last):
    for i in range(0, len(w) - 2, 2):
        x = act(F.linear(x, w[i], w[i + 1]))
    return F.linear(x, w[-2], w[-1])


def cnn(w, x, act, last):
    for i in range(0, 8, 2):
        x = act(F.conv2d(x, w[i], w[i + 1], padding=1))
        if i % 4 == 2:
            x = F.avg_pool2d(x, 2)
    # The features are flattened in memory order. The last layer's weight has the same order.
    x = (x.permute(0, 2, 3, 1) if last else x).flatten(1)
    return F.linear(x, w[8], w[9])


def resnet(w, x, act, last):
    left = list(w)  # in the order in which they are used
    blocks = (len(w) - 11) // 18  # per stage; 11 are of the stem, two projections, the last layer

    def conv_norm(x, stride=1):
        kernel, scale, shift = (left.pop(0) for _ in range(3))
        x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        return F.batch_norm(x, None, None, scale, shift, training=True)

    x = act(conv_norm(x))
    for stage in range(3):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            y = conv_norm(act(conv_norm(x, stride)))
            x = act(y + (conv_norm(x, stride) if stride == 2 else x))
    return F.linear(x.mean((2, 3)), *left)


MODELS = {"mlp": mlp, "cnn": cnn, "resnet": resnet}


def memory_formats(model, array):
    """The memory formats to try: False is channels first, True is channels last."""
    if model == "mlp":
        return [False]
    # PyTorch 1.13.1's float32 batch norm writes outside its memory for 4 channels in the
    # channels-last format.
    if model == "resnet" and array("stem.conv.weight").shape[-1] % 8 != 0:
        return [False]
    return [False, True]


class Step:
    """A model, its parameters and one batch, in one memory format.

    `array(name)` returns an array in our layout: images NHWC, convolution weights (kh, kw, in,
    out), linear weights (in, out).
    """

    def __init__(self, request, array, last):
        self.model, self.last = MODELS[request["model"]], last
        self.act = ACTIVATIONS[request["activation"]]
        self.gamma, self.epsilon, self.lr = request["gamma"], request["epsilon"], request["lr"]
        self.names = request["parameters"]
        format = torch.channels_last if last else torch.contiguous_format
        images = array("images")
        # Height and width of the features that a cnn flattens, after its two poolings.
        self.pixels = [size // 4 for size in images.shape[1:3]]
        self.x = (images.flatten(1).clone() if request["model"] == "mlp"
                  else images.permute(0, 3, 1, 2).clone(memory_format=format))
        self.y = array("labels").long()
        self.w = [self.to_torch(array(name)).requires_grad_() for name in self.names]
        self.moved = None

    def to_torch(self, a):
        if a.dim() == 4:
            format = torch.channels_last if self.last else torch.contiguous_format
            return a.permute(3, 2, 0, 1).clone(memory_format=format)
        if a.dim() == 2:
            return self.flattened(a, to_ours=False).t().clone(memory_format=torch.contiguous_format)
        return a.clone()

    def to_ours(self, a):
        if a.dim() == 4:
            a = a.permute(2, 3, 1, 0)
        elif a.dim() == 2:
            a = self.flattened(a.t(), to_ours=True)
        return a.contiguous()

    def flattened(self, a, to_ours):
        """Reorders the rows of a weight (in, out) from height, width, channels to channels, height,
        width, or back. Does nothing if the features are flattened in our order."""
        if self.model is not cnn or self.last:
            return a
        h, w = self.pixels
        rows, out = a.shape
        shape, order = (((rows // (h * w), h, w, out), (1, 2, 0, 3)) if to_ours
                        else ((h, w, rows // (h * w), out), (2, 0, 1, 3)))
        return a.reshape(shape).permute(order).reshape(rows, out)

    def loss(self, w):
        return F.cross_entropy(self.model(w, self.x, self.act, self.last), self.y)

    def gradient(self, w):
        return torch.autograd.grad(self.loss(w), w)

    def update(self, G):
        with torch.no_grad():
            torch._foreach_add_(self.w, G, alpha=-self.lr)


# ---- Methods: each variant returns G; the equations are in optim/gradient_regularization.cpp ----

def plain(s):
    return s.gradient(s.w)


def fresh_point(s, g, eps):
    """Returns w + eps g in new memory. The parameters do not change and need no restoring."""
    with torch.no_grad():
        point = torch._foreach_add(s.w, g, alpha=eps)
    for p in point:
        p.requires_grad_()
    return point


def kept_point(s, g, eps):
    """Returns w + eps g in memory that is kept from step to step."""
    if s.moved is None:
        s.moved = [torch.empty_like(p, requires_grad=True) for p in s.w]
    with torch.no_grad():
        for m, p, v in zip(s.moved, s.w, g):
            torch.add(p, v, alpha=eps, out=m)
    return s.moved


def forward_difference(s, point, eps):
    """Returns g + gamma/eps (ahead - g), where ahead is the gradient at w + eps g. A negative eps
    gives the backward difference."""
    g, c = s.gradient(s.w), s.gamma / eps
    ahead = s.gradient(point(s, g, eps))
    torch._foreach_mul_(g, 1 - c)
    torch._foreach_add_(g, ahead, alpha=c)
    return g


def central_difference(s, point):
    g, c = s.gradient(s.w), s.gamma / (2 * s.epsilon)
    ahead = s.gradient(point(s, g, s.epsilon))
    behind = s.gradient(point(s, g, -s.epsilon))
    torch._foreach_add_(g, ahead, alpha=c)
    torch._foreach_sub_(g, behind, alpha=c)
    return g


def hvp(s):
    """Returns g + gamma H g, with H g from a second sweep whose cotangent is g."""
    g = torch.autograd.grad(s.loss(s.w), s.w, create_graph=True)
    G = [v.detach() for v in g]
    H = torch.autograd.grad(g, s.w, grad_outputs=[v.detach() for v in g])
    del g  # frees the graph
    torch._foreach_add_(G, H, alpha=s.gamma)
    return G


def penalty(s):
    """Returns the gradient of loss + gamma/2 |g|^2."""
    loss = s.loss(s.w)
    g = torch.autograd.grad(loss, s.w, create_graph=True)
    return torch.autograd.grad(loss + s.gamma / 2 * sum(v.square().sum() for v in g), s.w)


def joint(s):
    """Returns g + gamma H g from one second sweep, with the cotangents 1 of the loss and gamma g of
    g."""
    loss = s.loss(s.w)
    g = torch.autograd.grad(loss, s.w, create_graph=True)
    with torch.no_grad():
        v = torch._foreach_mul([x.detach() for x in g], s.gamma)
    return torch.autograd.grad([loss, *g], s.w, grad_outputs=[torch.ones_like(loss), *v])


POINTS = {"fresh point": fresh_point, "kept point": kept_point}
METHODS = {
    "sgd": {"": plain},
    "f-gr": {n: lambda s, p=p: forward_difference(s, p, s.epsilon) for n, p in POINTS.items()},
    "b-gr": {n: lambda s, p=p: forward_difference(s, p, -s.epsilon) for n, p in POINTS.items()},
    "c-gr": {n: lambda s, p=p: central_difference(s, p) for n, p in POINTS.items()},
    "exact": {"hvp": hvp, "penalty": penalty, "joint": joint},
    "exact-naive": {"penalty": penalty},
}


def variant_name(way, last, formats):
    parts = [way] if way else []
    if len(formats) > 1:
        parts.append("channels last" if last else "channels first")
    return ", ".join(parts) or "plain"
