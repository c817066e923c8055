"""Compares the derivatives that `twice check --write` writes with PyTorch's, in float64, to third order.

Covers every op and mode, random graphs and models, and each method's gradient of each model, computed
from the method's equation. The engine writes graphs, inputs and its own derivatives. torch_ops.py
evaluates the graphs, and PyTorch differentiates them. With the random weights u of the file,
s_0 = <y, u_0>, g_k = grad s_(k-1) and s_k = <g_k, u_k>. So g_1 is the gradient, g_2 is H v, and g_3 is
the third derivative along two directions.
"""

import json

from export_test import METHODS, Step
from program import SANITIZED, CommandTest, main, read_safetensors
from pytorch import needs_pytorch, torch

if torch:
    from torch_functions import COMPOSED, TWICE_DIFFERENTIABLE
    from torch_ops import OPS, evaluate
    torch.set_num_threads(1)

TOLERANCE = 1e-10
GRAPHS = 30 if SANITIZED else 500


def tensor(entry):
    dtype, shape, data = entry
    kind = {"F64": torch.float64, "I32": torch.int32}[dtype]
    flat = torch.frombuffer(bytearray(data), dtype=kind) if data else torch.empty(0, dtype=kind)
    return flat.reshape(shape) if kind == torch.float64 else flat.reshape(shape).long()


def gradient(s, x):
    """The gradient of s with respect to each x. Zero where s does not depend on x."""
    if not s.requires_grad:
        return [torch.zeros_like(t) for t in x]
    found = torch.autograd.grad(s, x, create_graph=True, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for t, g in zip(x, found)]


def dot(values, weights):
    return sum((v * u).sum() for v, u in zip(values, weights))


def error(found, expected):
    """The largest difference over all arrays, relative to their largest number. That number counts as at
    least 1e-3, so that a zero derivative may differ by rounding."""
    difference = max((a - b).abs().max().item() for a, b in zip(found, expected) if a.numel())
    return difference / max(1e-3, *(b.abs().max().item() for b in expected if b.numel()))


class Case:
    """One op or graph, with the engine's numbers and PyTorch's."""

    def __init__(self, number, case, arrays):
        self.name, self.graph = case["name"], case["graph"]
        self.arrays, self.prefix = arrays, f"{number}."
        self.inputs, self.outputs = case["inputs"], case["outputs"]
        self.methods = case.get("methods")
        self.leaves = {node["leaf"]: arrays[node["leaf"]] for node in self.graph["nodes"]
                       if "leaf" in node}

    def engine(self, kind, count):
        return [self.arrays[f"{self.prefix}{kind}.{i}"] for i in range(count)]

    def values(self, x):
        return evaluate(self.graph, {**self.leaves, **dict(zip(self.inputs, x))})

    def composed(self, x):
        """The values by PyTorch's single function for the whole case."""
        known = dict(zip(self.inputs, x))
        names = [f"{self.prefix}input.{i}" for i in range(99)]
        return [COMPOSED[self.name](*(known.get(n, self.arrays[n]) for n in names
                                      if n in self.arrays))]

    def errors(self, order, function=None):
        """The errors of [value, gradient, H v, third derivative]."""
        x = [self.arrays[name].clone().requires_grad_() for name in self.inputs]
        values = (function or self.values)(x)
        result = [error(self.engine("y", self.outputs), values)]
        for k in range(1, order + 1):
            values = gradient(dot(values, self.engine(f"u{k - 1}", len(values))), x)
            result.append(error(self.engine(f"g{k}", len(x)), values))
        return result

    def ops(self):
        return {node["op"] for node in self.graph["nodes"] if "op" in node}


class GraphStep(Step):
    """A training step whose loss is the graph of a case."""

    def __init__(self, case):
        self.case = case
        super().__init__(None, case.methods, {name: case.arrays[name] for name in case.inputs},
                         None, None)

    def loss_at(self, w):
        return self.case.values(self.split(w))[0]


class Graphs(CommandTest):
    def test_random_graphs(self):
        output = self.succeed("check", "--graphs", 4, "--seed", 9, "--json", "x.json")
        self.assertTrue(output.endswith("36 checks, 0 failed\nwrote x.json\n"), output)
        rows = self.json("x.json")["rows"]
        self.assertEqual({row["op"] for row in rows}, {"random graph"})
        self.assertEqual(sorted({row["label"].split(",")[0] for row in rows}),
                         ["seed 10", "seed 11", "seed 12", "seed 9"])

    def test_options_that_exclude_each_other(self):
        for other in ["--op", "--model", "--method"]:
            value = {"--op": "tanh", "--model": "mlp", "--method": "sgd"}[other]
            self.refuse(2, ["--graphs", other], "check", "--graphs", 3, other, value)
            self.refuse(2, ["--write", other], "check", "--write", "folder", other, value)
        self.refuse(2, ["--write", "--json"], "check", "--write", "folder", "--json", "x.json")
        self.assertEqual(self.files(), {})


