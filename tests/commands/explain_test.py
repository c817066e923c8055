"""Tests `twice explain`: the fields of its record, the number of products at several depths, the effect
of each pass, that a pass can be switched off, and the pictures of `--html`."""

import json
import math
import pathlib
import re
import shutil
import unittest
import xml.etree.ElementTree

from program import CommandTest, main

SMALL = ["--width", 64, "--batch", 16, "--threads", 1, "--brief"]


def documented_fields():
    """The fields of a row, from the first table on explain in docs/records.md."""
    text = (pathlib.Path(__file__).parents[2] / "docs/records.md").read_text()
    table = text.split("\n## explain\n")[1].split("\n`arena_mib` before")[0]
    cells = re.findall(r"(?m)^\| (`[^|]*) \|", table)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


class Explain(CommandTest):
    def explain(self, *arguments):
        """Runs `explain` for one method. Returns its row and its output."""
        output = self.succeed("explain", "--json", "record.json", *SMALL, *arguments)
        [row] = self.json("record.json")["rows"]
        return row, output

    def test_fields_and_laws(self):
        for depth in [2, 4, 8]:
            with self.subTest(depth=depth):
                row, output = self.explain("--depth", depth)
                self.assertEqual(set(row), documented_fields())
                self.assertEqual(row["products"], 6 * depth - 4)
                self.assertEqual(row["products_law"], row["products"])
                self.assertEqual(row["passes"][0]["pass"], "as recorded")
                self.assertEqual(row["passes"][0]["products"], 9 * depth - 5)
                self.assertEqual(row["passes"][-1]["products"], row["products"])
                self.assertIn(f"products: {row['products']} (law 6L - 4 = {row['products']}", output)

    def test_planning_time_is_printed_and_grows_with_the_graph(self):
        times = []
        for depth in [2, 64]:
            row, output = self.explain("--depth", depth)
            [printed] = re.findall(r"planned in ([0-9.]+) ms", output)
            self.assertTrue(math.isclose(float(printed), row["planning_ms"], abs_tol=0.0051))
            times.append(row["planning_ms"])
        self.assertGreater(times[0], 0)
        self.assertGreater(times[1], 2 * times[0])  # the second graph has thirty times as many nodes

    def test_a_pass_switched_off_is_left_out(self):
        row, _ = self.explain("--without", "reassociate")
        names = [p["pass"] for p in row["passes"]]
        self.assertNotIn("reassociate", names)
        self.assertIn("accumulate", names)
        # Without this pass no product is saved: the count is that of double backpropagation.
        self.assertEqual((row["products"], row["products_law"]), (9 * 4 - 5, 9 * 4 - 5))

    def test_a_logged_norm_costs_no_product(self):
        plain, _ = self.explain()
        logged, _ = self.explain("--log-norm")
        self.assertEqual(logged["products"], plain["products"])
        self.assertGreater(logged["passes"][-1]["nodes"], plain["passes"][-1]["nodes"])
        self.assertIs(self.json("record.json")["config"]["log-norm"], True)
        without, _ = self.explain("--log-norm", "--without", "gram")
        self.assertGreater(without["products"], plain["products"])

    def test_html_without_graphviz(self):
        self.refuse(1, ["cannot start dot: No such file", "`.ci/install explain` installs it"],
                    "explain", "--html", *SMALL, environment={"PATH": str(self.folder)})
        self.assertEqual([name for name in self.files() if name.endswith("html")], [])


