"""Tests `twice export`: first the file itself, then its numbers, recomputed in PyTorch in float64.

This file implements the models a second time, from the comments of nn/models.h and nn/layers.h, and the
methods from their equations. `twice export` names both. No code of the engine is used.
"""

import json
import math

from program import SANITIZED, CommandTest, main, numbers, read_safetensors
from pytorch import needs_pytorch, torch

if torch:
    import torch.nn.functional as F

METHODS = {
    "sgd": lambda m: m.g,
    "exact": lambda m: m.g + m.gamma * m.hvp,
    "exact-naive": lambda m: m.gradient_of_objective(),
    "f-gr": lambda m: m.g + m.gamma / m.epsilon * (m.at(m.epsilon * m.g) - m.g),
    "b-gr": lambda m: m.g + m.gamma / m.epsilon * (m.g - m.at(-m.epsilon * m.g)),
    "c-gr": lambda m: m.g + m.gamma / (2 * m.epsilon) * (m.at(m.epsilon * m.g)
                                                         - m.at(-m.epsilon * m.g)),
    "f-gr-normalized": lambda m: m.g + m.gamma / m.step * (m.at(m.step * m.g) - m.g),
    "b-gr-normalized": lambda m: m.g + m.gamma / m.step * (m.g - m.at(-m.step * m.g)),
    "c-gr-normalized": lambda m: m.g + m.gamma / (2 * m.step) * (m.at(m.step * m.g)
                                                                 - m.at(-m.step * m.g)),
    "sam": lambda m: m.at(m.rho * m.g / m.g.norm()),
    "asam": lambda m: m.at(m.rho * m.T * m.T * m.g / (m.T * m.g).norm()),
    "pgn": lambda m: (1 - m.gamma / m.rho) * m.g
                     + m.gamma / m.rho * m.at(m.rho * m.g / m.g.norm()),
    "flooding": lambda m: math.copysign(1, m.loss - m.flood_level) * m.g,
}

RUNS = [
    ["--width", 24, "--depth", 3, "--activation", "relu", "--seed", 2],
    ["--width", 24, "--depth", 2, "--activation", "tanh", "--batch", 33],
    ["--width", 17, "--depth", 4, "--activation", "gelu", "--gamma", 0.5, "--epsilon", 0.3],
    ["--width", 8, "--depth", 1, "--rho", 0.4, "--asam-eta", 0.01],
    ["--width", 24, "--depth", 3, "--activation", "silu", "--data", "synthetic", "--batch", 8],
    ["--model", "cnn", "--channels", 3, "--activation", "relu", "--batch", 16],
    ["--model", "cnn", "--channels", 2, "--activation", "gelu", "--batch", 7, "--flood-level", 9],
    ["--model", "resnet", "--channels", 3, "--depth", 8, "--activation", "relu", "--batch", 12],
    ["--model", "resnet", "--channels", 2, "--depth", 14, "--activation", "silu", "--batch", 12],
]

BUFFERS = (".mean", ".variance")