@needs_pytorch
class PyTorch(CommandTest):
    def test_every_case(self):
        self.succeed("check", "--write", ".", "--graphs", GRAPHS)
        order = self.json("cases.json")["order"]
        entries, _ = read_safetensors(self.folder / "cases.safetensors")
        arrays = {name: tensor(entry) for name, entry in entries.items()}
        cases = [Case(i, c, arrays) for i, c in enumerate(self.json("cases.json")["cases"])]
        self.assertGreater(len(cases), GRAPHS + 100)
        self.assertEqual(order, 3)

        worst, failed = [0.0] * 4, []
        for case in cases:
            errors = case.errors(order)
            if case.name in COMPOSED:
                highest = 2 if case.name in TWICE_DIFFERENTIABLE else order
                whole = case.errors(highest, case.composed) + [0.0] * (order - highest)
                errors = [max(a, b) for a, b in zip(errors, whole)]
            worst = [max(a, b) for a, b in zip(worst, errors)]
            if not all(e <= TOLERANCE for e in errors):
                failed.append((case, errors))
        methods = 0.0
        for case in cases:
            if not case.methods:
                continue
            step = GraphStep(case)
            self.assertEqual(set(case.methods["names"]), set(METHODS))
            for name in METHODS:
                wrong = error(case.engine(name, len(case.inputs)), step.split(METHODS[name](step)))
                methods = max(methods, wrong)
                self.assertLessEqual(wrong, TOLERANCE, f"{case.name}, {name}")
        print(f"{len(cases)} cases, {GRAPHS} of them random graphs; worst error of the value "
              "{:.1e}, gradient {:.1e}, H v {:.1e}, third order {:.1e}, ".format(*worst) +
              f"methods' gradients {methods:.1e}")
        self.assertEqual(set(COMPOSED) - {case.name for case in cases}, set())
        self.assertEqual(set(OPS) - set().union(*(case.ops() for case in cases)), set(),
                         "ops that no case has")
        if failed:
            self.fail(explained(failed, cases))

    def test_exported_graphs(self):
        """Checks loss, gradient and H g of `twice export --graph`, from the graph alone."""
        for run in [["--depth", 3, "--activation", "silu"], ["--model", "cnn", "--channels", 2],
                    ["--model", "resnet", "--channels", 2]]:
            with self.subTest(" ".join(map(str, run))):
                self.succeed("export", "--graph", "--out", "x.safetensors", "--batch", 9, *run)
                entries, _ = read_safetensors(self.folder / "x.safetensors")
                arrays = {name: tensor(entry) for name, entry in entries.items()}
                names = [name[len("grad."):] for name in arrays if name.startswith("grad.")]
                x = [arrays[name].requires_grad_() for name in names]
                (loss,) = evaluate(self.json("x.json"), arrays)
                g = gradient(loss, x)
                hg = gradient(dot(g, [t.detach() for t in g]), x)
                for kind, found in [("loss", [loss]), ("grad", g), ("hvp", hg)]:
                    expected = ([arrays["loss"]] if kind == "loss" else
                                [arrays[f"{kind}.{name}"] for name in names])
                    self.assertLessEqual(error(expected, found), TOLERANCE, kind)


def explained(failed, cases):
    """The failed cases, smallest first, and the ops that occur in all of them and in no other case."""
    failed.sort(key=lambda pair: len(pair[0].graph["nodes"]))
    bad = {case.name for case, _ in failed}
    suspects = set.intersection(*(case.ops() for case, _ in failed))
    for case in cases:
        if case.name not in bad:
            suspects = suspects - case.ops()
    text = f"{len(failed)} cases differ from PyTorch"
    text += f"; all of them, and no others, have {sorted(suspects)}" if suspects else ""
    for case, errors in failed[:5]:
        text += f"\n{case.name}\n  errors {['%.1e' % e for e in errors]} (value, order 1, 2, 3)"
        if "random graph" not in case.name:
            text += "".join(f"\n  {i}: {json.dumps(n)}" for i, n in enumerate(case.graph["nodes"]))
    return text


if __name__ == "__main__":
    main()