@unittest.skipIf(not shutil.which("dot"), "no dot; ./twice test --with explain installs it")
class Pictures(CommandTest):
    def pages(self, *arguments):
        """Runs `explain --html`: the rows of the record; for each method the data of its stages, its
        table of passes as pairs of a pass and a stage, and its pictures."""
        self.succeed("explain", "--html", "--out", "page", "--json", "record.json", *SMALL, *arguments)
        text = (self.folder / "page/report.html").read_text()
        root = xml.etree.ElementTree.fromstring(text.replace("<!DOCTYPE html>", ""))
        parts = []
        for part in root.iterfind(".//div[@class='explained']"):
            table = [("".join(row.find("th").itertext()), int(row.get("data-stage")))
                     for row in part.iterfind(".//tbody/tr")]
            pictures = [stage.find("{http://www.w3.org/2000/svg}svg")
                        for stage in part.iterfind(".//div[@class='stage']")]
            parts.append((json.loads(part.get("data-stages")), table, pictures))
        return self.json("record.json")["rows"], parts, text

    def drawn(self, picture):
        """The classes of each node of a picture, by the node's name."""
        nodes = {}
        for group in picture.iter("{http://www.w3.org/2000/svg}g"):
            classes = group.get("class", "").split()
            if "node" in classes:
                nodes["%" + group.find("{http://www.w3.org/2000/svg}title").text] = set(classes) - {"node"}
        return nodes

    def test_each_pass_is_drawn(self):
        rows, parts, text = self.pages("--depth", 3, "--method", "exact,f-gr")
        self.assertEqual(len(parts), 2)
        ids = re.findall(r' id="([^"]+)"', text)
        self.assertEqual(len(ids), len(set(ids)))
        for row, (stages, table, pictures) in zip(rows, parts):
            self.assertEqual([name for name, _ in table], [entry["pass"] for entry in row["passes"]])
            self.assertEqual(len(stages), len(pictures))
            self.assertEqual({stage for _, stage in table}, set(range(len(stages))))
            before = None
            for entry, (_, stage) in zip(row["passes"], table):
                # A pass that changes nothing leads to the picture of the previous pass.
                nodes = self.drawn(pictures[stage])
                self.assertEqual(len(nodes), entry["nodes"], entry)
                self.assertEqual(set(nodes), set(stages[stage]["nodes"]))
                self.assertIn(f": {entry['nodes']} nodes with {entry['products']} product", stages[stage]["words"])
                products = 0
                for rows_of in stages[stage]["nodes"].values():
                    found = re.search(r", (\d+) products?", dict(rows_of).get("cost", ""))
                    products += int(found[1]) if found else 0
                self.assertEqual(products, entry["products"], entry)
                if before is not None and before is not nodes and stage > 0:
                    gone = [name for name, classes in before.items() if "goes" in classes]
                    new = [name for name, classes in nodes.items() if "new" in classes]
                    if table[table.index((entry["pass"], stage)) - 1][1] != stage:
                        self.assertEqual(len(before) - len(gone) + len(new), len(nodes), entry)
                        self.assertGreater(len(gone) + len(new), 0, entry)
                before = nodes
            small = row["small_products"]
            self.assertEqual(f" and {small} small product" in stages[-1]["words"], small > 0)
            self.assertFalse(any("new" in classes for classes in self.drawn(pictures[0]).values()))
            self.assertFalse(any("goes" in classes for classes in self.drawn(pictures[-1]).values()))
        # `accumulate` and `reassociate` take products away: those are marked before they go.
        stages, table, pictures = parts[0]
        for name in ("accumulate", "reassociate"):
            nodes = self.drawn(pictures[dict(table)[name] - 1])
            self.assertTrue(any({"product", "goes"} <= classes for classes in nodes.values()), name)

    def test_what_is_said_of_a_node(self):
        _, [(stages, table, _)], _ = self.pages("--depth", 2, "--activation", "tanh", "--dtype", "f64")
        first, last = ({name: dict(rows) for name, rows in stages[s]["nodes"].items()} for s in (0, -1))
        [(name, hidden)] = [(name, node) for name, node in first.items() if node.get("op") == "tanh"
                            and node["phase"] == "forward"]
        self.assertEqual((hidden["shape"], hidden["phase"]), ("f64 (16, 64)", "forward"))
        self.assertNotIn("recorded by", hidden)
        # Both sweeps found a cotangent of this node, and the second sweep also found a tangent.
        for term, phases in (("cotangent", ["backward", "double backward"]), ("tangent", ["double backward"])):
            self.assertEqual([first[n]["phase"] for n in re.findall("%[0-9]+", hidden[term])], phases, term)
        # The vjp of tanh is recorded in the gradient and again in the second sweep.
        vjps = [node for node in first.values() if node.get("recorded by") == f"vjp of {name} tanh"]
        self.assertEqual({node["phase"] for node in vjps}, {"backward", "double backward"})
        self.assertEqual({node["forward op"] for node in vjps}, {f"{name} tanh"})
        # The cotangent of tanh's input, and the cotangent of this cotangent: the tangent.
        before = hidden["inputs"]
        cotangents = [n for n, node in first.items() if before in node.get("derivative", "")
                      and node["phase"] == "backward"]
        self.assertEqual(len(cotangents), 1)
        [tangent] = [node["derivative"] for node in first.values()
                     if f"cotangent of {cotangents[0]} " in node.get("derivative", "")]
        self.assertIn(f"in H v: the tangent of {before}", tangent)
        # A run has the same gradients after every pass.
        shared = [name for name in first if "read by" not in first[name]
                  and any(word in first[name].get("derivative", "") for word in ("weight", "bias"))]
        self.assertEqual(len(shared), 4)
        # A pass has made this node, and its value may differ from the value of the recorded node.
        weight = next(name for name in shared if "linear2.weight" in first[name]["derivative"])
        self.assertEqual(last[weight]["made by"], f"a pass, for {weight} {first[weight]['op']}; as recorded, "
                         f"that is the {first[weight]['derivative']}")
        self.assertNotIn("derivative", last[weight])
        for name in shared:
            norms = [float(node[name]["value"].split("norm ")[1]) for node in (first, last)]
            self.assertGreater(norms[0], 0)
            self.assertTrue(math.isclose(*norms, rel_tol=1e-3), (name, norms))

    def test_a_large_graph_shows_its_products(self):
        [row], [(stages, _, pictures)], text = self.pages("--depth", 12)
        self.assertGreater(row["passes"][0]["nodes"], 300)
        self.assertIn("The pictures show the products alone", text)
        nodes = self.drawn(pictures[0])
        self.assertEqual(len(nodes), 9 * 12 - 5)
        self.assertTrue(all("product" in classes for classes in nodes.values()))
        self.assertNotIn("value", dict(stages[0]["nodes"][next(iter(nodes))]))
        self.pages("--depth", 50)
        self.assertIn("too many to draw", (self.folder / "page/report.html").read_text())


if __name__ == "__main__":
    main()