class File(CommandTest):
    def export(self, *arguments):
        self.succeed("export", "--out", "x.safetensors", *arguments)
        return read_safetensors(self.folder / "x.safetensors")

    def test_names_shapes_and_notes(self):
        tensors, notes = self.export("--width", 5, "--depth", 2, "--batch", 3, "--seed", 4)
        parameters = {"linear1.weight": [64, 5], "linear1.bias": [5],
                      "linear2.weight": [5, 10], "linear2.bias": [10]}
        expected = {"images": ("F64", [3, 8, 8, 1]), "labels": ("I32", [3]), "loss": ("F64", [])}
        for prefix in ["", "grad.", "hvp.", "exact.", "f-gr.", "b-gr.", "c-gr."]:
            expected.update({prefix + n: ("F64", shape) for n, shape in parameters.items()})
        self.assertEqual({n: (dtype, shape) for n, (dtype, shape, _) in tensors.items()}, expected)
        for name, (_, shape, data) in tensors.items():
            self.assertEqual(len(data), math.prod(shape) * (4 if name == "labels" else 8), name)
        config = json.loads(notes["config"])
        self.assertEqual([config[n] for n in ["model", "width", "depth", "batch", "seed", "dtype"]],
                         ["mlp", 5, 2, 3, 4, "f64"])
        self.assertEqual(notes["model"], "mlp-5x2-relu")
        self.assertIn("NHWC", notes["layout"])
        # The first three images of the data set digits show 0, 1 and 2.
        self.assertEqual(numbers(tensors["labels"]), [0, 1, 2])

    def test_a_folder_gets_the_models_name(self):
        self.succeed("export", "--out", "folder", "--width", 5, "--batch", 3, "--dtype", "f32")
        self.assertEqual(list(self.files()), ["folder/mlp-5x4-b3-relu-f32.safetensors"])
        tensors, _ = read_safetensors(self.folder / "folder/mlp-5x4-b3-relu-f32.safetensors")
        self.assertEqual(tensors["linear1.weight"][0], "F32")

    def test_the_graph_beside_the_numbers(self):
        model = ["--width", 5, "--depth", 2, "--batch", 3]
        plain, _ = self.export(*model)
        tensors, _ = self.export("--graph", *model)
        self.assertEqual({n: t for n, t in tensors.items() if not n.startswith("constant.")}, plain)
        graph = self.json("x.json")
        nodes, (loss,) = graph["nodes"], graph["outputs"]
        self.assertEqual(nodes[loss]["shape"], [])
        self.assertEqual({n["op"] for n in nodes if "op" in n},
                         {"reshape", "matmul", "broadcast_to", "add", "relu", "cross_entropy",
                          "sum_to", "affine"})
        for i, node in enumerate(nodes):
            if "leaf" in node:
                dtype, shape, _ = tensors[node["leaf"]]
                self.assertEqual([dtype.lower(), shape],
                                 [node["dtype"], node["shape"]])
            else:
                self.assertEqual(node["phase"], "forward")
                self.assertTrue(all(j < i for j in node["inputs"]), node)

    def test_from_a_checkpoint(self):
        """Parameters and buffers equal those of the checkpoint bit for bit."""
        model = ["--model", "resnet", "--channels", 2, "--batch", 256]
        self.succeed("train", "--out", "run", "--epochs", 1, "--dtype", "f64", *model)
        trained, _ = read_safetensors(self.folder / "run/checkpoint.safetensors")
        tensors, _ = self.export("--checkpoint", "run/checkpoint.safetensors", *model)
        names = [n.split(".", 1) for n in trained if n.startswith(("parameter.", "buffer."))]
        self.assertIn(["buffer", "stem.norm.mean"], names)
        for kind, name in names:
            self.assertEqual(tensors[name], trained[f"{kind}.{name}"], name)


@needs_pytorch
class PyTorch(CommandTest):
    def test_every_number(self):
        for run in RUNS[::3] if SANITIZED else RUNS:
            with self.subTest(" ".join(map(str, run))):
                self.succeed("export", "--out", "x.safetensors", "--method", ",".join(METHODS), *run)
                self.check(*read_safetensors(self.folder / "x.safetensors"))

    def check(self, tensors, notes):
        config = json.loads(notes["config"])
        found = {name: torch.tensor(numbers(entry), dtype=torch.float64).reshape(entry[1])
                 for name, entry in tensors.items() if entry[0] == "F64"}
        labels = torch.tensor(numbers(tensors["labels"]))
        parameters = [n[len("grad."):] for n in found if n.startswith("grad.")]
        step = Step(MODELS[config["model"]], config, {n: found[n] for n in parameters},
                    found["images"], labels)
        self.assert_close("loss", found["loss"], step.loss)
        expected = {"grad": step.g, "hvp": step.hvp}
        expected.update({name: equation(step) for name, equation in METHODS.items()})
        for prefix, vector in expected.items():
            # Compare each layer by itself, so that a large layer cannot hide an error in a small one.
            for name, part in zip(parameters, step.split(vector)):
                self.assert_close(f"{prefix}.{name}", found[f"{prefix}.{name}"], part,
                                  least=1e-6 * vector.norm())
        self.assertEqual(set(tensors), {"images", "labels", "loss", *parameters,
                                        *(n for n in found if n.endswith(BUFFERS)),
                                        *(f"{p}.{n}" for p in expected for n in parameters)})

    def assert_close(self, name, found, expected, least=0):
        """|found - expected| <= 1e-10 |expected|, with at least `least` in place of |expected|."""
        self.assertEqual(found.shape, expected.shape, name)
        error = (found - expected).norm() / max(expected.norm(), least, 1e-300)
        self.assertLessEqual(error.item(), 1e-10, name)


class Step:
    """One training step, with the quantities in the equations of the methods. Vectors are flat."""

    def __init__(self, model, config, parameters, images, labels):
        self.model, self.config, self.images, self.labels = model, config, images, labels
        self.shapes = {name: p.shape for name, p in parameters.items()}
        self.w = torch.cat([p.flatten() for p in parameters.values()]).requires_grad_()
        self.gamma, self.epsilon, self.rho = config["gamma"], config["epsilon"], config["rho"]
        self.flood_level = config["flood-level"]
        loss = self.loss_at(self.w)
        (g,) = torch.autograd.grad(loss, self.w, create_graph=True)
        (self.hvp,) = torch.autograd.grad(g, self.w, g.detach())
        self.loss, self.g = loss.detach(), g.detach()
        self.step = self.epsilon / self.g.norm()
        self.T = self.w.detach().abs() + config["asam-eta"]

    def split(self, vector):
        parts = vector.split([shape.numel() for shape in self.shapes.values()])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes.values())]

    def loss_at(self, w):
        weights = dict(zip(self.shapes, self.split(w)))
        act = getattr(torch, self.config["activation"], None) or getattr(F, self.config["activation"])
        return F.cross_entropy(self.model(self.config, weights, act, self.images), self.labels.long())

    def at(self, move):
        """The gradient of the loss at w + move."""
        w = (self.w.detach() + move).requires_grad_()
        return torch.autograd.grad(self.loss_at(w), w)[0]

    def gradient_of_objective(self):
        """The gradient of loss + gamma/2 |g|^2, by double backpropagation through the penalty."""
        loss = self.loss_at(self.w)
        (g,) = torch.autograd.grad(loss, self.w, create_graph=True)
        return torch.autograd.grad(loss + self.gamma / 2 * g.square().sum(), self.w)[0]


# The models. Images have the shape (n, height, width, channels).

def linear(w, name, x):
    return x @ w[f"{name}.weight"] + w[f"{name}.bias"]


def conv(w, name, x, stride=1, padding=1):
    y = F.conv2d(x.permute(0, 3, 1, 2), w[f"{name}.weight"].permute(3, 2, 0, 1), w.get(f"{name}.bias"),
                 stride, padding)
    return y.permute(0, 2, 3, 1)


def halved(x):
    return F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def norm(w, name, x):
    """Batch norm in training mode."""
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2), unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt() * w[f"{name}.scale"] + w[f"{name}.shift"]


def mlp(config, w, act, x):
    x, depth = x.flatten(1), config.get("depth", 4)
    for i in range(1, depth):
        x = act(linear(w, f"linear{i}", x))
    return linear(w, f"linear{depth}", x)


def cnn(config, w, act, x):
    x = halved(act(conv(w, "conv2", act(conv(w, "conv1", x)))))
    x = halved(act(conv(w, "conv4", act(conv(w, "conv3", x)))))
    return linear(w, "linear", x.flatten(1))


def resnet(config, w, act, x):
    x = act(norm(w, "stem.norm", conv(w, "stem.conv", x)))
    for stage in [1, 2, 3]:
        for block in range(1, (config["depth"] - 2) // 6 + 1):
            name, stride = f"stage{stage}.block{block}", 2 if stage > 1 and block == 1 else 1
            y = act(norm(w, f"{name}.norm1", conv(w, f"{name}.conv1", x, stride)))
            y = norm(w, f"{name}.norm2", conv(w, f"{name}.conv2", y))
            if stride > 1:
                x = norm(w, f"{name}.shortcut.norm", conv(w, f"{name}.shortcut.conv", x, stride, 0))
            x = act(y + x)
    return linear(w, "linear", x.mean((1, 2)))


MODELS = {"mlp": mlp, "cnn": cnn, "resnet": resnet}


if __name__ == "__main__":
    main()
